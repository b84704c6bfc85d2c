//! Nodes for people: how they are, and what became of what one was told.

use serde_json::Value;

use super::tables::{list, number, short, table};

use super::text_of;
use super::verbs::Nodes;
use crate::commands::terminal::counted;

/// All nodes, or what one was told.
pub(super) fn text(verb: Option<&Nodes>, answer: &Value) -> String {
    match verb {
        None | Some(Nodes::List) => all(answer),
        Some(Nodes::Decommission { .. }) => decommissioned(answer),
        Some(Nodes::Drain { .. } | Nodes::Undrain { .. }) => told(answer),
    }
}

fn all(answer: &Value) -> String {
    let rows = list(&answer["nodes"]).map(|node| {
        vec![
            text_of(&node["name"]),
            number(&node["number"]),
            text_of(&node["state"]),
            number(&node["sessions"]),
            number(&node["links"]),
            number(&node["held"]),
            text_of(&node["version"]),
            short(&node["started"]),
        ]
    });
    table(&["NODE", ">NUMBER", "STATE", ">SESSIONS", ">LINKS", ">HELD", "VERSION", "STARTED"], rows)
}

fn told(answer: &Value) -> String {
    let what = format!(
        "{} is {}, with {}, {} and {} held",
        text_of(&answer["node"]),
        text_of(&answer["state"]),
        counted(answer["sessions"].as_u64().unwrap_or_default(), "session"),
        counted(answer["links"].as_u64().unwrap_or_default(), "link"),
        number(&answer["held"]),
    );
    let (order, note) = (text_of(&answer["order"]), text_of(&answer["note"]));
    match answer["dry_run"] == true {
        true => format!("{what}\nwould {order} it: {note}\n"),
        false => format!("{what}\n{order}: {note}\n"),
    }
}

fn decommissioned(answer: &Value) -> String {
    let name = text_of(&answer["node"]);
    match (&answer["retired"], &answer["left"]) {
        (Value::Bool(true), _) => {
            format!("{name} is retired: nothing is left in it; end its process and take it out of the cluster\n")
        }
        (Value::Bool(false), left) => {
            let mut text = format!(
                "{name} is not retired yet. Left: {}, {}, {} held, {} without a match, {} to be written\n",
                counted(left["sessions"].as_u64().unwrap_or_default(), "session"),
                counted(left["links"].as_u64().unwrap_or_default(), "link"),
                number(&left["held"]),
                counted(left["receipts_parked"].as_u64().unwrap_or_default(), "receipt"),
                counted(left["cdrs"].as_u64().unwrap_or_default(), "CDR"),
            );
            let rows: Vec<_> = list(&left["outboxes"])
                .map(|outbox| {
                    let count = |field: &str| number(&outbox[field]);
                    vec![text_of(&outbox["for"]), count("waiting"), count("leased"), count("enroute")]
                })
                .collect();
            if !rows.is_empty() {
                text.push_str(&table(&["FOR", ">WAITING", ">ON THE WAY", ">WITHOUT RECEIPT"], rows));
            }
            text
        }
        _ => told(answer),
    }
}

/// Each node's share of the sessions, and who is to leave.
pub(super) fn rebalance(answer: &Value) -> String {
    let rows = list(&answer["nodes"]).map(|node| {
        let running = if node["running"] == true { "at work" } else { "" };
        vec![
            text_of(&node["node"]),
            number(&node["sessions"]),
            number(&node["share"]),
            number(&node["surplus"]),
            number(&node["asked"]),
            running.to_owned(),
        ]
    });
    let mut text = table(&["NODE", ">SESSIONS", ">SHARE", ">TOO MANY", ">ASKED", ""], rows);
    let leaving = list(&answer["nodes"]).flat_map(|node| list(&node["leaving"]));
    let rows: Vec<_> = leaving
        .map(|one| {
            let field = |name: &str| text_of(&one[name]);
            vec![field("id"), field("node"), field("account"), field("bind"), field("peer"), short(&one["bound"])]
        })
        .collect();
    match rows.is_empty() {
        true => text.push_str("no node has more than its share\n"),
        false => text.push_str(&format!(
            "\nto leave, first the first (`smsc ctl rebalance start` asks them):\n{}",
            table(&["SESSION", "NODE", "ACCOUNT", "BIND", "PEER", "BOUND"], rows)
        )),
    }
    text
}

/// Each node's release.
pub(super) fn upgrade(answer: &Value) -> String {
    let rows = list(&answer["nodes"]).map(|node| {
        let finished = if node["finished"] == true { "finished" } else { "can go back" };
        let waits: Vec<String> = list(&node["waits_for"]).map(text_of).collect();
        vec![
            text_of(&node["node"]),
            text_of(&node["version"]),
            format!("{} to {}", number(&node["protocol_min"]), number(&node["protocol_max"])),
            format!("{} of {}", number(&node["records_written"]), number(&node["records_known"])),
            finished.to_owned(),
            waits.join("; "),
        ]
    });
    table(&["NODE", "VERSION", "PROTOCOL", "RECORDS", "UPGRADE", "WAITS FOR"], rows)
}

/// A node that was told to stop.
pub(super) fn stop(answer: &Value) -> String {
    let what = format!(
        "{} with {}, {} held",
        text_of(&answer["node"]),
        counted(answer["sessions"].as_u64().unwrap_or_default(), "session"),
        number(&answer["held"]),
    );
    let note = text_of(&answer["note"]);
    match answer["dry_run"] == true {
        true => format!("would stop {what}: {note}\nwith --yes it is done\n"),
        false => format!("stopping {what}: {note}\n"),
    }
}
