//! A cluster under load, and what is done to it: nothing that it took is lost, and no customer is told a last no.

use std::net::SocketAddr;
use std::time::Duration;

use smsc_tests::balancer::Balancer;
use smsc_tests::cable::Cable;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::eventually;
use smsc_tests::haproxy::{Haproxy, Target};
use smsc_tests::ledger::{Balance, Bounds};
use smsc_tests::network::Network;
use smsc_tests::node::Node;
use smsc_tests::port::Port;
use smsc_tests::storm::{Answers, Storm};

/// Three, each with links of its own.
const NODES: usize = 3;

/// A node that holds another's messages may go, and the other one later: a window each time.
const TWICE: Bounds = Bounds {
    copies_per_link: 2 * Storm::BOUNDS.copies_per_link,
    repeated_per_bind: 2 * Storm::BOUNDS.repeated_per_bind,
    ..Storm::BOUNDS
};

/// Three nodes in a storm, which have found each other and the operator.
fn three(storm: &Storm) -> Cluster {
    ready(storm, Cluster::start(NODES, &storm.draws_in(Configuration::new(), NODES)))
}

fn ready(storm: &Storm, cluster: Cluster) -> Cluster {
    expect_relays(&cluster);
    storm.operator().expect_links(NODES * 4);
    cluster
}

fn expect_relays(cluster: &Cluster) {
    let others = cluster.nodes().count() as f64 - 1.0;
    cluster.nodes().for_each(|(_, node)| node.expect_metric("smsc_cluster_relay_up", &[], others));
}

fn balancer(cluster: &Cluster) -> Balancer {
    Balancer::before(cluster.nodes().map(|(_, node)| node.address()))
}

fn print(balance: &Balance, answers: &Answers) {
    let Balance { accepted, copies, receipts_repeated, .. } = balance;
    eprintln!("{accepted} accepted, {copies} copies, {receipts_repeated} receipts repeated; {answers:?}");
}

/// What was accepted after so many seconds more of that rate.
fn go_on(storm: &Storm, rate: usize, seconds: usize) {
    storm.ledger().expect(storm.ledger().count() + rate * seconds);
}

/// What became of customers that submit at that rate behind a balancer, while each node goes and comes back in turn.
fn while_each_goes(rate: usize, seconds: usize, go: impl Fn(&Storm, &mut Cluster, usize)) -> (Balance, Answers) {
    let storm = Storm::new();
    let cluster = three(&storm);
    let balancer = balancer(&cluster);
    in_turn(&storm, cluster, balancer.address(), (rate, seconds), go)
}

fn in_turn(
    storm: &Storm,
    cluster: Cluster,
    balancer: SocketAddr,
    (rate, seconds): (usize, usize),
    go: impl Fn(&Storm, &mut Cluster, usize),
) -> (Balance, Answers) {
    let (balance, answers) = storm.rage_at(rate, &[balancer], cluster, |mut cluster| {
        for number in 0..NODES {
            go_on(storm, rate, seconds);
            go(storm, &mut cluster, number);
            expect_relays(&cluster);
        }
        go_on(storm, rate, seconds);
        cluster
    });
    print(&balance, &answers);
    (balance, answers)
}

/// Stops the node in order, and starts it again.
fn restart(_: &Storm, cluster: &mut Cluster, number: usize) {
    let ended = cluster.terminate(number);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    cluster.bring_back(number);
    cluster.expect_all_alive();
}

/// Each node is stopped in order, and started again.
fn rolling_restart(rate: usize, seconds: usize) {
    expect_well(while_each_goes(rate, seconds, restart));
}

fn expect_well((balance, answers): (Balance, Answers)) {
    assert!(answers.unbinds >= NODES, "every node had customers: {answers:?}");
    answers.assert_none_missing_and_none_final();
    balance.assert_within(Storm::BOUNDS);
}

#[test]
fn a_rolling_restart_leaves_no_submit_without_an_answer_and_loses_nothing() {
    rolling_restart(300, 2);
}

#[test]
#[ignore = "takes minutes: tests/run --long"]
fn a_rolling_restart_at_1_000_messages_a_second_loses_nothing() {
    rolling_restart(1_000, 10);
}

/// Each node is stopped in order and started again, behind the balancer that `deploy/haproxy.cfg` is for.
fn rolling_restart_behind_haproxy(rate: usize, seconds: usize) {
    let storm = Storm::new();
    let agents: Vec<Port> = (0..NODES).map(|_| Port::take()).collect();
    let given = storm.draws_in(Configuration::new().section("drain", "lb_delay = \"1s\""), NODES);
    let given = given.listener("proxy_protocol = \"required\"\ntrusted_proxies = [\"127.0.0.1/32\"]");
    let cluster = Cluster::start_with(NODES, &given, |number, given| {
        given.section("http", &format!("agent_check = \"{}\"", agents[number].address()))
    });
    let cluster = ready(&storm, cluster);
    let target = |(number, node): (usize, &Node)| Target {
        smpp: node.other_address(0),
        http: node.place().http(),
        agent: agents[number].address(),
    };
    let Some(haproxy) = Haproxy::before(&cluster.nodes().map(target).collect::<Vec<_>>()) else { return };
    expect_well(in_turn(&storm, cluster, haproxy.address(), (rate, seconds), |storm, cluster, number| {
        restart(storm, cluster, number);
        eventually("HAProxy sends sessions to all again", || haproxy.up() == NODES);
    }));
}

