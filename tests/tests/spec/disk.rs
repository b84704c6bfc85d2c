//! Disks that are full, slow or broken: what cannot be kept is not acknowledged, and what was acknowledged is there.

use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{Esme, SubmitAnswer};
use smsc_tests::ledger::Ledger;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, Place, usual};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::small_disk::SmallDisk;
use smsc_tests::storm::Storm;
use smsc_tests::strace::Strace;

const MIB: u64 = 1 << 20;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

/// A node whose data lies on that disk, and which takes messages as long as 32 MiB of it are free.
fn on(disk: &SmallDisk, operator: &Operator) -> Configuration {
    usual(operator).section("node", &disk.data_dir()).section("store", "disk_free_min = \"32MiB\"")
}

/// Submits until the answer is that one: the room on the disk is looked at every second.
fn submit_until(esme: &Esme, wanted: impl Fn(&SubmitAnswer) -> bool) {
    let deadline = Instant::now() + smsc_tests::PATIENCE;
    loop {
        let answer = esme.submit(&message());
        if wanted(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "the last answer was {answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_disk_below_the_minimum_takes_no_message_and_all_else_goes_on() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let Some(disk) = SmallDisk::of(128 * MIB) else { return };
    let node = on(&disk, &operator).start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    operator.expect_message();
    disk.fill(24 * MIB);
    submit_until(&esme, |answer| *answer == Err(CommandStatus::ESME_RMSGQFUL));
    node.expect_metric("smsc_store_read_only", &[], 1.0);
    assert_eq!(operator.deliver(&Message::to("72345")), CommandStatus::ESME_RX_T_APPN);
    operator.reports(MessageState::Delivered);
    operator.releases();
    assert_eq!(esme.expect_receipt_of(&message_id).stat, "DELIVRD", "answers and receipts are kept");
    disk.clear();
    submit_until(&esme, Result::is_ok);
    assert_eq!(operator.deliver(&Message::to("72345")), CommandStatus::ESME_ROK);
}

#[test]
fn a_disk_that_the_journal_made_low_has_room_again_when_all_is_delivered() {
    let operator = Operator::start("op-a");
    operator.closes();
    let Some(disk) = SmallDisk::of(192 * MIB) else { return };
    let keys = "retention = \"1s\"\nretention_messages_max = 100";
    let node = on(&disk, &operator).section("store", keys).start();
    let esme = node.transceiver("demo");
    let payload = vec![b'x'; 60_000];
    let mut refused = 0;
    while refused == 0 {
        let messages = (0..100).map(|_| message().payload(&payload));
        esme.submit_all(messages, 50, |_, answer| refused += usize::from(answer.is_err()));
    }
    node.expect_metric_above("smsc_store_size_bytes", &[], 100.0 * MIB as f64);
    operator.reports(MessageState::Delivered);
    operator.opens();
    submit_until(&esme, Result::is_ok);
}

#[test]
fn a_node_starts_on_a_low_disk_and_delivers() {
    let operator = Operator::start("op-a");
    operator.closes();
    let Some(disk) = SmallDisk::of(128 * MIB) else { return };
    let node = on(&disk, &operator).start();
    let esme = node.transmitter("demo");
    let ids = (0..20).map(|_| esme.submit_ok(&message())).collect::<Vec<_>>();
    let place = node.kill();
    disk.fill(24 * MIB);
    operator.opens();
    operator.reports(MessageState::Delivered);
    let node = place.start_again();
    let esme = node.transceiver("demo");
    ids.iter().for_each(|message_id| assert_eq!(esme.expect_receipt_of(message_id).stat, "DELIVRD"));
    assert_eq!(esme.submit(&message()), Err(CommandStatus::ESME_RMSGQFUL));
}

/// Submits with a window of 50 until the node goes, and keeps what was accepted.
fn submit_to_the_end(node: &Node, ledger: &Ledger) {
    let esme = node.transmitter("demo");
    let messages = (0..1_000_000).map(|number| message().text(&format!("{number:0140}")));
    let left = esme.submit_all(messages.take_while(|_| !esme.connection().has_ended()), 50, |message, answer| {
        ledger.accepted(answer.expect("nothing is refused"), message.as_text());
    });
    assert!(!left.is_empty(), "the node has gone before all were submitted");
}

/// It ended by itself with 1 and one clear line in which `word` stands.
fn gave_up(node: Node, word: &str) -> Place {
    let (place, ended) = node.expect_end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "one clear line: {}", ended.stderr);
    assert!(ended.stderr.contains(word), "{word:?} is not in {}", ended.stderr);
    assert!(!ended.stderr.contains("start empty"), "nobody is told to throw away a sound journal: {}", ended.stderr);
    place
}

/// Starts the node again: everything that was acknowledged reaches the operator, and the ESME hears of it.
fn everything_acknowledged_is_there(place: Place, operator: &Operator, ledger: &Ledger) {
    operator.reports(MessageState::Delivered);
    operator.opens();
    let node = place.start_again();
    let (esme, bind) = (node.receiver("demo"), ledger.opens_bind());
    let deadline = Instant::now() + smsc_tests::PATIENCE;
    loop {
        ledger.told(bind, esme.deliveries());
        let balance = ledger.balance(&operator.messages());
        if balance.lost.len() + balance.without_receipt.len() == 0 || Instant::now() > deadline {
            assert!(balance.accepted > 0);
            return balance.assert_within(smsc_tests::ledger::Bounds { strangers_per_bind: 50, ..Storm::CALM });
        }
    }
}

#[test]
fn a_disk_that_is_full_to_the_last_octet_ends_the_node_and_costs_nothing_that_was_acknowledged() {
    let (operator, ledger) = (Operator::start("op-a"), Ledger::default());
    operator.closes();
    let Some(disk) = SmallDisk::of(12 * MIB) else { return };
    let node = on(&disk, &operator).section("store", "disk_free_min = \"0B\"").start();
    submit_to_the_end(&node, &ledger);
    let place = gave_up(node, "No space left");
    let ended = place.start_in_vain();
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr.contains("No space left") && !ended.stderr.contains("start empty"), "{ended:?}");
    disk.grow(128 * MIB);
    everything_acknowledged_is_there(place, &operator, &ledger);
}

