//! An operator that does what it is told, well or badly.
//!
//! It listens on a port of its own, binds whoever comes, gives ids to messages and keeps all it gets. Receipts and MO
//! messages that were not acknowledged are sent again, on any link that can take them (Q21, Q23).

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::codec::Frame;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, BindResp, Pdu, encode_message_id_resp};
use smsc_proto::smpp::tlv::tag;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;
use crate::certificate::CertificateFiles;
use crate::connection::{Conduct, Connection, RUNTIME, answer_header};
use crate::message::Message;
use crate::port::Port;

/// Deliveries that an operator leaves unacknowledged on one link.
const DELIVER_WINDOW: usize = 50;
/// After how long a delivery that was refused for now comes again.
const DELIVER_AGAIN: Duration = Duration::from_millis(200);

/// An operator. Dropping it closes its port and all links.
#[derive(Debug)]
pub struct Operator {
    name: String,
    port: Port,
    tls: Option<TlsAcceptorDebug>,
    desk: Arc<Desk>,
    listening: Mutex<Option<JoinHandle<()>>>,
    looked_at: AtomicUsize,
}

/// A submit_sm that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Which link brought it, counted from 0 in the order of connecting.
    pub link: usize,
    /// Its sequence_number there.
    pub sequence_number: u32,
    /// The id that the operator gives it.
    pub operator_message_id: String,
    /// What it carries.
    pub message: Message,
    /// When it came.
    pub at: Instant,
}

/// What a submit is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// ESME_ROK and an id.
    Accept,
    /// That code.
    Refuse(CommandStatus),
    /// Nothing, until it is asked for.
    Hold,
}

/// How the operator writes its ids: in responses, and in receipts.
#[derive(Clone, Copy, Debug)]
pub struct IdForm {
    /// In submit_sm_resp.
    pub in_response: fn(u64) -> String,
    /// In receipts.
    pub in_receipt: fn(u64) -> String,
}

/// A delivery on its way: a receipt or an MO message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dispatch(usize);

impl Operator {
    /// One that accepts everything and reports nothing.
    pub fn start(name: &str) -> Self {
        Self::open(name, None)
    }

    /// The same over TLS.
    pub fn start_tls(name: &str, certificate: &CertificateFiles) -> Self {
        Self::open(name, Some(TlsAcceptorDebug(certificate.acceptor())))
    }

    fn open(name: &str, tls: Option<TlsAcceptorDebug>) -> Self {
        let operator = Self {
            name: name.to_owned(),
            port: Port::take(),
            tls,
            desk: Arc::default(),
            listening: Mutex::default(),
            looked_at: AtomicUsize::new(0),
        };
        operator.opens();
        operator
    }

    /// Its name in the node's configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    // --- what it does with submits ---

    /// Answers submits in this way from now on.
    pub fn answers(&self, answer: Answer) {
        self.desk.change(|state| state.answer = Some(answer));
    }

