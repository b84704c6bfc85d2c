//! Nodes of a cluster find each other, and know who belongs and who lives.

use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;

fn plain() -> Configuration {
    Configuration::new().account("demo")
}

/// Keys of one node; the others keep theirs.
fn only(number: usize, section: &'static str, keys: &str) -> impl Fn(usize, Configuration) -> Configuration {
    let keys = keys.to_owned();
    move |of, configuration| if of == number { configuration.section(section, &keys) } else { configuration }
}

#[test]
fn three_nodes_find_each_other() {
    let cluster = Cluster::start(3, &plain());
    for (_, node) in cluster.nodes() {
        assert_eq!(node.metric("smsc_cluster_peer_up", &[]), 2.0);
    }
}

#[test]
fn one_node_that_all_know_is_enough_to_find_the_others() {
    Cluster::start_with_one_seed(3, &plain());
}

#[test]
fn a_node_of_another_cluster_is_refused_on_both_sides() {
    let cluster = Cluster::launch(2, &plain(), only(1, "cluster", "name = \"other\""));
    for (_, node) in cluster.nodes() {
        let log = node.process().expect_output("it belongs to cluster");
        assert!(log.contains("cluster.refused"), "{log}");
    }
    cluster.expect_seen(0, "alive", 1);
}

#[test]
fn a_second_node_with_a_number_is_refused_on_both_sides() {
    let cluster = Cluster::launch(2, &plain(), only(1, "node", "number = 0"));
    for (_, node) in cluster.nodes() {
        node.process().expect_output("node.number must be changed on one of them");
    }
    cluster.expect_seen(0, "alive", 1);
}

#[test]
fn the_number_of_a_live_peer_is_not_given_away() {
    // Three nodes, of which the last two claim one number: the first takes one of them, and refuses the other.
    let cluster = Cluster::launch(3, &plain(), only(2, "node", "number = 1"));
    cluster.node(0).process().expect_output("is that of the live node");
    cluster.expect_seen(0, "alive", 2);
}

#[test]
fn a_node_that_stands_still_is_suspected_and_welcome_again() {
    let cluster = Cluster::start(3, &plain());
    cluster.freeze(2);
    cluster.expect_seen(0, "suspected", 1);
    cluster.expect_seen(1, "suspected", 1);
    cluster.thaw(2);
    cluster.expect_all_alive();
}

#[test]
fn a_node_that_is_silent_for_longer_is_gone_and_welcome_again() {
    let cluster = Cluster::start(2, &plain());
    cluster.freeze(1);
    cluster.expect_seen(0, "gone", 1);
    cluster.thaw(1);
    cluster.expect_all_alive();
}

#[test]
fn a_restarted_node_is_known_again() {
    let mut cluster = Cluster::start(3, &plain());
    cluster.kill(1);
    cluster.expect_seen(0, "gone", 1);
    cluster.bring_back(1);
    cluster.expect_all_alive();
}

#[test]
fn a_node_that_is_told_to_stop_says_so() {
    let mut cluster = Cluster::start(2, &plain());
    cluster.terminate(1);
    cluster.expect_seen(0, "gone", 1);
    let log = cluster.node(0).process().output();
    assert!(!log.contains("three heartbeats missed"), "nobody had to wait for its silence: {log}");
}

#[test]
fn a_port_that_is_taken_stops_the_start() {
    let cluster = Cluster::start(1, &plain());
    let taken = cluster.address(0);
    let keys = format!("listen = \"{taken}\"\nadvertise = \"{taken}\"\nseeds = []\nnodes_expected = 1");
    let ended = plain().section("cluster", &keys).start_in_vain();
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("cluster.listen"), "{}", ended.stderr);
}
