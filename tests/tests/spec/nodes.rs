//! A node goes out of service and comes back, leaves its cluster for good, and gives sessions away that it has too many of.

use std::fs;
use std::net::TcpStream;

use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_tests::cluster::Cluster;
use smsc_tests::command::{Finished, smsc};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::Esme;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;
use smsc_tests::postgres::Postgres;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

fn with(operator: &Operator) -> Configuration {
    Configuration::new().account_with("demo", "binds_max = 100").operator(operator).route("", operator.name())
}

fn tell(node: &Node, name: &str, order: &str) -> smsc_tests::api::Answer {
    node.api().ask("POST", &format!("nodes/{name}/{order}"), Some(json!({})))
}

fn ctl(node: &Node, arguments: &[&str]) -> Finished {
    let url = format!("http://{}", node.place().http());
    smsc(["ctl", "--node", &url].iter().chain(arguments))
}

/// The node's state, sessions and links, as it says itself.
fn expect_out(node: &Node) {
    let name = name_of(node);
    eventually("it is out of service", || {
        let all = node.api().get(&format!("nodes?node={name}"));
        let own = &all["nodes"][0];
        own["state"] == "draining" && own["sessions"] == 0 && own["links"] == 0
    });
}

fn name_of(node: &Node) -> String {
    node.api().get("status")["node"]["name"].as_str().expect("a name").to_owned()
}

fn refuses_connections(node: &Node) -> bool {
    TcpStream::connect(node.place().smpp()).is_err()
}

// --- out of service and back ---

#[test]
fn a_drained_node_unbinds_everybody_closes_its_ports_and_serves_again_when_it_is_told() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).start();
    operator.expect_links(1);
    let (esme, name) = (node.transceiver("demo"), name_of(&node));
    assert_eq!(tell(&node, &name, "drain").expect_ok()["state"], "draining");
    esme.expect_unbind();
    operator.expect_unbinds(1);
    expect_out(&node);
    assert!(refuses_connections(&node));
    assert_eq!(node.get("/readyz").expect("it is there").0, 503);
    tell(&node, &name, "undrain").expect_ok();
    operator.expect_links(1);
    assert_eq!(node.get("/readyz").expect("it is there").0, 200);
    node.transceiver("demo").submit_ok(&message());
    operator.expect_message();
    node.expect_metric("smsc_session_closes_total", &[("side", "esme"), ("reason", "drain")], 1.0);
}

#[test]
fn what_a_drained_node_keeps_is_delivered_by_the_others() {
    let operator = Operator::start("op-a");
    operator.closes();
    let cluster = Cluster::start(2, &with(&operator));
    let ids: Vec<String> = (0..10).map(|_| cluster.node(0).transmitter("demo").submit_ok(&message())).collect();
    tell(cluster.node(1), "smsc-0", "drain").expect_ok();
    expect_out(cluster.node(0));
    operator.reports(MessageState::Delivered);
    operator.opens();
    let receiver = cluster.node(1).receiver("demo");
    let receipts: Vec<String> = ids.iter().map(|_| receiver.expect_receipt().message_id).collect();
    assert!(ids.iter().all(|id| receipts.contains(id)), "{ids:?}: {receipts:?}");
}

#[test]
fn a_link_that_only_one_node_may_have_goes_to_another_when_its_node_is_drained() {
    let operator = Operator::start("op-a");
    let exclusive = Configuration::new().account("demo").operator_with(&operator, "exclusive = true").route("", "op-a");
    let cluster = Cluster::start(3, &exclusive);
    operator.expect_links(1);
    let bound = |node: &Node| node.metric("smsc_link_sessions", &[("link", "op-a")]) == 1.0;
    let holder = cluster.expect_one("has the link", bound);
    tell(cluster.node(0), &format!("smsc-{holder}"), "drain").expect_ok();
    eventually("another has it", || cluster.nodes().any(|(number, node)| number != holder && bound(node)));
    assert_eq!(operator.links_max(), 1);
}

#[test]
fn a_drain_can_be_undone_before_it_is_over() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).start();
    let (slow, name) = (node.transceiver("demo"), name_of(&node));
    slow.ignores_unbind();
    tell(&node, &name, "drain").expect_ok();
    slow.expect_unbind();
    eventually("the port is closed", || refuses_connections(&node));
    tell(&node, &name, "undrain").expect_ok();
    node.transceiver("demo").submit_ok(&message());
    operator.expect_message();
}

