//! One bind of a run: keeps its window full, or keeps to its schedule, and measures the answers.
//!
//! Nothing is decoded that is not needed, nothing is allocated per message, and each turn makes one read and one write
//! of whole batches, so that what is measured is the message centre.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::smpp::codec::{Frame, HEADER_LENGTH, Header, encode_header_only};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, Pdu, SmFields};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::receipts::{self, Receipts};
use super::run::{Phase, Run};
use super::schedule::Cursor;
use super::tally::Tally;
use crate::commands::client::connection::{Connection, FrameRef, Frames};
use crate::commands::client::ring::Ring;
use crate::commands::client::{ClientError, Endpoint, bind_body};

/// Octets that may wait to be written before nothing more is sent.
const UNSENT_MAX: usize = 256 * 1024;
/// How long the answer to a bind or unbind is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a lost connection is left before it is made again.
const RECONNECT_DELAY: Duration = Duration::from_millis(200);

/// Where and as whom to bind.
#[derive(Clone)]
pub(super) struct Target {
    /// Where.
    pub(super) endpoint: Endpoint,
    /// As whom.
    pub(super) system_id: String,
    /// With which password.
    pub(super) password: String,
    /// As what.
    pub(super) kind: BindKind,
}

/// One bind.
pub(super) struct LoadBind {
    run: Arc<Run>,
    target: Target,
    bell: Arc<Notify>,
    cursor: Option<Cursor>,
    connection: Connection,
    outstanding: Ring<Sent>,
    unbound: bool,
}

/// A message that waits for its response.
#[derive(Clone, Copy)]
struct Sent {
    /// From when its latency counts.
    due: Instant,
    /// When it left.
    at: Instant,
}

impl LoadBind {
    /// Connects and binds.
    pub(super) async fn open(run: Arc<Run>, target: Target, bell: Arc<Notify>) -> Result<Self, ClientError> {
        let connection = connect(&target).await?;
        // The bind had 1.
        let outstanding = Ring::new(run.window, 2);
        run.came();
        Ok(Self { run, target, bell, cursor: None, connection, outstanding, unbound: false })
    }

    /// What wakes it.
    pub(super) fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Whether it sends messages.
    pub(super) fn sends(&self) -> bool {
        self.target.kind != BindKind::Receiver
    }

    /// Sends and receives until the run is over, making the connection again when it is lost. `cursor`: its messages
    /// in a paced run.
    pub(super) async fn work(mut self, cursor: Option<Cursor>) {
        self.cursor = cursor;
        while self.run.phase() != Phase::Over {
            // Why it was lost does not matter here.
            let _ = self.until_lost().await;
            if self.run.phase() == Phase::Over {
                break;
            }
            self.count_outstanding_as_lost();
            if !self.reconnect().await {
                return;
            }
        }
        // The run waits for them no longer.
        let unanswered = self.forget_outstanding();
        self.run.tally().unanswered += unanswered;
        self.unbind().await;
    }

    async fn until_lost(&mut self) -> io::Result<()> {
        let bell = self.bell.clone();
        // What came behind the bind_resp.
        self.take_in()?;
        loop {
            if self.run.phase() == Phase::Over {
                return Ok(());
            }
            self.top_up();
            let rung = pin!(bell.notified());
            match self.turn(rung).await? {
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(_) => self.take_in()?,
                None => self.give_up_unanswered(),
            }
        }
    }

