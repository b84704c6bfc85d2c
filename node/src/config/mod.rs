//! What the configuration file says, read once into types that cannot be wrong.
//!
//! [`Config::load`] is the only place that reads text: `.toml` or `.yaml`, scalar keys also from the environment as
//! `SMSC__SECTION__KEY`. Unknown keys, wrong types and impossible values stop the start with file, key and reason.
//! Every field is named as its key; the field's comment says what it does, its unit, and what raising it costs.
//! Relative paths are relative to the folder that the node was started in.
//!
//! | file | holds |
//! |---|---|
//! | `node`, `listener`, `session`, `account`, `operator`, `routing`, `store`, `cluster`, `http`, `cdr`, `telemetry` | a section each |
//! | `value` | sizes, secrets, names and addresses as the sections use them |
//! | `load` | file and environment become one [`Config`]; `strict` reads values without guessing |
//! | `source`, `entry` | the same read again, and with changes on top: what may change while the node runs |
//! | `keys` | its keys one by one, to be compared with those of another |
//! | `check` | what one key alone cannot say |
//! | `convert` | the options of the store, the router and the sessions |
//! | `danger` | choices that cost messages |
//! | `demo` | what runs without a file |

mod account;
mod cdr;
mod check;
mod cluster;
mod convert;
mod danger;
mod demo;
mod entry;
mod error;
mod http;
mod keys;
mod listener;
mod load;
mod node;
mod operator;
mod routing;
mod session;
mod source;
mod store;
mod strict;
mod telemetry;
mod value;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Deserialize;

pub use self::account::{Account, AccountTlv, Credential, ReceiptPdu, ValidityOverMax};
pub use self::cdr::{Cdr, CdrFormat};
pub use self::cluster::{Cluster, ClusterTls, Drain};
pub use self::danger::Danger;
pub use self::entry::{Change, EntryKey, without_secrets};
pub use self::error::{ConfigError, Problem};
pub use self::http::{Http, Role, Token};
pub use self::keys::{different, keys};
pub use self::listener::{Listener, ListenerTls, ProxyProtocol};
pub use self::node::Node;
pub use self::operator::{
    LongMessages, MoLongMessages, Operator, OperatorBind, OperatorTls, Receipts, SHORT_CODE_LENGTH_MAX, SenderRule,
    SettleMode, StatusMeaning, TonNpi, TonNpiRules,
};
pub use self::routing::{MoNoRoute, MoRoute, Route, RouteOperator, Router};
pub use self::session::{BindErrors, Session};
pub use self::source::{Changed, Source, Written};
pub use self::store::{Durability, Journal, Postgres, Store};
pub use self::telemetry::{LogFormat, LogLevel, Telemetry};
pub use self::value::{Alphabet, ByteSize, HostPort, PasswordHash, Ratio, Secret, SystemId, TlvTag};

/// The whole configuration. An absent section has the defaults of its keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who this node is.
    #[serde(default)]
    pub node: Node,
    /// Where ESMEs connect.
    #[serde(default)]
    pub listener: Vec<Listener>,
    /// Timers and limits of every SMPP session, on both edges.
    #[serde(default)]
    pub session: Session,
    /// Who may bind.
    #[serde(default)]
    pub account: Vec<Account>,
    /// The networks that MT messages are handed to.
    #[serde(default)]
    pub operator: Vec<Operator>,
    /// Which operator an MT message goes to.
    #[serde(default)]
    pub route: Vec<Route>,
    /// Which account an MO message goes to.
    #[serde(default)]
    pub mo_route: Vec<MoRoute>,
    /// What becomes of messages without a route.
    #[serde(default)]
    pub router: Router,
    /// How messages are kept.
    #[serde(default)]
    pub store: Store,
    /// The other nodes; absent: a single node.
    pub cluster: Option<Cluster>,
    /// How a node leaves.
    #[serde(default)]
    pub drain: Drain,
    /// Metrics and health.
    #[serde(default)]
    pub http: Http,
    /// Call detail records; absent: none.
    pub cdr: Option<Cdr>,
    /// Logs, metrics and traces.
    #[serde(default)]
    pub telemetry: Telemetry,
}

impl Config {
    /// Reads the file and the environment, and checks all that can be checked without opening a port or the journal.
    ///
    /// What is named by the configuration and cannot be read (password files, certificates) is an error here already.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Source::File(path.to_owned()).read()?.config()
    }
}
