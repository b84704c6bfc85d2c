//! The session core against its specification. Here the cast: one [`Line`] is a session with the peer's side in the
//! test's hand, and a clock that moves when it is told to.
#![allow(clippy::unwrap_used)]

mod bind;
mod held;
mod link;
mod operations;
mod outstanding;
mod property;
mod unbind;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::*;
use crate::address::Address;
use crate::smpp::codec::{Frame, HEADER_LENGTH, Header, next_frame};
use crate::smpp::command_id::CommandId;
use crate::smpp::pdu::{BindResp, MessageIdBody, SmBody, SmFields};

/// Timers as shipped, a window of ten, no limit for the peer.
pub(super) fn options(role: Role) -> SessionOptions {
    SessionOptions {
        role,
        session_init: Duration::from_secs(10),
        enquire_link: Duration::from_secs(30),
        enquire_link_misses: 2,
        inactivity: Duration::from_secs(300),
        response: Duration::from_secs(30),
        window_size_max: 10,
        requests_max: 0,
        held_max: 10,
        held_for: Duration::from_secs(1),
        system_id: b"smsc".to_vec(),
        interface_version: VERSION_5_0,
    }
}

const OK: CommandStatus = CommandStatus::ESME_ROK;

/// A session and the peer at its other end.
struct Line {
    session: Session<u32>,
    now: Instant,
}

impl Line {
    fn new(options: SessionOptions) -> Self {
        let now = Instant::now();
        Self { session: Session::new(options, now), now }
    }

    fn mc() -> Self {
        Self::new(options(Role::Mc))
    }

    /// We are the MC, and an ESME of version 3.4 is bound.
    fn mc_bound(kind: BindKind) -> Self {
        Self::mc_bound_with(kind, options(Role::Mc))
    }

    fn mc_bound_with(kind: BindKind, options: SessionOptions) -> Self {
        let mut line = Self::new(options);
        line.receive(100, bind_pdu(kind, 0x34));
        line.session.accept_bind(line.now, 100);
        line.events();
        line.written();
        line
    }

    /// We are the ESME, bound to an operator of version 3.4.
    fn esme_bound(kind: BindKind) -> Self {
        Self::esme_bound_with(kind, options(Role::Esme))
    }

    fn esme_bound_with(kind: BindKind, options: SessionOptions) -> Self {
        let mut line = Self::new(options);
        line.session.bind(line.now, kind, &Bind { interface_version: 0x34, ..Bind::default() }).unwrap();
        line.receive(1, Pdu::BindResp(kind, BindResp { sc_interface_version: Some(0x34), ..BindResp::default() }));
        line.events();
        line.written();
        line
    }

    /// A session in that state; it is not asked how it came there.
    fn in_state(role: Role, state: SessionState) -> Self {
        let bound = |kind| match role {
            Role::Mc => Self::mc_bound(kind),
            Role::Esme => Self::esme_bound(kind),
        };
        let mut line = match state {
            SessionState::BoundTx => bound(BindKind::Transmitter),
            SessionState::BoundRx => bound(BindKind::Receiver),
            SessionState::BoundTrx => bound(BindKind::Transceiver),
            SessionState::Unbound => {
                let mut line = bound(BindKind::Transceiver);
                line.receive(101, Pdu::Unbind);
                line
            }
            SessionState::Outbound => {
                let mut line = Self::new(options(role));
                match role {
                    Role::Mc => drop(line.session.send(line.now, &outbind_pdu(), 0).unwrap()),
                    Role::Esme => line.receive(101, outbind_pdu()),
                }
                line
            }
            SessionState::Open => Self::new(options(role)),
            SessionState::Closed => {
                let mut line = bound(BindKind::Transceiver);
                line.session.handle_disconnect();
                line
            }
        };
        line.events();
        line.written();
        assert_eq!(line.session.state(), state);
        line
    }

    /// The peer sends.
    fn receive(&mut self, sequence_number: u32, pdu: Pdu) {
        self.receive_with(OK, sequence_number, pdu);
    }

