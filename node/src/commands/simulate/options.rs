//! What a simulated operator does, good and bad.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use smsc_proto::smpp::command_status::CommandStatus;

/// What a simulated operator does. The default takes everybody, answers at once and returns receipts after 100 ms.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who may bind; `None`: anyone.
    pub system_id: Option<String>,
    /// With which password; `None`: any.
    pub password: Option<String>,
    /// What its message ids look like.
    pub ids: IdForm,
    /// Which receipts it returns: shares by chance, tried in turn; the rest as [`Receipts::Always`].
    pub receipts: Vec<ReceiptShare>,
    /// How long after its submit_sm a receipt, or a looped MO, is due.
    pub receipt_delay: Duration,
    /// How much later a late receipt is due.
    pub late_by: Duration,
    /// Destination prefixes whose messages also come back as MO, source and destination exchanged.
    pub loopback: Vec<String>,
    /// Refusals by chance, tried in turn.
    pub error_rates: Vec<ErrorRate>,
    /// Messages a second, per system_id, above which it answers ESME_RTHROTTLED; 0: no limit.
    pub throttle_above: u32,
    /// It drops the connection, without a word, when it has taken so many messages on it.
    pub drop_after: Option<NonZeroU64>,
    /// The share of messages that it loses: no response and no receipt.
    pub unanswered: Probability,
    /// How long it takes to answer a submit_sm.
    pub response_delay: Duration,
    /// The share of messages whose receipt says UNDELIV.
    pub undelivered: Probability,
    /// MO messages a second, over all system_ids.
    pub mo_rate: f64,
    /// Where they go.
    pub mo_to: String,
    /// How many deliver_sm may be outstanding on one connection.
    pub deliver_window: usize,
    /// How many deliver_sm may wait for one system_id; beyond it submit_sm is answered with ESME_RMSGQFUL.
    pub waiting_max: usize,
    /// Silence after which it sends enquire_link; it closes after two that were not answered.
    pub enquire_link: Duration,
    /// Whether it tells of binds on standard output.
    pub announce: Announce,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            system_id: None,
            password: None,
            ids: IdForm::Decimal,
            receipts: Vec::new(),
            receipt_delay: Duration::from_millis(100),
            late_by: Duration::from_secs(10),
            loopback: Vec::new(),
            error_rates: Vec::new(),
            throttle_above: 0,
            drop_after: None,
            unanswered: Probability::NEVER,
            response_delay: Duration::ZERO,
            undelivered: Probability::NEVER,
            mo_rate: 0.0,
            mo_to: String::new(),
            deliver_window: 100,
            waiting_max: 1_000_000,
            enquire_link: Duration::from_secs(30),
            announce: Announce::Nothing,
        }
    }
}

/// What message ids look like (Q14, Q15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum IdForm {
    /// Digits.
    Decimal,
    /// Hexadecimal digits, in the response as in the receipt.
    Hex,
    /// Hexadecimal digits in the response, the same number in decimal digits in the receipt.
    ResponseHex,
    /// Decimal digits in the response, the same number in hexadecimal digits in the receipt.
    ReceiptHex,
    /// A UUID with its dashes.
    Uuid,
}

/// Which receipts come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// One for each message that asks for one.
    Always,
    /// None.
    Never,
    /// Each one twice (Q23).
    Twice,
    /// Each one before the response to its message (Q22).
    Early,
    /// Each one later than the others by [`Options::late_by`].
    Late,
}

/// A share of the receipts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReceiptShare {
    /// Which share.
    pub probability: Probability,
    /// What becomes of it.
    pub receipts: Receipts,
}

impl ReceiptShare {
    /// All of them.
    pub const fn all(receipts: Receipts) -> Self {
        Self { probability: Probability(1.0), receipts }
    }
}

impl FromStr for ReceiptShare {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let (probability, word) = match text.split_once(':') {
            Some((probability, word)) => (probability.parse()?, word),
            None => (Probability(1.0), text),
        };
        let receipts = match word {
            "always" => Receipts::Always,
            "never" => Receipts::Never,
            "twice" => Receipts::Twice,
            "early" => Receipts::Early,
            "late" => Receipts::Late,
            _ => return Err(BadRate::ReceiptShare(text.to_owned())),
        };
        Ok(Self { probability, receipts })
    }
}

/// What is told on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    /// A line for every bind and its end.
    Binds,
    /// Nothing: for use inside another process.
    Nothing,
}

/// A chance between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability(f64);

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0.0);

    /// `None` outside of 0 to 1.
    pub fn new(chance: f64) -> Option<Self> {
        (0.0..=1.0).contains(&chance).then_some(Self(chance))
    }

    /// The number.
    pub fn chance(self) -> f64 {
        self.0
    }
}

/// A text that is no probability or no error rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRate {
    /// Not a number between 0 and 1.
    #[error("{0:?} is no probability: write a number between 0 and 1, such as 0.01")]
    Probability(String),
    /// Not `P:STATUS`.
    #[error("{0:?} is no error rate: write PROBABILITY:STATUS, such as 0.01:ESME_RTHROTTLED or 0.01:0x58")]
    ErrorRate(String),
    /// Not `[P:]KIND`.
    #[error(
        "{0:?} says nothing about receipts: write always, never, twice, early or late, or a share such as 0.01:twice"
    )]
    ReceiptShare(String),
}

impl FromStr for Probability {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| BadRate::Probability(text.to_owned()))
    }
}

/// A share of submit_sm that is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorRate {
    /// Which share.
    pub probability: Probability,
    /// With what.
    pub status: CommandStatus,
}

impl FromStr for ErrorRate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let wrong = || BadRate::ErrorRate(text.to_owned());
        let (probability, status) = text.split_once(':').ok_or_else(wrong)?;
        let status: CommandStatus = status.parse().map_err(|_| wrong())?;
        if status.is_ok() {
            return Err(wrong());
        }
        Ok(Self { probability: probability.parse()?, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_rate_names_its_status_or_gives_its_number() {
        let by_name: ErrorRate = "0.25:ESME_RTHROTTLED".parse().expect("a name");
        let by_number: ErrorRate = "0.25:0x58".parse().expect("a number");
        assert_eq!(by_name, by_number);
        assert_eq!((by_name.probability.chance(), by_name.status), (0.25, CommandStatus::ESME_RTHROTTLED));
    }

    #[test]
    fn receipts_are_told_of_as_a_whole_or_in_shares() {
        assert_eq!("never".parse(), Ok(ReceiptShare::all(Receipts::Never)));
        let share: ReceiptShare = "0.25:late".parse().expect("a share");
        assert_eq!((share.probability.chance(), share.receipts), (0.25, Receipts::Late));
        for wrong in ["", "often", "0.5", "2:late", "0.5:"] {
            assert!(wrong.parse::<ReceiptShare>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for wrong in ["", "0.5", "2:0x58", "-1:0x58", "NaN:0x58", "0.5:", "0.5:nonsense", "0.5:0"] {
            assert!(wrong.parse::<ErrorRate>().is_err(), "{wrong:?}");
        }
        assert_eq!("1.5".parse::<Probability>(), Err(BadRate::Probability("1.5".into())));
    }
}
