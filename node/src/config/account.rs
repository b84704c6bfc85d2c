//! `[[account]]`: what we know about an ESME.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::value::{Alphabet, HostPort, PasswordHash, Secret, SystemId, TlvTag, duration_positive, positive};

/// An ESME's name, password and limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name it binds with; unique; the metric label `account`.
    pub system_id: SystemId,
    /// The password in clear, written here or read from `password_file`.
    pub password: Option<Secret>,
    /// A file that holds the password; a newline at its end does not count.
    pub password_file: Option<PathBuf>,
    /// The password's argon2id hash. A bind costs the hash's time and memory.
    pub password_hash: Option<PasswordHash>,
    /// Sessions at a time over the whole cluster.
    #[serde(default = "binds_max", deserialize_with = "positive")]
    pub binds_max: u32,
    /// Its submits without an answer, per session; further ones are held back, then refused (S17). Raising it lets one
    /// session take more memory, and gains nothing beyond rate times latency.
    #[serde(default = "window_max", deserialize_with = "positive")]
    pub window_max: u32,
    /// Our deliveries to it without an answer, per session. Up to so many may repeat after a crash.
    #[serde(default = "deliver_window", deserialize_with = "positive")]
    pub deliver_window: u32,
    /// Messages per second over the whole cluster; 0: no limit.
    #[serde(default)]
    pub throughput_max: u32,
    /// Messages that may wait for it: MO. Beyond it operators are told ESME_RX_T_APPN.
    #[serde(default = "waiting_max")]
    pub waiting_max: u64,
    /// How long a receipt waits for a receiver.
    #[serde(default = "week", deserialize_with = "duration_positive")]
    pub receipt_lifetime: Duration,
    /// Networks that it may connect from; empty: anywhere.
    #[serde(default)]
    pub allow_from: Vec<IpNet>,
    /// The name (common name or DNS name) that its TLS client certificate must bear, beside the password; absent: none
    /// is asked for by the account. Needs a listener with `tls.client_ca`; over any other listener it cannot bind.
    pub client_certificate: Option<String>,
    /// Source addresses that it may use: exact, with `*` at the end as prefixes, `*` alone for all.
    #[serde(default = "any_source")]
    pub allowed_sources: Vec<String>,
    /// The source address of submits that have none (S40).
    #[serde(default)]
    pub source_default: String,
    /// Where outbind is sent when something waits and nobody is bound (S18).
    pub outbind: Option<HostPort>,
    /// How long we try a message that says nothing about it.
    #[serde(default = "two_days", deserialize_with = "duration_positive")]
    pub validity_default: Duration,
    /// The longest validity that a message may ask for (S32). Raising it keeps undeliverable messages longer.
    #[serde(default = "week", deserialize_with = "duration_positive")]
    pub validity_max: Duration,
    /// What becomes of a longer one.
    #[serde(default)]
    pub validity_over_max: ValidityOverMax,
    /// What data_coding 0 means in its messages.
    #[serde(default = "gsm7")]
    pub alphabet: Alphabet,
    /// The operation that brings its receipts.
    #[serde(default)]
    pub receipt_pdu: ReceiptPdu,
    /// Which TLVs pass.
    #[serde(default)]
    pub tlv: AccountTlv,
}

/// How an account's password is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Compared, in constant time.
    Password(&'a Secret),
    /// Verified with argon2id: tens of milliseconds of CPU, so not on a session's thread.
    Hash(&'a PasswordHash),
}

impl Account {
    /// What the password of a bind is checked against. `None` only before the configuration was checked.
    pub fn credential(&self) -> Option<Credential<'_>> {
        match (&self.password, &self.password_hash) {
            (Some(password), _) => Some(Credential::Password(password)),
            (None, Some(hash)) => Some(Credential::Hash(hash)),
            (None, None) => None,
        }
    }
}

/// What becomes of a validity_period over the account's maximum (S32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidityOverMax {
    /// The maximum holds.
    #[default]
    Clamp,
    /// ESME_RINVEXPIRY.
    Refuse,
}

/// The operation that brings receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptPdu {
    /// deliver_sm, which every client knows.
    #[default]
    DeliverSm,
    /// data_sm.
    DataSm,
}

/// What happens to TLVs of an account's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountTlv {
    /// Removed from its submits.
    pub strip: Vec<TlvTag>,
    /// A submit without one of these is refused.
    pub require: Vec<TlvTag>,
    /// Whether an operator's vendor TLVs are passed on to it.
    pub extra_to_esme: bool,
}

const fn binds_max() -> u32 {
    4
}

const fn window_max() -> u32 {
    100
}

const fn deliver_window() -> u32 {
    10
}

const fn waiting_max() -> u64 {
    1_000_000
}

const fn week() -> Duration {
    Duration::from_secs(7 * 86_400)
}

const fn two_days() -> Duration {
    Duration::from_secs(48 * 3_600)
}

fn any_source() -> Vec<String> {
    vec!["*".to_owned()]
}

const fn gsm7() -> Alphabet {
    Alphabet::Gsm7
}
