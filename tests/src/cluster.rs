//! Several nodes that are one message centre: each with ports and a folder of its own.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::cable::Cable;
use crate::command::Finished;
use crate::configuration::Configuration;
use crate::network::Network;
use crate::node::{Node, Place};
use crate::port::Port;

/// Nodes of one cluster, numbered from 0. Dropping it kills them.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    /// From the first to the second; none when nodes connect directly.
    cables: Vec<(usize, usize, Cable)>,
}

#[derive(Debug)]
struct Member {
    port: Port,
    state: State,
}

#[derive(Debug)]
enum State {
    Runs(Node),
    Down(Place),
}

impl Cluster {
    /// So many nodes of that configuration, which have found each other.
    pub fn start(count: usize, configuration: &Configuration) -> Self {
        Self::start_with(count, configuration, |_, configuration| configuration)
    }

    /// The same, each with changes of its own.
    pub fn start_with(
        count: usize,
        configuration: &Configuration,
        change: impl Fn(usize, Configuration) -> Configuration,
    ) -> Self {
        let cluster = Self::launch(count, configuration, change);
        cluster.expect_all_alive();
        cluster
    }

    /// The same, each told of the first node only.
    pub fn start_with_one_seed(count: usize, configuration: &Configuration) -> Self {
        let cluster = Self::launch_seeded(count, 1, configuration, |_, configuration| configuration);
        cluster.expect_all_alive();
        cluster
    }

    /// So many nodes that are ready, each for itself: who waits for more says so.
    pub fn launch(
        count: usize,
        configuration: &Configuration,
        change: impl Fn(usize, Configuration) -> Configuration,
    ) -> Self {
        Self::launch_seeded(count, count, configuration, change)
    }

    /// So many nodes that have found each other over cables: they can be cut off.
    pub fn start_cabled(count: usize, configuration: &Configuration) -> Self {
        let ports: Vec<Port> = (0..count).map(|_| Port::take()).collect();
        let pairs = (0..count).flat_map(|from| (0..count).filter(move |to| *to != from).map(move |to| (from, to)));
        let cables: Vec<_> = pairs.map(|(from, to)| (from, to, Cable::to(ports[to].address()))).collect();
        let seeds = |number| {
            let own = cables.iter().filter(move |(from, _, _)| *from == number);
            own.map(|(_, _, cable)| cable.address().to_string()).collect()
        };
        // Nobody is where they say they are: there is no way but by cable.
        let advertise = |_: &Port| "127.0.0.1:1".to_owned();
        let members = start_all(ports, configuration, seeds, advertise, |_, configuration| configuration.place());
        let cluster = Self { members, cables };
        cluster.expect_all_alive();
        cluster
    }

    /// So many nodes that have found each other, each on a host of that network.
    pub fn start_on(network: &Network, count: usize, configuration: &Configuration) -> Self {
        let hosts: Vec<_> = (0..count).map(|number| network.host(number)).collect();
        let ports: Vec<Port> = hosts.iter().map(|host| Port::take_elsewhere(host.inside)).collect();
        let seeds = ports.iter().map(|port| port.address().to_string()).collect::<Vec<_>>();
        let advertise = |port: &Port| port.address().to_string();
        let place = |number: usize, configuration: Configuration| configuration.place_on(&hosts[number]);
        let members = start_all(ports, configuration, |_| seeds.clone(), advertise, place);
        let cluster = Self { members, cables: Vec::new() };
        cluster.expect_all_alive();
        cluster
    }

    fn launch_seeded(
        count: usize,
        seeds: usize,
        configuration: &Configuration,
        change: impl Fn(usize, Configuration) -> Configuration,
    ) -> Self {
        let ports: Vec<Port> = (0..count).map(|_| Port::take()).collect();
        let seeds = ports.iter().take(seeds).map(|port| port.address().to_string()).collect::<Vec<_>>();
        let advertise = |port: &Port| port.address().to_string();
        let place = |number, configuration| change(number, configuration).place();
        Self { members: start_all(ports, configuration, |_| seeds.clone(), advertise, place), cables: Vec::new() }
    }

    /// Cuts all cables of a node: it sees nobody, and nobody sees it.
    pub fn cut_off(&self, number: usize) {
        self.cables_of(number).for_each(Cable::cut);
    }

    /// Mends them.
    pub fn mend(&self, number: usize) {
        self.cables_of(number).for_each(Cable::mend);
    }

    fn cables_of(&self, number: usize) -> impl Iterator<Item = &Cable> {
        let of = move |(from, to, _): &&(usize, usize, Cable)| *from == number || *to == number;
        self.cables.iter().filter(of).map(|(_, _, cable)| cable)
    }

    /// How many there are, running or not.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A node that runs.
    pub fn node(&self, number: usize) -> &Node {
        match &self.members[number].state {
            State::Runs(node) => node,
            State::Down(_) => panic!("node {number} is down"),
        }
    }

