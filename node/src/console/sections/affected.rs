//! Who is affected: accounts and their sessions.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::broken::failures;
use super::{Act, Mood, ROWS_MAX, act, ago, at, bar, count, cut, list, now, opener, part, silent, state, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::{View, Visitor, escaped};
use crate::console::words::{grouped, rate};

pub(in crate::console) async fn accounts(asker: &Asker, view: &View, visitor: &Visitor) -> Result<Markup, Refused> {
    let (answer, sessions) = (asker.get("accounts").await?, asker.get("sessions").await?);
    let sessions = list(&sessions, "sessions");
    let mut accounts: Vec<&Value> = list(&answer, "accounts").iter().collect();
    accounts.sort_by_key(|account| (mood(account), std::cmp::Reverse(count(&account["lately"], "failed_5m"))));
    let about = html! { (accounts.len()) " accounts, " (grouped(sessions.len() as u64)) " connections" };
    Ok(part(
        "accounts",
        "Accounts",
        about,
        html! {
            (silent(&answer))
            table {
                thead { tr {
                    th scope="col" { "Account" }
                    th scope="col" title="Bound of at most: transmitters, receivers, transceivers" { "Binds" }
                    th scope="col" .number { "In/s" }
                    th scope="col" .number title="Submissions refused in the last 5 minutes" { "Refused 5 min" }
                    th scope="col" { "Last refusal" }
                    th scope="col" .number title="Receipts and messages that wait for the account" { "To deliver" }
                    th scope="col" { "Last submit" }
                } }
                tbody { @for account in accounts.iter().take(ROWS_MAX) { (account_row(account, sessions, view, visitor)) } }
            }
            (cut(accounts.len()))
        },
    ))
}

fn mood(account: &Value) -> Mood {
    let (recent, waiting) = (&account["lately"], count(account, "waiting"));
    match () {
        () if waiting > 0 && count(account, "bound") == 0 => Mood::Warn,
        () if count(recent, "failed_5m") > count(recent, "well_5m") => Mood::Bad,
        () if count(recent, "failed_5m") > 0 => Mood::Warn,
        () => Mood::Calm,
    }
}

fn account_row(account: &Value, sessions: &[Value], view: &View, visitor: &Visitor) -> Markup {
    let (system_id, now) = (text(account, "system_id"), now());
    let row = format!("account:{system_id}");
    let (recent, limit) = (&account["lately"], count(account, "throughput_max"));
    let own: Vec<&Value> = sessions.iter().filter(|session| text(session, "account") == system_id).collect();
    let of = |bind: &str| own.iter().filter(|session| text(session, "bind") == bind).count();
    let kinds: Vec<String> = [("transmitter", "tx"), ("receiver", "rx"), ("transceiver", "trx")]
        .into_iter()
        .map(|(bind, short)| (of(bind), short))
        .filter(|(count, _)| *count > 0)
        .map(|(count, short)| format!("{count} {short}"))
        .collect();
    let failed = count(recent, "failed_5m");
    let waiting = count(account, "waiting");
    html! {
        tr id=(row) .(mood(account).class()) {
            th scope="row" { (opener(view, &row, "accounts", system_id)) }
            td data-label="Binds" { (bar(count(account, "bound"), count(account, "binds_max"), "binds used"))
                @if !kinds.is_empty() { " " span .of { (kinds.join(" · ")) } } }
            td data-label="In/s" .number { (rate(recent["rate"].as_f64().unwrap_or_default()))
                @if limit > 0 { span .of { "\u{202f}/\u{202f}" (grouped(limit)) } } }
            td data-label="Refused 5 min" .number .warned[failed > 0] { (grouped(failed)) }
            td data-label="Last refusal" { @match recent["last_failure"].is_null() {
                true => span .none { "none" },
                false => { code { (text(&recent["last_failure"], "status")) } " " span .when { (ago(&recent["last_failure"]["at"], now)) " ago" } }
            } }
            td data-label="To deliver" .number .warned[waiting > 0 && own.is_empty()] { (grouped(waiting)) }
            td data-label="Last submit" { (ago(&account["last_submit"], now)) @if !account["last_submit"].is_null() { " ago" } }
        }
        @if view.is_open(&row) {
            tr .inside id={(row) ":inside"} {
                td colspan="7" {
                    (configured(account))
                    (session_table(&own, visitor))
                    h3 { "Refused, by status" }
                    (failures(recent, now))
                }
            }
        }
    }
}

fn configured(account: &Value) -> Markup {
    let (config, origin) = (&account["config"], &account["origin"]);
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let keys: Vec<String> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| *key != "system_id" && !value.is_null())
        .map(|(key, value)| format!("{key} = {}", plain(value)))
        .collect();
    html! {
        p .config { @match text(origin, "from") {
            "override" => { "Changed by " (text(origin, "by")) " on " (text(origin, "node")) ": " }
            _ => { "From the file: " }
        } code { (keys.join(", ")) } }
    }
}

fn session_table(sessions: &[&Value], visitor: &Visitor) -> Markup {
    let now = now();
    html! {
        @if sessions.is_empty() { p .none { "No session." } } @else {
            table .small {
                thead { tr {
                    th scope="col" { "Session" } th scope="col" { "From" } th scope="col" { "Bound" }
                    th scope="col" { "Last PDU" } th scope="col" { "Window" } th scope="col" { "To it" }
                    th scope="col" .number { "Submitted" } th scope="col" .number { "Delivered" } th scope="col" { "Node" }
                    th scope="col" { span .hidden { "Actions" } }
                } }
                tbody { @for session in sessions.iter().take(ROWS_MAX) {
                    @let id = text(session, "id");
                    tr id={"session:" (text(session, "node")) ":" (id)} {
                        td data-label="Session" { (id) " " (text(session, "bind")) }
                        td data-label="From" { code { (text(session, "peer")) } @if session["tls"] == true { " " (state(Mood::Calm, "TLS")) } }
                        td data-label="Bound" { (at(&session["bound"], now)) }
                        td data-label="Last PDU" { (ago(&session["last_activity"], now)) " ago" }
                        td data-label="Window" { (bar(count(session, "window_used"), count(session, "window"), "its window")) }
                        td data-label="To it" { (bar(count(session, "deliver_window_used"), count(session, "deliver_window"), "our window")) }
                        td data-label="Submitted" .number { (grouped(count(session, "submitted"))) }
                        td data-label="Delivered" .number { (grouped(count(session, "delivered"))) }
                        td data-label="Node" { (text(session, "node")) }
                        td .acts { @if visitor.operates() { (act(&Act {
                            label: "Unbind",
                            question: format!("Unbind session {id} of {}? It is closed after 5 s whatever its peer does, and may bind again.", text(session, "account")),
                            path: format!("sessions/{}/disconnect?node={}", escaped(id), escaped(text(session, "node"))),
                            method: "POST",
                            body: json!({}),
                            dangerous: true,
                        })) } }
                    }
                } }
            }
            (cut(sessions.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_whose_receipts_wait_for_nobody_needs_a_look() {
        let account = |bound, waiting, failed, well| {
            mood(&json!({ "bound": bound, "waiting": waiting, "lately": { "failed_5m": failed, "well_5m": well } }))
        };
        assert_eq!(account(0, 3, 0, 0), Mood::Warn);
        assert_eq!(account(1, 3, 0, 0), Mood::Calm);
        assert_eq!(account(1, 0, 10, 2), Mood::Bad);
        assert_eq!(account(1, 0, 2, 10), Mood::Warn);
    }
}
