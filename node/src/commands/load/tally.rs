//! What came of the messages: counts and latencies, and the summary that people and programs read.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;

use crate::commands::client::submit_refusal;
use crate::commands::terminal::{self, Paint};

/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(3_600);

/// Counts and latencies of a run so far.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// submit_sm answered with ESME_ROK.
    pub(super) accepted: u64,
    /// Final receipts that belong to accepted messages.
    pub(super) receipts: u64,
    /// MO messages that came by.
    pub(super) mo: u64,
    /// submit_sm whose connection was lost before they were answered: accepted or not, nobody here knows.
    pub(super) lost: u64,
    /// submit_sm that were not answered in time, or not before the end.
    pub(super) unanswered: u64,
    /// enquire_link that were answered.
    pub(super) enquire_links: u64,
    /// Connections that were lost.
    pub(super) connections_lost: u64,
    /// Those that were made again.
    pub(super) reconnects: u64,
    /// When the last response came.
    pub(super) last_response: Option<Instant>,
    /// When the last receipt came.
    pub(super) last_receipt: Option<Instant>,
    refused: Vec<(CommandStatus, u64)>,
    states: Vec<(MessageState, u64)>,
    to_response: Histogram<u64>,
    to_receipt: Histogram<u64>,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let histogram = || {
            Histogram::new_with_max(LATENCY_MAX.as_micros() as u64, 3)
                .expect("an hour in three digits is a valid range")
        };
        Self {
            accepted: 0,
            receipts: 0,
            mo: 0,
            lost: 0,
            unanswered: 0,
            enquire_links: 0,
            connections_lost: 0,
            reconnects: 0,
            last_response: None,
            last_receipt: None,
            refused: Vec::new(),
            states: Vec::new(),
            to_response: histogram(),
            to_receipt: histogram(),
        }
    }

    /// A submit_sm was accepted after that time.
    pub(super) fn accept(&mut self, latency: Duration) {
        self.accepted += 1;
        self.to_response.saturating_record(micros(latency));
    }

    /// A submit_sm was refused.
    pub(super) fn refuse(&mut self, status: CommandStatus) {
        add_to(&mut self.refused, status, 1);
    }

    /// The state that a final receipt reports.
    pub(super) fn state(&mut self, state: MessageState) {
        add_to(&mut self.states, state, 1);
    }

    /// A receipt found its message, submitted that long ago.
    pub(super) fn receipt(&mut self, latency: Duration) {
        self.receipts += 1;
        self.to_receipt.saturating_record(micros(latency));
    }

    /// How many were refused.
    pub(super) fn refusals(&self) -> u64 {
        self.refused.iter().map(|(_, count)| count).sum()
    }

    /// The latency of the response below which that share of all lies.
    pub(super) fn response_quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.to_response.value_at_quantile(quantile))
    }
}

fn micros(latency: Duration) -> u64 {
    latency.as_micros() as u64
}

fn add_to<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K, more: u64) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, count)) => *count += more,
        None => counts.push((key, more)),
    }
}

/// What a run was asked to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Traffic {
    /// As many messages as the windows allow.
    Flood {
        /// The window of each bind.
        window: usize,
    },
    /// A steady rate.
    Paced {
        /// The window of each bind.
        window: usize,
        /// Messages a second.
        rate: f64,
    },
    /// No messages.
    Idle,
}

impl Traffic {
    fn text(self, binds: usize) -> String {
        let binds = terminal::counted(binds as u64, "bind");
        match self {
            Self::Flood { window } => format!("{binds}, window {window}, as fast as it goes"),
            Self::Paced { window, rate } => format!("{binds}, window {window}, {}/s", terminal::count(rate as u64)),
            Self::Idle => format!("{binds}, idle"),
        }
    }

    fn window(self) -> Option<usize> {
        match self {
            Self::Flood { window } | Self::Paced { window, .. } => Some(window),
            Self::Idle => None,
        }
    }

    fn rate(self) -> Option<f64> {
        match self {
            Self::Flood { .. } => Some(0.0),
            Self::Paced { rate, .. } => Some(rate),
            Self::Idle => None,
        }
    }
}

/// A run that is over.
#[derive(Debug)]
pub(super) struct Summary {
    /// What came of it.
    pub(super) tally: Tally,
    /// How many binds there were.
    pub(super) binds: usize,
    /// How many of them were not bound at the end.
    pub(super) unbound: usize,
    /// What they were asked to do.
    pub(super) load: Traffic,
    /// When it began.
    pub(super) start: Instant,
    /// Messages of a paced run that were due and found no window.
    pub(super) unsent: u64,
    /// Accepted messages whose receipt did not come; `None`: none were asked for.
    pub(super) missing: Option<u64>,
    /// Receipts that belong to no message of this run.
    pub(super) unmatched: u64,
    /// CPU time of this process.
    pub(super) own_cpu: Option<Duration>,
    /// CPU time of the node, if its process was named and could be read.
    pub(super) node_cpu: Option<Duration>,
}

