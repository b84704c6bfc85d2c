//! Routes, accounts and operators changed while the node runs: at once, durably, with who did it, and back to the file.

use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::{Answer, Operator};

/// Two operators; every number goes to the first.
fn two_operators() -> (Operator, Operator, Configuration) {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let configuration = Configuration::new().account("demo").operator(&a).operator(&b).route("", "op-a");
    (a, b, configuration)
}

fn message() -> Message {
    Message::to("46701234567")
}

fn route(prefix: &str, operator: &str) -> Value {
    json!({ "kind": "route", "prefix": prefix, "set": { "operators": [{ "name": operator }] } })
}

fn account(system_id: &str, keys: Value) -> Value {
    json!({ "kind": "account", "system_id": system_id, "set": keys })
}

fn operator(operator: &Operator) -> Value {
    json!({ "kind": "operator", "name": operator.name(), "set": {
        "addresses": [operator.address().to_string()], "system_id": "smsc", "password": PASSWORD, "retry": ["200ms"],
    } })
}

fn origin_of(node: &Node, prefix: &str) -> Value {
    let routes = node.api().get("routes")["routes"].clone();
    let routes = routes.as_array().unwrap();
    routes.iter().find(|route| route["prefix"] == prefix).map(|route| route["origin"].clone()).unwrap_or_default()
}

/// Waits until it is durable that the operator has the message: a kill before would have it sent again.
fn taken(node: &Node, id: &str) {
    let place = || node.api().get(&format!("messages/{id}"))["deliveries"][0]["place"].clone();
    eventually("the operator has it", || place() == "enroute");
}

#[test]
fn a_route_counts_at_once_survives_a_kill_and_goes_back_to_the_file() {
    let (a, b, configuration) = two_operators();
    let node = configuration.start();
    node.api().set(route("4670", "op-b"));
    let id = node.transmitter("demo").submit_ok(&message().text("new way"));
    assert_eq!(b.expect_message().message.as_text(), "new way");
    taken(&node, &id);

    let node = node.restart();
    let id = node.transmitter("demo").submit_ok(&message().text("still"));
    assert_eq!(b.expect_message().message.as_text(), "still");
    taken(&node, &id);
    let origin = origin_of(&node, "4670");
    assert_eq!(
        (&origin["from"], &origin["by"], &origin["in_force"]),
        (&json!("override"), &json!("local"), &json!(true))
    );

    node.api().unset("kind=route&prefix=4670");
    let node = node.restart();
    node.transmitter("demo").submit_ok(&message().text("old way"));
    assert_eq!(a.expect_message().message.as_text(), "old way");
    assert_eq!((origin_of(&node, ""), origin_of(&node, "4670")), (json!({ "from": "file" }), Value::Null));
}

#[test]
fn a_route_of_the_file_can_be_taken_out_and_brought_back() {
    let (a, _b, configuration) = two_operators();
    let node = configuration.start();
    let esme = node.transmitter("demo");
    node.api().set(json!({ "kind": "route", "prefix": "", "remove": true }));
    assert_eq!(esme.submit(&message()), Err(CommandStatus::ESME_RINVDSTADR));
    assert_eq!(node.api().get("routes")["changed"][0]["removed"], true);
    node.api().unset("kind=route&prefix=");
    esme.submit_ok(&message());
    a.expect_message();
}

#[test]
fn what_does_not_fit_is_refused_with_its_field_and_changes_nothing() {
    let (a, _b, configuration) = two_operators();
    let node = configuration.start();
    for (change, field) in [
        (route("4670", "nobody"), "operators[0].name"),
        (route("+46", "op-a"), "prefix"),
        (json!({ "kind": "route", "prefix": "46", "set": { "operators": [] } }), "operators"),
        (
            json!({ "kind": "route", "prefix": "46", "set": { "operators": [{ "name": "op-a", "weight": 0 }] } }),
            "operators[0].weight",
        ),
        (json!({ "kind": "route", "prefix": "46", "set": { "operator": "op-a" } }), "operator"),
        (account("demo", json!({ "binds_max": 0 })), "binds_max"),
        (account("demo", json!({ "binds_max": "many" })), "binds_max"),
        (account("demo", json!({ "system_id": "other" })), "set.system_id"),
        (account("new", json!({})), "password"),
        (account("new", json!({ "password": "x", "allow_from": ["here"] })), "allow_from[0]"),
        (json!({ "kind": "operator", "name": "op-a", "set": { "addresses": [] } }), "addresses"),
        (json!({ "kind": "account", "system_id": "a b", "set": { "password": "x" } }), "system_id"),
    ] {
        let refused = node.api().ask("PUT", "overrides", Some(change.clone()));
        let (status, _, named) = refused.refusal();
        assert_eq!(
            (status, named.is_some_and(|named| named.starts_with(field))),
            (400, true),
            "{change}: {}",
            refused.json
        );
    }
    let needed =
        node.api().ask("PUT", "overrides", Some(json!({ "kind": "operator", "name": "op-a", "remove": true })));
    assert!(needed.status == 400 && needed.reason().contains("no operator is named"), "{}", needed.json);
    assert_eq!(node.api().get("overrides"), json!({ "overrides": [] }));
    node.transmitter("demo").submit_ok(&message());
    a.expect_message();
    assert!(!node.place().data().join("overrides.json").exists());
}

