//! Octets that no honest peer sends: each gets its answer, and the node goes on serving the others.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use smsc_proto::smpp::codec::{Frame, encode_header_only, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu};
use smsc_tests::PATIENCE;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{Esme, PASSWORD, bind_of};
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;
use smsc_tests::storm::Storm;

/// Four fields of a header, and a body that need not fit them.
fn pdu(command_length: u32, command_id: u32, sequence_number: u32, body: &[u8]) -> Vec<u8> {
    let header = [command_length, command_id, 0, sequence_number].map(u32::to_be_bytes);
    [header.concat().as_slice(), body].concat()
}

/// A PDU whose command_length is right.
fn whole(command_id: CommandId, sequence_number: u32, body: &[u8]) -> Vec<u8> {
    pdu(16 + body.len() as u32, command_id.0, sequence_number, body)
}

/// A good ESME is served: the proof that the node has survived.
fn serves(node: &Node, operator: &Operator) {
    let esme = node.transceiver("demo");
    esme.submit_ok(&Message::to("46701234567").text("after the storm"));
    let arrived = operator.expect_message().message;
    assert_eq!(arrived.as_text(), "after the storm");
    esme.unbind();
}

fn answer(esme: &Esme, sequence_number: u32) -> (CommandId, CommandStatus) {
    let header = esme.connection().expect_response(sequence_number).header;
    (header.command_id, header.command_status)
}

#[test]
fn a_stream_may_be_cut_at_every_octet() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let mut octets = BytesMut::new();
    let bind = Pdu::Bind(BindKind::Transmitter, bind_of("demo", PASSWORD, 0x34));
    bind.encode(CommandStatus::ESME_ROK, 1, &mut octets);
    octets.extend_from_slice(&Message::to("46701234567").submit_sm(2));
    encode_header_only(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, 3, &mut octets);
    for cut in 1..octets.len() {
        let mut stream = TcpStream::connect(node.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&octets[..cut]).unwrap();
        // The node has seen the first piece when it has answered all that was whole in it.
        let answers = answers_until(&mut stream, whole_requests(&octets[..cut]));
        stream.write_all(&octets[cut..]).unwrap();
        let rest = answers_until(&mut stream, 3 - answers.len());
        for frame in answers.iter().chain(&rest) {
            assert_eq!(frame.header.command_status, CommandStatus::ESME_ROK, "cut at {cut}: {frame:?}");
        }
    }
    operator.expect_messages(octets.len() - 1);
}

#[test]
fn a_stream_may_come_octet_by_octet() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    for octet in Message::to("46701234567").submit_sm(9) {
        esme.connection().write(vec![octet]);
    }
    assert!(esme.answer_to(9).is_ok(), "Q37");
}

fn whole_requests(octets: &[u8]) -> usize {
    let mut buffer = BytesMut::from(octets);
    std::iter::from_fn(|| next_frame(&mut buffer, 1 << 20).unwrap()).count()
}

/// Reads so many answers from a socket.
fn answers_until(stream: &mut TcpStream, count: usize) -> Vec<Frame> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut buffer, mut frames, mut piece) = (BytesMut::new(), Vec::new(), [0; 4_096]);
    while frames.len() < count {
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0, "the node has closed after {} of {count} answers", frames.len());
        buffer.extend_from_slice(&piece[..length]);
        frames.extend(std::iter::from_fn(|| next_frame(&mut buffer, 1 << 20).unwrap()));
    }
    frames
}

#[test]
fn a_length_below_a_header_is_nacked_and_closed() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    for length in [0, 1, 4, 15] {
        for bound in [false, true] {
            let esme = if bound { node.transceiver("demo") } else { node.connect() };
            esme.connection().write(pdu(length, CommandId::SUBMIT_SM.0, 7, b""));
            let nack =
                esme.connection().expect("a generic_nack", |frame| frame.header.command_id == CommandId::GENERIC_NACK);
            assert_eq!(nack.header.command_status, CommandStatus::ESME_RINVCMDLEN, "length {length} (S1)");
            esme.expect_end();
        }
    }
    serves(&node, &operator);
}

#[test]
fn a_length_above_the_limit_is_nacked_at_once_and_closed() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    for length in [80 * 1024 + 1, 1 << 20, 1 << 31, u32::MAX] {
        let esme = node.transceiver("demo");
        esme.connection().write(pdu(length, CommandId::SUBMIT_SM.0, 7, b""));
        assert_eq!(answer(&esme, 7), (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDLEN), "length {length} (S2)");
        esme.expect_end();
    }
    serves(&node, &operator);
}

