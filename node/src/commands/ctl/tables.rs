//! The node's answers as tables and sentences for people. Pure.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

use super::verbs::{Cdr, Config, Entries, Links, Messages, Queues, Routes, Sessions, Verb};
use super::{configuration, nodes, text_of, traces};
use crate::commands::terminal::{Paint, count, counted};

/// The answer to that verb.
pub(super) fn text(verb: &Verb, answer: &Value) -> String {
    match verb {
        Verb::Status => status(answer),
        Verb::Nodes { verb } => nodes::text(verb.as_ref(), answer),
        Verb::Sessions { verb: None | Some(Sessions::List), .. } => sessions(answer),
        Verb::Links { verb: None | Some(Links::List) } => links(answer),
        Verb::Accounts { verb: None | Some(Entries::List) } => accounts(answer),
        Verb::Operators { verb: None | Some(Entries::List) } => operators(answer),
        Verb::Routes { verb: None | Some(Routes::List) } => routes(answer),
        Verb::Routes { verb: Some(Routes::Test { .. }) } => route_test(answer),
        Verb::Routes { .. } | Verb::Accounts { .. } | Verb::Operators { .. } => change(answer),
        Verb::Queues { verb: None | Some(Queues::List) } => queues(answer),
        Verb::Queues { verb: Some(Queues::Purge { .. }) } => swept(answer, "ended"),
        Verb::Queues { verb: Some(Queues::Move { .. }) } => swept(answer, "moved"),
        Verb::Messages { verb: Messages::Retry { .. } } => {
            format!("tried at once: {}\n", counted(answer["retried"].as_u64().unwrap_or_default(), "delivery"))
        }
        Verb::Messages { verb: Messages::Find { .. } } => messages(answer),
        Verb::Messages { verb: Messages::Trace { .. } } => trace(answer),
        Verb::Messages { verb: Messages::Cancel { .. } } => {
            format!("cancelled: {}\n", counted(answer["cancelled"].as_u64().unwrap_or_default(), "delivery"))
        }
        Verb::Rebalance { .. } => nodes::rebalance(answer),
        Verb::Upgrade { .. } => nodes::upgrade(answer),
        Verb::Trace { verb } => traces::text(verb.as_ref(), answer),
        Verb::Drain { .. } => nodes::stop(answer),
        Verb::Cdr { verb: Some(Cdr::Rotate) } => cdr_rotated(answer),
        Verb::Cdr { .. } => cdr(answer),
        Verb::Config { verb: Some(Config::Reload) } => configuration::reloaded(answer),
        Verb::Config { verb: Some(Config::Diff) } => configuration::differences(answer),
        Verb::Config { .. } => configuration::whole(answer),
        Verb::Sessions { .. } | Verb::Links { .. } => format!("done: {}\n", text_of(&answer["note"])),
        Verb::Events { .. } | Verb::Top | Verb::Completions { .. } => String::new(),
    }
}

/// One event on one line.
pub(super) fn event(event: &Value, json: bool) -> String {
    if json {
        return format!("{event}\n");
    }
    let mut line = format!("{} {:<5} {}", text_of(&event["time"]), text_of(&event["level"]), text_of(&event["event"]));
    for (key, value) in event.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "time" | "level" | "event") {
            line.push_str(&format!(" {key}={}", text_of(value)));
        }
    }
    line + "\n"
}

/// A table: column titles, `>` before those of numbers; what fills the rows.
pub(super) fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(titles.iter().map(|title| title.trim_start_matches('>')));
    let mut empty = true;
    for row in rows {
        empty = false;
        table.add_row(row);
    }
    for (column, title) in table.column_iter_mut().zip(titles) {
        column.set_padding((0, 2));
        if title.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if empty {
        return "none\n".to_owned();
    }
    let lines = table.to_string();
    lines.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The elements of a list.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| text_of(value), count)
}

fn yes(value: &Value, text: &str) -> String {
    if value.as_bool().unwrap_or_default() { text.to_owned() } else { String::new() }
}

/// The time of day of a moment, with the date if it is not today's: both as the node says them.
pub(super) fn short(value: &Value) -> String {
    text_of(value).replace('T', " ").trim_end_matches('Z').to_owned()
}

