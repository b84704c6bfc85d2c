//! Several nodes in one thread, from one seed: streams that stall, break and repeat, networks that fall apart, nodes that
//! start again. What must hold is checked after every step.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use smsc_store::Name;
use uuid::Uuid;

use super::fact::{Fact, Facts, Key, Phase, Standing};
use super::handshake::tests::identity;
use super::membership::Membership;
use super::peers::BEAT_EVERY;
use super::view::PeerState;
use super::wire::Update;

const STEP: Duration = Duration::from_millis(10);
/// How long the end of an exclusive link may take once it was given up: a busy thread, and the cut itself.
const CUT_WITHIN_MS: u64 = 900;

struct Node {
    membership: Membership,
    link: Link,
    /// What it said, to compare with what others have heard.
    said: Facts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Up,
    /// Given up, and not at its end yet.
    Ending(Instant),
}

/// What `publisher` says to `watcher`.
#[derive(Default)]
struct Stream {
    /// Of both incarnations; `None`: not open.
    between: Option<(Uuid, Uuid)>,
    sent: Option<u64>,
    sent_at: Option<Instant>,
    /// The votes that were sent last.
    votes: Vec<String>,
    queue: VecDeque<(Instant, Update)>,
}

struct World {
    seed: u64,
    random: StdRng,
    now: Instant,
    nodes: Vec<Node>,
    /// By publisher and watcher.
    streams: Vec<Vec<Stream>>,
    /// Whether octets of the first reach the second.
    reaches: Vec<Vec<bool>>,
    operator: Name,
}

impl World {
    fn new(seed: u64, count: u16) -> Self {
        let now = Instant::now();
        let size = usize::from(count);
        let mut world = Self {
            seed,
            random: StdRng::seed_from_u64(seed),
            now,
            nodes: Vec::new(),
            streams: (0..size).map(|_| (0..size).map(|_| Stream::default()).collect()).collect(),
            reaches: vec![vec![true; size]; size],
            operator: Name::intern("simulated-exclusive"),
        };
        world.nodes = (0..count).map(|number| world.started(number)).collect();
        world
    }

    fn started(&self, number: u16) -> Node {
        let expected = self.streams.len() as u32;
        let mut membership = Membership::new(identity(number), [self.operator], expected, self.now);
        let standing = Fact::Standing(Standing { phase: Phase::Ready, ..Standing::default() });
        let mut said = Facts::default();
        membership.say(standing.clone());
        said.apply(Key::Standing, Some(standing));
        Node { membership, link: Link::Down, said }
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let size = self.nodes.len();
        (0..size).flat_map(move |a| (0..size).filter(move |b| *b != a).map(move |b| (a, b)))
    }

    /// What goes wrong in this step.
    fn trouble(&mut self) {
        let size = self.nodes.len();
        if self.chance(300) {
            let (a, b) = (self.random.random_range(0..size), self.random.random_range(0..size));
            self.reaches[a][b] = !self.reaches[a][b];
            // Mostly both ways, as cables are; sometimes one.
            if !self.chance(4) {
                self.reaches[b][a] = self.reaches[a][b];
            }
        }
        if self.chance(1_000) {
            // One node sees nobody.
            let alone = self.random.random_range(0..size);
            (0..size).for_each(|other| (self.reaches[alone][other], self.reaches[other][alone]) = (false, false));
        }
        if self.chance(400) {
            self.heal();
        }
        if self.chance(1_500) {
            let number = self.random.random_range(0..size);
            self.nodes[number] = self.started(number as u16);
            for other in 0..size {
                self.streams[number][other] = Stream::default();
                self.streams[other][number] = Stream::default();
            }
        }
        for (a, b) in self.pairs() {
            if self.chance(2_000) {
                self.streams[a][b] = Stream::default();
                let broken = self.nodes[a].membership.identity.incarnation;
                self.nodes[b].membership.peers.disconnected(broken);
            }
        }
        if self.chance(20) {
            let number = self.random.random_range(0..size);
            let partition = self.random.random_range(0..50);
            let node = &mut self.nodes[number];
            let fact = self.random.random_bool(0.5).then_some(Fact::Partition(partition));
            match &fact {
                Some(fact) => _ = node.membership.say(fact.clone()),
                None => _ = node.membership.withdraw(Key::Partition(partition)),
            }
            node.said.apply(Key::Partition(partition), fact);
        }
    }

    fn heal(&mut self) {
        self.reaches.iter_mut().flatten().for_each(|reaches| *reaches = true);
    }

    /// Shakes hands where there is no stream, and opens one.
    fn connect(&mut self) {
        for (publisher, watcher) in self.pairs() {
            let open = self.streams[publisher][watcher].between.is_some();
            let reached = self.reaches[publisher][watcher] && self.reaches[watcher][publisher];
            if open || !reached || !self.chance(10) {
                continue;
            }
            let hello = self.nodes[watcher].membership.identity.hello();
            let (answer, _) = self.nodes[publisher].membership.greet(&hello, self.now);
            let Ok((stranger, _)) = self.nodes[watcher].membership.greeted(&answer, self.now) else { continue };
            let has = self.nodes[watcher].membership.peers.of(stranger.incarnation).map(|known| known.version);
            let between = (stranger.incarnation, self.nodes[watcher].membership.identity.incarnation);
            self.streams[publisher][watcher] =
                Stream { between: Some(between), sent: has.filter(|has| *has > 0), ..Stream::default() };
        }
    }