#[test]
fn a_pdu_of_exactly_the_limit_is_taken() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let mut octets = whole(CommandId::ENQUIRE_LINK, 7, &[]);
    octets.resize(80 * 1024, 0);
    octets[..4].copy_from_slice(&(80 * 1024_u32).to_be_bytes());
    esme.connection().write(octets);
    assert_eq!(answer(&esme, 7), (CommandId::ENQUIRE_LINK_RESP, CommandStatus::ESME_ROK));
}

#[test]
fn an_unknown_request_is_nacked_and_the_session_kept() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    for esme in [node.connect(), node.transmitter("demo"), node.receiver("demo")] {
        for (number, command_id) in (100..).zip([0, 0x0A, 0x0C, 0x14, 0x104, 0x7FFF_FFFF, 0x0001_0200]) {
            esme.connection().write(pdu(20, command_id, number, b"body"));
            let nack = (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID);
            assert_eq!(answer(&esme, number), nack, "{command_id:#x} (S3)");
        }
        esme.enquire_link();
    }
    serves(&node, &operator);
}

#[test]
fn unknown_responses_and_nacks_are_ignored() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    for esme in [node.connect(), node.transceiver("demo")] {
        for command_id in [0x8000_0000, 0x8000_0004, 0x8000_0005, 0x8000_000A, 0xFFFF_FFFF] {
            esme.connection().write(pdu(16, command_id, 4_711, b""));
            esme.connection().write(pdu(21, command_id, 4_712, b"\xff\xff\xff\xff\xff"));
        }
        esme.enquire_link();
        let answers = esme.connection().take(|frame| frame.header.command_id == CommandId::GENERIC_NACK);
        assert!(answers.is_empty(), "a response is never nacked (S3): {answers:?}");
    }
    serves(&node, &operator);
}

#[test]
fn a_submit_that_ends_early_is_answered_with_its_own_response() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let body = Message::to("46701234567").text("").submit_sm(1).slice(16..);
    for length in 0..body.len() {
        let number = 1_000 + length as u32;
        esme.connection().write(whole(CommandId::SUBMIT_SM, number, &body[..length]));
        let (command_id, status) = answer(&esme, number);
        assert_eq!(command_id, CommandId::SUBMIT_SM_RESP, "{length} octets (S8)");
        assert_ne!(status, CommandStatus::ESME_ROK, "{length} octets");
    }
    serves(&node, &operator);
    assert_eq!(operator.message_count(), 1);
}

#[test]
fn a_bad_field_earns_its_code() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let long = |length: usize| vec![b'1'; length];
    let rest = b"\0\0\0\0\0\0\0\0\0\0";
    let address = |digits: &[u8]| [b"\x01\x01", digits, b"\0"].concat();
    let bodies = [
        (b"SERVICE\0".to_vec(), CommandStatus::ESME_RINVSERTYP),
        ([b"\0".to_vec(), address(&long(21)), address(b"46"), rest.to_vec()].concat(), CommandStatus::ESME_RINVSRCADR),
        ([b"\0".to_vec(), address(b"46"), address(&long(21)), rest.to_vec()].concat(), CommandStatus::ESME_RINVDSTADR),
        (
            [&b"\0"[..], &address(b"46"), &address(b"46701234567"), b"\0\0\0", &long(17), b"\0\0\0\0\0\0\0"].concat(),
            CommandStatus::ESME_RINVSCHED,
        ),
        (
            [&b"\0"[..], &address(b"46"), &address(b"46701234567"), b"\0\0\0\0", &long(17), b"\0\0\0\0\0\0"].concat(),
            CommandStatus::ESME_RINVEXPIRY,
        ),
    ];
    for (number, (body, status)) in (1_000..).zip(bodies) {
        esme.connection().write(whole(CommandId::SUBMIT_SM, number, &body));
        assert_eq!(answer(&esme, number), (CommandId::SUBMIT_SM_RESP, status), "S8");
    }
    serves(&node, &operator);
}

#[test]
fn a_tlv_that_runs_over_the_end_earns_its_code() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let body = Message::to("46701234567").submit_sm(1).slice(16..);
    for (number, tlv) in (1_000..).zip([&b"\x04\x24\xff\xff"[..], b"\x14\x00\x00\x051234", b"\x04\x24\x00\x01"]) {
        esme.connection().write(whole(CommandId::SUBMIT_SM, number, &[&body, tlv].concat()));
        let refused = (CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVTLVSTREAM);
        assert_eq!(answer(&esme, number), refused, "{tlv:?} (S8, S25)");
    }
    serves(&node, &operator);
}