fn status(answer: &Value) -> String {
    let paint = Paint::for_stdout();
    let node = &answer["node"];
    let mut text = String::new();
    let alarms: Vec<&Value> = list(&answer["alarms"]).collect();
    let serious = alarms.iter().filter(|alarm| alarm["severity"] != "info").count();
    let verdict = match serious {
        0 => paint.good("OK"),
        count => paint.bad(counted(count as u64, "alarm")),
    };
    let nodes: Vec<&Value> = list(&answer["nodes"]).collect();
    let several = nodes.len() + list(&answer["missing"]).count() > 1;
    text.push_str(&format!("{verdict}  "));
    let described = |node: &Value| {
        format!(
            "{} ({}), {} for {} s, version {}\n",
            text_of(&node["name"]),
            number(&node["number"]),
            text_of(&node["state"]),
            number(&node["uptime_seconds"]),
            text_of(&node["version"]),
        )
    };
    match several {
        false => text.push_str(&described(node)),
        true => {
            text.push_str(&format!("{}, seen from {}\n", counted(nodes.len() as u64, "node"), text_of(&node["name"])));
            nodes.iter().for_each(|node| text.push_str(&format!("  {}", described(node))));
        }
    }
    for alarm in alarms {
        let of = if several { format!("{} ", text_of(&alarm["node"])) } else { String::new() };
        text.push_str(&format!(
            "  {:<8} {of}{}: {}\n           -> {}\n",
            text_of(&alarm["severity"]),
            text_of(&alarm["what"]),
            text_of(&alarm["reason"]),
            text_of(&alarm["do"]),
        ));
    }
    let (store, counters) = (&answer["store"], &answer["counters"]);
    let rows = [
        (
            "sessions",
            format!(
                "{} bound, {} connected",
                number(&answer["sessions"]["bound"]),
                number(&answer["sessions"]["connected"])
            ),
        ),
        ("links", format!("{} of {} bound", number(&answer["links"]["bound"]), number(&answer["links"]["configured"]))),
        (
            "waiting",
            format!(
                "{} ready, {} to be tried again, {} scheduled, {} being sent",
                number(&store["ready"]),
                number(&store["retry"]),
                number(&store["scheduled"]),
                number(&store["leased"])
            ),
        ),
        (
            "oldest due",
            match short(&store["oldest_due"]) {
                due if due.is_empty() => "nothing waits".to_owned(),
                due => format!("since {due}"),
            },
        ),
        ("with operators", number(&store["enroute"])),
        (
            "store",
            format!(
                "{} of {} held; {}",
                number(&store["held"]),
                number(&store["held_max"]),
                if store["writable"] == true { "takes new messages" } else { "REFUSES new messages" }
            ),
        ),
        (
            "since start",
            format!(
                "{} accepted, {} refused, {}",
                number(&counters["accepted"]),
                number(&counters["refused"]),
                finals(&counters["final"])
            ),
        ),
    ];
    for (what, value) in rows {
        text.push_str(&format!("{what:<15} {value}\n"));
    }
    text
}

fn finals(value: &Value) -> String {
    let reached = value.as_object().into_iter().flatten().filter(|(_, count)| count.as_u64().unwrap_or_default() > 0);
    let reached: Vec<String> = reached.map(|(state, count)| format!("{} {state}", number(count))).collect();
    if reached.is_empty() { "none final".to_owned() } else { reached.join(", ") }
}

/// The nodes that did not answer: what is shown is without them.
pub(super) fn missing(answer: &Value) -> String {
    let why = |node: &Value| text_of(&answer["missing_why"][node.as_str().unwrap_or_default()]);
    list(&answer["missing"]).map(|node| format!("NO ANSWER from {}: {}\n", text_of(node), why(node))).collect()
}

fn sessions(answer: &Value) -> String {
    let rows = list(&answer["sessions"]).map(|one| {
        vec![
            text_of(&one["id"]),
            text_of(&one["node"]),
            text_of(&one["account"]),
            text_of(&one["bind"]),
            text_of(&one["peer"]),
            yes(&one["tls"], "tls"),
            short(&one["bound"]),
            format!("{}/{}", number(&one["window_used"]), number(&one["window"])),
            format!("{}/{}", number(&one["deliver_window_used"]), number(&one["deliver_window"])),
            number(&one["submitted"]),
            number(&one["delivered"]),
            short(&one["last_activity"]),
        ]
    });
    let titles = [
        "ID",
        "NODE",
        "ACCOUNT",
        "BIND",
        "PEER",
        "TLS",
        "BOUND",
        ">WINDOW",
        ">DELIVER",
        ">SUBMITTED",
        ">DELIVERED",
        "LAST ACTIVITY",
    ];
    table(&titles, rows)
}

