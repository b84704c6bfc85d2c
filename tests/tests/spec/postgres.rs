//! The journal in PostgreSQL: what was acknowledged outlives the node, its disk and the server's process; a node that lost
//! a partition answers nothing more for it.

use std::fs;

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::QUIET;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{usual, usual_with};
use smsc_tests::operator::Operator;
use smsc_tests::postgres::Postgres;
use smsc_tests::storm::Storm;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

/// Messages to several handsets, so that all partitions have some, told apart by their text.
fn numbered(numbers: std::ops::Range<usize>) -> Vec<Message> {
    numbers
        .map(|number| Message::to(&format!("4670123{:04}", number * 7 % 9_973)).text(&number.to_string()).receipt())
        .collect()
}

/// A node with that name, two partitions and the journal there.
fn named(name: &str, operator: &Operator, postgres: &Postgres) -> Configuration {
    usual(operator).postgres(postgres).section("store", "partitions = 2").section("node", &format!("name = {name:?}"))
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn a_message_and_its_receipt_live_in_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().text("hello"));
    operator.report(&operator.expect_message(), MessageState::Delivered);
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "DELIVRD"));
    assert_eq!(postgres.sql("select count(*) > 0 from smsc.journal"), "t");
    assert_eq!(postgres.sql("select count(*) from smsc.partition where epoch = 1 and expires > now()"), "8");
    node.expect_metric("smsc_store_partitions", &[], 8.0);
    node.expect_metric("smsc_store_replicated", &[], 0.0);
}

#[test]
fn accepted_messages_outlive_the_node_and_its_disk() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual(&operator).postgres(&postgres).start();
    node.transmitter("demo").submit_all(numbered(0..500), 100, |_, answer| assert!(answer.is_ok()));
    let place = node.kill();
    fs::remove_dir_all(place.data()).unwrap();
    let _node = place.start_again();
    operator.opens();
    let texts = operator.expect_messages(500).into_iter().map(|one| one.message.as_text()).collect();
    let expected = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(sorted(texts), sorted(expected), "all of them, and none twice: none had left");
}

#[test]
fn a_kill_of_the_node_under_load_loses_no_message_and_no_receipt() {
    let Some(postgres) = Postgres::start() else { return };
    let storm = Storm::new();
    let node = storm.configuration().postgres(&postgres).section("store", "partitions = 2").start();
    let balance = storm.rage(node, |node| {
        storm.ledger().expect(1_000);
        let node = node.restart();
        storm.ledger().expect(2_000);
        node
    });
    balance.assert_within(Storm::BOUNDS);
}

#[test]
fn a_kill_of_postgresql_under_load_costs_a_while_and_nothing_else() {
    let Some(mut postgres) = Postgres::start() else { return };
    let storm = Storm::new();
    let node = storm.configuration().postgres(&postgres).section("store", "partitions = 2").start();
    let balance = storm.rage(node, |node| {
        storm.ledger().expect(1_000);
        postgres.kill();
        postgres.start_again();
        storm.ledger().expect(2_000);
        node
    });
    // No batch is lost, so no lease is: nothing comes twice.
    balance.assert_within(Storm::CALM);
}

#[test]
fn while_postgresql_is_away_submits_wait_and_then_are_refused_until_it_is_back() {
    let Some(mut postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).section("store", "partitions = 1").start();
    let esme = node.transmitter("demo");
    esme.submit_ok(&message().text("before"));
    assert_eq!(operator.expect_message().message.as_text(), "before");
    postgres.kill();
    let waits = esme.send(&message().text("waits"));
    node.expect_metric_above("smsc_store_append_age_seconds", &[], 2.0);
    // It comes while the append takes long already: it waits where it can be refused.
    let late = esme.send(&message().text("late"));
    assert_eq!(esme.answer_to(late), Err(CommandStatus::ESME_RMSGQFUL));
    assert_eq!(esme.submit(&message().text("later")), Err(CommandStatus::ESME_RMSGQFUL));
    node.expect_metric_above("smsc_store_errors_total", &[], 0.0);
    postgres.start_again();
    assert!(esme.answer_to(waits).is_ok(), "its append was never given up");
    assert_eq!(operator.expect_message().message.as_text(), "waits");
    esme.submit_ok(&message().text("after"));
    assert_eq!(operator.expect_message().message.as_text(), "after");
}

