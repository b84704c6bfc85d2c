//! The steps of a message for OpenTelemetry: one trace, whichever nodes it comes by; and nobody waits for a collector.

use std::net::SocketAddr;

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::collector::{Collector, Span};
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{usual, usual_with};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::port::Port;

fn message() -> Message {
    Message::to("46701234567").receipt().text("nobody else is to read this")
}

/// An operator that takes all and delivers it.
fn operator() -> Operator {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    operator
}

/// Spans of all messages go there.
fn to(collector: SocketAddr, configuration: Configuration) -> Configuration {
    configuration.section("telemetry", &format!("otlp_endpoint = \"http://{collector}\"\notlp_ratio = 1"))
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[test]
fn a_message_is_one_trace_from_its_submit_to_the_delivery_of_its_receipt() {
    let (collector, operator) = (Collector::start(), operator());
    let node = to(collector.address(), usual(&operator)).start();
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message());
    esme.expect_receipt_of(&id);
    let spans = collector.expect_spans(&id, 3);
    assert_eq!(names(&spans), ["message", "attempt 1", "deliver"]);
    let [root, attempt, deliver] = &spans[..] else { panic!("{spans:?}") };
    assert!(spans.iter().all(|span| span.trace == root.trace && span.error.is_empty()), "{spans:?}");
    assert!(root.parent.is_empty() && [attempt, deliver].iter().all(|span| span.parent == root.id), "{spans:?}");
    assert_eq!((root.attribute("smsc.account"), attempt.attribute("smsc.link")), ("demo", "op-a"));
    assert_eq!((deliver.attribute("smsc.account"), deliver.attribute("smpp.command_status")), ("demo", "ESME_ROK"));
    assert!(root.nanoseconds > 0 && attempt.nanoseconds > 0, "{spans:?}");
    let all = format!("{spans:?}");
    assert!(!all.contains("nobody else") && !all.contains("46701234567"), "{all}");
}

#[test]
fn each_attempt_is_a_span_with_what_the_operator_said() {
    let (collector, operator) = (Collector::start(), Operator::start("op-a"));
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RSYSERR), Answer::Accept]);
    let node = to(collector.address(), usual_with(&operator, "retry = [\"10ms\"]")).start();
    let id = node.transmitter("demo").submit_ok(&message());
    let spans = collector.expect_spans(&id, 3);
    assert_eq!(names(&spans), ["message", "attempt 1", "attempt 2"]);
    assert_eq!((spans[1].error.as_str(), spans[2].error.as_str()), ("ESME_RSYSERR", ""));
}

#[test]
fn an_error_that_means_taken_is_no_failure() {
    let (collector, operator) = (Collector::start(), Operator::start("op-a"));
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RSYSERR)]);
    let node = to(collector.address(), usual_with(&operator, "status = { \"0x08\" = \"accepted\" }")).start();
    let id = node.transmitter("demo").submit_ok(&message());
    let attempt = &collector.expect_spans(&id, 2)[1];
    assert_eq!((attempt.attribute("smpp.command_status"), attempt.error.as_str()), ("ESME_RSYSERR", ""));
    let life = node.api().get(&format!("messages/{id}"))["deliveries"][0]["life"].to_string();
    assert!(!life.contains("ESME_RSYSERR"), "it is no failed attempt: {life}");
}

#[test]
fn steps_on_different_nodes_come_to_one_trace() {
    let (collector, operator) = (Collector::start(), operator());
    let cluster = smsc_tests::cluster::Cluster::start(2, &to(collector.address(), usual(&operator)));
    let link = cluster.expect_one("has the link", |node| node.metric("smsc_link_bound", &[("link", "op-a")]) == 1.0);
    let far = 1 - link;
    let (transmitter, receiver) = (cluster.node(far).transmitter("demo"), cluster.node(link).receiver("demo"));
    let id = transmitter.submit_ok(&message());
    receiver.expect_receipt_of(&id);
    let spans = collector.expect_spans(&id, 3);
    let at = |name: &str| spans.iter().find(|span| span.name == name).expect("a span").node.clone();
    let (here, there) = (format!("smsc-{far}"), format!("smsc-{link}"));
    assert_eq!((at("message"), at("attempt 1"), at("deliver")), (here, there.clone(), there));
    assert!(spans.iter().all(|span| span.trace == spans[0].trace), "{spans:?}");
}

#[test]
fn a_message_from_a_handset_is_a_trace_too() {
    let (collector, operator) = (Collector::start(), operator());
    let node = to(collector.address(), usual(&operator).mo_route("4676", "demo")).start();
    let esme = node.transceiver("demo");
    operator.expect_links(1);
    assert_eq!(operator.deliver(&Message::to("46761234567")), CommandStatus::ESME_ROK);
    esme.expect_delivery();
    smsc_tests::eventually("both steps", || collector.spans().len() == 2);
    let spans = collector.expect_spans(collector.spans()[0].attribute("smsc.message_id"), 2);
    assert_eq!((names(&spans), spans[0].attribute("smsc.link")), (vec!["message", "deliver"], "op-a"));
}

#[test]
fn a_collector_that_is_away_holds_up_nobody_and_gets_spans_when_it_is_back() {
    let (port, operator) = (Port::take(), operator());
    let node = to(port.address(), usual(&operator)).start();
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message());
    esme.expect_receipt_of(&id);
    node.expect_metric_above("smsc_otlp_spans_total", &[("result", "failed")], 0.0);
    let collector = Collector::start_at(port);
    smsc_tests::eventually("the collector has spans", || {
        esme.submit_ok(&message());
        !collector.spans().is_empty()
    });
    let (_, finished) = node.terminate();
    let said = |event: &str| finished.stdout.matches(event).count();
    assert_eq!((said("spans.away"), said("spans.back")), (1, 1), "{}", finished.stdout);
}

#[test]
fn a_collector_that_stalls_holds_up_nobody_and_what_finds_no_room_is_counted() {
    let (collector, operator) = (Collector::start_stalled(), operator());
    let node = to(collector.address(), usual(&operator).account_with("bulk", "window_max = 1000")).start();
    let esme = node.transmitter("bulk");
    esme.submit_ok(&message());
    collector.expect_asked();
    esme.submit_all(vec![message(); 6_000], 1_000, |_, answer| assert!(answer.is_ok(), "{answer:?}"));
    node.expect_metric_above("smsc_otlp_spans_total", &[("result", "dropped")], 0.0);
    assert_eq!(node.metric("smsc_messages_accepted_total", &[]), 6_001.0);
}

#[test]
fn the_last_spans_leave_before_the_node_does() {
    let (collector, operator) = (Collector::start(), operator());
    let node = to(collector.address(), usual(&operator)).start();
    let esme = node.transmitter("demo");
    let id = esme.submit_ok(&message());
    operator.expect_message();
    node.terminate();
    let of_it = collector.spans().iter().filter(|span| span.attribute("smsc.message_id") == id).count();
    assert_eq!(of_it, 2);
}

#[test]
fn without_an_address_nothing_is_sent_and_without_a_ratio_little() {
    let (collector, operator) = (Collector::start(), operator());
    let endpoint = format!("otlp_endpoint = \"http://{}\"\notlp_ratio = 0", collector.address());
    let node = usual(&operator).section("telemetry", &endpoint).start();
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message());
    esme.expect_receipt_of(&id);
    node.terminate();
    assert_eq!(collector.spans(), []);
}
