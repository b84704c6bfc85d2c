//! Clocks are set, by hand or by NTP: ids go on rising, timers go on, and nobody is asked more often than agreed.

use std::time::{Duration, Instant};

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::clock::SettableClock;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::{Answer, Operator};

const HOUR: i64 = 3_600;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

/// Submits one: its id, which rises with the time of day.
fn id(node: &Node) -> u64 {
    node.transmitter("demo").submit_ok(&message()).parse().unwrap()
}

/// Seconds between the moments that two ids were given at: 41 of their 63 bits are milliseconds.
fn seconds_between(first: u64, second: u64) -> i64 {
    ((second >> 22) as i64 - (first >> 22) as i64) / 1_000
}

#[test]
fn ids_rise_whatever_the_clock_does_and_over_a_restart() {
    let operator = Operator::start("op-a");
    let Some(clock) = SettableClock::new() else { return };
    let node = clock.of(usual(&operator)).start();
    let now = id(&node);
    clock.set(HOUR);
    let ahead = id(&node);
    assert!((HOUR - 5..HOUR + 60).contains(&seconds_between(now, ahead)), "the node lives by this clock");
    clock.set(-HOUR);
    let back = id(&node);
    assert!((0..60).contains(&seconds_between(ahead, back)), "{now} {ahead} {back}");
    let node = node.restart();
    let after = id(&node);
    assert!((0..60).contains(&seconds_between(back, after)) && after > back, "{now} {ahead} {back} {after}");
}

#[test]
fn a_clock_that_steps_back_stops_no_timer_and_expires_nothing_early() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Refuse(CommandStatus::ESME_RSYSERR));
    let Some(clock) = SettableClock::new() else { return };
    let keys = "enquire_link = \"500ms\"";
    let node = clock.of(usual(&operator)).section("session", keys).start();
    let esme = node.transceiver("demo");
    let begin = Instant::now();
    let expires = esme.submit_ok(&message().text("expires").validity("000000000004000R"));
    operator.expect_message();
    clock.set(-HOUR);
    operator.expect_messages(3);
    esme.expect_enquire_link();
    let receipt = esme.expect_receipt_of(&expires);
    let took = begin.elapsed();
    assert_eq!(receipt.stat, "EXPIRED");
    assert!((Duration::from_millis(3_900)..Duration::from_secs(8)).contains(&took), "it expired after {took:?}");
    operator.answers(Answer::Accept);
    let begin = Instant::now();
    esme.submit_ok(&message().text("later").with(|message| {
        message.schedule_delivery_time = "000000000001000R".into();
    }));
    let waits = Duration::from_millis(900)..Duration::from_secs(4);
    while operator.expect_message().message.as_text() != "later" {}
    assert!(waits.contains(&begin.elapsed()), "it came after {:?}", begin.elapsed());
}

#[test]
fn a_clock_that_steps_forward_or_back_brings_no_storm_of_retries() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Refuse(CommandStatus::ESME_RSYSERR));
    let Some(clock) = SettableClock::new() else { return };
    let node = clock.of(usual(&operator)).start();
    let esme = node.transceiver("demo");
    esme.submit_all((0..20).map(|_| message()), 20, |_, answer| assert!(answer.is_ok()));
    operator.expect_messages(20);
    for seconds in [HOUR, -HOUR, HOUR, 0] {
        let before = operator.message_count();
        clock.set(seconds);
        std::thread::sleep(Duration::from_secs(1));
        // Each is tried again after 200 ms, and once more because its time had come at the step.
        let attempts = operator.message_count() - before;
        assert!((20..=20 * 7).contains(&attempts), "{attempts} attempts in the second after a step to {seconds} s");
    }
    assert_eq!(esme.deliveries(), [], "none has expired: they have 48 h");
    operator.answers(Answer::Accept);
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 20.0);
}
