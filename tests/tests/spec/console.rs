//! What the console is made of: how a node was lately, what befell a message on its way, who did what; and its page.

use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::api::Api;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::{Answer, Operator};

fn message() -> Message {
    Message::to("46701234567").text("hello")
}

/// Each step of the only delivery's life: what, how it went, in which words.
fn life(api: &Api, id: &str) -> Vec<(String, String, String)> {
    let steps = api.get(&format!("messages/{id}"))["deliveries"][0]["life"].clone();
    let text = |step: &Value, key: &str| step[key].as_str().unwrap().to_owned();
    steps.as_array().unwrap().iter().map(|step| (text(step, "step"), text(step, "went"), text(step, "text"))).collect()
}

#[test]
fn a_messages_life_names_what_each_failed_attempt_was_told() {
    let operator = Operator::start("op-a");
    operator.answers_next([
        Answer::Refuse(CommandStatus::ESME_RTHROTTLED),
        Answer::Refuse(CommandStatus::ESME_RSYSERR),
        Answer::Accept,
    ]);
    let node = usual_with(&operator, "retry = [\"10ms\"]").start();
    let esme = node.transceiver("demo");
    let id = esme.submit_ok(&message().receipt());
    operator.report(&operator.expect_messages(3)[2], MessageState::Delivered);
    esme.expect_receipt_of(&id);
    eventually("the receipt is settled", || life(&node.api(), &id).last().unwrap().1 == "done");
    let life = life(&node.api(), &id);
    let steps: Vec<&str> = life.iter().map(|(step, _, _)| step.as_str()).collect();
    assert_eq!(
        steps,
        ["accepted", "stored", "routed", "attempt", "attempt", "sent", "receipt", "forwarded"],
        "{life:?}"
    );
    assert_eq!(life[3].2, "attempt 1 to op-a: ESME_RTHROTTLED");
    assert_eq!(life[4].2, "attempt 2 to op-a: ESME_RSYSERR");
    assert!(life[5].2.starts_with("op-a took it (ESME_ROK)"), "{life:?}");
}

#[test]
fn a_waiting_messages_life_says_which_route_it_takes_and_what_it_waits_for() {
    let (_operator, node) = Node::waiting();
    let id = node.transceiver("demo").submit_ok(&message());
    let life = life(&node.api(), &id);
    assert!(life[2].2.starts_with("to operator op-a: route "), "{life:?}");
    let (step, went, text) = life.last().unwrap();
    assert_eq!((step.as_str(), went.as_str()), ("waiting", "now"));
    assert!(text.contains("op-a, which has no bound link"), "{text}");
}

#[test]
fn an_attempt_that_a_lost_link_ended_is_told_as_such() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Hold]);
    let node = Node::with(&operator);
    let id = node.transceiver("demo").submit_ok(&message());
    operator.expect_held(1);
    operator.drops_links();
    eventually("it is told", || life(&node.api(), &id).iter().any(|(_, _, text)| text.ends_with("the link was lost")));
}

#[test]
fn what_an_account_was_refused_is_counted_by_status_and_so_is_what_a_link_was() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RINVDSTADR)]);
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_ok(&message());
    assert!(esme.submit(&Message::to("nobody").text("x")).is_err());
    eventually("both are counted", || {
        let (account, link) =
            (node.api().get("accounts")["accounts"][0].clone(), node.api().get("links")["links"][0].clone());
        let told = |of: &Value| of["lately"]["last_failure"]["status"].clone();
        told(&account) == "ESME_RINVDSTADR" && told(&link) == "ESME_RINVDSTADR"
    });
}

#[test]
fn the_last_minutes_are_known_second_by_second() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let sums = |api: &Api| {
        let history = api.get("history");
        let columns = ["accepted", "waiting"].map(|name| history[name].as_array().unwrap().len());
        assert!(columns.iter().all(|length| *length == history["at"].as_array().unwrap().len()), "{history}");
        history["accepted"].as_array().unwrap().iter().map(|rate| rate.as_f64().unwrap()).sum::<f64>()
    };
    eventually("a second is known", || node.api().get("history")["at"].as_array().is_some_and(|at| !at.is_empty()));
    esme.submit_ok(&message());
    eventually("the message is in it", || sums(&node.api()) > 0.0);
    let last = node.api().get("history")["at"].as_array().unwrap().last().unwrap().clone();
    let newer = node.api().get(&format!("history?since={last}"))["at"].clone();
    assert!(newer.as_array().unwrap().iter().all(|at| at.as_u64() > last.as_u64()), "{newer} after {last}");
}

#[test]
fn an_alarm_that_is_over_is_remembered_with_its_end() {
    let (operator, node) = Node::waiting();
    let alarm = |api: &Api| api.get("alarms")["alarms"][0].clone();
    eventually("there is an alarm", || alarm(&node.api())["reason"].as_str().is_some_and(|why| why.contains("op-a")));
    assert_eq!(alarm(&node.api())["ended"], Value::Null);
    operator.opens();
    eventually("it is over", || alarm(&node.api())["ended"].is_string());
}

#[test]
fn who_did_what_can_be_asked_for() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    node.api().post("links/op-a/reconnect");
    let entry = node.api().get("audit")["entries"][0].clone();
    assert_eq!(
        (&entry["action"], &entry["by"], &entry["what"]),
        (&json!("link.reconnect"), &json!("local"), &json!("op-a"))
    );
    assert_eq!(node.api().get("whoami")["role"], "admin");
}

#[test]
fn the_page_has_its_tables_without_scripts_and_forbids_what_comes_from_elsewhere() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    let (status, head, body) = node.api().page("/");
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("content-security-policy: default-src 'self'"), "{head}");
    assert!(body.contains("op-a:0") && body.contains("<table"), "{body}");
    let (status, _, body) = node.api().calling_it("evil.example").page("/");
    assert!(status == 403 && !body.contains("<table"), "{status}: {body}");
}

#[test]
fn where_there_are_tokens_the_page_shows_nothing_without_one() {
    let operator = Operator::start("op-a");
    let place = usual(&operator).section("http", "token_file = \"tokens\"").place();
    std::fs::write(place.folder().join("tokens"), "viewer eve viewer-0123456789abcdef\n").unwrap();
    let node = place.start_again();
    let (status, _, body) = node.api().page("/");
    assert!(status == 200 && !body.contains("op-a"), "{status}: {body}");
    let (status, head, body) = node.api().page("/console/tables");
    assert!(status == 401 && head.contains("www-authenticate: Basic"), "{head}");
    assert!(!body.contains("op-a"), "{body}");
    let (status, _, body) = node.api().with_token("viewer-0123456789abcdef").page("/console/parts?parts=links");
    assert!(status == 200 && body.contains("op-a:0"), "{status}: {body}");
    assert!(!body.contains("<button"), "a viewer sees no action: {body}");
}
