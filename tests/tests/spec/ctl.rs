//! `smsc ctl`: the same from the shell.

use serde_json::Value;
use smsc_tests::command::{Finished, smsc, start};
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

fn ctl(node: &Node, arguments: &[&str]) -> Finished {
    let url = format!("http://{}", node.place().http());
    smsc(["ctl", "--node", &url].iter().chain(arguments))
}

/// What it prints, when it must succeed.
fn said(node: &Node, arguments: &[&str]) -> String {
    let finished = ctl(node, arguments);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{arguments:?}: {finished:?}");
    finished.stdout
}

fn with_link() -> (Operator, Node) {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    eventually("the link is bound", || node.api().get("status")["links"]["bound"] == 1);
    (operator, node)
}

#[test]
fn status_says_ok_or_what_needs_somebody() {
    let (operator, node) = with_link();
    assert!(said(&node, &["status"]).starts_with("OK "), "{}", said(&node, &["status"]));
    operator.closes();
    eventually("the link is lost", || node.api().get("status")["links"]["bound"] == 0);
    let text = said(&node, &["status"]);
    assert!(text.contains("1 alarm") && text.contains("op-a: no link is bound"), "{text}");
}

#[test]
fn lists_are_tables_or_json() {
    let (_operator, node) = with_link();
    let _esme = node.transceiver("demo");
    for (verb, words) in [
        ("sessions", &["ACCOUNT", "demo", "transceiver"][..]),
        ("links", &["LINK", "op-a:0", "bound"]),
        ("accounts", &["demo", "1/4", "file"]),
        ("operators", &["op-a", "available"]),
        ("routes", &["(all others)", "op-a", "file"]),
        ("queues", &["QUEUE"]),
        ("nodes", &["ready"]),
        ("config", &["smsc.toml", "\"op-a\""]),
    ] {
        let text = said(&node, &[verb]);
        assert!(words.iter().all(|word| text.contains(word)) || text == "none\n", "{verb}: {text}");
        let json: Value = serde_json::from_str(&said(&node, &["--json", verb])).unwrap();
        assert!(json.is_object(), "{verb}");
    }
}

#[test]
fn a_message_is_found_followed_and_cancelled() {
    let (_operator, node) = Node::waiting();
    let id = node.transceiver("demo").submit_ok(&Message::to("46701234567"));
    let found = said(&node, &["messages", "find", "--number", "+46701234567"]);
    assert!(found.contains(&id) && found.contains("no bound link"), "{found}");
    let life = said(&node, &["messages", "trace", &id]);
    assert!(life.contains("towards") && life.contains("46701234567"), "{life}");
    assert!(said(&node, &["messages", "cancel", &id]).contains("1 delivery"));
    let again = ctl(&node, &["messages", "cancel", &id]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("DELETED"), "{again:?}");
}