impl Summary {
    /// Whether something is wrong: nothing accepted, or receipts that did not come; of idle binds, that one was lost.
    pub(super) fn problem(&self) -> Option<String> {
        if self.load == Traffic::Idle {
            let lost = self.tally.connections_lost;
            return (lost > 0).then(|| format!("{} lost", terminal::counted(lost, "connection")));
        }
        if self.tally.accepted == 0 {
            let most = self.tally.refused.iter().max_by_key(|(_, count)| *count);
            return Some(match most {
                Some((status, _)) => {
                    format!("nothing was accepted; most answers were {status}: {}", submit_refusal(*status))
                }
                None => "nothing was accepted, and nothing was answered".to_owned(),
            });
        }
        let missing = self.missing.filter(|missing| *missing > 0)?;
        let accepted = terminal::counted(self.tally.accepted, "accepted message");
        Some(format!(
            "{} of {accepted} did not come; --drain gives them more time",
            terminal::counted(missing, "receipt")
        ))
    }

    fn accepted_per_second(&self) -> f64 {
        self.per_second(self.tally.accepted, self.tally.last_response)
    }

    fn receipts_per_second(&self) -> f64 {
        self.per_second(self.tally.receipts, self.tally.last_receipt)
    }

    fn per_second(&self, number: u64, last: Option<Instant>) -> f64 {
        let seconds = last.map_or(0.0, |last| last.saturating_duration_since(self.start).as_secs_f64());
        if seconds > 0.0 { number as f64 / seconds } else { 0.0 }
    }

    fn per_message(&self, cpu: Option<Duration>) -> Option<f64> {
        (self.tally.accepted > 0).then_some(cpu?.as_secs_f64() * 1e6 / self.tally.accepted as f64)
    }

    /// For people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let tally = &self.tally;
        let mut lines = vec![paint.dim(self.load.text(self.binds))];
        if self.load == Traffic::Idle {
            lines.push(row("enquire_link", tally.enquire_links, "answered"));
        } else {
            let rate = format!("{}/s", terminal::count(self.accepted_per_second().round() as u64));
            lines.push(row("accepted", tally.accepted, &rate));
        }
        for (status, count) in &tally.refused {
            lines.push(row("refused", *count, &paint.bad(status)));
        }
        if self.unsent > 0 {
            lines.push(row("not sent", self.unsent, "due, but the windows were full"));
        }
        if tally.unanswered > 0 {
            lines.push(row("unanswered", tally.unanswered, "no response in time"));
        }
        if tally.connections_lost > 0 {
            let again = format!("connections; made again: {}", terminal::count(tally.reconnects));
            lines.push(row("lost", tally.connections_lost, &again));
            lines.push(row("lost", tally.lost, "messages whose response was lost with them"));
        }
        if self.unbound > 0 {
            lines.push(row("not bound", self.unbound as u64, &paint.bad("at the end")));
        }
        if let Some(missing) = self.missing.filter(|_| self.load != Traffic::Idle) {
            let rate = format!("{}/s", terminal::count(self.receipts_per_second().round() as u64));
            lines.push(row("receipts", tally.receipts, &rate));
            for (state, count) in tally.states.iter().filter(|(state, _)| *state != MessageState::Delivered) {
                lines.push(row("of these", *count, state.receipt_word()));
            }
            if missing > 0 {
                lines.push(row("missing", missing, &paint.bad("receipts that did not come")));
            }
        }
        if self.unmatched > 0 {
            lines.push(row("unmatched", self.unmatched, "receipts: repeated, of earlier runs, or of lost responses"));
        }
        if tally.mo > 0 {
            lines.push(row("MO", tally.mo, ""));
        }
        if self.load == Traffic::Idle {
            return lines.join("\n");
        }
        lines.push(String::new());
        lines.push(paint.dim(format!("{:<20}{:>10}{:>10}{:>10}{:>10}", "", "p50", "p99", "p99.9", "max")));
        lines.push(latency_row("submit → response", &tally.to_response));
        if self.missing.is_some() {
            lines.push(latency_row("submit → receipt", &tally.to_receipt));
        }
        let shares = [("load", self.per_message(self.own_cpu)), ("node", self.per_message(self.node_cpu))];
        let shares: Vec<String> =
            shares.iter().filter_map(|(who, cpu)| cpu.map(|cpu| format!("{who} {cpu:.2} µs"))).collect();
        if !shares.is_empty() {
            lines.push(String::new());
            lines.push(format!("CPU per accepted message: {}", shares.join(", ")));
        }
        lines.join("\n")
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let tally = &self.tally;
        let by_name = |pairs: Vec<(String, u64)>| -> Value {
            Value::Object(pairs.into_iter().map(|(name, count)| (name, count.into())).collect::<Map<_, _>>())
        };
        let refused = tally.refused.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        let states = tally.states.iter().map(|(state, count)| (state.receipt_word().to_owned(), *count)).collect();
        json!({
            "binds": self.binds,
            "not_bound": self.unbound,
            "window": self.load.window(),
            "rate": self.load.rate(),
            "accepted": tally.accepted,
            "accepted_per_second": self.accepted_per_second(),
            "refused": by_name(refused),
            "not_sent": self.unsent,
            "unanswered": tally.unanswered,
            "lost": tally.lost,
            "enquire_links": tally.enquire_links,
            "connections_lost": tally.connections_lost,
            "reconnects": tally.reconnects,
            "mo": tally.mo,
            "response_us": latency_json(&tally.to_response),
            "receipts": self.missing.map(|missing| json!({
                "got": tally.receipts,
                "missing": missing,
                "unmatched": self.unmatched,
                "per_second": self.receipts_per_second(),
                "states": by_name(states),
            })),
            "receipt_us": self.missing.map(|_| latency_json(&tally.to_receipt)),
            "cpu_us_per_message": { "load": self.per_message(self.own_cpu), "node": self.per_message(self.node_cpu) },
        })
    }
}

