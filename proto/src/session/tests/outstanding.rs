//! Our requests and their responses: S3, S5, S7, Q4, Q6, Q7, Q34.

use super::*;
use crate::session::window::SEQUENCE_MAX;

// Q4: the entry is there before anything is written
#[test]
fn a_response_brings_its_mark_back() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    let number = line.send(7).unwrap();
    line.receive(number, submit_resp(b"abc"));
    let pdu = Some(submit_resp(b"abc"));
    assert_eq!(line.events(), [Event::Response { mark: 7, status: OK, pdu }]);
    assert_eq!(line.session.window_room(), 10);
}

// S7
#[test]
fn responses_may_come_in_any_order() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    let numbers: Vec<_> = (0..3).map(|mark| line.send(mark).unwrap()).collect();
    for index in [2, 0, 1] {
        line.receive(numbers[index], submit_resp(b"x"));
        let [Event::Response { mark, .. }] = line.events()[..] else { panic!() };
        assert_eq!(mark as usize, index);
    }
}

#[test]
fn a_full_window_refuses_until_a_response_comes() {
    let mut line = Line::mc_bound_with(BindKind::Receiver, SessionOptions { window_size_max: 2, ..options(Role::Mc) });
    let first = line.send(1).unwrap();
    line.send(2).unwrap();
    line.written();
    assert_eq!(line.send(3), Err(SendError::WindowFull));
    assert_eq!(line.said(), [], "nothing was written");
    line.receive(first, deliver_resp());
    assert_eq!(line.session.window_room(), 1);
    line.send(3).unwrap();
}

#[test]
fn the_window_may_change_while_requests_are_outstanding() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    let numbers: Vec<_> = (0..3).map(|mark| line.send(mark).unwrap()).collect();
    line.session.set_window_size_max(2);
    assert_eq!((line.session.window_room(), line.send(9)), (0, Err(SendError::WindowFull)));
    line.receive(numbers[0], deliver_resp());
    line.receive(numbers[1], deliver_resp());
    assert_eq!(line.session.window_room(), 1);
}

#[test]
fn a_generic_nack_settles_the_request_in_both_roles() {
    for mut line in [Line::mc_bound(BindKind::Transceiver), Line::esme_bound(BindKind::Transceiver)] {
        let number = line.send(7).unwrap();
        line.receive_with(CommandStatus::ESME_RINVCMDID, number, Pdu::GenericNack);
        let status = CommandStatus::ESME_RINVCMDID;
        assert_eq!(line.events(), [Event::Response { mark: 7, status, pdu: None }]);
    }
}

#[test]
fn a_generic_nack_never_says_that_all_is_well() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    let number = line.send(7).unwrap();
    line.receive_with(OK, number, Pdu::GenericNack);
    let [Event::Response { status, .. }] = line.events()[..] else { panic!() };
    assert!(!status.is_ok());
}

#[test]
fn an_error_response_is_taken_with_or_without_a_body() {
    for body in [&b""[..], b"\0"] {
        let mut line = Line::esme_bound(BindKind::Transceiver);
        let number = line.send(7).unwrap();
        let mut frame = raw(CommandId::SUBMIT_SM_RESP, number, body);
        frame.header.command_status = CommandStatus::ESME_RTHROTTLED;
        line.session.handle_frame(line.now, frame);
        let [Event::Response { mark: 7, status: CommandStatus::ESME_RTHROTTLED, .. }] = line.events()[..] else {
            panic!()
        };
    }
}

#[test]
fn a_response_whose_body_does_not_decode_settles_its_request_all_the_same() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    let number = line.send(7).unwrap();
    line.receive_octets(CommandId::SUBMIT_SM_RESP, number, b"never ends");
    assert_eq!(line.events(), [Event::Response { mark: 7, status: OK, pdu: None }]);
    assert_eq!(line.violations("body"), 1);
}

// Q34
#[test]
fn a_response_to_nothing_is_counted_and_ignored() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    let number = line.send(7).unwrap();
    line.receive(number + 1, submit_resp(b"x"));
    line.receive(number, deliver_resp());
    line.receive(999, Pdu::EnquireLinkResp);
    assert_eq!((line.events(), line.violations("unmatched_response")), (vec![], 3));
    assert_eq!((line.session.state(), line.session.window_room()), (SessionState::BoundTrx, 9));
}

#[test]
fn an_unanswered_request_frees_its_place_and_a_late_response_finds_its_mark() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    let number = line.send(7).unwrap();
    line.pass_seconds(29);
    assert_eq!(line.events(), []);
    line.pass_seconds(1);
    assert_eq!(line.events(), [Event::Unanswered { mark: 7 }]);
    assert_eq!((line.session.window_room(), line.session.state()), (10, SessionState::BoundTrx));
    line.receive(number, submit_resp(b"late"));
    let pdu = Some(submit_resp(b"late"));
    assert_eq!(line.events(), [Event::LateResponse { mark: 7, status: OK, pdu }]);
    line.receive(number, submit_resp(b"late"));
    assert_eq!(line.events(), [], "once");
}

#[test]
fn requests_expire_one_by_one_in_the_order_of_sending() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    line.send(1).unwrap();
    line.pass_seconds(10);
    line.send(2).unwrap();
    line.pass_seconds(20);
    assert_eq!(line.events(), [Event::Unanswered { mark: 1 }]);
    line.receive(900, Pdu::EnquireLink);
    line.pass_seconds(10);
    assert_eq!(line.events(), [Event::Unanswered { mark: 2 }]);
}

#[test]
fn sequence_numbers_wrap_to_one_and_pass_over_outstanding_ones() {
    let mut line = Line::esme_bound(BindKind::Transceiver);
    assert_eq!(line.send(0), Ok(2), "1 was the bind");
    line.session.window.start_after(SEQUENCE_MAX - 1);
    assert_eq!(line.send(1), Ok(SEQUENCE_MAX));
    assert_eq!(line.send(2), Ok(1));
    assert_eq!(line.send(3), Ok(3), "2 is outstanding");
}

#[test]
fn what_was_outstanding_comes_back_in_order_when_the_peer_is_lost() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    let numbers: Vec<_> = (0..4).map(|mark| line.send(mark).unwrap()).collect();
    line.receive(numbers[1], deliver_resp());
    line.events();
    assert_eq!(line.session.take_outstanding(), [], "while they may still be answered");
    line.session.handle_disconnect();
    assert_eq!(line.events(), [Event::Closed(CloseReason::PeerClosed)]);
    assert_eq!(line.session.take_outstanding(), [0, 2, 3]);
    assert_eq!(line.session.take_outstanding(), []);
}

#[test]
fn a_pdu_without_response_takes_no_place() {
    let mut line = Line::mc_bound(BindKind::Receiver);
    let alert = Pdu::AlertNotification(crate::smpp::pdu::AlertNotification::default());
    line.session.send(line.now, &alert, 1).unwrap();
    assert_eq!(line.said().len(), 1);
    assert_eq!(line.session.window_room(), 10);
    line.session.handle_disconnect();
    assert_eq!(line.session.take_outstanding(), []);
}
