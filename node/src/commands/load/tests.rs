//! `smsc load` against a simulated operator, which plays the message centre.

use clap::Parser;
use smsc_proto::smpp::command_status::CommandStatus;
use tokio::net::TcpListener;

use super::*;
use crate::commands::simulate::{IdForm, Options, ReceiptShare, Receipts, SimulatedOperator, Totals};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    load: Args,
}

fn parse(arguments: &[&str]) -> Args {
    Cli::try_parse_from(["load"].iter().chain(arguments)).expect("these arguments are right").load
}

/// What `smsc load` with these arguments comes to, and what the operator counted.
fn outcome(options: Options, arguments: &[&str]) -> (Summary, Totals) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let operator = SimulatedOperator::new(options);
    runtime.spawn(operator.clone().serve_on(listener));
    let all: Vec<&str> = ["--smsc", &address].into_iter().chain(arguments.iter().copied()).collect();
    let summary = load(&parse(&all)).expect("the binds are accepted");
    (summary, operator.totals())
}

fn options() -> Options {
    Options { receipt_delay: Duration::from_millis(20), ..Options::default() }
}

#[test]
fn every_message_is_accepted_and_reported() {
    let (summary, operator) = outcome(options(), &["--count", "5000", "--binds", "4", "--window", "50"]);
    assert_eq!((summary.tally.accepted, summary.tally.receipts, summary.missing), (5_000, 5_000, Some(0)));
    assert_eq!((operator.accepted, operator.delivered, operator.waiting), (5_000, 5_000, 0));
    assert_eq!(summary.problem(), None);
    assert_eq!(summary.json()["receipt_us"]["count"], 5_000);
}

#[test]
fn two_threads_share_the_messages() {
    let (summary, operator) = outcome(options(), &["--count", "3000", "--binds", "5", "--threads", "2"]);
    assert_eq!((summary.tally.accepted, summary.missing, operator.accepted), (3_000, Some(0), 3_000));
}

#[test]
fn a_paced_run_keeps_to_its_rate() {
    let arguments = ["--rate", "2000", "--duration", "500ms", "--binds", "2", "--receipts", "off"];
    let (summary, operator) = outcome(options(), &arguments);
    assert_eq!(summary.tally.accepted + summary.unsent, 1_000);
    assert!(summary.tally.accepted > 900, "{} in half a second", summary.tally.accepted);
    assert_eq!((operator.accepted, operator.delivered), (summary.tally.accepted, 0));
}

#[test]
fn a_stall_is_charged_to_every_message_that_it_delayed() {
    // One message at a time and 20 ms for each: of 100 a second only half can go, and the rest waits its turn.
    let options = Options { response_delay: Duration::from_millis(20), ..options() };
    let arguments = ["--rate", "100", "--count", "40", "--binds", "1", "--window", "1", "--receipts", "off"];
    let (summary, _) = outcome(options, &arguments);
    assert_eq!(summary.tally.accepted, 40);
    assert!(summary.tally.response_quantile(0.9) > Duration::from_millis(200), "measured from the scheduled time");
}

#[test]
fn what_a_paced_run_could_not_send_is_said() {
    let options = Options { response_delay: Duration::from_millis(50), ..options() };
    let arguments = ["--rate", "100", "--duration", "200ms", "--binds", "1", "--window", "1", "--receipts", "off"];
    let (summary, _) = outcome(options, &arguments);
    assert!(summary.unsent >= 10, "{} were not sent", summary.unsent);
    assert!(summary.text(Paint::plain()).contains("not sent"));
}

#[test]
fn receipts_that_do_not_come_are_counted_and_fail_the_run() {
    let options = Options { receipts: vec![ReceiptShare::all(Receipts::Never)], ..options() };
    let (summary, _) = outcome(options, &["--count", "10", "--binds", "1", "--drain", "50ms"]);
    assert_eq!(summary.missing, Some(10));
    assert!(summary.problem().expect("they are missing").starts_with("10 receipts"));
}

#[test]
fn repeated_and_early_receipts_and_other_ids_are_told_apart() {
    let twice = Options { receipts: vec![ReceiptShare::all(Receipts::Twice)], ids: IdForm::Uuid, ..options() };
    let (summary, _) = outcome(twice, &["--count", "100", "--binds", "2"]);
    assert_eq!((summary.tally.receipts, summary.missing), (100, Some(0)));
    let early = Options { receipts: vec![ReceiptShare::all(Receipts::Early)], ids: IdForm::Hex, ..options() };
    let (summary, _) = outcome(early, &["--count", "100", "--binds", "2"]);
    assert_eq!((summary.tally.receipts, summary.missing, summary.unmatched), (100, Some(0), 0));
}

#[test]
fn refusals_are_counted_by_status() {
    let error_rates = vec!["1:ESME_RINVDSTADR".parse().expect("an error rate")];
    let (summary, _) = outcome(Options { error_rates, ..options() }, &["--count", "50", "--binds", "2"]);
    assert_eq!((summary.tally.accepted, summary.tally.refusals()), (0, 50));
    assert!(summary.problem().expect("nothing was accepted").contains(&CommandStatus::ESME_RINVDSTADR.to_string()));
}

