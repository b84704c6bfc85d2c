//! What an account may: bind within its limits, send as itself, ask for receipts and validity, with its TLVs.

use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::smpp::tlv::tag;
use smsc_tests::PATIENCE;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::{Answer, Operator};

/// `PASSWORD`, hashed as the defaults have it.
fn hash_of_password() -> String {
    use argon2::password_hash::{PasswordHasher, SaltString};
    let salt = SaltString::encode_b64(b"salt of a test").unwrap();
    argon2::Argon2::default().hash_password(PASSWORD.as_bytes(), &salt).unwrap().to_string()
}

fn bind(node: &Node, system_id: &str, password: &str) -> CommandStatus {
    node.connect().bind_as(BindKind::Transceiver, bind_of(system_id, password, 0x34)).0
}

/// A node whose account `demo` has these keys, and that one operator for every number.
fn node_with(operator: &Operator, keys: &str) -> Node {
    Configuration::new().account_with("demo", keys).operator(operator).route("", operator.name()).start()
}

// Q25: RBINDFAIL, which no client takes for the end; and nobody is locked out for good.
#[test]
fn whoever_fails_again_and_again_has_to_wait_and_gets_in_afterwards() {
    let node = Configuration::new().account("demo").start();
    for _ in 0..5 {
        assert_eq!(bind(&node, "demo", "wrong"), CommandStatus::ESME_RINVPASWD);
    }
    let early = node.connect();
    assert_eq!(early.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_RBINDFAIL, "even with its password");
    early.expect_end();
    let deadline = Instant::now() + PATIENCE;
    while bind(&node, "demo", PASSWORD) != CommandStatus::ESME_ROK {
        assert!(Instant::now() < deadline, "the wait ends");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(bind(&node, "demo", "wrong"), CommandStatus::ESME_RINVPASWD, "and all is forgotten");
}

// Q25
#[test]
fn the_failures_of_one_account_are_not_anothers() {
    let node = Configuration::new().account("demo").account("other").start();
    for _ in 0..6 {
        bind(&node, "demo", "wrong");
        bind(&node, "nobody", "wrong");
    }
    assert_eq!(bind(&node, "other", PASSWORD), CommandStatus::ESME_ROK);
}

// S15: the time must not say what the status does not.
#[test]
fn a_uniform_refusal_takes_as_long_whatever_was_wrong() {
    let hash = format!("password_hash = {:?}", hash_of_password());
    let node = Configuration::new()
        .account_with("hashed", &hash)
        .account("plain")
        .account_with("elsewhere", "allow_from = [\"10.0.0.0/8\"]")
        .section("session", "bind_errors = \"uniform\"")
        .start();
    let mut fastest =
        [("hashed", Duration::MAX), ("nobody", Duration::MAX), ("plain", Duration::MAX), ("elsewhere", Duration::MAX)];
    for _ in 0..4 {
        for (system_id, fastest) in &mut fastest {
            let begin = Instant::now();
            assert_eq!(bind(&node, system_id, "wrong"), CommandStatus::ESME_RBINDFAIL);
            *fastest = begin.elapsed().min(*fastest);
        }
    }
    // Without a hash it takes less than a millisecond, with one twenty or more.
    let (_, hashed) = fastest[0];
    assert!(fastest.iter().all(|(_, took)| *took * 5 > hashed), "{fastest:?}");
}

#[test]
fn a_crowd_of_hashed_binds_keeps_nobody_else_waiting() {
    let hash = format!("password_hash = {:?}\nbinds_max = 100", hash_of_password());
    let node = Configuration::new().account_with("hashed", &hash).account("demo").start();
    let bystander = node.transceiver("demo");
    let crowd: Vec<_> = (0..40).map(|_| node.connect()).collect();
    let pdu = smsc_proto::smpp::pdu::Pdu::Bind(BindKind::Transmitter, bind_of("hashed", PASSWORD, 0x34));
    let numbers: Vec<_> = crowd.iter().map(|esme| esme.connection().request(&pdu)).collect();
    let begin = Instant::now();
    bystander.enquire_link();
    let answered = begin.elapsed();
    for (esme, number) in crowd.iter().zip(numbers) {
        assert_eq!(esme.connection().expect_response(number).header.command_status, CommandStatus::ESME_ROK);
    }
    assert!(answered * 4 < begin.elapsed(), "answered after {answered:?} of {:?}", begin.elapsed());
}

// S40
#[test]
fn a_message_without_a_sender_gets_the_accounts_own() {
    let operator = Operator::start("op-a");
    let node = node_with(&operator, "source_default = \"Brand\"\nallowed_sources = [\"Brand\"]");
    node.transmitter("demo").submit_ok(&Message::to("46701234567").with(|message| message.source = Default::default()));
    let source = operator.expect_message().message.source;
    assert_eq!((source.ton, &source.digits[..]), (5, &b"Brand"[..]));
}

// S32
#[test]
fn a_validity_beyond_the_accounts_maximum_is_refused_where_the_account_says_so() {
    let operator = Operator::start("op-a");
    let node = node_with(&operator, "validity_max = \"1h\"\nvalidity_default = \"1h\"\nvalidity_over_max = \"refuse\"");
    let esme = node.transmitter("demo");
    let over = esme.submit(&Message::to("46701234567").validity("000001000000000R"));
    assert_eq!(over, Err(CommandStatus::ESME_RINVEXPIRY));
    esme.submit_ok(&Message::to("46701234567").validity("000000010000000R"));
}

/// What becomes of a message that its operator never gets.
fn expires(keys: &str, validity: &'static str) -> Duration {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = node_with(&operator, keys);
    let esme = node.transceiver("demo");
    let begin = Instant::now();
    esme.submit_ok(&Message::to("46701234567").validity(validity).receipt());
    assert_eq!(esme.expect_receipt().stat, "EXPIRED");
    begin.elapsed()
}

// S31, S32
#[test]
fn a_validity_is_the_accounts_where_none_is_given_and_never_longer_than_its_maximum() {
    let took = expires("validity_default = \"1s\"", "");
    assert!(took >= Duration::from_millis(900), "{took:?}");
    let took = expires("validity_default = \"1s\"\nvalidity_max = \"2s\"", "000001000000000R");
    assert!(took >= Duration::from_millis(1_900), "{took:?}");
}

// S32
#[test]
fn a_validity_of_nothing_is_one_attempt() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Refuse(CommandStatus::ESME_RMSGQFUL));
    let configuration = Configuration::new().account("demo").operator_with(&operator, "retry = [\"3s\"]");
    let node = configuration.route("", operator.name()).start();
    let esme = node.transceiver("demo");
    operator.expect_links(1);
    esme.submit_ok(&Message::to("46701234567").validity("000000000000000R").receipt());
    assert_eq!(esme.expect_receipt().stat, "EXPIRED");
    assert_eq!(operator.message_count(), 1);
}

