//! What is broken: links to operators, worst first, and nodes.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Act, Mood, ROWS_MAX, act, ago, at, bar, count, cut, list, now, opener, part, silent, state, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::{View, Visitor, escaped};
use crate::console::words::{grouped, long, octets, rate};

pub(in crate::console) async fn links(asker: &Asker, view: &View, visitor: &Visitor) -> Result<Markup, Refused> {
    let answer = asker.get("links").await?;
    let mut links: Vec<&Value> = list(&answer, "links").iter().collect();
    links.sort_by_key(|link| (mood(link).0, std::cmp::Reverse(count(&link["lately"], "failed_5m"))));
    let down = links.iter().filter(|link| mood(link).0 == Mood::Bad).count();
    let about = match (down, links.len()) {
        (_, 0) => html! { "none is configured here" },
        (0, all) => html! { (all) " configured" },
        (down, all) => html! { (state(Mood::Bad, &format!("{down} down"))) " of " (all) },
    };
    Ok(part(
        "links",
        "Links to operators",
        about,
        html! {
            (silent(&answer))
            @if !links.is_empty() {
                table {
                    thead { tr {
                        th scope="col" { "Link" } th scope="col" { "State" } th scope="col" { "Since" }
                        th scope="col" { "Window" } th scope="col" .number { "Sent/s" }
                        th scope="col" .number title="Failed attempts of the last 5 minutes" { "Errors 5 min" }
                        th scope="col" .number title="99 % of the answers of the last 5 minutes took less" { "p99" }
                        th scope="col" { "Last error" }
                    } }
                    tbody { @for link in links.iter().take(ROWS_MAX) { (link_row(link, view, visitor)) } }
                }
                (cut(links.len()))
            }
        },
    ))
}

fn mood(link: &Value) -> (Mood, &'static str) {
    match text(link, "state") {
        "bound" if count(&link["lately"], "failed_5m") > count(&link["lately"], "well_5m") => {
            (Mood::Warn, "bound, failing")
        }
        "bound" => (Mood::Good, "bound"),
        "backing_off" => (Mood::Bad, "down"),
        "connecting" if !link["last_error"].is_null() => (Mood::Bad, "down, connecting"),
        "connecting" => (Mood::Warn, "connecting"),
        "paused" => (Mood::Warn, "paused"),
        "draining" => (Mood::Warn, "leaving"),
        _ => (Mood::Warn, "unknown"),
    }
}

fn link_row(link: &Value, view: &View, visitor: &Visitor) -> Markup {
    let (id, now) = (text(link, "id"), now());
    let (mood, word) = mood(link);
    let row = format!("link:{id}:{}", text(link, "node"));
    let recent = &link["lately"];
    let limit = count(link, "throughput_max");
    let failed = count(recent, "failed_5m");
    html! {
        tr id=(row) .(mood.class()) {
            th scope="row" { (opener(view, &row, "links", id)) span .on { (text(link, "node")) } }
            td data-label="State" { (state(mood, word)) }
            td data-label="Since" { (ago(&link["since"], now)) }
            td data-label="Window" { (bar(count(link, "window_used"), count(link, "window"), "window used")) }
            td data-label="Sent/s" .number { (rate(recent["rate"].as_f64().unwrap_or_default()))
                @if limit > 0 { span .of { "\u{202f}/\u{202f}" (grouped(limit)) } } }
            td data-label="Errors 5 min" .number .warned[failed > 0] { (grouped(failed)) }
            td data-label="p99" .number { (p99(recent)) }
            td data-label="Last error" .words { (last_error(link)) }
        }
        @if view.is_open(&row) { (link_inside(link, &row, visitor)) }
    }
}

/// The newer one of what befell the link and what a message was told.
fn last_error(link: &Value) -> Markup {
    let now = now();
    let (of_link, of_message) = (&link["last_error"], &link["lately"]["last_failure"]);
    let newer = |moment: &Value, other: &Value| text(moment, "at") >= text(other, "at");
    html! {
        @if !of_link.is_null() && newer(of_link, of_message) {
            (text(of_link, "reason")) " " span .when { (ago(&of_link["at"], now)) " ago" }
        } @else if !of_message.is_null() {
            code { (text(of_message, "status")) } " " span .when { (ago(&of_message["at"], now)) " ago" }
        } @else { span .none { "none" } }
    }
}

fn p99(recent: &Value) -> String {
    match recent["p99_ms"].as_u64() {
        None => "–".to_owned(),
        Some(u64::MAX) => "> 10 s".to_owned(),
        Some(millis) if millis >= 1_000 => format!("< {} s", millis / 1_000),
        Some(millis) => format!("< {millis} ms"),
    }
}

fn link_inside(link: &Value, row: &str, visitor: &Visitor) -> Markup {
    let (id, now) = (text(link, "id"), now());
    let order = |order: &str, label, question: String, dangerous| {
        act(&Act {
            label,
            question,
            path: format!("links/{}/{order}?node={}", escaped(id), escaped(text(link, "node"))),
            method: "POST",
            body: json!({}),
            dangerous,
        })
    };
    html! {
        tr .inside id={(row) ":inside"} {
            td colspan="8" {
                p { (text(link, "bind")) " to " code { (text(link, "address")) } ", connected anew "
                    (grouped(count(link, "reconnects"))) " times"
                    @if link["passed_over"] == true { ". " (state(Mood::Bad, "passed over")) ": routes use other operators" } }
                (failures(&link["lately"], now))
                @if visitor.operates() {
                    div .acts {
                        @if text(link, "state") == "paused" {
                            (order("resume", "Resume", format!("Let {id} bind again?"), false))
                        } @else {
                            (order("pause", "Pause", format!("Pause {id}? It finishes what is under way, unbinds, and stays away until it is resumed."), true))
                        }
                        (order("reconnect", "Reconnect", format!("Reconnect {id}? It finishes what is under way, unbinds, and binds again."), false))
                        (order("drop", "Drop", format!("Drop {id}? The connection is closed as it is: what was not answered may go twice."), true))
                    }
                }
            }
        }
    }
}

