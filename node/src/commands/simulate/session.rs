//! One connection to a simulated operator: a script rather than a session core, because it must be able to do wrong.
//!
//! All PDUs of one read are handled in one go, their answers and the deliveries that are due leave in one write.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::codec::{Frame, encode_header_only, encode_pdu};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, BindResp, Pdu, SmFields};
use smsc_proto::timestamp::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::futures::Notified;
use tokio::time::Sleep;

use super::account::Account;
use super::deliver::{Delivery, DueQueue, Report, Writer};
use super::faults::{Fate, Faults};
use super::operator::{SimulatedOperator, utc_now};
use super::options::{Announce, Receipts};
use crate::commands::client::connection::{Connection, FrameRef, Frames, Stream};
use crate::commands::client::ring::Ring;
use crate::commands::terminal;

/// Octets that may wait to be written before nothing more is read.
const UNSENT_PAUSE: usize = 256 * 1024;
/// submit_sm that may wait for their delayed response before nothing more is read.
const RESPONSES_MAX: usize = 100_000;
/// How often silence, unanswered deliveries and peers that take nothing are looked for.
const LOOK_ROUND: Duration = Duration::from_secs(5);
/// How long the peer may take to answer a deliver_sm, to bind, or to read what is written.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a connection ends.
type Ended = String;

/// One connection.
pub(super) struct Session {
    operator: Arc<SimulatedOperator>,
    connection: Connection,
    peer: SocketAddr,
    bound: Option<Bound>,
    faults: Faults,
    writer: Writer,
    id: String,
    outstanding: Ring<Outstanding>,
    own: DueQueue,
    produced: DueQueue,
    responses: VecDeque<(Instant, u32, Answer)>,
    heard: Instant,
    wrote: Instant,
    unanswered_enquiries: u32,
    closing: bool,
}

struct Bound {
    system_id: String,
    kind: BindKind,
    account: Arc<Account>,
    tlvs: bool,
}

impl Bound {
    fn receives(&self) -> bool {
        self.kind != BindKind::Transmitter
    }
}

struct Outstanding {
    delivery: Delivery,
    sent: Instant,
}

/// What a submit_sm is answered with.
enum Answer {
    Accepted(Bytes),
    Refused(CommandStatus),
}

/// One batch's moment, by both clocks.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    utc: Timestamp,
}

impl Session {
    /// On a fresh connection.
    pub(super) fn new(operator: Arc<SimulatedOperator>, stream: TcpStream, peer: SocketAddr, number: u64) -> Self {
        // Batches are made here; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        let now = Instant::now();
        Self {
            outstanding: Ring::new(operator.options.deliver_window, 1),
            operator,
            connection: Connection::new(Stream::Plain(stream)),
            peer,
            bound: None,
            faults: Faults::new(number),
            writer: Writer::new(),
            id: String::new(),
            own: DueQueue::default(),
            produced: DueQueue::default(),
            responses: VecDeque::new(),
            heard: now,
            wrote: now,
            unanswered_enquiries: 0,
            closing: false,
        }
    }

    /// Until the connection ends.
    pub(super) async fn run(mut self) {
        let reason = self.serve().await;
        let Some(bound) = self.bound.take() else { return };
        self.leave(&bound);
        if self.operator.options.announce == Announce::Binds {
            let Bound { system_id, .. } = &bound;
            println!("{}  {} from {} ended: {reason}", terminal::time_of_day(), terminal::harmless(system_id), self.peer);
        }
    }

