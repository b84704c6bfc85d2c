//! Files that are read again while the node runs: what follows, what waits for a restart, and that a bad file is no harm.

use serde_json::json;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::command::smsc;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

fn message() -> Message {
    Message::to("46701234567")
}

fn status_of_bind(node: &Node, system_id: &str, password: &str) -> CommandStatus {
    node.connect().bind_as(BindKind::Transmitter, bind_of(system_id, password, 0x34)).0
}

/// Another file, and the node told to read it.
fn reload(node: &Node, configuration: &Configuration) {
    node.place().configure(configuration);
    node.process().hang_up();
}

#[test]
fn a_changed_file_counts_within_seconds_by_itself() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let demo = node.transceiver("demo");
    assert_eq!(status_of_bind(&node, "shop", PASSWORD), CommandStatus::ESME_RINVSYSID);
    node.place().configure(&usual(&operator).account("shop"));
    eventually("shop may bind", || node.api().get("accounts")["accounts"].as_array().unwrap().len() == 2);
    assert_eq!(status_of_bind(&node, "shop", PASSWORD), CommandStatus::ESME_ROK);
    demo.submit_ok(&message());
}

#[test]
fn a_hangup_has_the_file_read_at_once_and_nobody_is_disturbed() {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let node = Node::with(&a);
    let esme = node.transceiver("demo");
    a.expect_binds(1);
    reload(&node, &usual(&a).operator(&b).route("4670", "op-b"));
    b.expect_links(1);
    esme.submit_ok(&message());
    b.expect_message();
    esme.submit_ok(&Message::to("4791234567"));
    a.expect_message();
    assert_eq!(a.bound_kinds().len(), 1, "its link is the one that it had");
    node.expect_metric("smsc_config_last_reload_successful", &[], 1.0);
}

#[test]
fn a_bad_file_changes_nothing_and_says_what_check_says() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let before = node.metric("smsc_config_last_reload_success_timestamp_seconds", &[]);
    reload(&node, &usual(&operator).account("shop").route("4670", "nobody"));
    node.expect_metric("smsc_config_last_reload_successful", &[], 0.0);
    assert_eq!(node.metric("smsc_config_last_reload_success_timestamp_seconds", &[]), before);
    let checked = smsc(["check".as_ref(), node.place().configuration_file().as_os_str()]).stderr;
    let line = checked.lines().next().expect("a reason");
    assert!(line.contains("route[1].operators[0].name"), "{line}");
    node.process().expect_output(line);
    assert_eq!(node.api().get("config")["error"]["reason"], json!(checked.trim_end()));
    assert_eq!(status_of_bind(&node, "shop", PASSWORD), CommandStatus::ESME_RINVSYSID, "nothing is half applied");
    esme.submit_ok(&message());
    operator.expect_message();

    reload(&node, &usual(&operator).account("shop"));
    node.expect_metric("smsc_config_last_reload_successful", &[], 1.0);
    assert_eq!(node.api().get("config")["error"], json!(null));
    assert_eq!(status_of_bind(&node, "shop", PASSWORD), CommandStatus::ESME_ROK);
}

#[test]
fn half_a_file_and_none_at_all_change_nothing() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let file = node.place().configuration_file();
    let text = std::fs::read_to_string(&file).unwrap();
    for bad in [Some(&text[..text.len() / 2]), Some(""), Some("not = [toml"), None] {
        match bad {
            Some(bad) => std::fs::write(&file, bad).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let refused = node.api().ask("POST", "config/reload", None);
        assert_eq!(refused.refusal(), (409, "bad_configuration", None), "{bad:?}");
        node.transmitter("demo").submit_ok(&message());
    }
    std::fs::write(&file, &text).unwrap();
    node.api().post("config/reload");
}