#[test]
fn a_postgresql_that_hangs_is_waited_for() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).section("store", "partitions = 1").start();
    let esme = node.transmitter("demo");
    postgres.freeze();
    let waits = esme.send(&message().text("waits"));
    node.expect_metric_above("smsc_store_append_age_seconds", &[], 1.0);
    postgres.thaw();
    assert!(esme.answer_to(waits).is_ok());
    assert_eq!(operator.expect_message().message.as_text(), "waits");
    assert_eq!(postgres.sql("select epoch from smsc.partition where id = 960"), "1", "nothing was lost");
}

#[test]
fn what_waits_for_a_lost_standby_is_answered_when_that_is_there_again() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).section("store", "partitions = 1").start();
    let esme = node.transmitter("demo");
    postgres.loses_its_standby();
    node.expect_metric("smsc_store_replicated", &[], 1.0);
    let waits = esme.send(&message().text("waits"));
    postgres.expect("select count(*) > 0 from pg_stat_activity where wait_event = 'SyncRep'", "t");
    std::thread::sleep(QUIET);
    assert_eq!(operator.message_count(), 0, "it is on one machine only");
    postgres.has_what_it_waits_for();
    assert!(esme.answer_to(waits).is_ok());
    assert_eq!(operator.expect_message().message.as_text(), "waits");
}

#[test]
fn a_wait_for_the_standby_that_somebody_cancels_is_not_taken_for_success() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).section("store", "partitions = 1").start();
    let esme = node.transmitter("demo");
    postgres.loses_its_standby();
    node.expect_metric("smsc_store_replicated", &[], 1.0);
    let waits = esme.send(&message().text("waits"));
    let waiting = "from pg_stat_activity where wait_event = 'SyncRep' and query like '%smsc.journal%'";
    postgres.expect(&format!("select count(*) > 0 {waiting}"), "t");
    postgres.sql(&format!("select pg_cancel_backend(pid) {waiting}"));
    // The server has said INSERT 0 1, and warned.
    node.expect_metric_above("smsc_store_errors_total", &[("op", "append")], 0.0);
    assert_eq!(operator.message_count(), 0);
    postgres.has_what_it_waits_for();
    assert!(esme.answer_to(waits).is_ok(), "adopted anew, and looked up");
    assert_eq!(operator.expect_message().message.as_text(), "waits");
    assert_eq!(postgres.sql("select epoch > 1 from smsc.partition where id = 960"), "t");
}

#[test]
fn the_loss_of_the_primary_costs_nothing_when_its_synchronous_standby_is_promoted() {
    let Some(mut primary) = Postgres::start() else { return };
    let standby = primary.synchronous_standby();
    let storm = Storm::new();
    let configuration = storm.configuration().postgres_at(&primary.url_with(&standby), "lease = \"2s\"");
    let node = configuration.section("store", "partitions = 2").start();
    node.expect_metric("smsc_store_replicated", &[], 1.0);
    let balance = storm.rage(node, |node| {
        storm.ledger().expect(1_000);
        primary.kill();
        standby.promote();
        storm.ledger().expect(2_000);
        node.expect_metric("smsc_store_replicated", &[], 0.0);
        node
    });
    balance.assert_within(Storm::CALM);
}

#[test]
fn a_node_that_slept_past_its_lease_is_fenced_and_answers_nothing() {
    if let Some(postgres) = Postgres::start() {
        wake_a_zombie(&postgres);
    }
}