    async fn serve(&mut self) -> Ended {
        let mut sleep = Box::pin(tokio::time::sleep(LOOK_ROUND));
        let mut next_look = Instant::now() + LOOK_ROUND;
        let mut account: Option<Arc<Account>> = None;
        loop {
            let turned = {
                let bell = account.as_ref().map(|account| account.bell.notified());
                let bell = std::pin::pin!(bell);
                self.turn(sleep.as_mut(), bell).await
            };
            let instant = Instant::now();
            let now = Now { instant, utc: utc_now() };
            match turned {
                Ok(Some(0)) => return "the peer closed the connection".to_owned(),
                Ok(Some(_)) => {
                    if let Err(ended) = self.take_in(now) {
                        return ended;
                    }
                }
                Ok(None) => {}
                Err(error) => return error.to_string(),
            }
            if account.is_none() {
                account = self.bound.as_ref().filter(|bound| bound.receives()).map(|bound| bound.account.clone());
            }
            self.answer_due(instant);
            let next_delivery = self.deliver_due(instant);
            if instant >= next_look {
                next_look = instant + LOOK_ROUND;
                if let Err(ended) = self.look_round(instant) {
                    return ended;
                }
            }
            if self.closing && self.responses.is_empty() {
                let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.flush()).await;
                return "unbind".to_owned();
            }
            let next_response = self.responses.front().map(|(due, ..)| *due);
            let deadline = [next_delivery, next_response].into_iter().flatten().fold(next_look, Instant::min);
            if sleep.deadline().into_std() != deadline {
                sleep.as_mut().reset(deadline.into());
            }
        }
    }

    /// Writes what is to be written until something was read (then with how much), a deadline passed, or the bell rang.
    async fn turn(&mut self, mut sleep: Pin<&mut Sleep>, mut bell: Pin<&mut Option<Notified<'_>>>) -> io::Result<Option<usize>> {
        let hears_bell = self.outstanding.room() > 0;
        poll_fn(|cx| {
            let before = self.connection.output.len();
            self.poll_write(cx)?;
            if self.connection.output.len() < UNSENT_PAUSE
                && self.responses.len() < RESPONSES_MAX
                && let Poll::Ready(read) = self.connection.poll_fill(cx)
            {
                return Poll::Ready(read.map(Some));
            }
            // What was held back by unsent octets may go out now.
            let has_room = before > UNSENT_PAUSE && self.connection.output.len() <= UNSENT_PAUSE;
            let rung = hears_bell && bell.as_mut().as_pin_mut().is_some_and(|bell| bell.poll(cx).is_ready());
            if has_room || rung || sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(None));
            }
            Poll::Pending
        })
        .await
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let before = self.connection.output.len();
        let flushed = self.connection.poll_flush(cx);
        if before == 0 || self.connection.output.len() < before {
            self.wrote = Instant::now();
        }
        match flushed {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// All whole PDUs that were read.
    fn take_in(&mut self, now: Now) -> Result<(), Ended> {
        self.heard = now.instant;
        self.unanswered_enquiries = 0;
        let mut input = std::mem::take(&mut self.connection.input);
        let mut frames = Frames::new(&input);
        let handled = loop {
            match frames.next() {
                Ok(Some(frame)) => {
                    if let Err(ended) = self.handle(now, frame) {
                        break Err(ended);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.to_string()),
            }
        };
        let taken = frames.taken();
        input.advance(taken);
        self.connection.input = input;
        self.hand_over();
        handled
    }

    fn handle(&mut self, now: Now, frame: FrameRef<'_>) -> Result<(), Ended> {
        let (header, sequence_number) = (frame.header, frame.header.sequence_number);
        match header.command_id {
            CommandId::SUBMIT_SM => return self.handle_submit(now, frame),
            CommandId::DELIVER_SM_RESP | CommandId::GENERIC_NACK => {
                self.handle_delivered(now.instant, sequence_number, header.command_status);
            }
            CommandId::BIND_TRANSMITTER | CommandId::BIND_RECEIVER | CommandId::BIND_TRANSCEIVER => {
                return self.handle_bind(frame);
            }
            CommandId::ENQUIRE_LINK => self.say(CommandId::ENQUIRE_LINK_RESP, CommandStatus::ESME_ROK, sequence_number),
            CommandId::UNBIND => {
                self.say(CommandId::UNBIND_RESP, CommandStatus::ESME_ROK, sequence_number);
                self.closing = true;
            }
            response if response.is_response() => {}
            _ => self.say(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID, sequence_number),
        }
        Ok(())
    }

    fn say(&mut self, command_id: CommandId, status: CommandStatus, sequence_number: u32) {
        encode_header_only(command_id, status, sequence_number, &mut self.connection.output);
    }

    fn handle_bind(&mut self, frame: FrameRef<'_>) -> Result<(), Ended> {
        let header = frame.header;
        let frame = Frame { header, body: Bytes::copy_from_slice(frame.body) };
        let (kind, bind) = match Pdu::decode(&frame) {
            Ok(Pdu::Bind(kind, bind)) => (kind, bind),
            Ok(_) => return Err("a bind that is none".to_owned()),
            Err(error) => {
                self.say(header.command_id.response(), error.status, header.sequence_number);
                return Ok(());
            }
        };
        let status = self.admit(kind, &bind);
        let version = if bind.interface_version >= 0x34 { Some(0x34) } else { None };
        let resp = BindResp {
            system_id: Bytes::from_static(b"simulator"),
            sc_interface_version: version.filter(|_| status.is_ok()),
            ..BindResp::default()
        };
        Pdu::BindResp(kind, resp).encode(status, header.sequence_number, &mut self.connection.output);
        if self.operator.options.announce == Announce::Binds {
            let system_id = terminal::harmless(&String::from_utf8_lossy(&bind.system_id));
            let (time, peer) = (terminal::time_of_day(), self.peer);
            match status.is_ok() {
                true => println!("{time}  {system_id} from {peer} bound as {}", kind_name(kind)),
                false => println!("{time}  {system_id} from {peer} refused: {status}"),
            }
        }
        Ok(())
    }

    fn admit(&mut self, kind: BindKind, bind: &Bind) -> CommandStatus {
        let options = &self.operator.options;
        if self.bound.is_some() {
            return CommandStatus::ESME_RALYBND;
        }
        if options.system_id.as_ref().is_some_and(|expected| expected.as_bytes() != bind.system_id) {
            return CommandStatus::ESME_RINVSYSID;
        }
        if options.password.as_ref().is_some_and(|expected| expected.as_bytes() != bind.password) {
            return CommandStatus::ESME_RINVPASWD;
        }
        let Some(account) = self.operator.account(&bind.system_id) else { return CommandStatus::ESME_RBINDFAIL };
        let system_id = String::from_utf8_lossy(&bind.system_id).into_owned();
        let bound = Bound { system_id, kind, account, tlvs: bind.interface_version >= 0x34 };
        if bound.receives() {
            bound.account.receiver_came();
        }
        self.bound = Some(bound);
        CommandStatus::ESME_ROK
    }

    fn handle_submit(&mut self, now: Now, frame: FrameRef<'_>) -> Result<(), Ended> {
        let sequence_number = frame.header.sequence_number;
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.kind != BindKind::Receiver) else {
            self.say(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVBNDSTS, sequence_number);
            return Ok(());
        };
        let message = match SmFields::decode(frame.body) {
            Ok(message) => message,
            Err(error) => {
                self.answer(now.instant, sequence_number, Answer::Refused(error.status));
                return Ok(());
            }
        };
        let options = &self.operator.options;
        if bound.account.kept() >= options.waiting_max {
            self.answer(now.instant, sequence_number, Answer::Refused(CommandStatus::ESME_RMSGQFUL));
            return Ok(());
        }
        let fate = self.faults.decide(options, || bound.account.admits(options.throttle_above, now.instant));
        match fate {
            Fate::Accept { delivered } => {
                self.operator.write_id(&mut self.id);
                self.prepare(now, &message, delivered);
                let id = Bytes::copy_from_slice(self.id.as_bytes());
                self.answer(now.instant, sequence_number, Answer::Accepted(id));
            }
            Fate::Refuse(status) => self.answer(now.instant, sequence_number, Answer::Refused(status)),
            Fate::Lose => count(&self.operator.counters.lost),
            Fate::Drop => return Err("dropped on purpose".to_owned()),
        }
        Ok(())
    }

    /// Writes receipt and MO of an accepted message, to be sent when they are due.
    fn prepare(&mut self, now: Now, message: &SmFields<'_>, delivered: bool) {
        let Some(bound) = &self.bound else { return };
        let options = &self.operator.options;
        let due = now.instant + options.receipt_delay;
        let done = now.utc.plus(options.receipt_delay);
        let mut produced = 0;
        if options.receipts != Receipts::Never && wants_receipt(message.registered_delivery, delivered) {
            let state = if delivered { MessageState::Delivered } else { MessageState::Undeliverable };
            let report = Report { message_id: &self.id, state, submitted: now.utc, done };
            let receipt = self.writer.receipt(message, report, bound.tlvs);
            match options.receipts {
                Receipts::Early if bound.receives() && self.outstanding.room() > 0 => {
                    let outstanding = Outstanding { delivery: receipt.clone(), sent: now.instant };
                    receipt.send(self.outstanding.push(outstanding), &mut self.connection.output);
                }
                Receipts::Early => self.produced.push(now.instant, receipt),
                Receipts::Twice => {
                    self.produced.push(due, receipt.clone());
                    self.produced.push(due, receipt);
                    produced += 1;
                }
                Receipts::Always | Receipts::Never => self.produced.push(due, receipt),
            }
            produced += 1;
        }
        if options.loopback.iter().any(|prefix| message.destination.digits.starts_with(prefix.as_bytes())) {
            let mo = self.writer.looped(message, bound.tlvs);
            self.produced.push(due, mo);
            produced += 1;
        }
        bound.account.keep(produced);
    }

    /// Gives what a batch produced to this connection, if it receives, else to the others of the account.
    fn hand_over(&mut self) {
        let Some(bound) = &self.bound else { return };
        if self.produced.is_empty() {
            return;
        }
        if bound.receives() {
            self.own.append(&mut self.produced);
        } else {
            bound.account.waiting().add(&mut self.produced);
            bound.account.bell.notify_one();
        }
    }

    fn answer(&mut self, now: Instant, sequence_number: u32, answer: Answer) {
        match &answer {
            Answer::Accepted(_) => count(&self.operator.counters.accepted),
            Answer::Refused(_) => count(&self.operator.counters.refused),
        }
        let delay = self.operator.options.response_delay;
        if delay.is_zero() {
            write_answer(sequence_number, &answer, &mut self.connection.output);
        } else {
            self.responses.push_back((now + delay, sequence_number, answer));
        }
    }

    fn answer_due(&mut self, now: Instant) {
        while let Some((_, sequence_number, answer)) = self.responses.pop_front_if(|(due, ..)| *due <= now) {
            write_answer(sequence_number, &answer, &mut self.connection.output);
        }
    }

    /// The peer has answered one of our deliver_sm.
    fn handle_delivered(&mut self, now: Instant, sequence_number: u32, status: CommandStatus) {
        let Some(Outstanding { delivery, .. }) = self.outstanding.take(sequence_number) else { return };
        let Some(bound) = &self.bound else { return };
        if status.is_ok() {
            bound.account.settle(1);
            count(&self.operator.counters.delivered);
        } else if is_temporary(status) {
            bound.account.waiting().retry(now, delivery);
            count(&self.operator.counters.repeated);
        } else {
            bound.account.settle(1);
            count(&self.operator.counters.turned_down);
        }
    }

    /// Sends what is due, as far as the window and the socket allow; says when the next one is due.
    fn deliver_due(&mut self, now: Instant) -> Option<Instant> {
        let bound = self.bound.as_ref().filter(|bound| bound.receives() && !self.closing)?;
        let mut room = self.outstanding.room();
        if self.connection.output.len() > UNSENT_PAUSE {
            return None;
        }
        let mut send = |delivery: Delivery| {
            let sequence_number = self.outstanding.push(Outstanding { delivery: delivery.clone(), sent: now });
            delivery.send(sequence_number, &mut self.connection.output);
        };
        while room > 0 && let Some(delivery) = self.own.pop_due(now) {
            send(delivery);
            room -= 1;
        }
        let mut waiting = bound.account.waiting();
        let mut took = false;
        while room > 0 && let Some(delivery) = waiting.pop_due(now) {
            send(delivery);
            room -= 1;
            took = true;
        }
        let next_waiting = waiting.next_due();
        drop(waiting);
        if room == 0 {
            // The next answer makes room. What stays may be for another connection of the account.
            if took && next_waiting.is_some() {
                bound.account.bell.notify_waiters();
            }
            return None;
        }
        [self.own.next_due(), next_waiting].into_iter().flatten().min()
    }

    /// Looks for silence, deliveries without an answer, and a peer that takes nothing.
    fn look_round(&mut self, now: Instant) -> Result<(), Ended> {
        if !self.connection.output.is_empty() && now.saturating_duration_since(self.wrote) > PATIENCE {
            return Err("the peer reads nothing".to_owned());
        }
        let silence = now.saturating_duration_since(self.heard);
        let Some(bound) = &self.bound else {
            return if silence > PATIENCE { Err("no bind".to_owned()) } else { Ok(()) };
        };
        while self.outstanding.oldest().is_some_and(|oldest| now.saturating_duration_since(oldest.sent) > PATIENCE) {
            if let Some(oldest) = self.outstanding.take_oldest() {
                bound.account.waiting().retry(now, oldest.delivery);
                count(&self.operator.counters.repeated);
            }
        }
        let enquire_link = self.operator.options.enquire_link;
        if !enquire_link.is_zero() && silence > enquire_link * (self.unanswered_enquiries + 1) {
            if self.unanswered_enquiries >= 2 {
                return Err("enquire_link was not answered".to_owned());
            }
            self.unanswered_enquiries += 1;
            let sequence_number = self.outstanding.skip();
            self.say(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, sequence_number);
        }
        Ok(())
    }

    /// Everything that this connection leaves unsaid is kept for the next one of the same system_id.
    fn leave(&mut self, bound: &Bound) {
        let now = Instant::now();
        {
            let mut waiting = bound.account.waiting();
            let mut unanswered = Vec::with_capacity(self.outstanding.outstanding());
            while self.outstanding.outstanding() > 0 {
                unanswered.extend(self.outstanding.take_oldest().map(|outstanding| outstanding.delivery));
            }
            self.operator.counters.repeated.fetch_add(unanswered.len() as u64, Ordering::Relaxed);
            unanswered.into_iter().rev().for_each(|delivery| waiting.put_back(now, delivery));
            waiting.add(&mut self.own);
            waiting.add(&mut self.produced);
        }
        if bound.receives() {
            bound.account.receiver_went();
        }
        // If the bell had rung for this one, another must hear it.
        bound.account.bell.notify_one();
    }
}

