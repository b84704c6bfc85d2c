//! Who may send what when, and what earns what: S3 to S6, S8 to S10, S14, S16, S22, Q5.

use bytes::BytesMut;

use super::*;
use crate::smpp::codec::FramingError;
use crate::smpp::tlv::{Tlv, Tlvs, tag};

const ROLES: [Role; 2] = [Role::Mc, Role::Esme];

#[test]
fn every_command_in_every_state_earns_what_the_table_says() {
    for role in ROLES {
        for state in SessionState::ALL {
            for command in CommandId::ALL {
                let mut line = Line::in_state(role, state);
                line.receive_octets(command, 55, b"");
                let said = line.said();
                let case = format!("{command} to {role:?} in {state:?}: {said:?}");
                if state == SessionState::Closed || command.is_response() {
                    assert_eq!(said, [], "{case}");
                    continue;
                }
                match verdict(role.peer(), state, command) {
                    Verdict::WrongState => {
                        assert_eq!(said, [(command.response(), CommandStatus::ESME_RINVBNDSTS, 55)], "{case}");
                    }
                    Verdict::AlreadyBound => {
                        assert_eq!(said, [(command.response(), CommandStatus::ESME_RALYBND, 55)], "{case}");
                    }
                    Verdict::Unsupported | Verdict::Unknown => {
                        assert_eq!(said, [(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID, 55)], "{case}");
                    }
                    // Served, or given to the owner, or refused for its empty body: never for the state.
                    Verdict::Allowed => {
                        assert!(said.iter().all(|(_, status, _)| *status != CommandStatus::ESME_RINVBNDSTS), "{case}");
                        assert!(
                            !said.is_empty() || !line.events().is_empty() || command == CommandId::UNBIND,
                            "{case}"
                        );
                    }
                }
                let kept = command == CommandId::UNBIND || line.session.state() == state || state == SessionState::Open;
                assert!(kept, "{case}");
            }
        }
    }
}

#[test]
fn enquire_link_is_answered_in_every_state_and_takes_no_place() {
    for role in ROLES {
        for state in SessionState::ALL.into_iter().filter(|state| *state != SessionState::Closed) {
            let mut line = Line::in_state(role, state);
            line.receive(9, Pdu::EnquireLink);
            assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK_RESP, OK, 9)], "{role:?} in {state:?}");
            assert_eq!(line.session.unanswered_requests(), 0);
        }
    }
}

#[test]
fn a_transmitter_submits_and_a_receiver_may_not() {
    let mut line = Line::mc_bound(BindKind::Transmitter);
    line.receive(1, submit());
    assert_eq!(line.events(), [Event::Request { sequence_number: 1, pdu: submit() }]);

    let mut line = Line::mc_bound(BindKind::Receiver);
    line.receive(1, submit());
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVBNDSTS, 1)]);
    assert_eq!((line.events(), line.session.state()), (vec![], SessionState::BoundRx));
    assert_eq!(line.violations("wrong_state"), 1);
}

#[test]
fn we_too_keep_to_the_table() {
    for (role, allowed, not_allowed) in
        [(Role::Mc, BindKind::Receiver, BindKind::Transmitter), (Role::Esme, BindKind::Transmitter, BindKind::Receiver)]
    {
        for (state, result) in [
            (SessionState::bound_as(allowed), Ok(())),
            (SessionState::BoundTrx, Ok(())),
            (SessionState::bound_as(not_allowed), Err(SendError::WrongState)),
            (SessionState::Open, Err(SendError::WrongState)),
            (SessionState::Unbound, Err(SendError::WrongState)),
            (SessionState::Closed, Err(SendError::WrongState)),
        ] {
            let mut line = Line::in_state(role, state);
            assert_eq!(line.send(1).map(drop), result, "{role:?} in {state:?}");
            assert_eq!(line.said().len(), usize::from(result.is_ok()), "a refused request writes nothing");
        }
    }
}

#[test]
fn the_owner_sends_no_pdu_that_is_the_sessions_own() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    for pdu in [Pdu::Unbind, Pdu::EnquireLink, Pdu::GenericNack, submit_resp(b"1"), bind_pdu(BindKind::Receiver, 0x34)]
    {
        assert_eq!(line.session.send(line.now, &pdu, 1), Err(SendError::WrongState));
    }
    assert_eq!(line.session.send(line.now, &submit(), 1), Err(SendError::WrongState), "nor one of the other role");
    assert_eq!((line.said(), line.session.window_room()), (vec![], 10));
}

