//! The nodes of a simulation, what is under way between them, and time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use smsc_proto::ids::{OperatorMessageId, PartitionId};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{
    Holder, Lease, Leased, LeasedDelivery, Name, Outbox, Outcome, Owned, Rest, Ring, Settled, Settlement,
};
use uuid::Uuid;

use super::super::holder::{HolderSide, HolderStep};
use super::super::owner::{OwnerSide, OwnerStep};
use super::super::part::{ToHolder, ToOwner};
use super::store::Store;
use crate::puller::Puller;

const NODES: u16 = 3;
const WINDOW: u32 = 4;
/// Submitted at one moment; more than a window takes.
const BURST: usize = 6;
const BURSTS: usize = 5;
/// Faults end then, in milliseconds; everything must have ended some time later.
const FAULTS_END: u64 = 6_000;
const END: u64 = 60_000;
/// No response takes longer, its late form included.
const RESPONSE_MAX: u64 = 400;
const ANSWER_MAX: Duration = Duration::from_millis(1_000);

/// Which faults there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) breaks: bool,
    pub(super) long_breaks: bool,
    pub(super) links: bool,
    pub(super) kills: bool,
    /// Partitions leave their nodes and come back in another life.
    pub(super) moves: bool,
}

enum Said {
    ToOwner(ToOwner),
    ToHolder(ToHolder),
}

enum Event {
    Submit {
        node: u16,
    },
    Opens {
        node: u16,
        peer: u16,
        stream: u64,
        peer_run: u128,
        /// What both have said first: this node, and the peer.
        greetings: [Vec<Owned>; 2],
    },
    Closes {
        node: u16,
        peer: u16,
        stream: u64,
    },
    Arrives {
        node: u16,
        peer: u16,
        stream: u64,
        said: Said,
    },
    /// The store of a node answers its link, or the side of the relay to a peer, of this run.
    Rings {
        node: u16,
        run: u128,
        holder: Holder,
    },
    Leases {
        node: u16,
        run: u128,
        whose: Whose,
        holder: Holder,
        room: u32,
        items: Vec<LeasedDelivery>,
    },
    Settles {
        node: u16,
        run: u128,
        whose: Whose,
        holder: Holder,
        count: u32,
    },
    /// An operator answers a link.
    Responds {
        node: u16,
        holder: Holder,
        lease: Lease,
        outcome: Outcome,
        late: bool,
    },
    Connect {
        one: u16,
        other: u16,
    },
    Break {
        one: u16,
        other: u16,
    },
    LoseLink {
        node: u16,
    },
    Kill {
        node: u16,
    },
    Start {
        node: u16,
    },
    Leaves {
        node: u16,
    },
    Returns {
        node: u16,
    },
    Look,
}

/// Who asks a store.
#[derive(Clone, Copy)]
enum Whose {
    Link,
    Peer(u16),
}

impl Node {
    /// Of the store's threads: what they say of an earlier life is over.
    fn store_run(&self) -> u128 {
        self.run | u128::from(self.store.life) << 64
    }
}

struct Node {
    /// Of its process; `up` or not.
    run: u128,
    up: bool,
    store: Store,
    link: Link,
    next_holder: u64,
    streams: BTreeMap<u16, u64>,
    owners: BTreeMap<u16, HolderSide>,
    holders: BTreeMap<u16, OwnerSide>,
    /// Whose stand-in a holder of the store is.
    stand_ins: HashMap<Holder, u16>,
}

/// The node's one link to the operator. It takes messages of the other nodes only: all of them are relayed.
struct Link {
    holder: Holder,
    puller: Puller,
    /// Two copies of a message may be out, under one number if its owner was started anew.
    out: Vec<Lease>,
}

/// One stream between two nodes.
struct Pipe {
    alive: bool,
    /// When the last thing said arrives, by who hears it.
    last: [u64; 2],
}

pub(super) struct World {
    now: u64,
    began: Instant,
    chance: u64,
    faults: Faults,
    nodes: Vec<Node>,
    pipes: HashMap<u64, Pipe>,
    current: HashMap<(u16, u16), u64>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: HashMap<u64, Event>,
    next: u64,
    seen: Seen,
}