#[test]
fn a_drain_is_forgotten_by_the_next_start() {
    let node = Configuration::new().account("demo").start();
    tell(&node, &name_of(&node), "drain").expect_ok();
    expect_out(&node);
    node.restart().transmitter("demo").enquire_link();
}

#[test]
fn a_node_that_is_drained_stops_at_once() {
    let node = Configuration::new().account("demo").start();
    tell(&node, &name_of(&node), "drain").expect_ok();
    expect_out(&node);
    assert_eq!(node.terminate().1.code, Some(0));
}

#[test]
fn an_order_to_nobody_and_an_order_that_is_none_are_refused() {
    let node = Configuration::new().account("demo").start();
    let name = name_of(&node);
    assert_eq!(tell(&node, "nobody", "drain").refusal().0, 404);
    assert_eq!(tell(&node, &name, "explode").refusal(), (400, "bad_request", Some("order")));
    let dry = node.api().ask("POST", &format!("nodes/{name}/drain"), Some(json!({ "dry_run": true })));
    assert_eq!(dry.expect_ok()["state"], "ready");
    node.transmitter("demo").enquire_link();
}

// --- for good ---

#[test]
fn a_node_is_retired_when_all_that_it_keeps_is_delivered_and_does_not_start_again() {
    let operator = Operator::start("op-a");
    operator.closes();
    let mut cluster = Cluster::start(2, &with(&operator));
    cluster.node(0).transmitter("demo").submit_ok(&message());
    let begun = ctl(cluster.node(1), &["nodes", "decommission", "smsc-0"]);
    assert_eq!(begun.code, Some(1), "{begun:?}");
    assert!(begun.stdout.contains("smsc-0 is not retired yet"), "{begun:?}");
    eventually("the message is named", || {
        ctl(cluster.node(1), &["nodes", "decommission", "smsc-0"]).stdout.contains("operator op-a")
    });
    operator.reports(MessageState::Delivered);
    operator.opens();
    cluster.node(1).receiver("demo").expect_receipt();
    let done = ctl(cluster.node(1), &["nodes", "decommission", "smsc-0", "--wait"]);
    assert!(done.code == Some(0) && done.stdout.contains("smsc-0 is retired"), "{done:?}");
    assert_eq!(tell(cluster.node(1), "smsc-0", "undrain").refusal().0, 409);
    assert_eq!(cluster.terminate(0).code, Some(0));
    let refused = cluster.place(0).start_in_vain();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("this node was decommissioned"), "{refused:?}");
}

#[test]
fn a_node_that_is_leaving_goes_on_leaving_after_a_restart_until_it_is_told_to_stay() {
    let operator = Operator::start("op-a");
    operator.closes();
    let mut cluster = Cluster::start(2, &with(&operator));
    cluster.node(0).transmitter("demo").submit_ok(&message());
    tell(cluster.node(0), "smsc-0", "decommission").expect_ok();
    cluster.kill(0);
    cluster.bring_back_out_of_service(0);
    expect_out(cluster.node(0));
    assert!(refuses_connections(cluster.node(0)));
    tell(cluster.node(1), "smsc-0", "undrain").expect_ok();
    cluster.node(0).transmitter("demo").enquire_link();
    cluster.kill(0);
    cluster.bring_back(0);
    cluster.node(0).transmitter("demo").enquire_link();
}

#[test]
fn who_has_nobody_to_deliver_for_him_cannot_leave() {
    let alone = Configuration::new().account("demo").start();
    let refused = tell(&alone, &name_of(&alone), "decommission");
    assert!(refused.refusal().0 == 409 && refused.reason().contains("no cluster"), "{refused:?}");
    alone.transmitter("demo").enquire_link();
}

#[test]
fn who_keeps_nothing_of_his_own_is_just_stopped() {
    let Some(postgres) = Postgres::start() else { return };
    let node = Configuration::new().account("demo").postgres(&postgres).start();
    let refused = tell(&node, &name_of(&node), "decommission");
    assert!(refused.refusal().0 == 409 && refused.reason().contains("stop it"), "{refused:?}");
}

// --- shares ---

fn binds(node: &Node, count: usize) -> Vec<Esme> {
    (0..count).map(|_| node.transceiver("demo")).collect()
}

fn share_of(plan: &Value, name: &str) -> Value {
    plan["nodes"].as_array().expect("nodes").iter().find(|node| node["node"] == name).expect("it answers").clone()
}

