//! `/api/v1`: what operations people ask of a node, and what they tell it to do. JSON, on the port of the metrics.
//!
//! | file | holds |
//! |---|---|
//! | [`endpoints`] | every path with its method and the role that it takes |
//! | [`auth`] | who calls, and what he may do |
//! | [`error`], [`input`] | refusals with a reason; queries and bodies, read strictly |
//! | `status`, `nodes`, `sessions`, `links`, `accounts`, `routes`, `queues`, `messages`, `cdr`, `config`, `events` | what is asked |
//! | `gather`, `merge` | one answer of all nodes |
//! | `sweep` | what waits is ended, or moved |
//! | `page` | where a page of messages ends and the next one begins |
//! | `watched`, `life` | how it was in the last minutes; what has become of one message |
//! | `rebalance` | sessions spread evenly over the nodes |
//! | `upgrade` | whether the release before can still take over |
//! | `traces` | every PDU of an account or about a number, for a limited time |
//! | `changes` | routes, accounts and operators changed on top of the file |
//! | `explain` | which way a message would take, and why |
//! | [`inquiries`] | the actor that asks the store |
//! | `audit` | who did what |
//! | `openapi.json` | the same for programs; a test holds it to `endpoints` |
//!
//! Requests are bounded: 64 KiB of body, 30 s, so many questions to the store at a time, so many watchers of events.

mod accounts;
mod audit;
pub mod auth;
mod cdr;
mod changes;
mod config;
pub mod endpoints;
pub mod error;
mod events;
mod explain;
mod gather;
pub mod input;
pub mod inquiries;
mod life;
mod links;
mod merge;
mod messages;
mod nodes;
mod page;
mod queues;
mod rebalance;
mod routes;
mod sessions;
mod status;
mod sweep;
mod traces;
mod upgrade;
mod watched;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use actix::Addr;
use axum::Router;
use serde_json::Value;
use smsc_proto::timestamp::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::cdr::CdrHandle;
use crate::console::watch::Watch;
use crate::drainer::Drainer;
use crate::operator::keeper::LinkKeeper;
use crate::rebalancer::Rebalancer;
use crate::reload::{LiveConfig, Tokens};
use crate::services::Services;
use crate::telemetry::health::NodeState;

use error::ApiError;
use inquiries::Inquiries;

/// Watchers of events at a time: each keeps a connection of those that probes need too.
const WATCHERS_MAX: usize = 32;

/// The API of one node. Cheap to share.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What all handlers are given.
pub struct Shared {
    state: NodeState,
    tokens: Tokens,
    /// Nobody but this machine can connect, and there are no tokens: everybody may do everything.
    open: bool,
    address: SocketAddr,
    node: OnceLock<Node>,
    watchers: Arc<Semaphore>,
    gathered: Semaphore,
    closing: watch::Sender<bool>,
}

/// The parts of a node that has started.
pub struct Node {
    /// Store, router, accounts, sessions.
    pub services: Arc<Services>,
    /// Links to operators.
    pub links: Arc<LinkKeeper>,
    /// The configuration in force.
    pub config: Arc<LiveConfig>,
    /// Writes call detail records; `None`: they are off.
    pub cdr: Option<CdrHandle>,
    /// Asks the store.
    pub inquiries: Addr<Inquiries>,
    /// Takes the node out of service and back.
    pub drainer: Addr<Drainer>,
    /// Asks sessions beyond the node's share to bind elsewhere.
    pub rebalancer: Addr<Rebalancer>,
    /// Has the process end, as SIGTERM does.
    pub stop: mpsc::Sender<()>,
    /// When it was started.
    pub started: SystemTime,
    /// How it was in the last minutes.
    pub watch: Watch,
}

impl Api {
    /// The API at that address, of a node that is starting. Without tokens it is open to whoever can connect, which
    /// the check of the configuration allows on loopback only.
    pub fn new(address: SocketAddr, state: NodeState, tokens: Tokens) -> Self {
        Self(Arc::new(Shared {
            state,
            open: tokens.load().is_empty() && address.ip().is_loopback(),
            tokens,
            address,
            node: OnceLock::new(),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            gathered: Semaphore::new(gather::GATHERED_MAX),
            closing: watch::Sender::new(false),
        }))
    }

    /// The node has started: questions are answered from now on.
    pub fn serve(&self, node: Node) {
        // There is one node in a process.
        let _ = self.0.node.set(node);
    }

    /// Ends the streams of events, which would never end by themselves.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Everything below `/api`.
    pub fn routes(&self) -> Router {
        endpoints::router(&self.0)
    }

    /// The same for other nodes, which ask on behalf of their callers: this node answers for itself alone.
    pub fn routes_for_peers(&self) -> Router {
        endpoints::router_for_peers(&self.0)
    }
}

impl Shared {
    /// The node, once it has started.
    fn node(&self) -> Result<&Node, ApiError> {
        self.node.get().ok_or_else(|| ApiError::unavailable("the node is starting: its journal is being read"))
    }
}

/// A moment as JSON has it: RFC 3339, UTC, milliseconds.
fn time(moment: Timestamp) -> Value {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or(Value::Null, |time| format!("{time:.3}").into())
}

/// The same of the system's clock.
fn system_time(moment: SystemTime) -> Value {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    time(Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}
