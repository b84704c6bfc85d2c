//! What an engineer sees: health and metrics.

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::{Answer, Operator};

const DEMO: (&str, &str) = ("account", "demo");
const LINK: (&str, &str) = ("link", "op-a");

#[test]
fn a_started_node_is_alive_started_and_ready() {
    let node = Configuration::new().account("demo").start();
    for page in ["/livez", "/startupz", "/readyz"] {
        assert_eq!(node.get(page).unwrap().0, 200, "{page}");
    }
    assert_eq!(node.get("/there/is/none").unwrap().0, 404);
}

#[test]
fn an_operator_that_is_down_makes_no_node_unready() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    assert_eq!(node.get("/readyz").unwrap().0, 200);
    assert_eq!(node.metric("smsc_link_bound", &[LINK]), 0.0);
}

#[test]
fn every_metric_says_what_it_is_and_has_our_prefix() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    node.transceiver("demo").submit_ok(&Message::to("46701234567"));
    operator.expect_message();
    let page = node.get("/metrics").unwrap().1;
    let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let names = names.collect::<Vec<_>>();
    assert!(names.len() >= 10, "{page}");
    for name in names {
        // What every process says it says under the names that everybody knows.
        assert!(name.starts_with("smsc_") || name.starts_with("process_"), "{name}");
        assert!(page.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
}

#[test]
fn a_message_is_counted_on_its_way() {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_ok(&Message::to("46701234567").receipt());
    esme.expect_receipt();
    node.expect_metric("smsc_messages_accepted_total", &[DEMO], 1.0);
    node.expect_metric("smsc_delivery_attempts_total", &[LINK, ("result", "ok")], 1.0);
    node.expect_metric("smsc_messages_final_total", &[("state", "delivered")], 1.0);
    node.expect_metric("smsc_receipts_total", &[DEMO, ("result", "delivered")], 1.0);
    let esme_side = |direction, command| [("side", "esme"), ("direction", direction), ("command", command)];
    node.expect_metric("smsc_pdus_total", &esme_side("in", "submit_sm"), 1.0);
    node.expect_metric("smsc_pdus_total", &esme_side("out", "deliver_sm"), 1.0);
    let operator_side = [("side", "operator"), ("direction", "out"), ("command", "submit_sm")];
    node.expect_metric("smsc_pdus_total", &operator_side, 1.0);
    assert!(node.metric("smsc_store_operation_duration_seconds_count", &[]) >= 1.0);
}

#[test]
fn a_refused_submit_is_counted_with_its_reason() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").operator(&operator).route("46", "op-a").start();
    let esme = node.transmitter("demo");
    assert!(esme.submit(&Message::to("99")).is_err());
    assert!(esme.submit(&Message::to("")).is_err());
    node.expect_metric("smsc_messages_rejected_total", &[DEMO, ("reason", "no_route")], 1.0);
    node.expect_metric("smsc_messages_rejected_total", &[DEMO, ("reason", "bad_address")], 1.0);
    let responses = [("command", "submit_sm_resp"), ("status", "ESME_RINVDSTADR")];
    node.expect_metric("smsc_pdu_responses_total", &responses, 2.0);
    assert_eq!(node.metric("smsc_messages_accepted_total", &[DEMO]), 0.0);
}

#[test]
fn sessions_and_binds_are_counted_by_kind() {
    let node = Configuration::new().account("demo").start();
    let esmes = [node.transmitter("demo"), node.receiver("demo"), node.transceiver("demo")];
    for kind in ["tx", "rx", "trx"] {
        node.expect_metric("smsc_sessions", &[DEMO, ("bind_type", kind)], 1.0);
        node.expect_metric("smsc_binds_total", &[DEMO, ("bind_type", kind), ("status", "ESME_ROK")], 1.0);
    }
    drop(esmes);
    node.expect_metric("smsc_sessions", &[DEMO], 0.0);
    node.expect_metric("smsc_session_closes_total", &[("reason", "peer_close")], 3.0);
}

