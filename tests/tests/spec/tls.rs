//! TLS on both edges.

use std::io::{Read, Write};
use std::net::TcpStream;

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::certificate::{Authority, ClientTls};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::Esme;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::Operator;

fn tls_node(authority: &Authority, operator: &Operator) -> Node {
    usual(operator).tls_listener(&authority.issue("localhost").listener_tls()).start()
}

#[test]
fn a_message_may_be_submitted_over_tls() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let node = tls_node(&authority, &operator);
    let esme = node.connect_tls();
    assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
    esme.submit_ok(&Message::to("46701234567").text("sealed"));
    assert_eq!(operator.expect_message().message.as_text(), "sealed");
    operator.deliver(&Message::to("72345").text("and back"));
    assert_eq!(esme.expect_delivery().message.as_text(), "and back");
    esme.unbind();
}

#[test]
fn a_handshake_without_a_word_of_smpp_is_nothing_to_worry_about() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let node = tls_node(&authority, &operator);
    (0..5).for_each(|_| drop(node.connect_tls()));
    let esme = node.connect_tls();
    assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK, "Q1");
    assert_eq!(node.metric("smsc_binds_total", &[]), 1.0, "and no failed bind");
}

#[test]
fn smpp_in_clear_on_the_tls_port_is_closed_without_an_answer_in_clear() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let node = tls_node(&authority, &operator);
    let mut stream = TcpStream::connect(node.tls_address()).unwrap();
    stream.set_read_timeout(Some(smsc_tests::PATIENCE)).unwrap();
    stream.write_all(&Message::to("46701234567").submit_sm(1)).unwrap();
    let mut answer = Vec::new();
    // The end, clean or not; what comes before it is a TLS alert at most.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    assert_eq!(node.connect_tls().bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
}

#[test]
fn a_handshake_that_is_never_finished_is_closed() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let node = usual(&operator)
        .tls_listener(&authority.issue("localhost").listener_tls())
        .section("session", "session_init = \"300ms\"")
        .start();
    let mut stream = TcpStream::connect(node.tls_address()).unwrap();
    stream.set_read_timeout(Some(smsc_tests::PATIENCE)).unwrap();
    stream.write_all(&[22, 3, 1]).unwrap();
    let ended = stream.read(&mut [0]);
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
}

#[test]
fn where_client_certificates_are_asked_for_nobody_binds_without_one() {
    let (authority, stranger, operator) = (Authority::new(), Authority::new(), Operator::start("op-a"));
    let files = authority.issue("localhost");
    let tls = format!(
        "{{ certificate = {:?}, key = {:?}, client_ca = {:?} }}",
        files.certificate,
        files.key,
        authority.file()
    );
    let node = usual(&operator).tls_listener(&tls).start();
    let bind = |tls: &ClientTls| {
        // In TLS 1.3 the client learns of the refusal after its own handshake: the connection ends.
        let esme = Esme::connect_tls(node.tls_address(), tls).ok()?;
        let bind = smsc_tests::esme::bind_of("demo", smsc_tests::esme::PASSWORD, 0x34);
        let number = esme.connection().request(&smsc_proto::smpp::pdu::Pdu::Bind(BindKind::Transceiver, bind));
        esme.connection().response_or_end(number).map(|frame| frame.header.command_status)
    };
    assert_eq!(bind(&ClientTls::anonymous()), None);
    assert_eq!(bind(&ClientTls::with(stranger.issue("esme"))), None);
    assert_eq!(bind(&ClientTls::with(authority.issue("esme"))), Some(CommandStatus::ESME_ROK));
}

#[test]
fn an_operator_is_bound_over_tls_when_its_certificate_is_good() {
    let authority = Authority::new();
    let operator = Operator::start_tls("op-a", &authority.issue("smpp.operator.example"));
    let tls = format!("tls = {{ ca = {:?}, server_name = \"smpp.operator.example\" }}", authority.file());
    let node = usual_with(&operator, &tls).start();
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("sealed"));
    assert_eq!(operator.expect_message().message.as_text(), "sealed");
}

#[test]
fn an_operator_with_a_strangers_certificate_or_name_is_not_bound() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for operator in [
        Operator::start_tls("op-a", &stranger.issue("smpp.operator.example")),
        Operator::start_tls("op-a", &authority.issue("elsewhere.example")),
    ] {
        let tls = format!("tls = {{ ca = {:?}, server_name = \"smpp.operator.example\" }}", authority.file());
        let node = usual_with(&operator, &tls).start();
        node.transmitter("demo").submit_ok(&Message::to("46701234567"));
        let reconnects = || node.metric("smsc_link_reconnects_total", &[("link", "op-a")]);
        let deadline = std::time::Instant::now() + smsc_tests::PATIENCE;
        while reconnects() < 2.0 {
            assert!(std::time::Instant::now() < deadline, "it is tried again");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!((operator.message_count(), node.metric("smsc_link_bound", &[("link", "op-a")])), (0, 0.0));
    }
}

#[test]
fn a_certificate_that_cannot_be_read_stops_the_start() {
    let (authority, files) = (Authority::new(), Authority::new().issue("localhost"));
    let good = authority.issue("localhost");
    std::fs::write(authority.file().with_file_name("bad.crt"), "no certificate").unwrap();
    let bad = authority.file().with_file_name("bad.crt");
    for tls in [
        // The folder of that authority is gone.
        files.listener_tls(),
        format!("{{ certificate = {bad:?}, key = {:?} }}", good.key),
        format!("{{ certificate = {:?}, key = {bad:?} }}", good.certificate),
        format!("{{ certificate = {:?}, key = {:?} }}", authority.file(), good.key),
    ] {
        let ended = Configuration::new().account("demo").tls_listener(&tls).start_in_vain();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "one clear line: {ended:?}");
        assert!(ended.stderr.contains("tls"), "{ended:?}");
    }
}
