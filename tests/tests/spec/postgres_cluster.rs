//! Three nodes whose journal is in PostgreSQL: one of them may vanish for ever with its disk, and nothing that was
//! acknowledged is lost; partitions change their owners while messages, outcomes, receipts and questions pass between the
//! nodes.

use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::ledger::Bounds;
use smsc_tests::message::Message;
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::postgres::Postgres;
use smsc_tests::storm::Storm;

/// Where messages are submitted, and where receipts are read.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Two for each node.
const PARTITIONS: usize = 6;

/// What the lost node's partitions must move within: a lease of ten seconds ends, and they are adopted and replayed.
const MOVES_WITHIN: Duration = Duration::from_secs(15);

fn message() -> Message {
    Message::to("46701234567").receipt()
}

fn numbered(count: usize) -> Vec<Message> {
    (0..count).map(|n| Message::to(&format!("4670123{:04}", n * 7 % 9_973)).text(&n.to_string()).receipt()).collect()
}

/// The journal there, with the default lease of ten seconds.
fn on(postgres: &Postgres) -> Configuration {
    let partitions = format!("partitions = {PARTITIONS}");
    Configuration::new().postgres_at(&postgres.url(), "").section("store", &partitions)
}

/// Waits until each node that runs has so many partitions.
fn expect_partitions(cluster: &Cluster, each: usize) {
    for (_, node) in cluster.nodes() {
        node.expect_metric("smsc_store_partitions", &[], each as f64);
    }
}

/// Those of a node, as the database has them.
fn partitions_of(postgres: &Postgres, number: usize) -> Vec<u16> {
    let rows = postgres.sql(&format!("select id from smsc.partition where owner = 'smsc-{number}'"));
    rows.lines().filter_map(|row| row.parse().ok()).collect()
}

/// A link or a bind may outlive the node whose messages it carries, and be lost itself: a window each time.
const TWICE: Bounds = Bounds {
    copies_per_link: 2 * Storm::BOUNDS.copies_per_link,
    repeated_per_bind: 2 * Storm::BOUNDS.repeated_per_bind,
    ..Storm::BOUNDS
};

/// Three nodes with links of their own under load; one of them is gone for ever.
fn loses_nothing_without(lost: usize, [submit_at, receive_at]: [&[usize]; 2]) {
    let Some(postgres) = Postgres::start() else { return };
    let storm = Storm::new();
    let cluster = Cluster::start_with(3, &on(&postgres), |_, given| storm.draws_in(given, 3));
    expect_partitions(&cluster, PARTITIONS / 3);
    storm.operator().expect_links(12);
    let (began, mut rate) = (Instant::now(), 0.0);
    let balance = storm.rage_over(cluster, [submit_at, receive_at], |mut cluster| {
        storm.ledger().expect(4_000);
        rate = storm.ledger().count() as f64 / began.elapsed().as_secs_f64();
        let theirs = partitions_of(&postgres, lost);
        let waiting = storm.ledger().waiting_in(&theirs);
        let killed = Instant::now();
        cluster.lose(lost);
        expect_partitions(&cluster, PARTITIONS / 2);
        let adopted = killed.elapsed();
        let [first, all] = storm.expect_moving(&waiting);
        eprintln!(
            "{rate:.0} messages/s; node {lost} had {} of {theirs:?} waiting; adopted after {adopted:.1?}, the first moved \
             {first:.1?} and the last {all:.1?} after that",
            waiting.len()
        );
        assert!(adopted + first < MOVES_WITHIN, "{adopted:?} and {first:?}");
        storm.ledger().expect(storm.ledger().count() + 4_000);
        cluster
    });
    eprintln!("{balance:.0?}");
    balance.assert_within(TWICE);
}

#[test]
fn the_node_where_esmes_submit_vanishes_for_ever_and_nothing_is_lost() {
    loses_nothing_without(A, [&[A, B], &[B, C]]);
}

#[test]
fn the_node_where_receipts_are_read_vanishes_for_ever_and_nothing_is_lost() {
    loses_nothing_without(B, [&[A, B, C], &[B, C]]);
}

#[test]
fn a_node_with_links_vanishes_for_ever_and_nothing_is_lost() {
    loses_nothing_without(C, [&[A, B, C], &[A, B]]);
}