    fn receive_with(&mut self, status: CommandStatus, sequence_number: u32, pdu: Pdu) {
        let mut octets = BytesMut::new();
        pdu.encode(status, sequence_number, &mut octets);
        let frame = next_frame(&mut octets, usize::MAX).unwrap().unwrap();
        self.session.handle_frame(self.now, frame);
    }

    /// The peer sends octets of its own choice.
    fn receive_octets(&mut self, command_id: CommandId, sequence_number: u32, body: &'static [u8]) {
        self.session.handle_frame(self.now, raw(command_id, sequence_number, body));
    }

    /// The time passes, and every deadline on the way is kept.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.session.poll_timeout().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
        }
        self.now = until;
        self.session.handle_timeout(self.now);
    }

    fn pass_seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// What the owner was told since the last time.
    fn events(&mut self) -> Vec<Event<u32>> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// What the peer gets to read since the last time.
    fn written(&mut self) -> Vec<Frame> {
        let output = self.session.output();
        let frames = std::iter::from_fn(|| next_frame(output, usize::MAX).unwrap()).collect();
        assert!(output.is_empty(), "whole PDUs only");
        frames
    }

    /// The same, in short: operation, status, sequence_number.
    fn said(&mut self) -> Vec<(CommandId, CommandStatus, u32)> {
        self.written()
            .iter()
            .map(|Frame { header, .. }| (header.command_id, header.command_status, header.sequence_number))
            .collect()
    }

    /// We send a message of the role's own kind.
    fn send(&mut self, mark: u32) -> Result<u32, SendError> {
        self.session.send_sm(self.now, &message(), &[], mark)
    }

    /// The sequence_numbers of the requests that the owner was given.
    fn given(&mut self) -> Vec<u32> {
        let number = |event| match event {
            Event::Request { sequence_number, .. } => sequence_number,
            other => panic!("{other:?} is no request"),
        };
        self.events().into_iter().map(number).collect()
    }

    /// The owner accepts a submit_sm or deliver_sm.
    fn accept(&mut self, sequence_number: u32) {
        let request = match self.session.role {
            Role::Mc => CommandId::SUBMIT_SM,
            Role::Esme => CommandId::DELIVER_SM,
        };
        self.session.respond(sequence_number, request, OK, b"42");
    }

    /// How often the peer broke the protocol in that way.
    fn violations(&mut self, name: &'static str) -> u64 {
        self.session
            .take_counters()
            .filter(|count| count.what == Counted::Violation(name))
            .map(|count| count.count)
            .sum()
    }
}

fn raw(command_id: CommandId, sequence_number: u32, body: &'static [u8]) -> Frame {
    let command_length = (HEADER_LENGTH + body.len()) as u32;
    let header = Header { command_length, command_id, command_status: OK, sequence_number };
    Frame { header, body: Bytes::from_static(body) }
}

fn message() -> SmFields<'static> {
    SmFields {
        source: Address::new(1, 1, b"46701"),
        destination: Address::new(1, 1, b"46702"),
        short_message: b"hello",
        ..SmFields::default()
    }
}

fn message_body() -> SmBody {
    SmBody::from_fields(&message(), &[]).unwrap()
}

fn submit() -> Pdu {
    Pdu::SubmitSm(message_body())
}

fn deliver() -> Pdu {
    Pdu::DeliverSm(message_body())
}

fn submit_resp(message_id: &'static [u8]) -> Pdu {
    Pdu::SubmitSmResp(MessageIdBody::new(Bytes::from_static(message_id)))
}

fn deliver_resp() -> Pdu {
    Pdu::DeliverSmResp(MessageIdBody::default())
}

fn bind_pdu(kind: BindKind, interface_version: u8) -> Pdu {
    let system_id = Bytes::from_static(b"demo");
    Pdu::Bind(kind, Bind { system_id, interface_version, ..Bind::default() })
}

fn outbind_pdu() -> Pdu {
    Pdu::Outbind(crate::smpp::pdu::Outbind::default())
}