    /// Answers the next submits in these ways, one each, before it goes on as ever.
    pub fn answers_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.desk.change(|state| state.answers_next.extend(answers));
    }

    /// Reports this state of every message that it accepts from now on, if a receipt is asked for.
    pub fn reports(&self, state: MessageState) {
        self.desk.change(|desk| desk.report = Some(state));
    }

    /// Writes its ids so, from the next message on.
    pub fn writes_ids(&self, form: IdForm) {
        self.desk.change(|state| state.id_form = form);
    }

    /// Accepts all that was held, and goes on accepting.
    pub fn releases(&self) {
        self.desk.change(|state| {
            state.answer = Some(Answer::Accept);
            for index in std::mem::take(&mut state.held) {
                state.accept(index);
            }
        });
    }

    /// Waits until it holds so many.
    pub fn expect_held(&self, count: usize) {
        self.desk.wait(&format!("{count} messages to be held"), |state| (state.held.len() >= count).then_some(()));
    }

    /// Answers one that was held.
    pub fn accepts(&self, submitted: &Submitted) {
        self.desk.change(|state| {
            let held = |index: &usize| {
                let other = &state.submitted[*index];
                (other.link, other.sequence_number) == (submitted.link, submitted.sequence_number)
            };
            let place = state.held.iter().position(held).expect("only what was held can be answered");
            let index = state.held.remove(place);
            state.accept(index);
        });
    }

    // --- what it sends ---

    /// Sends a receipt in the usual form.
    pub fn report(&self, submitted: &Submitted, state: MessageState) -> Dispatch {
        let id = self.desk.lock().receipt_id(submitted);
        self.send(receipt(&submitted.message, &id, state))
    }

    /// Sends a deliver_sm on a link that can take it, now or when there is one.
    pub fn send(&self, message: Message) -> Dispatch {
        self.desk.change(|state| {
            let dispatch = state.dispatch(message);
            state.flush();
            dispatch
        })
    }

    /// Sends a deliver_sm, and waits for its answer.
    pub fn deliver(&self, message: &Message) -> CommandStatus {
        self.expect_answer(self.send(message.clone()))
    }

    /// Waits for the first answer to a deliver_sm, whichever it is.
    pub fn expect_answer(&self, dispatch: Dispatch) -> CommandStatus {
        self.desk.wait("the answer to a deliver_sm", |state| state.first_answers.get(&dispatch).copied())
    }

    /// Waits until every delivery was acknowledged with ESME_ROK.
    pub fn expect_all_acknowledged(&self) {
        self.desk.wait("all deliveries to be acknowledged", |state| {
            (state.waiting.is_empty() && state.unacknowledged.is_empty()).then_some(())
        });
    }

    /// Writes octets as they are on every link that is there.
    pub fn writes(&self, octets: &[u8]) {
        let state = self.desk.lock();
        state.links.iter().for_each(|link| link.write(BytesMut::from(octets)));
    }

    // --- what it sees ---

    /// Waits for the next submit that nobody looked at yet.
    pub fn expect_message(&self) -> Submitted {
        self.expect_messages(1).remove(0)
    }

    /// Waits for the next ones.
    pub fn expect_messages(&self, count: usize) -> Vec<Submitted> {
        let first = self.looked_at.fetch_add(count, Ordering::Relaxed);
        self.desk.wait(&format!("{count} messages after {first} at {}", self.name), |state| {
            state.submitted.get(first..first + count).map(<[_]>::to_vec)
        })
    }

    /// All that came so far.
    pub fn messages(&self) -> Vec<Submitted> {
        self.desk.lock().submitted.clone()
    }

    /// How many came so far.
    pub fn message_count(&self) -> usize {
        self.desk.lock().submitted.len()
    }

    /// The most submits that were unanswered on one link at a time.
    pub fn outstanding_max(&self) -> usize {
        self.desk.lock().outstanding_max
    }

    /// Waits until so many links are bound.
    pub fn expect_links(&self, count: usize) {
        self.desk.wait(&format!("{count} bound links at {}", self.name), |state| {
            (state.links.iter().filter(|link| link.bound.is_some()).count() == count).then_some(())
        });
    }

    /// How the links that are there have bound.
    pub fn bound_kinds(&self) -> Vec<BindKind> {
        self.desk.lock().links.iter().filter_map(|link| link.bound).collect()
    }

    /// Waits for so many binds, refused ones included, since the start.
    pub fn expect_binds(&self, count: usize) -> Vec<Bind> {
        self.desk.wait(&format!("{count} binds at {}", self.name), |state| {
            (state.binds.len() >= count).then(|| state.binds.clone())
        })
    }

    /// Waits until the node says goodbye on so many links, since the start.
    pub fn expect_unbinds(&self, count: usize) {
        self.desk.wait("the node's unbind", |state| (state.unbinds >= count).then_some(()));
    }

    // --- how it fails ---

    /// Drops all links, without a word.
    pub fn drops_links(&self) {
        self.desk.change(|state| state.links.iter_mut().for_each(|link| link.drop_connection()));
    }

    /// Takes its leave of all links, as operators do after so many messages (Q35).
    pub fn unbinds(&self) {
        self.desk.change(|state| {
            for connection in state.links.iter().filter_map(|link| link.connection.as_ref()) {
                connection.request(&Pdu::Unbind);
            }
        });
    }

    /// Closes its port and drops all links.
    pub fn closes(&self) {
        if let Some(task) = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
            RUNTIME.block_on(async {
                let _ = task.await;
            });
        }
        self.drops_links();
    }

    /// Listens again.
    pub fn opens(&self) {
        let listener = RUNTIME.block_on(listen(self.address()));
        let (desk, tls) = (Arc::clone(&self.desk), self.tls.as_ref().map(|acceptor| acceptor.0.clone()));
        let task = RUNTIME.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                match &tls {
                    None => Desk::seat(&desk, |conduct| Connection::over(stream, conduct)),
                    Some(acceptor) => {
                        // A peer that does not like our certificate goes; the next one may.
                        if let Ok(stream) = acceptor.accept(stream).await {
                            Desk::seat(&desk, |conduct| Connection::over(stream, conduct));
                        }
                    }
                }
            }
        });
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Refuses binds with that code from now on; ESME_ROK accepts them again.
    pub fn answers_binds_with(&self, status: CommandStatus) {
        self.desk.change(|state| state.bind_status = Some(status));
    }

    /// Does not answer enquire_link any more.
    pub fn ignores_enquire_links(&self) {
        self.desk.change(|state| state.ignores_enquire_links = true);
    }

    /// Answers enquire_link again.
    pub fn answers_enquire_links(&self) {
        self.desk.change(|state| state.ignores_enquire_links = false);
    }

    /// Stops reading on the links that are there.
    pub fn stops_reading(&self) {
        let state = self.desk.lock();
        state.links.iter().filter_map(|link| link.connection.as_ref()).for_each(Connection::stop_reading);
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.closes();
    }
}