#[test]
#[ignore = "takes minutes: tests/run --long"]
fn twenty_nodes_that_slept_past_their_leases_are_fenced() {
    for _ in 0..20 {
        let Some(postgres) = Postgres::start() else { return };
        wake_a_zombie(&postgres);
    }
}

fn wake_a_zombie(postgres: &Postgres) {
    let operator = Operator::start("op-a");
    operator.closes();
    let zombie = named("zombie", &operator, postgres).section("store", "partitions = 1").start();
    let esme = zombie.transmitter("demo");
    esme.submit_ok(&message().text("kept"));
    zombie.process().freeze();
    let lost = esme.send(&message().text("lost"));
    let heir = named("heir", &operator, postgres).section("store", "partitions = 1").start();
    heir.expect_metric("smsc_store_partitions", &[], 1.0);
    zombie.process().thaw();
    zombie.expect_metric("smsc_store_partitions", &[], 0.0);
    std::thread::sleep(QUIET);
    // Who does not own it promises nothing, and leaves nobody waiting: the place in the window is free.
    assert!(esme.answer_to(lost).is_err());
    assert_eq!(esme.submit(&message()), Err(CommandStatus::ESME_RMSGQFUL));
    operator.opens();
    assert_eq!(operator.expect_message().message.as_text(), "kept");
    std::thread::sleep(QUIET);
    assert_eq!(operator.message_count(), 1, "it went out once, and the other one not at all");
}

#[test]
fn the_partitions_of_a_node_that_is_gone_for_ever_are_adopted_within_seconds() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    operator.closes();
    let lost = named("lost", &operator, &postgres).start();
    lost.transmitter("demo").submit_all(numbered(0..200), 50, |_, answer| assert!(answer.is_ok()));
    drop(lost);
    let heir = named("heir", &operator, &postgres).start();
    heir.expect_metric("smsc_store_partitions", &[], 2.0);
    operator.opens();
    let texts = operator.expect_messages(200).into_iter().map(|one| one.message.as_text()).collect();
    assert_eq!(sorted(texts), sorted((0..200).map(|number| number.to_string()).collect()));
}

#[test]
fn two_nodes_share_the_partitions_and_an_orderly_stop_hands_them_over() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let first = named("first", &operator, &postgres).start();
    first.expect_metric("smsc_store_partitions", &[], 2.0);
    let second = named("second", &operator, &postgres).start();
    first.expect_metric("smsc_store_partitions", &[], 1.0);
    second.expect_metric("smsc_store_partitions", &[], 1.0);
    for node in [&first, &second] {
        let esme = node.transceiver("demo");
        esme.submit_ok(&message());
        operator.report(&operator.expect_message(), MessageState::Delivered);
    }
    let (_, finished) = first.terminate();
    assert_eq!(finished.code, Some(0));
    second.expect_metric("smsc_store_partitions", &[], 2.0);
    assert_eq!(postgres.sql("select count(*) from smsc.node"), "1");
}

#[test]
fn an_orderly_stop_lets_go_of_the_partitions() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).start();
    node.transmitter("demo").submit_ok(&message());
    let (_, finished) = node.terminate();
    assert_eq!(finished.code, Some(0));
    assert_eq!(postgres.sql("select count(*) from smsc.partition where owner is null"), "8");
    assert_eq!(postgres.sql("select count(*) from smsc.node"), "0");
}