#[test]
fn a_node_with_more_than_its_share_asks_the_surplus_to_leave_and_no_more() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(2, &with(&operator));
    let esmes = binds(cluster.node(0), 8);
    let plan = || cluster.node(1).api().get("rebalance");
    eventually("the other knows of them", || share_of(&plan(), "smsc-0")["surplus"] == 4);
    assert_eq!(share_of(&plan(), "smsc-1")["surplus"], 0);
    cluster.node(1).api().ask("POST", "rebalance", Some(json!({ "rate": 50 }))).expect_ok();
    eventually("it is done", || {
        let own = share_of(&plan(), "smsc-0");
        own["running"] == false && own["sessions"] == 4 && own["asked"] == 4
    });
    assert_eq!(esmes.iter().filter(|esme| esme.unbind_so_far().is_some() || esme.connection().has_ended()).count(), 4);
    let closed = [("side", "esme"), ("reason", "rebalance")];
    cluster.node(0).expect_metric("smsc_session_closes_total", &closed, 4.0);
}

#[test]
fn a_rebalance_can_be_stopped() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(2, &with(&operator));
    let _esmes = binds(cluster.node(0), 8);
    eventually("the surplus is seen", || share_of(&cluster.node(0).api().get("rebalance"), "smsc-0")["surplus"] == 4);
    let begun = ctl(cluster.node(0), &["rebalance", "start"]);
    assert!(begun.code == Some(0) && begun.stdout.contains("at work"), "{begun:?}");
    assert_eq!(ctl(cluster.node(0), &["rebalance", "stop"]).code, Some(0));
    let own = share_of(&cluster.node(0).api().get("rebalance"), "smsc-0");
    assert!(own["running"] == false && own["asked"].as_u64() < Some(4), "{own}");
}

#[test]
fn where_all_have_their_share_nobody_is_asked() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(2, &with(&operator));
    let esmes = [binds(cluster.node(0), 3), binds(cluster.node(1), 3)];
    let own = |number: usize| share_of(&cluster.node(0).api().get("rebalance"), &format!("smsc-{number}"));
    eventually("all are seen", || own(0)["share"] == 3 && own(1)["share"] == 3);
    let answer = cluster.node(0).api().ask("POST", "rebalance", Some(json!({ "rate": 100 }))).expect_ok();
    assert!(share_of(&answer, "smsc-0")["running"] == false, "{answer}");
    esmes.iter().flatten().for_each(Esme::enquire_link);
}

// --- upgrades ---

/// The folder is as the release before has left it.
fn make_old(node: Node) -> Node {
    let (place, _) = node.terminate();
    let stamp = place.data().join("node.toml");
    let text = fs::read_to_string(&stamp).expect("a stamp");
    let old: Vec<&str> = text.lines().filter(|line| !line.starts_with("records")).collect();
    fs::write(&stamp, old.join("\n") + "\n").expect("written");
    place.start_again()
}

#[test]
fn a_node_of_the_release_before_writes_no_cdrs_until_the_upgrade_is_finished() {
    let operator = Operator::start("op-a");
    let node = make_old(usual(&operator).section("cdr", "folder = \"cdr\"").start());
    assert_eq!(node.api().get("upgrade")["nodes"][0]["finished"], false);
    let alarms = node.api().get("status")["alarms"].to_string();
    assert!(alarms.contains("no CDRs are written") && alarms.contains("smsc ctl upgrade finish"), "{alarms}");
    let could = ctl(&node, &["upgrade", "finish", "--dry-run"]);
    assert!(could.code == Some(0) && could.stdout.contains("can go back"), "{could:?}");
    let finished = ctl(&node, &["upgrade", "finish"]);
    assert!(finished.code == Some(0) && finished.stdout.contains("finished"), "{finished:?}");
    let node = node.restart();
    assert_eq!(
        (&node.api().get("upgrade")["nodes"][0]["finished"], node.api().get("cdr")["nodes"][0]["on"] == true),
        (&json!(true), true)
    );
}

#[test]
fn an_upgrade_is_not_finished_while_a_node_is_away() {
    let operator = Operator::start("op-a");
    let mut cluster = Cluster::start(2, &with(&operator));
    cluster.kill(1);
    cluster.expect_seen(0, "gone", 1);
    let refused = cluster.node(0).api().ask("POST", "upgrade/finish", Some(json!({})));
    assert!(refused.refusal().0 == 409 && refused.reason().contains("smsc-1 is gone"), "{refused:?}");
    cluster.bring_back(1);
    cluster.expect_all_alive();
    let finished = cluster.node(0).api().ask("POST", "upgrade/finish", Some(json!({}))).expect_ok();
    assert_eq!(finished["nodes"].as_array().map(Vec::len), Some(2), "{finished}");
}
