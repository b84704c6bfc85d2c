//! The way to the cluster for the rest of the node: what is known of the peers, and what is published of this node.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use smsc_store::Name;
use tokio::runtime;
use tokio::sync::watch;
use tonic::transport::Channel;
use uuid::Uuid;

use super::dial::Target;
use super::discovery::Named;
use super::fact::{Fact, Key, Phase, Standing};
use super::handshake::{Identity, Refused, Stranger};
use super::membership::Membership;
use super::metrics;
use super::peers::Unusable;
use super::refusals::Refusals;
use super::view::{ClusterView, Peer, PeerState};
use super::wire::{Answer, Hello, Update};

/// A cheap copy of the way to the cluster. Nothing of it ever waits for a peer.
#[derive(Clone)]
pub struct ClusterHandle(Arc<Shared>);

struct Shared {
    identity: Identity,
    nodes_expected: u32,
    state: Mutex<State>,
    view: ArcSwap<ClusterView>,
    // How often the view was exchanged.
    viewed: watch::Sender<u64>,
    // The version of what this node publishes.
    published: watch::Sender<u64>,
    refusals: Refusals,
    runtime: runtime::Handle,
}

struct State {
    membership: Membership,
    channels: BTreeMap<Uuid, Channel>,
}

impl ClusterHandle {
    /// Of a node in a cluster with these exclusive operators.
    pub(super) fn new(
        identity: Identity,
        exclusive: impl IntoIterator<Item = Name>,
        nodes_expected: u32,
        runtime: runtime::Handle,
    ) -> Self {
        let membership = Membership::new(identity.clone(), exclusive, nodes_expected, Instant::now());
        Self(Arc::new(Shared {
            identity,
            nodes_expected,
            state: Mutex::new(State { membership, channels: BTreeMap::new() }),
            view: ArcSwap::default(),
            viewed: watch::Sender::new(0),
            published: watch::Sender::new(0),
            refusals: Refusals::default(),
            runtime,
        }))
    }

    /// Who this node is.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// What is known of the peers now. Take it once per batch.
    pub fn view(&self) -> Arc<ClusterView> {
        self.0.view.load_full()
    }

