//! What was changed, what was wrong, who did what.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::routes::origin;
use super::standing::severity;
use super::{Act, Mood, ROWS_MAX, act, ago, at, cut, list, now, part, silent, state, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::Visitor;
use crate::console::words::{age, long};

pub(in crate::console) async fn changes(asker: &Asker, visitor: &Visitor) -> Result<Markup, Refused> {
    let (config, answer) = (asker.get("config").await?, asker.get("overrides").await?);
    let differences = asker.get("config/differences").await?;
    let now = now();
    let overrides = list(&answer, "overrides");
    let about = html! { code { (config["file"].as_str().unwrap_or("no file: the demo")) } ", read " (ago(&config["loaded"], now)) " ago" };
    let texts = |key: &str| {
        list(&config, key)
            .iter()
            .map(|entry| match entry {
                Value::String(text) => text.clone(),
                other => format!("{}: {}{}", text(other, "key"), text(other, "note"), text(other, "reason")),
            })
            .collect::<Vec<_>>()
    };
    let waits = waits(&differences);
    let notes = [
        (Mood::Warn, "Not in force", texts("left_out")),
        // Of changed secrets no key can be shown.
        (Mood::Warn, "In force after a restart", if waits.is_none() { texts("waits_for_restart") } else { Vec::new() }),
        (Mood::Warn, "Dangerous", texts("dangers")),
    ];
    Ok(part(
        "changes",
        "Configuration",
        about,
        html! {
            (silent(&differences))
            @if !config["error"].is_null() {
                p .error { (state(Mood::Bad, "not read")) " " (text(&config["error"], "reason")) " The node goes on with what it had." }
            }
            dl .notes { @for (mood, title, lines) in notes { @if !lines.is_empty() {
                dt { (state(mood, title)) } dd { ul { @for line in lines { li { (line) } } } }
            } } }
            @if let Some(waits) = waits { (waits) }
            (differing(&differences))
            @if overrides.is_empty() { p .none { "Nothing was changed on top of the file." } } @else {
                table {
                    thead { tr { th scope="col" { "Entry" } th scope="col" { "Changed to" } th scope="col" { "By" } th scope="col" { "When" } th scope="col" { span .hidden { "Actions" } } } }
                    tbody { @for entry in overrides.iter().take(ROWS_MAX) { (override_row(entry, visitor)) } }
                }
                (cut(overrides.len()))
            }
            @if visitor.is_admin() { div .acts { (act(&Act {
                label: "Read the file again",
                question: "Read the configuration file again? A file with a mistake changes nothing and says why.".to_owned(),
                path: "config/reload".to_owned(),
                method: "POST",
                body: json!({}),
                dangerous: false,
            })) } }
        },
    ))
}

/// What the files say and the nodes do not do yet.
fn waits(answer: &Value) -> Option<Markup> {
    let of_node = |node| list(node, "waits").iter().map(move |wait| (text(node, "node"), wait));
    let waits: Vec<_> = list(answer, "nodes").iter().flat_map(of_node).collect();
    (!waits.is_empty()).then(|| html! {
        table #waits {
            caption { (state(Mood::Warn, "In force after a restart")) }
            thead { tr { th scope="col" { "Key" } th scope="col" { "Node" } th scope="col" { "In force" } th scope="col" { "The file says" } } }
            tbody { @for (node, wait) in waits.iter().take(ROWS_MAX) { tr {
                th scope="row" { code { (text(wait, "key")) } }
                td data-label="Node" { (node) }
                td data-label="In force" .words { (said(&wait["in_force"])) }
                td data-label="The file says" .words { (said(&wait["file"])) }
            } } }
        }
        (cut(waits.len()))
    })
}

/// Where nodes are configured otherwise than others.
fn differing(answer: &Value) -> Markup {
    let (nodes, differences) = (list(answer, "nodes"), list(answer, "differences"));
    html! {
        @if !differences.is_empty() {
            table #differences {
                caption { (state(Mood::Warn, "Nodes differ")) }
                thead { tr { th scope="col" { "Key" } @for node in nodes { th scope="col" { (text(node, "node")) } } } }
                tbody { @for one in differences.iter().take(ROWS_MAX) { tr {
                    th scope="row" { code { (text(one, "key")) } }
                    @for node in nodes { @let name = text(node, "node");
                        td data-label=(name) .words { (said(&one["values"][name])) } }
                } } }
            }
            (cut(differences.len()))
        }
    }
}

