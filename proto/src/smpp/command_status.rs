//! What a response says (3.4 §5.1.3, 5.0 §4.7.6).

/// A `command_status`, also one that we do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommandStatus(pub u32);
