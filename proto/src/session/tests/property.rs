//! Whatever is called in whatever order: no panic, the window holds, and every mark comes back exactly once.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::smpp::codec::FramingError;

#[derive(Clone, Debug)]
enum Step {
    /// Any PDU without body, or with a body that may not fit it.
    Frame {
        command: usize,
        sequence_number: u32,
        body: &'static [u8],
    },
    Submit(u32),
    Deliver(u32),
    Bind {
        kind: u8,
        version: u8,
    },
    /// Answers the n-th of our outstanding numbers, or one that never was.
    Answer {
        which: usize,
        nack: bool,
    },
    OurBind,
    Decide {
        accept: bool,
        close: bool,
    },
    Send,
    Respond,
    Nack,
    Unbind,
    ConfirmUnbind,
    Pass(u16),
    Reading(bool),
    RequestsMax(u8),
    WindowMax(u8),
    Disconnect,
    Framing,
}

fn step() -> impl Strategy<Value = Step> {
    let bodies = prop::sample::select(vec![&b""[..], b"\0", b"42\0\0\0\0", b"\x01\x02\x03"]);
    prop_oneof![
        4 => (0..CommandId::ALL.len(), 0..40u32, bodies)
            .prop_map(|(command, sequence_number, body)| Step::Frame { command, sequence_number, body }),
        8 => (0..1000u32).prop_map(Step::Submit),
        4 => (0..1000u32).prop_map(Step::Deliver),
        3 => (0..3u8, prop::sample::select(vec![0x33u8, 0x34, 0x50])).prop_map(|(kind, version)| Step::Bind { kind, version }),
        8 => (0..12usize, any::<bool>()).prop_map(|(which, nack)| Step::Answer { which, nack }),
        2 => Just(Step::OurBind),
        4 => (prop::bool::weighted(0.9), prop::bool::weighted(0.1)).prop_map(|(accept, close)| Step::Decide { accept, close }),
        12 => Just(Step::Send),
        8 => Just(Step::Respond),
        1 => Just(Step::Nack),
        1 => Just(Step::Unbind),
        1 => Just(Step::ConfirmUnbind),
        4 => (0..20_000u16).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Reading),
        1 => (0..4u8).prop_map(Step::RequestsMax),
        1 => (0..6u8).prop_map(Step::WindowMax),
        1 => prop::bool::weighted(0.1).prop_map(|disconnect| if disconnect { Step::Disconnect } else { Step::Send }),
        1 => prop::bool::weighted(0.1).prop_map(|framing| if framing { Step::Framing } else { Step::Respond }),
    ]
}

/// What the owner knows: it keeps the books that the session is checked against.
struct Books {
    line: Line,
    next_mark: u32,
    /// Marks that went out and have not come back.
    out: HashMap<u32, u32>,
    /// Marks that came back as unanswered.
    unanswered: Vec<u32>,
    /// Requests to answer.
    requests: Vec<(u32, CommandId)>,
    binds: Vec<u32>,
    closed: bool,
}

impl Books {
    fn take(&mut self, step: &Step) {
        let line = &mut self.line;
        let now = line.now;
        match step {
            Step::Frame { command, sequence_number, body } => {
                line.receive_octets(CommandId::ALL[*command], *sequence_number, body);
            }
            Step::Submit(number) => line.receive(*number, submit()),
            Step::Deliver(number) => line.receive(*number, deliver()),
            Step::Bind { kind, version } => {
                let kind = [BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver][usize::from(*kind)];
                line.receive(500, bind_pdu(kind, *version));
            }
            Step::Answer { which, nack } => {
                let mut numbers: Vec<_> = self.out.values().copied().collect();
                numbers.sort_unstable();
                let number = numbers.get(*which).copied().unwrap_or(1);
                let response = match line.session.role {
                    Role::Mc => deliver_resp(),
                    Role::Esme => submit_resp(b"1"),
                };
                line.receive(number, if *nack { Pdu::GenericNack } else { response });
            }
            Step::OurBind => drop(line.session.bind(now, BindKind::Transceiver, &Bind::default())),
            Step::Decide { accept, close } => {
                if let Some(number) = self.binds.pop() {
                    match accept {
                        true => line.session.accept_bind(now, number),
                        false => line.session.refuse_bind(now, number, CommandStatus::ESME_RBINDFAIL, *close),
                    }
                }
            }
            Step::Send => {
                let room = line.session.window_room();
                match line.send(self.next_mark) {
                    Ok(number) => {
                        assert!(room > 0, "the window was full");
                        assert!(self.out.values().all(|other| *other != number), "{number} is outstanding already");
                        self.out.insert(self.next_mark, number);
                        self.next_mark += 1;
                    }
                    Err(SendError::WindowFull) => assert_eq!(room, 0),
                    Err(SendError::WrongState) => {}
                }
            }
            Step::Respond => {
                if let Some((number, request)) = self.requests.pop() {
                    line.session.respond(number, request, OK, b"42");
                }
            }
            Step::Nack => {
                if let Some((number, _)) = self.requests.pop() {
                    line.session.nack(number, CommandStatus::ESME_RINVCMDID);
                }
            }
            Step::Unbind => line.session.unbind(now),
            Step::ConfirmUnbind => line.session.confirm_unbind(),
            Step::Pass(milliseconds) => line.pass(Duration::from_millis(u64::from(*milliseconds))),
            Step::Reading(reading) => line.session.set_reading(now, *reading),
            Step::RequestsMax(max) => line.session.set_requests_max(usize::from(*max)),
            Step::WindowMax(max) => line.session.set_window_size_max(usize::from(*max)),
            Step::Disconnect => line.session.handle_disconnect(),
            Step::Framing => line.session.handle_framing_error(now, FramingError::TooShort(2)),
        }
    }

    fn check(&mut self) {
        for event in self.line.events() {
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
        let open = !self.closed;
        assert_eq!(self.closed, self.line.session.state() == SessionState::Closed);
        assert!(!open || self.line.session.unanswered_requests() == self.requests.len());
        self.line.written();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_mark_comes_back_exactly_once(esme in any::<bool>(), steps in prop::collection::vec(step(), 1..120)) {
        let role = if esme { Role::Esme } else { Role::Mc };
        let narrow = SessionOptions { window_size_max: 4, requests_max: 2, held_max: 3, ..options(role) };
        let line = match role {
            Role::Mc => Line::mc_bound_with(BindKind::Transceiver, narrow),
            Role::Esme => Line::esme_bound_with(BindKind::Transceiver, narrow),
        };
        // Half of the cases begin bound, the others bind on the way.
        let line = if steps.len() % 2 == 0 { line } else { Line::new(SessionOptions { window_size_max: 4, ..options(role) }) };
        let mut books = Books {
            line,
            next_mark: 0,
            out: HashMap::new(),
            unanswered: Vec::new(),
            requests: Vec::new(),
            binds: Vec::new(),
            closed: false,
        };
        for step in &steps {
            books.take(step);
            books.check();
            assert!(books.out.len() <= 6, "never more than the widest window");
        }
        books.line.session.handle_disconnect();
        books.check();
        for mark in books.line.session.take_outstanding() {
            assert!(books.out.remove(&mark).is_some(), "{mark} came back twice");
        }
        assert!(books.out.is_empty(), "lost: {:?}", books.out);
    }
}
