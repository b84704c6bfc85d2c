//! What operations people ask of a node over HTTP, what they tell it to do, and who may.

use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_tests::api::Api;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::{Answer, Operator};

const VIEWER: &str = "viewer-0123456789abcdef";
const OPERATOR: &str = "operator-0123456789abcdef";
const ADMIN: &str = "admin-0123456789abcdef";

/// A node with a token for each role.
fn guarded(operator: &Operator) -> Node {
    let place = usual(operator).section("http", "token_file = \"tokens\"").place();
    let tokens = format!("viewer eve {VIEWER}\noperator oscar {OPERATOR}\nadmin alice {ADMIN}\n");
    std::fs::write(place.folder().join("tokens"), tokens).unwrap();
    place.start_again()
}

fn message() -> Message {
    Message::to("46701234567").text("hello")
}

fn link_state(api: &Api) -> String {
    api.get("links")["links"][0]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_node_that_works_says_so() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    let _esme = node.transceiver("demo");
    eventually("the link is bound", || link_state(&node.api()) == "bound");
    let status = node.api().get("status");
    assert_eq!((&status["node"]["state"], &status["alarms"]), (&json!("ready"), &json!([])), "{status}");
    assert_eq!((&status["sessions"]["bound"], &status["links"]["bound"]), (&json!(1), &json!(1)));
    assert_eq!(node.api().get("nodes")["missing"], json!([]));
}

#[test]
fn a_broken_link_is_an_alarm_with_its_reason_and_stands_first() {
    let (_operator, node) = Node::waiting();
    eventually("the link backs off", || link_state(&node.api()) == "backing_off");
    let alarms = node.api().get("status")["alarms"].clone();
    assert_eq!((&alarms[0]["severity"], &alarms[0]["what"]), (&json!("critical"), &json!("link")), "{alarms}");
    assert!(alarms[0]["reason"].as_str().unwrap().contains("op-a: no link is bound: cannot connect"), "{alarms}");
    let link = node.api().get("links")["links"][0].clone();
    assert!(link["last_error"]["reason"].as_str().unwrap().contains("refused"), "{link}");
}

#[test]
fn sessions_are_listed_and_one_can_be_sent_away() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let (first, second) = (node.transceiver("demo"), node.transmitter("demo"));
    first.submit_ok(&message());
    let sessions = node.api().get("sessions?account=demo")["sessions"].clone();
    let binds: Vec<&Value> = sessions.as_array().unwrap().iter().map(|session| &session["bind"]).collect();
    assert_eq!(binds, ["transceiver", "transmitter"]);
    assert_eq!((&sessions[0]["submitted"], &sessions[0]["tls"]), (&json!(1), &json!(false)));
    let id = sessions[0]["id"].as_str().unwrap();
    node.api().post(&format!("sessions/{id}/disconnect"));
    first.expect_unbind();
    first.expect_end();
    second.submit_ok(&message());
    eventually("the session has gone", || node.api().ask("GET", &format!("sessions/{id}"), None).status == 404);
}

#[test]
fn a_session_that_does_not_answer_its_unbind_is_closed_all_the_same() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.ignores_unbind();
    let id = node.api().get("sessions")["sessions"][0]["id"].as_str().unwrap().to_owned();
    node.api().post(&format!("sessions/{id}/disconnect"));
    esme.expect_end();
}

#[test]
fn a_link_that_is_paused_stays_away_and_what_waits_goes_when_it_is_resumed() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    let esme = node.transceiver("demo");
    node.api().post("links/op-a/pause");
    operator.expect_unbinds(1);
    eventually("the link is paused", || link_state(&node.api()) == "paused");
    let id = esme.submit_ok(&message());
    let story = node.api().get(&format!("messages/{id}"))["deliveries"][0]["story"].clone();
    assert!(story.as_str().unwrap().contains("op-a, which has no bound link"), "{story}");
    assert_eq!(operator.message_count(), 0);
    node.api().post("links/op-a:0/resume");
    assert_eq!(operator.expect_message().message.as_text(), "hello");
}

#[test]
fn a_link_that_is_dropped_or_reconnected_binds_again() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_binds(1);
    node.api().post("links/op-a:0/reconnect");
    operator.expect_unbinds(1);
    operator.expect_binds(2);
    node.api().post("links/op-a:0/drop");
    operator.expect_binds(3);
    node.transceiver("demo").submit_ok(&message());
    operator.expect_message();
}

#[test]
fn a_message_is_found_by_its_id_its_operators_id_and_its_number() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message().receipt());
    esme.submit_ok(&Message::to("46709999999").text("another"));
    operator.report(&operator.expect_message(), MessageState::Delivered);
    esme.expect_receipt_of(&id);
    let one = node.api().get(&format!("messages/{id}"))["deliveries"][0].clone();
    assert_eq!((&one["state"], &one["attempts"], &one["final"]), (&json!("DELIVRD"), &json!(1), &json!(true)), "{one}");
    let theirs = one["operator_message_id"].as_str().unwrap();
    for search in [
        format!("id={id}"),
        format!("operator_id={theirs}"),
        "number=%2B46701234567".into(),
        "number=46701234567&from=1h".into(),
    ] {
        let found = node.api().get(&format!("messages?{search}"));
        let ids: Vec<&Value> = found["messages"].as_array().unwrap().iter().map(|message| &message["id"]).collect();
        assert_eq!(ids, [&id], "{search}: {found}");
    }
    assert_eq!(node.api().get("messages?number=46701234567&from=2h&until=1h")["messages"], json!([]));
    assert_eq!(node.api().get("messages?number=46700000000")["messages"], json!([]));
}