#[test]
fn an_unknown_request_earns_generic_nack_and_an_unknown_response_nothing() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive_octets(CommandId(0x0001_0203), 77, b"whatever");
    assert_eq!(line.said(), [(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID, 77)]);
    line.receive_octets(CommandId(0x8001_0203), 78, b"whatever");
    line.receive_octets(CommandId::GENERIC_NACK, 79, b"");
    assert_eq!(line.said(), []);
    assert_eq!((line.events(), line.session.state()), (vec![], SessionState::BoundTrx));
}

#[test]
fn what_the_owner_does_not_offer_it_nacks() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive_octets(CommandId::BROADCAST_SM, 5, b"");
    assert_eq!(line.given(), [5]);
    line.session.nack(5, CommandStatus::ESME_RINVCMDID);
    assert_eq!(line.said(), [(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID, 5)]);
    assert_eq!(line.session.unanswered_requests(), 0);
}

#[test]
fn a_body_that_does_not_decode_earns_the_matching_response() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive_octets(CommandId::SUBMIT_SM, 5, b"\0\x01\x01467");
    let [(CommandId::SUBMIT_SM_RESP, status, 5)] = line.said()[..] else { panic!() };
    assert!(!status.is_ok());
    assert_eq!((line.events(), line.session.unanswered_requests()), (vec![], 0));
    assert_eq!(line.violations("body"), 1);
    line.receive(6, submit());
    assert_eq!(line.given(), [6], "the session goes on");
}

#[test]
fn responses_echo_any_sequence_number() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    for number in [0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] {
        line.receive(number, submit());
        line.accept(number);
        assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, OK, number)]);
    }
}

#[test]
fn the_status_of_a_request_is_ignored() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive_with(CommandStatus::ESME_RSYSERR, 3, submit());
    assert_eq!(line.given(), [3]);
}

#[test]
fn an_error_response_has_the_body_of_its_version() {
    for (version, body) in [(0x33, &b"\0"[..]), (0x34, b""), (0x50, b"\0")] {
        let mut line = Line::mc();
        line.receive(1, bind_pdu(BindKind::Transceiver, version));
        line.session.accept_bind(line.now, 1);
        line.receive(2, submit());
        line.written();
        line.session.respond(2, CommandId::SUBMIT_SM, CommandStatus::ESME_RPROHIBITED, b"");
        let response = &line.written()[0];
        assert_eq!(&response.body[..], body, "at {version:#x}");
        assert_eq!(response.header.command_status, CommandStatus::ESME_RPROHIBITED.for_version(version));
    }
}

#[test]
fn a_query_is_answered_with_a_whole_body() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive_octets(CommandId::QUERY_SM, 4, b"42\0\0\0\0");
    assert_eq!(line.given(), [4]);
    line.session.respond_with(4, OK, &Pdu::QuerySmResp(Some(crate::smpp::pdu::QuerySmResp::default())));
    assert_eq!(line.said(), [(CommandId::QUERY_SM_RESP, OK, 4)]);
    assert_eq!(line.session.unanswered_requests(), 0);
}

#[test]
fn a_peer_without_tlvs_gets_none() {
    use crate::smpp::tlv::{Tlv, Tlvs};
    let receipted = Tlv { tag: 0x001E, value: b"42\0" };
    let payload = b"\x04\x24\0\x03abc";
    for (version, short_message, octets_more) in [(0x33, &b"abc"[..], 0), (0x34, b"", 7 + 7)] {
        let mut line = Line::mc();
        line.receive(1, bind_pdu(BindKind::Transceiver, version));
        line.session.accept_bind(line.now, 1);
        line.written();
        let sm = SmFields { short_message: b"", tlvs: Tlvs(payload), ..message() };
        line.session.send_sm(line.now, &sm, &[receipted], 1).unwrap();
        let written = line.written();
        let sent = SmFields::decode(&written[0].body).unwrap();
        assert_eq!(
            (sent.short_message, sent.user_data(), sent.tlvs.0.len()),
            (short_message, &b"abc"[..], octets_more)
        );
    }
}