#[test]
fn a_route_is_set_tested_and_put_back() {
    let (_operator, node) = with_link();
    assert!(said(&node, &["routes", "set", "4670", "--to", "op-a:3", "--dry-run"]).contains("could be done"));
    said(&node, &["routes", "set", "4670", "--to", "op-a:3", "--account", "demo"]);
    assert!(said(&node, &["routes"]).contains("local on"), "{}", said(&node, &["routes"]));
    let test = said(&node, &["routes", "test", "46701234567", "--account", "demo"]);
    assert!(test.starts_with("46701234567: by op-a\n") && test.contains("longest prefix"), "{test}");
    let text = said(&node, &["routes", "unset", "4670", "--account", "demo"]);
    assert_eq!(text, "done: it is gone, and the file has none\n");
    let refused = ctl(&node, &["routes", "set", "4670", "--to", "nobody"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("nobody") && refused.stderr.contains("operators[0].name"), "{refused:?}");
}

#[test]
fn an_account_is_changed_with_a_password_from_a_file() {
    let (_operator, node) = with_link();
    let file = node.place().folder().join("new-password");
    std::fs::write(&file, "123456\n").unwrap();
    let password = format!("password=@{}", file.display());
    let text = said(&node, &["accounts", "set", "shop", &password, "throughput_max=50", "receipt_lifetime=3d"]);
    assert!(text.contains("***") && !text.contains("123456"), "{text}");
    let accounts = said(&node, &["accounts"]);
    assert!(accounts.contains("shop") && accounts.contains("50/s"), "{accounts}");
    said(&node, &["accounts", "unset", "shop"]);
    assert!(!said(&node, &["accounts"]).contains("shop"));
}

#[test]
fn links_are_paused_and_sessions_sent_away() {
    let (operator, node) = with_link();
    said(&node, &["links", "pause", "op-a"]);
    operator.expect_unbinds(1);
    said(&node, &["links", "resume", "op-a:0"]);
    operator.expect_links(1);
    let esme = node.transceiver("demo");
    let sessions: Value = serde_json::from_str(&said(&node, &["--json", "sessions"])).unwrap();
    said(&node, &["sessions", "disconnect", sessions["sessions"][0]["id"].as_str().unwrap()]);
    esme.expect_unbind();
}

#[test]
fn nobody_drains_a_node_by_mistake() {
    let (_operator, node) = with_link();
    let name = node.api().get("nodes")["nodes"][0]["name"].as_str().unwrap().to_owned();
    assert!(said(&node, &["drain", &name]).contains("with --yes it is done"));
    assert_eq!(ctl(&node, &["drain", "another", "--yes"]).code, Some(2));
    said(&node, &["drain", &name, "--yes"]);
    assert_eq!(node.expect_end().1.code, Some(0));
}

#[test]
fn what_is_watched_is_printed_again_and_events_as_they_come() {
    let (_operator, node) = with_link();
    let url = format!("http://{}", node.place().http());
    let watching = start(["ctl", "--node", &url, "--watch=50ms", "links"]);
    eventually("it is printed three times", || watching.output().matches("op-a:0").count() >= 3);
    let top = start(["ctl", "--node", &url, "--watch=50ms", "top"]);
    eventually("top shows rates", || top.output().contains("in 0/s") && top.output().contains("op-a:0"));
    let events = start(["ctl", "--node", &url, "events", "session."]);
    eventually("a bind is seen", || {
        drop(node.transceiver("demo"));
        events.output().contains("session.bind account=demo")
    });
}

#[test]
fn a_token_comes_from_a_file_and_what_is_missing_is_said() {
    let operator = Operator::start("op-a");
    let place = usual(&operator).section("http", "token_file = \"tokens\"").place();
    let tokens = place.folder().join("tokens");
    std::fs::write(&tokens, "viewer eve viewer-0123456789abcdef\n").unwrap();
    let node = place.start_again();
    let refused = ctl(&node, &["status"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("Authorization"), "{refused:?}");
    let file = tokens.to_str().unwrap();
    said(&node, &["--token-file", file, "status"]);
    let refused = ctl(&node, &["--token-file", file, "links", "pause", "op-a"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("role operator"), "{refused:?}");
}

#[test]
fn a_node_that_is_not_there_and_a_wrong_command_line_have_codes_of_their_own() {
    let nobody = smsc(["ctl", "--node", "http://127.0.0.1:1", "status"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.stderr.contains("cannot be reached") && nobody.stderr.contains("SMSC_NODE"), "{nobody:?}");
    for wrong in [
        &["ctl"][..],
        &["ctl", "--node", "nowhere", "status"],
        &["ctl", "messages", "find"],
        &["ctl", "routes", "set", "46"],
        &["ctl", "accounts", "set", "x", "novalue"],
        &["ctl", "--token-file", "there/is/none", "status"],
    ] {
        assert_eq!(smsc(wrong.iter()).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_shell_is_taught_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = smsc(["ctl", "completions", shell]);
        assert_eq!(script.code, Some(0), "{script:?}");
        assert!(script.stdout.contains("disconnect") && script.stdout.contains("simulate-operator"), "{shell}");
    }
}