/// What a node says that cannot start with that URL.
fn refused(url: &str) -> String {
    let operator = Operator::start("op-a");
    let finished = usual(&operator).postgres_at(url, "").start_in_vain();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn what_is_wrong_with_the_database_is_said_with_what_to_do() {
    let Some(postgres) = Postgres::start() else { return };
    let says = |url: &str, words: &[&str]| {
        let said = refused(url);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!said.contains("among-friends"), "no password: {said}");
    };
    let address = postgres.address();
    says(&postgres.url().replace("among-friends", "wrong"), &["refuses the login", "store.postgres.password_file"]);
    says(&postgres.url_of("nowhere"), &["has no such database", "nowhere"]);
    says("postgres://smsc@127.0.0.1:1/smsc", &["cannot be reached", "127.0.0.1:1/smsc"]);
    says(&(postgres.url() + "?sslmode=require"), &["certificate", "sslmode=disable"]);

    postgres.sql("create user weak password 'among-friends'");
    says(
        &format!("postgres://weak:among-friends@{address}/smsc"),
        &["does not let the node", "Make its user the owner"],
    );

    postgres.sql("create database foreigner");
    let foreign = postgres.url_of("foreigner");
    let operator = Operator::start("op-a");
    drop(usual(&operator).postgres_at(&foreign, "").start().terminate());
    let newer = "update smsc.place set version = 99";
    postgres.sql_of("foreigner", newer);
    says(&foreign, &["version 99", "Start the newer release again"]);
    postgres.sql_of("foreigner", "update smsc.place set version = 1, databases = 2");
    says(&foreign, &["database 0 of 2", "Put the list back"]);
    postgres
        .sql_of("foreigner", "update smsc.place set databases = 1; alter table smsc.journal rename record to octets");
    says(&foreign, &["is not as this release made it"]);
}

#[test]
fn records_that_somebody_else_writes_end_the_partition_and_not_the_node() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let node = usual(&operator).postgres(&postgres).section("store", "partitions = 2").start();
    postgres.sql("insert into smsc.journal values (960, 1, 1, 'by hand'), (960, 2, 1, 'by hand')");
    let esme = node.transmitter("demo");
    let sent = esme.send_all(&numbered(0..40));
    node.expect_metric("smsc_store_partitions", &[], 1.0);
    postgres.sql("delete from smsc.journal where record = 'by hand'");
    node.expect_metric("smsc_store_partitions", &[], 2.0);
    esme.submit_ok(&message());
    // All are answered, also those that the partition took with it.
    let accepted = sent.into_iter().filter(|number| esme.answer_to(*number).is_ok()).count();
    assert!(accepted > 0 && accepted < 40, "those of the other partition: {accepted}");
}

#[test]
fn a_partition_that_is_damaged_stays_out_and_the_others_are_served() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let configuration = usual(&operator).postgres(&postgres).section("store", "partitions = 2");
    let (place, _) = configuration.start().terminate();
    postgres.sql("insert into smsc.journal values (961, 7, 1, 'by hand')");
    let node = place.start_again();
    node.expect_metric("smsc_store_partitions", &[], 1.0);
    node.expect_metric("smsc_store_partitions_failed", &[], 1.0);
    let said = node.process().errors() + &node.process().output();
    assert!(said.contains("record 7 of the journal is damaged"), "{said}");
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(0..40), 10, |_, answer| assert!(answer.is_ok()));
    operator.expect_messages(40);
    postgres.sql("delete from smsc.journal where record = 'by hand'");
    node.expect_metric("smsc_store_partitions", &[], 2.0);
    node.expect_metric("smsc_store_partitions_failed", &[], 0.0);
}

#[test]
fn a_long_backlog_is_read_back_and_cleaned_away() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    operator.closes();
    let configuration = usual_with(&operator, "window = 100").postgres(&postgres);
    let node = configuration.section("store", "partitions = 1\nmemory_max = \"1MiB\"").start();
    let long = |number| Message::to("46701234567").text(&format!("{number:0>150}"));
    node.transmitter("demo").submit_all((0..20_000).map(long), 100, |_, answer| assert!(answer.is_ok()));
    let node = node.restart();
    operator.opens();
    let texts: Vec<_> = operator.expect_messages(20_000).into_iter().map(|one| one.message.as_text()).collect();
    assert_eq!(texts.len(), 20_000);
    node.expect_metric_above("smsc_store_records_read_total", &[], 0.0);
}