#[test]
fn a_dry_run_says_whether_it_could_be_done() {
    let (_a, _b, configuration) = two_operators();
    let node = configuration.start();
    let mut change = route("4670", "op-b");
    change["dry_run"] = true.into();
    assert_eq!(node.api().set(change)["dry_run"], true);
    assert_eq!(node.api().get("overrides")["overrides"], json!([]));
}

#[test]
fn an_account_can_be_added_changed_and_taken_out_while_others_stay_bound() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).start();
    let demo = node.transceiver("demo");
    node.api().set(account("shop", json!({ "password": PASSWORD })));
    let shop = node.transceiver("shop");
    shop.submit_ok(&message());

    node.api().set(account("shop", json!({ "password": "other" })));
    let bind = |password| node.connect().bind_as(BindKind::Transmitter, bind_of("shop", password, 0x34)).0;
    assert_eq!(bind(PASSWORD), CommandStatus::ESME_RINVPASWD);
    assert_eq!(bind("other"), CommandStatus::ESME_ROK, "new binds, while the old one stays");
    shop.submit_ok(&message());

    node.api().set(json!({ "kind": "account", "system_id": "shop", "remove": true }));
    shop.expect_unbind();
    shop.expect_end();
    assert_eq!(bind("other"), CommandStatus::ESME_RINVSYSID);
    demo.submit_ok(&message());
}

#[test]
fn limits_of_an_account_count_for_sessions_that_are_bound_already() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_ok(&message().from("Brand"));
    node.api().set(account("demo", json!({ "allowed_sources": ["4670*"] })));
    assert_eq!(esme.submit(&message().from("Brand")), Err(CommandStatus::ESME_RINVSRCADR));
    node.api().set(account("demo", json!({ "throughput_max": 1 })));
    let from = |_| esme.submit(&message().from("46700000000"));
    assert!(
        (0..20).map(from).any(|answer| answer == Err(CommandStatus::ESME_RTHROTTLED)),
        "one a second is not twenty"
    );
    let kept = node.api().get("overrides")["overrides"][0]["set"].clone();
    assert_eq!(kept, json!({ "allowed_sources": ["4670*"], "throughput_max": 1 }), "both changes hold");
    node.api().unset("kind=account&system_id=demo");
    esme.submit_ok(&message().from("Brand"));
}

#[test]
fn a_full_outbox_is_what_the_new_limit_says() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    esme.submit_ok(&message());
    node.api().set(json!({ "kind": "operator", "name": "op-a", "set": { "waiting_max": 1 } }));
    assert_eq!(esme.submit(&message()), Err(CommandStatus::ESME_RMSGQFUL));
    node.api().unset("kind=operator&name=op-a");
    esme.submit_ok(&message());
}

#[test]
fn an_operator_can_be_added_and_gets_its_links_and_messages() {
    let a = Operator::start("op-a");
    let node = Node::with(&a);
    let c = Operator::start("op-c");
    node.api().set(operator(&c));
    c.expect_links(1);
    node.api().set(route("4670", "op-c"));
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message().receipt());
    c.report(&c.expect_message(), MessageState::Delivered);
    esme.expect_receipt_of(&id);
}

