//! Whether the peer is still there: session_init, enquire_link, inactivity (S17, S20).

use super::*;

// S20
#[test]
fn a_connection_that_does_not_bind_is_closed() {
    let mut line = Line::mc();
    line.receive(1, Pdu::EnquireLink);
    line.pass_seconds(9);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Closed(CloseReason::SessionInit)]);
}

#[test]
fn a_bound_session_does_not_know_session_init() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    line.pass_seconds(20);
    assert_eq!((line.events(), line.said()), (vec![], vec![]));
}

#[test]
fn a_silent_peer_is_asked_and_an_answer_keeps_the_session() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    for number in 1..=5 {
        line.pass_seconds(30);
        assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK, OK, number)]);
        line.receive(number, Pdu::EnquireLinkResp);
    }
    assert_eq!((line.events(), line.violations("unmatched_response")), (vec![], 0));
}

// S20
#[test]
fn a_peer_that_answers_no_enquire_link_is_given_up() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    line.pass_seconds(30 + 30);
    assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK, OK, 1), (CommandId::ENQUIRE_LINK, OK, 2)]);
    line.pass_seconds(29);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Closed(CloseReason::EnquireLink)]);
}

#[test]
fn any_pdu_of_the_peer_is_a_sign_of_life() {
    let mut line = Line::mc_bound(BindKind::Transmitter);
    line.pass_seconds(29);
    line.receive(1, submit());
    line.pass_seconds(29);
    assert_eq!(line.said(), []);
    line.pass_seconds(1);
    assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK, OK, 1)]);
}

#[test]
fn enquire_link_takes_no_place_in_the_window() {
    let mut line = Line::mc_bound_with(BindKind::Receiver, SessionOptions { window_size_max: 1, ..options(Role::Mc) });
    line.send(1).unwrap();
    line.written();
    line.pass_seconds(30);
    assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK, OK, 2)]);
    assert_eq!(line.events(), [Event::Unanswered { mark: 1 }]);
    assert_eq!(line.session.window_room(), 1);
}

#[test]
fn a_nacked_enquire_link_is_an_answer_too() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    line.pass_seconds(30);
    line.receive_with(CommandStatus::ESME_RINVCMDID, 1, Pdu::GenericNack);
    assert_eq!(line.violations("unmatched_response"), 0);
    line.pass_seconds(29);
    assert_eq!(line.said().len(), 1);
}

/// Without enquire_link, so that nothing else ends the session.
fn quiet() -> Line {
    let options = SessionOptions { enquire_link: Duration::ZERO, ..options(Role::Mc) };
    Line::mc_bound_with(BindKind::Transceiver, options)
}

// S20
#[test]
fn inactivity_unbinds_and_then_closes() {
    let mut line = quiet();
    line.pass_seconds(299);
    assert_eq!(line.said(), []);
    line.pass_seconds(1);
    assert_eq!((line.said(), line.session.state()), (vec![(CommandId::UNBIND, OK, 1)], SessionState::Unbound));
    line.receive(1, Pdu::UnbindResp);
    assert_eq!(line.events(), [Event::Closed(CloseReason::Inactivity)]);

    let mut line = quiet();
    line.pass_seconds(330);
    assert_eq!(line.events(), [Event::Closed(CloseReason::Inactivity)]);
}

// S20
#[test]
fn a_client_that_only_listens_is_kept_by_its_responses() {
    let mut line = quiet();
    for _ in 0..4 {
        line.pass_seconds(200);
        let number = line.send(1).unwrap();
        line.receive(number, deliver_resp());
    }
    assert_eq!(line.session.state(), SessionState::BoundTrx);
}

// S20
#[test]
fn our_own_sends_do_not_keep_a_peer_that_says_nothing() {
    let mut line = quiet();
    for mark in 0..3 {
        line.pass_seconds(99);
        line.send(mark).unwrap();
    }
    line.pass_seconds(3);
    assert_eq!(line.session.state(), SessionState::Unbound);
}

#[test]
fn a_peer_that_said_unbind_and_then_nothing_is_not_kept_for_ever() {
    let mut line = quiet();
    line.receive(1, submit());
    line.receive(2, Pdu::Unbind);
    line.events();
    line.pass_seconds(299);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Closed(CloseReason::UnbindByPeer)]);
}

#[test]
fn nothing_is_asked_before_the_bind_and_after_unbind() {
    let mut line = Line::new(SessionOptions { session_init: Duration::ZERO, ..options(Role::Mc) });
    line.pass_seconds(4000);
    assert_eq!(line.said(), []);
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.receive(1, Pdu::Unbind);
    line.pass_seconds(200);
    assert_eq!(line.said(), []);
}
