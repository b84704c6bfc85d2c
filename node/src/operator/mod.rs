//! The operator edge: links on which we are the ESME.
//!
//! | file | does |
//! |---|---|
//! | [`links`] | all links of this node: started and ended as the configuration says, told what people say |
//! | [`link`], [`link_status`] | the actor that keeps one link up; how it is, for whoever asks |
//! | [`session`] | the actor of one connection |
//! | [`profile`] | what we know about an operator, ready for use |
//! | [`connect`] | from an address to a socket, with TLS where configured |
//! | [`reconnect`] | how long to wait before the next try (pure) |
//! | [`submit`] | a leased message becomes a submit_sm; its response an outcome |
//! | [`shape`] | what the operator wants of a message: sender, types of numbers, alphabet, form of long ones |
//! | [`held_parts`] | parts of handsets' long messages, held until the message is whole (pure) |
//! | [`deliver`] | a deliver_sm becomes a receipt or an MO message to keep |

pub mod connect;
pub mod deliver;
pub mod held_parts;
pub mod link;
pub mod link_status;
pub mod links;
pub mod profile;
pub mod reconnect;
pub mod session;
pub mod shape;
pub mod submit;
