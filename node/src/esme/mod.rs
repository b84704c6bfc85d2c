//! The ESME edge: accounts bind, submit MT messages, and are delivered MO messages and receipts.
//!
//! | file | does |
//! |---|---|
//! | [`listener`], [`listeners`] | accepts connections and hands each to the least loaded thread; all ports, open or closed |
//! | [`entrance`] | PROXY header and TLS handshake of a new connection |
//! | [`proxy_header`] | reads a PROXY header and nothing behind it |
//! | [`session`] | the actor of one connection |
//! | [`outbind`] | calls ESMEs that wait to be called |
//! | [`account`] | what we know about an ESME, ready for use |
//! | [`activity`] | what a session is doing, for whoever asks |
//! | [`rate`] | its messages per second |
//! | [`tlv_policy`] | which TLVs of its messages pass |
//! | [`bind`] | who may bind |
//! | [`bind_backoff`] | who failed too often and has to wait |
//! | [`directory`] | who is bound |
//! | [`submit`] | a submit_sm or data_sm becomes a message to keep |
//! | [`long_message`] | a message that is too long for its operator becomes several |
//! | [`multi`] | a submit_multi becomes one with several deliveries |
//! | [`question`] | query_sm, cancel_sm, replace_sm |
//! | [`pending`] | which requests the store has not answered yet |
//! | [`deliver`] | a leased message or receipt becomes a deliver_sm |
//! | [`refusal`] | why we say no |

pub mod account;
pub mod activity;
pub mod bind;
pub mod bind_backoff;
pub mod deliver;
pub mod directory;
pub mod entrance;
pub mod listener;
pub mod listeners;
pub mod long_message;
pub mod multi;
pub mod outbind;
pub mod pending;
pub mod proxy_header;
pub mod question;
pub mod rate;
pub mod refusal;
pub mod session;
pub mod submit;
pub mod tlv_policy;
