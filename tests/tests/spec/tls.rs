//! TLS on both edges.

use std::io::{Read, Write};
use std::net::TcpStream;

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::certificate::{Authority, CertificateFiles, ClientTls, shown_at};
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

// Q1
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

/// A listener's key `tls` with these files, and client certificates of that authority.
fn tls_with_client_ca(files: &CertificateFiles, authority: &Authority) -> String {
    let CertificateFiles { certificate, key } = files;
    format!("{{ certificate = {certificate:?}, key = {key:?}, client_ca = {:?} }}", authority.file())
}

#[test]
fn an_account_may_be_bound_to_the_name_in_its_certificate() {
    let authority = Authority::new();
    let node = Configuration::new()
        .account("anybody")
        .account_with("bank", "client_certificate = \"bank.example\"")
        .tls_listener(&tls_with_client_ca(&authority.issue("localhost"), &authority))
        .start();
    let bind = |name: &str, system_id: &str| {
        let esme = Esme::connect_tls(node.tls_address(), &ClientTls::with(authority.issue(name))).unwrap();
        esme.bind(BindKind::Transceiver, system_id)
    };
    assert_eq!(bind("bank.example", "bank"), CommandStatus::ESME_ROK);
    assert_eq!(bind("shop.example", "bank"), CommandStatus::ESME_RBINDFAIL, "the password alone is not enough");
    assert_eq!(bind("shop.example", "anybody"), CommandStatus::ESME_ROK);
    assert_eq!(node.connect().bind(BindKind::Transceiver, "bank"), CommandStatus::ESME_RBINDFAIL, "nor is it in clear");
}

#[test]
fn an_account_bound_to_a_certificate_needs_a_listener_that_asks_for_one() {
    let ended = Configuration::new().account_with("bank", "client_certificate = \"bank.example\"").start_in_vain();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("account[0].client_certificate"), "{ended:?}");
}

/// Waits until the listener shows that certificate.
fn expect_shown(node: &Node, files: &CertificateFiles) {
    let deadline = std::time::Instant::now() + smsc_tests::PATIENCE;
    while shown_at(node.tls_address()) != files.der() {
        assert!(std::time::Instant::now() < deadline, "the new certificate is shown");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_and_no_bind_is_dropped() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let (live, renewed) = (authority.issue("localhost"), authority.issue("renewed.example"));
    let node = usual(&operator).tls_listener(&live.listener_tls()).start();
    let before = node.connect_tls();
    assert_eq!(before.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
    renewed.replace(&live);
    expect_shown(&node, &renewed);
    before.submit_ok(&Message::to("46701234567").text("on the old one"));
    assert_eq!(operator.expect_message().message.as_text(), "on the old one");
    assert_eq!(node.connect_tls().bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
}

#[test]
fn a_certificate_is_renewed_as_kubernetes_does_it_by_exchanging_a_link() {
    let authority = Authority::new();
    let (first, second) = (authority.issue("first.example"), authority.issue("second.example"));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, files) in [("..1", &first), ("..2", &second)] {
        std::fs::create_dir(path(version)).unwrap();
        std::fs::copy(&files.certificate, path(version).join("tls.crt")).unwrap();
        std::fs::copy(&files.key, path(version).join("tls.key")).unwrap();
    }
    let live = CertificateFiles { certificate: path("tls.crt"), key: path("tls.key") };
    std::os::unix::fs::symlink("..1", path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/tls.crt", &live.certificate).unwrap();
    std::os::unix::fs::symlink("..data/tls.key", &live.key).unwrap();
    let node = Configuration::new().account("demo").tls_listener(&live.listener_tls()).start();
    assert_eq!(shown_at(node.tls_address()), first.der());
    std::os::unix::fs::symlink("..2", path("..data_tmp")).unwrap();
    std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
    expect_shown(&node, &second);
}

#[test]
fn a_renewal_that_went_wrong_changes_nothing_and_says_why() {
    let (authority, operator) = (Authority::new(), Operator::start("op-a"));
    let (live, renewed) = (authority.issue("localhost"), authority.issue("renewed.example"));
    let good = live.der();
    let node = usual(&operator).tls_listener(&live.listener_tls()).start();
    std::fs::copy(&renewed.certificate, &live.certificate).unwrap();
    node.process().expect_output("tls.reload");
    node.process().expect_output("not usable with the certificate");
    assert_eq!(shown_at(node.tls_address()), good);
    std::fs::copy(&renewed.key, &live.key).unwrap();
    expect_shown(&node, &renewed);
}

#[test]
fn who_may_sign_client_certificates_is_read_anew_too() {
    let (authority, successor) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let client_ca = folder.path().join("clients.crt");
    std::fs::copy(authority.file(), &client_ca).unwrap();
    let CertificateFiles { certificate, key } = authority.issue("localhost");
    let tls = format!("{{ certificate = {certificate:?}, key = {key:?}, client_ca = {client_ca:?} }}");
    let node = Configuration::new().account("demo").tls_listener(&tls).start();
    let binds = |authority: &Authority| {
        let esme = Esme::connect_tls(node.tls_address(), &ClientTls::with(authority.issue("esme"))).ok()?;
        let bind = smsc_tests::esme::bind_of("demo", smsc_tests::esme::PASSWORD, 0x34);
        let number = esme.connection().request(&smsc_proto::smpp::pdu::Pdu::Bind(BindKind::Transceiver, bind));
        esme.connection().response_or_end(number).map(|frame| frame.header.command_status)
    };
    assert_eq!(binds(&authority), Some(CommandStatus::ESME_ROK));
    std::fs::copy(successor.file(), &client_ca).unwrap();
    let deadline = std::time::Instant::now() + smsc_tests::PATIENCE;
    while binds(&successor) != Some(CommandStatus::ESME_ROK) {
        assert!(std::time::Instant::now() < deadline, "the new authority counts");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(binds(&authority), None, "and the old one does not");
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
