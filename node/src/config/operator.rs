//! `[[operator]]`: a network that MT messages are handed to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_router::operator_id::{IdTransform, IdTransforms};

use super::value::{Alphabet, HostPort, Secret, SystemId, duration, durations, positive};

/// How we bind to an operator, and its habits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its identity: messages wait under this name, also after a restart; the metric label `link`.
    pub name: String,
    /// Tried in turn.
    pub addresses: Vec<HostPort>,
    /// The name that we bind with.
    pub system_id: SystemId,
    /// Our password, written here or read from `password_file`.
    pub password: Option<Secret>,
    /// A file that holds our password; a newline at its end does not count.
    pub password_file: Option<PathBuf>,
    /// As what we bind.
    #[serde(default)]
    pub bind: OperatorBind,
    /// Links over the whole cluster. More links carry more when the window is the limit; order to a handset holds only
    /// on one.
    #[serde(default = "one", deserialize_with = "positive")]
    pub links: u32,
    /// The operator tolerates no second bind: a link is given up before it is placed anew.
    #[serde(default)]
    pub exclusive: bool,
    /// Our submits without an answer, per link. Up to so many may repeat after a crash.
    #[serde(default = "window", deserialize_with = "positive")]
    pub window: u32,
    /// Messages per second over the whole cluster; 0: no limit until it throttles.
    #[serde(default)]
    pub throughput_max: u32,
    /// How its message_id in responses and in receipts become the same (Q14): one step or a list.
    #[serde(default, deserialize_with = "id_transforms")]
    pub message_id: IdTransforms,
    /// Whether it sends receipts.
    #[serde(default)]
    pub receipts: Receipts,
    /// When a window slot is free again.
    #[serde(default)]
    pub settle: SettleMode,
    /// After so many attempts without an answer a message is not sent again.
    #[serde(default = "unanswered_max", deserialize_with = "positive")]
    pub unanswered_max: u32,
    /// Without a bound link for so long the operator is passed over.
    #[serde(default = "failover_after", deserialize_with = "duration")]
    pub failover_after: Duration,
    /// Waits between attempts; the last repeats until the validity ends.
    #[serde(default = "retry", deserialize_with = "durations")]
    pub retry: Vec<Duration>,
    /// Messages that may wait for it; beyond it ESMEs are told ESME_RMSGQFUL. An index entry of up to 100 octets stays
    /// in memory for each.
    #[serde(default = "waiting_max")]
    pub waiting_max: u64,
    /// What data_coding 0 means to it.
    #[serde(default = "gsm7")]
    pub alphabet: Alphabet,
    /// What is done with messages that are longer than one.
    #[serde(default)]
    pub long_messages: LongMessages,
    /// What is done with the parts of handsets' long messages. Held together they are answered when the message is whole,
    /// or after 5 s: a window of the operator's that is smaller than a message makes each one wait so long.
    #[serde(default)]
    pub mo_long_messages: MoLongMessages,
    /// Under which names and numbers its messages come; the first rule that fits. Absent: as they were submitted.
    #[serde(default)]
    pub senders: Vec<SenderRule>,
    /// Which TON and NPI addresses have; absent ones are sent as they came.
    #[serde(default)]
    pub ton_npi: TonNpiRules,
    /// Absent: plain TCP.
    pub tls: Option<OperatorTls>,
    /// Sent in our bind, at most 12 characters.
    #[serde(default)]
    pub system_type: String,
    /// Sent in our bind, at most 40 characters.
    #[serde(default)]
    pub address_range: String,
    /// What its answers mean where that differs from the defaults: keys are names or `"0x0B"`.
    #[serde(default, deserialize_with = "status")]
    pub status: BTreeMap<CommandStatus, StatusMeaning>,
}

/// As what we bind to an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum OperatorBind {
    /// One session for both ways.
    #[default]
    #[serde(rename = "transceiver")]
    Transceiver,
    /// Two sessions per link.
    #[serde(rename = "transmitter+receiver")]
    TransmitterAndReceiver,
}

/// Whether an operator sends receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipts {
    /// We ask for one with every message and wait for it.
    #[default]
    Always,
    /// Its submit_sm_resp is the end: ACCEPTED.
    Never,
}

/// When an operator's answer gives its window slot back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleMode {
    /// When the answer is durable: a crash repeats at most one window.
    #[default]
    Durable,
    /// At the answer: faster on slow disks, a crash may repeat two windows.
    Behind,
}

/// What is done with long messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongMessages {
    /// They are sent as they came.
    #[default]
    Keep,
    /// Segments with a user data header.
    Udh,
    /// Segments with sar_* TLVs.
    Sar,
    /// One message_payload.
    Payload,
}

/// What is done with the parts of handsets' long messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoLongMessages {
    /// They are delivered as they came.
    #[default]
    Keep,
    /// The whole message is delivered as one message_payload.
    Payload,
}

