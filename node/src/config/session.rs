//! `[session]`: timers and limits of every SMPP session (SMPP.md S16 to S20).

use std::time::Duration;

use serde::Deserialize;

use super::value::{ByteSize, duration, duration_positive};

/// What sessions on both edges are held to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// How long a connection may stay without a bind. Raising it lets silent connections hold their places longer.
    #[serde(deserialize_with = "duration_positive")]
    pub session_init: Duration,
    /// Silence after which we send enquire_link; `"0s"`: never. Raising it finds dead peers later.
    #[serde(deserialize_with = "duration")]
    pub enquire_link: Duration,
    /// So many unanswered enquire_links close the session.
    #[serde(deserialize_with = "super::value::positive")]
    pub enquire_link_misses: u32,
    /// Without any PDU from the peer for so long we unbind (S20); `"0s"`: never.
    #[serde(deserialize_with = "duration")]
    pub inactivity: Duration,
    /// How long we wait for a response. Raising it keeps window slots of a slow peer taken longer.
    #[serde(deserialize_with = "duration_positive")]
    pub response: Duration,
    /// How long the rest of a PDU may take after its first octet (Q37).
    #[serde(deserialize_with = "duration_positive")]
    pub pdu_read: Duration,
    /// The largest PDU (S2), from 1 KiB to 1 MiB. Each connection may hold one half-read PDU of this size.
    pub pdu_size_max: ByteSize,
    /// What a wrong name or password is told (S15).
    pub bind_errors: BindErrors,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            session_init: Duration::from_secs(10),
            enquire_link: Duration::from_secs(30),
            enquire_link_misses: 2,
            inactivity: Duration::from_secs(300),
            response: Duration::from_secs(30),
            pdu_read: Duration::from_secs(10),
            pdu_size_max: ByteSize::kib(80),
            bind_errors: BindErrors::Exact,
        }
    }
}

/// How much a refused bind learns (S15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindErrors {
    /// ESME_RINVSYSID or ESME_RINVPASWD, as customers expect.
    Exact,
    /// ESME_RBINDFAIL for both, after the same time: names cannot be tried out.
    Uniform,
}
