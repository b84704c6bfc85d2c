//! What waits can be ended, moved to another operator, and tried at once: on all nodes, asked first, and with who did it.

use serde_json::json;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::cluster::Cluster;
use smsc_tests::command::{Finished, smsc};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::PASSWORD;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Answer, Operator};

/// Whatever is submitted waits for op-a; nothing for op-b.
fn waiting(other: &Operator) -> Configuration {
    Configuration::new().account("demo").operator_at("op-a", "127.0.0.1:1", "").operator(other).route("", "op-a")
}

fn message() -> Message {
    Message::to("46701234567").receipt()
}

fn ctl(node: &Node, arguments: &[&str]) -> Finished {
    let url = format!("http://{}", node.place().http());
    smsc(["ctl", "--node", &url].iter().chain(arguments))
}

#[test]
fn what_waits_for_an_operator_is_ended_on_all_nodes_and_its_senders_are_told() {
    let cluster = Cluster::start(2, &waiting(&Operator::start("op-b")));
    let receiver = cluster.node(0).receiver("demo");
    let transmitters: Vec<_> = cluster.nodes().map(|(_, node)| node.transmitter("demo")).collect();
    let ids: Vec<String> = transmitters.iter().map(|esme| esme.submit_ok(&message())).collect();
    let would = ctl(cluster.node(1), &["queues", "purge", "op-a"]).stdout;
    assert!(would.contains("2 messages would be ended") && would.contains("--yes"), "{would}");
    let young = ctl(cluster.node(1), &["queues", "purge", "op-a", "--older-than", "1h", "--yes"]).stdout;
    assert!(young.contains("ended: 0 messages"), "{young}");
    let done = ctl(cluster.node(1), &["queues", "purge", "op-a", "--yes"]).stdout;
    assert!(done.contains("ended: 2 messages"), "{done}");
    for id in &ids {
        assert_eq!(receiver.expect_receipt_of(id).stat, "DELETED");
        assert_eq!(cluster.node(0).api().get(&format!("messages/{id}"))["deliveries"][0]["state"], "DELETED");
    }
    let audit = cluster.node(0).api().get("audit")["entries"].clone();
    let purged = audit.as_array().unwrap().iter().filter(|entry| entry["after"] == json!({ "ended": 1 }));
    assert!(purged.clone().all(|entry| entry["action"] == "queue.purge" && entry["what"] == "op-a"), "{audit}");
    assert_eq!(purged.count(), 2, "{audit}");
}

#[test]
fn more_than_one_request_may_take_is_gone_through_to_its_end() {
    let node = waiting(&Operator::start("op-b")).start();
    let smpp = node.address().to_string();
    let load = ["load", "--smsc", &smpp, "--password", PASSWORD, "--count", "120000", "--receipts", "off"];
    assert_eq!(smsc(load).code, Some(0));
    let first = node.api().ask("POST", "queues/op-a/purge", Some(json!({ "older_than": "1h" }))).expect_ok();
    assert_eq!((&first["count"], &first["more"]), (&json!(0), &json!(true)), "{first}");
    let young = ctl(&node, &["queues", "purge", "op-a", "--older-than", "1h", "--yes"]).stdout;
    assert!(young.contains("ended: 0 messages"), "{young}");
    let done = ctl(&node, &["queues", "purge", "op-a", "--yes"]).stdout;
    assert!(done.contains("ended: 120,000 messages"), "{done}");
}

#[test]
fn what_is_with_an_operator_is_not_ended() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Hold]);
    let node = usual_with(&operator, "window = 1").start();
    let esme = node.transceiver("demo");
    esme.submit_ok(&message());
    operator.expect_held(1);
    let waits = esme.submit_ok(&message());
    let answer = node.api().ask("POST", "queues/op-a/purge", Some(json!({}))).expect_ok();
    assert_eq!((&answer["count"], &answer["more"]), (&json!(1), &json!(false)), "{answer}");
    assert_eq!(esme.expect_receipt_of(&waits).stat, "DELETED");
}

#[test]
fn what_waits_for_one_operator_leaves_by_another_once_it_is_moved() {
    let other = Operator::start("op-b");
    let cluster = Cluster::start(2, &waiting(&other));
    let esmes: Vec<_> = cluster.nodes().map(|(_, node)| node.transceiver("demo")).collect();
    esmes.iter().for_each(|esme| _ = esme.submit_ok(&message()));
    let would = ctl(cluster.node(0), &["queues", "move", "op-a", "op-b", "--dry-run"]).stdout;
    assert!(would.contains("2 messages would be moved"), "{would}");
    let done = ctl(cluster.node(0), &["queues", "move", "op-a", "op-b", "--yes"]).stdout;
    assert!(done.contains("moved: 2 messages"), "{done}");
    assert_eq!(other.expect_messages(2).len(), 2);
    let refused = cluster.node(0).api().ask("POST", "queues/op-a/move", Some(json!({ "to": "nobody" })));
    assert_eq!(refused.refusal(), (400, "bad_request", Some("to")));
    let unknown = cluster.node(0).api().ask("POST", "queues/nobody/move", Some(json!({ "to": "op-b" })));
    assert_eq!(unknown.refusal().0, 404);
}

#[test]
fn a_message_that_waits_for_its_next_attempt_is_tried_at_once_when_somebody_says_so() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RSYSERR), Answer::Accept]);
    let node = usual_with(&operator, "retry = [\"1h\"]").start();
    let id = node.transceiver("demo").submit_ok(&message());
    operator.expect_message();
    smsc_tests::eventually("it waits for its next attempt", || {
        node.api().get(&format!("messages/{id}"))["deliveries"][0]["place"] == "retry"
    });
    let done = ctl(&node, &["messages", "retry", &id]).stdout;
    assert!(done.contains("tried at once: 1 delivery"), "{done}");
    operator.expect_message();
    let audit = node.api().get("audit")["entries"][0].clone();
    assert_eq!((&audit["action"], &audit["what"]), (&json!("message.retry"), &json!(format!("message {id}"))));
    let again = node.api().ask("POST", &format!("messages/{id}/retry"), None);
    assert_eq!(again.refusal().0, 409);
    assert!(again.reason().contains("does not wait for a next attempt"), "{}", again.reason());
}

#[test]
fn an_operator_may_move_and_retry_and_only_an_admin_may_purge() {
    let token = "operator-0123456789abcdef";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("operator olga {token}\n")).unwrap();
    let keys = format!("token_file = {:?}", file.path());
    let other = Operator::start("op-b");
    let node = waiting(&other).section("http", &keys).start();
    let api = node.api().with_token(token);
    assert_eq!(api.ask("POST", "queues/op-a/purge", Some(json!({}))).refusal().0, 403);
    assert_eq!(api.ask("POST", "queues/op-a/move", Some(json!({ "to": "op-b" }))).expect_ok()["count"], 0);
}