/// Rewrites the source address of messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderRule {
    /// The sender as it was submitted (or the account's `source_default`): exact, with `*` at its end a prefix, `*` alone
    /// all.
    pub from: String,
    /// What the operator gets instead; empty: none.
    pub to: String,
}

impl SenderRule {
    /// Whether the rule is for this sender.
    pub fn matches(&self, sender: &[u8]) -> bool {
        match self.from.strip_suffix('*') {
            Some(prefix) => sender.starts_with(prefix.as_bytes()),
            None => sender == self.from.as_bytes(),
        }
    }
}

/// A number of at most so many digits is a short code.
pub const SHORT_CODE_LENGTH_MAX: usize = 6;

/// TON and NPI as an operator wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TonNpiRules {
    /// Of every destination.
    pub destination: Option<TonNpi>,
    /// Of sources that are numbers.
    pub number: Option<TonNpi>,
    /// Of sources that are numbers of at most [`SHORT_CODE_LENGTH_MAX`] digits.
    pub short_code: Option<TonNpi>,
    /// Of sources that are not only digits.
    pub name: Option<TonNpi>,
}

/// Type of number and numbering plan, written `[1, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct TonNpi(pub u8, pub u8);

/// TLS towards an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorTls {
    /// Who must have signed its certificate, PEM; absent: the authorities that this machine trusts.
    pub ca: Option<PathBuf>,
    /// The name in its certificate; absent: the host of the address.
    pub server_name: Option<String>,
}

/// What an operator's command_status means for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusMeaning {
    /// Taken.
    Accepted,
    /// Try again by the schedule.
    Retry,
    /// Try again, and slow the link down.
    Throttled,
    /// Try the route's next operator.
    Next,
    /// Final.
    Refused,
}

const fn one() -> u32 {
    1
}

const fn window() -> u32 {
    10
}

const fn unanswered_max() -> u32 {
    3
}

const fn failover_after() -> Duration {
    Duration::from_secs(60)
}

fn retry() -> Vec<Duration> {
    [5, 30, 120, 600, 1_800, 3_600].map(Duration::from_secs).to_vec()
}

const fn waiting_max() -> u64 {
    5_000_000
}

const fn gsm7() -> Alphabet {
    Alphabet::Gsm7
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    AsIs,
    ResponseHex,
    ReceiptHex,
    TrimZeros,
    FoldCase,
}

/// One step or a list of them. `as_is` stands alone; both sides hex would be a contradiction.
fn id_transforms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IdTransforms, D::Error> {
    struct Steps;
    impl<'de> Visitor<'de> for Steps {
        type Value = Vec<Step>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "one of or a list of \"as_is\", \"response_hex\", \"receipt_hex\", \"trim_zeros\", \"fold_case\"",
            )
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<Step>, E> {
            Step::deserialize(serde::de::value::StrDeserializer::new(text)).map(|step| vec![step])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Step>, A::Error> {
            let mut steps = Vec::new();
            while let Some(step) = seq.next_element()? {
                steps.push(step);
            }
            Ok(steps)
        }
    }
    let steps = deserializer.deserialize_any(Steps)?;
    if steps.len() > 1 && steps.contains(&Step::AsIs) {
        return Err(D::Error::custom("\"as_is\" among other steps, expected it alone or not at all"));
    }
    if steps.contains(&Step::ResponseHex) && steps.contains(&Step::ReceiptHex) {
        return Err(D::Error::custom("both \"response_hex\" and \"receipt_hex\", expected at most one of them"));
    }
    let transform = |step: Step| match step {
        Step::AsIs => None,
        Step::ResponseHex => Some(IdTransform::ResponseHex),
        Step::ReceiptHex => Some(IdTransform::ReceiptHex),
        Step::TrimZeros => Some(IdTransform::TrimZeros),
        Step::FoldCase => Some(IdTransform::FoldCase),
    };
    Ok(IdTransforms(steps.into_iter().filter_map(transform).collect()))
}

/// A command_status as a key. Plain numbers are not taken: YAML reads an unquoted `0x58` as 88.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct StatusKey(CommandStatus);

impl<'de> Deserialize<'de> for StatusKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unambiguous = text.starts_with("0x") || !text.starts_with(|c: char| c.is_ascii_digit());
        let status = text.parse().ok().filter(|_| unambiguous);
        let hint = "expected a name such as ESME_RINVDSTADR or a quoted \"0x0B\"";
        status.map(Self).ok_or_else(|| D::Error::custom(format_args!("{text:?} is no command_status, {hint}")))
    }
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<CommandStatus, StatusMeaning>, D::Error> {
    let written = BTreeMap::<StatusKey, StatusMeaning>::deserialize(deserializer)?;
    Ok(written.into_iter().map(|(StatusKey(status), meaning)| (status, meaning)).collect())
}
