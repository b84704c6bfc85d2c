//! What was on all nodes: alarms, changes, and the last minutes second by second. Pure.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::super::gather::Asking;
use super::super::watched::tenths;
use super::{first, lists, rank, text};
use crate::api::audit;
use crate::console::watch::ALARMS_MAX;

/// The columns of the last minutes that are so many per second.
const RATES: [&str; 4] = ["accepted", "refused", "delivered", "failed"];
/// A second of the clock, in milliseconds.
const SECOND: u64 = 1_000;
/// A node whose seconds come so much later than another's is not waited for.
const LATE_MAX: u64 = 3 * SECOND;

/// Alarms of all: those that are still there, the worst first; then those that are over, the newest first.
pub(in crate::api) fn alarms(mut answers: Vec<Value>, _: &Asking) -> Value {
    let mut alarms = lists(&mut answers, "alarms");
    alarms.sort_by_key(|alarm| {
        let open = alarm["ended"].is_null();
        (!open, if open { rank(alarm) } else { 0 }, Reverse(text(&alarm["began"])))
    });
    alarms.truncate(ALARMS_MAX);
    json!({ "alarms": alarms })
}

/// What was done on any node, the newest first.
pub(in crate::api) fn audit(mut answers: Vec<Value>, _: &Asking) -> Value {
    let mut entries = lists(&mut answers, "entries");
    entries.sort_by_key(|entry| Reverse(text(&entry["at"])));
    entries.truncate(audit::KEPT_MAX);
    json!({ "entries": entries, "kept_max": audit::KEPT_MAX })
}

/// What went through all nodes together. Their seconds do not begin at the same time, so each gives every second of the
/// clock its share; a second is told once all have seen it.
pub(in crate::api) fn history(answers: Vec<Value>, asking: &Asking) -> Value {
    if answers.len() == 1 {
        return first(answers);
    }
    let since = asking.number("since").and_then(|since| u64::try_from(since).ok()).unwrap_or_default();
    let nodes: Vec<Node> = answers.iter().map(|answer| Node::of(answer, since)).collect();
    let newest = nodes.iter().map(|node| node.newest).max().unwrap_or_default();
    let all_seen = nodes.iter().map(|node| node.newest).min().unwrap_or_default();
    let end = all_seen.max(newest.saturating_sub(LATE_MAX)) / SECOND * SECOND;
    let begins = nodes.iter().filter_map(|node| node.spans.first()).map(|span| span.0);
    let begin = begins.min().unwrap_or(end).max(since) / SECOND * SECOND;
    let seconds: Vec<u64> = (begin..end).step_by(SECOND as usize).collect();
    let mut summed = json!({
        "nodes": answers.iter().flat_map(|answer| answer["nodes"].as_array()).flatten().collect::<Vec<_>>(),
        "at": seconds.iter().map(|second| second + SECOND).collect::<Vec<_>>(),
    });
    for rate in RATES {
        let sum = |second: &u64| tenths(nodes.iter().map(|node| node.share(rate, *second)).sum());
        summed[rate] = seconds.iter().map(sum).collect();
    }
    let waiting = |second: &u64| nodes.iter().map(|node| node.waiting(second + SECOND)).sum::<u64>();
    summed["waiting"] = seconds.iter().map(waiting).collect();
    summed
}

/// The last minutes of one node.
struct Node<'a> {
    columns: &'a Value,
    /// When each of its seconds began and ended: a busy node looks late.
    spans: Vec<(u64, u64)>,
    newest: u64,
}

