//! smpplib: over TCP and over TLS, which it has not by itself.

use std::process::Command;

use smsc_tests::certificate::Authority;
use smsc_tests::command::{Running, start};
use smsc_tests::configuration::Configuration;
use smsc_tests::port::Port;

use crate::stage::{installed, script, write_ports};

#[test]
#[ignore = "needs SMSC_FOREIGN_PYTHON, a Python with smpplib: tests/run"]
fn smpplib_sends_and_receives_over_tcp_and_tls() {
    let port = Port::take();
    let listen = port.address().to_string();
    let simulator = start(["simulate-operator", "--listen", &listen, "--loopback", "4676", "--receipt-delay", "20ms"]);
    simulator.expect_output("listening");
    let authority = Authority::new();
    let node = Configuration::new()
        .account("demo")
        .operator_at("op-a", &listen, "")
        .route("", "op-a")
        .mo_route("*", "demo")
        .tls_listener(&authority.issue("localhost").listener_tls())
        .start();
    node.expect_metric("smsc_link_bound", &[("link", "op-a")], 1.0);
    write_ports(node.address(), port.address());

    let mut client = Command::new(installed("SMSC_FOREIGN_PYTHON"));
    client
        .arg(script("smpplib_client.py"))
        .args([node.address().ip().to_string(), node.address().port().to_string()])
        .arg(node.tls_address().port().to_string());
    let ended = Running::start(client).expect_end_within(8 * smsc_tests::PATIENCE);
    println!("{}", ended.stdout);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("\nok ").count() + 1, 10, "all promises were looked at: {}", ended.stdout);
}
