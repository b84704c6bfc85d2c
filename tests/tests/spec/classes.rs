//! Times, priorities, modes and receipts: what a message may ask for (S30 to S33, S35 to S37).

use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::time_format::write_absolute;
use smsc_proto::timestamp::Timestamp;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Operator, receipt};

fn message() -> Message {
    Message::to("46701234567")
}

/// An absolute time so long from now, in UTC, with that zone behind it.
fn absolute(from_now: Duration, zone: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut text = Vec::new();
    write_absolute(Timestamp::from_millis((now + from_now).as_millis() as u64), &mut text);
    let text = String::from_utf8(text).unwrap();
    format!("{}{zone}", &text[..13])
}

#[test]
fn s30_an_absolute_time_counts_in_its_zone() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    let hour = Duration::from_secs(3_600);
    // In a zone an hour ahead of UTC the clock shows an hour more: both texts are two seconds from now.
    for (text, zone) in [(Duration::from_secs(2), "00+"), (Duration::from_secs(2) + hour, "04+")] {
        let begin = Instant::now();
        let schedule = absolute(text, zone);
        esme.submit_ok(&message().with(|message| message.schedule_delivery_time = schedule.into()));
        let waited = operator.expect_message().at - begin;
        assert!(waited >= Duration::from_millis(950) && waited < Duration::from_secs(15), "{zone}: {waited:?}");
    }
}

#[test]
fn s31_a_validity_that_is_over_ends_the_message_with_a_receipt() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let relative = esme.submit_ok(&message().receipt().validity("000000000001000R"));
    let later = absolute(Duration::from_secs(2), "00+");
    let absolute = esme.submit_ok(&message().receipt().with(|message| message.validity_period = later.into()));
    for message_id in [relative, absolute] {
        assert_eq!(esme.expect_receipt_of(&message_id).stat, "EXPIRED");
    }
}

#[test]
fn s31_without_a_validity_the_accounts_default_holds() {
    let operator = Operator::start("op-a");
    operator.closes();
    let keys = "validity_default = \"1s\"";
    let node = Configuration::new().account_with("demo", keys).operator(&operator).route("", "op-a").start();
    let esme = node.transceiver("demo");
    esme.submit_ok(&message().receipt());
    assert_eq!(esme.expect_receipt().stat, "EXPIRED");
}

#[test]
fn s32_a_validity_over_the_maximum_is_clamped_or_refused_as_configured() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Configuration::new()
        .account_with("clamped", "validity_default = \"1s\"\nvalidity_max = \"1s\"")
        .account_with("strict", "validity_default = \"1s\"\nvalidity_max = \"1s\"\nvalidity_over_max = \"refuse\"")
        .operator(&operator)
        .route("", "op-a")
        .start();
    let hour = message().receipt().validity("000000010000000R");
    let clamped = node.transceiver("clamped");
    clamped.submit_ok(&hour);
    assert_eq!(clamped.expect_receipt().stat, "EXPIRED");
    assert_eq!(node.transceiver("strict").submit(&hour), Err(CommandStatus::ESME_RINVEXPIRY));
}

#[test]
fn s32_a_validity_of_nothing_is_a_single_attempt() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_ok(&message().text("at once").validity("000000000000000R"));
    assert_eq!(operator.expect_message().message.as_text(), "at once");
    operator.closes();
    esme.submit_ok(&message().receipt().validity("000000000000000R"));
    assert_eq!(esme.expect_receipt().stat, "EXPIRED");
}

#[test]
fn s35_a_datagram_is_tried_at_once_and_has_no_receipt() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().receipt().with(|message| message.esm_class = 0x01));
    let submitted = operator.expect_message();
    assert_eq!(submitted.message.registered_delivery, 0, "the operator is asked for none either");
    esme.expect_state(&message_id, MessageState::Accepted);
    assert_eq!(esme.deliveries(), []);
}

#[test]
fn s35_a_datagram_is_not_kept_for_days() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().receipt().with(|message| message.esm_class = 0x01));
    esme.expect_state(&message_id, MessageState::Expired);
    operator.opens();
    esme.submit_ok(&message().text("kept"));
    assert_eq!(operator.expect_message().message.as_text(), "kept");
    assert_eq!(esme.deliveries(), [], "not even of its end");
}

#[test]
fn s35_store_and_forward_and_all_types_pass_and_transactions_do_not() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    for esm_class in [0x03, 0x08, 0x10, 0x40, 0x83] {
        esme.submit_ok(&message().octets(b"\x00hello").with(|message| message.esm_class = esm_class));
        assert_eq!(operator.expect_message().message.esm_class, esm_class);
    }
    let transaction = message().with(|message| message.esm_class = 0x02);
    assert_eq!(esme.submit(&transaction), Err(CommandStatus::ESME_RINVESMCLASS));
}

#[test]
fn s36_what_is_asked_of_the_handset_passes_and_reserved_bits_mean_nothing() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    for (asked, arrives) in [(0x00, 0x01), (0x04, 0x05), (0x0C, 0x0D), (0x12, 0x11), (0xE0, 0x01)] {
        esme.submit_ok(&message().with(|message| message.registered_delivery = asked));
        assert_eq!(operator.expect_message().message.registered_delivery, arrives, "{asked:#x}");
    }
}

#[test]
fn s36_an_intermediate_notification_reaches_who_asked_and_the_receipt_follows() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().from("Brand").with(|message| message.registered_delivery = 0x11));
    let submitted = operator.expect_message();
    let still_trying = receipt(&submitted.message, &submitted.operator_message_id, MessageState::Enroute);
    let still_trying = still_trying.with(|message| message.esm_class = 0x20);
    assert_eq!(operator.deliver(&still_trying), CommandStatus::ESME_ROK);
    let notification = esme.expect_receipt();
    assert_eq!((notification.message_id.as_str(), notification.stat.as_str()), (message_id.as_str(), "ENROUTE"));
    assert_eq!((notification.message.esm_class, notification.message_state), (0x20, Some(1)), "S50");
    assert_eq!(&notification.message.destination.digits[..], b"Brand");
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().stat, "DELIVRD");
}

#[test]
fn s36_q20_an_intermediate_notification_that_nobody_asked_for_is_acknowledged_and_dropped() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_ok(&message().receipt());
    let submitted = operator.expect_message();
    let still_trying = receipt(&submitted.message, &submitted.operator_message_id, MessageState::Enroute);
    assert_eq!(operator.deliver(&still_trying), CommandStatus::ESME_ROK);
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().stat, "DELIVRD");
}

#[test]
fn s37_a_higher_priority_leaves_first_and_a_lower_one_does_not_starve() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual_with(&operator, "window = 1").start();
    let esme = node.transmitter("demo");
    for (priority, count) in [(0, 10), (3, 40)] {
        for _ in 0..count {
            esme.submit_ok(&message().with(|message| message.priority_flag = priority));
        }
    }
    operator.opens();
    let order =
        operator.expect_messages(50).iter().map(|submitted| submitted.message.priority_flag).collect::<Vec<_>>();
    let high_in = |part: &[u8]| part.iter().filter(|priority| **priority == 3).count();
    assert_eq!(order[0], 3);
    assert!(high_in(&order[..9]) >= 7, "{order:?}");
    assert!(high_in(&order[..20]) < 20, "a low one is among the first twenty: {order:?}");
}
