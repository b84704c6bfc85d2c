//! An operator that does what it is told, well or badly.
//!
//! It listens on a port of its own, binds whoever comes, gives ids to messages and keeps all it gets. Receipts and MO
//! messages that were not acknowledged are sent again, on any link that can take them (Q21, Q23).

mod desk;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{AlertNotification, Bind, BindKind, Pdu};
use smsc_proto::smpp::tlv::{Tlv, TlvBytes, tag};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;
use crate::certificate::CertificateFiles;
use crate::connection::{Connection, RUNTIME};
use crate::message::Message;
use crate::port::Port;

use desk::Desk;

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

    /// Puts these TLVs into its responses from now on.
    pub fn responds_with_tlvs(&self, tlvs: &[Tlv<'_>]) {
        self.desk.change(|state| state.response_tlvs = TlvBytes::from_tlvs(tlvs));
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

    /// The same as a data_sm.
    pub fn send_data(&self, message: Message) -> Dispatch {
        self.desk.change(|state| {
            let dispatch = state.dispatch_as(CommandId::DATA_SM, message);
            state.flush();
            dispatch
        })
    }

    /// Says that a subscriber can be reached again, on every link that can take it.
    pub fn alerts(&self, alert: &AlertNotification) {
        let state = self.desk.lock();
        for connection in state.links.iter().filter(|link| link.receives()).filter_map(|link| link.connection.as_ref())
        {
            connection.request(&Pdu::AlertNotification(alert.clone()));
        }
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

    /// The most links that were bound at a time.
    pub fn links_max(&self) -> usize {
        self.desk.lock().links_max
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

impl Default for IdForm {
    fn default() -> Self {
        Self { in_response: |id| id.to_string(), in_receipt: |id| id.to_string() }
    }
}