#[test]
fn a_secret_in_a_file_of_its_own_follows() {
    let operator = Operator::start("op-a");
    let place = Configuration::new()
        .account_with("demo", "password_file = \"password\"")
        .operator(&operator)
        .route("", "op-a")
        .place();
    std::fs::write(place.folder().join("password"), "first\n").unwrap();
    let node = place.start_again();
    assert_eq!(status_of_bind(&node, "demo", "first"), CommandStatus::ESME_ROK);
    // As Kubernetes does it: another file in its place.
    let folder = node.place().folder();
    std::fs::write(folder.join("new"), "second\n").unwrap();
    std::fs::rename(folder.join("new"), folder.join("password")).unwrap();
    node.process().expect_output("config.reloaded");
    assert_eq!(status_of_bind(&node, "demo", "second"), CommandStatus::ESME_ROK);
    assert_eq!(status_of_bind(&node, "demo", "first"), CommandStatus::ESME_RINVPASWD);
}

#[test]
fn tokens_of_the_api_follow() {
    let operator = Operator::start("op-a");
    let place = usual(&operator).section("http", "token_file = \"tokens\"").place();
    let tokens = place.folder().join("tokens");
    std::fs::write(&tokens, "admin alice first-0123456789abcdef\n").unwrap();
    let node = place.start_again();
    let status = |token: &str| node.api().with_token(token).ask("GET", "status", None).status;
    assert_eq!(status("first-0123456789abcdef"), 200);
    std::fs::write(&tokens, "admin alice second-0123456789abcdef\n").unwrap();
    node.process().hang_up();
    eventually("the new token counts", || status("second-0123456789abcdef") == 200);
    assert_eq!(status("first-0123456789abcdef"), 401);
}

#[test]
fn what_cannot_follow_is_named_and_waits_for_the_restart() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    reload(
        &node,
        &usual(&operator).account("shop").section("store", "messages_max = 7").section("session", "response = \"7s\""),
    );
    node.process().expect_output("config.restart");
    let config = node.api().get("config");
    assert_eq!(config["waits_for_restart"], json!(["session", "store"]), "{config}");
    let waits = node.api().get("config/differences")["nodes"][0]["waits"].clone();
    let response = json!({ "key": "session.response", "in_force": null, "file": "7s" });
    assert!(waits.as_array().unwrap().contains(&response), "{waits}");
    assert!(!waits.to_string().contains("shop"), "what counts already does not wait: {waits}");
    assert_eq!(status_of_bind(&node, "shop", PASSWORD), CommandStatus::ESME_ROK, "the rest counts");
    let log = node.process().output();
    let line = log.lines().find(|line| line.contains("config.restart")).unwrap();
    assert!(line.contains("session, store"), "{line}");
}

#[test]
fn the_log_level_follows() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    reload(&node, &usual(&operator).section("telemetry", "log_level = \"error\""));
    node.process().expect_output("config.reload");
    eventually("nothing is said below an error", || {
        let before = node.process().output().len();
        drop(node.transceiver("demo"));
        node.process().output().len() == before
    });
    node.api().post("links/op-a/reconnect");
    node.process().expect_output("link.reconnect");
}

#[test]
fn an_override_lies_on_top_of_every_file() {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let configuration = usual(&a).operator(&b);
    let node = configuration.start();
    let set = json!({ "operators": [{ "name": "op-b" }] });
    node.api().set(json!({ "kind": "route", "prefix": "4670", "set": set }));
    node.place().configure(&configuration.clone().route("4670", "op-a").account("shop"));
    node.api().post("config/reload");
    node.transmitter("shop").submit_ok(&message());
    b.expect_message();
    node.api().unset("kind=route&prefix=4670");
    node.transmitter("shop").submit_ok(&message());
    a.expect_message();
}

#[test]
fn reloads_under_load_cost_no_message_and_no_session() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let api = node.api();
    let reloads = std::thread::spawn(move || {
        for number in 0..20 {
            api.set(json!({ "kind": "account", "system_id": "demo", "set": { "binds_max": 10 + number } }));
            api.post("config/reload");
        }
    });
    let mut submitted = 0;
    while !reloads.is_finished() {
        let messages = (0..50).map(|number| message().text(&format!("{number}")));
        esme.submit_all(messages, 10, |_, answer| assert!(answer.is_ok(), "{answer:?}"));
        submitted += 50;
    }
    reloads.join().unwrap();
    operator.expect_messages(submitted);
    assert_eq!(operator.message_count(), submitted);
}