fn said(value: &Value) -> Markup {
    html! { @match value { Value::Null => "–", Value::String(text) => code { (text) }, other => code { (other) } } }
}

fn override_row(entry: &Value, visitor: &Visitor) -> Markup {
    let kind = text(entry, "kind");
    let key: Vec<(&String, &str)> = entry
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !["kind", "set", "removed", "origin"].contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .collect();
    let named: Vec<String> = key.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
    let query: String =
        key.iter().map(|(name, value)| format!("&{name}={}", crate::console::page::escaped(value))).collect();
    let may = visitor.is_admin() || visitor.operates() && kind.ends_with("route");
    html! {
        tr id={"override:" (kind) ":" (named.join(":"))} {
            th scope="row" { (kind) " " (named.join(" ")) }
            td data-label="Changed to" .words { @if entry["removed"] == true { (state(Mood::Warn, "taken out")) } @else { code { (entry["set"]) } } }
            td data-label="By" { (origin(&entry["origin"])) }
            td data-label="When" { (at(&entry["origin"]["at"], now())) }
            td .acts { @if may { (act(&Act {
                label: "Back to the file",
                question: format!("Take back the change of {kind} {}? Then what the file says counts, or nothing.", named.join(" ")),
                path: format!("overrides?kind={kind}{query}"),
                method: "DELETE",
                body: json!({}),
                dangerous: false,
            })) } }
        }
    }
}

pub(in crate::console) async fn alarms(asker: &Asker) -> Result<Markup, Refused> {
    let answer = asker.get("alarms").await?;
    let alarms = list(&answer, "alarms");
    let now = now();
    Ok(part(
        "alarms",
        "Alarms",
        html! { "of all nodes, since each was started" },
        html! {
            (silent(&answer))
            @if alarms.is_empty() { p .none { "There was none." } } @else {
                table {
                    thead { tr { th scope="col" { "What" } th scope="col" { "Began" } th scope="col" { "Lasted" } } }
                    tbody { @for alarm in alarms.iter().take(ROWS_MAX) {
                        @let open = alarm["ended"].is_null();
                        @let mood = if open { severity(text(alarm, "severity")) } else { Mood::Calm };
                        tr .(mood.class()) {
                            th scope="row" .words { (state(mood, text(alarm, "severity"))) " " (text(alarm, "reason")) " " span .of { (text(alarm, "node")) } }
                            td data-label="Began" { (at(&alarm["began"], now)) }
                            td data-label="Lasted" { (lasted(alarm, now)) @if open { ", still there" } }
                        }
                    } }
                }
                (cut(alarms.len()))
            }
        },
    ))
}

fn lasted(alarm: &Value, now: jiff::Timestamp) -> String {
    let end = alarm["ended"].as_str().and_then(|ended| ended.parse().ok()).unwrap_or(now);
    age(&alarm["began"], end).map_or("–".to_owned(), long)
}

pub(in crate::console) async fn audit(asker: &Asker) -> Result<Markup, Refused> {
    let answer = asker.get("audit").await?;
    let entries = list(&answer, "entries");
    let now = now();
    Ok(part(
        "audit",
        "Audit",
        html! { "of all nodes, since each was started; their logs have all" },
        html! {
            (silent(&answer))
            @if entries.is_empty() { p .none { "Nobody has changed anything." } } @else {
                table {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Did" } th scope="col" { "To" } th scope="col" { "After" } } }
                    tbody { @for entry in entries.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { (at(&entry["at"], now)) }
                            td data-label="Who" { (text(entry, "by")) " " span .of { (text(entry, "role")) " · " (text(entry, "from")) " · " (text(entry, "node")) } }
                            td data-label="Did" { code { (text(entry, "action")) } }
                            td data-label="To" { (text(entry, "what")) }
                            td data-label="After" .words { @if !entry["after"].is_null() { code { (entry["after"]) } } }
                        }
                    } }
                }
                (cut(entries.len()))
            }
        },
    ))
}
