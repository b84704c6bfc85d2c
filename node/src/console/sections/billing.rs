//! Call detail records: whether they are written, and how far.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Act, Mood, act, at, list, now, part, silent, state, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::Visitor;
use crate::console::words::{grouped, long};

pub(in crate::console) async fn cdr(asker: &Asker, visitor: &Visitor) -> Result<Markup, Refused> {
    let answer = asker.get("cdr").await?;
    let nodes = list(&answer, "nodes");
    let any_on = nodes.iter().any(|node| node["on"] == true);
    Ok(part(
        "cdr",
        "Call detail records",
        html! {},
        html! {
            (silent(&answer))
            @if !any_on { p .none { "They are off: " code { "[cdr]" } " is not configured." } }
            @if any_on || nodes.iter().any(|node| waiting(node) > 0) {
                table {
                    thead { tr {
                        th scope="col" { "Node" } th scope="col" { "State" } th scope="col" .number { "Waiting" }
                        th scope="col" { "Oldest" } th scope="col" .number { "Written" } th scope="col" { "File" }
                        th scope="col" { "Closed last" }
                    } }
                    tbody { @for node in nodes { (row(node)) } }
                }
            }
            @if any_on && visitor.operates() { div .acts { (act(&Act {
                label: "Close the files",
                question: "Close the files of call detail records that are being written? They get their manifests, and new ones begin.".to_owned(),
                path: "cdr/rotate".to_owned(),
                method: "POST",
                body: json!({}),
                dangerous: false,
            })) } }
        },
    ))
}

fn row(node: &Value) -> Markup {
    let (mood, word) = mood(node);
    let oldest = node["oldest_record_age_seconds"].as_f64().filter(|_| waiting(node) > 0);
    html! {
        tr id={"cdr:" (text(node, "node"))} .(mood.class()) {
            th scope="row" { (text(node, "node")) }
            td data-label="State" .words { (state(mood, word)) @if !node["failure"].is_null() { " " (text(&node["failure"], "reason")) } }
            td data-label="Waiting" .number { (grouped(waiting(node))) }
            td data-label="Oldest" { @match oldest { Some(age) => (long(std::time::Duration::from_secs_f64(age))), None => "–" } }
            td data-label="Written" .number { (node["records_written"].as_u64().map_or("–".to_owned(), grouped)) }
            td data-label="File" .words { (text(&node["file"], "name")) }
            td data-label="Closed last" .words { @if !node["last_closed"].is_null() {
                (text(&node["last_closed"], "name")) ", " (at(&node["last_closed"]["closed"], now()))
            } }
        }
    }
}

fn waiting(node: &Value) -> u64 {
    node["backlog_records"].as_u64().unwrap_or_default()
}

fn mood(node: &Value) -> (Mood, &'static str) {
    match (node["on"] == true, node["failure"].is_null()) {
        (true, true) => (Mood::Good, "written"),
        (true, false) => (Mood::Bad, "not written"),
        (false, _) if waiting(node) > 0 => (Mood::Warn, "off, and some are owed"),
        (false, _) => (Mood::Calm, "off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_cannot_write_is_broken_and_one_that_owes_needs_a_look() {
        let said = |on: bool, failure: Value, backlog: u64| {
            mood(&json!({ "on": on, "failure": failure, "backlog_records": backlog })).0
        };
        assert_eq!(said(true, Value::Null, 3), Mood::Good);
        assert_eq!(said(true, json!({ "reason": "no room" }), 3), Mood::Bad);
        assert_eq!(said(false, Value::Null, 3), Mood::Warn);
        assert_eq!(said(false, Value::Null, 0), Mood::Calm);
    }
}
