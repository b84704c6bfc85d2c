//! Binding: S11 to S15, S18, S21, S22, Q3, Q8, Q25.

use super::*;

const KINDS: [BindKind; 3] = [BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver];

#[test]
fn each_kind_of_bind_leads_to_its_state() {
    for kind in KINDS {
        let mut line = Line::mc();
        line.receive(7, bind_pdu(kind, 0x34));
        let [Event::BindRequested { kind: asked, bind, sequence_number: 7 }] = &line.events()[..] else { panic!() };
        assert_eq!((*asked, &bind.system_id[..]), (kind, &b"demo"[..]));
        assert_eq!(line.session.state(), SessionState::Open, "not before the owner has decided");
        line.session.accept_bind(line.now, 7);
        assert_eq!(line.session.state(), SessionState::bound_as(kind));
        assert_eq!(line.said(), [(kind.command_id().response(), OK, 7)]);
    }
}

#[test]
fn the_bind_resp_tells_our_version_to_those_who_know_tlvs() {
    for (theirs, told, peer_version) in [
        (0x00, None, 0x00),
        (0x33, None, 0x33),
        (0x34, Some(0x50), 0x34),
        (0x40, Some(0x50), 0x34),
        (0x50, Some(0x50), 0x50),
        (0x7F, Some(0x50), 0x50),
    ] {
        let mut line = Line::mc();
        line.receive(7, bind_pdu(BindKind::Transceiver, theirs));
        line.session.accept_bind(line.now, 7);
        let Pdu::BindResp(_, response) = Pdu::decode(&line.written()[0]).unwrap() else { panic!() };
        assert_eq!(&response.system_id[..], b"smsc");
        assert_eq!(response.sc_interface_version, told, "for {theirs:#x}");
        assert_eq!(line.session.peer_version(), peer_version);
    }
}

#[test]
fn a_refused_bind_may_be_tried_again_and_the_third_ends_the_connection() {
    let mut line = Line::mc();
    for attempt in 1..=3 {
        assert_eq!(line.session.state(), SessionState::Open);
        line.receive(attempt, bind_pdu(BindKind::Transceiver, 0x34));
        line.session.refuse_bind(line.now, attempt, CommandStatus::ESME_RINVPASWD, false);
        let response = &line.written()[0];
        assert_eq!(response.header.command_status, CommandStatus::ESME_RINVPASWD);
        assert_eq!(&response.body[..], b"smsc\0", "clients crash without system_id (S14)");
    }
    assert_eq!(line.session.state(), SessionState::Closed);
    assert_eq!(line.events().last(), Some(&Event::Closed(CloseReason::BindFailures)));
}

#[test]
fn a_bind_after_a_refused_one_is_good() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transceiver, 0x34));
    line.session.refuse_bind(line.now, 1, CommandStatus::ESME_RINVPASWD, false);
    line.receive(2, bind_pdu(BindKind::Receiver, 0x34));
    line.session.accept_bind(line.now, 2);
    assert_eq!(line.session.state(), SessionState::BoundRx);
}

// S12
#[test]
fn a_bind_over_the_limit_is_refused_and_the_connection_closed() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transceiver, 0x34));
    line.session.refuse_bind(line.now, 1, CommandStatus::ESME_RBINDFAIL, true);
    assert_eq!(line.said(), [(CommandId::BIND_TRANSCEIVER_RESP, CommandStatus::ESME_RBINDFAIL, 1)]);
    assert_eq!(line.session.state(), SessionState::Closed);
}

// S11
#[test]
fn a_second_bind_is_told_so_and_changes_nothing() {
    let mut line = Line::mc_bound(BindKind::Transmitter);
    line.receive(8, bind_pdu(BindKind::Receiver, 0x50));
    assert_eq!(line.said(), [(CommandId::BIND_RECEIVER_RESP, CommandStatus::ESME_RALYBND, 8)]);
    assert_eq!(line.session.state(), SessionState::BoundTx);
    assert_eq!(line.session.peer_version(), 0x34);
    assert_eq!(line.events(), []);
}

#[test]
fn a_bind_beside_one_that_is_not_decided_is_refused() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transmitter, 0x34));
    line.receive(2, bind_pdu(BindKind::Receiver, 0x34));
    // Not RALYBND: Kannel would take that for bound (Q25).
    assert_eq!(line.said(), [(CommandId::BIND_RECEIVER_RESP, CommandStatus::ESME_RINVBNDSTS, 2)]);
    line.session.accept_bind(line.now, 2);
    assert_eq!(line.session.state(), SessionState::Open, "that bind is not to be decided");
    line.session.accept_bind(line.now, 1);
    assert_eq!(line.session.state(), SessionState::BoundTx);
}

#[test]
fn a_message_in_the_same_segment_as_the_bind_waits_for_it() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transmitter, 0x34));
    line.receive(2, submit());
    line.receive(3, Pdu::EnquireLink);
    assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK_RESP, OK, 3)]);
    line.events();
    line.session.accept_bind(line.now, 1);
    assert_eq!(line.said(), [(CommandId::BIND_TRANSMITTER_RESP, OK, 1)]);
    assert_eq!(line.given(), [2]);
}

#[test]
fn a_message_behind_a_refused_bind_is_refused_after_it() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transmitter, 0x34));
    line.receive(2, submit());
    line.events();
    line.session.refuse_bind(line.now, 1, CommandStatus::ESME_RINVSYSID, false);
    let refused = [
        (CommandId::BIND_TRANSMITTER_RESP, CommandStatus::ESME_RINVSYSID, 1),
        (CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVBNDSTS, 2),
    ];
    assert_eq!(line.said(), refused);
    assert_eq!(line.events(), []);
}

