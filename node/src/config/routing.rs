//! `[[route]]`, `[[mo_route]]` and `[router]`: where messages go.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_router::route::MoDestination;

use super::value::{SystemId, duration_positive, parsed, positive};

/// An MT route: the longest prefix wins, then the one that names account and source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// International digits without `+` that the destination begins with; empty: every destination.
    #[serde(deserialize_with = "digits")]
    pub prefix: String,
    /// Chosen among by weight, the same one for each pair of source and destination.
    pub operators: Vec<RouteOperator>,
    /// Tried in order when none of `operators` is available.
    #[serde(default)]
    pub failover: Vec<String>,
    /// Only for this account.
    pub account: Option<SystemId>,
    /// Only for sources that begin with this.
    pub source: Option<String>,
}

/// An operator of a route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteOperator {
    /// The operator's name.
    pub name: String,
    /// Its share, compared with the others'.
    #[serde(default = "one", deserialize_with = "positive")]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// An MO route: an exact destination beats a prefix, a longer prefix a shorter one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoRoute {
    /// The number that the handset wrote to; with `*` at its end the numbers that begin so.
    #[serde(deserialize_with = "mo_destination")]
    pub destination: MoDestination,
    /// Who gets it.
    pub account: SystemId,
    /// Only texts with this first word, in any case.
    pub keyword: Option<String>,
    /// Only from this operator.
    pub operator: Option<String>,
}

/// What becomes of messages without a route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Router {
    /// What a submit without a route is told.
    #[serde(deserialize_with = "refusal")]
    pub no_route: CommandStatus,
    /// What happens to an MO message without a route; it is never acknowledged and dropped (S53).
    pub mo_no_route: MoNoRoute,
    /// How long a parked MO message waits for a route.
    #[serde(deserialize_with = "duration_positive")]
    pub mo_park_max: Duration,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            no_route: CommandStatus::ESME_RINVDSTADR,
            mo_no_route: MoNoRoute::Refuse,
            mo_park_max: Duration::from_secs(86_400),
        }
    }
}

/// What happens to an MO message without a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoNoRoute {
    /// ESME_RX_R_APPN: the operator gives it up.
    Refuse,
    /// It is kept until there is a route.
    Park,
}

fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        Ok(text)
    } else {
        Err(D::Error::custom(format_args!(
            "{text:?} is no prefix, expected international digits without \"+\" or \"00\""
        )))
    }
}

fn mo_destination<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MoDestination, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (number, prefix) = text.strip_suffix('*').map_or((text.as_str(), false), |number| (number, true));
    if !number.bytes().all(|octet| octet.is_ascii_digit()) || number.is_empty() && !prefix {
        let hint = "expected digits such as \"72345\", or \"467*\" for a prefix";
        return Err(D::Error::custom(format_args!("{text:?} is no MO destination, {hint}")));
    }
    let number = number.to_owned();
    Ok(if prefix { MoDestination::Prefix(number) } else { MoDestination::Exact(number) })
}

/// A command_status that says no: ESME_ROK would acknowledge what is not kept.
fn refusal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CommandStatus, D::Error> {
    match parsed(deserializer)? {
        CommandStatus::ESME_ROK => Err(D::Error::custom("ESME_ROK would lose the message, expected an error code")),
        status => Ok(status),
    }
}
