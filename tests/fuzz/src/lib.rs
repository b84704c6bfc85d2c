//! Fuzz targets: every reader of octets from outside, with what must hold of it whatever the octets are.
//!
//! A target is a plain function that panics when something does not hold. `tests/fuzz/run` gives it to libFuzzer, which
//! looks for inputs that reach new code; `tests/replay.rs` gives it every input that was ever worth keeping
//! (`corpus/TARGET`) and the seeds, on stable Rust and with nothing to install.
//!
//! | target | reads |
//! |---|---|
//! | [`frames`] | the stream: cutting it into PDUs |
//! | [`pdu`] | the body of every operation, and what is made of a message's fields |
//! | [`text`] | alphabets; cutting a text and putting it together again |
//! | [`udh`] | user data headers; parts in any order and from anybody |
//! | [`receipt`] | receipts as operators write them, and as we do |
//! | [`time`] | absolute and relative times, and the dates of receipts |
//! | [`proxy_header`] | what a balancer puts in front of a connection |
//! | [`session`] | a peer that says anything at any time, in both roles |
//! | [`journal_events`] | records with a sound checksum and any events in them |
//! | [`journal_damage`] | a journal that was cut, changed, repeated or mixed up |

#![forbid(unsafe_code)]

pub mod frames;
pub mod journal_damage;
pub mod journal_events;
mod partition;
pub mod pdu;
pub mod proxy_header;
pub mod receipt;
pub mod session;
pub mod text;
pub mod time;
pub mod udh;

/// One thing to fuzz.
pub struct Target {
    /// Its name: that of its module, and of its folder below `corpus`.
    pub name: &'static str,
    /// Takes any octets, and panics when something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with, made by the project's own encoders.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target { name: "frames", run: frames::run, seeds: frames::seeds },
    Target { name: "pdu", run: pdu::run, seeds: pdu::seeds },
    Target { name: "text", run: text::run, seeds: text::seeds },
    Target { name: "udh", run: udh::run, seeds: udh::seeds },
    Target { name: "receipt", run: receipt::run, seeds: receipt::seeds },
    Target { name: "time", run: time::run, seeds: time::seeds },
    Target { name: "proxy_header", run: proxy_header::run, seeds: proxy_header::seeds },
    Target { name: "session", run: session::run, seeds: session::seeds },
    Target { name: "journal_events", run: journal_events::run, seeds: journal_events::seeds },
    Target { name: "journal_damage", run: journal_damage::run, seeds: journal_damage::seeds },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
