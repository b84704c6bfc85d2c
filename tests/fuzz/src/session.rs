//! The session core under a peer that says anything at any time, and an owner that does what it likes.
//!
//! Whatever comes: no panic, no endless timer, the window holds, every mark comes back exactly once, each request of
//! the peer is answered at most once, and what is written can be read.
//!
//! Input: one octet that says in which role and how it begins, then steps: one octet, and what that step reads.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use bytes::{Bytes, BytesMut};
use smsc_proto::session::*;
use smsc_proto::smpp::codec::{Frame, FramingError, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::*;

use crate::pdu::{self, body, encoded, framed, message};

/// The widest window that a step sets.
const WINDOW_MAX: usize = 6;
/// What a peer may send at most in one PDU.
const SIZE_MAX: usize = 1_024;
const KINDS: [BindKind; 3] = [BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver];
const VERSIONS: [u8; 4] = [0x33, 0x34, 0x50, 0xFF];

/// One session from its beginning to its end.
pub fn run(input: &[u8]) {
    let Some((start, steps)) = input.split_first() else { return };
    let mut owner = Owner::new(if start & 1 == 0 { Role::Mc } else { Role::Esme });
    if start & 2 != 0 {
        owner.bind(KINDS[usize::from(start >> 2) % 3], VERSIONS[usize::from(start >> 4) % 4]);
    }
    let mut input = Unstructured::new(steps);
    while !input.is_empty() && owner.step(&mut input).is_ok() {
        owner.check();
    }
    owner.end();
}

/// The owner of the session, who keeps the books that it is checked against.
struct Owner {
    session: Session<u32>,
    role: Role,
    now: Instant,
    /// What the peer has sent and is not cut into frames.
    stream: BytesMut,
    next_mark: u32,
    /// Marks that went out and have not come back, and under which number.
    out: HashMap<u32, u32>,
    /// Marks that came back as unanswered.
    unanswered: Vec<u32>,
    /// Requests that wait for our answer.
    requests: Vec<(u32, CommandId)>,
    binds: Vec<u32>,
    /// Requests of the peer that may be answered, by number.
    asked: HashMap<u32, u32>,
    closed: bool,
}

impl Owner {
    fn new(role: Role) -> Self {
        let now = Instant::now();
        let options = SessionOptions {
            role,
            session_init: Duration::from_secs(10),
            enquire_link: Duration::from_secs(30),
            enquire_link_misses: 2,
            inactivity: Duration::from_secs(300),
            response: Duration::from_secs(30),
            window_size_max: 4,
            requests_max: 2,
            held_max: 3,
            held_for: Duration::from_secs(1),
            system_id: b"smsc".to_vec(),
            interface_version: VERSION_5_0,
        };
        Self {
            session: Session::new(options, now),
            role,
            now,
            stream: BytesMut::new(),
            next_mark: 0,
            out: HashMap::new(),
            unanswered: Vec::new(),
            requests: Vec::new(),
            binds: Vec::new(),
            asked: HashMap::new(),
            closed: false,
        }
    }

    /// The way to a bound session, so that steps need not find it.
    fn bind(&mut self, kind: BindKind, version: u8) {
        match self.role {
            Role::Mc => {
                self.receive(100, &bind_pdu(kind, version));
                self.check();
                self.decide(true, false);
            }
            Role::Esme => {
                let bind = Bind { interface_version: VERSION_5_0, ..Bind::default() };
                let _ = self.session.bind(self.now, kind, &bind);
                let resp = BindResp { sc_interface_version: Some(version), ..BindResp::default() };
                self.receive(1, &Pdu::BindResp(kind, resp));
            }
        }
        self.check();
        assert!(self.session.state().is_bound(), "a good bind is accepted");
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let now = self.now;
        match input.arbitrary::<u8>()? % 24 {
            // What the peer says.
            0 => {
                let [command, number, length] = input.arbitrary::<[u8; 3]>()?;
                let octets = input.bytes(usize::from(length).min(input.len()))?;
                let command = CommandId::ALL.get(usize::from(command)).copied().unwrap_or(CommandId(0x0999));
                self.receive_octets(&framed_as(command, number, octets));
            }
            1 | 2 => self.receive(u32::from(input.arbitrary::<u8>()?), &Pdu::SubmitSm(body(&message(b"hi"), &[]))),
            3 => self.receive(u32::from(input.arbitrary::<u8>()?), &Pdu::DeliverSm(body(&message(b"hi"), &[]))),
            4 => {
                let [which, number] = input.arbitrary::<[u8; 2]>()?;
                let examples = pdu::examples();
                self.receive(u32::from(number), &examples[usize::from(which) % examples.len()]);
            }
            5 => {
                let [kind, version] = input.arbitrary::<[u8; 2]>()?;
                let pdu = bind_pdu(KINDS[usize::from(kind % 3)], VERSIONS[usize::from(version % 4)]);
                self.receive(500, &pdu);
            }
            6 | 7 => {
                let which = input.arbitrary::<u8>()?;
                self.answer_of_the_peer(which);
            }
            8 => {
                let length = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let octets = input.bytes(length)?;
                self.receive_octets(octets);
            }
            // What the owner does.
            9..=11 => self.send(input.arbitrary::<u8>()?),
            12 | 13 => self.respond(CommandStatus::ESME_ROK),
            14 => self.respond(CommandStatus::ESME_RSERTYPUNAUTH),
            15 => {
                if let Some((number, _)) = self.requests.pop() {
                    self.session.nack(number, CommandStatus::ESME_RINVCMDID);
                }
            }
            16 => {
                let choice = input.arbitrary::<u8>()?;
                self.decide(choice & 1 == 0, choice & 2 != 0);
            }
            17 => {
                let bind = Bind { interface_version: input.arbitrary()?, ..Bind::default() };
                let _ = self.session.bind(now, KINDS[usize::from(bind.interface_version % 3)], &bind);
            }
            18 => match input.arbitrary::<u8>()? {
                0..0x40 => self.session.unbind(now),
                0x40..0x80 => self.session.confirm_unbind(),
                0x80..0x84 => self.session.handle_disconnect(),
                reading => self.session.set_reading(now, reading & 1 == 0),
            },
            19 => self.session.set_requests_max(usize::from(input.arbitrary::<u8>()? % 4)),
            20 => self.session.set_window_size_max(usize::from(input.arbitrary::<u8>()?) % (WINDOW_MAX + 1)),
            // Time.
            21 => self.pass(Duration::from_millis(u64::from(input.arbitrary::<u16>()?))),
            22 => self.pass(Duration::from_secs(u64::from(input.arbitrary::<u8>()?))),
            _ => self.session.handle_timeout(now),
        }
        Ok(())
    }

    fn receive(&mut self, number: u32, pdu: &Pdu) {
        self.receive_octets(&encoded(pdu, number));
    }

    fn receive_octets(&mut self, octets: &[u8]) {
        self.stream.extend_from_slice(octets);
        loop {
            match next_frame(&mut self.stream, SIZE_MAX) {
                Ok(Some(frame)) => {
                    if !frame.header.command_id.is_response() {
                        *self.asked.entry(frame.header.sequence_number).or_default() += 1;
                    }
                    self.session.handle_frame(self.now, frame);
                    self.check();
                }
                Ok(None) => break,
                Err(error) => {
                    let number = match error {
                        FramingError::TooShort(_) => 0,
                        FramingError::TooLong { sequence_number, .. } => sequence_number,
                    };
                    *self.asked.entry(number).or_default() += 1;
                    self.session.handle_framing_error(self.now, error);
                    assert_eq!(self.session.state(), SessionState::Closed);
                    self.stream.clear();
                }
            }
        }
    }

    /// The peer answers one of our requests, or none; with what fits, or with a generic_nack.
    fn answer_of_the_peer(&mut self, which: u8) {
        let mut numbers: Vec<_> = self.out.values().copied().collect();
        numbers.sort_unstable();
        let number = numbers.get(usize::from(which & 0x0F)).copied().unwrap_or(u32::from(which));
        let id = MessageIdBody::new(Bytes::from_static(b"42"));
        self.receive(
            number,
            &match (which >> 4, self.role) {
                (0, _) => Pdu::GenericNack,
                (1, _) => Pdu::EnquireLinkResp,
                (2, _) => Pdu::UnbindResp,
                (3, _) => Pdu::DataSmResp(id),
                (_, Role::Mc) => Pdu::DeliverSmResp(MessageIdBody::default()),
                (_, Role::Esme) => Pdu::SubmitSmResp(id),
            },
        );
    }

    fn send(&mut self, what: u8) {
        let room = self.session.window_room();
        let mark = self.next_mark;
        let sent = match what {
            0..0x80 => self.session.send_sm(self.now, &message(b"hi"), &[], mark),
            _ => {
                let examples = pdu::examples();
                let pdu = &examples[usize::from(what) % examples.len()];
                if !pdu.command_id().has_response() {
                    // Its mark is dropped.
                    let _ = self.session.send(self.now, pdu, mark);
                    return;
                }
                self.session.send(self.now, pdu, mark)
            }
        };
        match sent {
            Ok(number) => {
                assert!(room > 0, "the window was full");
                assert!(self.out.values().all(|other| *other != number), "{number} is outstanding already");
                self.out.insert(mark, number);
                self.next_mark += 1;
                assert!(self.out.len() <= WINDOW_MAX, "never more than the widest window");
            }
            Err(SendError::WindowFull) => assert_eq!(room, 0),
            Err(SendError::WrongState) => {}
        }
    }

    fn respond(&mut self, status: CommandStatus) {
        if let Some((number, request)) = self.requests.pop() {
            self.session.respond(number, request, status, b"42");
        }
    }

    fn decide(&mut self, accept: bool, close: bool) {
        let Some(number) = self.binds.pop() else { return };
        match accept {
            true => self.session.accept_bind(self.now, number),
            false => self.session.refuse_bind(self.now, number, CommandStatus::ESME_RBINDFAIL, close),
        }
    }

    /// Time passes, and every deadline on the way is kept.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..1_000 {
            let Some(deadline) = self.session.poll_timeout().filter(|deadline| *deadline <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
            self.check();
        }
        panic!("the timers never come to an end");
    }

    fn check(&mut self) {
        while let Some(event) = self.session.poll_event() {
            assert!(!self.closed, "{event:?} after Closed");
            match event {
                Event::BindRequested { sequence_number, .. } => self.binds.push(sequence_number),
                Event::Request { sequence_number, pdu } if pdu.command_id().has_response() => {
                    self.requests.push((sequence_number, pdu.command_id()));
                }
                Event::Response { mark, .. } => assert!(self.out.remove(&mark).is_some(), "{mark} came back twice"),
                Event::Unanswered { mark } => {
                    assert!(self.out.remove(&mark).is_some(), "{mark} came back twice");
                    self.unanswered.push(mark);
                }
                Event::LateResponse { mark, .. } => {
                    let index = self.unanswered.iter().position(|other| *other == mark);
                    self.unanswered.remove(index.expect("late, but never reported unanswered, or late twice"));
                }
                Event::UnbindRequested => assert_eq!(self.requests.len(), 0, "unbind before its time"),
                Event::Closed(_) => self.closed = true,
                Event::Request { .. } | Event::Bound { .. } | Event::BindRefused(_) => {}
            }
        }
        assert_eq!(self.closed, self.session.state() == SessionState::Closed);
        assert!(self.closed || self.session.unanswered_requests() == self.requests.len());
        self.check_output();
    }

    /// What the peer gets to read: whole PDUs that decode, without TLVs for a peer that knows none (S22), and no answer
    /// to nothing.
    fn check_output(&mut self) {
        let output = self.session.output();
        let frames: Vec<Frame> = std::iter::from_fn(|| next_frame(output, usize::MAX).expect("our own PDU")).collect();
        assert!(output.is_empty(), "whole PDUs only");
        for frame in &frames {
            let header = frame.header;
            let pdu = Pdu::decode(frame).unwrap_or_else(|error| panic!("we wrote {header:?}: {error}"));
            if header.command_id.is_response() {
                let open = self.asked.get_mut(&header.sequence_number).filter(|open| **open > 0);
                *open.unwrap_or_else(|| panic!("{header:?} answers nothing, or twice")) -= 1;
            } else {
                assert!(header.command_status.is_ok(), "a request has no status");
                assert!((1..=0x7FFF_FFFF).contains(&header.sequence_number));
            }
            if self.session.peer_version() < VERSION_3_4 && self.session.state().is_bound() {
                assert!(!has_tlvs(&pdu), "TLVs for a peer that knows none: {pdu:?}");
            }
        }
    }

    fn end(mut self) {
        self.session.handle_disconnect();
        self.check();
        for mark in self.session.take_outstanding() {
            assert!(self.out.remove(&mark).is_some(), "{mark} came back twice");
        }
        assert!(self.out.is_empty(), "lost: {:?}", self.out);
        assert_eq!(self.session.poll_timeout(), None, "nothing is to be waited for any more");
    }
}