#[test]
fn many_messages_to_one_number_come_newest_first_and_in_portions() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let mut ids: Vec<String> = (0..5).map(|_| esme.submit_ok(&message())).collect();
    ids.reverse();
    let found = node.api().get("messages?number=46701234567&limit=3");
    let of = |found: &Value| -> Vec<String> {
        found["messages"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((of(&found), &found["more"]), (ids[..3].to_vec(), &json!(true)));
    let next = found["next"].as_str().unwrap();
    let rest = node.api().get(&format!("messages?number=46701234567&after={next}"));
    assert_eq!((of(&rest), &rest["next"]), (ids[3..].to_vec(), &Value::Null));
    let wrong = node.api().ask("GET", "messages?number=46701234567&after=yesterday", None);
    assert_eq!(wrong.refusal(), (400, "bad_request", Some("after")));
}

#[test]
fn a_waiting_message_is_cancelled_and_one_that_is_with_an_operator_is_not() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Hold]);
    let node = usual_with(&operator, "window = 1").start();
    let esme = node.transceiver("demo");
    let sent = esme.submit_ok(&message());
    operator.expect_held(1);
    let waiting = esme.submit_ok(&message().receipt());
    assert_eq!(node.api().post(&format!("messages/{waiting}/cancel"))["cancelled"], 1);
    assert_eq!(esme.expect_receipt_of(&waiting).stat, "DELETED");
    let refused = node.api().ask("POST", &format!("messages/{sent}/cancel"), None);
    assert_eq!(refused.refusal(), (409, "conflict", None));
    assert!(refused.reason().contains("sent to op-a, not answered yet"), "{}", refused.reason());
}

#[test]
fn without_tokens_only_this_machine_is_answered_and_only_by_its_own_name() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    assert_eq!(node.api().calling_it("localhost:8080").ask("GET", "status", None).status, 200);
    let refused = node.api().calling_it("evil.example").ask("GET", "status", None);
    assert_eq!(refused.refusal(), (403, "forbidden", None), "a page elsewhere may have that name point here");
    let form = node.api().ask_with("POST", "links/op-a/pause", "text/plain", b"");
    assert_eq!(form.refusal(), (415, "unsupported_media_type", None), "and send no form");
}

#[test]
fn each_role_may_do_what_it_is_for() {
    let operator = Operator::start("op-a");
    let node = guarded(&operator);
    let api = node.api();
    let (viewer, oscar, admin) = (api.with_token(VIEWER), api.with_token(OPERATOR), api.with_token(ADMIN));
    assert_eq!(api.ask("GET", "status", None).refusal(), (401, "unauthorized", None));
    assert_eq!(api.with_token("viewer-0123456789abcdeX").ask("GET", "status", None).refusal().0, 401);
    let route = json!({ "kind": "route", "prefix": "47", "set": { "operators": [{ "name": "op-a" }] } });
    let account = json!({ "kind": "account", "system_id": "demo", "set": { "binds_max": 2 } });
    let may = |api: &Api, method: &str, path: &str, body: Option<&Value>| api.ask(method, path, body.cloned()).status;
    for (method, path, body, allowed) in [
        ("GET", "status", None, [200, 200, 200]),
        ("PUT", "overrides", Some(&route), [403, 200, 200]),
        ("POST", "links/op-a/reconnect", None, [403, 200, 200]),
        ("PUT", "overrides", Some(&account), [403, 403, 200]),
        ("POST", "config/reload", None, [403, 403, 200]),
        ("POST", "drain", Some(&json!({ "node": "nobody" })), [403, 403, 400]),
    ] {
        let told = [&viewer, &oscar, &admin].map(|api| may(api, method, path, body));
        assert_eq!(told, allowed, "{method} {path}");
    }
    assert_eq!(node.get("/readyz").unwrap().0, 200, "probes and metrics need no token");
}