#[test]
fn a_short_message_longer_than_its_pdu_is_refused() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let body = Message::to("46701234567").text("x").submit_sm(1).slice(16..);
    let mut body = body.to_vec();
    let length = body.len();
    body[length - 2] = 200;
    esme.connection().write(whole(CommandId::SUBMIT_SM, 1_000, &body));
    let (command_id, status) = answer(&esme, 1_000);
    assert_eq!(command_id, CommandId::SUBMIT_SM_RESP);
    assert_ne!(status, CommandStatus::ESME_ROK);
    serves(&node, &operator);
}

#[test]
fn a_bind_that_ends_early_or_is_too_long_is_refused_and_the_next_one_is_taken() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let mut good = BytesMut::new();
    Pdu::Bind(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x34)).encode(CommandStatus::ESME_ROK, 1, &mut good);
    let body = &good[16..];
    let mut bodies = (0..body.len()).map(|length| body[..length].to_vec()).collect::<Vec<_>>();
    bodies.push([vec![b'x'; 70], b"\0".to_vec(), body.to_vec()].concat());
    for bad in bodies {
        let esme = node.connect();
        esme.connection().write(whole(CommandId::BIND_TRANSCEIVER, 1_000, &bad));
        let (command_id, status) = answer(&esme, 1_000);
        assert_eq!(command_id, CommandId::BIND_TRANSCEIVER_RESP, "{bad:?}");
        assert_ne!(status, CommandStatus::ESME_ROK, "{bad:?}");
        assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK, "S13");
    }
}

#[test]
fn sequence_numbers_out_of_range_are_answered_as_they_are() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    for number in [0, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
        esme.connection().write(whole(CommandId::ENQUIRE_LINK, number, b""));
        assert_eq!(answer(&esme, number), (CommandId::ENQUIRE_LINK_RESP, CommandStatus::ESME_ROK), "S5");
    }
    serves(&node, &operator);
}

#[test]
fn the_status_of_a_request_means_nothing() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let mut octets = Message::to("46701234567").submit_sm(1_000).to_vec();
    octets[8..12].copy_from_slice(&0x58_u32.to_be_bytes());
    esme.connection().write(octets);
    assert!(esme.answer_to(1_000).is_ok(), "S6");
}

#[test]
fn a_known_tlv_of_the_wrong_type_is_passed_on() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message = Message::to("46701234567").tlv(0x0204, b"").tlv(0x0424 + 2, b"far too long").tlv(0x130C, b"");
    node.transmitter("demo").submit_ok(&message);
    assert_eq!(operator.expect_message().message.tlvs, message.tlvs, "Q10, S24");
}

#[test]
fn a_pdu_that_is_never_finished_is_closed() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).section("session", "pdu_read = \"300ms\"").start();
    let esme = node.transceiver("demo");
    esme.connection().write(Message::to("46701234567").submit_sm(9).slice(..20));
    esme.expect_end();
    serves(&node, &operator);
}

#[test]
fn an_esme_that_never_reads_is_dropped_and_its_neighbours_are_served() {
    let operator = Operator::start("op-a");
    let keys = "enquire_link = \"500ms\"\nresponse = \"1s\"\nenquire_link_misses = 1";
    let node = usual(&operator).section("session", keys).start();
    let mut deaf = TcpStream::connect(node.address()).unwrap();
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut octets = BytesMut::new();
    let bind = Pdu::Bind(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x34));
    bind.encode(CommandStatus::ESME_ROK, 1, &mut octets);
    deaf.write_all(&octets).unwrap();
    // Answers to these fill the buffers of both sockets; then writing stops, or the node has closed.
    let questions = whole(CommandId::ENQUIRE_LINK, 7, b"").repeat(4_096);
    let written = (0..2_000).take_while(|_| deaf.write_all(&questions).is_ok()).count();
    assert!(written < 2_000, "the node reads on and on without being read");
    serves(&node, &operator);
    node.expect_metric("smsc_sessions", &[("account", "demo")], 0.0);
}

