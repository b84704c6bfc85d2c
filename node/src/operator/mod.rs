//! The operator edge: links on which we are the ESME.
//!
//! | file | does |
//! |---|---|
//! | [`keeper`] | starts and stops links: as many as are to run on this node; told what people say |
//! | [`link`], [`link_status`] | the actor that keeps one link up; how it is, for whoever asks |
//! | [`session`] | the actor of one connection |
//! | [`bound_links`] | which links are bound: peers are told of them |
//! | [`pace`] | how many messages a second all links to an operator may send from here |
//! | [`profile`] | what we know about an operator, ready for use |
//! | [`connect`] | from an address to a socket, with TLS where configured |
//! | [`reconnect`] | how long to wait before the next try (pure) |
//! | [`submit`] | a leased message becomes a submit_sm; its response an outcome |
//! | [`shape`] | what the operator wants of a message: sender, types of numbers, alphabet, form of long ones |
//! | [`held_parts`] | parts of handsets' long messages, held until the message is whole (pure) |
//! | [`deliver`] | a deliver_sm becomes a receipt or an MO message to keep |

pub mod bound_links;
pub mod connect;
pub mod deliver;
pub mod held_parts;
pub mod keeper;
pub mod link;
pub mod link_status;
pub mod pace;
pub mod profile;
pub mod reconnect;
pub mod session;
pub mod shape;
pub mod submit;