    /// Writes what is to be written until something was read (then with how much) or the bell rang.
    async fn turn(&mut self, mut rung: Pin<&mut Notified<'_>>) -> io::Result<Option<usize>> {
        poll_fn(|cx| {
            let before = self.connection.output.len();
            if let Poll::Ready(Err(error)) = self.connection.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
            if let Poll::Ready(read) = self.connection.poll_fill(cx) {
                return Poll::Ready(read.map(Some));
            }
            // What was held back by unsent octets may go out now.
            let has_room = before > UNSENT_MAX && self.connection.output.len() <= UNSENT_MAX;
            if has_room || rung.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(None));
            }
            Poll::Pending
        })
        .await
    }

    /// Sends what window and schedule allow.
    fn top_up(&mut self) {
        if !self.sends()
            || self.unbound
            || self.connection.output.len() > UNSENT_MAX
            || self.run.phase() != Phase::Sending
        {
            return;
        }
        let now = Instant::now();
        let Some(cursor) = &mut self.cursor else {
            let (first, count) = self.run.claim(self.outstanding.room());
            for number in first..first + count as u64 {
                let sequence_number = self.outstanding.push(Sent { due: now, at: now });
                self.run.write(sequence_number, number, &mut self.connection.output);
            }
            return;
        };
        while self.outstanding.room() > 0 {
            let (number, due) = cursor.next();
            if due > now || !self.run.claim_number(number) {
                return;
            }
            cursor.advance();
            // Measured from when it was due, not from now: waiting for the window is the message centre's doing.
            let sequence_number = self.outstanding.push(Sent { due, at: now });
            self.run.write(sequence_number, number, &mut self.connection.output);
        }
    }

    /// All whole PDUs that were read.
    fn take_in(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let run = self.run.clone();
        let mut input = std::mem::take(&mut self.connection.input);
        let mut frames = Frames::new(&input);
        let outstanding = self.outstanding.outstanding();
        let handled = {
            let (mut tally, mut receipts) = (run.tally(), run.receipts());
            let mut batch = Batch { now, tally: &mut tally, receipts: receipts.as_deref_mut() };
            loop {
                match frames.next() {
                    Ok(Some(frame)) => self.handle(&mut batch, frame),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                }
            }
        };
        let answered = outstanding - self.outstanding.outstanding();
        if answered > 0 {
            run.settled(answered);
        }
        let taken = frames.taken();
        input.advance(taken);
        self.connection.input = input;
        handled
    }

    fn handle(&mut self, batch: &mut Batch<'_>, frame: FrameRef<'_>) {
        let Header { command_id, command_status, sequence_number, .. } = frame.header;
        match command_id {
            CommandId::SUBMIT_SM_RESP | CommandId::GENERIC_NACK => {
                let Some(sent) = self.outstanding.take(sequence_number) else { return };
                batch.response(sent.due, command_id, command_status, frame.body);
            }
            CommandId::DELIVER_SM => {
                batch.delivery(frame.body);
                let command_length = HEADER_LENGTH as u32 + 1;
                let (command_id, command_status) = (CommandId::DELIVER_SM_RESP, CommandStatus::ESME_ROK);
                let header = Header { command_length, command_id, command_status, sequence_number };
                // message_id: empty.
                self.connection.output.extend_from_slice(&header.encode());
                self.connection.output.extend_from_slice(&[0]);
            }
            CommandId::ENQUIRE_LINK | CommandId::UNBIND => {
                batch.tally.enquire_links += u64::from(command_id == CommandId::ENQUIRE_LINK);
                // After an unbind the message centre closes the connection, and it is made again.
                self.unbound |= command_id == CommandId::UNBIND;
                encode_header_only(
                    command_id.response(),
                    CommandStatus::ESME_ROK,
                    sequence_number,
                    &mut self.connection.output,
                );
            }
            response if response.is_response() => {}
            _ => encode_header_only(
                CommandId::GENERIC_NACK,
                CommandStatus::ESME_RINVCMDID,
                sequence_number,
                &mut self.connection.output,
            ),
        }
    }

    /// What waits too long for its response gives its place back.
    fn give_up_unanswered(&mut self) {
        let now = Instant::now();
        let mut unanswered = 0;
        while self.outstanding.oldest().is_some_and(|sent| now.duration_since(sent.at) > self.run.response_timeout) {
            self.outstanding.take_oldest();
            unanswered += 1;
        }
        if unanswered > 0 {
            self.run.tally().unanswered += unanswered as u64;
            self.run.settled(unanswered);
        }
    }

    /// The connection is gone, and with it the answers.
    fn count_outstanding_as_lost(&mut self) {
        self.run.went();
        let lost = self.forget_outstanding();
        let mut tally = self.run.tally();
        tally.lost += lost;
        tally.connections_lost += 1;
    }

    fn forget_outstanding(&mut self) -> u64 {
        let forgotten = self.outstanding.outstanding();
        self.outstanding = Ring::new(self.run.window, 2);
        self.run.settled(forgotten);
        forgotten as u64
    }

    /// Until it is bound again, or the run is over.
    async fn reconnect(&mut self) -> bool {
        loop {
            tokio::time::sleep(RECONNECT_DELAY).await;
            if self.run.phase() == Phase::Over {
                return false;
            }
            if let Ok(connection) = connect(&self.target).await {
                self.connection = connection;
                self.unbound = false;
                self.run.came();
                self.run.tally().reconnects += 1;
                return true;
            }
        }
    }

    /// Says unbind and waits a moment for the answer.
    async fn unbind(mut self) {
        let sequence_number = self.outstanding.skip();
        encode_header_only(CommandId::UNBIND, CommandStatus::ESME_ROK, sequence_number, &mut self.connection.output);
        let goodbye = async {
            while poll_fn(|cx| {
                if let Poll::Ready(Err(error)) = self.connection.poll_flush(cx) {
                    return Poll::Ready(Err(error));
                }
                self.connection.poll_fill(cx)
            })
            .await
            .is_ok_and(|read| read > 0)
            {
                if self.skip_to_unbind_resp() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }

    fn skip_to_unbind_resp(&mut self) -> bool {
        let mut frames = Frames::new(&self.connection.input);
        let mut found = false;
        while let Ok(Some(frame)) = frames.next() {
            found |= frame.header.command_id == CommandId::UNBIND_RESP;
        }
        let taken = frames.taken();
        self.connection.input.advance(taken);
        found
    }
}

/// What one batch of PDUs is counted into.
struct Batch<'a> {
    now: Instant,
    tally: &'a mut Tally,
    receipts: Option<&'a mut Receipts>,
}

