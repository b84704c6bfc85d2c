//! A cluster of two builds: as it is for a while during every upgrade.

use std::path::{Path, PathBuf};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::balancer::Balancer;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::operator::Operator;
use smsc_tests::skip::skipped;
use smsc_tests::storm::Storm;

/// The earlier build: `tests/previous` makes one and says where it is.
fn previous() -> Option<PathBuf> {
    match std::env::var_os("SMSC_PREVIOUS_BINARY") {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => skipped("SMSC_PREVIOUS_BINARY names no earlier build: tests/previous makes one"),
    }
}

/// Stops that node in order, and starts it as that build.
fn change_build(cluster: &mut Cluster, number: usize, build: Option<&Path>) {
    assert_eq!(cluster.terminate(number).code, Some(0));
    cluster.set_build(number, build);
    cluster.bring_back(number);
    cluster.expect_all_alive();
    cluster.nodes().for_each(|(_, node)| node.expect_metric("smsc_cluster_relay_up", &[], 2.0));
}

#[test]
#[ignore = "wants an earlier build: tests/run --long"]
fn messages_receipts_and_questions_pass_between_two_builds() {
    let Some(previous) = previous() else { return };
    let operator = Operator::start("op-a");
    let plain = Configuration::new().account("demo").route("", "op-a").mo_route("*", "demo");
    let mut cluster = Cluster::start_with(3, &plain, |number, configuration| match number {
        2 => configuration.operator_with(&operator, "links = 3"),
        _ => configuration.operator_at("op-a", "127.0.0.1:9", "links = 3"),
    });
    // The one that submits, the one that reads and the one that sends are each the odd one out.
    for odd in 0..3 {
        change_build(&mut cluster, odd, Some(&previous));
        operator.expect_links(1);
        let (submits, reads) = (cluster.node(0).transmitter("demo"), cluster.node(1).transceiver("demo"));
        let message_id = submits.submit_ok(&Message::to("46701234567").receipt());
        let submitted = operator.expect_message();
        reads.expect_state(&message_id, MessageState::Enroute);
        operator.report(&submitted, MessageState::Delivered);
        assert_eq!(reads.expect_receipt_of(&message_id).stat, "DELIVRD");
        let later = Message::to("46701234567").with(|later| later.schedule_delivery_time = "000000000100000R".into());
        let waits = submits.submit_ok(&later);
        assert_eq!(reads.replace(&waits, "other"), CommandStatus::ESME_ROK);
        assert_eq!(reads.cancel(&waits), CommandStatus::ESME_ROK);
        assert_eq!(operator.deliver(&Message::to("72345").from("46701234567")), CommandStatus::ESME_ROK);
        reads.expect_delivery();
        change_build(&mut cluster, odd, None);
    }
}

#[test]
#[ignore = "wants an earlier build: tests/run --long"]
fn an_upgrade_node_by_node_and_back_again_loses_nothing() {
    const RATE: usize = 200;
    let Some(previous) = previous() else { return };
    let storm = Storm::new();
    let mut cluster = Cluster::start(3, &storm.draws_in(Configuration::new(), 3));
    (0..3).for_each(|number| change_build(&mut cluster, number, Some(&previous)));
    let balancer = Balancer::before(cluster.nodes().map(|(_, node)| node.address()));
    let (balance, answers) = storm.rage_at(RATE, &[balancer.address()], cluster, |mut cluster| {
        for build in [None, Some(&*previous)] {
            for number in 0..3 {
                storm.ledger().expect(storm.ledger().count() + 2 * RATE);
                change_build(&mut cluster, number, build);
            }
        }
        storm.ledger().expect(storm.ledger().count() + RATE);
        cluster
    });
    eprintln!("{} accepted, {} copies; {answers:?}", balance.accepted, balance.copies);
    answers.assert_none_missing_and_none_final();
    balance.assert_within(Storm::BOUNDS);
}
