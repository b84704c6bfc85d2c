//! Routes, accounts and operators that are changed on one node count on all, whoever was away, cut off, or has a clock of
//! its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::clock::SettableClock;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::PASSWORD;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// A change acts within a second. A machine that builds meanwhile may need some more.
const ACTS_WITHIN: Duration = Duration::from_secs(4);

/// Two operators with a link on some node; every number goes to the first.
fn two_operators() -> (Operator, Operator, Configuration) {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let configuration = Configuration::new().account("demo").operator(&a).operator(&b).route("", "op-a");
    (a, b, configuration)
}

/// Operators that are not there: for what is only looked at.
fn no_operators() -> Configuration {
    let nobody = |configuration: Configuration, name| configuration.operator_at(name, "127.0.0.1:1", "");
    nobody(nobody(Configuration::new().account("demo"), "op-a"), "op-b").route("", "op-a")
}

fn route(prefix: &str, operator: &str) -> Value {
    json!({ "kind": "route", "prefix": prefix, "set": { "operators": [{ "name": operator }] } })
}

/// The operator that a node's changes say for that prefix; nothing: it is as the file says.
fn way(node: &Node, prefix: &str) -> Option<String> {
    let changes = node.api().get("overrides")["overrides"].clone();
    let changes = changes.as_array().unwrap();
    let change = changes.iter().find(|one| one["kind"] == "route" && one["prefix"] == prefix)?;
    Some(change["set"]["operators"][0]["name"].as_str().unwrap_or("removed").to_owned())
}

/// Waits until all nodes that run have that change.
fn expect_way(cluster: &Cluster, prefix: &str, operator: Option<&str>) {
    eventually(&format!("{prefix} goes to {operator:?} everywhere"), || {
        cluster.nodes().all(|(_, node)| way(node, prefix).as_deref() == operator)
    });
}

#[test]
fn a_route_that_is_set_on_one_node_acts_on_all_within_a_second() {
    let (_a, b, configuration) = two_operators();
    let cluster = Cluster::start(3, &configuration);
    for (number, node) in cluster.nodes() {
        let prefix = format!("467{number}");
        node.api().set(route(&prefix, "op-b"));
        let since = Instant::now();
        expect_way(&cluster, &prefix, Some("op-b"));
        assert!(since.elapsed() < ACTS_WITHIN, "it took {:?}", since.elapsed());
    }
    let message = Message::to("46701234567").text("new way");
    cluster.node(2).transmitter("demo").submit_ok(&message);
    assert_eq!(b.expect_message().message.as_text(), "new way");
    let routes = cluster.node(2).api().get("routes")["routes"].clone();
    let set = routes.as_array().unwrap().iter().find(|route| route["prefix"] == "4670").unwrap().clone();
    assert_eq!((&set["origin"]["node"], &set["origin"]["in_force"]), (&json!("smsc-0"), &json!(true)), "{set}");

    cluster.node(1).api().unset("kind=route&prefix=4670");
    expect_way(&cluster, "4670", None);
}

#[test]
fn an_account_that_is_added_on_one_node_binds_to_all_and_leaves_all_when_it_is_taken_out() {
    let cluster = Cluster::start(3, &no_operators());
    let account = |keys: Value| json!({ "kind": "account", "system_id": "shop", "set": keys });
    cluster.node(0).api().set(account(json!({ "password": PASSWORD, "binds_max": 2 })));
    let known = |node: &Node| node.api().get("accounts")["accounts"].to_string().contains("shop");
    eventually("the account is known", || cluster.nodes().all(|(_, node)| known(node)));
    let bind = |number: usize| cluster.node(number).connect().bind(BindKind::Transmitter, "shop");
    let bound = [cluster.node(1).transmitter("shop"), cluster.node(2).receiver("shop")];
    eventually("binds_max counts over all nodes", || bind(0) == CommandStatus::ESME_RBINDFAIL);

    cluster.node(0).api().set(json!({ "kind": "account", "system_id": "shop", "remove": true }));
    for esme in bound {
        esme.expect_unbind();
        esme.expect_end();
    }
    assert_eq!(bind(2), CommandStatus::ESME_RINVSYSID);
}

