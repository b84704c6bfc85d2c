//! The answers of many nodes as one. Pure. [`past`] has those of what was.

pub(super) mod past;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use smsc_proto::ids::MessageId;

use super::gather::Asking;
use super::page::{self, PageEnd};
use super::watched::tenths;

/// The lists of that name, one after the other.
fn lists(answers: &mut [Value], name: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for answer in answers {
        if let Some(list) = answer[name].as_array_mut() {
            all.append(list);
        }
    }
    all
}

/// Sessions of all.
pub(super) fn sessions(mut answers: Vec<Value>, _: &Asking) -> Value {
    json!({ "sessions": lists(&mut answers, "sessions") })
}

/// Nodes that have answered.
pub(super) fn nodes(mut answers: Vec<Value>, _: &Asking) -> Value {
    let mut nodes = lists(&mut answers, "nodes");
    nodes.sort_by_key(|node| node["number"].as_u64());
    json!({ "nodes": nodes })
}

/// Traces of all.
pub(super) fn traces(mut answers: Vec<Value>, _: &Asking) -> Value {
    json!({ "traces": lists(&mut answers, "traces") })
}

/// The last lines of one trace on all, in the order of their times.
pub(super) fn trace_lines(mut answers: Vec<Value>, asking: &Asking) -> Value {
    let mut lines = lists(&mut answers, "lines");
    lines.sort_by_key(|line| text(&line["time"]));
    let limit = asking.number("limit").unwrap_or(super::traces::LINES);
    lines.drain(..lines.len().saturating_sub(limit));
    json!({ "lines": lines })
}

/// Links of all, what is broken first.
pub(super) fn links(mut answers: Vec<Value>, _: &Asking) -> Value {
    let mut links = lists(&mut answers, "links");
    let rank = |link: &Value| match link["state"].as_str().unwrap_or_default() {
        "backing_off" => 0,
        "connecting" => 1,
        "paused" => 2,
        "draining" => 3,
        _ => 4,
    };
    links.sort_by_key(rank);
    json!({ "links": links })
}

/// What links were told.
pub(super) fn orders(mut answers: Vec<Value>, _: &Asking) -> Value {
    let links = lists(&mut answers, "links");
    json!({ "links": links, "note": first(answers)["note"] })
}

/// Accounts, as this node has them, with binds and waiting messages of all.
pub(super) fn accounts(mut answers: Vec<Value>, _: &Asking) -> Value {
    let list = by_name(lists(&mut answers, "accounts"), "system_id", &["bound", "waiting"]);
    json!({ "accounts": list, "changed": first(answers)["changed"] })
}

/// Operators, as this node has them, with links and waiting messages of all.
pub(super) fn operators(mut answers: Vec<Value>, _: &Asking) -> Value {
    let list = by_name(lists(&mut answers, "operators"), "name", &["links", "bound", "waiting"]);
    json!({ "operators": list, "changed": first(answers)["changed"] })
}

/// Outboxes, with what waits at all.
pub(super) fn queues(mut answers: Vec<Value>, _: &Asking) -> Value {
    let sums = ["bound", "ready", "leased", "scheduled", "retry", "enroute", "receipts_expired"];
    let mut queues: BTreeMap<(String, String), Value> = BTreeMap::new();
    for queue in lists(&mut answers, "queues") {
        let name = |field: &str| queue[field].as_str().unwrap_or_default().to_owned();
        match queues.get_mut(&(name("kind"), name("name"))) {
            None => _ = queues.insert((name("kind"), name("name")), queue),
            Some(known) => {
                sums.iter().for_each(|field| add(&mut known[*field], &queue[*field]));
                earliest(&mut known["oldest_due"], &queue["oldest_due"]);
            }
        }
    }
    let mut queues: Vec<Value> = queues.into_values().collect();
    // What has waited longest stands first.
    queues.sort_by_key(|queue| (queue["oldest_due"].is_null(), text(&queue["oldest_due"])));
    json!({ "queues": queues })
}