/// The port is ours as long as we live; only a process that was started while we listened before may still hold our old
/// socket for the moment until it has become another program.
async fn listen(address: SocketAddr) -> TcpListener {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < deadline, "{address} cannot be listened on: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A receipt in the form of 3.4 Appendix B, with both TLVs.
pub fn receipt(message: &Message, operator_message_id: &str, state: MessageState) -> Message {
    let text = format!(
        "id:{operator_message_id} sub:001 dlvrd:001 submit date:2611261200 done date:2611261201 stat:{} err:000 text:",
        state.receipt_word()
    );
    let mut id = operator_message_id.as_bytes().to_vec();
    id.push(0);
    Message {
        source: message.destination.clone(),
        destination: message.source.clone(),
        esm_class: 0x04,
        short_message: Bytes::from(text),
        tlvs: vec![
            (tag::RECEIPTED_MESSAGE_ID, Bytes::from(id)),
            (tag::MESSAGE_STATE, Bytes::copy_from_slice(&[state as u8])),
        ],
        ..Message::default()
    }
}

struct TlsAcceptorDebug(TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

/// What the operator's links share.
#[derive(Debug, Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Answer>,
    answers_next: VecDeque<Answer>,
    report: Option<MessageState>,
    id_form: IdForm,
    bind_status: Option<CommandStatus>,
    ignores_enquire_links: bool,
    /// What the node did that no ESME may do.
    complaint: Option<String>,

    links: Vec<Link>,
    binds: Vec<Bind>,
    unbinds: usize,
    submitted: Vec<Submitted>,
    outstanding_max: usize,
    /// Places in `submitted`.
    held: Vec<usize>,

    dispatches: Vec<Message>,
    waiting: VecDeque<Dispatch>,
    /// By link and sequence_number.
    unacknowledged: HashMap<(usize, u32), Dispatch>,
    first_answers: HashMap<Dispatch, CommandStatus>,
}

#[derive(Debug)]
struct Link {
    connection: Option<Connection>,
    bound: Option<BindKind>,
    unacknowledged: usize,
    outstanding: usize,
}

impl Link {
    fn write(&self, octets: BytesMut) {
        if let Some(connection) = &self.connection {
            connection.write(octets.freeze());
        }
    }

    fn drop_connection(&mut self) {
        self.connection = None;
        self.bound = None;
    }

    fn receives(&self) -> bool {
        matches!(self.bound, Some(BindKind::Receiver | BindKind::Transceiver))
    }
}

impl Default for IdForm {
    fn default() -> Self {
        Self { in_response: |id| id.to_string(), in_receipt: |id| id.to_string() }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(complaint) = &state.complaint {
                panic!("{complaint}");
            }
            if let Some(found) = look(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {what}; {}", state.describe());
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes room for a new link, and lets it read only when it has its place.
    fn seat(desk: &Arc<Self>, connect: impl FnOnce(Counter) -> Connection) {
        let mut state = desk.lock();
        let link = state.links.len();
        let connection = connect(Counter { desk: Arc::clone(desk), link });
        state.links.push(Link { connection: Some(connection), bound: None, unacknowledged: 0, outstanding: 0 });
    }
}

impl State {
    fn describe(&self) -> String {
        format!(
            "{} links of which {} are bound, {} binds, {} messages of which {} are held, {} deliveries wait, {} are \
             unacknowledged",
            self.links.len(),
            self.links.iter().filter(|link| link.bound.is_some()).count(),
            self.binds.len(),
            self.submitted.len(),
            self.held.len(),
            self.waiting.len(),
            self.unacknowledged.len(),
        )
    }

    fn bind(&mut self, link: usize, kind: BindKind, bind: Bind, sequence_number: u32) {
        let status = self.bind_status.unwrap_or(CommandStatus::ESME_ROK);
        let resp = BindResp { system_id: Bytes::from_static(b"operator"), sc_interface_version: Some(0x34) };
        let mut octets = BytesMut::new();
        Pdu::BindResp(kind, resp).encode(status, sequence_number, &mut octets);
        self.links[link].write(octets);
        self.binds.push(bind);
        if status == CommandStatus::ESME_ROK {
            self.links[link].bound = Some(kind);
            self.flush();
        }
    }

    fn submit(&mut self, link: usize, frame: &Frame) {
        // Ids begin where no test's own numbers lie, and have letters when they are written in hex.
        let number = 3_735_928_559 + self.submitted.len() as u64;
        self.submitted.push(Submitted {
            link,
            sequence_number: frame.header.sequence_number,
            operator_message_id: (self.id_form.in_response)(number),
            message: Message::of(frame),
            at: Instant::now(),
        });
        self.links[link].outstanding += 1;
        self.outstanding_max = self.outstanding_max.max(self.links[link].outstanding);
        let index = self.submitted.len() - 1;
        match self.answers_next.pop_front().or(self.answer).unwrap_or(Answer::Accept) {
            Answer::Accept => self.accept(index),
            Answer::Hold => self.held.push(index),
            Answer::Refuse(status) => self.respond(index, status),
        }
    }

    fn accept(&mut self, index: usize) {
        self.respond(index, CommandStatus::ESME_ROK);
        let submitted = &self.submitted[index];
        if let Some(state) = self.report
            && submitted.message.registered_delivery & 0b11 != 0
        {
            let receipt = receipt(&submitted.message, &self.receipt_id(submitted), state);
            self.dispatch(receipt);
            self.flush();
        }
    }

    fn respond(&mut self, index: usize, status: CommandStatus) {
        let submitted = &self.submitted[index];
        let link = &mut self.links[submitted.link];
        link.outstanding = link.outstanding.saturating_sub(1);
        let id = (status == CommandStatus::ESME_ROK).then_some(submitted.operator_message_id.as_bytes());
        let mut octets = BytesMut::new();
        encode_message_id_resp(CommandId::SUBMIT_SM_RESP, status, submitted.sequence_number, id, &mut octets);
        link.write(octets);
    }

    fn receipt_id(&self, submitted: &Submitted) -> String {
        let same =
            |other: &Submitted| (other.link, other.sequence_number) == (submitted.link, submitted.sequence_number);
        let index = self.submitted.iter().rposition(same).expect("it was submitted here");
        (self.id_form.in_receipt)(3_735_928_559 + index as u64)
    }

    fn dispatch(&mut self, message: Message) -> Dispatch {
        let dispatch = Dispatch(self.dispatches.len());
        self.dispatches.push(message);
        self.waiting.push_back(dispatch);
        dispatch
    }

    /// Sends what waits, as far as links have room.
    fn flush(&mut self) {
        for (index, link) in self.links.iter_mut().enumerate() {
            if !link.receives() {
                continue;
            }
            let Some(connection) = &link.connection else { continue };
            while link.unacknowledged < DELIVER_WINDOW
                && let Some(dispatch) = self.waiting.pop_front()
            {
                let sequence_number = connection.next_sequence_number();
                let mut octets = BytesMut::new();
                self.dispatches[dispatch.0].encode(CommandId::DELIVER_SM, sequence_number, &mut octets);
                self.unacknowledged.insert((index, sequence_number), dispatch);
                link.unacknowledged += 1;
                connection.write(octets.freeze());
            }
        }
    }

    fn acknowledged(&mut self, link: usize, sequence_number: u32, status: CommandStatus) -> Option<Dispatch> {
        let dispatch = self.unacknowledged.remove(&(link, sequence_number))?;
        self.links[link].unacknowledged -= 1;
        self.first_answers.entry(dispatch).or_insert(status);
        self.flush();
        (status == CommandStatus::ESME_RX_T_APPN).then_some(dispatch)
    }

    fn lost(&mut self, link: usize) {
        self.links[link].drop_connection();
        self.links[link].unacknowledged = 0;
        let mut again = self.unacknowledged.extract_if(|(on, _), _| *on == link).collect::<Vec<_>>();
        again.sort_unstable_by_key(|((_, sequence_number), _)| std::cmp::Reverse(*sequence_number));
        again.into_iter().for_each(|(_, dispatch)| self.waiting.push_front(dispatch));
        self.flush();
    }
}

/// One link's side of the desk.
struct Counter {
    desk: Arc<Desk>,
    link: usize,
}

impl Conduct for Counter {
    fn received(&mut self, frame: Frame, replies: &mut BytesMut) -> Option<Frame> {
        let number = frame.header.sequence_number;
        let again = self.desk.change(|state| {
            match Pdu::decode(&frame) {
                Ok(Pdu::Bind(kind, bind)) => state.bind(self.link, kind, bind, number),
                Ok(Pdu::SubmitSm(_)) => state.submit(self.link, &frame),
                Ok(Pdu::EnquireLink) if state.ignores_enquire_links => {}
                Ok(Pdu::EnquireLink) => answer_header(&frame, CommandStatus::ESME_ROK, replies),
                Ok(Pdu::Unbind) => {
                    answer_header(&frame, CommandStatus::ESME_ROK, replies);
                    state.unbinds += 1;
                    state.links[self.link].bound = None;
                }
                Ok(Pdu::UnbindResp) => state.links[self.link].drop_connection(),
                Ok(Pdu::DeliverSmResp(_) | Pdu::GenericNack) => {
                    return state.acknowledged(self.link, number, frame.header.command_status);
                }
                Ok(Pdu::EnquireLinkResp) => {}
                Ok(other) => state.complaint = Some(format!("the node sent an operator {other:?}")),
                Err(error) => state.complaint = Some(format!("the node sent an operator {frame:?}: {error}")),
            }
            None
        });
        if let Some(dispatch) = again {
            let desk = Arc::clone(&self.desk);
            tokio::spawn(async move {
                tokio::time::sleep(DELIVER_AGAIN).await;
                desk.change(|state| {
                    state.waiting.push_back(dispatch);
                    state.flush();
                });
            });
        }
        None
    }

    fn ended(&mut self) {
        self.desk.change(|state| state.lost(self.link));
    }
}
