//! The end of a session: S16, Q2.

use super::*;

#[test]
fn an_unbind_is_answered_and_ends_the_session() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive(5, Pdu::Unbind);
    assert_eq!((line.events(), line.session.state()), (vec![Event::UnbindRequested], SessionState::Unbound));
    line.pass_seconds(1);
    assert_eq!(line.events(), [], "the owner is told once");
    line.session.confirm_unbind();
    assert_eq!(line.said(), [(CommandId::UNBIND_RESP, OK, 5)]);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByPeer)]);
    line.session.confirm_unbind();
    assert_eq!((line.said(), line.events()), (vec![], vec![]));
}

// S16
#[test]
fn what_was_submitted_before_the_unbind_is_answered_first() {
    let options = SessionOptions { requests_max: 1, ..options(Role::Mc) };
    let mut line = Line::mc_bound_with(BindKind::Transceiver, options);
    line.receive(1, submit());
    line.receive(2, submit());
    line.receive(3, Pdu::Unbind);
    assert_eq!(line.given(), [1]);
    line.accept(1);
    assert_eq!(line.given(), [2], "held back, but older than the unbind");
    line.accept(2);
    assert_eq!(line.events(), [Event::UnbindRequested]);
    line.session.confirm_unbind();
    let answers: Vec<_> = line.said().iter().map(|(_, _, number)| *number).collect();
    assert_eq!(answers, [1, 2, 3]);
}

#[test]
fn an_owner_in_a_hurry_tells_held_requests_to_come_again() {
    let options = SessionOptions { requests_max: 1, ..options(Role::Mc) };
    let mut line = Line::mc_bound_with(BindKind::Transceiver, options);
    line.receive(1, submit());
    line.receive(2, submit());
    line.receive(3, Pdu::Unbind);
    line.session.confirm_unbind();
    let full = CommandStatus::ESME_RMSGQFUL;
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, full, 2), (CommandId::UNBIND_RESP, OK, 3)]);
    line.session.respond(1, CommandId::SUBMIT_SM, OK, b"1");
    assert_eq!(line.said(), [], "too late");
}

// S16, Q5
#[test]
fn after_unbind_only_the_link_and_responses_are_served() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    let sent = line.send(7).unwrap();
    line.receive(5, Pdu::Unbind);
    line.events();
    line.written();
    line.receive(6, submit());
    line.receive(7, Pdu::EnquireLink);
    line.receive(sent, deliver_resp());
    let refused = (CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVBNDSTS, 6);
    assert_eq!(line.said(), [refused, (CommandId::ENQUIRE_LINK_RESP, OK, 7)]);
    assert!(matches!(line.events()[..], [Event::Response { mark: 7, .. }]));
    assert_eq!(line.send(8), Err(SendError::WrongState));
}

#[test]
fn what_crosses_our_unbind_is_told_to_come_again() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.session.unbind(line.now);
    line.written();
    line.receive(6, submit());
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RMSGQFUL, 6)]);
    let mut line = Line::esme_bound(BindKind::Transceiver);
    line.session.unbind(line.now);
    line.written();
    line.receive(6, deliver());
    assert_eq!(line.said(), [(CommandId::DELIVER_SM_RESP, CommandStatus::ESME_RX_T_APPN, 6)]);
    let mut line = Line::esme_bound(BindKind::Transmitter);
    line.session.unbind(line.now);
    line.written();
    line.receive(6, deliver());
    assert_eq!(line.said(), [(CommandId::DELIVER_SM_RESP, CommandStatus::ESME_RINVBNDSTS, 6)], "never in order");
}

#[test]
fn our_unbind_ends_with_its_response() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    line.send(7).unwrap();
    line.written();
    line.session.unbind(line.now);
    line.session.unbind(line.now);
    assert_eq!(line.said(), [(CommandId::UNBIND, OK, 3)], "said once");
    line.receive(2, submit_resp(b"x"));
    assert!(matches!(line.events()[..], [Event::Response { mark: 7, .. }]), "responses still come");
    line.receive(3, Pdu::UnbindResp);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
}

#[test]
fn our_unbind_ends_with_the_response_time_and_hands_back_what_is_outstanding() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    line.pass_seconds(20);
    line.session.unbind(line.now);
    line.pass_seconds(29);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
}

#[test]
fn our_unbind_waits_until_the_peers_requests_are_answered() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive(5, submit());
    line.events();
    line.session.unbind(line.now);
    line.receive(1, Pdu::UnbindResp);
    assert_eq!(line.events(), [], "else the ESME would send it again");
    line.accept(5);
    assert_eq!(line.said().last(), Some(&(CommandId::SUBMIT_SM_RESP, OK, 5)));
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
}

#[test]
fn an_owner_that_never_answers_does_not_keep_an_unbound_session() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive(5, submit());
    line.events();
    line.session.unbind(line.now);
    line.receive(1, Pdu::UnbindResp);
    line.pass_seconds(30);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
}

#[test]
fn unbinds_that_cross_end_the_session() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.session.unbind(line.now);
    line.receive(5, Pdu::Unbind);
    assert_eq!(line.said(), [(CommandId::UNBIND, OK, 1), (CommandId::UNBIND_RESP, OK, 5)]);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
}

#[test]
fn crossing_unbinds_too_wait_for_the_peers_requests() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive(5, submit());
    line.events();
    line.session.unbind(line.now);
    line.receive(6, Pdu::Unbind);
    line.receive(1, Pdu::UnbindResp);
    assert_eq!(line.said(), [(CommandId::UNBIND, OK, 1)]);
    line.accept(5);
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, OK, 5), (CommandId::UNBIND_RESP, OK, 6)]);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
}

#[test]
fn a_connection_that_is_not_bound_closes_without_unbind() {
    let mut line = Line::mc();
    line.session.unbind(line.now);
    assert_eq!((line.said(), line.events()), (vec![], vec![Event::Closed(CloseReason::UnbindByUs)]));
}

#[test]
fn a_disconnect_ends_the_session_for_the_reason_that_it_was_ending_for() {
    for (state, reason) in [
        (SessionState::Open, CloseReason::PeerClosed),
        (SessionState::BoundTrx, CloseReason::PeerClosed),
        (SessionState::Unbound, CloseReason::UnbindByPeer),
    ] {
        let mut line = Line::in_state(Role::Mc, state);
        line.session.handle_disconnect();
        line.session.handle_disconnect();
        assert_eq!(line.events(), [Event::Closed(reason)]);
        assert_eq!(line.session.poll_timeout(), None);
    }
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.session.unbind(line.now);
    line.session.handle_disconnect();
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByUs)]);
    let mut line = Line::new(options(Role::Esme));
    line.session.bind(line.now, BindKind::Transceiver, &Bind::default()).unwrap();
    line.session.handle_disconnect();
    assert_eq!(line.events(), [Event::Closed(CloseReason::BindFailed)]);
}