/// Three nodes with account `demo`, an operator that all of them reach, and a lease that is short, so that tests are.
fn quick(postgres: &Postgres, operator: &Operator) -> Cluster {
    let configuration = Configuration::new()
        .postgres_at(&postgres.url(), "lease = \"2s\"")
        .section("store", &format!("partitions = {PARTITIONS}"))
        .account("demo")
        .operator_with(operator, "links = 3")
        .route("", "op-a")
        .mo_route("*", "demo");
    let cluster = Cluster::start_with(3, &configuration, |_, configuration| configuration);
    expect_partitions(&cluster, PARTITIONS / 3);
    cluster
}

#[test]
fn whoever_has_a_message_now_is_asked_about_it() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let mut cluster = quick(&postgres, &operator);
    operator.expect_links(3);
    let esme = cluster.node(A).transmitter("demo");
    let later = |message: Message| message.with(|message| message.schedule_delivery_time = "000000000500000R".into());
    let ids: Vec<_> = numbered(12).into_iter().map(|message| esme.submit_ok(&later(message))).collect();
    cluster.lose(A);
    expect_partitions(&cluster, PARTITIONS / 2);
    // Each of the others has some of them, and asks the other for the rest.
    for number in [B, C] {
        let asks = cluster.node(number).transmitter("demo");
        ids.iter().for_each(|id| asks.expect_state(id, MessageState::Enroute));
    }
    let asks = cluster.node(B).transmitter("demo");
    for id in &ids {
        assert_eq!(asks.cancel(id), CommandStatus::ESME_ROK);
    }
}

#[test]
fn receipts_find_the_messages_of_a_node_that_is_gone_for_ever() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let mut cluster = quick(&postgres, &operator);
    operator.expect_links(3);
    let transmitter = cluster.node(A).transmitter("demo");
    let mut accepted: Vec<_> = numbered(30).iter().map(|message| transmitter.submit_ok(message)).collect();
    let submitted = operator.expect_messages(30);
    for (number, _) in cluster.nodes() {
        cluster.node(number).expect_metric("smsc_cluster_relay_unconfirmed", &[], 0.0);
    }
    // What A's own link had an answer to that was not durable goes out again, and is reported then.
    operator.reports(MessageState::Delivered);
    cluster.lose(A);
    operator.expect_links(3);
    // Some come while nobody has their messages, and are kept.
    for submitted in &submitted {
        let receipt = operator.report(submitted, MessageState::Delivered);
        assert_eq!(operator.expect_answer(receipt), CommandStatus::ESME_ROK);
    }
    let receiver = cluster.node(B).receiver("demo");
    let mut told: Vec<_> = (0..30).map(|_| receiver.expect_receipt().message_id).collect();
    accepted.sort();
    told.sort();
    told.dedup();
    assert_eq!(accepted, told);
}

#[test]
fn a_node_that_comes_back_gets_its_share_under_load_and_nothing_is_lost() {
    let Some(postgres) = Postgres::start() else { return };
    let storm = Storm::new();
    let configuration = Configuration::new().postgres_at(&postgres.url(), "lease = \"2s\"");
    let configuration = configuration.section("store", &format!("partitions = {PARTITIONS}"));
    let cluster = Cluster::start_with(3, &configuration, |_, given| storm.draws_in(given, 3));
    expect_partitions(&cluster, PARTITIONS / 3);
    let balance = storm.rage_over(cluster, [&[A, B], &[B, A]], |mut cluster| {
        storm.ledger().expect(2_000);
        cluster.lose(C);
        expect_partitions(&cluster, PARTITIONS / 2);
        storm.ledger().expect(storm.ledger().count() + 2_000);
        cluster.bring_back(C);
        expect_partitions(&cluster, PARTITIONS / 3);
        storm.ledger().expect(storm.ledger().count() + 2_000);
        cluster
    });
    balance.assert_within(TWICE);
    assert_eq!(storm.refusals(), Vec::<CommandStatus>::new(), "but for those that say: try again");
}

#[test]
fn a_node_that_slept_past_its_leases_is_no_longer_asked_for_what_another_one_has() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let cluster = quick(&postgres, &operator);
    operator.expect_links(3);
    let esme = cluster.node(B).transmitter("demo");
    let ids: Vec<_> = numbered(12).iter().map(|message| esme.submit_ok(message)).collect();
    operator.expect_messages(12);
    cluster.freeze(A);
    for number in [B, C] {
        cluster.node(number).expect_metric("smsc_store_partitions", &[], (PARTITIONS / 2) as f64);
    }
    cluster.thaw(A);
    expect_partitions(&cluster, PARTITIONS / 3);
    for number in [A, B, C] {
        let asks = cluster.node(number).transmitter("demo");
        ids.iter().for_each(|id| asks.expect_state(id, MessageState::Enroute));
    }
    esme.submit_ok(&message());
}