fn links(answer: &Value) -> String {
    let rows = list(&answer["links"]).map(|link| {
        let error = &link["last_error"];
        vec![
            text_of(&link["id"]),
            text_of(&link["node"]),
            text_of(&link["state"]),
            short(&link["since"]),
            text_of(&link["bind"]),
            text_of(&link["address"]),
            format!("{}/{}", number(&link["window_used"]), number(&link["window"])),
            number(&link["reconnects"]),
            yes(&link["passed_over"], "passed over"),
            match error.is_null() {
                true => String::new(),
                false => format!("{} {}", short(&error["at"]), text_of(&error["reason"])),
            },
        ]
    });
    table(&["LINK", "NODE", "STATE", "SINCE", "BIND", "ADDRESS", ">WINDOW", ">RETRIES", "", "LAST ERROR"], rows)
}

fn accounts(answer: &Value) -> String {
    let rows = list(&answer["accounts"]).map(|account| {
        vec![
            text_of(&account["system_id"]),
            format!("{}/{}", number(&account["bound"]), number(&account["binds_max"])),
            number(&account["window_max"]),
            match account["throughput_max"].as_u64() {
                Some(0) | None => "no limit".to_owned(),
                Some(rate) => format!("{}/s", count(rate)),
            },
            number(&account["waiting"]),
            origin(&account["origin"]),
        ]
    });
    table(&["ACCOUNT", ">BOUND", ">WINDOW", ">RATE", ">WAITING", "ORIGIN"], rows) + &removed(answer)
}

fn operators(answer: &Value) -> String {
    let rows = list(&answer["operators"]).map(|operator| {
        vec![
            text_of(&operator["name"]),
            format!("{}/{}", number(&operator["bound"]), number(&operator["links"])),
            if operator["available"] == true { "available".to_owned() } else { "passed over".to_owned() },
            number(&operator["waiting"]),
            origin(&operator["origin"]),
        ]
    });
    table(&["OPERATOR", ">BOUND", "STATE", ">WAITING", "ORIGIN"], rows) + &removed(answer)
}

fn routes(answer: &Value) -> String {
    let rows = list(&answer["routes"]).map(|route| {
        vec![
            prefix(&route["prefix"]),
            text_of(&route["account"]),
            text_of(&route["source"]),
            list(&route["operators"]).map(operator).collect::<Vec<_>>().join(" "),
            list(&route["failover"]).map(text_of).collect::<Vec<_>>().join(" "),
            origin(&route["origin"]),
        ]
    });
    let mut text = table(&["PREFIX", "ACCOUNT", "SOURCE", "OPERATORS", "FAILOVER", "ORIGIN"], rows);
    if list(&answer["mo_routes"]).next().is_some() {
        let rows = list(&answer["mo_routes"]).map(|route| {
            vec![
                text_of(&route["destination"]),
                text_of(&route["keyword"]),
                text_of(&route["operator"]),
                text_of(&route["account"]),
                origin(&route["origin"]),
            ]
        });
        text.push_str("\nfrom handsets:\n");
        text.push_str(&table(&["DESTINATION", "KEYWORD", "OPERATOR", "ACCOUNT", "ORIGIN"], rows));
    }
    text + &removed(answer)
}

fn prefix(value: &Value) -> String {
    match text_of(value) {
        prefix if prefix.is_empty() => "(all others)".to_owned(),
        prefix => prefix,
    }
}

fn operator(value: &Value) -> String {
    let away = if value["available"] == false { "(passed over)" } else { "" };
    match value["weight"].as_u64() {
        Some(1) | None => format!("{}{away}", text_of(&value["name"])),
        Some(weight) => format!("{}:{weight}{away}", text_of(&value["name"])),
    }
}

/// Where an entry comes from.
fn origin(value: &Value) -> String {
    if value["from"] != "override" {
        return text_of(&value["from"]);
    }
    let written = format!("{} on {} at {}", text_of(&value["by"]), text_of(&value["node"]), short(&value["at"]));
    match value["in_force"].as_bool() {
        Some(false) => format!("{written}; NOT IN FORCE: {}", text_of(&value["reason"])),
        _ => written,
    }
}