#[test]
fn a_rolling_restart_behind_haproxy_loses_nothing() {
    rolling_restart_behind_haproxy(300, 1);
}

#[test]
#[ignore = "takes minutes: tests/run --long"]
fn a_rolling_restart_behind_haproxy_at_1_000_messages_a_second_loses_nothing() {
    rolling_restart_behind_haproxy(1_000, 10);
}

/// Each node is killed and started again.
fn kills(rate: usize, seconds: usize) {
    let (balance, answers) = while_each_goes(rate, seconds, |storm, cluster, number| {
        cluster.kill(number);
        // The others serve whoever it was that lost a connection.
        go_on(storm, rate, seconds);
        cluster.bring_back(number);
    });
    assert!(answers.refused.is_empty(), "nobody is refused for it: {answers:?}");
    balance.assert_within(TWICE);
}

#[test]
fn nodes_killed_behind_a_balancer_lose_nothing_and_the_others_serve_their_customers() {
    kills(300, 2);
}

#[test]
#[ignore = "takes minutes: tests/run --long"]
fn nodes_killed_at_1_000_messages_a_second_lose_nothing() {
    kills(1_000, 10);
}

/// The last node cannot reach the others for that long, while each side has customers that submit.
fn partition(
    storm: &Storm,
    cluster: Cluster,
    (rate, time): (usize, Duration),
    cut: impl Fn(&Cluster),
    mend: impl Fn(&Cluster),
) {
    const SIDES: [usize; 2] = [0, 2];
    let addresses = SIDES.map(|number| cluster.node(number).address());
    let (balance, answers) = storm.rage_at(rate, &addresses, cluster, |cluster| {
        go_on(storm, rate, 1);
        cut(&cluster);
        cluster.node(2).expect_metric("smsc_cluster_relay_up", &[], 0.0);
        let taken = &[("link", "op-a"), ("result", "ok")];
        let sent = |number| cluster.node(number).metric("smsc_delivery_attempts_total", taken);
        let before = SIDES.map(sent);
        std::thread::sleep(time);
        // Each side has links. The receipts of what leaves by them come where the operator likes, and may have to wait.
        for (number, before) in SIDES.into_iter().zip(before) {
            let sent = sent(number) - before;
            assert!(sent >= rate as f64 / 2.0, "node {number} has sent {sent} messages meanwhile");
        }
        mend(&cluster);
        cluster.expect_all_alive();
        expect_relays(&cluster);
        go_on(storm, rate, 1);
        cluster
    });
    print(&balance, &answers);
    assert_eq!(answers, Answers::default(), "a partition is nothing to customers");
    balance.assert_within(TWICE);
}

/// The same by cables.
fn partition_by_cable(rate: usize, time: Duration) {
    let storm = Storm::new();
    let cluster = Cluster::start_cabled(NODES, &storm.draws_in(Configuration::new(), NODES));
    let cluster = ready(&storm, cluster);
    partition(&storm, cluster, (rate, time), |cluster| cluster.cut_off(2), |cluster| cluster.mend(2));
}

/// Three nodes in namespaces of their own.
fn on_a_network(storm: &Storm, network: &Network) -> (Cluster, Cable) {
    let door = Cable::from_to(Port::take_at(network.outside()), storm.operator().address());
    let configuration = storm.draws_in_at(Configuration::new(), NODES, door.address());
    (ready(storm, Cluster::start_on(network, NODES, &configuration)), door)
}

#[test]
fn both_sides_of_a_partition_take_and_deliver_messages_and_lose_nothing() {
    partition_by_cable(200, Duration::from_secs(5));
}

#[test]
#[ignore = "takes minutes: tests/run --long"]
fn both_sides_of_a_partition_of_half_a_minute_lose_nothing() {
    partition_by_cable(1_000, Duration::from_secs(30));
}

#[test]
fn both_sides_of_a_network_whose_wire_is_taken_away_lose_nothing() {
    let Some(network) = Network::lay(NODES) else { return };
    let storm = Storm::new();
    let (cluster, _door) = on_a_network(&storm, &network);
    let load = (200, Duration::from_secs(5));
    partition(&storm, cluster, load, |_| network.cut(2), |_| network.mend(2));
}

#[test]
fn long_and_lossy_wires_between_nodes_lose_nothing() {
    let Some(network) = Network::lay(NODES) else { return };
    let Some(()) = network.impair("delay 20ms 10ms loss 1%") else { return };
    let storm = Storm::new();
    let (cluster, _door) = on_a_network(&storm, &network);
    let addresses: Vec<_> = cluster.nodes().map(|(_, node)| node.address()).collect();
    let (balance, answers) = storm.rage_at(200, &addresses, cluster, |cluster| {
        go_on(&storm, 200, 5);
        cluster
    });
    print(&balance, &answers);
    assert_eq!(answers, Answers::default());
    balance.assert_within(Storm::CALM);
}
