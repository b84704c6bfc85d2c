//! The ESME edge: accounts bind, submit MT messages, and are delivered MO messages and receipts.
//!
//! | file | does |
//! |---|---|
//! | [`listener`] | accepts connections and hands each to the least loaded thread |
//! | [`session`] | the actor of one connection |
//! | [`outbind`] | calls ESMEs that wait to be called |
//! | [`account`] | what we know about an ESME, ready for use |
//! | [`bind`] | who may bind |
//! | [`directory`] | who is bound |
//! | [`submit`] | a submit_sm or data_sm becomes a message to keep |
//! | [`multi`] | a submit_multi becomes one with several deliveries |
//! | [`question`] | query_sm, cancel_sm, replace_sm |
//! | [`pending`] | which requests the store has not answered yet |
//! | [`deliver`] | a leased message or receipt becomes a deliver_sm |
//! | [`refusal`] | why we say no |

pub mod account;
pub mod bind;
pub mod deliver;
pub mod directory;
pub mod listener;
pub mod multi;
pub mod outbind;
pub mod pending;
pub mod question;
pub mod refusal;
pub mod session;
pub mod submit;
