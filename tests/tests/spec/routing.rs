//! Which operator a message goes to.

use std::collections::HashMap;

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Answer, Operator};

/// Two accounts, two operators: what a small aggregator begins with.
fn two_of_each() -> (Operator, Operator, Configuration) {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let configuration = Configuration::new().account("demo").account("shop").operator(&a).operator(&b);
    (a, b, configuration)
}

#[test]
fn a_message_goes_to_the_operator_of_its_longest_prefix() {
    let (a, b, configuration) = two_of_each();
    let node = configuration.route("46", "op-a").route("4670", "op-b").route("467099", "op-a").start();
    for account in ["demo", "shop"] {
        let esme = node.transmitter(account);
        for (number, operator) in [("46811111", &a), ("46701111", &b), ("46709911", &a), ("4670", &b)] {
            esme.submit_ok(&Message::to(number).text(account));
            let arrived = operator.expect_message().message;
            assert_eq!((&arrived.destination.digits[..], arrived.as_text()), (number.as_bytes(), account.to_owned()));
        }
    }
}

#[test]
fn a_number_without_a_route_is_refused_with_the_configured_code() {
    let (_a, _b, configuration) = two_of_each();
    let configuration = configuration.route("46", "op-a");
    let esme = configuration.start().transmitter("demo");
    drop(esme);
    for (keys, status) in
        [("", CommandStatus::ESME_RINVDSTADR), ("no_route = \"ESME_RSUBMITFAIL\"", CommandStatus::ESME_RSUBMITFAIL)]
    {
        let node = configuration.clone().section("router", keys).start();
        assert_eq!(node.transmitter("demo").submit(&Message::to("4791234567")), Err(status));
    }
}

#[test]
fn the_empty_prefix_takes_what_no_other_route_takes() {
    let (a, b, configuration) = two_of_each();
    let node = configuration.route("46", "op-a").route("", "op-b").start();
    let esme = node.transmitter("demo");
    esme.submit_ok(&Message::to("4791234567").text("elsewhere"));
    assert_eq!(b.expect_message().message.as_text(), "elsewhere");
    esme.submit_ok(&Message::to("46701234567").text("at home"));
    assert_eq!(a.expect_message().message.as_text(), "at home");
}

#[test]
fn a_route_for_an_account_beats_a_general_one_and_one_for_its_sender_both() {
    let (a, b, configuration) = two_of_each();
    let to_b = "operators = [{ name = \"op-b\" }]\naccount = \"shop\"";
    let to_a = "operators = [{ name = \"op-a\" }]\naccount = \"shop\"\nsource = \"Brand\"";
    let node = configuration.route("46", "op-a").route_with("46", to_b).route_with("46", to_a).start();
    let (demo, shop) = (node.transmitter("demo"), node.transmitter("shop"));
    demo.submit_ok(&Message::to("46701234567").text("general"));
    assert_eq!(a.expect_message().message.as_text(), "general");
    shop.submit_ok(&Message::to("46701234567").text("the account's"));
    assert_eq!(b.expect_message().message.as_text(), "the account's");
    shop.submit_ok(&Message::to("46701234567").from("Brand").text("the sender's"));
    assert_eq!(a.expect_message().message.as_text(), "the sender's");
}

#[test]
fn weights_share_the_numbers_and_a_number_keeps_its_operator() {
    let (a, b, configuration) = two_of_each();
    let weights = "operators = [{ name = \"op-a\", weight = 3 }, { name = \"op-b\" }]";
    let node = configuration.route_with("46", weights).start();
    a.expect_links(1);
    b.expect_links(1);
    let numbers = (0..200).map(|number| format!("467012{number:05}")).collect::<Vec<_>>();
    let messages = numbers.iter().chain(&numbers).map(|number| Message::to(number));
    node.transmitter("demo").submit_all(messages, 50, |_, answer| assert!(answer.is_ok()));
    node.expect_metric("smsc_delivery_attempts_total", &[("result", "ok")], 400.0);
    let count_by_number = |operator: &Operator| {
        let mut counts = HashMap::<_, usize>::new();
        operator.messages().into_iter().for_each(|one| *counts.entry(one.message.destination.digits).or_default() += 1);
        counts
    };
    let (at_a, at_b) = (count_by_number(&a), count_by_number(&b));
    assert!(at_a.values().chain(at_b.values()).all(|count| *count == 2), "a number went to both operators");
    assert!((110..=185).contains(&at_a.len()), "three quarters of 200 are {}", at_a.len());
}

#[test]
fn messages_to_one_handset_keep_their_order() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "window = 10").start();
    let esme = node.transmitter("demo");
    let messages = (0..200).map(|number| Message::to("46701234567").text(&format!("{number}")));
    esme.submit_all(messages, 50, |_, answer| assert!(answer.is_ok()));
    let texts = operator.expect_messages(200).into_iter().map(|one| one.message.as_text());
    assert_eq!(texts.collect::<Vec<_>>(), (0..200).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn an_operator_that_is_away_is_passed_over_for_new_messages() {
    let (a, b, _) = two_of_each();
    a.closes();
    let node = with_failover(&a, &b);
    b.expect_links(1);
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("around"));
    assert_eq!(b.expect_message().message.as_text(), "around");
}

#[test]
fn what_waits_for_an_operator_that_went_away_goes_another_way() {
    let (a, b, _) = two_of_each();
    a.answers(Answer::Hold);
    let node = with_failover(&a, &b);
    a.expect_links(1);
    b.expect_links(1);
    let messages = (0..20).map(|number| Message::to("46701234567").text(&format!("{number}")));
    node.transmitter("demo").submit_all(messages, 20, |_, answer| assert!(answer.is_ok()));
    a.expect_messages(10);
    a.closes();
    b.expect_messages(20);
}

#[test]
fn without_another_way_messages_wait_until_the_operator_is_back() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual_with(&operator, "failover_after = \"100ms\"").start();
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("patience"));
    node.expect_metric("smsc_link_bound", &[("link", "op-a")], 0.0);
    operator.opens();
    assert_eq!(operator.expect_message().message.as_text(), "patience");
}

fn with_failover(a: &Operator, b: &Operator) -> Node {
    Configuration::new()
        .account("demo")
        .operator_with(a, "failover_after = \"200ms\"")
        .operator_with(b, "failover_after = \"200ms\"")
        .route_with("", "operators = [{ name = \"op-a\" }]\nfailover = [\"op-b\"]")
        .start()
}

#[test]
fn a_temporary_refusal_is_tried_again_and_one_for_good_is_not() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "").start();
    let esme = node.transmitter("demo");
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RSYSERR)]);
    esme.submit_ok(&Message::to("46701234567").text("twice"));
    operator.expect_messages(2);
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RINVDSTADR)]);
    esme.submit_ok(&Message::to("46701234567").text("once"));
    assert_eq!(operator.expect_message().message.as_text(), "once");
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "permanent")], 1.0);
    esme.submit_ok(&Message::to("46701234567").text("next"));
    assert_eq!(operator.expect_message().message.as_text(), "next");
}

#[test]
fn an_operators_own_meaning_of_a_code_counts() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RINVDSTADR)]);
    let node = usual_with(&operator, "status = { \"0x0B\" = \"retry\" }").start();
    node.transmitter("demo").submit_ok(&Message::to("46701234567"));
    operator.expect_messages(2);
}
