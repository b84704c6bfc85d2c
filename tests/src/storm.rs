//! Traffic that does not stop for anything: ESMEs submit, lose their connections, come back and go on.
//!
//! A message that had no answer when its connection ended is not submitted again: whether the node took it is not known,
//! and a second submit would look like a copy. So every text that an operator sees twice is one that the node sent twice.

mod paced;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;

use crate::PATIENCE;
use crate::cluster::Cluster;
use crate::configuration::Configuration;
use crate::esme::Esme;
use crate::ledger::{Balance, Bounds, Ledger};
use crate::message::Message;
use crate::node::Node;
use crate::operator::Operator;

pub use paced::Answers;

/// ESMEs that submit.
const BINDS: usize = 4;
/// Binds beside them that only receive, where those who submit are told nothing.
const RECEIVERS: usize = 2;
/// Submits that each leaves unanswered.
const WINDOW: usize = 100;
/// An address where no operator is.
const NOBODY: &str = "127.0.0.1:9";
/// Links to the operator.
const LINKS: usize = 4;
/// Messages that each link leaves unanswered.
const LINK_WINDOW: usize = 100;
/// Receipts that the node leaves unacknowledged on one bind: its default.
const DELIVER_WINDOW: usize = 10;

/// An operator that reports DELIVERED of everything, four ESMEs, and the ledger of what they sent.
#[derive(Debug)]
pub struct Storm {
    operator: Operator,
    ledger: Ledger,
    texts: AtomicUsize,
    /// Refusals that do not say "try again".
    refusals: Mutex<Vec<CommandStatus>>,
    submitting: AtomicBool,
    over: AtomicBool,
}

impl Storm {
    /// What may come again after a loss: a window on each connection, whether to operator or ESME.
    pub const BOUNDS: Bounds =
        Bounds { copies_per_link: LINK_WINDOW, repeated_per_bind: DELIVER_WINDOW, strangers_per_bind: WINDOW };

    /// What may come again when nothing is lost: nothing.
    pub const CALM: Bounds = Bounds { copies_per_link: 0, repeated_per_bind: 0, strangers_per_bind: 0 };

    /// How many messages the links have unanswered when all their windows are full.
    pub const ALL_WINDOWS: usize = LINKS * LINK_WINDOW;

    /// One that has not begun yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let operator = Operator::start("op-a");
        operator.reports(MessageState::Delivered);
        Self {
            operator,
            ledger: Ledger::default(),
            texts: AtomicUsize::new(0),
            refusals: Mutex::default(),
            submitting: AtomicBool::new(true),
            over: AtomicBool::new(false),
        }
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// What was accepted so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The configuration of a node that can be in this storm. There is room for two binds more.
    pub fn configuration(&self) -> Configuration {
        self.with_operator_at(Configuration::new(), &self.operator.address().to_string(), LINKS)
    }

    /// The same for a node among so many, beside what else is in that configuration. Links are placed over all of them.
    pub fn draws_in(&self, configuration: Configuration, nodes: usize) -> Configuration {
        self.with_operator_at(configuration, &self.operator.address().to_string(), nodes * LINKS)
    }

    /// The same, for nodes that reach the operator at another address.
    pub fn draws_in_at(&self, configuration: Configuration, nodes: usize, operator: SocketAddr) -> Configuration {
        self.with_operator_at(configuration, &operator.to_string(), nodes * LINKS)
    }

    /// The same, for a node that cannot reach the operator.
    pub fn draws_in_without_links(&self, configuration: Configuration, nodes: usize) -> Configuration {
        self.with_operator_at(configuration, NOBODY, nodes * LINKS)
    }

    fn with_operator_at(&self, configuration: Configuration, address: &str, links: usize) -> Configuration {
        let keys = format!("links = {links}\nwindow = {LINK_WINDOW}");
        configuration
            .account_with("demo", &format!("binds_max = {}", BINDS + RECEIVERS))
            .operator_at(self.operator.name(), address, &keys)
            .route("", self.operator.name())
    }

    /// Lets the ESMEs loose on a node while `story` does to it what it likes. Then no more is submitted, and the balance
    /// is drawn when nothing is missing, or nothing that is missing has come for long.
    pub fn rage(&self, node: Node, story: impl FnOnce(Node) -> Node) -> Balance {
        self.rage_and_leave(node, story).0
    }

    /// The same, and the node still runs when the storm is over.
    pub fn rage_and_leave(&self, node: Node, story: impl FnOnce(Node) -> Node) -> (Balance, Node) {
        let address = node.address();
        std::thread::scope(|scope| {
            let _end = End(self);
            for _ in 0..BINDS {
                scope.spawn(move || self.live(address, BindKind::Transceiver));
            }
            let node = story(node);
            self.submitting.store(false, Ordering::Relaxed);
            (self.settle(), node)
        })
    }

