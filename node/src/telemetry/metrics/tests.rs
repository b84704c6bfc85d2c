//! Counts as a scrape shows them. One recorder serves the process, so each test has names of its own.

use smsc_proto::session::CloseReason;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;

use super::*;

/// The value of the series of that metric with all these labels.
fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let text = install(1_000).render();
    let has = |line: &str, (key, value): &(&str, &str)| line.contains(&format!("{key}=\"{value}\""));
    let mut lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    let line = lines.find(|line| labels.iter().all(|label| has(line, label)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_session_counts_while_it_is_bound() {
    install(1_000);
    let labels = [("account", "counted"), ("bind_type", "trx"), ("side", "esme")];
    let metrics = SessionMetrics::esme("counted", BindKind::Transceiver);
    metrics.bound(CommandStatus::ESME_ROK);
    assert_eq!(value("smsc_sessions", &labels), Some(1.0));
    metrics.ended();
    drop(metrics);
    assert_eq!(value("smsc_sessions", &labels), Some(0.0));
    let bind = [("account", "counted"), ("status", "ESME_ROK")];
    assert_eq!(value("smsc_binds_total", &bind), Some(1.0));
}

#[test]
fn a_refused_bind_of_a_stranger_does_not_make_a_label_of_its_name() {
    install(1_000);
    SessionMetrics::bind_refused(None, BindKind::Receiver, CommandStatus::ESME_RINVSYSID);
    let labels = [("account", "_unknown"), ("bind_type", "rx"), ("status", "ESME_RINVSYSID")];
    assert_eq!(value("smsc_binds_total", &labels), Some(1.0));
}

#[test]
fn messages_are_counted_per_account_and_reason() {
    install(1_000);
    let metrics = SessionMetrics::esme("submitter", BindKind::Transmitter);
    metrics.accepted(64);
    metrics.rejected("no_route", CommandStatus::ESME_RINVDSTADR);
    metrics.rejected("throttled", CommandStatus::ESME_RTHROTTLED);
    metrics.rejected("throttled", CommandStatus::ESME_RTHROTTLED);
    let account = ("account", "submitter");
    assert_eq!(value("smsc_messages_accepted_total", &[account]), Some(64.0));
    assert_eq!(value("smsc_messages_rejected_total", &[account, ("reason", "no_route")]), Some(1.0));
    assert_eq!(value("smsc_throttled_total", &[account, ("scope", "account")]), Some(2.0));
}

#[test]
fn a_link_is_bound_while_any_of_its_sessions_is() {
    install(1_000);
    let link = [("link", "op-bound")];
    let (one, two) = (LinkMetrics::new("op-bound"), LinkMetrics::new("op-bound"));
    assert_eq!(value("smsc_link_bound", &link), Some(0.0));
    one.bound(true);
    two.bound(true);
    one.bound(false);
    one.bound(false);
    assert_eq!(value("smsc_link_bound", &link), Some(1.0));
    assert_eq!(value("smsc_link_sessions", &link), Some(1.0));
    drop(two);
    assert_eq!(value("smsc_link_bound", &link), Some(0.0));
}

#[test]
fn windows_of_all_links_add_up_and_go_with_the_link() {
    install(1_000);
    let (one, two) = (LinkMetrics::new("op-window"), LinkMetrics::new("op-window"));
    one.bound(true);
    one.show_window(3, 10);
    two.bound(true);
    two.show_window(4, 10);
    assert_eq!(value("smsc_window_used", &[("link", "op-window")]), Some(7.0));
    assert_eq!(value("smsc_window_size", &[("link", "op-window")]), Some(20.0));
    one.bound(false);
    assert_eq!(value("smsc_window_used", &[("link", "op-window")]), Some(4.0));
}

#[test]
fn an_unanswered_enquire_link_is_counted_by_itself() {
    install(1_000);
    let before = value("smsc_enquire_link_timeouts_total", &[("side", "operator")]).unwrap_or(0.0);
    LinkMetrics::new("op-silent").closed(CloseReason::EnquireLink);
    assert_eq!(value("smsc_enquire_link_timeouts_total", &[("side", "operator")]), Some(before + 1.0));
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    for (name, kind, meaning) in DECLARED {
        let total = name.ends_with("_total");
        assert_eq!(total, matches!(kind, Kind::Counter), "{name}");
        assert!(name.starts_with("smsc_") && meaning.ends_with('.'), "{name}");
        assert!(name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_'), "{name}");
    }
}

#[test]
fn listeners_count_what_is_open() {
    install(1_000);
    let metrics = ListenerMetrics::new("127.0.0.1:1");
    metrics.accepted();
    metrics.opened();
    metrics.refused("tls");
    let listener = ("listener", "127.0.0.1:1");
    assert_eq!(value("smsc_connections", &[listener]), Some(1.0));
    metrics.closed();
    assert_eq!(value("smsc_connections", &[listener]), Some(0.0));
    assert_eq!(value("smsc_connections_refused_total", &[listener, ("reason", "tls")]), Some(1.0));
}
