//! The languages that the message centre speaks. No sockets, no actors, no clock: time is an argument.
//!
//! | module | holds |
//! |---|---|
//! | [`ids`] | message ids, ours and the operators' |
//! | [`address`] | TON, NPI and digits |
//! | [`timestamp`] | milliseconds of UTC, passed in wherever time matters |
//! | [`message_state`] | the states of a message and which are final |
//! | [`receipt`] | delivery receipts: text and TLVs to and from one value |
//! | [`time_format`] | absolute and relative SMPP times |
//! | [`smpp`] | the wire: framing, fields, TLVs, every PDU |
//! | [`proxy_header`] | who a balancer says the client is |
//! | [`session`] | what each side may say when: the session core for both roles |
//! | [`text`] | alphabets, user data headers, concatenation |

pub mod address;
pub mod ids;
pub mod message_state;
pub mod proxy_header;
pub mod receipt;
pub mod session;
pub mod smpp;
pub mod text;
pub mod time_format;
pub mod timestamp;