/// Where nodes are configured otherwise than others, and what waits for their restart.
pub(super) fn differences(answers: Vec<Value>, _: &Asking) -> Value {
    let name = |answer: &Value| text(&answer["node"]);
    let mut keys: Vec<&String> =
        answers.iter().filter_map(|answer| answer["keys"].as_object()).flat_map(Map::keys).collect();
    keys.sort_unstable();
    keys.dedup();
    let said = |key: &String| -> Vec<(String, &Value)> {
        answers.iter().map(|answer| (name(answer), &answer["keys"][key])).collect()
    };
    let differs = |said: &[(String, &Value)]| said.windows(2).any(|two| two[0].1 != two[1].1);
    let differences = keys.into_iter().map(|key| (key, said(key))).filter(|(_, said)| differs(said));
    let differences = differences.map(|(key, said)| {
        let values: Map<String, Value> = said.into_iter().map(|(node, value)| (node, value.clone())).collect();
        json!({ "key": key, "values": values })
    });
    let nodes = answers.iter().map(|answer| json!({ "node": name(answer), "waits": answer["waits"] }));
    json!({ "nodes": nodes.collect::<Vec<_>>(), "differences": differences.collect::<Vec<_>>() })
}

/// What was done to what waits.
pub(super) fn swept(answers: Vec<Value>, _: &Asking) -> Value {
    let count: u64 = answers.iter().filter_map(|answer| answer["count"].as_u64()).sum();
    let more = answers.iter().any(|answer| answer["more"] == true);
    let first = first(answers);
    json!({ "dry_run": first["dry_run"], "accepted_until": first["accepted_until"], "count": count, "more": more })
}

/// Messages that were found, the newest first.
pub(super) fn messages(mut answers: Vec<Value>, asking: &Asking) -> Value {
    let with_id = |message: Value| Some((message["id"].as_str()?.parse().ok()?, message));
    let mut messages: Vec<(MessageId, Value)> =
        lists(&mut answers, "messages").into_iter().filter_map(with_id).collect();
    let limit = asking.number("limit").unwrap_or(super::messages::LIMIT);
    let next = |answer: &Value| answer["next"].as_str()?.parse().ok();
    // Of several nodes the one that has looked least far.
    let looked: Option<PageEnd> = answers.iter().filter_map(next).max();
    let after = asking.field("after").and_then(|after| after.parse().ok());
    let next = page::end(&mut messages, limit, looked, after, |(id, _)| *id).map(|next| next.to_string());
    let messages: Vec<Value> = messages.into_iter().map(|(_, message)| message).collect();
    json!({ "messages": messages, "more": next.is_some(), "next": next })
}

/// One message, wherever its deliveries are.
pub(super) fn message(mut answers: Vec<Value>, _: &Asking) -> Value {
    let deliveries = lists(&mut answers, "deliveries");
    json!({ "id": first(answers)["id"], "deliveries": deliveries })
}

