//! The node at work: rates from two looks, links and the busiest accounts, once a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{CtlError, Server};
use super::tables::{list, table};
use super::{over_the_old, show as write, text_of};
use crate::commands::terminal::{Paint, count};

/// Rows of the longest table.
const ROWS_MAX: usize = 15;

/// What was seen at one moment.
struct Look {
    at: Instant,
    status: Value,
    links: Value,
    sessions: Value,
}

/// Shows it until somebody ends it.
pub(super) async fn show(server: &Server, every: Duration) -> Result<(), CtlError> {
    let mut before = look(server).await?;
    loop {
        tokio::time::sleep(every).await;
        let now = look(server).await?;
        write(&over_the_old(&page(&before, &now)))?;
        before = now;
    }
}

async fn look(server: &Server) -> Result<Look, CtlError> {
    Ok(Look {
        at: Instant::now(),
        status: server.get("status").await?,
        links: server.get("links").await?,
        sessions: server.get("sessions").await?,
    })
}

fn page(before: &Look, now: &Look) -> String {
    let seconds = now.at.saturating_duration_since(before.at).as_secs_f64().max(0.001);
    let rate = |of: &dyn Fn(&Value) -> u64| of(&now.status).saturating_sub(of(&before.status)) as f64 / seconds;
    let accepted = rate(&|status| status["counters"]["accepted"].as_u64().unwrap_or_default());
    let finals = |status: &Value| {
        let finals = status["counters"]["final"].as_object().into_iter().flatten();
        finals.filter_map(|(_, count)| count.as_u64()).sum()
    };
    let receipts = rate(&|status| status["counters"]["receipts_delivered"].as_u64().unwrap_or_default());
    let store = &now.status["store"];
    let alarms = list(&now.status["alarms"]).filter(|alarm| alarm["severity"] != "info").count();
    let paint = Paint::for_stdout();
    let verdict = if alarms == 0 { paint.good("OK") } else { paint.bad(format!("{alarms} alarms: smsc ctl status")) };
    let mut text = format!(
        "{}  {}  {verdict}\nin {accepted:.0}/s   final {:.0}/s   receipts {receipts:.0}/s   held {}   ready {}   with operators {}\n\n",
        text_of(&now.status["time"]),
        text_of(&now.status["node"]["name"]),
        rate(&finals),
        number(&store["held"]),
        number(&store["ready"]),
        number(&store["enroute"]),
    );
    let links = list(&now.links["links"]).take(ROWS_MAX).map(|link| {
        vec![
            text_of(&link["id"]),
            text_of(&link["state"]),
            format!("{}/{}", number(&link["window_used"]), number(&link["window"])),
            text_of(&link["last_error"]["reason"]),
        ]
    });
    text.push_str(&table(&["LINK", "STATE", ">WINDOW", "LAST ERROR"], links));
    text.push('\n');
    text.push_str(&accounts(&before.sessions, &now.sessions, seconds));
    text
}

/// The busiest first. Sessions that have gone take their count with them: a rate is never negative.
fn accounts(before: &Value, now: &Value, seconds: f64) -> String {
    let (before, now) = (by_account(before), by_account(now));
    let mut rows: Vec<(f64, Vec<String>)> = now
        .iter()
        .map(|(account, (binds, submitted, delivered))| {
            let (_, earlier_submitted, earlier_delivered) = before.get(account).copied().unwrap_or_default();
            let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
            let (submits, deliveries) = (rate(*submitted, earlier_submitted), rate(*delivered, earlier_delivered));
            let row = vec![account.clone(), binds.to_string(), format!("{submits:.0}"), format!("{deliveries:.0}")];
            (submits + deliveries, row)
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let rows = rows.into_iter().take(ROWS_MAX).map(|(_, row)| row);
    table(&["ACCOUNT", ">BINDS", ">SUBMITS/S", ">DELIVERIES/S"], rows)
}

fn by_account(sessions: &Value) -> BTreeMap<String, (u64, u64, u64)> {
    let mut accounts = BTreeMap::new();
    for session in list(&sessions["sessions"]).filter(|session| session["account"].is_string()) {
        let sums: &mut (u64, u64, u64) = accounts.entry(text_of(&session["account"])).or_default();
        sums.0 += 1;
        sums.1 += session["submitted"].as_u64().unwrap_or_default();
        sums.2 += session["delivered"].as_u64().unwrap_or_default();
    }
    accounts
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| text_of(value), count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_busiest_account_stands_first_and_its_binds_are_added_up() {
        let sessions = |a: u64, b: u64| {
            json!({ "sessions": [
                { "account": "a", "submitted": a, "delivered": 0 },
                { "account": "b", "submitted": b, "delivered": 0 },
                { "account": "b", "submitted": b, "delivered": 0 },
                { "account": null, "submitted": 0, "delivered": 0 },
            ] })
        };
        let text = accounts(&sessions(0, 0), &sessions(10, 20), 2.0);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1..], [vec!["b", "2", "20", "0"], vec!["a", "1", "5", "0"]]);
    }
}
