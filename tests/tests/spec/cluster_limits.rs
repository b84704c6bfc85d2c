//! An account's limits are the cluster's, whichever nodes it binds to.

use std::time::{Duration, Instant};

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::PATIENCE;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::Esme;
use smsc_tests::message::Message;
use smsc_tests::operator::Operator;

fn with_account(keys: &str) -> Configuration {
    Configuration::new().account_with("demo", keys).operator_at("op-a", "127.0.0.1:1", "").route("", "op-a")
}

#[test]
fn binds_max_counts_over_all_nodes() {
    let cluster = Cluster::start(3, &with_account("binds_max = 2"));
    let _bound = [cluster.node(0).transmitter("demo"), cluster.node(1).receiver("demo")];
    for (_, node) in cluster.nodes() {
        expect_bind(node.address(), CommandStatus::ESME_RBINDFAIL);
    }
}

#[test]
fn a_place_is_free_again_when_its_node_is_gone() {
    let mut cluster = Cluster::start(3, &with_account("binds_max = 1"));
    let _lost = cluster.node(0).transmitter("demo");
    expect_bind(cluster.node(1).address(), CommandStatus::ESME_RBINDFAIL);
    cluster.kill(0);
    expect_bind(cluster.node(1).address(), CommandStatus::ESME_ROK);
}

#[test]
fn the_rate_is_shared_by_all_nodes() {
    const RATE: usize = 400;
    let cluster = Cluster::start(2, &with_account(&format!("throughput_max = {RATE}\nwindow_max = 20")));
    let esmes = [cluster.node(0).transmitter("demo"), cluster.node(1).transmitter("demo")];
    // Until both know of each other's demand.
    flood(&esmes, Duration::from_secs(3));
    let since = Instant::now();
    let accepted = flood(&esmes, Duration::from_secs(4)) as f64;
    // As long as it was, and not as it should have been: a busy machine ends it late.
    let allowed = RATE as f64 * since.elapsed().as_secs_f64();
    // A burst of a tenth of a second stands at the beginning.
    assert!(accepted <= allowed * 1.05 + RATE as f64 / 10.0, "{accepted} accepted, {allowed} allowed");
    // On a machine that is slow for longer than a burst, permits lapse.
    assert!(accepted >= allowed * 0.6, "{accepted} accepted, {allowed} allowed");
}

#[test]
fn who_alone_has_something_to_send_has_nearly_all_of_the_rate() {
    const RATE: usize = 400;
    let cluster = Cluster::start(2, &with_account(&format!("throughput_max = {RATE}\nwindow_max = 20")));
    let esmes = [cluster.node(0).transmitter("demo"), cluster.node(1).transmitter("demo")];
    flood(&esmes[..1], Duration::from_secs(3));
    let accepted = flood(&esmes[..1], Duration::from_secs(2));
    assert!(accepted >= 2 * RATE * 65 / 100, "{accepted} in two seconds");
}

#[test]
fn an_operators_rate_is_shared_by_all_nodes() {
    const RATE: usize = 100;
    let operator = Operator::start("op-a");
    let keys = format!("links = 2\nwindow = 50\nthroughput_max = {RATE}");
    let configuration = Configuration::new().account("demo").operator_with(&operator, &keys).route("", "op-a");
    let cluster = Cluster::start(2, &configuration);
    operator.expect_links(2);
    for (_, node) in cluster.nodes() {
        let esme = node.transmitter("demo");
        let messages = vec![Message::to("46701234567"); 1_500];
        esme.submit_all(messages, 50, |_, answer| assert!(answer.is_ok(), "{answer:?}"));
    }
    let (before, since) = (operator.message_count(), Instant::now());
    std::thread::sleep(Duration::from_secs(4));
    let sent = operator.message_count() - before;
    // As long as it was, and not as it should have been: a busy machine wakes us late.
    let allowed = RATE as f64 * since.elapsed().as_secs_f64();
    // A burst of a tenth of a second stands at the beginning.
    assert!(sent as f64 <= allowed * 1.05 + RATE as f64 / 10.0, "{sent} sent, {allowed} allowed");
    assert!(sent as f64 >= allowed * 0.7, "{sent} sent, {allowed} allowed");
}

/// Waits until a bind there is answered so.
fn expect_bind(address: std::net::SocketAddr, status: CommandStatus) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = Esme::connect(address).bind(BindKind::Transmitter, "demo");
        if answer == status {
            return;
        }
        assert!(Instant::now() < deadline, "a bind is answered {answer:?}, and should be {status:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Submits as fast as they are answered; tells how many were accepted.
fn flood(esmes: &[Esme], time: Duration) -> usize {
    let until = Instant::now() + time;
    let flood = |esme: &Esme| {
        let messages = std::iter::from_fn(|| (Instant::now() < until).then(|| Message::to("46701234567")));
        let mut accepted = 0;
        esme.submit_all(messages, 10, |_, answer| accepted += usize::from(answer.is_ok()));
        accepted
    };
    std::thread::scope(|scope| {
        let floods: Vec<_> = esmes.iter().map(|esme| scope.spawn(|| flood(esme))).collect();
        floods.into_iter().map(|flood| flood.join().expect("it ends")).sum()
    })
}