/// What has happened, to know that it does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Messages that a link of another node was given.
    pub(super) relayed: u32,
    /// Leases that were given back as never written.
    pub(super) given_back: u32,
    /// Leases that were lost with their link.
    pub(super) lost: u32,
    /// Outcomes that were told late.
    pub(super) late: u32,
    /// Partitions that left their nodes.
    pub(super) moved: u32,
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let mut world = Self {
            now: 0,
            began: Instant::now(),
            chance: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            faults,
            nodes: Vec::new(),
            pipes: HashMap::new(),
            current: HashMap::new(),
            queue: BinaryHeap::new(),
            events: HashMap::new(),
            next: 1,
            seen: Seen::default(),
        };
        for node in 0..NODES {
            let partition = PartitionId::new(node * 16).expect("below 1024");
            let link = Link { holder: Holder(0), puller: Puller::new(WINDOW, Rest::Returns), out: Vec::new() };
            world.nodes.push(Node {
                run: 0,
                up: false,
                store: Store::new(partition),
                link,
                next_holder: 1,
                streams: BTreeMap::new(),
                owners: BTreeMap::new(),
                holders: BTreeMap::new(),
                stand_ins: HashMap::new(),
            });
            world.at(0, Event::Start { node });
        }
        for _ in 0..BURSTS {
            let (when, node) = (world.below(FAULTS_END), world.any_node());
            for _ in 0..BURST {
                world.at(when, Event::Submit { node });
            }
        }
        world.plan_faults();
        world.at(100, Event::Look);
        world
    }

    fn plan_faults(&mut self) {
        let Faults { breaks, links, kills, moves, .. } = self.faults;
        for _ in 0..if moves { 4 } else { 0 } {
            let (when, node) = (self.below(FAULTS_END), self.any_node());
            self.at(when, Event::Leaves { node });
        }
        for _ in 0..if breaks { 6 } else { 0 } {
            let (when, one, step) = (self.below(FAULTS_END), self.any_node(), 1 + self.below(2) as u16);
            let other = (one + step) % NODES;
            self.at(when, Event::Break { one: one.min(other), other: one.max(other) });
        }
        for _ in 0..if links { 4 } else { 0 } {
            let (when, node) = (self.below(FAULTS_END), self.any_node());
            self.at(when, Event::LoseLink { node });
        }
        for _ in 0..if kills { 3 } else { 0 } {
            let (when, node) = (self.below(FAULTS_END), self.any_node());
            self.at(when, Event::Kill { node });
        }
    }

    /// Runs until everything should have ended, and looks whether it has.
    pub(super) fn run(mut self) -> Seen {
        while let Some(Reverse((when, number))) = self.queue.pop() {
            if when > END {
                break;
            }
            self.now = when;
            let event = self.events.remove(&number).expect("each is queued once");
            self.happens(event);
            self.check();
        }
        for (number, node) in self.nodes.iter().enumerate() {
            assert!(node.store.is_done(), "node {number} still has {:?}", node.store.messages);
            assert!(node.link.out.is_empty(), "node {number} still has {:?} out", node.link.out);
            assert_eq!(node.link.puller.in_use(), 0, "room of node {number} never came back");
            for (peer, side) in &node.owners {
                assert_eq!(side.load(), (0, 0), "what node {number} has of node {peer}");
            }
            for (peer, side) in &node.holders {
                assert_eq!(side.given(), 0, "what node {number} gave to node {peer}");
            }
        }
        self.seen
    }

    fn check(&self) {
        for node in &self.nodes {
            for message in &node.store.messages {
                assert!(message.written <= 1 + message.reasons, "written without a reason: {message:?}");
            }
            assert!(node.link.out.len() <= WINDOW as usize, "more than a window: {:?}", node.link.out);
            assert!(node.link.puller.in_use() <= WINDOW);
            for side in node.owners.values() {
                let (leases, unconfirmed) = side.load();
                assert!(leases <= 2 * WINDOW as usize && unconfirmed <= 64, "{leases} and {unconfirmed} are kept");
            }
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Submit { node } => {
                if self.nodes[usize::from(node)].up && self.nodes[usize::from(node)].store.is_here {
                    self.nodes[usize::from(node)].store.accept();
                    self.ring(node);
                }
            }
            Event::Connect { one, other } => self.connect(one, other),
            Event::Opens { node, peer, stream, peer_run, greetings } => {
                self.opens((node, peer), stream, peer_run, greetings);
            }
            Event::Leaves { node } => self.leaves(node),
            Event::Returns { node } => self.returns(node),
            Event::Closes { node, peer, stream } => self.closes(node, peer, stream),
            Event::Arrives { node, peer, stream, said } => self.arrives(node, peer, stream, said),
            Event::Rings { node, run, holder } => self.store_rings(node, run, holder),
            Event::Leases { node, run, whose, holder, room, items } => {
                self.store_leases(node, run, whose, Leased { holder, room, items, ..self.leased_of(node) });
            }
            Event::Settles { node, run, whose, holder, count } => self.store_settles(node, run, whose, holder, count),
            Event::Responds { node, holder, lease, outcome, late } => self.responds(node, holder, lease, outcome, late),
            Event::Break { one, other } => self.breaks(one, other),
            Event::LoseLink { node } => self.lose_link(node),
            Event::Kill { node } => self.kill(node),
            Event::Start { node } => self.start(node),
            Event::Look => self.look(),
        }
    }

    // --- streams ---

    fn connect(&mut self, one: u16, other: u16) {
        let free = !self.current.contains_key(&(one, other));
        if !free || !self.nodes[usize::from(one)].up || !self.nodes[usize::from(other)].up {
            return;
        }
        let stream = self.fresh();
        self.current.insert((one, other), stream);
        self.pipes.insert(stream, Pipe { alive: true, last: [self.now; 2] });
        for (node, peer) in [(one, other), (other, one)] {
            let when = self.now + 1 + self.below(20);
            self.pipes.get_mut(&stream).expect("it is new").last[usize::from(node > peer)] = when;
            let peer_run = self.nodes[usize::from(peer)].run;
            let greetings = [node, peer].map(|number| self.nodes[usize::from(number)].store.owned());
            self.at(when, Event::Opens { node, peer, stream, peer_run, greetings });
        }
    }

    fn breaks(&mut self, one: u16, other: u16) {
        let Some(stream) = self.current.remove(&(one, other)) else { return };
        if let Some(pipe) = self.pipes.get_mut(&stream) {
            pipe.alive = false;
        }
        for (node, peer) in [(one, other), (other, one)] {
            let when = self.now + self.below(100);
            self.at(when, Event::Closes { node, peer, stream });
        }
        let long = self.faults.long_breaks && self.below(3) == 0;
        let away = if long { 1_000 + self.below(2_000) } else { 5 + self.below(300) };
        self.at(self.now + away, Event::Connect { one, other });
    }

    fn opens(&mut self, (node, peer): (u16, u16), stream: u64, peer_run: u128, greetings: [Vec<Owned>; 2]) {
        if !self.nodes[usize::from(node)].up {
            return;
        }
        let alive = self.pipes.get(&stream).is_some_and(|pipe| pipe.alive);
        if !alive {
            return;
        }
        if let Some(before) = self.nodes[usize::from(node)].streams.get(&peer).copied() {
            self.closes(node, peer, before);
        }
        let here = &mut self.nodes[usize::from(node)];
        here.streams.insert(peer, stream);
        let (mut owned, mut held) = (Vec::new(), Vec::new());
        let [ours, theirs] = greetings;
        let side = here.holders.get_mut(&peer).expect("all are known");
        side.opened(Uuid::from_u128(peer_run), &ours, &mut owned);
        side.owns(here.store.owned(), &mut owned);
        here.owners.get_mut(&peer).expect("all are known").opened(Uuid::from_u128(peer_run), theirs, &mut held);
        self.owner_steps(node, peer, owned);
        self.holder_steps(node, peer, held);
    }

    fn closes(&mut self, node: u16, peer: u16, stream: u64) {
        let here = &mut self.nodes[usize::from(node)];
        if !here.up || here.streams.get(&peer) != Some(&stream) {
            return;
        }
        here.streams.remove(&peer);
        here.holders.get_mut(&peer).expect("all are known").closed();
        let mut steps = Vec::new();
        here.owners.get_mut(&peer).expect("all are known").closed(&mut steps);
        self.holder_steps(node, peer, steps);
    }

    fn say(&mut self, node: u16, peer: u16, said: Said) {
        let Some(stream) = self.nodes[usize::from(node)].streams.get(&peer).copied() else { return };
        let delay = 1 + self.below(15);
        let Some(pipe) = self.pipes.get_mut(&stream).filter(|pipe| pipe.alive) else { return };
        let last = &mut pipe.last[usize::from(peer > node)];
        *last = (*last + 1).max(self.now + delay);
        let when = *last;
        self.at(when, Event::Arrives { node: peer, peer: node, stream, said });
    }

    fn arrives(&mut self, node: u16, peer: u16, stream: u64, said: Said) {
        let here = &mut self.nodes[usize::from(node)];
        let alive = self.pipes.get(&stream).is_some_and(|pipe| pipe.alive);
        if !alive || !here.up || here.streams.get(&peer) != Some(&stream) {
            return;
        }
        match said {
            Said::ToOwner(said) => self.hear_holder(node, peer, said),
            Said::ToHolder(said) => self.hear_owner(node, peer, said),
        }
    }

    fn hear_holder(&mut self, node: u16, peer: u16, said: ToOwner) {
        let mut steps = Vec::new();
        let here = &mut self.nodes[usize::from(node)];
        let side = here.holders.get_mut(&peer).expect("all are known");
        match said {
            ToOwner::Register { holder, outbox } => {
                let next = &mut here.next_holder;
                let fresh = || {
                    *next += 1;
                    Holder(*next)
                };
                side.register(holder, outbox, fresh, &mut steps);
            }
            ToOwner::Release { holder } => side.release(holder, &mut steps),
            ToOwner::Holding { leases } => side.holding(leases),
            ToOwner::Resumed => side.resumed(&mut steps),
            ToOwner::Pull { partition, holder, room } => side.pull(partition, holder, room, &mut steps),
            ToOwner::Outcomes { batch, partition, holder, items } => {
                side.settle(batch, partition, holder, items, &mut steps);
            }
            ToOwner::Heard { number } => side.heard(number),
            ToOwner::Receipts { .. } | ToOwner::Question { .. } => {}
        }
        self.owner_steps(node, peer, steps);
    }

    fn hear_owner(&mut self, node: u16, peer: u16, said: ToHolder) {
        let mut steps = Vec::new();
        let side = self.nodes[usize::from(node)].owners.get_mut(&peer).expect("all are known");
        match said {
            ToHolder::Ring { holder, partition } => side.ring(holder, partition, &mut steps),
            ToHolder::Leased { partition, holder, items, more } => {
                side.leased(partition, holder, items, more, &mut steps).expect("what was asked for");
            }
            ToHolder::Confirmed { batch } => side.confirmed(batch, &mut steps),
            ToHolder::Owned { number, owned } => side.owned(number, owned, &mut steps),
            ToHolder::Receipts { .. } | ToHolder::Kept { .. } | ToHolder::Answer { .. } => {}
        }
        self.holder_steps(node, peer, steps);
    }

    // --- owners ---

    fn owner_steps(&mut self, node: u16, peer: u16, steps: Vec<OwnerStep>) {
        for step in steps {
            let here = &mut self.nodes[usize::from(node)];
            match step {
                OwnerStep::Send(said) => self.say(node, peer, Said::ToHolder(said)),
                OwnerStep::Register { holder, .. } => {
                    here.stand_ins.insert(holder, peer);
                    here.store.register(holder);
                }
                OwnerStep::Release { holder } => {
                    here.store.release(holder);
                }
                OwnerStep::Pull { holder, room, .. } => self.pull_here(node, Whose::Peer(peer), holder, room),
                OwnerStep::Settle { holder, items, .. } => {
                    self.seen.late += items.iter().filter(|settlement| settlement.late).count() as u32;
                    self.settle_here(node, Whose::Peer(peer), holder, items);
                }
                OwnerStep::GiveBack { leases, .. } => {
                    self.seen.given_back += leases.len() as u32;
                    let items = leases.into_iter().map(|lease| Settlement::new(lease, Outcome::NotSent));
                    here.store.settle(&items.collect::<Vec<_>>());
                }
                OwnerStep::Lost { lease, .. } => {
                    self.seen.lost += 1;
                    let outcome = Outcome::LinkLost { retry_at: Timestamp::default() };
                    here.store.settle(&[Settlement::new(lease, outcome)]);
                }
            }
            self.ring(node);
        }
    }

    fn pull_here(&mut self, node: u16, whose: Whose, holder: Holder, room: u32) {
        let here = &mut self.nodes[usize::from(node)];
        let (items, run) = (here.store.pull(holder, room), here.store_run());
        self.at(self.now + 1, Event::Leases { node, run, whose, holder, room, items });
        self.ring(node);
    }

    fn settle_here(&mut self, node: u16, whose: Whose, holder: Holder, items: Vec<Settlement>) {
        let here = &mut self.nodes[usize::from(node)];
        here.store.settle(&items);
        let count = items.iter().filter(|settlement| !settlement.late).count() as u32;
        let run = here.store_run();
        self.at(self.now + 2, Event::Settles { node, run, whose, holder, count });
        self.ring(node);
    }

    fn ring(&mut self, node: u16) {
        let here = &mut self.nodes[usize::from(node)];
        let run = here.store_run();
        for holder in here.store.rings() {
            self.at(self.now + 1, Event::Rings { node, run, holder });
        }
    }

    fn store_rings(&mut self, node: u16, run: u128, holder: Holder) {
        let here = &mut self.nodes[usize::from(node)];
        if !here.up || here.store_run() != run {
            return;
        }
        let partition = here.store.partition;
        if holder == here.link.holder {
            return self.link_rings(node, partition);
        }
        let Some(peer) = here.stand_ins.get(&holder).copied() else { return };
        let mut steps = Vec::new();
        let side = here.holders.get_mut(&peer).expect("all are known");
        side.ring(Ring { outbox: outbox(), partition, holder }, &mut steps);
        self.owner_steps(node, peer, steps);
    }

    fn leased_of(&self, node: u16) -> Leased {
        let partition = self.nodes[usize::from(node)].store.partition;
        Leased { outbox: outbox(), partition, holder: Holder(0), room: 0, items: Vec::new() }
    }

    fn store_leases(&mut self, node: u16, run: u128, whose: Whose, leased: Leased) {
        let now = self.instant();
        let here = &mut self.nodes[usize::from(node)];
        if !here.up || here.store_run() != run {
            return;
        }
        match whose {
            Whose::Link if leased.holder == here.link.holder => {
                self.link_leases(node, leased.partition, leased.room, leased.items);
            }
            // The store has what is on lease to a link that has gone.
            Whose::Link => {}
            Whose::Peer(peer) => {
                let mut steps = Vec::new();
                here.holders.get_mut(&peer).expect("all are known").leased(now, leased, &mut steps);
                self.owner_steps(node, peer, steps);
            }
        }
    }

    fn store_settles(&mut self, node: u16, run: u128, whose: Whose, holder: Holder, count: u32) {
        let here = &mut self.nodes[usize::from(node)];
        if !here.up || here.store_run() != run {
            return;
        }
        match whose {
            Whose::Link if holder == here.link.holder => {
                here.link.puller.settled(here.store.partition, count);
                self.link_pulls(node);
            }
            Whose::Link => {}
            Whose::Peer(peer) => {
                let settled = Settled { partition: here.store.partition, holder, count };
                let mut steps = Vec::new();
                here.holders.get_mut(&peer).expect("all are known").settled(settled, &mut steps);
                self.owner_steps(node, peer, steps);
            }
        }
    }

    fn look(&mut self) {
        let now = self.instant();
        for node in 0..NODES {
            for peer in (0..NODES).filter(|peer| *peer != node) {
                let here = &mut self.nodes[usize::from(node)];
                let mut steps = Vec::new();
                if let Some(side) = here.holders.get_mut(&peer).filter(|_| here.up) {
                    side.handle_timeout(now, &mut steps);
                }
                self.owner_steps(node, peer, steps);
            }
        }
        self.at(self.now + 100, Event::Look);
    }

    // --- links ---

    fn holder_steps(&mut self, node: u16, peer: u16, steps: Vec<HolderStep>) {
        for step in steps {
            let here = &mut self.nodes[usize::from(node)];
            let ours = here.link.holder;
            match step {
                HolderStep::Send(said) => self.say(node, peer, Said::ToOwner(said)),
                HolderStep::Ring { holder, partition } if holder == ours => self.link_rings(node, partition),
                HolderStep::Leased { holder, partition, room, items } if holder == ours => {
                    self.link_leases(node, partition, room, items);
                }
                HolderStep::Settled { holder, partition, count } if holder == ours => {
                    here.link.puller.settled(partition, count);
                    self.link_pulls(node);
                }
                // Of a link that has gone.
                HolderStep::Ring { .. }
                | HolderStep::Leased { .. }
                | HolderStep::Settled { .. }
                | HolderStep::Elsewhere { .. } => {}
            }
        }
    }

    fn link_rings(&mut self, node: u16, partition: PartitionId) {
        let link = &mut self.nodes[usize::from(node)].link;
        link.puller.ring(partition);
        if link.puller.free() == 0 {
            let next = link.puller.pass_on(partition);
            self.pull(node, next.partition, next.room);
        }
        self.link_pulls(node);
    }

    fn link_pulls(&mut self, node: u16) {
        while let Some(next) = self.nodes[usize::from(node)].link.puller.next_pull(u32::MAX) {
            self.pull(node, next.partition, next.room);
        }
    }

    fn pull(&mut self, node: u16, partition: PartitionId, room: u32) {
        let here = &mut self.nodes[usize::from(node)];
        let (holder, owner) = (here.link.holder, partition.number() / 16);
        if owner == node {
            return self.pull_here(node, Whose::Link, holder, room);
        }
        let mut steps = Vec::new();
        here.owners.get_mut(&owner).expect("all are known").pull(partition, holder, room, &mut steps);
        self.holder_steps(node, owner, steps);
    }

    /// A link writes what it is given at once, and the operator answers some time later.
    fn link_leases(&mut self, node: u16, partition: PartitionId, room: u32, items: Vec<LeasedDelivery>) {
        let here = &mut self.nodes[usize::from(node)];
        here.link.puller.leased(partition, room, items.len() as u32);
        let holder = here.link.holder;
        for LeasedDelivery { lease, .. } in items {
            self.seen.relayed += 1;
            self.nodes[usize::from(node)].link.out.push(lease);
            let owner = usize::from(lease.partition.number() / 16);
            self.nodes[owner].store.messages[lease.slot as usize].written += 1;
            let when = self.now + 5 + self.below(RESPONSE_MAX / 2);
            let later = Outcome::Retry { at: Timestamp::default(), status: Default::default() };
            match self.below(10) {
                0 if self.faults.links => {
                    let outcome = Outcome::Unanswered { retry_at: Timestamp::default() };
                    self.at(when, Event::Responds { node, holder, lease, outcome, late: false });
                    let when = when + 1 + self.below(RESPONSE_MAX / 2);
                    self.at(when, Event::Responds { node, holder, lease, outcome: sent(), late: true });
                }
                1 => self.at(when, Event::Responds { node, holder, lease, outcome: later, late: false }),
                _ => self.at(when, Event::Responds { node, holder, lease, outcome: sent(), late: false }),
            }
        }
        self.link_pulls(node);
    }

    fn responds(&mut self, node: u16, holder: Holder, lease: Lease, outcome: Outcome, late: bool) {
        let here = &mut self.nodes[usize::from(node)];
        if !here.up || here.link.holder != holder {
            return;
        }
        if !late {
            let Some(place) = here.link.out.iter().position(|out| *out == lease) else { return };
            here.link.out.remove(place);
        }
        self.settle(node, holder, vec![Settlement { lease, outcome, late }]);
    }

    fn settle(&mut self, node: u16, holder: Holder, items: Vec<Settlement>) {
        let mut by_partition = BTreeMap::<PartitionId, Vec<Settlement>>::new();
        for item in items {
            by_partition.entry(item.lease.partition).or_default().push(item);
        }
        for (partition, items) in by_partition {
            let owner = partition.number() / 16;
            if owner == node {
                self.settle_here(node, Whose::Link, holder, items);
                continue;
            }
            let mut steps = Vec::new();
            let side = self.nodes[usize::from(node)].owners.get_mut(&owner).expect("all are known");
            side.settle(partition, holder, items, &mut steps);
            self.holder_steps(node, owner, steps);
        }
    }

    fn lose_link(&mut self, node: u16) {
        if !self.nodes[usize::from(node)].up {
            return;
        }
        let link = &mut self.nodes[usize::from(node)].link;
        let holder = link.holder;
        let lost = link.out.drain(..).map(|lease| {
            let outcome = Outcome::LinkLost { retry_at: Timestamp::default() };
            Settlement::new(lease, outcome)
        });
        let lost = lost.collect();
        self.settle(node, holder, lost);
        for peer in (0..NODES).filter(|peer| *peer != node) {
            let mut steps = Vec::new();
            let side = self.nodes[usize::from(node)].owners.get_mut(&peer).expect("all are known");
            side.release(holder, &mut steps);
            self.holder_steps(node, peer, steps);
        }
        self.ring(node);
        self.new_link(node);
    }

    fn new_link(&mut self, node: u16) {
        let here = &mut self.nodes[usize::from(node)];
        here.next_holder += 1;
        let holder = Holder(here.next_holder);
        here.link = Link { holder, puller: Puller::new(WINDOW, Rest::Returns), out: Vec::new() };
        for peer in (0..NODES).filter(|peer| *peer != node) {
            let mut steps = Vec::new();
            let side = self.nodes[usize::from(node)].owners.get_mut(&peer).expect("all are known");
            side.register(holder, outbox(), &mut steps);
            self.holder_steps(node, peer, steps);
        }
        self.ring(node);
    }

    // --- partitions ---

    fn leaves(&mut self, node: u16) {
        let here = &mut self.nodes[usize::from(node)];
        if !here.up || !here.store.is_here {
            return;
        }
        here.store.leaves();
        self.seen.moved += 1;
        self.tell_owned(node);
        // Perhaps at once: the peers hear of both in one word.
        let away = self.below(2) * self.below(400);
        self.at(self.now + away, Event::Returns { node });
    }

    fn returns(&mut self, node: u16) {
        self.nodes[usize::from(node)].store.is_here = true;
        self.tell_owned(node);
        self.ring(node);
    }

    fn tell_owned(&mut self, node: u16) {
        if !self.nodes[usize::from(node)].up {
            return;
        }
        for peer in (0..NODES).filter(|peer| *peer != node) {
            let here = &mut self.nodes[usize::from(node)];
            let mut steps = Vec::new();
            here.holders.get_mut(&peer).expect("all are known").owns(here.store.owned(), &mut steps);
            self.owner_steps(node, peer, steps);
        }
    }

    // --- nodes ---

    fn kill(&mut self, node: u16) {
        let here = &mut self.nodes[usize::from(node)];
        if !std::mem::replace(&mut here.up, false) {
            return;
        }
        here.link.out.clear();
        here.streams.clear();
        here.store.restart();
        for peer in (0..NODES).filter(|peer| *peer != node) {
            self.breaks(node.min(peer), node.max(peer));
        }
        let away = 10 + self.below(1_500);
        self.at(self.now + away, Event::Start { node });
    }

    fn start(&mut self, node: u16) {
        let run = u128::from(self.fresh());
        let here = &mut self.nodes[usize::from(node)];
        (here.up, here.run) = (true, run);
        here.next_holder = 1;
        here.stand_ins.clear();
        for peer in (0..NODES).filter(|peer| *peer != node) {
            here.owners.insert(peer, HolderSide::default());
            here.holders.insert(peer, OwnerSide::new(ANSWER_MAX));
        }
        self.new_link(node);
        for peer in (0..NODES).filter(|peer| *peer != node) {
            let when = self.now + self.below(50);
            self.at(when, Event::Connect { one: node.min(peer), other: node.max(peer) });
        }
    }

    // --- time and chance ---

    fn at(&mut self, when: u64, event: Event) {
        let number = self.fresh();
        self.queue.push(Reverse((when, number)));
        self.events.insert(number, event);
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.now)
    }

    fn any_node(&mut self) -> u16 {
        self.below(u64::from(NODES)) as u16
    }

    /// splitmix64
    fn below(&mut self, max: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % max
    }
}

fn outbox() -> Outbox {
    Outbox::Operator(Name::intern("op-a"))
}

fn sent() -> Outcome {
    Outcome::Sent { operator_message_id: Some(OperatorMessageId::Decimal(1)), receipt_expected: true }
}