/// Changes that no row shows: what was taken out, and what is not in force.
fn removed(answer: &Value) -> String {
    let hidden = |one: &&Value| one["removed"] == true || one["origin"]["in_force"] == false;
    let mut text = String::new();
    for one in list(&answer["changed"]).filter(hidden) {
        let names = one.as_object().into_iter().flatten();
        let names =
            names.filter(|(key, value)| !matches!(key.as_str(), "kind" | "set" | "origin") && value.is_string());
        let names: Vec<String> = names.map(|(_, value)| text_of(value)).collect();
        let what = if one["removed"] == true { "taken out" } else { "set" };
        text.push_str(&format!("{what}: {} by {}\n", names.join(" "), origin(&one["origin"])));
    }
    text
}

fn route_test(answer: &Value) -> String {
    let mut text = String::new();
    let operator = &answer["operator"];
    match operator.is_null() {
        true => text.push_str(&format!("{}: no way\n", text_of(&answer["asked"]["number"]))),
        false => text.push_str(&format!("{}: by {}\n", text_of(&answer["asked"]["number"]), text_of(operator))),
    }
    for sentence in list(&answer["why"]) {
        text.push_str(&format!("  - {}\n", text_of(sentence)));
    }
    if !answer["route"].is_null() {
        text.push_str(&format!("  route from: {}\n", origin(&answer["route"]["origin"])));
    }
    text
}

fn change(answer: &Value) -> String {
    let entry = &answer["entry"];
    if answer["dry_run"] == true {
        return "this could be done; nothing has changed\n".to_owned();
    }
    match (entry.is_null(), answer["in_file"] == true) {
        (true, true) => "done: it is as the file says\n".to_owned(),
        (true, false) => "done: it is gone, and the file has none\n".to_owned(),
        (false, _) if entry["removed"] == true => {
            "done: it is taken out; `unset` brings back what the file says\n".to_owned()
        }
        (false, _) => format!("done: {}\n", text_of(&entry["set"])),
    }
}

fn queues(answer: &Value) -> String {
    let rows = list(&answer["queues"]).map(|queue| {
        vec![
            if queue["parked"] == true { "(MO without a route)".to_owned() } else { text_of(&queue["name"]) },
            text_of(&queue["kind"]),
            number(&queue["bound"]),
            number(&queue["ready"]),
            number(&queue["retry"]),
            number(&queue["scheduled"]),
            number(&queue["leased"]),
            number(&queue["enroute"]),
            short(&queue["oldest_due"]),
        ]
    });
    table(&["QUEUE", "OF", ">BOUND", ">READY", ">RETRY", ">SCHEDULED", ">SENDING", ">ENROUTE", "OLDEST DUE"], rows)
}

fn swept(answer: &Value, done: &str) -> String {
    let some = if answer["more"] == true { "more than " } else { "" };
    let what = format!("{some}{}", counted(answer["count"].as_u64().unwrap_or_default(), "message"));
    match answer["dry_run"] == true {
        true => format!("{what} would be {done}\nwith --yes it is done\n"),
        false => format!("{done}: {what}\n"),
    }
}

fn messages(answer: &Value) -> String {
    let rows = list(&answer["messages"]).map(|message| {
        vec![
            text_of(&message["id"]),
            text_of(&message["node"]),
            short(&message["accepted"]),
            text_of(&message["origin"]["name"]),
            text_of(&message["towards"]["name"]),
            text_of(&message["state"]),
            text_of(&message["error"]),
            text_of(&message["operator_message_id"]),
            number(&message["attempts"]),
            text_of(&message["story"]),
        ]
    });
    let titles =
        ["MESSAGE", "NODE", "ACCEPTED", "FROM", "TOWARDS", "STATE", "ERR", "OPERATOR'S ID", ">ATTEMPTS", "STORY"];
    let mut text = table(&titles, rows);
    if answer["more"] == true {
        text.push_str(&format!("there are more: --after {}\n", text_of(&answer["next"])));
    }
    text
}