#[test]
fn a_peer_without_tlvs_is_not_sent_what_needs_them() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transceiver, 0x33));
    line.session.accept_bind(line.now, 1);
    line.written();
    let mut payload = vec![0x04, 0x24, 1, 0];
    payload.resize(4 + 256, b'x');
    let long = SmFields { short_message: b"", tlvs: Tlvs(&payload), ..message() };
    assert_eq!(line.session.send_sm(line.now, &long, &[], 1), Err(SendError::WrongState));
    let alert = Pdu::AlertNotification(crate::smpp::pdu::AlertNotification::default());
    assert_eq!(line.session.send(line.now, &alert, 1), Err(SendError::WrongState));
    assert_eq!((line.said(), line.session.window_room()), (vec![], 10));
}

#[test]
fn the_text_of_a_data_sm_is_a_message_payload_wherever_it_came_from() {
    let payload = Tlv::new(tag::MESSAGE_PAYLOAD, b"hello");
    let id = Tlv::new(tag::RECEIPTED_MESSAGE_ID, b"1\0");
    let mut octets = BytesMut::new();
    payload.encode(&mut octets);
    let empty = SmFields { short_message: b"", ..message() };
    let in_tlvs = SmFields { tlvs: Tlvs(&octets), ..empty };
    for (sm, more) in [(message(), vec![id]), (message(), vec![id, payload]), (empty, vec![payload]), (in_tlvs, vec![])]
    {
        let mut line = Line::mc_bound(BindKind::Receiver);
        let number = line.session.send_data_sm(line.now, &sm, &more, 7).unwrap();
        let frame = line.written().remove(0);
        let fields = SmFields::decode_data_sm(&frame.body).unwrap();
        let texts = fields.tlvs.iter().filter(|tlv| tlv.tag == tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value);
        assert_eq!(texts.collect::<Vec<_>>(), [b"hello"], "{sm:?} {more:?}");
        line.receive(number, Pdu::DataSmResp(MessageIdBody::default()));
        assert!(matches!(line.events()[..], [Event::Response { mark: 7, .. }]));
    }
}

#[test]
fn a_peer_before_3_4_is_never_sent_a_data_sm_s22() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transceiver, 0x33));
    line.session.accept_bind(line.now, 1);
    assert_eq!(line.session.send_data_sm(line.now, &message(), &[], 1), Err(SendError::WrongState));
}

#[test]
fn what_has_a_response_is_not_merely_told() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    assert_eq!(line.session.tell(&deliver()), Err(SendError::WrongState));
    assert!(line.session.tell(&Pdu::AlertNotification(Default::default())).is_ok());
}

#[test]
fn octets_that_cannot_be_followed_are_nacked_and_end_the_session() {
    for (error, sequence_number) in [
        (FramingError::TooShort(3), 0),
        (FramingError::TooLong { command_length: 0xFFFF_FFFF, sequence_number: 17 }, 17),
    ] {
        let mut line = Line::mc_bound(BindKind::Transceiver);
        line.session.handle_framing_error(line.now, error);
        assert_eq!(line.said(), [(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDLEN, sequence_number)]);
        assert_eq!(line.events(), [Event::Closed(CloseReason::Framing)]);
        line.session.handle_framing_error(line.now, error);
        line.receive(1, submit());
        assert_eq!((line.said(), line.events()), (vec![], vec![]), "after Closed nothing more is said");
    }
}

#[test]
fn what_went_either_way_is_counted() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.session.take_counters().for_each(drop);
    for number in 1..=3 {
        line.receive(number, submit());
        line.accept(number);
    }
    line.send(1).unwrap();
    let response = |direction, command| Counted::Response { direction, command, status: OK };
    let request = |direction, command| Counted::Request { direction, command };
    let counts: Vec<_> = line.session.take_counters().collect();
    let expected = [
        Count { what: request(Direction::In, CommandId::SUBMIT_SM), count: 3 },
        Count { what: response(Direction::Out, CommandId::SUBMIT_SM_RESP), count: 3 },
        Count { what: request(Direction::Out, CommandId::DELIVER_SM), count: 1 },
    ];
    assert_eq!(counts, expected);
}
