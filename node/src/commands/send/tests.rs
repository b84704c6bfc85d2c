//! `smsc send` against a simulated operator, which plays the message centre.

use clap::Parser;
use tokio::net::TcpListener;

use super::*;
use crate::commands::simulate::{Options, Probability, ReceiptShare, Receipts, SimulatedOperator};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    send: Args,
}

/// What `smsc send` with these arguments comes to.
fn outcome(options: Options, arguments: &[&str]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let all = ["send", "--smsc", &address].into_iter().chain(arguments.iter().copied());
        let args = Cli::try_parse_from(all).expect("these arguments are right").send;
        tokio::select! {
            served = SimulatedOperator::serve(listener, options) => panic!("the operator ended: {served:?}"),
            outcome = send(&args) => outcome,
        }
    })
}

fn options() -> Options {
    Options { receipt_delay: Duration::from_millis(20), ..Options::default() }
}

#[test]
fn a_delivered_message_is_a_success() {
    assert_eq!(outcome(options(), &["--to", "46701234567"]), Ok(()));
}

#[test]
fn all_parts_of_a_long_text_are_followed() {
    let text = "Привет ".repeat(200);
    assert_eq!(outcome(options(), &["--to", "+46 70 123 45 67", "--from", "Brand", "--text", &text]), Ok(()));
}

#[test]
fn a_receipt_before_the_response_is_recognised() {
    let options = Options { receipts: vec![ReceiptShare::all(Receipts::Early)], ..options() };
    assert_eq!(outcome(options, &["--to", "46701234567"]), Ok(()));
}

#[test]
fn an_undelivered_message_is_a_failure() {
    let options = Options { undelivered: Probability::new(1.0).expect("a chance"), ..options() };
    let problem = outcome(options, &["--to", "46701234567"]).expect_err("it was not delivered");
    assert!(problem.contains("UNDELIV"), "{problem}");
}

#[test]
fn a_receipt_that_does_not_come_is_a_failure_after_the_wait() {
    let options = Options { receipts: vec![ReceiptShare::all(Receipts::Never)], ..options() };
    let problem = outcome(options, &["--to", "46701234567", "--wait", "50ms"]).expect_err("no receipt came");
    assert!(problem.contains("no receipt"), "{problem}");
}

#[test]
fn without_receipts_acceptance_is_enough() {
    let options = Options { receipts: vec![ReceiptShare::all(Receipts::Never)], ..options() };
    assert_eq!(outcome(options, &["--to", "46701234567", "--no-receipt"]), Ok(()));
}

#[test]
fn a_refused_message_says_with_what_and_what_to_do() {
    let error_rates = vec!["1:ESME_RINVDSTADR".parse().expect("an error rate")];
    let problem = outcome(Options { error_rates, ..options() }, &["--to", "46701234567"]).expect_err("it was refused");
    assert!(problem.contains("ESME_RINVDSTADR") && problem.contains("--to"), "{problem}");
}

#[test]
fn a_refused_bind_says_what_is_wrong() {
    let options = Options { password: Some("secret".into()), ..options() };
    let problem = outcome(options, &["--to", "46701234567"]).expect_err("the password is wrong");
    assert!(problem.contains("ESME_RINVPASWD") && problem.contains("--password"), "{problem}");
}

#[test]
fn nobody_there_is_said_plainly() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let problem = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        let args = Cli::try_parse_from(["send", "--to", "46701234567", "--smsc", &address]).expect("right").send;
        send(&args).await.expect_err("nobody listens")
    });
    assert!(problem.contains("Is the node running?"), "{problem}");
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_sent() {
    for wrong in [&["send", "--to", "brand"][..], &["send"], &["send", "--to", "1", "--from", "much too long a name"]] {
        assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
    }
}