#[test]
fn what_the_bind_would_not_allow_does_not_wait_for_it() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Receiver, 0x34));
    line.receive(2, submit());
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVBNDSTS, 2)]);
}

#[test]
fn a_bind_whose_body_does_not_decode_counts_as_a_refused_one() {
    let mut line = Line::mc();
    for attempt in 1..=3 {
        line.receive_octets(CommandId::BIND_TRANSMITTER, attempt, b"0123456789");
        let response = &line.written()[0];
        assert_eq!(response.header.command_id, CommandId::BIND_TRANSMITTER_RESP);
        assert!(!response.header.command_status.is_ok());
        assert_eq!(&response.body[..], b"smsc\0");
    }
    assert_eq!(line.events(), [Event::Closed(CloseReason::BindFailures)]);
    assert_eq!(line.violations("body"), 3);
}

#[test]
fn a_decision_that_comes_after_the_peer_has_gone_changes_nothing() {
    let mut line = Line::mc();
    line.receive(1, bind_pdu(BindKind::Transmitter, 0x34));
    line.session.handle_disconnect();
    line.session.accept_bind(line.now, 1);
    line.session.refuse_bind(line.now, 1, CommandStatus::ESME_RINVPASWD, true);
    assert_eq!(line.said(), []);
    assert_eq!(line.session.state(), SessionState::Closed);
}

#[test]
fn our_bind_is_answered_with_what_the_operator_speaks() {
    for (theirs, peer_version) in [(None, 0x33), (Some(0x34), 0x34), (Some(0x50), 0x34), (Some(0x33), 0x33)] {
        let mut line = Line::new(options(Role::Esme));
        let bind = Bind { interface_version: 0x34, ..Bind::default() };
        line.session.bind(line.now, BindKind::Transceiver, &bind).unwrap();
        assert_eq!(line.said(), [(CommandId::BIND_TRANSCEIVER, OK, 1)]);
        let response = BindResp { sc_interface_version: theirs, ..BindResp::default() };
        line.receive(1, Pdu::BindResp(BindKind::Transceiver, response));
        assert_eq!(line.events(), [Event::Bound { interface_version: theirs }]);
        assert_eq!(line.session.state(), SessionState::BoundTrx);
        assert_eq!(line.session.peer_version(), peer_version, "at most what we asked for");
    }
}

#[test]
fn a_lone_octet_behind_the_system_id_is_ignored() {
    let mut line = Line::new(options(Role::Esme));
    line.session.bind(line.now, BindKind::Transceiver, &Bind::default()).unwrap();
    line.receive_octets(CommandId::BIND_TRANSCEIVER_RESP, 1, b"smsc\0\x34");
    assert_eq!(line.events(), [Event::Bound { interface_version: None }]);
}

#[test]
fn a_refusal_of_our_bind_ends_the_connection() {
    for answer in [Pdu::BindResp(BindKind::Transceiver, BindResp::default()), Pdu::GenericNack] {
        let mut line = Line::new(options(Role::Esme));
        line.session.bind(line.now, BindKind::Transceiver, &Bind::default()).unwrap();
        line.receive_with(CommandStatus::ESME_RBINDFAIL, 1, answer);
        let refused = Event::BindRefused(CommandStatus::ESME_RBINDFAIL);
        assert_eq!(line.events(), [refused, Event::Closed(CloseReason::BindFailed)]);
    }
}

#[test]
fn a_bind_of_ours_that_is_not_answered_ends_with_the_response_time() {
    let mut line = Line::new(options(Role::Esme));
    line.session.bind(line.now, BindKind::Transceiver, &Bind::default()).unwrap();
    assert_eq!(line.session.bind(line.now, BindKind::Transceiver, &Bind::default()), Err(SendError::WrongState));
    line.pass_seconds(29);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Closed(CloseReason::BindFailed)]);
}

// S18
#[test]
fn outbind_is_answered_with_a_bind_and_session_init_runs_on() {
    let mut line = Line::in_state(Role::Mc, SessionState::Outbound);
    line.receive(1, bind_pdu(BindKind::Transmitter, 0x34));
    assert_eq!(line.said(), [(CommandId::BIND_TRANSMITTER_RESP, CommandStatus::ESME_RINVBNDSTS, 1)]);
    line.receive(2, bind_pdu(BindKind::Receiver, 0x34));
    line.session.accept_bind(line.now, 2);
    assert_eq!(line.session.state(), SessionState::BoundRx);

    let mut line = Line::in_state(Role::Mc, SessionState::Outbound);
    line.pass_seconds(10);
    assert_eq!(line.events(), [Event::Closed(CloseReason::SessionInit)]);
}

// S18
#[test]
fn an_esme_is_told_of_an_outbind_and_may_bind() {
    let mut line = Line::new(options(Role::Esme));
    line.receive(9, outbind_pdu());
    assert!(matches!(line.events()[..], [Event::Request { sequence_number: 9, pdu: Pdu::Outbind(_) }]));
    assert_eq!(line.session.unanswered_requests(), 0);
    line.session.bind(line.now, BindKind::Receiver, &Bind::default()).unwrap();
    assert_eq!(line.said(), [(CommandId::BIND_RECEIVER, OK, 1)]);
}
