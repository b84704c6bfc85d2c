//! A balancer in front of the node says who the client is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use proxy_header::{ProxiedAddress, ProxyHeader};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::PATIENCE;
use smsc_tests::certificate::{Authority, ClientTls};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::Esme;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

/// The balancer is on this machine.
const REQUIRED: &str = "proxy_protocol = \"required\"\ntrusted_proxies = [\"127.0.0.0/8\"]";
const CLIENT: &str = "192.0.2.7:40000";

/// A node with a listener that requires the header; `demo` binds from 192.0.2.0/24 only.
fn node() -> Node {
    Configuration::new().account_with("demo", "allow_from = [\"192.0.2.0/24\"]").listener(REQUIRED).start()
}

fn v1(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    format!("PROXY TCP4 {} 10.0.0.1 {} 2775\r\n", client.ip(), client.port()).into_bytes()
}

fn v2(header: &ProxyHeader<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    header.encode_v2(&mut octets).unwrap();
    octets
}

fn v2_of(client: &str) -> Vec<u8> {
    let ours = "10.0.0.1:2775".parse().unwrap();
    v2(&ProxyHeader::with_address(ProxiedAddress::stream(client.parse().unwrap(), ours)))
}

fn bind_through(node: &Node, header: &[u8]) -> CommandStatus {
    let esme = Esme::connect_through(node.other_address(0), header, None).unwrap();
    esme.bind(BindKind::Transceiver, "demo")
}

/// How many octets the node sends before it closes.
fn answer_to(node: &Node, octets: &[u8]) -> usize {
    let mut stream = TcpStream::connect(node.other_address(0)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(octets).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // What the node did not read makes its close a reset.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the node closes"),
    }
    answer.len()
}

fn refused(node: &Node) -> f64 {
    node.metric("smsc_connections_refused_total", &[("reason", "proxy_header")])
}

#[test]
fn the_address_in_the_header_is_the_clients() {
    let node = node();
    for header in [v1(CLIENT), v2_of(CLIENT)] {
        assert_eq!(bind_through(&node, &header), CommandStatus::ESME_ROK);
    }
    for elsewhere in [v1("198.51.100.1:40000"), v2_of("198.51.100.1:40000")] {
        assert_eq!(bind_through(&node, &elsewhere), CommandStatus::ESME_RBINDFAIL, "allow_from is about the client");
    }
    assert!(node.process().output().contains(CLIENT), "the log names the client, not the balancer");
}

#[test]
fn tls_begins_behind_the_header() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let keys = format!("{REQUIRED}\ntls = {}", authority.issue("localhost").listener_tls());
    let node = usual(&operator).listener(&keys).start();
    for header in [v1(CLIENT), v2_of(CLIENT)] {
        let tls = ClientTls::anonymous();
        let esme = Esme::connect_through(node.other_address(0), &header, Some(&tls)).unwrap();
        assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
        esme.submit_ok(&Message::to("46701234567"));
    }
}

#[test]
fn a_connection_without_a_header_is_closed_without_an_answer() {
    let node = node();
    let submit = Message::to("46701234567").submit_sm(1);
    let broken = b"PROXY TCP4 192.0.2.7 10.0.0.1 forty 2775\r\n";
    for (count, octets) in [&submit[..], b"GET / HTTP/1.1\r\n\r\n", broken].into_iter().enumerate() {
        assert_eq!(answer_to(&node, octets), 0);
        node.expect_metric("smsc_connections_refused_total", &[("reason", "proxy_header")], count as f64 + 1.0);
    }
    assert_eq!(node.metric("smsc_binds_total", &[]), 0.0);
}

#[test]
fn who_is_no_trusted_proxy_is_closed_whatever_it_sends() {
    let keys = "proxy_protocol = \"required\"\ntrusted_proxies = [\"10.0.0.0/8\"]";
    let node = Configuration::new().account("demo").listener(keys).start();
    assert_eq!(answer_to(&node, &v2_of(CLIENT)), 0);
    node.expect_metric("smsc_connections_refused_total", &[("reason", "proxy_header")], 1.0);
}

#[test]
fn where_no_header_is_expected_none_is_believed() {
    let node = Configuration::new().account("demo").start();
    let esme = Esme::connect_through(node.address(), &v1(CLIENT), None).unwrap();
    esme.expect_end();
    assert_eq!(node.metric("smsc_binds_total", &[]), 0.0);
}

#[test]
fn a_header_that_never_comes_ends_with_session_init() {
    let node =
        Configuration::new().account("demo").listener(REQUIRED).section("session", "session_init = \"300ms\"").start();
    assert_eq!(answer_to(&node, b""), 0);
    assert_eq!(answer_to(&node, b"PROXY TCP4 192.0.2.7"), 0);
    node.expect_metric("smsc_connections_refused_total", &[("reason", "proxy_header")], 2.0);
}

#[test]
fn the_header_and_the_bind_share_session_init() {
    let node =
        Configuration::new().account("demo").listener(REQUIRED).section("session", "session_init = \"1500ms\"").start();
    let begun = std::time::Instant::now();
    let mut stream = TcpStream::connect(node.other_address(0)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    stream.write_all(&v1(CLIENT)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the node closes");
    assert!(begun.elapsed() < std::time::Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

#[test]
fn a_balancers_own_checks_are_quiet() {
    let node = node();
    // It connects and goes; or says LOCAL and goes.
    drop(TcpStream::connect(node.other_address(0)).unwrap());
    for header in [v2(&ProxyHeader::with_local()), b"PROXY UNKNOWN\r\n".to_vec()] {
        let mut stream = TcpStream::connect(node.other_address(0)).unwrap();
        stream.write_all(&header).unwrap();
        drop(stream);
        let check = Esme::connect_through(node.other_address(0), &header, None).unwrap();
        check.enquire_link();
        assert_eq!(check.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_RBINDFAIL, "it is no client of ours");
    }
    assert_eq!(refused(&node), 0.0);
    assert!(!node.process().output().contains("listener.proxy_header"), "{}", node.process().output());
}

#[test]
fn trusted_proxies_must_be_named() {
    let ended = Configuration::new().account("demo").listener("proxy_protocol = \"required\"").start_in_vain();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("listener[1].trusted_proxies"), "{ended:?}");
}