fn write_answer(sequence_number: u32, answer: &Answer, out: &mut BytesMut) {
    match answer {
        Answer::Accepted(id) => encode_pdu(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_ROK, sequence_number, out, |out| {
            out.put_slice(id);
            out.put_u8(0);
        }),
        Answer::Refused(status) => encode_header_only(CommandId::SUBMIT_SM_RESP, *status, sequence_number, out),
    }
}

/// Whether a message with that registered_delivery asks for this receipt (S36).
fn wants_receipt(registered_delivery: u8, delivered: bool) -> bool {
    match registered_delivery & 0x03 {
        0 => false,
        1 => true,
        2 => !delivered,
        _ => delivered,
    }
}

/// Whether a deliver_sm with this answer is to be sent again (S51).
fn is_temporary(status: CommandStatus) -> bool {
    matches!(
        status,
        CommandStatus::ESME_RX_T_APPN
            | CommandStatus::ESME_RMSGQFUL
            | CommandStatus::ESME_RTHROTTLED
            | CommandStatus::ESME_RSYSERR
    )
}

fn kind_name(kind: BindKind) -> &'static str {
    match kind {
        BindKind::Transmitter => "transmitter",
        BindKind::Receiver => "receiver",
        BindKind::Transceiver => "transceiver",
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
