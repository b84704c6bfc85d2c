//! Every PDU of one account or about one number, for a limited time: all that was said, and never what was written.

use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::cluster::Cluster;
use smsc_tests::command::{Finished, smsc};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::bind_of;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

const NUMBER: &str = "46701234567";

fn with(operator: &Operator) -> Configuration {
    Configuration::new().account("demo").account("other").operator(operator).route("", operator.name())
}

fn start(node: &Node, whose: Value) {
    let mut asked = whose;
    asked["seconds"] = json!(600);
    node.api().ask("POST", "traces", Some(asked)).expect_ok();
}

/// The PDUs of a trace, each with its direction: `in submit_sm`.
fn pdus(node: &Node, whose: &str) -> Vec<String> {
    let lines = node.api().get(&format!("traces/lines?{whose}&limit=1000"))["lines"].clone();
    let said = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    lines.as_array().unwrap().iter().map(|line| format!("{} {}", said(line, "direction"), said(line, "pdu"))).collect()
}

fn expect_pdus(node: &Node, whose: &str, expected: &[&str]) {
    eventually(&format!("{whose} is traced: {expected:?}"), || pdus(node, whose) == expected);
}

fn ctl(node: &Node, arguments: &[&str]) -> Finished {
    let url = format!("http://{}", node.place().http());
    smsc(["ctl", "--node", &url].iter().chain(arguments))
}

#[test]
fn all_that_an_account_says_and_is_told_is_traced_and_nothing_of_others() {
    let operator = Operator::start("op-a");
    let node = with(&operator).start();
    start(&node, json!({ "account": "demo" }));
    node.transmitter("other").submit_ok(&Message::to(NUMBER));
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&Message::to(NUMBER).text("my secret").receipt());
    let taken = operator.expect_messages(2).remove(1);
    operator.report(&taken, MessageState::Delivered);
    esme.expect_receipt_of(&id);
    esme.unbind();
    let bound = ["in bind_transceiver", "out bind_transceiver_resp", "in submit_sm", "out submit_sm_resp"];
    let told = ["out deliver_sm", "in deliver_sm_resp", "in unbind", "out unbind_resp"];
    expect_pdus(&node, "account=demo", &[bound, told].concat());
    let lines = node.api().get("traces/lines?account=demo")["lines"].to_string();
    assert!(lines.contains(NUMBER) && lines.contains(&id), "{lines}");
    assert!(!lines.contains("secret"), "{lines}");
}

#[test]
fn a_bind_that_is_refused_is_traced() {
    let node = Configuration::new().account("demo").start();
    start(&node, json!({ "account": "demo" }));
    let (status, _) = node.connect().bind_as(BindKind::Transmitter, bind_of("demo", "wrong", 0x34));
    assert_ne!(status, CommandStatus::ESME_ROK);
    eventually("the refusal is traced", || {
        let lines = node.api().get("traces/lines?account=demo")["lines"].clone();
        lines.as_array().unwrap().last().is_some_and(|last| last["status"] == status.name())
    });
}

#[test]
fn a_session_that_is_bound_already_is_traced_from_then_on_and_no_longer_when_the_trace_is_stopped() {
    let operator = Operator::start("op-a");
    let node = with(&operator).start();
    let esme = node.transmitter("demo");
    esme.submit_ok(&Message::to(NUMBER));
    start(&node, json!({ "account": "demo" }));
    esme.enquire_link();
    esme.submit_ok(&Message::to(NUMBER));
    eventually("the second is traced", || {
        pdus(&node, "account=demo").iter().filter(|pdu| *pdu == "in submit_sm").count() == 1
    });
    node.api().ask("DELETE", "traces?account=demo", None).expect_ok();
    let before = pdus(&node, "account=demo");
    esme.submit_ok(&Message::to(NUMBER));
    assert_eq!(pdus(&node, "account=demo"), before);
}

#[test]
fn a_number_is_traced_on_sessions_and_links_of_all_nodes() {
    let operator = Operator::start("op-a");
    let plain = Configuration::new().account("demo").route("", operator.name());
    let cluster = Cluster::start_with(2, &plain, |number, given| match number {
        1 => given.operator_with(&operator, "links = 2"),
        _ => given.operator_at(operator.name(), "127.0.0.1:1", "links = 2"),
    });
    operator.expect_links(1);
    start(cluster.node(0), json!({ "number": format!("+{NUMBER}") }));
    let esme = cluster.node(0).transmitter("demo");
    esme.submit_ok(&Message::to("46709999999"));
    esme.submit_ok(&Message::to(NUMBER));
    operator.expect_messages(2);
    let whose = format!("number={NUMBER}");
    eventually("both edges are traced", || {
        let mut seen = pdus(cluster.node(1), &whose);
        seen.sort();
        seen == ["in submit_sm", "in submit_sm_resp", "out submit_sm", "out submit_sm_resp"]
    });
    let lines = cluster.node(0).api().get(&format!("traces/lines?{whose}"))["lines"].clone();
    let of = |node: &str| lines.as_array().unwrap().iter().filter(|line| line["node"] == node).count();
    assert_eq!((of("smsc-0"), of("smsc-1")), (2, 2), "{lines}");
}

#[test]
fn traces_are_started_shown_and_stopped_from_the_shell() {
    let operator = Operator::start("op-a");
    let node = with(&operator).start();
    let started = ctl(&node, &["trace", "start", "--account", "demo", "--for", "1h"]);
    assert!(started.code == Some(0) && started.stdout.contains("account demo"), "{started:?}");
    node.transmitter("demo").submit_ok(&Message::to(NUMBER));
    eventually("the message is shown", || {
        let shown = ctl(&node, &["trace", "show", "--account", "demo"]);
        shown.stdout.contains("demo -> submit_sm") && shown.stdout.contains("demo <- submit_sm_resp")
    });
    let stopped = ctl(&node, &["trace", "stop", "--account", "demo"]);
    assert!(stopped.code == Some(0) && stopped.stdout.contains("ended"), "{stopped:?}");
    assert_eq!(ctl(&node, &["trace", "stop", "--number", NUMBER]).code, Some(1));
    assert_eq!(ctl(&node, &["trace", "start"]).code, Some(2));
}

#[test]
fn what_is_no_subject_and_no_time_is_refused() {
    let node = Configuration::new().account("demo").start();
    for (asked, field) in [
        (json!({ "seconds": 60 }), None),
        (json!({ "account": "demo", "number": NUMBER, "seconds": 60 }), None),
        (json!({ "number": "BANK", "seconds": 60 }), Some("number")),
        (json!({ "account": "demo", "seconds": 0 }), Some("seconds")),
        (json!({ "account": "demo", "seconds": 86_401 }), Some("seconds")),
    ] {
        let answer = node.api().ask("POST", "traces", Some(asked.clone()));
        assert_eq!(answer.refusal(), (400, "bad_request", field), "{asked}");
    }
    assert_eq!(node.api().ask("GET", "traces/lines?account=demo", None).refusal().0, 404);
}
