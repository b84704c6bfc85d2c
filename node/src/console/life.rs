//! Messages that were searched, each with its life from step to step.

use axum::http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::ask::{Asker, Refused};
use super::page::{View, Visitor, escaped};
use super::sections::{Act, Mood, act};
use super::words::clock;

/// Lives that are open at once: further ones are a click away.
const OPEN_MAX: usize = 1;

/// What was searched, if anything was.
pub(super) async fn found(asker: &Asker, view: &View, visitor: &Visitor) -> Markup {
    let wanted = view.q.trim();
    let content = match (&view.refusal, wanted) {
        (Some(reason), _) => html! { p .error role="alert" { (reason) } },
        (None, "") => return html! { section #found hidden {} },
        (None, wanted) => match search(asker, wanted, &view.since).await {
            Ok(Some((how, answer))) => shown(wanted, how, &answer, visitor),
            Ok(None) => html! {
                p #found-none role="status" { "No message is known by " strong { (wanted) } "." }
                p .note { "Looked for: a message id, an operator's id, a destination of the time that is set beside the search. "
                    "What is final is known for " code { "store.retention" } " (24 h); a sender or a text cannot be searched: see the CDR." }
            },
            Err(refused) => html! { p .error role="alert" { (refused.reason) } },
        },
    };
    html! {
        section #found .part aria-labelledby="found-title" {
            div .heading {
                h2 #found-title { "Found" }
                div .about { a #found-close .button href="?" { "Close" } }
            }
            (content)
        }
    }
}

/// By our id, else by an operator's, else by number: the first that knows it.
async fn search(asker: &Asker, wanted: &str, since: &str) -> Result<Option<(&'static str, Value)>, Refused> {
    let value = escaped(wanted);
    let since = escaped(if since.is_empty() { "24h" } else { since });
    let ways = [
        ("message id", format!("messages?id={value}&limit=20")),
        ("operator's id", format!("messages?operator_id={value}&limit=20")),
        ("number", format!("messages?number={value}&from={since}&limit=20")),
    ];
    let mut wrong: Option<(Refused, usize)> = None;
    for (how, path) in ways {
        match asker.get(&path).await {
            Ok(answer) if answer["messages"].as_array().is_some_and(|messages| !messages.is_empty()) => {
                return Ok(Some((how, answer)));
            }
            Ok(_) => {}
            // It is none of our ids, say: it may still be an operator's.
            Err(refused) if refused.status == StatusCode::BAD_REQUEST => {
                wrong = Some((refused, wrong.map_or(1, |(_, count)| count + 1)));
            }
            Err(refused) => return Err(refused),
        }
    }
    // Each way may refuse a text that is not for it; if all do, the last one says what a number looks like.
    match wrong {
        Some((refused, 3)) => Err(refused),
        _ => Ok(None),
    }
}

fn shown(wanted: &str, how: &str, answer: &Value, visitor: &Visitor) -> Markup {
    let messages = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
    html! {
        p .note data-how=(how) { (messages.len()) @if messages.len() == 1 { " message" } @else { " messages, newest first" }
            " by " (how) " " strong { (wanted) }
            @if answer["more"] == true { ". There are more: take a shorter time" } }
        @for (index, message) in messages.iter().enumerate() { (one(message, index < OPEN_MAX, visitor)) }
    }
}

fn one(message: &Value, open: bool, visitor: &Visitor) -> Markup {
    let text = |key: &str| message[key].as_str().unwrap_or_default();
    let id = text("id");
    let mood = mood(message);
    let now = jiff::Timestamp::now();
    let from = format!(
        "{} {}",
        message["origin"]["kind"].as_str().unwrap_or_default(),
        message["origin"]["name"].as_str().unwrap_or_default()
    );
    let numbers: Vec<&str> =
        [text("source"), text("destination")].into_iter().filter(|number| !number.is_empty()).collect();
    html! {
        details .message open[open] id={"message:" (id) ":" (message["towards"]["name"].as_str().unwrap_or_default())} {
            summary {
                span .state .(mood.class()) { (text("state")) }
                " " code .id { (id) }
                " " span .of { (from) @if !numbers.is_empty() { ", " (numbers.join(" → ")) } ", " (clock(text("accepted"), now)) }
            }
            ol .life { @for step in message["life"].as_array().into_iter().flatten() { (life_step(step, now)) } }
            @if visitor.operates() && message["final"] == false && message["direction"] == "mt" {
                div .acts {
                @if message["place"] == "retry" { (act(&Act {
                    label: "Try now",
                    question: format!("Try message {id} at once? It waits for its next attempt."),
                    path: format!("messages/{}/retry", escaped(id)),
                    method: "POST",
                    body: json!({}),
                    dangerous: false,
                })) }
                (act(&Act {
                    label: "Cancel message",
                    question: format!("Cancel message {id}? It ends as DELETED, and its sender is told if it asked for a receipt. This cannot be undone."),
                    path: format!("messages/{}/cancel", escaped(id)),
                    method: "POST",
                    body: json!({}),
                    dangerous: true,
                })) }
            }
            p .note { "partition " (message["partition"]) " on " (text("node")) ", attempts " (message["attempts"]) ", priority " (message["priority"])
                @if message["final"] == false { ", expires " (clock(text("expires"), now)) } }
        }
    }
}

fn mood(message: &Value) -> Mood {
    match (message["state"].as_str().unwrap_or_default(), message["final"] == true) {
        ("DELIVRD", _) => Mood::Good,
        (_, true) => Mood::Bad,
        (_, false) => Mood::Warn,
    }
}

fn life_step(step: &Value, now: jiff::Timestamp) -> Markup {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    let mood = match text("went") {
        "failed" => "bad",
        "now" => "now",
        _ => "good",
    };
    html! {
        li .(mood) {
            span .what { (text("step")) }
            span .at { @if text("at").is_empty() { "" } @else { time datetime=(text("at")) title=(text("at")) { (clock(text("at"), now)) } } }
            span .how { (text("text")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivered_message_is_good_and_one_that_failed_is_not() {
        let of = |state: &str, is_final: bool| mood(&json!({ "state": state, "final": is_final }));
        assert_eq!(
            (of("DELIVRD", true), of("UNDELIV", true), of("ENROUTE", false)),
            (Mood::Good, Mood::Bad, Mood::Warn)
        );
    }
}