#[test]
fn an_operator_that_is_taken_out_unbinds_and_what_waits_goes_another_way() {
    let (a, b, configuration) = two_operators();
    let node = configuration.start();
    a.expect_links(1);
    a.closes();
    let esme = node.transmitter("demo");
    eventually("the link is lost", || node.api().get("links")["links"][0]["state"] == "backing_off");
    for number in 0..20 {
        esme.submit_ok(&message().text(&format!("{number}")));
    }
    node.api().set(route("", "op-b"));
    node.api().set(json!({ "kind": "operator", "name": "op-a", "remove": true }));
    b.expect_messages(20);
    assert!(node.api().get("links")["links"].as_array().unwrap().iter().all(|link| link["operator"] != "op-a"));
    esme.submit_ok(&message().text("new"));
    assert_eq!(b.expect_message().message.as_text(), "new");
}

#[test]
fn what_is_under_way_at_an_operator_that_is_taken_out_is_not_lost() {
    let (a, b, configuration) = two_operators();
    a.answers(Answer::Hold);
    let node = configuration.start();
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message().receipt());
    a.expect_held(1);
    node.api().set(route("", "op-b"));
    node.api().set(json!({ "kind": "operator", "name": "op-a", "remove": true }));
    let held = a.messages().remove(0);
    a.accepts(&held);
    a.expect_unbinds(1);
    let found = node.api().get(&format!("messages/{id}"));
    assert_eq!((&found["deliveries"][0]["state"], b.message_count()), (&json!("ENROUTE"), 0), "it went once: {found}");
}

#[test]
fn a_new_address_of_an_operator_has_its_links_bind_there() {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let node = Node::with(&a);
    a.expect_links(1);
    let moved = json!({ "addresses": [b.address().to_string()] });
    node.api().set(json!({ "kind": "operator", "name": "op-a", "set": moved }));
    a.expect_unbinds(1);
    b.expect_links(1);
    node.transmitter("demo").submit_ok(&message());
    b.expect_message();
    node.api().set(json!({ "kind": "operator", "name": "op-a", "set": { "links": 3 } }));
    b.expect_links(3);
    node.api().unset("kind=operator&name=op-a");
    a.expect_links(1);
}

#[test]
fn a_change_that_does_not_fit_a_new_file_is_left_out_told_and_comes_back() {
    let (a, b, configuration) = two_operators();
    let node = configuration.start();
    node.api().set(route("4670", "op-b"));
    let (place, _) = node.terminate();
    place.configure(&Configuration::new().account("demo").operator(&a).route("", "op-a"));
    let node = place.start_again();
    node.transmitter("demo").submit_ok(&message().text("without"));
    assert_eq!(a.expect_message().message.as_text(), "without");
    let alarms = node.api().get("status")["alarms"].to_string();
    assert!(alarms.contains("4670") && alarms.contains("op-b"), "{alarms}");
    node.api().set(operator(&b));
    node.transmitter("demo").submit_ok(&message().text("with"));
    assert_eq!(b.expect_message().message.as_text(), "with");
}

#[test]
fn a_damaged_file_of_changes_stops_the_start_and_says_what_to_do() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    node.api().set(route("4670", "op-a"));
    let place = node.kill();
    let file = place.data().join("overrides.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    let ended = place.start_in_vain();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("overrides.json: damaged") && ended.stderr.contains("moved away"),
        "{}",
        ended.stderr
    );
    std::fs::remove_file(&file).unwrap();
    place.start_again();
}

#[test]
fn the_test_of_a_route_explains_route_operator_and_link() {
    let (a, b, configuration) = two_operators();
    let node = configuration
        .route_with("46", "operators = [{ name = \"op-b\" }]\naccount = \"demo\"")
        .route("46", "op-a")
        .start();
    a.expect_links(1);
    b.expect_links(1);
    eventually("both are bound", || node.api().get("status")["links"]["bound"] == 2);
    let test = node.api().get("routes/test?number=%2B46701234567&account=demo");
    assert_eq!((&test["operator"], &test["links"]), (&json!("op-b"), &json!(["op-b:0"])), "{test}");
    let why = test["why"].to_string();
    assert!(why.contains("names account and source") && why.contains("only operator"), "{why}");
    b.closes();
    eventually("its link is lost", || node.api().get("status")["links"]["bound"] == 1);
    let why = node.api().get("routes/test?number=46701234567&account=demo")["why"].to_string();
    assert!(why.contains("op-b has no bound link") && why.contains("would wait"), "{why}");
    node.api().set(json!({ "kind": "route", "prefix": "", "remove": true }));
    let none = node.api().get("routes/test?number=4791234567&account=demo");
    assert!(none["operator"].is_null() && none["why"].to_string().contains("ESME_RINVDSTADR"), "{none}");
}