fn trace(answer: &Value) -> String {
    let mut text = String::new();
    for one in list(&answer["deliveries"]) {
        text.push_str(&format!("message {}, {}\n", text_of(&one["id"]), text_of(&one["story"])));
        let numbers = match (text_of(&one["source"]), text_of(&one["destination"])) {
            (_, to) if to.is_empty() => "not kept with a message that is final, or not in memory".to_owned(),
            (from, to) => format!("{from} to {to}"),
        };
        let mut line = |what: &str, value: String| {
            if !value.is_empty() {
                text.push_str(&format!("  {what:<14} {value}\n"));
            }
        };
        line("node", format!("{}, partition {}", text_of(&one["node"]), number(&one["partition"])));
        line("state", format!("{} ({})", text_of(&one["state"]), text_of(&one["place"])));
        line("from", format!("{} {}", text_of(&one["origin"]["kind"]), text_of(&one["origin"]["name"])));
        line("towards", format!("{} {}", text_of(&one["towards"]["kind"]), text_of(&one["towards"]["name"])));
        line("numbers", numbers);
        line("accepted", short(&one["accepted"]));
        line("attempts", format!("{}, {} without an answer", number(&one["attempts"]), number(&one["unanswered"])));
        line("operator's id", text_of(&one["operator_message_id"]));
        line("error", text_of(&one["error"]));
        line("final at", short(&one["done"]));
        line("due", short(&one["due"]));
        line("expires", short(&one["expires"]));
    }
    text
}

fn cdr(answer: &Value) -> String {
    each_node(answer, cdr_of)
}

fn cdr_of(node: &Value) -> String {
    let backlog = number(&node["backlog_records"]);
    if node["on"] != true {
        return format!("off: [cdr] is not configured\n{backlog} that were owed when it was on wait\n");
    }
    let mut text = String::new();
    if !node["failure"].is_null() {
        let failure = &node["failure"];
        text.push_str(&format!("NOT WRITTEN since {}: {}\n", short(&failure["since"]), text_of(&failure["reason"])));
    }
    let age = node["oldest_record_age_seconds"].as_f64().unwrap_or_default();
    text.push_str(&format!("{backlog} wait to be written, the oldest for {age:.1} s\n"));
    text.push_str(&format!("{} written since the start\n", number(&node["records_written"])));
    let rows = [("writing", &node["file"]), ("closed", &node["last_closed"])].map(|(what, file)| {
        let since = if file["opened"].is_null() { &file["closed"] } else { &file["opened"] };
        vec![what.to_owned(), text_of(&file["name"]), number(&file["records"]), short(since)]
    });
    text + &table(&["", "FILE", ">RECORDS", "SINCE"], rows.into_iter().filter(|row| !row[1].is_empty()))
}

fn cdr_rotated(answer: &Value) -> String {
    each_node(answer, |node| match text_of(&node["closed"]["name"]) {
        name if name.is_empty() => format!("nothing to close: {}\n", text_of(&node["note"])),
        name => {
            format!(
                "closed {name} with {}\n",
                counted(node["closed"]["records"].as_u64().unwrap_or_default(), "record")
            )
        }
    })
}

/// What each node says, under its name if there are several.
fn each_node(answer: &Value, said: impl Fn(&Value) -> String) -> String {
    let several = list(&answer["nodes"]).count() > 1;
    let of = |node: &Value| if several { format!("{}:\n{}", text_of(&node["node"]), said(node)) } else { said(node) };
    list(&answer["nodes"]).map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_its_columns_under_their_titles() {
        let rows = [vec!["north:0".to_owned(), "7".to_owned()], vec!["a".to_owned(), "1,000".to_owned()]];
        let text = table(&["LINK", ">COUNT"], rows);
        assert_eq!(text, "LINK     COUNT\nnorth:0      7\na        1,000\n");
        assert_eq!(table(&["LINK"], []), "none\n");
    }

    #[test]
    fn what_a_node_says_cannot_take_over_the_terminal() {
        let answer = json!({ "links": [{ "id": "x\u{1b}[2J", "state": "bound" }] });
        assert!(!links(&answer).contains('\u{1b}'));
    }

    #[test]
    fn the_origin_of_an_entry_is_told() {
        assert_eq!(origin(&json!({ "from": "file" })), "file");
        let by = json!({ "from": "override", "by": "alice", "node": "smsc-0", "at": "2026-01-31T12:00:00.000Z",
            "in_force": false, "reason": "no operator" });
        assert_eq!(origin(&by), "alice on smsc-0 at 2026-01-31 12:00:00.000; NOT IN FORCE: no operator");
    }
}