// S25, Q10
#[test]
fn a_tlv_that_the_account_must_send_is_missed_and_others_pass() {
    let operator = Operator::start("op-a");
    let node = node_with(&operator, "tlv = { require = [\"0x1400\", \"0x1401\"] }");
    let esme = node.transmitter("demo");
    let entity = Message::to("46701234567").tlv(0x1400, b"1201\0");
    assert_eq!(esme.submit(&entity), Err(CommandStatus::ESME_RMISSINGTLV));
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RMISSINGTLV));
    let both = entity.tlv(0x1401, b"template\0").tlv(tag::USER_MESSAGE_REFERENCE, &[0, 7]);
    esme.submit_ok(&both);
    assert_eq!(operator.expect_message().message.tlvs, both.tlvs);
}

// S25, S29
#[test]
fn a_tlv_that_is_stripped_does_not_reach_the_operator() {
    let operator = Operator::start("op-a");
    let node = node_with(&operator, "tlv = { strip = [\"0x1400\"] }");
    let message = Message::to("46701234567").tlv(0x1400, b"secret").tlv(0x1401, b"template").text("the text");
    node.transmitter("demo").submit_ok(&message);
    let arrived = operator.expect_message().message;
    assert_eq!((arrived.as_text(), arrived.tlvs), ("the text".to_owned(), message.tlvs[1..].to_vec()));
}

// Q11, S22
#[test]
fn an_account_gets_the_tlvs_of_3_4_and_more_only_where_it_asks_for_them() {
    let operator = Operator::start("op-a");
    let node = Configuration::new()
        .account("demo")
        .account_with("modern", "tlv = { extra_to_esme = true }")
        .operator(&operator)
        .mo_route("1", "demo")
        .mo_route("2", "modern")
        .start();
    let (demo, modern) = (node.transceiver("demo"), node.transceiver("modern"));
    let tlvs = |number: &str| {
        Message::to(number).tlv(0x1400, b"vendor").tlv(tag::SOURCE_PORT, &[0, 80]).tlv(tag::CONGESTION_STATE, &[9])
    };
    operator.deliver(&tlvs("1"));
    operator.deliver(&tlvs("2"));
    assert_eq!(demo.expect_delivery().message.tlvs, tlvs("1").tlvs[1..2]);
    assert_eq!(modern.expect_delivery().message.tlvs, tlvs("2").tlvs);
}

// S26: dropped, and counted.
#[test]
fn of_two_texts_only_one_is_kept() {
    let operator = Operator::start("op-a");
    let node = node_with(&operator, "");
    let both = Message::to("46701234567").payload(b"the payload").text("the short message");
    node.transmitter("demo").submit_ok(&both);
    let arrived = operator.expect_message().message;
    assert_eq!((&arrived.short_message[..], arrived.user_data()), (&b""[..], &b"the payload"[..]));
    node.expect_metric("smsc_fields_dropped_total", &[("field", "short_message")], 1.0);
}

// Q21: the receipt comes over a bind that did not carry the submit; see also `receipts_come_over_the_receiver_of_a_pair_of_links`.
#[test]
fn a_submit_and_its_receipt_may_use_different_binds() {
    let operator = Operator::start("op-a");
    let node =
        Configuration::new().account("demo").operator_with(&operator, "links = 3").route("", operator.name()).start();
    operator.expect_links(3);
    let (transmitter, receiver) = (node.transmitter("demo"), node.receiver("demo"));
    let message_id = transmitter.submit_ok(&Message::to("46701234567").receipt());
    let submitted = operator.expect_message();
    operator.drops_links();
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(receiver.expect_receipt().message_id, message_id);
}
