//! Operations by their number on the wire (5.0 §4.7.5).

/// A `command_id`, also one that we do not know. Bit 31 marks a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommandId(pub u32);