#[test]
fn an_operator_that_is_added_on_one_node_has_its_link_on_one_of_all_and_carries_messages_of_each() {
    let cluster = Cluster::start(3, &no_operators());
    let operator = Operator::start("op-new");
    add(&cluster, &operator, false);
    operator.expect_links(1);
    cluster.node(1).api().set(route("4670", "op-new"));
    expect_way(&cluster, "4670", Some("op-new"));
    for (number, node) in cluster.nodes() {
        node.transmitter("demo").submit_ok(&Message::to("46701234567").text(&format!("{number}")));
    }
    operator.expect_messages(3);
    assert_eq!(operator.links_max(), 1, "as many as it has in the whole cluster");
}

#[test]
fn an_exclusive_operator_that_is_added_at_run_time_is_bound_once_and_moves_when_its_node_is_lost() {
    let mut cluster = Cluster::start(3, &no_operators());
    let operator = Operator::start("op-new");
    add(&cluster, &operator, true);
    operator.expect_links(1);
    let bound = |node: &Node| node.metric("smsc_link_sessions", &[("link", "op-new")]) == 1.0;
    let holder = cluster.expect_one("has the link", bound);
    cluster.kill(holder);
    operator.expect_binds(2);
    assert_eq!(operator.links_max(), 1);
}

fn add(cluster: &Cluster, operator: &Operator, exclusive: bool) {
    cluster.node(0).api().set(json!({ "kind": "operator", "name": operator.name(), "set": {
        "addresses": [operator.address().to_string()], "system_id": "smsc", "password": PASSWORD, "retry": ["200ms"],
        "exclusive": exclusive,
    } }));
}

#[test]
fn changes_survive_the_restart_of_one_and_of_all() {
    let mut cluster = Cluster::start(3, &no_operators());
    cluster.node(0).api().set(route("4670", "op-b"));
    expect_way(&cluster, "4670", Some("op-b"));
    cluster.kill(1);
    cluster.bring_back(1);
    assert_eq!(way(cluster.node(1), "4670").as_deref(), Some("op-b"), "it has kept it itself");
    (0..3).for_each(|number| cluster.kill(number));
    (0..3).for_each(|number| cluster.bring_back(number));
    assert!(cluster.nodes().all(|(_, node)| way(node, "4670").as_deref() == Some("op-b")));
}

#[test]
fn a_node_that_was_away_for_a_week_is_told_what_it_missed_and_brings_nothing_back() {
    let Some(clock) = SettableClock::new() else { return };
    let mut cluster = Cluster::start(3, &clock.of(no_operators()));
    cluster.node(0).api().set(route("4670", "op-b"));
    cluster.node(0).api().set(route("4671", "op-b"));
    expect_way(&cluster, "4671", Some("op-b"));
    cluster.terminate(2);
    cluster.node(1).api().unset("kind=route&prefix=4670");
    cluster.node(0).api().set(route("4672", "op-b"));
    expect_way(&cluster, "4672", Some("op-b"));
    clock.set(7 * DAY);
    cluster.node(0).api().set(route("4671", "op-a"));
    cluster.bring_back(2);
    expect_way(&cluster, "4672", Some("op-b"));
    expect_way(&cluster, "4671", Some("op-a"));
    expect_way(&cluster, "4670", None);
}

#[test]
fn the_two_sides_of_a_network_that_fell_apart_agree_afterwards_on_the_later_word() {
    let cluster = Cluster::start_cabled(3, &no_operators());
    for (prefix, node) in [("4670", 0), ("4671", 1), ("4672", 2)] {
        cluster.node(node).api().set(route(prefix, "op-b"));
        expect_way(&cluster, prefix, Some("op-b"));
    }
    cluster.cut_off(2);
    cluster.expect_seen(2, "gone", 2);
    cluster.node(2).api().set(route("4670", "op-a"));
    cluster.node(0).api().unset("kind=route&prefix=4670");
    cluster.node(0).api().unset("kind=route&prefix=4671");
    cluster.node(0).api().set(route("4672", "op-a"));
    cluster.node(2).api().unset("kind=route&prefix=4672");
    cluster.node(2).api().set(route("4673", "op-b"));
    assert_eq!(way(cluster.node(2), "4671").as_deref(), Some("op-b"), "it works with what it knows");
    cluster.mend(2);
    expect_way(&cluster, "4670", None);
    expect_way(&cluster, "4671", None);
    expect_way(&cluster, "4672", None);
    expect_way(&cluster, "4673", Some("op-b"));
}

