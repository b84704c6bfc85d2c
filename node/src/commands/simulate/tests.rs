//! The simulated operator on real sockets, as its peers see it.

use std::future::Future;
use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::session::Event;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu};
use tokio::net::TcpListener;

use super::*;
use crate::commands::client::addresses::{Number, Sender};
use crate::commands::client::parts::Parts;
use crate::commands::client::{Client, ClientError, Endpoint, delivery, message_id};

/// Runs `story` beside an operator with these options.
fn with_operator<F: Future<Output = ()>>(options: Options, story: impl FnOnce(Endpoint) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let endpoint = Endpoint::new(Some(&address), false, None).expect("an address");
        tokio::select! {
            served = SimulatedOperator::serve(listener, options) => panic!("the operator ended: {served:?}"),
            () = story(endpoint) => {}
        }
    });
}

fn options() -> Options {
    Options { receipt_delay: Duration::from_millis(20), ..Options::default() }
}

async fn bind(endpoint: &Endpoint, kind: BindKind) -> Client {
    Client::bind(endpoint, kind, "smsc", "secret").await.expect("everybody may bind")
}

fn submit(client: &mut Client, to: &str, mark: u32) {
    let number: Number = to.parse().expect("a number");
    let sender: Sender = "brand".parse().expect("a name");
    let parts = Parts::new("hello", 1).expect("short");
    client.submit(&parts.fields(0, &sender, &number, 1), mark).expect("the window has room");
}

async fn next(client: &mut Client) -> Event<u32> {
    let until = Instant::now() + Duration::from_secs(10);
    client.next_event(until).await.expect("the connection holds").expect("something happens within 10 s")
}

async fn response(client: &mut Client) -> (CommandStatus, String) {
    match next(client).await {
        Event::Response { status, pdu, .. } => (status, String::from_utf8_lossy(message_id(pdu.as_ref())).into_owned()),
        other => panic!("a response was expected, not {other:?}"),
    }
}

/// The next deliver_sm, answered with that status.
async fn delivered(client: &mut Client, status: CommandStatus) -> Pdu {
    match next(client).await {
        Event::Request { sequence_number, pdu } => {
            client.respond(sequence_number, CommandId::DELIVER_SM, status);
            pdu
        }
        other => panic!("a delivery was expected, not {other:?}"),
    }
}

async fn receipt(client: &mut Client) -> (String, MessageState) {
    let pdu = delivered(client, CommandStatus::ESME_ROK).await;
    let (_, fields) = delivery(&pdu).expect("a deliver_sm");
    let receipt = DeliveryReceipt::read(&fields).expect("a receipt");
    (receipt.message_id.to_string(), receipt.state)
}

#[test]
fn a_message_is_acknowledged_and_its_receipt_follows() {
    with_operator(options(), |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        let (status, id) = response(&mut client).await;
        assert!(status.is_ok());
        assert_eq!(receipt(&mut client).await, (id, MessageState::Delivered));
        client.unbind().await;
    });
}

#[test]
fn a_receipt_may_come_before_the_response() {
    with_operator(Options { receipts: vec![ReceiptShare::all(Receipts::Early)], ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        let (id, _) = receipt(&mut client).await;
        assert_eq!(response(&mut client).await, (CommandStatus::ESME_ROK, id));
    });
}

#[test]
fn a_receipt_may_come_twice() {
    with_operator(Options { receipts: vec![ReceiptShare::all(Receipts::Twice)], ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        let (_, id) = response(&mut client).await;
        assert_eq!(receipt(&mut client).await.0, id);
        assert_eq!(receipt(&mut client).await.0, id);
    });
}

#[test]
fn a_late_receipt_comes_after_those_of_later_messages() {
    let receipts = vec!["0.5:late".parse().expect("a share")];
    with_operator(Options { receipts, late_by: Duration::from_millis(300), ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        let mut ids = Vec::new();
        for mark in 0..8 {
            submit(&mut client, "46701234567", mark);
        }
        for _ in 0..8 {
            ids.push(response(&mut client).await.1);
        }
        let mut reported = Vec::new();
        for _ in 0..8 {
            reported.push(receipt(&mut client).await.0);
        }
        assert_ne!(reported, ids, "some are late, others are not");
        reported.sort();
        ids.sort();
        assert_eq!(reported, ids, "and all come");
    });
}

#[test]
fn an_id_may_be_hex_in_the_response_and_decimal_in_the_receipt() {
    with_operator(Options { ids: IdForm::ResponseHex, ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        let in_response = u64::from_str_radix(&response(&mut client).await.1, 16);
        assert_eq!(receipt(&mut client).await.0.parse(), in_response);
    });
}

#[test]
fn receipts_of_a_transmitter_go_to_the_receiver_of_the_same_system_id() {
    with_operator(options(), |endpoint| async move {
        let mut receiver = bind(&endpoint, BindKind::Receiver).await;
        let mut transmitter = bind(&endpoint, BindKind::Transmitter).await;
        submit(&mut transmitter, "46701234567", 1);
        let (_, id) = response(&mut transmitter).await;
        assert_eq!(receipt(&mut receiver).await.0, id);
    });
}