/// What failed since the start, by status.
pub(super) fn failures(recent: &Value, now: jiff::Timestamp) -> Markup {
    let kinds = list(recent, "failures");
    html! {
        @if kinds.is_empty() { p .none { "Nothing has failed since the node was started." } } @else {
            table .small {
                thead { tr { th scope="col" { "Status" } th scope="col" .number { "Since the start" } th scope="col" { "Last" } } }
                tbody {
                    @for kind in kinds {
                        tr { td { code { (text(kind, "status")) } } td .number { (grouped(count(kind, "count"))) } td { (at(&kind["last"], now)) } }
                    }
                }
            }
        }
    }
}

pub(in crate::console) async fn nodes(asker: &Asker, visitor: &Visitor) -> Result<Markup, Refused> {
    let answer = asker.get("nodes").await?;
    let mut nodes: Vec<&Value> = list(&answer, "nodes").iter().collect();
    nodes.sort_by_key(|node| (text(node, "state") == "ready", text(node, "name")));
    Ok(part(
        "nodes",
        "Nodes",
        html! {},
        html! {
            (silent(&answer))
            table {
                thead { tr {
                    th scope="col" { "Node" } th scope="col" { "State" } th scope="col" .number { "Sessions" }
                    th scope="col" .number { "Links" } th scope="col" .number { "Messages held" } th scope="col" { "Store" }
                    th scope="col" { "Up" } th scope="col" { "Version" } th scope="col" { span .hidden { "Actions" } }
                } }
                tbody {
                @for name in list(&answer, "missing").iter().filter_map(Value::as_str) {
                    tr id={"node:" (name)} .bad {
                        th scope="row" { (name) }
                        td data-label="State" colspan="8" { (state(Mood::Bad, "no answer")) }
                    }
                }
                @for node in nodes { (node_row(node, visitor)) }
            }
            }
        },
    ))
}

fn node_row(node: &Value, visitor: &Visitor) -> Markup {
    let (name, phase) = (text(node, "name"), text(node, "state"));
    let mood = match phase {
        "ready" | "alive" => Mood::Good,
        "draining" | "starting" | "suspected" | "retired" => Mood::Warn,
        _ => Mood::Bad,
    };
    let order = |label, order: &str, question: String| {
        let path = format!("nodes/{}/{order}", escaped(name));
        act(&Act { label, question, path, method: "POST", body: json!({}), dangerous: order == "drain" })
    };
    html! {
        tr id={"node:" (name)} .(mood.class()) {
            th scope="row" { (name) }
            td data-label="State" { (state(mood, phase)) }
            td data-label="Sessions" .number { (figure(node, "sessions")) }
            td data-label="Links" .number { (figure(node, "links")) }
            td data-label="Messages held" .number { (figure(node, "held")) }
            td data-label="Store" { (store(node)) }
            td data-label="Up" { @match node["uptime_seconds"].as_u64() {
                Some(seconds) => (long(std::time::Duration::from_secs(seconds))), None => "–" } }
            td data-label="Version" { (text(node, "version")) }
            td .acts { @match phase {
                "ready" if visitor.is_admin() => (order("Drain", "drain", format!(
                    "Take {name} out of service? Sessions and links are unbound in order; the process stays, and other nodes deliver what it keeps."
                ))),
                "draining" if visitor.is_admin() => (order("Undrain", "undrain", format!("Have {name} serve again?"))),
                _ => {}
            } }
        }
    }
}

fn figure(node: &Value, key: &str) -> String {
    node[key].as_u64().map_or("–".to_owned(), grouped)
}

fn store(node: &Value) -> Markup {
    let (free, all) = (node["disk_free_octets"].as_u64(), node["disk_octets"].as_u64());
    html! {
        @if node["writable"] == false { (state(Mood::Bad, "read only")) " " }
        @match (free, all) {
            (Some(free), Some(_)) => { (octets(free)) " free" }
            _ => { "–" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_not_bound_after_an_error_is_down() {
        let said = |state: &str, error: Value| mood(&json!({ "state": state, "last_error": error, "lately": {} }));
        assert_eq!(said("backing_off", Value::Null).0, Mood::Bad);
        assert_eq!(said("connecting", json!({ "reason": "refused" })).0, Mood::Bad);
        assert_eq!(said("connecting", Value::Null).0, Mood::Warn);
        assert_eq!(said("bound", json!({ "reason": "long ago" })).0, Mood::Good);
    }

    #[test]
    fn a_link_on_which_more_fails_than_goes_well_needs_a_look() {
        let link = json!({ "state": "bound", "lately": { "failed_5m": 10, "well_5m": 3 } });
        assert_eq!(mood(&link), (Mood::Warn, "bound, failing"));
    }

    #[test]
    fn times_are_told_as_the_end_of_their_bucket() {
        let told =
            [json!(5), json!(2_000), json!(u64::MAX), Value::Null].map(|p99_ms| p99(&json!({ "p99_ms": p99_ms })));
        assert_eq!(told, ["< 5 ms", "< 2 s", "> 10 s", "–"]);
    }
}
