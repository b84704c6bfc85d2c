//! Is it working? The first five seconds.

use maud::{Markup, html};
use serde_json::Value;

use super::{Mood, count, list, now, silent, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::Visitor;
use crate::console::words::{age, grouped, long, percent, rate};

pub(in crate::console) async fn status(asker: &Asker, visitor: &Visitor) -> Result<Markup, Refused> {
    let (status, nodes) = (asker.get("status").await?, asker.get("nodes").await?);
    let alarms = list(&status, "alarms");
    let (mood, headline) = headline(alarms);
    let node = &status["node"];
    Ok(html! {
        section #status .part .(mood.class()) aria-labelledby="status-title"
            data-started=(text(node, "started")) data-token=(visitor.token) data-mood=(mood.class()) {
            div .headline .(mood.class()) {
                h1 #status-title aria-live="polite" { (headline) }
                p .node { (text(node, "name")) " · " (text(node, "state")) " · up "
                    (long(std::time::Duration::from_secs(count(node, "uptime_seconds")))) " · " (text(node, "version")) }
            }
            (silent(&nodes))
            (alarm_list(alarms))
            (figures(&status, &nodes))
            div #charts .charts aria-hidden="true" {}
        }
    })
}

fn headline(alarms: &[Value]) -> (Mood, String) {
    let of = |severity: &str| alarms.iter().filter(|alarm| text(alarm, "severity") == severity).count();
    match (of("critical"), of("warning")) {
        (0, 0) => (Mood::Good, "It works".to_owned()),
        (0, 1) => (Mood::Warn, "One thing needs a look".to_owned()),
        (0, several) => (Mood::Warn, format!("{several} things need a look")),
        (1, 0) => (Mood::Bad, "One thing is broken".to_owned()),
        (broken, 0) => (Mood::Bad, format!("{broken} things are broken")),
        (broken, more) => (Mood::Bad, format!("{broken} broken, {more} more to look at")),
    }
}

fn alarm_list(alarms: &[Value]) -> Markup {
    html! {
        @if !alarms.is_empty() {
            ul .alarms {
                @for alarm in alarms {
                    li .(severity(text(alarm, "severity")).class()) {
                        a href=(anchor(text(alarm, "what"))) { (text(alarm, "reason")) }
                        " " span .todo { (text(alarm, "do")) }
                    }
                }
            }
        }
    }
}

pub(super) fn severity(name: &str) -> Mood {
    match name {
        "critical" => Mood::Bad,
        "warning" => Mood::Warn,
        _ => Mood::Calm,
    }
}

/// Where on the page one sees more of it.
fn anchor(what: &str) -> &'static str {
    match what {
        "link" => "#links",
        "queue" => "#queues",
        "config" => "#changes",
        _ => "#nodes",
    }
}

fn figures(status: &Value, nodes: &Value) -> Markup {
    let (rates, store, links) = (&status["rates"], &status["store"], &status["links"]);
    let of = |key: &str| rates[key].as_f64().unwrap_or_default();
    let refused = rates["refused_percent"].as_f64();
    let delivered = rates["delivered_percent_15m"].as_f64();
    let waiting = count(store, "ready") + count(store, "leased") + count(store, "retry");
    let oldest = age(&store["oldest_due"], now());
    let all = list(nodes, "nodes");
    let ready = all.iter().filter(|node| text(node, "state") == "ready").count();
    let expected = all.len() + list(nodes, "missing").len();
    let (bound, configured) = (count(links, "bound"), count(links, "configured"));
    let above = |value: Option<f64>, warn: f64, bad: f64| match value {
        Some(value) if value >= bad => Mood::Bad,
        Some(value) if value >= warn => Mood::Warn,
        _ => Mood::Calm,
    };
    let missing = |have: u64, of: u64| {
        if have == 0 && of > 0 { Mood::Bad } else { above(Some((of - have.min(of)) as f64), 1.0, f64::MAX) }
    };
    html! {
        dl .figures {
            (figure("in", "In", "/s", &rate(of("accepted")), &format!("refused {}/s", rate(of("refused"))), Mood::Calm))
            (figure("out", "Delivered", "/s", &rate(of("delivered")), &format!("failed {}/s", rate(of("failed"))), Mood::Calm))
            (figure("errors", "Submit errors", "", &percent(refused), "of the last 5 s", above(refused, 1.0, 10.0)))
            (figure("waiting", "Waiting", "", &grouped(waiting), &match oldest {
                Some(oldest) => format!("oldest {}", long(oldest)),
                None => "none is due".to_owned(),
            }, above(oldest.map(|oldest| oldest.as_secs_f64()), 60.0, 300.0)))
            (figure("success", "Success", "", &percent(delivered), "over 15 min", match delivered {
                Some(value) if value < 50.0 => Mood::Bad,
                Some(value) if value < 90.0 => Mood::Warn,
                _ => Mood::Calm,
            }))
            (figure("bound", "Links bound", "", &format!("{bound}\u{202f}/\u{202f}{configured}"), "to operators", missing(bound, configured)))
            (figure("ready", "Nodes ready", "", &format!("{ready}\u{202f}/\u{202f}{expected}"), "of the cluster", missing(ready as u64, expected as u64)))
            (figure("sessions", "Sessions", "", &grouped(count(&status["sessions"], "bound")), &format!("{} connected", grouped(count(&status["sessions"], "connected"))), Mood::Calm))
        }
    }
}

fn figure(id: &str, name: &str, unit: &str, value: &str, beside: &str, mood: Mood) -> Markup {
    html! {
        div .figure .(mood.class()) id={"figure-" (id)} {
            dt { (name) }
            dd .value { (value) @if !unit.is_empty() { span .unit { (unit) } } }
            dd .beside { (beside) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_headline_says_how_bad_it_is() {
        let said = |severities: &[&str]| {
            headline(&severities.iter().map(|severity| json!({ "severity": severity })).collect::<Vec<_>>())
        };
        assert_eq!(said(&[]), (Mood::Good, "It works".to_owned()));
        assert_eq!(said(&["info"]), (Mood::Good, "It works".to_owned()));
        assert_eq!(said(&["warning"]).0, Mood::Warn);
        assert_eq!(said(&["critical"]), (Mood::Bad, "One thing is broken".to_owned()));
        assert_eq!(said(&["critical", "warning"]), (Mood::Bad, "1 broken, 1 more to look at".to_owned()));
    }
}