impl Batch<'_> {
    fn response(&mut self, submitted: Instant, command_id: CommandId, status: CommandStatus, body: &[u8]) {
        self.tally.last_response = Some(self.now);
        if !status.is_ok() || command_id == CommandId::GENERIC_NACK {
            self.tally.refuse(status);
            return;
        }
        self.tally.accept(self.now.saturating_duration_since(submitted));
        let Some(receipts) = &mut self.receipts else { return };
        let id = body.strip_suffix(b"\0").unwrap_or(body);
        if let Some(id) = OperatorMessageId::from_octets(id)
            && let Some(latency) = receipts.accepted(receipts::key(&id), submitted)
        {
            self.tally.receipt(latency);
        }
    }

    fn delivery(&mut self, body: &[u8]) {
        let Ok(sm) = SmFields::decode(body) else { return };
        let Some((key, state)) = receipts::read(&sm) else {
            self.tally.mo += 1;
            return;
        };
        let Some(receipts) = &mut self.receipts else { return };
        // An intermediate notification is not what is waited for.
        if !state.is_final() {
            return;
        }
        self.tally.last_receipt = Some(self.now);
        self.tally.state(state);
        if let Some(latency) = receipts.came(key, self.now) {
            self.tally.receipt(latency);
        }
    }
}

async fn connect(target: &Target) -> Result<Connection, ClientError> {
    let bind = bind_body(&target.system_id, &target.password)?;
    let mut connection = target.endpoint.connect().await?;
    match tokio::time::timeout(ANSWER_TIMEOUT, bind_on(&mut connection, target.kind, bind)).await {
        Err(_) => Err(ClientError::BindUnanswered(ANSWER_TIMEOUT)),
        Ok(Err(_)) => Err(ClientError::ClosedBeforeBound),
        // A link that is bound already is bound (Q25).
        Ok(Ok(CommandStatus::ESME_ROK | CommandStatus::ESME_RALYBND)) => Ok(connection),
        Ok(Ok(status)) => Err(ClientError::BindRefused { system_id: target.system_id.clone(), status }),
    }
}

/// Binds; what came behind the bind_resp stays in the input (Q3).
async fn bind_on(connection: &mut Connection, kind: BindKind, bind: Bind) -> io::Result<CommandStatus> {
    Pdu::Bind(kind, bind).encode(CommandStatus::ESME_ROK, 1, &mut connection.output);
    loop {
        let read = poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = connection.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
            connection.poll_fill(cx)
        })
        .await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut frames = Frames::new(&connection.input);
        let Some(frame) = frames.next().map_err(invalid)? else { continue };
        let header = frame.header;
        let frame = Frame { header, body: Bytes::copy_from_slice(frame.body) };
        let taken = frames.taken();
        connection.input.advance(taken);
        match Pdu::decode(&frame) {
            Ok(Pdu::BindResp(..) | Pdu::GenericNack) => return Ok(header.command_status),
            _ if header.command_id.is_response() && !header.command_status.is_ok() => return Ok(header.command_status),
            _ => {}
        }
    }
}
