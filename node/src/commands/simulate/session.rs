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
use smsc_proto::smpp::codec::{encode_header_only, encode_pdu};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::futures::Notified;
use tokio::time::Sleep;

mod requests;

use super::account::Account;
use super::deliver::{Delivery, DueQueue, Writer};
use super::faults::Faults;
use super::operator::{Ids, SimulatedOperator, utc_now};
use super::options::Announce;
use crate::commands::client::connection::{Connection, Frames, Stream};
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
    ids: Ids,
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
            ids: Ids::default(),
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
            println!(
                "{}  {} from {} ended: {reason}",
                terminal::time_of_day(),
                terminal::harmless(system_id),
                self.peer
            );
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
    async fn turn(
        &mut self,
        mut sleep: Pin<&mut Sleep>,
        mut bell: Pin<&mut Option<Notified<'_>>>,
    ) -> io::Result<Option<usize>> {
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
        while room > 0
            && let Some(delivery) = self.own.pop_due(now)
        {
            send(delivery);
            room -= 1;
        }
        let mut waiting = bound.account.waiting();
        let mut took = false;
        while room > 0
            && let Some(delivery) = waiting.pop_due(now)
        {
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
        Answer::Accepted(id) => {
            encode_pdu(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_ROK, sequence_number, out, |out| {
                out.put_slice(id);
                out.put_u8(0);
            })
        }
        Answer::Refused(status) => encode_header_only(CommandId::SUBMIT_SM_RESP, *status, sequence_number, out),
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

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