#[test]
fn a_change_that_was_made_in_sight_of_another_is_later_although_its_clock_is_an_hour_behind() {
    let Some(clock) = SettableClock::new() else { return };
    let cluster = Cluster::start_with(3, &no_operators(), |number, configuration| match number {
        0 => clock.of(configuration),
        _ => configuration,
    });
    clock.set(HOUR);
    cluster.node(0).api().set(route("4670", "op-a"));
    expect_way(&cluster, "4670", Some("op-a"));
    cluster.node(1).api().set(route("4670", "op-b"));
    expect_way(&cluster, "4670", Some("op-b"));
    cluster.node(2).api().unset("kind=route&prefix=4670");
    expect_way(&cluster, "4670", None);
}

#[test]
fn a_change_of_a_clock_that_is_days_ahead_is_not_taken_and_both_are_told_which_clock_it_is() {
    let Some(clock) = SettableClock::new() else { return };
    let cluster = Cluster::start_with(2, &no_operators(), |number, configuration| match number {
        0 => clock.of(configuration),
        _ => configuration,
    });
    clock.set(3 * DAY);
    cluster.node(0).api().set(route("4670", "op-b"));
    let log = cluster.node(1).process().expect_output("set the clock of smsc-0");
    assert!(log.contains("hours ahead") && log.contains("4670"), "{log}");
    assert_eq!(way(cluster.node(1), "4670"), None);
    cluster.node(1).api().set(route("4671", "op-b"));
    expect_way(&cluster, "4671", Some("op-b"));
}

#[test]
fn whoever_writes_at_the_same_time_on_all_nodes_finds_them_agree() {
    let cluster = Cluster::start(3, &no_operators());
    std::thread::scope(|scope| {
        for (number, node) in cluster.nodes() {
            scope.spawn(move || {
                for round in 0..10 {
                    let operator = if (number + round) % 2 == 0 { "op-a" } else { "op-b" };
                    node.api().set(route("4670", operator));
                }
            });
        }
    });
    let all = || cluster.nodes().map(|(_, node)| node.api().get("overrides")).collect::<Vec<_>>();
    eventually("all have the same", || all().iter().all(|one| *one == all()[0]));
}

#[test]
fn a_node_whose_file_lacks_what_a_change_names_sets_it_aside_until_it_fits() {
    let plain = Configuration::new().account("demo").operator_at("op-a", "127.0.0.1:1", "").route("", "op-a");
    let cluster = Cluster::start_with(2, &plain, |number, configuration| match number {
        0 => configuration.operator_at("op-b", "127.0.0.1:1", ""),
        _ => configuration,
    });
    cluster.node(0).api().set(route("4670", "op-b"));
    let origin = |node: &Node| {
        let changed = node.api().get("routes")["changed"].clone();
        changed.as_array().unwrap().iter().find(|one| one["prefix"] == "4670").map(|one| one["origin"].clone())
    };
    eventually("it is set aside", || origin(cluster.node(1)).is_some_and(|origin| origin["in_force"] == false));
    assert_eq!(origin(cluster.node(0)).unwrap()["in_force"], true);
    cluster.node(0).api().set(json!({ "kind": "operator", "name": "op-b", "set": {
        "addresses": ["127.0.0.1:1"], "system_id": "smsc", "password": PASSWORD,
    } }));
    eventually("it fits", || origin(cluster.node(1)).is_some_and(|origin| origin["in_force"] == true));
}

#[test]
fn a_node_is_told_thousands_of_changes_at_once() {
    const COUNT: usize = 5_000;
    let mut cluster = Cluster::start(2, &no_operators());
    cluster.terminate(0);
    let entry = |number: usize| {
        json!({
            "key": { "kind": "route", "prefix": format!("{number:06}") },
            "setting": { "set": { "operators": [{ "name": "op-b" }] } },
            "time": { "millis": 1_764_000_000_000_u64, "counter": number, "node": 0 },
            "by": "alice", "on": "smsc-0", "at": 1_764_000_000_000_u64,
        })
    };
    let entries: Vec<Value> = (0..COUNT).map(entry).collect();
    let text = json!({ "format": 1, "entries": entries }).to_string();
    std::fs::write(cluster.place(0).data().join("overrides.json"), text).unwrap();
    cluster.bring_back(0);
    let count = || cluster.node(1).api().get("overrides")["overrides"].as_array().unwrap().len();
    eventually("all are there", || count() == COUNT);
    cluster.node(1).api().set(route("000007", "op-a"));
    expect_way(&cluster, "000007", Some("op-a"));
}