fn row(name: &str, number: u64, remark: &str) -> String {
    format!("{name:<12}{:>14}  {remark}", terminal::count(number)).trim_end().to_owned()
}

fn latency_row(name: &str, histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return format!("{name:<20}{:>10}", "none");
    }
    let at = |quantile| terminal::duration(Duration::from_micros(histogram.value_at_quantile(quantile)));
    let max = terminal::duration(Duration::from_micros(histogram.max()));
    format!("{name:<20}{:>10}{:>10}{:>10}{max:>10}", at(0.5), at(0.99), at(0.999))
}

fn latency_json(histogram: &Histogram<u64>) -> Value {
    json!({
        "count": histogram.len(),
        "p50": histogram.value_at_quantile(0.5),
        "p99": histogram.value_at_quantile(0.99),
        "p99_9": histogram.value_at_quantile(0.999),
        "max": histogram.max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_run() -> Summary {
        let start = Instant::now();
        let mut tally = Tally::new();
        for micros in 1..=2_000 {
            tally.accept(Duration::from_micros(micros));
        }
        for _ in 0..1_999 {
            tally.receipt(Duration::from_millis(3));
            tally.state(MessageState::Delivered);
        }
        tally.refuse(CommandStatus::ESME_RTHROTTLED);
        tally.last_response = Some(start + Duration::from_secs(2));
        tally.last_receipt = tally.last_response;
        Summary {
            tally,
            binds: 16,
            unbound: 0,
            load: Traffic::Flood { window: 100 },
            start,
            unsent: 0,
            missing: Some(1),
            unmatched: 0,
            own_cpu: Some(Duration::from_millis(2)),
            node_cpu: None,
        }
    }

    #[test]
    fn the_summary_shows_rates_refusals_and_latencies() {
        let text = a_run().text(Paint::plain());
        let expected = [
            "16 binds, window 100, as fast as it goes",
            "accepted             2,000  1,000/s",
            "refused                  1  ESME_RTHROTTLED",
            "receipts             1,999  1,000/s",
            "missing                  1  receipts that did not come",
            "submit → response      1.00 ms   1.98 ms   2.00 ms   2.00 ms",
            "submit → receipt       3.00 ms",
            "CPU per accepted message: load 1.00 µs",
        ];
        for line in expected {
            assert!(text.contains(line), "{line:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn programs_get_the_same_figures_as_numbers() {
        let json = a_run().json();
        assert_eq!(json["accepted"], 2_000);
        assert_eq!(json["refused"]["ESME_RTHROTTLED"], 1);
        assert_eq!(json["receipts"]["missing"], 1);
        assert_eq!(json["receipts"]["states"]["DELIVRD"], 1_999);
        assert_eq!(json["response_us"]["p50"], 1_000);
        assert_eq!(json["cpu_us_per_message"]["node"], Value::Null);
    }

    #[test]
    fn a_run_with_missing_receipts_is_no_success() {
        let mut run = a_run();
        assert_eq!(
            run.problem().as_deref(),
            Some("1 receipt of 2,000 accepted messages did not come; --drain gives them more time")
        );
        run.missing = Some(0);
        assert_eq!(run.problem(), None);
        run.missing = None;
        assert_eq!(run.problem(), None);
    }

    #[test]
    fn a_run_without_an_accepted_message_says_why() {
        let mut tally = Tally::new();
        tally.refuse(CommandStatus::ESME_RINVDSTADR);
        let run = Summary { tally, ..a_run() };
        let problem = run.problem().expect("nothing was accepted");
        assert!(problem.contains("ESME_RINVDSTADR") && problem.contains("route"), "{problem}");
    }
}