/// How all nodes are: alarms of each, and sums. Node, time and configuration are those of the node that is asked.
pub(super) fn status(mut answers: Vec<Value>, asking: &Asking) -> Value {
    let mut alarms = Vec::new();
    // Whatever else there is: of these nothing is known.
    for (node, why) in &asking.missing {
        let reason = format!("{node} does not answer: {why}");
        let help = "smsc ctl nodes; does its process run, and can the nodes reach each other?";
        alarms.push(json!({ "severity": "critical", "what": "node", "reason": reason, "do": help, "node": node }));
    }
    for answer in &mut answers {
        let node = answer["node"]["name"].clone();
        for mut alarm in lists(std::slice::from_mut(answer), "alarms") {
            alarm["node"] = node.clone();
            alarms.push(alarm);
        }
    }
    alarms.sort_by_key(rank);
    let nodes: Vec<Value> = answers.iter().map(|answer| answer["node"].clone()).collect();
    let mut all = answers.into_iter();
    let mut status = all.next().unwrap_or_default();
    for other in all {
        for part in ["sessions", "links", "counters"] {
            add(&mut status[part], &other[part]);
        }
        add_rates(&mut status["rates"], &other["rates"]);
        let (store, other) = (&mut status["store"], &other["store"]);
        let (writable, oldest) = (store["writable"] == true && other["writable"] == true, store["oldest_due"].clone());
        let lag =
            store["due_lag_seconds"].as_f64().unwrap_or(0.0).max(other["due_lag_seconds"].as_f64().unwrap_or(0.0));
        add(store, other);
        store["writable"] = writable.into();
        store["due_lag_seconds"] = lag.into();
        store["oldest_due"] = oldest;
        earliest(&mut store["oldest_due"], &other["oldest_due"]);
    }
    status["alarms"] = alarms.into();
    status["nodes"] = nodes.into();
    status
}

/// Call detail records of each node, in one list.
pub(super) fn cdr(mut answers: Vec<Value>, _: &Asking) -> Value {
    json!({ "nodes": lists(&mut answers, "nodes") })
}

/// How bad an alarm is: the worst is the least.
fn rank(alarm: &Value) -> u8 {
    match alarm["severity"].as_str() {
        Some("critical") => 0,
        Some("warning") => 1,
        _ => 2,
    }
}

fn first(answers: Vec<Value>) -> Value {
    answers.into_iter().next().unwrap_or_default()
}

/// Entries of a list by their name, in the order in which they come first; of each these fields are added up.
fn by_name(list: Vec<Value>, name: &str, sums: &[&str]) -> Vec<Value> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: Vec<Value> = Vec::new();
    for entry in list {
        match places.get(&text(&entry[name])) {
            None => {
                places.insert(text(&entry[name]), all.len());
                all.push(entry);
            }
            Some(place) => {
                let known = &mut all[*place];
                sums.iter().for_each(|field| add(&mut known[*field], &entry[*field]));
                if entry["available"] == true {
                    known["available"] = true.into();
                }
                if known["lately"].is_object() {
                    add_lately(&mut known["lately"], &entry["lately"]);
                }
                if !entry["last_submit"].is_null() {
                    latest(&mut known["last_submit"], &entry["last_submit"]);
                }
            }
        }
    }
    all
}

/// The last minutes: rates and counts together, the slowest p99, the last failure.
fn add_lately(known: &mut Value, other: &Value) {
    add_rate(&mut known["rate"], &other["rate"]);
    add(&mut known["well_5m"], &other["well_5m"]);
    add(&mut known["failed_5m"], &other["failed_5m"]);
    if other["p99_ms"].as_f64() > known["p99_ms"].as_f64() {
        known["p99_ms"] = other["p99_ms"].clone();
    }
    if text(&other["last_failure"]["at"]) > text(&known["last_failure"]["at"]) {
        known["last_failure"] = other["last_failure"].clone();
    }
    let mut failures: Vec<Value> = known["failures"].as_array().cloned().unwrap_or_default();
    for failure in other["failures"].as_array().into_iter().flatten() {
        match failures.iter_mut().find(|known| known["status"] == failure["status"]) {
            Some(known) => {
                add(&mut known["count"], &failure["count"]);
                latest(&mut known["last"], &failure["last"]);
            }
            None => failures.push(failure.clone()),
        }
    }
    known["failures"] = failures.into();
}