#[test]
fn a_flood_of_the_smallest_pdu_is_answered_in_full_and_at_a_pace() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let mut stream = TcpStream::connect(node.address()).unwrap();
    let mut octets = BytesMut::new();
    let bind = Pdu::Bind(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x34));
    bind.encode(CommandStatus::ESME_ROK, 1, &mut octets);
    octets.extend_from_slice(&whole(CommandId::ENQUIRE_LINK, 7, b"").repeat(20_000));
    let begin = Instant::now();
    stream.write_all(&octets).unwrap();
    assert_eq!(answers_until(&mut stream, 20_001).len(), 20_001);
    // 32 KiB at a time, and a pause after each.
    assert!(begin.elapsed() > Duration::from_millis(400), "{:?}", begin.elapsed());
    serves(&node, &operator);
}

#[test]
fn an_esme_that_never_reads_its_deliveries_blocks_no_other_bind() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let deaf = node.receiver("demo");
    deaf.connection().stop_reading();
    for number in 0..20 {
        operator.send(Message::to("72345").text(&number.to_string()));
    }
    operator.expect_all_acknowledged();
    drop(deaf);
    let good = node.receiver("demo");
    let deliveries = smsc_tests::esme::expect_deliveries(&[&good], 20);
    let texts = deliveries.iter().map(|delivery| delivery.message.as_text());
    assert_eq!(texts.collect::<std::collections::HashSet<_>>().len(), 20);
}

#[test]
fn an_esme_that_stops_reading_under_load_costs_no_message_and_no_receipt() {
    let storm = Storm::new();
    let keys = "response = \"500ms\"\nenquire_link = \"200ms\"\nenquire_link_misses = 1";
    let balance = storm.rage(storm.configuration().section("session", keys).start(), |node| {
        let deaf = node.receiver("demo");
        deaf.connection().stop_reading();
        storm.ledger().expect(5_000);
        node
    });
    balance.assert_within(Storm::BOUNDS);
    assert_eq!((balance.copies, balance.receipts_of_strangers), (0, 0), "only the deaf one noticed: {balance:?}");
}

#[test]
fn noise_harms_nobody() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let noise = |seed: u64| {
        // An ordinary linear congruence: the same octets on every run.
        let mut state = seed;
        std::iter::from_fn(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Some((state >> 56) as u8)
        })
    };
    for seed in 0..50 {
        let mut stream = TcpStream::connect(node.address()).unwrap();
        let octets = noise(seed).take(10_000).collect::<Vec<_>>();
        // Bodies of noise in frames that are right, then noise alone.
        for (number, body) in (1..).zip(octets.chunks(200).take(25)) {
            let command_id = CommandId::ALL[number as usize % CommandId::ALL.len()];
            let _ = stream.write_all(&whole(command_id, number, body));
        }
        let _ = stream.write_all(&octets[5_000..]);
        let _ = stream.shutdown(Shutdown::Write);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    serves(&node, &operator);
}

#[test]
fn connections_that_say_nothing_take_no_place_of_those_that_do() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let silent = (0..200).map(|_| TcpStream::connect(node.address()).unwrap()).collect::<Vec<_>>();
    serves(&node, &operator);
    drop(silent);
    serves(&node, &operator);
}

#[test]
fn a_half_closed_connection_is_still_answered() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let mut stream = TcpStream::connect(node.address()).unwrap();
    let mut octets = BytesMut::new();
    let bind = Pdu::Bind(BindKind::Transmitter, bind_of("demo", PASSWORD, 0x34));
    bind.encode(CommandStatus::ESME_ROK, 1, &mut octets);
    octets.extend_from_slice(&Message::to("46701234567").submit_sm(2));
    stream.write_all(&octets).unwrap();
    let answers = answers_until(&mut stream, 2);
    assert!(answers.iter().all(|frame| frame.header.command_status == CommandStatus::ESME_ROK));
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    serves_second(&node, &operator);
}

fn serves_second(node: &Node, operator: &Operator) {
    operator.expect_message();
    serves(node, operator);
}

#[test]
fn an_operator_that_sends_nonsense_is_left_and_bound_anew() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").operator(&operator).route("", "op-a").start();
    operator.expect_links(1);
    operator.writes(&pdu(3, 0, 0, b""));
    operator.expect_binds(2);
    serves(&node, &operator);
}

#[test]
fn an_operators_unknown_requests_are_nacked_and_its_link_kept() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    operator.writes(&whole(CommandId(0x0A), 9, b"what?"));
    operator.writes(&whole(CommandId::DELIVER_SM, 10, b"\0\0"));
    serves(&node, &operator);
    assert_eq!(operator.expect_binds(1).len(), 1);
}