#[test]
fn a_sync_that_fails_is_never_answered_as_success_and_ends_the_node() {
    fails_without_loss("fdatasync:error=EIO");
}

#[test]
fn a_write_that_fails_is_never_answered_as_success_and_ends_the_node() {
    fails_without_loss("pwrite64:error=EIO");
}

/// The disk fails in the middle of the load, in that way.
fn fails_without_loss(fault: &str) {
    let (operator, ledger) = (Operator::start("op-a"), Ledger::default());
    operator.closes();
    let node = Node::with(&operator);
    let mut strace = None;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            ledger.expect(200);
            strace = Strace::inject(&node, fault);
            if strace.is_none() {
                node.process().terminate();
            }
        });
        submit_to_the_end(&node, &ledger);
    });
    let Some(_strace) = strace else { return };
    let place = gave_up(node, "Input/output error");
    everything_acknowledged_is_there(place, &operator, &ledger);
}

#[test]
fn a_slow_disk_delays_answers_and_nothing_else() {
    const DELAY: Duration = Duration::from_millis(200);
    let storm = Storm::new();
    let keys = "enquire_link = \"500ms\"\nresponse = \"5s\"\nenquire_link_misses = 1";
    let node = storm.configuration().section("session", keys).start();
    storm.operator().expect_links(4);
    let esme = node.transmitter("demo");
    let Some(_strace) = Strace::inject(&node, &format!("fdatasync:delay_enter={}", DELAY.as_micros())) else { return };
    for text in ["first", "second", "third"] {
        let begin = Instant::now();
        let submit = esme.send(&message().text(text));
        esme.enquire_link();
        let alive = begin.elapsed();
        let message_id = esme.answer_to(submit).unwrap();
        assert!(begin.elapsed() >= DELAY, "answered after {:?}, before the disk was", begin.elapsed());
        assert!(alive < DELAY, "an enquire_link waited {alive:?} for the disk");
        storm.ledger().accepted(message_id, text.to_owned());
    }
    let balance = storm.rage(node, |node| {
        storm.ledger().expect(1_000);
        node
    });
    balance.assert_within(Storm::CALM);
    assert_eq!((balance.binds, storm.operator().expect_binds(4).len()), (4, 4), "all sessions and links stay up");
}
