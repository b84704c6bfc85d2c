//! Group commit: the state thread and the journal thread of one partition. The only durability barrier.