    /// Changes whenever [`view`](Self::view) does; what was missed meanwhile is in the view.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.viewed.subscribe()
    }

    /// Publishes facts of this node; what was published already costs nothing.
    pub fn publish(&self, facts: impl IntoIterator<Item = Fact>) {
        self.say(|membership| {
            for fact in facts {
                membership.say(fact);
            }
        });
    }

    /// Takes facts of this node back.
    pub fn withdraw(&self, keys: impl IntoIterator<Item = Key>) {
        self.say(|membership| {
            for key in keys {
                membership.withdraw(key);
            }
        });
    }

    /// Publishes where the node is between start and stop, and whether its store takes new messages.
    pub fn publish_standing(&self, phase: Phase, writable: bool) {
        let neighbours = |view: &ClusterView| {
            let connected = view.peers.iter().filter(|peer| peer.channel.is_some());
            connected.map(|peer| peer.address.to_string()).collect()
        };
        self.publish([Fact::Standing(Standing { phase, writable, neighbours: neighbours(&self.view()) })]);
    }

    /// How many of an operator's links run here; `None`: as many as there are now.
    pub fn links_here(&self, operator: Name, links: u32) -> Option<u32> {
        self.state().membership.links_here(operator, links, Instant::now())
    }

    /// From now on these operators are exclusive: a majority says which node has the link.
    pub fn set_exclusive(&self, operators: impl IntoIterator<Item = Name>) {
        self.state().membership.set_exclusive(operators);
    }

    /// Whether a majority leaves the one link to that exclusive operator to this node, now.
    pub fn has_lease(&self, operator: Name) -> bool {
        self.state().membership.has_lease(operator, Instant::now())
    }

    /// Whether this node sees more than half of the nodes, itself included.
    pub fn sees_majority(&self) -> bool {
        self.state().membership.sees_majority()
    }

    /// What this node says of itself under that key.
    pub fn said(&self, key: Key) -> Option<Fact> {
        self.state().membership.said(key).cloned()
    }

    /// Runs a task on the cluster's runtime, away from the threads of sessions.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.0.runtime.spawn(task)
    }

    /// Whether that incarnation has shaken hands with us and was not replaced: whose calls are answered.
    pub fn knows(&self, incarnation: Uuid) -> bool {
        self.state().membership.peers.of(incarnation).is_some()
    }

    /// Changes whenever what this node publishes does.
    pub(super) fn published(&self) -> watch::Receiver<u64> {
        self.0.published.subscribe()
    }

    /// Answers a Hello that came in.
    pub(super) fn greet(&self, hello: &Hello) -> Answer {
        let (answer, met) = self.state().membership.greet(hello, Instant::now());
        match met {
            Ok(true) => {
                self.joined(&hello.name, hello.number, &hello.advertise, &hello.build);
            }
            Ok(false) | Err(Refused::Myself) => {}
            Err(refused) => self.0.refusals.refused_caller(&hello.name, &hello.advertise, &refused),
        }
        answer
    }

    fn joined(&self, peer: &str, number: u32, address: &str, build: &str) {
        tracing::info!(event = "cluster.joined", peer, number, address, build, "a node has joined");
        self.refresh();
    }

    /// Takes the answer to our own Hello from that address.
    pub(super) fn greeted(&self, address: &str, answer: &Answer) -> Result<Stranger, Refused> {
        let greeted = self.state().membership.greeted(answer, Instant::now());
        match greeted {
            Ok((stranger, new)) => {
                if new {
                    self.joined(&stranger.name, stranger.number.into(), &stranger.address, &stranger.build);
                }
                Ok(stranger)
            }
            Err(refused) => {
                if refused != Refused::Myself {
                    let name = answer.hello.as_ref().map_or("", |hello| hello.name.as_str());
                    self.0.refusals.refused_callee(name, address, &refused);
                }
                Err(refused)
            }
        }
    }

    /// What a watcher that has `from` of us is told now.
    pub(super) fn update_for(&self, watcher: Uuid, from: Option<u64>) -> Option<Update> {
        self.state().membership.update_for(watcher, from, Instant::now())
    }

    /// Whether this node has said that it leaves: whoever has heard it needs no stream any more.
    pub(super) fn has_left(&self) -> bool {
        self.state().membership.has_left()
    }

    /// Takes an update of a peer.
    pub(super) fn hear(&self, update: Update) -> Result<(), Unusable> {
        let news = self.state().membership.hear(update, Instant::now())?;
        if news {
            self.refresh();
        }
        Ok(())
    }

    /// A connection to a peer is open. Returns false when there is one already.
    pub(super) fn connected(&self, incarnation: Uuid, channel: Channel) -> bool {
        let mut state = self.state();
        let free = !state.channels.contains_key(&incarnation);
        if free {
            state.channels.insert(incarnation, channel);
        }
        drop(state);
        if free {
            self.refresh();
        }
        free
    }

    /// The connection to a peer has ended.
    pub(super) fn disconnected(&self, incarnation: Uuid) {
        let mut state = self.state();
        state.channels.remove(&incarnation);
        state.membership.peers.disconnected(incarnation);
        drop(state);
        self.refresh();
    }

    /// A node cannot be reached at that address.
    pub(super) fn unreachable(&self, target: &Target, reason: &str) {
        self.0.refusals.unreachable(&target.to_string(), reason);
    }

    /// A name cannot be looked up.
    pub(super) fn cannot_look_up(&self, name: &str, error: &std::io::Error) {
        self.0.refusals.unreachable(name, &format!("the name cannot be looked up: {error}"));
    }

    /// Somebody's connection came to nothing before the first call.
    pub(super) fn caller_failed(&self, address: std::net::IpAddr, reason: &str) {
        self.0.refusals.refused_caller("", &address.to_string(), &reason);
    }

    /// How far we are with a peer's publication: what we have and ask the rest of.
    pub(super) fn has(&self, incarnation: Uuid) -> u64 {
        self.state().membership.peers.of(incarnation).map_or(0, |known| known.version)
    }

    /// What names nodes now.
    pub(super) fn named(&self, named: &Named) {
        let now = Instant::now();
        self.state().membership.peers.named(|stranger| named.names(&stranger.address), now);
    }

    /// Suspects, gives up, and at last forgets, who was silent for too long.
    pub(super) fn handle_timeout(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let (turns, votes_changed) = state.membership.handle_timeout(now);
        let forgotten = state.membership.forget(now);
        drop(state);
        for Stranger { name, number, address, .. } in &forgotten {
            metrics::forgotten(*number);
            tracing::info!(
                event = "cluster.forgotten",
                peer = name,
                number,
                address,
                "it is gone, and nothing names it any more: it is not missed"
            );
        }
        if votes_changed {
            self.0.published.send_modify(|_| {});
        }
        for turn in &turns {
            let (peer, number, state) = (&turn.name, turn.number, turn.state.name());
            match turn.state {
                PeerState::Gone => {
                    tracing::warn!(
                        event = "cluster.peer",
                        peer,
                        number,
                        state,
                        "silent: what it did is done by others"
                    );
                }
                PeerState::Suspected | PeerState::Alive => {
                    tracing::warn!(event = "cluster.peer", peer, number, state, "three heartbeats missed");
                }
            }
        }
        if !turns.is_empty() || !forgotten.is_empty() {
            self.refresh();
        }
    }

    fn say(&self, what: impl FnOnce(&mut Membership)) {
        let mut state = self.state();
        what(&mut state.membership);
        let version = state.membership.version();
        drop(state);
        self.0.published.send_if_modified(|published| {
            let newer = version > *published;
            *published = version.max(*published);
            newer
        });
    }

    /// Makes the view anew, and tells who waits for changes.
    fn refresh(&self) {
        let state = self.state();
        let peers = state.membership.peers.all().map(|known| Peer {
            number: known.stranger.number,
            name: known.stranger.name.as_str().into(),
            incarnation: known.stranger.incarnation,
            address: known.stranger.address.as_str().into(),
            protocol: known.stranger.protocol,
            records: known.stranger.records,
            state: known.state,
            facts: known.facts.clone(),
            channel: state.channels.get(&known.stranger.incarnation).cloned(),
        });
        let view = Arc::new(ClusterView { peers: peers.collect() });
        let before = self.0.view.swap(view.clone());
        // Still under the lock: a later view is never replaced by an earlier one.
        drop(state);
        for peer in &view.peers {
            let was = before.peer(peer.number).map(|peer| peer.state);
            if was.is_some_and(|was| was != PeerState::Alive) && peer.state == PeerState::Alive {
                tracing::info!(
                    event = "cluster.peer",
                    peer = &*peer.name,
                    number = peer.number,
                    state = "alive",
                    "heard again"
                );
            }
        }
        if view.peers.len() != before.peers.len() && view.peers.len() >= self.0.nodes_expected as usize {
            let (nodes, expected) = (view.peers.len() + 1, self.0.nodes_expected);
            tracing::warn!(
                event = "cluster.size",
                nodes,
                expected,
                "more nodes than cluster.nodes_expected: it must be raised on all of them"
            );
        }
        metrics::record(&view);
        self.0.viewed.send_modify(|viewed| *viewed += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