    /// The folder and ports of a node that is down.
    pub fn place(&self, number: usize) -> &Place {
        match &self.members[number].state {
            State::Runs(_) => panic!("node {number} runs"),
            State::Down(place) => place,
        }
    }

    /// Every node that runs, with its number.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.members.iter().enumerate().filter_map(|(number, member)| match &member.state {
            State::Runs(node) => Some((number, node)),
            State::Down(_) => None,
        })
    }

    /// Where a node's peers connect.
    pub fn address(&self, number: usize) -> std::net::SocketAddr {
        self.members[number].port.address()
    }

    /// Kills a node with SIGKILL. Its folder and ports stay.
    pub fn kill(&mut self, number: usize) {
        self.change(number, |state| match state {
            State::Runs(node) => State::Down(node.kill()),
            State::Down(place) => State::Down(place),
        });
    }

    /// Kills a node with SIGKILL, and its disk is gone with it.
    pub fn lose(&mut self, number: usize) {
        self.kill(number);
        if let State::Down(place) = &self.members[number].state {
            std::fs::remove_dir_all(place.data()).expect("a node of the cast has a folder");
        }
    }

    /// Stops a node with SIGTERM and waits for its end: its exit code, and what it wrote.
    pub fn terminate(&mut self, number: usize) -> Finished {
        let mut finished = None;
        self.change(number, |state| match state {
            State::Runs(node) => {
                let (place, ended) = node.terminate();
                finished = Some(ended);
                State::Down(place)
            }
            State::Down(_) => panic!("node {number} is down"),
        });
        finished.expect("it ran")
    }

    /// Starts a node that is down, and waits until it is ready.
    pub fn bring_back(&mut self, number: usize) {
        self.change(number, |state| match state {
            State::Down(place) => State::Runs(place.start_again()),
            State::Runs(node) => State::Runs(node),
        });
    }

    /// The same for one that is out of service, and stays so.
    pub fn bring_back_out_of_service(&mut self, number: usize) {
        self.change(number, |state| match state {
            State::Down(place) => State::Runs(place.start_again_out_of_service()),
            State::Runs(node) => State::Runs(node),
        });
    }

    /// The next start of a node that is down is of another build, or of this one again (`None`).
    pub fn set_build(&self, number: usize, build: Option<&Path>) {
        match &self.members[number].state {
            State::Down(place) => place.set_build(build),
            State::Runs(_) => panic!("node {number} runs"),
        }
    }

    /// Stops the process of a node for a while, as a machine that swaps does: SIGSTOP.
    pub fn freeze(&self, number: usize) {
        self.node(number).process().freeze();
    }

    /// Lets it go on: SIGCONT.
    pub fn thaw(&self, number: usize) {
        self.node(number).process().thaw();
    }

    /// Waits until every running node sees all running nodes alive.
    pub fn expect_all_alive(&self) {
        let count = self.nodes().count();
        for (number, _) in self.nodes() {
            self.expect_seen(number, "alive", count);
        }
    }

    /// Waits until a node sees so many nodes in that state, itself included: `alive`, `suspected` or `gone`.
    pub fn expect_seen(&self, by: usize, state: &str, count: usize) {
        self.node(by).expect_metric("smsc_cluster_members", &[("state", state)], count as f64);
    }

    /// Waits until one of these nodes has that, and returns its number. `what` is said when none has.
    pub fn expect_one(&self, what: &str, has: impl Fn(&Node) -> bool) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((number, _)) = self.nodes().find(|(_, node)| has(node)) {
                return number;
            }
            assert!(Instant::now() < deadline, "no node {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn change(&mut self, number: usize, change: impl FnOnce(State) -> State) {
        let Member { port, state } = self.members.remove(number);
        let state = change(state);
        self.members.insert(number, Member { port, state });
    }
}

/// Starts them all at once, it is no node's duty to be first, and waits until each is ready.
fn start_all(
    ports: Vec<Port>,
    configuration: &Configuration,
    seeds: impl Fn(usize) -> Vec<String>,
    advertise: impl Fn(&Port) -> String,
    place: impl Fn(usize, Configuration) -> Place,
) -> Vec<Member> {
    let count = ports.len();
    let launch = |(number, port): (usize, Port)| {
        let (listen, advertise, seeds) = (port.address(), advertise(&port), seeds(number));
        let mut keys = String::new();
        let _ = writeln!(keys, "listen = \"{listen}\"\nadvertise = {advertise:?}\nnodes_expected = {count}");
        let _ = writeln!(keys, "seeds = {seeds:?}");
        let configuration = configuration
            .clone()
            .section("node", &format!("name = \"smsc-{number}\"\nnumber = {number}"))
            .section("cluster", &keys);
        let place = place(number, configuration);
        (port, place.launch(), place)
    };
    let launched: Vec<_> = ports.into_iter().enumerate().map(launch).collect();
    let ready =
        launched.into_iter().map(|(port, process, place)| (port, State::Runs(place.expect_ready(process, PATIENCE))));
    ready.map(|(port, state)| Member { port, state }).collect()
}
