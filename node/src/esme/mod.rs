//! The ESME edge: accounts bind, submit MT messages, and are delivered MO messages and receipts.
//!
//! | file | does |
//! |---|---|
//! | [`listener`] | accepts connections and hands each to the least loaded thread |
//! | [`entrance`] | PROXY header and TLS handshake of a new connection |
//! | [`proxy_header`] | reads a PROXY header and nothing behind it |
//! | [`session`] | the actor of one connection |
//! | [`account`] | what we know about an ESME, ready for use |
//! | [`bind`] | who may bind |
//! | [`directory`] | who is bound |
//! | [`submit`] | a submit_sm becomes a message to keep |
//! | [`deliver`] | a leased message or receipt becomes a deliver_sm |
//! | [`refusal`] | why we say no |

pub mod account;
pub mod bind;
pub mod deliver;
pub mod directory;
pub mod entrance;
pub mod listener;
pub mod proxy_header;
pub mod refusal;
pub mod session;
pub mod submit;