/// Rates of all nodes together; of shares, the one that is of refusals anew, and of deliveries the worst.
fn add_rates(known: &mut Value, other: &Value) {
    ["accepted", "refused", "delivered", "failed"].iter().for_each(|rate| add_rate(&mut known[*rate], &other[*rate]));
    let (accepted, refused) = (known["accepted"].as_f64(), known["refused"].as_f64());
    if let (Some(accepted), Some(refused)) = (accepted, refused)
        && accepted + refused > 0.0
    {
        known["refused_percent"] = tenths(100.0 * refused / (accepted + refused)).into();
    }
    let (ours, theirs) = (known["delivered_percent_15m"].as_f64(), other["delivered_percent_15m"].as_f64());
    if theirs.is_some() && (ours.is_none() || theirs < ours) {
        known["delivered_percent_15m"] = other["delivered_percent_15m"].clone();
    }
}

fn add_rate(sum: &mut Value, other: &Value) {
    if let (Some(a), Some(b)) = (sum.as_f64(), other.as_f64()) {
        *sum = tenths(a + b).into();
    }
}

/// Adds numbers, and all numbers of objects; anything else stays as it is.
fn add(sum: &mut Value, other: &Value) {
    match (&mut *sum, other) {
        (Value::Number(a), Value::Number(b)) => {
            if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
                *sum = a.saturating_add(b).into();
            }
        }
        (Value::Object(a), Value::Object(b)) => add_objects(a, b),
        _ => {}
    }
}

fn add_objects(sum: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, value) in other {
        match sum.get_mut(key) {
            Some(known) => add(known, value),
            None => _ = sum.insert(key.clone(), value.clone()),
        }
    }
}

/// Of two moments, which are written alike, the earlier; nothing is later than everything.
fn earliest(known: &mut Value, other: &Value) {
    if !other.is_null() && (known.is_null() || text(other) < text(known)) {
        *known = other.clone();
    }
}

