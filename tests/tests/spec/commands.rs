//! The commands, as a user runs them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::PATIENCE;
use smsc_tests::certificate::Authority;
use smsc_tests::command::{Finished, Running, smsc, start, start_in};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::PASSWORD;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::port::Port;

const NUMBER: &str = "46701234567";

/// An operator that reports every message as delivered, and a node that uses it.
fn delivering() -> (Operator, Node) {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = Node::with(&operator);
    (operator, node)
}

/// A command for that node's account, with these arguments behind it.
fn arguments<'a>(command: &'a str, address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let bind = [command, "--smsc", address, "--system-id", "demo", "--password", PASSWORD];
    bind.into_iter().chain(more.iter().copied()).collect()
}

fn send(address: SocketAddr, more: &[&str]) -> Finished {
    smsc(arguments("send", &address.to_string(), more))
}

#[test]
fn send_shows_the_message_id_and_the_receipt() {
    let (operator, node) = delivering();
    let sent = send(node.address(), &["--to", NUMBER, "--from", "Brand", "--text", "hello"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.contains("DELIVRD"), "{sent:?}");
    let id = sent.stdout.split_once("message_id ").unwrap().1.split(' ').next().unwrap();
    assert!(!id.is_empty() && id.bytes().all(|octet| octet.is_ascii_digit()), "{sent:?}");
    assert!(!sent.stdout.contains('\x1b'), "no colours where nobody sees them: {sent:?}");
    let message = operator.expect_message().message;
    assert_eq!((message.as_text().as_str(), &message.source.digits[..]), ("hello", &b"Brand"[..]));
}

#[test]
fn send_works_over_tls() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    operator.reports(MessageState::Delivered);
    let node = usual(&operator).tls_listener(&authority.issue("localhost").listener_tls()).start();
    let sent = send(node.tls_address(), &["--tls", "--to", NUMBER]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let wrong = send(node.address(), &["--tls", "--to", NUMBER]);
    assert_eq!(wrong.code, Some(1), "the port in clear speaks no TLS: {wrong:?}");
}

#[test]
fn send_carries_long_texts_and_emoji_whole() {
    let (operator, node) = delivering();
    let long = "All that glitters is not gold; often have you heard that told. ".repeat(7);
    for text in [&long[..400], "🎉 smörgåsbord 漢字 ✨", "€".repeat(200).as_str()] {
        let sent = send(node.address(), &["--to", NUMBER, "--text", text]);
        assert_eq!(sent.code, Some(0), "{sent:?}");
        let parts = sent.stdout.matches("message_id ").count();
        let arrived = operator.expect_messages(parts);
        let whole = arrived.iter().map(|one| one.message.as_text_of_part()).collect::<String>();
        assert_eq!(whole, text);
    }
}

#[test]
fn send_fails_when_the_message_is_not_delivered() {
    let (operator, node) = delivering();
    operator.reports(MessageState::Undeliverable);
    let sent = send(node.address(), &["--to", NUMBER]);
    assert_eq!(sent.code, Some(1), "{sent:?}");
    assert!(sent.stdout.contains("UNDELIV"), "{sent:?}");
    operator.answers(Answer::Refuse(CommandStatus::ESME_RX_R_APPN));
    assert_eq!(send(node.address(), &["--to", NUMBER]).code, Some(1));
}

#[test]
fn send_fails_when_no_receipt_comes_in_time() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let begin = Instant::now();
    let sent = send(node.address(), &["--to", NUMBER, "--wait", "1s"]);
    assert_eq!(sent.code, Some(1), "{sent:?}");
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[test]
fn send_says_in_one_line_why_it_could_not() {
    let (_operator, node) = delivering();
    let nobody = Port::take();
    let (address, nobody) = (node.address().to_string(), nobody.address().to_string());
    let with_password =
        |password| vec!["send", "--smsc", &address, "--system-id", "demo", "--password", password, "--to", NUMBER];
    for arguments in [
        arguments("send", &nobody, &["--to", NUMBER]),
        with_password("wrong"),
        arguments("send", &address, &["--to", NUMBER, "--smsc", "no.such.host.invalid:2775"]),
    ] {
        let sent = smsc(arguments.clone());
        assert_ne!(sent.code, Some(0), "{arguments:?}: {sent:?}");
        assert!(!sent.stderr.trim().is_empty() && !sent.stderr.contains("panicked"), "{arguments:?}: {sent:?}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [
        &["send"][..],
        &["send", "--to"],
        &["send", "--to", "not a number"],
        &["send", "--to", NUMBER, "--wait", "soon"],
        &["fly"],
        &["run", "--config"],
        &["simulate-operator"],
        &["load", "--binds", "0"],
    ] {
        let ended = smsc(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    }
    assert_eq!(smsc(["--help"]).code, Some(0));
    assert_eq!(smsc(["--version"]).code, Some(0));
}

#[test]
fn receive_prints_messages_and_receipts() {
    let (operator, node) = delivering();
    let address = node.address().to_string();
    let receive = start(arguments("receive", &address, &["--count", "2", "--for", "20s"]));
    receive.expect_output("bound");
    operator.deliver(&Message::to("72345").from(NUMBER).text("from a handset"));
    assert!(receive.expect_output("from a handset").contains(NUMBER));
    let message_id = node.transmitter("demo").submit_ok(&Message::to(NUMBER).receipt());
    let received = receive.expect_end();
    assert_eq!(received.code, Some(0), "{received:?}");
    assert!(received.stdout.contains(&message_id) && received.stdout.contains("DELIVRD"), "{received:?}");
}

#[test]
fn receive_fails_when_too_little_came() {
    let (_operator, node) = delivering();
    let received = smsc(arguments("receive", &node.address().to_string(), &["--count", "1", "--for", "1s"]));
    assert_eq!(received.code, Some(1), "{received:?}");
}

/// A simulated operator on a port of its own, and a node that uses it.
fn simulated(more: &[&str]) -> (Running, Node, Port) {
    let port = Port::take();
    let listen = port.address().to_string();
    let arguments = ["simulate-operator", "--listen", &listen].into_iter().chain(more.iter().copied());
    let simulator = start(arguments);
    simulator.expect_output("listening");
    let node = Configuration::new()
        .account("demo")
        .operator_at("op-a", &listen, "")
        .route("", "op-a")
        .mo_route("*", "demo")
        .start();
    node.expect_metric("smsc_link_bound", &[("link", "op-a")], 1.0);
    (simulator, node, port)
}

#[test]
fn the_send_receive_test_passes_against_a_number_that_answers() {
    let (_simulator, node, _port) = simulated(&["--loopback", "4676"]);
    let received = smsc(arguments("receive", &node.address().to_string(), &["--send-to", "46761234567"]));
    assert_eq!(received.code, Some(0), "{received:?}");
}

#[test]
fn the_send_receive_test_fails_when_the_message_is_not_delivered() {
    let (_simulator, node, _port) = simulated(&["--undelivered", "1"]);
    let received = smsc(arguments("receive", &node.address().to_string(), &["--send-to", "46761234567"]));
    assert_eq!(received.code, Some(1), "{received:?}");
}

#[test]
fn a_simulated_operator_delivers_and_misbehaves_as_it_is_told() {
    for (faults, code) in [
        (&["--receipt-delay", "10ms"][..], 0),
        (&["--receipts", "twice"], 0),
        (&["--receipts", "early"], 0),
        (&["--ids", "uuid"], 0),
        (&["--error-rate", "0.5:ESME_RSYSERR"], 0),
        (&["--undelivered", "1"], 1),
        (&["--error-rate", "1:ESME_RINVDSTADR"], 1),
        (&["--receipts", "never"], 1),
    ] {
        let (_simulator, node, _port) = simulated(faults);
        let sent = send(node.address(), &["--to", NUMBER, "--wait", if code == 0 { "20s" } else { "2s" }]);
        assert_eq!(sent.code, Some(code), "{faults:?}: {sent:?}");
    }
}

#[test]
fn a_simulated_operator_originates_messages() {
    let (_simulator, node, _port) = simulated(&["--mo-rate", "50", "--mo-to", "72345"]);
    let esme = node.receiver("demo");
    for _ in 0..10 {
        assert_eq!(&esme.expect_delivery().message.destination.digits[..], b"72345");
    }
}

#[test]
fn a_simulated_operator_on_a_taken_port_says_so() {
    let taken = Port::take();
    let _listener = std::net::TcpListener::bind(taken.address()).unwrap();
    let ended = smsc(["simulate-operator", "--listen", &taken.address().to_string()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&taken.address().to_string()), "{ended:?}");
}

#[test]
fn load_submits_and_counts() {
    let (_simulator, node, _port) = simulated(&["--receipt-delay", "0s"]);
    let more = ["--binds", "2", "--window", "10", "--count", "1000"];
    let loaded = smsc(arguments("load", &node.address().to_string(), &more));
    assert_eq!(loaded.code, Some(0), "{loaded:?}");
    node.expect_metric("smsc_messages_accepted_total", &[("account", "demo")], 1_000.0);
    assert!(loaded.stdout.replace(['_', ',', '\''], "").contains("1000"), "{loaded:?}");
}

#[test]
fn load_goes_on_when_the_node_comes_back_and_says_what_was_lost() {
    let (_simulator, node, _port) = simulated(&["--receipt-delay", "0s"]);
    let address = node.address().to_string();
    let more = ["--binds", "2", "--window", "20", "--count", "20000", "--response-timeout", "5s", "--json"];
    let load = start(arguments("load", &address, &more));
    expect_accepted(&node, 1_000.0);
    let _node = node.restart();
    let loaded = load.expect_end();
    assert_eq!(loaded.code, Some(0), "no receipt of an accepted message is missing: {loaded:?}");
    let said: serde_json::Value = serde_json::from_str(&loaded.stdout).unwrap();
    let number = |name: &str| said[name].as_u64().unwrap();
    assert_eq!((number("connections_lost"), number("reconnects"), number("not_bound")), (2, 2, 0), "{said}");
    assert_eq!(number("accepted") + number("lost"), 20_000, "{said}");
}

/// Waits until that node has accepted so many messages, or more.
fn expect_accepted(node: &Node, count: f64) {
    let deadline = Instant::now() + PATIENCE;
    while node.metric("smsc_messages_accepted_total", &[("account", "demo")]) < count {
        assert!(Instant::now() < deadline, "{count} messages should be accepted");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn idle_binds_answer_enquire_link_and_stay() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).section("session", "enquire_link = \"200ms\"").start();
    let loaded = smsc(arguments("load", &node.address().to_string(), &["--idle", "--binds", "3", "--duration", "2s"]));
    assert_eq!(loaded.code, Some(0), "{loaded:?}");
    let answered = [("side", "esme"), ("direction", "in"), ("command", "enquire_link_resp")];
    assert!(node.metric("smsc_pdu_responses_total", &answered) >= 6.0, "each of them twice or more: {loaded:?}");
    assert_eq!(node.metric("smsc_enquire_link_timeouts_total", &[]), 0.0);
}

#[test]
fn load_fails_when_nobody_is_there() {
    let nobody = Port::take();
    let loaded = smsc(arguments("load", &nobody.address().to_string(), &["--count", "10"]));
    assert_eq!(loaded.code, Some(1), "{loaded:?}");
}

#[test]
fn without_a_configuration_a_demo_runs() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start_in(folder.path(), ["run"]);
    let deadline = Instant::now() + PATIENCE;
    let http = "127.0.0.1:8080".parse().unwrap();
    while !matches!(smsc_tests::node::get(http, "/readyz"), Ok((200, _))) {
        assert!(Instant::now() < deadline, "the demo is not ready: {} {}", demo.output(), demo.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    for arguments in [
        &["send", "--to", NUMBER, "--text", "hello"][..],
        &["send", "--to", NUMBER, "--tls"],
        &["receive", "--send-to", "46761234567"],
    ] {
        let ended = smsc(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    }
    assert!(folder.path().join("data").is_dir());
    demo.terminate();
    assert_eq!(demo.expect_end().code, Some(0));
}
