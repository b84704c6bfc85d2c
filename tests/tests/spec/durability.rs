//! The order of things, as the system sees it: the record is written, synced, and only then the answer leaves.
//!
//! The node's own system calls are the witness. What stands between a record and its answer shows nowhere else: the
//! page cache survives a kill, so a kill cannot tell a node that syncs from one that does not.

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_id::CommandId;
use smsc_tests::acknowledgement::{Acknowledgement, acknowledgements};
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::Operator;
use smsc_tests::strace::Strace;
use smsc_tests::system_call::SystemCall;

/// Texts of which none is a part of another.
fn numbered(count: usize) -> Vec<Message> {
    (0..count).map(|number| Message::to("46701234567").text(&format!("number {number}."))).collect()
}

fn submit_one_by_one_and_in_windows(node: &Node) {
    let esme = node.transmitter("demo");
    for number in 0..20 {
        esme.submit_ok(&Message::to("46701234567").text(&format!("alone {number}.")));
    }
    esme.submit_all(numbered(500), 100, |_, answer| assert!(answer.is_ok()));
}

/// What a node of that configuration did while it took 520 submits; `None` where it cannot be watched.
fn watched(configuration: &Configuration, operator: &Operator) -> Option<Vec<SystemCall>> {
    let node = configuration.start();
    operator.expect_links(1);
    let strace = Strace::watch(&node)?;
    submit_one_by_one_and_in_windows(&node);
    operator.expect_messages(520);
    Some(strace.finish())
}

fn assert_all_durable(found: &[Acknowledgement], count: usize) {
    assert_eq!(found.len(), count, "all were acknowledged before our eyes");
    let early = found.iter().filter(|one| one.durable.is_none()).collect::<Vec<_>>();
    assert!(early.is_empty(), "{} were acknowledged before they were durable: {:?}", early.len(), early.first());
}

#[test]
fn no_submit_is_answered_before_the_sync_that_covers_its_record() {
    let operator = Operator::start("op-a");
    let Some(calls) = watched(&usual(&operator), &operator) else { return };
    let found = acknowledgements(&calls);
    assert_all_durable(&found, 520);
    let syncs = calls.iter().filter(|call| call.syncs_journal()).count();
    assert!(syncs < 520, "{syncs} syncs: a window shares them");
}

#[test]
fn no_delivery_of_an_operator_is_answered_before_the_sync_that_covers_its_record() {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = usual_with(&operator, "window = 50").start();
    operator.expect_links(1);
    let Some(strace) = Strace::watch(&node) else { return };
    for number in 0..20 {
        operator.deliver(&Message::to("72345").text(&format!("alone {number}.")));
    }
    (0..200).for_each(|number| {
        operator.send(Message::to("72345").text(&format!("number {number}.")));
    });
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(100).into_iter().map(Message::receipt), 100, |_, answer| assert!(answer.is_ok()));
    operator.expect_messages(100);
    operator.expect_all_acknowledged();
    let mut found = acknowledgements(&strace.finish());
    found.retain(|one| one.request == CommandId::DELIVER_SM);
    assert_all_durable(&found, 20 + 200 + 100);
}

#[test]
fn with_durability_process_crash_records_are_written_before_the_answer_and_never_synced() {
    let operator = Operator::start("op-a");
    let configuration = usual(&operator).section("store", "durability = \"process_crash\"");
    let Some(calls) = watched(&configuration, &operator) else { return };
    let found = acknowledgements(&calls);
    assert_eq!(found.len(), 520);
    assert!(found.iter().all(|one| one.recorded.is_some()), "the system has what was acknowledged");
    assert!(found.iter().all(|one| one.durable.is_none()), "the check that holds above would fail here");
    assert_eq!(calls.iter().filter(|call| call.syncs_journal()).count(), 0);
}