/// Of two moments, which are written alike, the later.
fn latest(known: &mut Value, other: &Value) {
    if text(other) > text(known) {
        *known = other.clone();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(query: &str) -> Asking {
        Asking { query: query.to_owned(), missing: vec![("smsc-2".to_owned(), "no answer within 1 s".to_owned())] }
    }

    #[test]
    fn what_waits_is_added_up_and_the_oldest_counts() {
        let queue = |ready: u64, oldest: Value| json!({ "queues": [{ "kind": "operator", "name": "north", "parked": false, "ready": ready, "oldest_due": oldest }] });
        let at = |hour: &str| json!(format!("2026-01-31T{hour}:00:00.000Z"));
        let merged = queues(vec![queue(1, Value::Null), queue(2, at("12")), queue(3, at("11"))], &asking(""));
        assert_eq!(merged["queues"].as_array().map(Vec::len), Some(1));
        assert_eq!((&merged["queues"][0]["ready"], &merged["queues"][0]["oldest_due"]), (&json!(6), &at("11")));
    }

    fn found(ids: &[u64], next: Option<&str>) -> Value {
        let messages: Vec<Value> = ids.iter().map(|id| json!({ "id": id.to_string() })).collect();
        json!({ "messages": messages, "more": next.is_some(), "next": next })
    }

    fn ids(merged: &Value) -> Vec<String> {
        merged["messages"].as_array().into_iter().flatten().map(|one| text(&one["id"])).collect()
    }

    #[test]
    fn of_all_messages_the_newest_are_shown() {
        let merged = messages(vec![found(&[7, 5], None), found(&[6, 4], None)], &asking("number=1&limit=3"));
        assert_eq!(ids(&merged), ["7", "6", "5"]);
        assert_eq!((&merged["more"], &merged["next"]), (&json!(true), &json!("5.1")));
        let all = messages(vec![found(&[7], None)], &asking("number=1"));
        assert_eq!((&all["more"], &all["next"]), (&json!(false), &Value::Null));
    }

    #[test]
    fn what_is_older_than_where_a_node_has_ended_waits_for_the_next_page() {
        let answers = vec![found(&[9, 8], Some("8.1")), found(&[7, 5], None)];
        let merged = messages(answers, &asking("number=1&limit=3"));
        assert_eq!((ids(&merged), &merged["next"]), (vec!["9".to_owned(), "8".to_owned()], &json!("8.1")));
    }

    #[test]
    fn the_deliveries_of_one_message_are_counted_over_pages() {
        let merged = messages(vec![found(&[8, 8, 8], None)], &asking("number=1&limit=2&after=8.2"));
        assert_eq!(merged["next"], json!("8.4"));
    }

    #[test]
    fn an_account_has_the_binds_of_all_nodes() {
        let list = |bound: u64| json!({ "accounts": [{ "system_id": "shop", "bound": bound, "binds_max": 4, "waiting": 1 }], "changed": [] });
        let merged = accounts(vec![list(1), list(2)], &asking(""));
        let expected = json!([{ "system_id": "shop", "bound": 3, "binds_max": 4, "waiting": 2 }]);
        assert_eq!(merged["accounts"], expected);
    }

    #[test]
    fn an_accounts_last_minutes_are_those_of_all_nodes() {
        let list = |rate: f64, status: &str, at: &str| {
            let failure = json!({ "status": status, "count": 1, "last": at });
            let lately = json!({ "rate": rate, "well_5m": 3, "failed_5m": 1, "p99_ms": rate,
                "last_failure": { "status": status, "at": at }, "failures": [failure] });
            json!({ "accounts": [{ "system_id": "shop", "lately": lately, "last_submit": at }], "changed": [] })
        };
        let (early, late) = ("2026-01-31T11:00:00.000Z", "2026-01-31T12:00:00.000Z");
        let merged = accounts(vec![list(2.0, "ESME_RTHROTTLED", late), list(1.5, "ESME_RMSGQFUL", early)], &asking(""));
        let (account, lately) = (&merged["accounts"][0], &merged["accounts"][0]["lately"]);
        assert_eq!((&lately["rate"], &lately["well_5m"], &lately["p99_ms"]), (&json!(3.5), &json!(6), &json!(2.0)));
        assert_eq!((&lately["last_failure"]["at"], &account["last_submit"]), (&json!(late), &json!(late)));
        assert_eq!(lately["failures"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn the_status_is_a_sum_with_an_alarm_for_who_is_silent() {
        let one = |name: &str, writable: bool| {
            json!({
                "node": { "name": name },
                "alarms": [{ "severity": "info", "what": "config", "reason": "r", "do": "d" }],
                "sessions": { "bound": 2 }, "links": { "bound": 1 },
                "store": { "held": 3, "writable": writable, "due_lag_seconds": 0.5, "oldest_due": null },
                "counters": { "accepted": 5, "final": { "DELIVRD": 4 } },
                "rates": { "accepted": 7.5, "refused": 2.5, "delivered": 1.0, "failed": 0.0,
                    "refused_percent": 25.0, "delivered_percent_15m": if writable { json!(90.0) } else { json!(80.0) } },
            })
        };
        let merged = status(vec![one("smsc-0", true), one("smsc-1", false)], &asking(""));
        assert_eq!(merged["counters"], json!({ "accepted": 10, "final": { "DELIVRD": 8 } }));
        assert_eq!((&merged["store"]["held"], &merged["store"]["writable"]), (&json!(6), &json!(false)));
        assert_eq!(merged["store"]["due_lag_seconds"], json!(0.5));
        let rates = &merged["rates"];
        assert_eq!((&rates["accepted"], &rates["refused_percent"]), (&json!(15.0), &json!(25.0)));
        assert_eq!(rates["delivered_percent_15m"], json!(80.0), "the worst");
        let alarms = merged["alarms"].as_array().cloned().unwrap_or_default();
        assert_eq!((&alarms[0]["severity"], &alarms[0]["node"]), (&json!("critical"), &json!("smsc-2")));
        assert_eq!(alarms.len(), 3);
        assert_eq!(merged["nodes"], json!([{ "name": "smsc-0" }, { "name": "smsc-1" }]));
    }
}