// --- a node that has no partition ---

/// An address where no operator is.
const NOBODY: &str = "127.0.0.1:9";

/// Two partitions for three nodes: the last has none, and the operator's only link.
fn last_without_partition(postgres: &Postgres, operator: &Operator) -> Cluster {
    let configuration = Configuration::new()
        .postgres_at(&postgres.url(), "")
        .section("store", "partitions = 2")
        .account("demo")
        .route("", "op-a")
        .mo_route("*", "demo");
    let cluster = Cluster::start_with(3, &configuration, |number, configuration| match number {
        C => configuration.operator_with(operator, "links = 3"),
        _ => configuration.operator_at("op-a", NOBODY, "links = 3"),
    });
    for (number, partitions) in [(A, 1.0), (B, 1.0), (C, 0.0)] {
        cluster.node(number).expect_metric("smsc_store_partitions", &[], partitions);
        cluster.node(number).expect_metric("smsc_cluster_relay_up", &[], 2.0);
    }
    operator.expect_links(1);
    cluster
}

#[test]
fn a_node_without_a_partition_gives_its_submits_to_those_that_have_one() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let cluster = last_without_partition(&postgres, &operator);
    let esme = cluster.node(C).transceiver("demo");
    let mut accepted = Vec::new();
    esme.submit_all(numbered(300), 100, |_, answer| accepted.push(answer.unwrap()));
    let mut told: Vec<_> = (0..300).map(|_| esme.expect_receipt().message_id).collect();
    let of_each = [960, 961].map(|partition| {
        let of = |id: &&String| id.parse::<u64>().is_ok_and(|id| (id >> 12) & 0x3FF == partition);
        accepted.iter().filter(of).count()
    });
    assert!(of_each.iter().all(|count| *count > 50), "spread by destination: {of_each:?}");
    accepted.sort();
    told.sort();
    assert_eq!(accepted, told);
    assert_eq!(operator.message_count(), 300);
}

#[test]
fn a_node_without_a_partition_takes_messages_from_handsets_and_receipts_that_nobody_knows() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let cluster = last_without_partition(&postgres, &operator);
    let receiver = cluster.node(A).receiver("demo");
    let message = Message::to("72345").from("46701234567").text("from afar");
    assert_eq!(operator.deliver(&message), CommandStatus::ESME_ROK);
    assert_eq!(receiver.expect_delivery().message.as_text(), "from afar");
    // Its response has not come, so nobody knows the message by that id: the receipt is kept with an owner.
    operator.answers(Answer::Hold);
    let message_id = cluster.node(B).transmitter("demo").submit_ok(&message_to_handset());
    let submitted = operator.expect_message();
    let receipt = operator.report(&submitted, MessageState::Delivered);
    assert_eq!(operator.expect_answer(receipt), CommandStatus::ESME_ROK);
    operator.releases();
    assert_eq!(receiver.expect_receipt().message_id, message_id);
}

fn message_to_handset() -> Message {
    message().text("early")
}

#[test]
fn a_submit_whose_owner_stands_still_is_refused_and_never_promised() {
    let Some(postgres) = Postgres::start() else { return };
    let operator = Operator::start("op-a");
    let cluster = last_without_partition(&postgres, &operator);
    let esme = cluster.node(C).transmitter("demo");
    for number in [A, B] {
        cluster.freeze(number);
    }
    let waits = esme.send(&message());
    let began = Instant::now();
    assert_eq!(esme.answer_to(waits), Err(CommandStatus::ESME_RSYSERR), "nobody knows whether it is kept");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    cluster.node(C).expect_metric("smsc_cluster_relay_up", &[], 0.0);
    assert_eq!(esme.submit(&message()), Err(CommandStatus::ESME_RMSGQFUL));
    for number in [A, B] {
        cluster.thaw(number);
    }
    cluster.node(C).expect_metric("smsc_cluster_relay_up", &[], 2.0);
    esme.submit_ok(&message());
}
