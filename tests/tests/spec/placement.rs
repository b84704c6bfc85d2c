//! Links to operators are the cluster's: so many in all, wherever they run, and never two where one is allowed.

use std::time::{Duration, Instant};

use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

/// A link moves within this time of its node's loss (DESIGN §5).
const MOVES_WITHIN: Duration = Duration::from_secs(5);

fn with_links(operator: &Operator, keys: &str) -> Configuration {
    Configuration::new().account("demo").operator_with(operator, keys).route("", operator.name())
}

fn links_of(node: &Node) -> usize {
    node.metric("smsc_link_sessions", &[]) as usize
}

/// The one node that has the link.
fn holder(cluster: &Cluster) -> usize {
    cluster.expect_one("has the link", |node| links_of(node) == 1)
}

#[test]
fn the_links_are_so_many_in_the_whole_cluster_and_spread() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(3, &with_links(&operator, "links = 2"));
    operator.expect_links(2);
    let links: Vec<usize> = cluster.nodes().map(|(_, node)| links_of(node)).collect();
    assert!(links.iter().all(|links| *links <= 1), "{links:?}");
    assert_eq!(operator.links_max(), 2, "nobody binds before he knows the others");
}

#[test]
fn a_link_moves_within_five_seconds_of_its_nodes_loss() {
    let operator = Operator::start("op-a");
    let mut cluster = Cluster::start(3, &with_links(&operator, ""));
    operator.expect_links(1);
    let lost = holder(&cluster);
    let killed = Instant::now();
    cluster.kill(lost);
    operator.expect_binds(2);
    assert!(killed.elapsed() < MOVES_WITHIN, "it took {:?}", killed.elapsed());
    assert_ne!(holder(&cluster), lost);
}

#[test]
fn a_link_comes_back_to_its_node_when_that_does() {
    let operator = Operator::start("op-a");
    let mut cluster = Cluster::start(2, &with_links(&operator, ""));
    operator.expect_links(1);
    let first = holder(&cluster);
    cluster.kill(first);
    operator.expect_binds(2);
    cluster.bring_back(first);
    cluster.node(first).expect_metric("smsc_link_sessions", &[], 1.0);
    operator.expect_links(1);
}

#[test]
fn a_node_that_is_told_to_stop_hands_its_link_over() {
    let operator = Operator::start("op-a");
    let mut cluster = Cluster::start(2, &with_links(&operator, ""));
    operator.expect_links(1);
    let leaving = holder(&cluster);
    cluster.terminate(leaving);
    assert_eq!(holder(&cluster), 1 - leaving);
    operator.expect_unbinds(1);
}

#[test]
fn an_exclusive_link_is_bound_once_and_moves_within_five_seconds() {
    let operator = Operator::start("op-a");
    let mut cluster = Cluster::start(3, &with_links(&operator, "exclusive = true"));
    operator.expect_links(1);
    let lost = holder(&cluster);
    let killed = Instant::now();
    cluster.kill(lost);
    operator.expect_binds(2);
    assert!(killed.elapsed() < MOVES_WITHIN, "it took {:?}", killed.elapsed());
    assert_eq!(operator.links_max(), 1);
}

#[test]
fn a_node_that_is_cut_off_gives_the_exclusive_link_up_before_another_has_it() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start_cabled(3, &with_links(&operator, "exclusive = true"));
    operator.expect_links(1);
    let lonely = holder(&cluster);
    cluster.cut_off(lonely);
    let cut = Instant::now();
    operator.expect_binds(2);
    assert!(cut.elapsed() < MOVES_WITHIN, "it took {:?}", cut.elapsed());
    cluster.node(lonely).process().expect_output("link.given_up");
    cluster.node(lonely).expect_metric("smsc_link_sessions", &[], 0.0);
    cluster.mend(lonely);
    cluster.expect_all_alive();
    assert_eq!((operator.links_max(), operator.bound_kinds().len()), (1, 1), "and whoever has it keeps it");
}

#[test]
fn without_a_majority_nobody_has_the_exclusive_link() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start_cabled(2, &with_links(&operator, "exclusive = true"));
    operator.expect_links(1);
    cluster.cut_off(0);
    operator.expect_links(0);
    cluster.mend(0);
    operator.expect_links(1);
    assert_eq!(operator.links_max(), 1);
}

#[test]
fn both_sides_of_a_network_that_fell_apart_have_ordinary_links() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start_cabled(2, &with_links(&operator, ""));
    operator.expect_links(1);
    cluster.cut_off(0);
    operator.expect_links(2);
    cluster.mend(0);
    operator.expect_links(1);
}