    fn publish(&mut self, with_trouble: bool) {
        for (publisher, watcher) in self.pairs() {
            let Some((_, to)) = self.streams[publisher][watcher].between else { continue };
            let stream = &self.streams[publisher][watcher];
            let membership = &self.nodes[publisher].membership;
            let Some(update) = membership.update_for(to, stream.sent, self.now) else {
                self.streams[publisher][watcher] = Stream::default();
                continue;
            };
            let due = stream.sent_at.is_none_or(|at| self.now >= at + BEAT_EVERY);
            if !due && stream.sent == Some(update.version) && stream.votes == update.votes {
                continue;
            }
            let slow = with_trouble && self.chance(20);
            let delay = self.random.random_range(0..if slow { 1_500 } else { 30 });
            let twice = with_trouble && self.chance(30);
            let stream = &mut self.streams[publisher][watcher];
            (stream.sent, stream.sent_at, stream.votes) = (Some(update.version), Some(self.now), update.votes.clone());
            // A stream keeps its order: who comes later does not come earlier.
            let before = stream.queue.back().map_or(self.now, |(at, _)| *at);
            let at = before.max(self.now + Duration::from_millis(delay));
            for _ in 0..if twice { 2 } else { 1 } {
                stream.queue.push_back((at, update.clone()));
            }
        }
    }

    fn deliver(&mut self) {
        for (publisher, watcher) in self.pairs() {
            // What cannot get through waits: the connection is one of TCP.
            while self.reaches[publisher][watcher]
                && self.streams[publisher][watcher].queue.front().is_some_and(|(at, _)| *at <= self.now)
            {
                let Some((_, update)) = self.streams[publisher][watcher].queue.pop_front() else { break };
                if self.nodes[watcher].membership.hear(update, self.now).is_err() {
                    self.streams[publisher][watcher] = Stream::default();
                }
            }
        }
    }

    fn act(&mut self) {
        for number in 0..self.nodes.len() {
            // Threads have their own pace.
            if !self.chance(5) {
                continue;
            }
            let cut_within = Duration::from_millis(self.random.random_range(0..CUT_WITHIN_MS));
            let node = &mut self.nodes[number];
            node.membership.handle_timeout(self.now);
            let leased = node.membership.has_lease(self.operator, self.now);
            node.link = match node.link {
                Link::Down if leased => {
                    node.membership.say(Fact::Holds(self.operator));
                    Link::Up
                }
                Link::Up if !leased => Link::Ending(self.now + cut_within),
                Link::Ending(at) if self.now >= at => {
                    node.membership.withdraw(Key::Holds(self.operator));
                    Link::Down
                }
                link => link,
            };
        }
    }

    fn step(&mut self, with_trouble: bool) {
        self.now += STEP;
        if with_trouble {
            self.trouble();
        }
        self.connect();
        self.publish(with_trouble);
        self.deliver();
        self.act();
        assert!(self.holders().len() <= 1, "seed {}: nodes {:?} have the exclusive link", self.seed, self.holders());
    }

    fn run(&mut self, time: Duration, with_trouble: bool) {
        for _ in 0..time.as_millis() / STEP.as_millis() {
            self.step(with_trouble);
        }
    }

    /// The nodes that have a bind to the operator.
    fn holders(&self) -> BTreeSet<usize> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.link != Link::Down).map(|(number, _)| number).collect()
    }

    fn assert_all_know_all(&self) {
        for (publisher, watcher) in self.pairs() {
            let node = &self.nodes[publisher];
            let known = self.nodes[watcher].membership.peers.of(node.membership.identity.incarnation);
            let known = known.unwrap_or_else(|| panic!("seed {}: {watcher} does not know {publisher}", self.seed));
            assert_eq!(known.state, PeerState::Alive, "seed {}", self.seed);
            assert_eq!(known.facts.partitions, node.said.partitions, "seed {}", self.seed);
            assert_eq!(known.facts.standing, node.said.standing, "seed {}", self.seed);
        }
    }
}

#[test]
fn the_exclusive_link_has_never_two_holders_and_at_last_one_whatever_the_network_does() {
    for seed in 0..60 {
        let mut world = World::new(seed, [3, 5][seed as usize % 2]);
        world.run(Duration::from_secs(60), true);
        world.heal();
        world.run(Duration::from_secs(15), false);
        assert_eq!(world.holders().len(), 1, "seed {seed}: somebody has the link");
        world.assert_all_know_all();
    }
}

#[test]
fn the_holder_keeps_the_link_when_nothing_goes_wrong() {
    let mut world = World::new(1, 3);
    world.run(Duration::from_secs(10), false);
    let holders = world.holders();
    assert_eq!(holders.len(), 1);
    for _ in 0..2_000 {
        world.step(false);
        assert_eq!(world.holders(), holders);
    }
}

#[test]
fn a_lost_holder_is_replaced_within_five_seconds() {
    let mut world = World::new(2, 3);
    world.run(Duration::from_secs(10), false);
    let lost = world.holders().pop_first().expect("a holder");
    (0..3).for_each(|other| (world.reaches[lost][other], world.reaches[other][lost]) = (false, false));
    world.run(Duration::from_secs(5), false);
    assert!(!world.holders().is_empty() && !world.holders().contains(&lost));
}

#[test]
fn a_minority_has_no_exclusive_link() {
    let mut world = World::new(3, 3);
    world.reaches.iter_mut().flatten().for_each(|reaches| *reaches = false);
    world.run(Duration::from_secs(20), false);
    assert!(world.holders().is_empty());
}