    /// The same over a cluster: the ESMEs submit at one node, and are told at another.
    pub fn rage_apart(
        &self,
        cluster: Cluster,
        [submit_at, receive_at]: [usize; 2],
        story: impl FnOnce(Cluster) -> Cluster,
    ) -> Balance {
        let (submits, receives) = (cluster.node(submit_at).address(), cluster.node(receive_at).address());
        std::thread::scope(|scope| {
            let _end = End(self);
            for _ in 0..BINDS {
                scope.spawn(move || self.live(submits, BindKind::Transmitter));
            }
            for _ in 0..RECEIVERS {
                scope.spawn(move || self.live(receives, BindKind::Receiver));
            }
            let cluster = story(cluster);
            self.submitting.store(false, Ordering::Relaxed);
            let balance = self.settle();
            drop(cluster);
            balance
        })
    }

    /// The same over a cluster, spread over these nodes: whose node is gone goes on at the next of them.
    pub fn rage_over(
        &self,
        cluster: Cluster,
        [submit_at, receive_at]: [&[usize]; 2],
        story: impl FnOnce(Cluster) -> Cluster,
    ) -> Balance {
        let all = |at: &[usize]| at.iter().map(|number| cluster.node(*number).address()).collect::<Vec<_>>();
        let (submits, receives) = (all(submit_at), all(receive_at));
        std::thread::scope(|scope| {
            let _end = End(self);
            for (all, kind, count) in
                [(&submits, BindKind::Transmitter, BINDS), (&receives, BindKind::Receiver, RECEIVERS)]
            {
                for first in 0..count {
                    scope.spawn(move || self.live_at(all, first, kind));
                }
            }
            let cluster = story(cluster);
            self.submitting.store(false, Ordering::Relaxed);
            let balance = self.settle();
            drop(cluster);
            balance
        })
    }

    /// Waits until what of these was without a receipt has moved on; how long the first one took, and all of them.
    pub fn expect_moving(&self, waiting: &HashSet<String>) -> [Duration; 2] {
        let (began, mut first) = (Instant::now(), None);
        loop {
            let left = self.ledger.without_receipt_among(waiting);
            if left < waiting.len() {
                first.get_or_insert_with(|| began.elapsed());
            }
            if let (0, Some(first)) = (left, first) {
                return [first, began.elapsed()];
            }
            assert!(began.elapsed() < 3 * PATIENCE, "{left} of {} still wait", waiting.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn live(&self, address: SocketAddr, kind: BindKind) {
        self.live_at(&[address], 0, kind);
    }

    /// An ESME's life: it binds, submits, keeps its receipts, and begins anew when the connection ends.
    fn live_at(&self, addresses: &[SocketAddr], first: usize, kind: BindKind) {
        let mut turns = addresses.iter().cycle().skip(first % addresses.len());
        while !self.over.load(Ordering::Relaxed) {
            let Some(esme) = turns.next().and_then(|address| Esme::try_bind(*address, kind, "demo")) else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            let bind = self.ledger.opens_bind();
            let keep = || self.ledger.told(bind, esme.deliveries_so_far());
            let messages = std::iter::from_fn(|| {
                let goes_on = kind != BindKind::Receiver
                    && self.submitting.load(Ordering::Relaxed)
                    && !esme.connection().has_ended();
                goes_on.then(|| self.message())
            });
            let mut answers = 0_usize;
            esme.submit_all(messages, WINDOW, |message, answer| {
                // A refusal promises nothing.
                match answer {
                    Ok(message_id) => self.ledger.accepted(message_id, message.as_text()),
                    Err(status) => self.refused(status),
                }
                answers += 1;
                if answers.is_multiple_of(WINDOW) {
                    keep();
                }
            });
            while !self.over.load(Ordering::Relaxed) && !esme.connection().has_ended() {
                keep();
                std::thread::sleep(Duration::from_millis(10));
            }
            keep();
        }
    }

    fn refused(&self, status: CommandStatus) {
        let again = [CommandStatus::ESME_RMSGQFUL, CommandStatus::ESME_RTHROTTLED, CommandStatus::ESME_RSYSERR];
        if !again.contains(&status) {
            self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(status);
        }
    }

    /// Why messages were refused, but for those that were told to come again.
    pub fn refusals(&self) -> Vec<CommandStatus> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// To one of a thousand handsets, with a text that no other has.
    fn message(&self) -> Message {
        let number = self.texts.fetch_add(1, Ordering::Relaxed);
        Message::to(&format!("4670123{:04}", number % 1_000)).text(&number.to_string()).receipt()
    }

    fn settle(&self) -> Balance {
        let mut least = (usize::MAX, Instant::now());
        loop {
            let balance = self.ledger.balance(&self.operator.messages());
            let missing = balance.lost.len() + balance.without_receipt.len();
            if missing < least.0 {
                least = (missing, Instant::now());
            }
            if missing == 0 || least.1.elapsed() > PATIENCE {
                return balance;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Ends the ESMEs' lives, also when the story fails.
struct End<'a>(&'a Storm);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.submitting.store(false, Ordering::Relaxed);
        self.0.over.store(true, Ordering::Relaxed);
    }
}