#[test]
fn every_write_stands_in_the_audit_log_with_who_and_what_and_without_secrets() {
    let operator = Operator::start("op-a");
    let node = guarded(&operator);
    let api = node.api().with_token(ADMIN);
    let keys = json!({ "password": "hunter2-hunter2", "binds_max": 2 });
    api.set(json!({ "kind": "account", "system_id": "demo", "set": keys }));
    api.post("links/op-a/pause");
    let log = node.process().expect_output("link.pause");
    let line = log.lines().find(|line| line.contains("override.set")).expect("a line");
    for word in ["alice", "admin", "demo", "binds_max", "127.0.0.1"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(!log.contains("hunter2") && !api.get("config").to_string().contains("hunter2"));
    assert!(!api.get("accounts").to_string().contains("hunter2"));
}

#[test]
fn what_is_wrong_with_a_request_is_said_with_its_field() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let api = node.api();
    let operators = json!({ "operators": [{ "name": "op-a" }] });
    for (method, path, body, expected) in [
        ("GET", "nothing", None, (404, "not_found", None)),
        ("POST", "status", None, (405, "method_not_allowed", None)),
        ("GET", "messages", None, (400, "bad_request", Some("number"))),
        ("GET", "messages?nmuber=1", None, (400, "bad_request", Some("nmuber"))),
        ("GET", "messages?number=1&limit=0", None, (400, "bad_request", Some("limit"))),
        ("GET", "messages?number=1&limit=1000000", None, (400, "bad_request", Some("limit"))),
        ("GET", "messages?number=1&from=yesterday", None, (400, "bad_request", Some("from"))),
        ("GET", "messages?number=1&from=1h&until=2h", None, (400, "bad_request", Some("from"))),
        ("GET", "messages?id=x&number=1", None, (400, "bad_request", Some("number"))),
        ("GET", "messages/xyz", None, (400, "bad_request", Some("id"))),
        ("GET", "messages/253612345678901234", None, (404, "not_found", None)),
        ("GET", "messages?operator_id=1&operator=nobody", None, (400, "bad_request", Some("operator"))),
        ("GET", "sessions?account=nobody", None, (400, "bad_request", Some("account"))),
        ("GET", "sessions/9999999", None, (404, "not_found", None)),
        ("GET", "routes/test?number=abc&account=demo", None, (400, "bad_request", Some("number"))),
        ("GET", "routes/test?account=demo", None, (400, "bad_request", Some("number"))),
        ("POST", "links/nobody/pause", None, (404, "not_found", None)),
        ("POST", "links/op-a/explode", None, (400, "bad_request", Some("order"))),
        ("PUT", "overrides", Some(json!({ "prefix": "1", "set": operators })), (400, "bad_request", Some("kind"))),
        ("PUT", "overrides", Some(json!({ "kind": "route", "prefix": "1" })), (400, "bad_request", Some("set"))),
        (
            "PUT",
            "overrides",
            Some(json!({ "kind": "route", "prefix": "1", "colour": "red", "set": operators })),
            (400, "bad_request", Some("colour")),
        ),
        ("DELETE", "overrides?kind=route&prefix=1", None, (404, "not_found", None)),
        ("POST", "drain", Some(json!({ "node": "another" })), (400, "bad_request", Some("node"))),
    ] {
        let answer = api.ask(method, path, body);
        assert_eq!(answer.refusal(), expected, "{method} {path}: {}", answer.json);
    }
    assert_eq!(api.ask_with("PUT", "overrides", "application/json", b"{").refusal().0, 400);
    let huge = vec![b' '; 100_000];
    assert_eq!(api.ask_with("PUT", "overrides", "application/json", &huge).refusal(), (413, "too_large", None));
}

#[test]
fn what_happens_is_seen_as_it_happens() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let mut events = node.api().watch("session.");
    let esme = node.transceiver("demo");
    let event = events.expect_event();
    assert_eq!((&event["event"], &event["account"]), (&json!("session.bind"), &json!("demo")), "{event}");
    drop(esme);
    assert_eq!(events.expect_event()["event"], "session.close");
    let mut audit = node.api().watch("audit");
    node.api().post("links/op-a/reconnect");
    assert_eq!(audit.expect_event()["action"], "link.reconnect");
}

#[test]
fn a_drain_over_the_api_ends_the_node_in_order_and_the_streams_with_it() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let events = node.api().watch("session.");
    let name = node.api().get("nodes")["nodes"][0]["name"].as_str().unwrap().to_owned();
    let asked = json!({ "node": name, "dry_run": true });
    assert_eq!(node.api().ask("POST", "drain", Some(asked)).expect_ok()["sessions"], 1);
    node.api().ask("POST", "drain", Some(json!({ "node": name }))).expect_ok();
    esme.expect_unbind();
    events.expect_end();
    let (_, ended) = node.expect_end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_viewer_sees_numbers_in_part() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = guarded(&operator);
    let id = node.transceiver("demo").submit_ok(&message());
    let seen = |token: &str| {
        let one = node.api().with_token(token).get(&format!("messages/{id}"));
        one["deliveries"][0]["destination"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!((seen(VIEWER).as_str(), seen(OPERATOR).as_str()), ("46…7", "46701234567"));
}

#[test]
fn a_token_file_that_is_wrong_stops_the_start_and_shows_no_token() {
    let operator = Operator::start("op-a");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "boss alice 0123456789abcdef0123\n").unwrap();
    let ended = usual(&operator).section("http", &format!("token_file = {file:?}")).start_in_vain();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("http.token_file") && ended.stderr.contains("line 1"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("0123456789abcdef"), "{}", ended.stderr);
}

#[test]
fn the_document_for_programs_is_served() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let document = node.api().get("openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/messages/{id}/cancel"]["post"].is_object());
}
