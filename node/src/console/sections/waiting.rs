//! What waits, for whom, since when.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Act, Mood, ROWS_MAX, act, ago, count, cut, list, now, part, silent, state, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::{Visitor, escaped};
use crate::console::words::{age, grouped};

/// A queue that could move and has not for so long is shown as broken.
const OLD: u64 = 300;

pub(in crate::console) async fn queues(asker: &Asker, visitor: &Visitor) -> Result<Markup, Refused> {
    let answer = asker.get("queues").await?;
    let queues = list(&answer, "queues");
    let now = now();
    let waits = |queue: &Value| {
        count(queue, "ready")
            + count(queue, "leased")
            + count(queue, "retry")
            + count(queue, "scheduled")
            + count(queue, "enroute")
            > 0
    };
    let operators = asker.get("operators").await?;
    let operators = list(&operators, "operators");
    let busy: Vec<&Value> = queues.iter().filter(|queue| waits(queue)).collect();
    let about = match busy.len() {
        0 => html! { "nothing waits" },
        busy => html! { (busy) " hold something" },
    };
    Ok(part(
        "queues",
        "Queues",
        about,
        html! {
            (silent(&answer))
            @if busy.is_empty() { p .none { "No message and no receipt waits anywhere." } } @else {
                table {
                    thead { tr {
                        th scope="col" { "For" } th scope="col" { "Taken by" } th scope="col" .number { "Ready" }
                        th scope="col" .number title="Handed to a link or a bind, not answered" { "With a peer" }
                        th scope="col" .number { "Retry later" } th scope="col" .number { "Scheduled" }
                        th scope="col" .number title="With the operator, receipt awaited" { "Receipt awaited" }
                        th scope="col" { "Oldest that is due" } th scope="col" { span .hidden { "Actions" } }
                    } }
                    tbody { @for queue in busy.iter().take(ROWS_MAX) {
                        @let (kind, name) = (text(queue, "kind"), text(queue, "name"));
                        @let bound = count(queue, "bound");
                        @let mood = mood(queue, now);
                        tr id={"queue:" (kind) ":" (name)} .(mood.class()) {
                            th scope="row" { (kind) " " strong { (name) } @if queue["parked"] == true { " " (state(Mood::Warn, "parked")) } }
                            td data-label="Taken by" { @if bound == 0 { (state(mood, "nobody")) } @else { (bound) @if kind == "operator" { " link" } @else { " bind" } @if bound > 1 { "s" } } }
                            td data-label="Ready" .number { (grouped(count(queue, "ready"))) }
                            td data-label="With a peer" .number { (grouped(count(queue, "leased"))) }
                            td data-label="Retry later" .number { (grouped(count(queue, "retry"))) }
                            td data-label="Scheduled" .number { (grouped(count(queue, "scheduled"))) }
                            td data-label="Receipt awaited" .number { (grouped(count(queue, "enroute"))) }
                            td data-label="Oldest" { (ago(&queue["oldest_due"], now)) }
                            td .acts { @if kind == "operator" && visitor.is_admin() { (purge(name)) } }
                        }
                    } }
                }
                (cut(busy.len()))
                @if visitor.operates() && operators.len() > 1 { (move_form(operators)) }
            }
        },
    ))
}

fn purge(operator: &str) -> Markup {
    act(&Act {
        label: "Purge",
        question: format!(
            "End {{count}} of those that wait for {operator}? They end as DELETED, and their senders are told if they asked for receipts. This cannot be undone."
        ),
        path: format!("queues/{}/purge", escaped(operator)),
        method: "POST",
        body: json!({}),
        dangerous: true,
    })
}

fn move_form(operators: &[Value]) -> Markup {
    let choice = |name: &str| html! { select name=(name) { @for operator in operators { option { (text(operator, "name")) } } } };
    html! {
        form #move-form .line.scripted autocomplete="off" {
            label { "What waits for " (choice("from")) }
            label { " waits for " (choice("to")) " from now on " }
            button type="submit" { "Move" }
        }
    }
}

fn mood(queue: &Value, now: jiff::Timestamp) -> Mood {
    let old = age(&queue["oldest_due"], now).is_some_and(|age| age.as_secs() > OLD);
    match (count(queue, "bound"), old) {
        (0, true) => Mood::Bad,
        (0, false) if count(queue, "ready") > 0 => Mood::Warn,
        (_, true) => Mood::Warn,
        (_, false) => Mood::Calm,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_waits_long_for_nobody_is_broken() {
        let now: jiff::Timestamp = "2026-11-27T12:00:00Z".parse().expect("a time");
        let queue = |bound: u64, oldest: &str| mood(&json!({ "bound": bound, "ready": 1, "oldest_due": oldest }), now);
        assert_eq!(queue(0, "2026-11-27T11:00:00Z"), Mood::Bad);
        assert_eq!(queue(0, "2026-11-27T11:59:58Z"), Mood::Warn);
        assert_eq!(queue(1, "2026-11-27T11:00:00Z"), Mood::Warn);
        assert_eq!(queue(1, "2026-11-27T11:59:58Z"), Mood::Calm);
    }
}
