//! The parts of the page, each made of what the API answers.

mod affected;
mod billing;
mod broken;
mod routes;
mod standing;
mod upkeep;
mod waiting;

pub(super) use affected::accounts;
pub(super) use billing::cdr;
pub(super) use broken::{links, nodes};
pub(super) use routes::routes;
pub(super) use standing::status;
pub(super) use upkeep::{alarms, audit, changes};
pub(super) use waiting::queues;

use maud::{Markup, html};
use serde_json::Value;

use super::page::View;
use super::words::{age, clock, long};

/// Rows that a table shows at most; what is worst stands first.
const ROWS_MAX: usize = 200;

/// How bad it is. Colour is for this alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    /// Broken.
    Bad,
    /// Needs a look.
    Warn,
    /// As it is to be.
    Good,
    /// Nothing to say.
    Calm,
}

impl Mood {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Good => "good",
            Self::Calm => "calm",
        }
    }
}

/// A part with its heading; `about` stands beside it.
fn part(id: &str, title: &str, about: Markup, content: Markup) -> Markup {
    let heading = format!("{id}-title");
    html! {
        section id=(id) .part aria-labelledby=(heading) {
            div .heading { h2 id=(heading) { (title) } div .about { (about) } }
            (content)
        }
    }
}

/// Nodes that have not answered, if the answer names any: it is without them.
fn silent(answer: &Value) -> Markup {
    let why = |name: &str| answer["missing_why"][name].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
    let names: Vec<String> =
        list(answer, "missing").iter().filter_map(Value::as_str).map(|name| name.to_owned() + &why(name)).collect();
    html! {
        @if !names.is_empty() {
            p .silent role="alert" { "No answer from " strong { (names.join(", ")) } ": what follows is without them." }
        }
    }
}

/// What a state is called, with its colour.
fn state(mood: Mood, text: &str) -> Markup {
    html! { span .state .(mood.class()) { (text) } }
}

/// How full something is, in words and as a bar.
fn bar(used: u64, of: u64, label: &str) -> Markup {
    html! {
        span .bar {
            meter min="0" max=(of.max(1)) value=(used.min(of)) aria-label=(label) {}
            span { (used) "\u{202f}/\u{202f}" (of) }
        }
    }
}

/// A moment of the API: how long ago, and when.
fn ago(moment: &Value, now: jiff::Timestamp) -> Markup {
    let text = moment.as_str().unwrap_or_default();
    match age(moment, now) {
        Some(age) => html! { time datetime=(text) title=(text) { (long(age)) } },
        None => html! { "–" },
    }
}

/// A moment of the API as a clock shows it.
fn at(moment: &Value, now: jiff::Timestamp) -> Markup {
    match moment.as_str() {
        Some(text) => html! { time datetime=(text) title=(text) { (clock(text, now)) } },
        None => html! { "–" },
    }
}

/// The name of a row that can be opened.
fn opener(view: &View, row: &str, anchor: &str, name: &str) -> Markup {
    let open = view.is_open(row);
    html! {
        a .open href=(view.with_toggled(row, anchor)) data-open=(row) aria-expanded=(open) { (name) }
    }
}

/// Something that can be done over the API: only with JavaScript, and after a question.
pub(super) struct Act<'a> {
    /// On the button.
    pub(super) label: &'a str,
    /// What is asked first.
    pub(super) question: String,
    /// The path below `/api/v1/`.
    pub(super) path: String,
    /// The method.
    pub(super) method: &'a str,
    /// The body.
    pub(super) body: Value,
    /// Whether something may be lost by it.
    pub(super) dangerous: bool,
}

pub(super) fn act(act: &Act<'_>) -> Markup {
    html! {
        button .act .danger[act.dangerous] type="button" data-path=(act.path) data-method=(act.method)
            data-body=(act.body) data-ask=(act.question) { (act.label) }
    }
}

/// The time by which ages are told.
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn list<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

/// Says that there is more than is shown.
fn cut(all: usize) -> Markup {
    html! { @if all > ROWS_MAX { p .note { "The first " (ROWS_MAX) " of " (all) ", what is worst first. All: " code { "smsc ctl" } "." } } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_that_did_not_answer_are_named_with_the_reason() {
        assert_eq!(silent(&json!({ "links": [], "missing": [] })).into_string(), "");
        let text = silent(&json!({ "missing": ["smsc-2"], "missing_why": { "smsc-2": "too slow" } })).into_string();
        assert!(text.contains("No answer from <strong>smsc-2 (too slow)"), "{text}");
    }
}