#[test]
fn who_is_unknown_makes_no_label_of_his_own() {
    let node = Configuration::new().account("demo").start();
    for name in ["mallory", "eve"] {
        node.connect().bind_as(BindKind::Transceiver, bind_of(name, PASSWORD, 0x34));
    }
    node.expect_metric("smsc_binds_total", &[("account", "_unknown"), ("status", "ESME_RINVSYSID")], 2.0);
    let page = node.get("/metrics").unwrap().1;
    assert!(!page.contains("\"mallory\"") && !page.contains("\"eve\""), "{page}");
}

#[test]
fn numbers_and_ids_are_in_no_metric_and_numbers_in_no_log() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).section("telemetry", "log_level = \"debug\"").start();
    let esme = node.transmitter("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567"));
    esme.submit(&Message::to("46701234567").with(|message| message.esm_class = 2)).unwrap_err();
    operator.expect_message();
    let page = node.get("/metrics").unwrap().1;
    assert!(!page.contains("46701234567") && !page.contains(&message_id), "{page}");
    let log = node.process().output() + &node.process().errors();
    assert!(!log.contains("46701234567"), "telemetry.mask_numbers: {log}");
}

#[test]
fn a_links_state_and_attempts_are_counted() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    node.expect_metric("smsc_link_bound", &[LINK], 1.0);
    node.expect_metric("smsc_window_size", &[LINK], 10.0);
    operator.answers_next([
        Answer::Refuse(CommandStatus::ESME_RSYSERR),
        Answer::Accept,
        Answer::Refuse(CommandStatus::ESME_RINVDSTADR),
    ]);
    let esme = node.transmitter("demo");
    esme.submit_ok(&Message::to("46701234567"));
    operator.expect_messages(2);
    esme.submit_ok(&Message::to("46701234567"));
    for result in ["ok", "temporary", "permanent"] {
        node.expect_metric("smsc_delivery_attempts_total", &[LINK, ("result", result)], 1.0);
    }
    operator.closes();
    node.expect_metric("smsc_link_bound", &[LINK], 0.0);
}

#[test]
fn what_waits_for_an_operator_is_counted() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    (0..5).for_each(|_| drop(esme.submit_ok(&Message::to("46701234567"))));
    node.expect_metric("smsc_queue_messages", &[LINK], 5.0);
    operator.opens();
    operator.expect_messages(5);
    node.expect_metric("smsc_queue_messages", &[LINK], 0.0);
}

#[test]
fn a_log_for_people_has_colours_on_a_terminal_only_and_one_for_machines_is_json() {
    let text = Configuration::new().account("demo").section("telemetry", "log_format = \"text\"").start();
    let log = text.terminate().1;
    assert!(!log.stdout.is_empty() && !log.stdout.contains('\x1b'), "{log:?}");
    let json = Configuration::new().account("demo").section("telemetry", "log_format = \"json\"").start();
    let log = json.terminate().1;
    let is_object = |line: &str| line.starts_with('{') && line.ends_with('}');
    assert!(!log.stdout.is_empty() && log.stdout.lines().all(is_object), "{log:?}");
}

#[test]
fn the_process_says_what_it_takes_of_its_machine_and_the_node_how_full_it_is() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual(&operator).section("store", "messages_max = 100").start();
    let open = node.metric("process_open_fds", &[]);
    assert!(open > 3.0 && open < node.metric("process_max_fds", &[]), "{open}");
    assert!(node.metric("process_resident_memory_bytes", &[]) > 1e6 && node.metric("process_threads", &[]) > 1.0);
    let esme = node.transmitter("demo");
    (0..90).for_each(|_| _ = esme.submit_ok(&Message::to("46701234567")));
    node.expect_metric_above("smsc_load_ratio", &[], 0.89);
}
