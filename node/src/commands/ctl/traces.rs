//! Traces for people.

use serde_json::Value;

use super::tables::{list, number, short, table};
use super::text_of;
use super::verbs::Trace;

/// All traces, or the lines of one.
pub(super) fn text(verb: Option<&Trace>, answer: &Value) -> String {
    match verb {
        Some(Trace::Show { .. }) => list(&answer["lines"]).map(line).collect(),
        None | Some(Trace::List | Trace::Start { .. } | Trace::Stop { .. }) => all(answer),
    }
}

fn all(answer: &Value) -> String {
    let rows = list(&answer["traces"]).map(|trace| {
        let whose = match &trace["account"] {
            Value::Null => format!("number {}", text_of(&trace["number"])),
            account => format!("account {}", text_of(account)),
        };
        let state = if trace["running"] == true { "running" } else { "ended" };
        vec![
            whose,
            text_of(&trace["node"]),
            state.to_owned(),
            short(&trace["until"]),
            number(&trace["lines"]),
            number(&trace["dropped"]),
        ]
    });
    table(&["TRACE", "NODE", "STATE", "UNTIL", ">LINES", ">LEFT OUT"], rows)
}

/// Time, node, direction, whose connection, PDU; then what else it says.
fn line(line: &Value) -> String {
    let arrow = if line["direction"] == "in" { "->" } else { "<-" };
    let whose = if line["link"].is_null() { &line["account"] } else { &line["link"] };
    let mut text = format!(
        "{} {} {} {arrow} {}",
        text_of(&line["time"]),
        text_of(&line["node"]),
        text_of(whose),
        text_of(&line["pdu"])
    );
    let told = ["time", "node", "direction", "account", "link", "pdu", "octets", "status_code"];
    for (key, value) in line.as_object().into_iter().flatten() {
        let empty = value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
        if !told.contains(&key.as_str()) && !empty {
            text.push_str(&format!(" {key}={}", text_of(value)));
        }
    }
    text + "\n"
}
