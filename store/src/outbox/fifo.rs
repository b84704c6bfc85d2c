//! A queue that grows and shrinks in steps.

use std::collections::VecDeque;

/// How many entries one block holds.
const BLOCK: usize = 512;

/// First in, first out. Kept in blocks: one buffer that doubles would stall the partition when millions wait.
#[derive(Debug)]
pub(crate) struct Fifo<T> {
    blocks: VecDeque<Vec<T>>,
    /// Entries of the first block that have left.
    left: usize,
    length: usize,
    /// Entries that have left since the beginning.
    popped: u64,
    /// An emptied block, to be filled again.
    spare: Option<Vec<T>>,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self { blocks: VecDeque::new(), left: 0, length: 0, popped: 0, spare: None }
    }
}

impl<T: Copy> Fifo<T> {
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn push(&mut self, entry: T) {
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            _ => {
                let mut block = self.spare.take().unwrap_or_else(|| Vec::with_capacity(BLOCK));
                block.push(entry);
                self.blocks.push_back(block);
            }
        }
        self.length += 1;
    }

    pub(crate) fn front(&self) -> Option<T> {
        self.blocks.front().and_then(|block| block.get(self.left)).copied()
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let entry = self.front()?;
        self.left += 1;
        self.length -= 1;
        self.popped += 1;
        if self.left == BLOCK || self.length == 0 {
            if let Some(mut block) = self.blocks.pop_front() {
                block.clear();
                self.spare = Some(block);
            }
            self.left = 0;
        }
        Some(entry)
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        let popped = self.popped + self.length as u64;
        *self = Self { popped, spare: self.spare.take(), ..Self::default() };
    }

    /// The entry that was, or will be, the n-th to leave since the beginning; `None` if it has left or is not there.
    pub(crate) fn nth(&self, n: u64) -> Option<T> {
        let index = usize::try_from(n.checked_sub(self.popped)?).ok()? + self.left;
        self.blocks.get(index / BLOCK).and_then(|block| block.get(index % BLOCK)).copied()
    }

    /// How many have left since the beginning.
    pub(crate) const fn popped(&self) -> u64 {
        self.popped
    }

    /// All entries, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.blocks.iter().flatten().skip(self.left).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_leaves_first_over_many_blocks() {
        let mut fifo = Fifo::default();
        for entry in 0..2_000 {
            fifo.push(entry);
        }
        assert_eq!(fifo.iter().count(), 2_000);
        for entry in 0..2_000 {
            assert_eq!((fifo.front(), fifo.pop()), (Some(entry), Some(entry)));
        }
        assert!(fifo.is_empty() && fifo.pop().is_none());
    }

    #[test]
    fn places_count_from_the_beginning() {
        let mut fifo = Fifo::default();
        for entry in 0..1_000 {
            fifo.push(entry);
        }
        for _ in 0..600 {
            fifo.pop();
        }
        assert_eq!((fifo.nth(599), fifo.nth(600), fifo.nth(999), fifo.nth(1_000)), (None, Some(600), Some(999), None));
        fifo.clear();
        fifo.push(7);
        assert_eq!((fifo.nth(1_000), fifo.popped()), (Some(7), 1_000));
    }

    #[test]
    fn an_emptied_queue_takes_entries_again() {
        let mut fifo = Fifo::default();
        for round in 0..3 {
            fifo.push(round);
            assert_eq!(fifo.pop(), Some(round));
            assert_eq!(fifo.front(), None);
        }
        assert_eq!(fifo.len(), 0);
    }
}
