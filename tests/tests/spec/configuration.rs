//! What a configuration may say, and how a bad one is refused: before any port is bound, with file, key and reason.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use smsc_tests::command::{Finished, smsc};
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

/// What `smsc check` says to a file of that name and text.
fn check(name: &str, text: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    smsc([Path::new("check"), &file])
}

const GOOD: &str = r#"
[[listener]]
address = "127.0.0.1:2775"
[[account]]
system_id = "demo"
password = "secret"
[[operator]]
name = "op-a"
addresses = ["127.0.0.1:2875"]
system_id = "smsc"
password = "secret"
[[route]]
prefix = ""
operators = [{ name = "op-a" }]
"#;

#[test]
fn the_example_is_good() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/smsc.example.toml");
    let checked = smsc([Path::new("check"), &example]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    assert!(!checked.stdout.contains("later release"), "the example uses what has an effect: {}", checked.stdout);
}

#[test]
fn a_good_file_is_good_in_toml_and_in_yaml() {
    assert_eq!(check("smsc.toml", GOOD).code, Some(0));
    let yaml = "listener:\n  - address: 127.0.0.1:2775\naccount:\n  - system_id: demo\n    password: secret\n";
    assert_eq!(check("smsc.yaml", yaml).code, Some(0));
}

#[test]
fn a_bad_file_is_refused_with_file_key_and_reason() {
    for (added, key) in [
        ("[node]\nnmae = \"x\"", "nmae"),
        ("[node]\nnumber = 60", "node.number"),
        ("[session]\nresponse = \"fast\"", "session.response"),
        ("[session]\nresponse = 30", "session.response"),
        ("[session]\npdu_size_max = \"1GiB\"", "session.pdu_size_max"),
        ("[session]\nbind_errors = \"rude\"", "session.bind_errors"),
        ("[store]\nmemory_max = \"plenty\"", "store.memory_max"),
        ("[store]\npartitions = 17", "store.partitions"),
        ("[store]\npartitions = -1", "store.partitions"),
        ("[nonsense]", "nonsense"),
        ("[[account]]\nsystem_id = \"x\"", "account[1]"),
        ("[[account]]\nsystem_id = \"demo\"\npassword = \"x\"", "account[1].system_id"),
        ("[[account]]\nsystem_id = \"x\"\npassword = \"x\"\nbinds_max = 0", "account[1].binds_max"),
        ("[[account]]\nsystem_id = \"x\"\npassword_file = \"/there/is/none\"", "account[1].password_file"),
        ("[[account]]\nsystem_id = \"x\"\npassword_hash = \"secret\"", "account[1].password_hash"),
        ("[[account]]\nsystem_id = \"x\"\npassword = \"x\"\nallow_from = [\"here\"]", "account[1].allow_from"),
        ("[[operator]]\nname = \"op-b\"\naddresses = [\"127.0.0.1\"]\nsystem_id = \"x\"", "operator[1].addresses"),
        ("[[route]]\nprefix = \"+46\"\noperators = [{ name = \"op-a\" }]", "route[1].prefix"),
        ("[[route]]\nprefix = \"46\"\noperators = [{ name = \"nobody\" }]", "route[1].operators[0].name"),
        ("[[route]]\nprefix = \"\"\noperators = [{ name = \"op-a\" }]", "route[1]"),
        ("[[mo_route]]\ndestination = \"7x\"\naccount = \"demo\"", "mo_route[0].destination"),
        ("[[mo_route]]\ndestination = \"7\"\naccount = \"nobody\"", "mo_route[0].account"),
        ("[[listener]]\naddress = \"127.0.0.1\"", "listener[1].address"),
        ("[http]\naddress = \"0.0.0.0:8080\"", "http.address"),
        ("[router]\nno_route = \"ESME_ROK\"", "router.no_route"),
        ("[drain]\ndeadline = \"1s\"\nlb_delay = \"2s\"", "drain.deadline"),
    ] {
        let checked = check("bad.toml", &format!("{GOOD}\n{added}\n"));
        assert_eq!(checked.code, Some(2), "{added}: {checked:?}");
        let lines = checked.stderr.lines().collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "one line for {added}: {lines:?}");
        assert!(lines[0].contains("bad.toml: ") && lines[0].contains(key), "{key} is not in {lines:?}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let checked = check(
        "bad.toml",
        &format!("{GOOD}\n[[mo_route]]\ndestination = \"7\"\naccount = \"nobody\"\n[drain]\ndeadline = \"1s\""),
    );
    assert_eq!((checked.code, checked.stderr.lines().count()), (Some(2), 2), "{checked:?}");
}