impl<'a> Node<'a> {
    fn of(columns: &'a Value, since: u64) -> Self {
        let ends: Vec<u64> = columns["at"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        // When the first began is not told: at the end of one that was asked for before, or about a second ago.
        let first = ends.first().map(|end| end.saturating_sub(SECOND));
        let begins = first.into_iter().chain(ends.iter().copied());
        let spans: Vec<(u64, u64)> = begins.zip(ends.iter().copied()).collect();
        Self { columns, newest: ends.last().copied().unwrap_or(since), spans }
    }

    /// So many per second in the second that begins then.
    fn share(&self, rate: &str, second: u64) -> f64 {
        let overlap = |(begin, end): &(u64, u64)| (*end).min(second + SECOND).saturating_sub((*begin).max(second));
        let from = self.spans.partition_point(|(_, end)| *end <= second);
        let spans = self.spans.iter().enumerate().skip(from).take_while(|(_, (begin, _))| *begin < second + SECOND);
        let shares = spans.map(|(index, span)| {
            self.columns[rate][index].as_f64().unwrap_or_default() * overlap(span) as f64 / SECOND as f64
        });
        shares.sum()
    }

    /// What waited at that moment.
    fn waiting(&self, at: u64) -> u64 {
        let index = self.spans.partition_point(|(_, end)| *end < at).min(self.spans.len().saturating_sub(1));
        self.columns["waiting"][index].as_u64().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(query: &str) -> Asking {
        Asking { query: query.to_owned(), missing: Vec::new() }
    }

    fn names(list: &Value, field: &str) -> Vec<String> {
        list.as_array().into_iter().flatten().map(|one| text(&one[field])).collect()
    }

    #[test]
    fn what_is_still_wrong_stands_before_what_was() {
        let at = |minute: u64| json!(format!("2026-01-31T12:{minute:02}:00.000Z"));
        let alarm = |severity: &str, reason: &str, began: u64, ended: Value| json!({ "severity": severity, "reason": reason, "began": at(began), "ended": ended });
        let one = json!({ "alarms": [alarm("info", "leaving", 9, Value::Null), alarm("critical", "was", 1, at(2))] });
        let other =
            json!({ "alarms": [alarm("critical", "no link", 3, Value::Null), alarm("warning", "late", 4, at(5))] });
        let merged = alarms(vec![one, other], &asking(""));
        assert_eq!(names(&merged["alarms"], "reason"), ["no link", "leaving", "late", "was"]);
    }

    #[test]
    fn what_anybody_did_is_in_one_order_and_no_longer_than_of_one_node() {
        let did = |hours: &[u64]| {
            let entries: Vec<Value> =
                hours.iter().map(|hour| json!({ "at": format!("2026-01-31T{hour:02}:00:00.000Z") })).collect();
            json!({ "entries": entries, "kept_max": audit::KEPT_MAX })
        };
        let merged = super::audit(vec![did(&[12, 8]), did(&[10])], &asking(""));
        let hours: Vec<String> = names(&merged["entries"], "at").iter().map(|at| at[11..13].to_owned()).collect();
        assert_eq!(hours, ["12", "10", "08"]);
        let many: Vec<u64> = vec![7; audit::KEPT_MAX];
        let merged = super::audit(vec![did(&many), did(&many)], &asking(""));
        assert_eq!(merged["entries"].as_array().map(Vec::len), Some(audit::KEPT_MAX));
    }

    /// A node whose seconds end at these times, each with so many messages.
    fn node(name: &str, at: &[u64], accepted: &[f64], waiting: &[u64]) -> Value {
        let none = vec![0.0; at.len()];
        json!({ "nodes": [name], "at": at, "accepted": accepted, "refused": none, "delivered": none, "failed": none,
            "waiting": waiting })
    }

    #[test]
    fn the_seconds_of_all_nodes_become_seconds_of_the_clock() {
        let one = node("a", &[10_500, 11_500, 12_500], &[10.0, 20.0, 20.0], &[1, 2, 3]);
        let other = node("b", &[11_000, 12_000, 13_000], &[100.0, 200.0, 300.0], &[10, 20, 30]);
        let sum = history(vec![one, other], &asking("since=10000"));
        assert_eq!(sum["nodes"], json!(["a", "b"]));
        assert_eq!(sum["at"], json!([11_000, 12_000]), "the last second of one node is not whole yet");
        assert_eq!(sum["accepted"], json!([115.0, 220.0]));
        assert_eq!(sum["waiting"], json!([12, 23]));
    }

    #[test]
    fn what_is_asked_later_goes_on_where_the_last_answer_ended() {
        let one = node("a", &[12_500, 13_500], &[20.0, 20.0], &[3, 3]);
        let other = node("b", &[13_000, 14_000], &[300.0, 10.0], &[30, 30]);
        let sum = history(vec![one, other], &asking("since=12000"));
        assert_eq!((&sum["at"], &sum["accepted"]), (&json!([13_000]), &json!([320.0])));
    }

    #[test]
    fn a_second_in_which_a_node_has_not_looked_yet_is_told_later_but_no_node_is_waited_for_long() {
        let slow = node("a", &[], &[], &[]);
        let waits = history(vec![slow.clone(), node("b", &[13_000], &[7.0], &[1])], &asking("since=12000"));
        assert_eq!(waits["at"], json!([]));
        let at = [13_000, 14_000, 15_000, 16_000];
        let goes_on = history(vec![slow, node("b", &at, &[7.0; 4], &[1; 4])], &asking("since=12000"));
        assert_eq!((&goes_on["at"], &goes_on["accepted"]), (&json!([13_000]), &json!([7.0])));
    }

    #[test]
    fn one_node_alone_says_it_as_it_is() {
        let own = node("a", &[10_432], &[1.5], &[2]);
        assert_eq!(history(vec![own.clone()], &asking("")), own);
    }
}