#[test]
fn a_dropped_connection_is_made_again_and_what_it_lost_is_counted() {
    let drop_after = std::num::NonZeroU64::new(100);
    let arguments = ["--count", "350", "--binds", "1", "--window", "10", "--receipts", "off"];
    let (summary, _) = outcome(Options { drop_after, ..options() }, &arguments);
    let tally = &summary.tally;
    assert!(tally.reconnects >= 3, "{} reconnects", tally.reconnects);
    assert!(tally.lost >= 3 && tally.connections_lost >= 3);
    assert_eq!((tally.accepted + tally.lost, tally.unanswered), (350, 0));
}

#[test]
fn a_message_that_is_not_answered_gives_its_place_back() {
    let unanswered = "1".parse().expect("a probability");
    let arguments =
        ["--count", "10", "--binds", "1", "--window", "5", "--receipts", "off", "--response-timeout", "100ms"];
    let (summary, operator) = outcome(Options { unanswered, ..options() }, &arguments);
    assert_eq!((summary.tally.unanswered, summary.tally.accepted, operator.lost), (10, 0, 10));
    assert!(summary.text(Paint::plain()).contains("no response in time"));
}

#[test]
fn idle_binds_send_nothing_and_stay() {
    let (summary, operator) = outcome(options(), &["--idle", "--binds", "300", "--duration", "200ms"]);
    assert_eq!((summary.tally.accepted, operator.accepted, summary.problem()), (0, 0, None));
    assert_eq!((summary.binds, summary.unbound, summary.tally.connections_lost), (300, 0, 0));
    assert!(summary.text(Paint::plain()).starts_with("300 binds, idle"));
}

#[test]
fn prefixes_are_taken_in_turn() {
    let run = new_run(&parse(&["--to-prefix", "46", "--to-prefix", "47"]));
    let mut out = bytes::BytesMut::new();
    (0..4).for_each(|number| run.write(1, number, &mut out));
    let text = String::from_utf8_lossy(&out).into_owned();
    for number in ["460000000", "470000000", "460000001", "470000001"] {
        assert!(text.contains(number), "{number}");
    }
}

#[test]
fn nobody_there_is_an_error_and_not_a_result() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let problem = load(&parse(&["--smsc", &address, "--binds", "2"])).expect_err("nobody listens");
    assert!(problem.contains("Is the node running?"), "{problem}");
}

#[test]
fn binds_go_over_all_addresses_and_accounts() {
    let args = parse(&["--binds", "4", "--smsc", "a:1", "--smsc", "b:1", "--account", "x:1", "--account", "y:2:3"]);
    let targets = targets(&args).expect("good addresses");
    let pairs: Vec<(&str, &str, &str)> =
        targets.iter().map(|t| (t.endpoint.address(), t.system_id.as_str(), t.password.as_str())).collect();
    assert_eq!(pairs, [("a:1", "x", "1"), ("b:1", "x", "1"), ("a:1", "y", "2:3"), ("b:1", "y", "2:3")]);
}

#[test]
fn receivers_bind_where_they_are_told_and_who_sends_is_a_transmitter_then() {
    let args = parse(&["--binds", "2", "--smsc", "a:1", "--receiver", "b:1"]);
    let targets = targets(&args).expect("good addresses");
    let binds: Vec<(&str, BindKind)> = targets.iter().map(|target| (target.endpoint.address(), target.kind)).collect();
    let (sends, reads) = (("a:1", BindKind::Transmitter), ("b:1", BindKind::Receiver));
    assert_eq!(binds, [sends, sends, reads, reads]);
}

#[test]
fn who_only_reads_has_no_part_in_the_schedule() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("it is bound").to_string();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let silent = SimulatedOperator::new(Options { receipts: vec![ReceiptShare::all(Receipts::Never)], ..options() });
    runtime.spawn(async move {
        let listener = TcpListener::from_std(listener).expect("a socket");
        silent.serve_on(listener).await
    });
    let arguments = ["--rate", "1000", "--count", "200", "--binds", "3", "--drain", "50ms", "--threads", "2"];
    let options = Options { receipts: vec![ReceiptShare::all(Receipts::Never)], ..options() };
    let receiver = ["--receiver", &address];
    let all: Vec<&str> = arguments.into_iter().chain(receiver).collect();
    let (summary, operator) = outcome(options, &all);
    // Nobody brings receipts from one to the other here.
    assert_eq!((summary.binds, summary.tally.accepted, operator.accepted), (6, 200, 200));
    assert_eq!((summary.unsent, summary.missing), (0, Some(200)));
}

#[test]
fn arguments_that_make_no_message_are_refused() {
    for wrong in [
        ["--to-prefix", "46x"],
        ["--to-prefix", "12345678901234"],
        ["--text-length", "161"],
        ["--rate", "-1"],
        ["--account", "demo"],
        ["--binds", "0"],
    ] {
        assert!(Cli::try_parse_from(["load"].iter().chain(&wrong)).is_err(), "{wrong:?}");
    }
}