fn has_tlvs(pdu: &Pdu) -> bool {
    match pdu {
        Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) => !sm.fields().tlvs.is_empty(),
        Pdu::BindResp(_, resp) => resp.sc_interface_version.is_some(),
        _ => false,
    }
}

fn bind_pdu(kind: BindKind, interface_version: u8) -> Pdu {
    let system_id = Bytes::from_static(b"demo");
    Pdu::Bind(kind, Bind { system_id, interface_version, ..Bind::default() })
}

fn framed_as(command: CommandId, number: u8, octets: &[u8]) -> BytesMut {
    let mut pdu = framed(command, octets);
    pdu[12..16].copy_from_slice(&u32::from(number).to_be_bytes());
    pdu
}

/// Lives of a session: bound in every way, with a full window, held requests, unbind from either side, silence.
pub fn seeds() -> Vec<Vec<u8>> {
    let lives: [&[u8]; 10] = [
        // Two requests are answered, the third is held back, then let through.
        &[1, 1, 1, 2, 1, 3, 12, 12, 12],
        // Too many requests, and time for those that are held back.
        &[1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 6, 22, 2, 12, 12],
        // A full window, answered in another order, late, and twice.
        &[9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 6, 0x42, 6, 0x40, 22, 31, 6, 0x41, 6, 1],
        // Every other operation of ours and of the peer's.
        &[9, 0x84, 9, 0x85, 9, 0x87, 9, 0x89, 4, 4, 7, 4, 5, 8, 4, 7, 9, 12, 12, 14, 4, 9, 10, 15],
        // The peer unbinds behind requests.
        &[1, 1, 1, 2, 1, 3, 4, 22, 7, 12, 12, 12, 18, 0x40],
        // We unbind, and the peer's unbind crosses it.
        &[9, 0, 1, 1, 18, 0, 4, 22, 9, 12, 18, 0x40],
        // Silence: enquire_link, its answer, and no answer.
        &[22, 31, 6, 0x10, 22, 31, 22, 31, 22, 31, 22, 255],
        // Nobody reads for a while, and the window changes.
        &[18, 0x85, 9, 0, 22, 40, 18, 0x86, 20, 1, 9, 0, 20, 6, 9, 0, 22, 31],
        // Octets that cannot be followed.
        &[1, 1, 8, 8, 0, 0, 0, 2, 0, 0, 0, 4],
        // Binds on the way: refused, refused, accepted; and requests behind them in one segment.
        &[5, 2, 1, 1, 7, 16, 1, 5, 2, 1, 16, 1, 5, 2, 1, 1, 8, 16, 0, 12, 12],
    ];
    let starts = [0b0000_0000, 0b0000_0001, 0b0001_1010, 0b0001_1011, 0b0000_1010, 0b0010_0110, 0b0010_0011];
    lives.iter().flat_map(|life| starts.map(|start| [&[start], *life].concat())).collect()
}
