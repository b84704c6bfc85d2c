//! The peer's window: what goes beyond it is held back, and everything else is served meanwhile (S17).

use super::*;

/// An ESME is bound whose window is two, with three held back beyond it for a second.
fn narrow() -> Line {
    narrow_with(Role::Mc)
}

fn narrow_with(role: Role) -> Line {
    let options = SessionOptions { requests_max: 2, held_max: 3, ..options(role) };
    match role {
        Role::Mc => Line::mc_bound_with(BindKind::Transceiver, options),
        Role::Esme => Line::esme_bound_with(BindKind::Transceiver, options),
    }
}

fn submit_many(line: &mut Line, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        line.receive(number, submit());
    }
}

#[test]
fn requests_beyond_the_window_wait_and_go_on_in_order_as_places_free() {
    let mut line = narrow();
    submit_many(&mut line, 1..=4);
    assert_eq!((line.given(), line.session.unanswered_requests()), (vec![1, 2], 2));
    line.accept(2);
    assert_eq!(line.given(), [3]);
    line.receive(5, submit());
    assert_eq!(line.given(), [], "not past the one that waits");
    line.accept(1);
    line.accept(3);
    assert_eq!(line.given(), [4, 5]);
}

#[test]
fn no_limit_holds_nothing_back() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    submit_many(&mut line, 1..=1000);
    assert_eq!(line.given().len(), 1000);
}

#[test]
fn enquire_link_responses_and_unbind_are_served_past_what_waits() {
    let mut line = narrow();
    let sent = line.send(7).unwrap();
    submit_many(&mut line, 1..=4);
    line.events();
    line.written();
    line.receive(10, Pdu::EnquireLink);
    line.receive(sent, deliver_resp());
    line.receive(11, Pdu::Unbind);
    assert_eq!(line.said(), [(CommandId::ENQUIRE_LINK_RESP, OK, 10)]);
    assert!(matches!(line.events()[..], [Event::Response { mark: 7, .. }]), "the unbind waits for what came before it");
    assert_eq!(line.session.state(), SessionState::Unbound);
}

#[test]
fn the_session_asks_not_to_be_read_while_it_holds_all_that_it_may() {
    let mut line = narrow();
    submit_many(&mut line, 1..=4);
    assert!(line.session.wants_read());
    line.receive(5, submit());
    assert!(!line.session.wants_read());
    line.accept(1);
    assert!(line.session.wants_read());
}

#[test]
fn a_request_beyond_all_bounds_is_refused_at_once() {
    let mut line = narrow();
    submit_many(&mut line, 1..=6);
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RMSGQFUL, 6)]);
}

#[test]
fn without_room_to_hold_anything_the_surplus_is_refused_and_reading_goes_on() {
    let options = SessionOptions { requests_max: 1, held_max: 0, ..options(Role::Mc) };
    let mut line = Line::mc_bound_with(BindKind::Transceiver, options);
    submit_many(&mut line, 1..=2);
    assert_eq!(line.said(), [(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RMSGQFUL, 2)]);
    assert!(line.session.wants_read());
}

#[test]
fn a_request_that_waited_too_long_is_refused_for_now() {
    for (role, pdu, refusal) in [
        (Role::Mc, submit(), (CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RMSGQFUL)),
        (Role::Esme, deliver(), (CommandId::DELIVER_SM_RESP, CommandStatus::ESME_RX_T_APPN)),
    ] {
        let mut line = narrow_with(role);
        for number in 11..=13 {
            line.receive(number, pdu.clone());
        }
        line.pass(Duration::from_millis(999));
        assert_eq!(line.said(), []);
        line.pass(Duration::from_millis(1));
        assert_eq!(line.said(), [(refusal.0, refusal.1, 13)]);
        assert_eq!(line.given(), [11, 12]);
        line.accept(11);
        assert_eq!(line.given(), [], "what was refused does not come again by itself");
    }
}

#[test]
fn held_requests_that_do_not_decode_are_answered_in_their_turn() {
    let mut line = narrow();
    submit_many(&mut line, 1..=2);
    line.receive_octets(CommandId::SUBMIT_SM, 3, b"?");
    line.receive(4, submit());
    line.events();
    assert_eq!(line.said(), []);
    line.accept(1);
    let said = line.said();
    assert_eq!((said.len(), said[1].2), (2, 3));
    assert!(!said[1].1.is_ok());
    assert_eq!(line.given(), [4]);
}

#[test]
fn a_wider_window_lets_through_what_waits() {
    let mut line = narrow();
    submit_many(&mut line, 1..=4);
    line.events();
    line.session.set_requests_max(3);
    assert_eq!(line.given(), [3]);
    line.session.set_requests_max(0);
    assert_eq!(line.given(), [4]);
}

#[test]
fn no_timer_runs_against_a_peer_that_we_do_not_read() {
    let held = SessionOptions { requests_max: 1, held_max: 1, held_for: Duration::ZERO, ..options(Role::Mc) };
    let mut line = Line::mc_bound_with(BindKind::Transceiver, held);
    line.send(7).unwrap();
    line.pass_seconds(10);
    submit_many(&mut line, 1..=2);
    line.events();
    assert!(!line.session.wants_read());
    line.pass_seconds(3600);
    assert_eq!((line.events(), line.session.state()), (vec![], SessionState::BoundTrx));

    line.accept(1);
    assert_eq!(line.given(), [2]);
    assert!(line.session.poll_timeout().unwrap() <= line.now, "the owner is woken: time goes on from here");
    line.pass_seconds(19);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Unanswered { mark: 7 }]);
}

#[test]
fn the_same_holds_when_the_owner_does_not_read_for_reasons_of_its_own() {
    let mut line = Line::mc_bound(BindKind::Transceiver);
    line.send(7).unwrap();
    line.session.set_reading(line.now, false);
    line.pass_seconds(3600);
    assert_eq!(line.events(), []);
    line.session.set_reading(line.now, true);
    line.pass_seconds(29);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Unanswered { mark: 7 }]);
}