#[test]
fn a_receipt_that_was_not_acknowledged_comes_again_after_a_reconnect() {
    with_operator(options(), |endpoint| async move {
        let mut first = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut first, "46701234567", 1);
        let (_, id) = response(&mut first).await;
        assert!(matches!(next(&mut first).await, Event::Request { .. }), "the receipt, left unanswered");
        drop(first);
        let mut second = bind(&endpoint, BindKind::Transceiver).await;
        assert_eq!(receipt(&mut second).await.0, id);
    });
}

#[test]
fn a_receipt_that_the_peer_could_not_take_comes_again() {
    with_operator(options(), |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        let (_, id) = response(&mut client).await;
        delivered(&mut client, CommandStatus::ESME_RX_T_APPN).await;
        assert_eq!(receipt(&mut client).await.0, id);
    });
}

#[test]
fn a_message_to_a_loopback_number_comes_back_as_mo() {
    let options =
        Options { loopback: vec!["4676".into()], receipts: vec![ReceiptShare::all(Receipts::Never)], ..options() };
    with_operator(options, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46761234567", 1);
        response(&mut client).await;
        let mo = delivered(&mut client, CommandStatus::ESME_ROK).await;
        let (_, fields) = delivery(&mo).expect("a deliver_sm");
        assert_eq!((fields.source.digits, fields.destination.digits), (&b"46761234567"[..], &b"brand"[..]));
        assert_eq!((fields.destination.ton, fields.short_message), (5, &b"hello"[..]));
        assert!(!DeliveryReceipt::is_receipt(&fields));
    });
}

#[test]
fn refusals_and_undelivered_messages_are_as_asked_for() {
    let always = Probability::new(1.0).expect("between 0 and 1");
    let refusing = ErrorRate { probability: always, status: CommandStatus::ESME_RINVDSTADR };
    with_operator(Options { error_rates: vec![refusing], ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        assert_eq!(response(&mut client).await.0, CommandStatus::ESME_RINVDSTADR);
    });
    with_operator(Options { undelivered: always, ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transceiver).await;
        submit(&mut client, "46701234567", 1);
        response(&mut client).await;
        assert_eq!(receipt(&mut client).await.1, MessageState::Undeliverable);
    });
}

#[test]
fn the_connection_drops_with_the_nth_message_unanswered() {
    let drop_after = std::num::NonZeroU64::new(2);
    with_operator(Options { drop_after, ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transmitter).await;
        submit(&mut client, "46701234567", 1);
        assert!(response(&mut client).await.0.is_ok());
        submit(&mut client, "46701234567", 2);
        assert!(matches!(next(&mut client).await, Event::Closed(_)));
    });
}

#[test]
fn a_delayed_response_takes_its_time() {
    let delay = Duration::from_millis(50);
    with_operator(Options { response_delay: delay, ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Transmitter).await;
        let start = Instant::now();
        submit(&mut client, "46701234567", 1);
        assert!(response(&mut client).await.0.is_ok());
        assert!(start.elapsed() >= delay);
    });
}

#[test]
fn only_the_expected_peer_may_bind_and_only_a_transmitter_may_submit() {
    let options = Options { system_id: Some("smsc".into()), password: Some("secret".into()), ..options() };
    with_operator(options, |endpoint| async move {
        for (system_id, password, expected) in
            [("other", "secret", CommandStatus::ESME_RINVSYSID), ("smsc", "wrong", CommandStatus::ESME_RINVPASWD)]
        {
            match Client::bind(&endpoint, BindKind::Transceiver, system_id, password).await {
                Err(ClientError::BindRefused { status, .. }) => assert_eq!(status, expected),
                other => panic!("{system_id} was to be refused: {:?}", other.err()),
            }
        }
        bind(&endpoint, BindKind::Receiver).await.unbind().await;
    });
}

#[test]
fn mo_messages_come_to_whoever_receives() {
    with_operator(Options { mo_rate: 100.0, mo_to: "72404".into(), ..options() }, |endpoint| async move {
        let mut client = bind(&endpoint, BindKind::Receiver).await;
        let mo = delivered(&mut client, CommandStatus::ESME_ROK).await;
        let (_, fields) = delivery(&mo).expect("a deliver_sm");
        assert_eq!(fields.destination.digits, b"72404");
    });
}

#[test]
fn the_rate_line_shows_what_happened_since_the_last_one() {
    let before = Totals { accepted: 1_000, ..Totals::default() };
    let after = Totals { accepted: 5_000, refused: 2, delivered: 3_000, waiting: 7, ..Totals::default() };
    let line = rate_line(&before, &after, Duration::from_secs(2));
    assert_eq!(line, "accepted 2,000/s  refused 1/s  delivered 1,500/s  waiting 7");
}
