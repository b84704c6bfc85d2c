//! `smsc receive`: reading what comes, and the end-to-end test against a simulated operator.

use clap::Parser;
use smsc_proto::address::Address;
use smsc_proto::text::concatenation::{Marking, encode_text};
use tokio::net::TcpListener;

use super::*;
use crate::commands::simulate::{Options, ReceiptShare, Receipts, SimulatedOperator};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    receive: Args,
}

/// What `smsc receive` with these arguments comes to.
fn outcome(options: Options, arguments: &[&str]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let all = ["receive", "--smsc", &address].into_iter().chain(arguments.iter().copied());
        let args = Cli::try_parse_from(all).expect("these arguments are right").receive;
        tokio::select! {
            served = SimulatedOperator::serve(listener, options) => panic!("the operator ended: {served:?}"),
            outcome = receive(&args) => outcome,
        }
    })
}

fn looping() -> Options {
    Options { receipt_delay: Duration::from_millis(20), loopback: vec!["4676".into()], ..Options::default() }
}

fn mo(data_coding: u8, esm_class: u8, short_message: &[u8]) -> SmFields<'_> {
    let (source, destination) = (Address::new(1, 1, b"46701234567"), Address::new(1, 1, b"72404"));
    SmFields { source, destination, data_coding, esm_class, short_message, ..SmFields::default() }
}

fn text_of(item: Option<Item>) -> String {
    match item {
        Some(Item::Mo { text, .. }) => text,
        other => panic!("an MO was expected, not {other:?}"),
    }
}

#[test]
fn a_number_that_answers_passes_end_to_end() {
    assert_eq!(outcome(looping(), &["--send-to", "46761234567"]), Ok(()));
}

#[test]
fn a_number_whose_message_is_undeliverable_fails_at_once() {
    let undelivered = "1".parse().expect("a probability");
    let problem = outcome(Options { undelivered, ..looping() }, &["--send-to", "46761234567"]).expect_err("it fails");
    assert!(problem.contains("UNDELIV"), "{problem}");
}

#[test]
fn it_ends_after_so_many_messages() {
    let options = Options { mo_rate: 100.0, mo_to: "72404".into(), ..Options::default() };
    assert_eq!(outcome(options, &["--count", "3", "--bind", "receiver"]), Ok(()));
}

#[test]
fn too_few_messages_in_the_time_are_a_failure() {
    let options = Options { receipts: vec![ReceiptShare::all(Receipts::Never)], ..Options::default() };
    assert_eq!(outcome(options.clone(), &["--for", "50ms"]), Ok(()));
    let problem = outcome(options, &["--for", "50ms", "--count", "1"]).expect_err("nothing came");
    assert_eq!(problem, "only 0 of 1 came");
}

#[test]
fn a_receiver_cannot_test_a_number() {
    assert!(outcome(looping(), &["--send-to", "46761234567", "--bind", "receiver"]).is_err());
}

#[test]
fn texts_are_read_in_their_alphabet() {
    let mut inbox = Inbox::new();
    assert_eq!(text_of(inbox.add(&mo(0, 0, b"5 \x1b\x65"), now())), "5 €");
    assert_eq!(text_of(inbox.add(&mo(8, 0, &[0x04, 0x1F]), now())), "П");
    assert_eq!(text_of(inbox.add(&mo(3, 0, &[0xE5]), now())), "å");
}

#[test]
fn a_long_message_is_shown_once_and_whole_whatever_the_order_of_its_parts() {
    let text = "a long story ".repeat(30);
    let (data_coding, segments) = encode_text(&text, Marking::Udh, 9).expect("not too long");
    assert_eq!(segments.len(), 3);
    let mut inbox = Inbox::new();
    for segment in [&segments[2], &segments[0]] {
        assert_eq!(inbox.add(&mo(data_coding, segment.esm_class, &segment.short_message), now()), None);
    }
    let last = mo(data_coding, segments[1].esm_class, &segments[1].short_message);
    assert_eq!(text_of(inbox.add(&last, now())), text);
}

#[test]
fn a_header_that_is_no_part_is_not_shown() {
    let ports = b"\x06\x05\x04\x0b\x84\x23\xf0data";
    assert_eq!(text_of(Inbox::new().add(&mo(4, 0x40, ports), now())), "data");
}

#[test]
fn a_receipt_is_shown_with_its_state() {
    let text = b"id:42 sub:001 dlvrd:000 submit date:2501010000 done date:2501010000 stat:EXPIRED err:027 text:";
    let receipt = Inbox::new().add(&mo(0, 0x04, text), now()).expect("a receipt");
    assert_eq!(receipt.line(Paint::plain()), "receipt   42  EXPIRED  err 027  46701234567");
}