#[test]
fn a_file_that_is_none_is_refused() {
    for (name, text) in [("bad.toml", "listener = ["), ("bad.yaml", "listener: ["), ("smsc.ini", GOOD)] {
        let checked = check(name, text);
        assert_eq!(checked.code, Some(2), "{name}: {checked:?}");
        assert!(checked.stderr.contains(name), "{checked:?}");
    }
    let checked = smsc(["check", "there/is/none.toml"]);
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(checked.stderr.contains("there/is/none.toml"), "{checked:?}");
}

#[test]
fn a_secret_is_not_printed_with_the_reason() {
    let checked = check("bad.toml", &GOOD.replace("password = \"secret\"", "password_hash = \"hunter2\""));
    assert_eq!(checked.code, Some(2));
    assert!(!format!("{checked:?}").contains("hunter2"), "{checked:?}");
}

#[test]
fn a_journal_that_keeps_nothing_is_called_so_by_the_check_and_at_the_start() {
    let checked = check("smsc.toml", &format!("{GOOD}\n[store]\njournal = \"nothing\"\n"));
    assert_eq!(checked.code, Some(0));
    assert!(checked.stdout.contains("WARNING: store.journal"), "{checked:?}");

    let node = Configuration::new().account("demo").section("store", "journal = \"nothing\"").start();
    let (_, ended) = node.terminate();
    let log = ended.stdout + &ended.stderr;
    assert!(log.contains("WARN") && log.contains("EVERY MESSAGE IS LOST"), "{log}");
}

#[test]
fn a_node_with_a_bad_configuration_ends_before_it_binds_a_port() {
    let bad = Configuration::new().account("demo").route("46", "nobody");
    let place = bad.place();
    let ended = place.start_in_vain();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("route[0].operators[0].name"), "{ended:?}");
    assert!(!place.data().exists(), "nothing was written");
    assert!(TcpStream::connect(place.smpp()).is_err());
}

#[test]
fn scalar_keys_may_come_from_the_environment() {
    let configuration = Configuration::new().account("demo");
    let node = configuration.clone().environment("SMSC__SESSION__SESSION_INIT", "200ms").start();
    node.connect().expect_end();
    let ended = configuration.environment("SMSC__SESSION__SESSION_INIT", "soon").start_in_vain();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("SMSC__SESSION__SESSION_INIT"), "{ended:?}");
}

#[test]
fn a_password_may_lie_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let node = Configuration::new().account_with("demo", &format!("password_file = {file:?}")).start();
    node.transceiver("demo");
}

#[test]
fn a_port_in_use_stops_the_start_with_one_clear_line() {
    for port_of in [smsc_tests::node::Place::smpp, smsc_tests::node::Place::http] {
        let operator = Operator::start("op-a");
        let place = usual(&operator).place();
        let address: SocketAddr = port_of(&place);
        let _taken = TcpListener::bind(address).unwrap();
        let ended = place.start_in_vain();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(format!("{ended:?}").contains(&address.to_string()), "{ended:?}");
        let line = |line: &&str| line.contains(&address.to_string());
        assert_eq!(ended.stderr.lines().filter(line).count(), 1, "one clear line: {ended:?}");
    }
}

#[test]
fn the_usual_configuration_of_two_accounts_and_two_operators_runs() {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let node: Node = Configuration::new()
        .account("demo")
        .account("shop")
        .operator(&a)
        .operator(&b)
        .route("4670", "op-a")
        .route("", "op-b")
        .mo_route("72345", "shop")
        .mo_route_with("72345", "demo", "keyword = \"DEMO\"")
        .start();
    let (demo, shop) = (node.transceiver("demo"), node.transceiver("shop"));
    demo.submit_ok(&Message::to("46701234567").text("to a"));
    assert_eq!(a.expect_message().message.as_text(), "to a");
    shop.submit_ok(&Message::to("4791234567").text("to b"));
    assert_eq!(b.expect_message().message.as_text(), "to b");
    a.deliver(&Message::to("72345").text("demo please"));
    assert_eq!(demo.expect_delivery().message.as_text(), "demo please");
    b.deliver(&Message::to("72345").text("anything"));
    assert_eq!(shop.expect_delivery().message.as_text(), "anything");
}
