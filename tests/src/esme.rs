//! An ESME that does what it is told.
//!
//! By default it has good manners: it acknowledges deliveries, answers enquire_link and unbind. Each can be turned off.

mod leaving;
mod questions;
mod waiting;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use smsc_proto::smpp::codec::Frame;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, BindResp, Pdu};

use crate::PATIENCE;
use crate::certificate::ClientTls;
use crate::connection::{Conduct, Connection, answer_header};
use crate::message::Message;
use crate::receipt::Receipt;

pub use questions::{QueryAnswer, new_text, usual_source};
pub use waiting::WaitingEsme;

/// The password that accounts and operators of the cast have.
pub const PASSWORD: &str = "secret";

/// One connection of an ESME. Dropping it closes the socket without unbind, as many real ones do (Q2).
#[derive(Debug)]
pub struct Esme {
    connection: Connection,
    manners: Arc<Mutex<Manners>>,
}

/// A deliver_sm or data_sm that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which of the two.
    pub command_id: CommandId,
    /// Its sequence_number.
    pub sequence_number: u32,
    /// What it carries.
    pub message: Message,
}

/// What a submit_sm was answered: a message_id, or the code of the refusal.
pub type SubmitAnswer = Result<String, CommandStatus>;

#[derive(Clone, Copy, Debug)]
struct Manners {
    on_deliver: OnDeliver,
    answers_enquire_link: bool,
    answers_unbind: bool,
}

#[derive(Clone, Copy, Debug)]
enum OnDeliver {
    Answer(CommandStatus),
    Hold,
}

impl Esme {
    /// Connects over TCP and says nothing yet.
    pub fn connect(address: SocketAddr) -> Self {
        Self::open(address, &[], None).expect("the node listens")
    }

    /// Connects as through a balancer, which sends these octets first.
    pub fn connect_through(address: SocketAddr, preamble: &[u8], tls: Option<&ClientTls>) -> std::io::Result<Self> {
        Self::open(address, preamble, tls)
    }

    /// Connects over TLS.
    pub fn connect_tls(address: SocketAddr, tls: &ClientTls) -> std::io::Result<Self> {
        Self::open(address, &[], Some(tls))
    }

    /// Connects and binds with the usual password; `None` when the node is not there, or goes, or refuses.
    pub fn try_bind(address: SocketAddr, kind: BindKind, system_id: &str) -> Option<Self> {
        let esme = Self::open(address, &[], None).ok()?;
        let bind = esme.connection.request(&Pdu::Bind(kind, bind_of(system_id, PASSWORD, 0x34)));
        let answer = esme.connection.response_or_end(bind)?;
        (answer.header.command_status == CommandStatus::ESME_ROK).then_some(esme)
    }

    fn open(address: SocketAddr, preamble: &[u8], tls: Option<&ClientTls>) -> std::io::Result<Self> {
        let manners = manners();
        let connection = Connection::open(address, preamble, tls, Mannered(Arc::clone(&manners)))?;
        Ok(Self { connection, manners })
    }

    /// The connection underneath, for octets that no honest ESME sends.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Binds with the usual password at version 3.4, and says what came of it.
    pub fn bind(&self, kind: BindKind, system_id: &str) -> CommandStatus {
        self.bind_as(kind, bind_of(system_id, PASSWORD, 0x34)).0
    }

    /// Binds as that body says.
    pub fn bind_as(&self, kind: BindKind, bind: Bind) -> (CommandStatus, BindResp) {
        let frame = self.connection.expect_response(self.connection.request(&Pdu::Bind(kind, bind)));
        match Pdu::decode(&frame).expect("the node writes PDUs that can be read") {
            Pdu::BindResp(answered, resp) if answered == kind => (frame.header.command_status, resp),
            other => panic!("a bind was answered by {other:?}"),
        }
    }

    /// Submits, and waits for the answer.
    pub fn submit(&self, message: &Message) -> SubmitAnswer {
        let sequence_number = self.send(message);
        self.answer_to(sequence_number)
    }

    /// Submits, and fails unless it is accepted.
    pub fn submit_ok(&self, message: &Message) -> String {
        self.submit(message).unwrap_or_else(|status| panic!("{message:?} was refused with {status}"))
    }

    /// Submits without waiting: the request's sequence_number.
    pub fn send(&self, message: &Message) -> u32 {
        let sequence_number = self.connection.next_sequence_number();
        self.connection.write(message.submit_sm(sequence_number));
        sequence_number
    }

    /// Submits them all in one piece.
    pub fn send_all(&self, messages: &[Message]) -> Vec<u32> {
        let mut octets = BytesMut::new();
        let numbers = messages.iter().map(|message| {
            let sequence_number = self.connection.next_sequence_number();
            message.encode(CommandId::SUBMIT_SM, sequence_number, &mut octets);
            sequence_number
        });
        let numbers = numbers.collect();
        self.connection.write(octets.freeze());
        numbers
    }

    /// Waits for the answer to that submit.
    pub fn answer_to(&self, sequence_number: u32) -> SubmitAnswer {
        submit_answer(&self.connection.expect_response(sequence_number))
    }

    /// The answer to that submit, if it has come.
    pub fn answer_so_far(&self, sequence_number: u32) -> Option<SubmitAnswer> {
        let frames = self
            .connection
            .take(|frame| frame.header.command_id.is_response() && frame.header.sequence_number == sequence_number);
        frames.first().map(submit_answer)
    }

    /// Submits with at most `window` of them unanswered, and tells each answer. Those that had none when the connection
    /// ended come back, in order.
    pub fn submit_all(
        &self,
        messages: impl IntoIterator<Item = Message>,
        window: usize,
        mut answered: impl FnMut(&Message, SubmitAnswer),
    ) -> Vec<Message> {
        let mut outstanding = VecDeque::new();
        let mut messages = messages.into_iter();
        loop {
            while outstanding.len() < window
                && let Some(message) = messages.next()
            {
                outstanding.push_back((self.send(&message), message));
            }
            let Some((sequence_number, message)) = outstanding.pop_front() else { return Vec::new() };
            match self.connection.response_or_end(sequence_number) {
                Some(frame) => answered(&message, submit_answer(&frame)),
                None => {
                    let rest = outstanding.into_iter().map(|(_, message)| message);
                    return std::iter::once(message).chain(rest).chain(messages).collect();
                }
            }
        }
    }

    /// Waits for the next delivery, receipt or MO.
    pub fn expect_delivery(&self) -> Delivery {
        delivery(&self.connection.expect("a delivery", is_delivery))
    }

    /// Waits for the next delivery, and reads it as a receipt.
    pub fn expect_receipt(&self) -> Receipt {
        Receipt::read(self.expect_delivery().message)
    }

    /// Waits for the receipt of that message.
    pub fn expect_receipt_of(&self, message_id: &str) -> Receipt {
        let begin = format!("id:{message_id} ");
        let frame = self.connection.expect(&format!("the receipt of {message_id}"), |frame| {
            is_delivery(frame) && Message::of(frame).user_data().starts_with(begin.as_bytes())
        });
        Receipt::read(Message::of(&frame))
    }

    /// What was delivered and nobody asked about yet. Everything that the node wrote before it answers is there.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.enquire_link();
        self.deliveries_so_far()
    }

    /// The same without asking the node: the connection may have ended.
    pub fn deliveries_so_far(&self) -> Vec<Delivery> {
        self.connection.take(is_delivery).iter().map(delivery).collect()
    }

    /// Answers all deliveries from now on with that code.
    pub fn answers_deliveries_with(&self, status: CommandStatus) {
        self.manners().on_deliver = OnDeliver::Answer(status);
    }

    /// Leaves deliveries unanswered from now on.
    pub fn holds_deliveries(&self) {
        self.manners().on_deliver = OnDeliver::Hold;
    }

    /// Answers one that was left unanswered.
    pub fn answer(&self, delivery: &Delivery, status: CommandStatus) {
        self.answer_with(delivery.command_id.response(), delivery, status);
    }

    /// Answers one with generic_nack.
    pub fn nack(&self, delivery: &Delivery) {
        self.answer_with(CommandId::GENERIC_NACK, delivery, CommandStatus::ESME_RINVCMDID);
    }

    fn answer_with(&self, command_id: CommandId, delivery: &Delivery, status: CommandStatus) {
        let mut octets = BytesMut::new();
        let number = delivery.sequence_number;
        smsc_proto::smpp::codec::encode_header_only(command_id, status, number, &mut octets);
        self.connection.write(octets.freeze());
    }

    /// Does not answer enquire_link any more.
    pub fn ignores_enquire_links(&self) {
        self.manners().answers_enquire_link = false;
    }

    /// Does not answer unbind any more.
    pub fn ignores_unbind(&self) {
        self.manners().answers_unbind = false;
    }

    /// Asks whether the node is there, and waits for its answer.
    pub fn enquire_link(&self) {
        let frame = self.connection.expect_response(self.connection.request(&Pdu::EnquireLink));
        assert_eq!(frame.header.command_id, CommandId::ENQUIRE_LINK_RESP, "an enquire_link was answered by {frame:?}");
        assert_eq!(frame.header.command_status, CommandStatus::ESME_ROK);
    }

    /// Waits for an enquire_link of the node's.
    pub fn expect_enquire_link(&self) {
        self.expect_request(CommandId::ENQUIRE_LINK);
    }

    /// Waits for the node's unbind.
    pub fn expect_unbind(&self) {
        self.expect_request(CommandId::UNBIND);
    }

    fn expect_request(&self, command_id: CommandId) {
        self.connection.expect(command_id.name(), |frame| frame.header.command_id == command_id);
    }

    /// Unbinds, and waits until the node has answered and closed.
    pub fn unbind(&self) {
        let frame = self.connection.expect_response(self.connection.request(&Pdu::Unbind));
        assert_eq!(frame.header.command_id, CommandId::UNBIND_RESP);
        self.connection.expect_end();
    }

    /// Waits until the node has closed.
    pub fn expect_end(&self) {
        self.connection.expect_end();
    }

    fn manners(&self) -> std::sync::MutexGuard<'_, Manners> {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a bind.
pub fn bind_of(system_id: &str, password: &str, interface_version: u8) -> Bind {
    Bind {
        system_id: Bytes::copy_from_slice(system_id.as_bytes()),
        password: Bytes::copy_from_slice(password.as_bytes()),
        interface_version,
        ..Bind::default()
    }
}

/// Collects `count` deliveries from several binds, whichever brings them.
pub fn expect_deliveries(esmes: &[&Esme], count: usize) -> Vec<Delivery> {
    let deadline = Instant::now() + PATIENCE;
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        assert!(Instant::now() < deadline, "waited for {count} deliveries, {} came", deliveries.len());
        for esme in esmes {
            deliveries.extend(esme.deliveries());
        }
    }
    deliveries
}

fn submit_answer(frame: &Frame) -> SubmitAnswer {
    match Pdu::decode(frame).expect("the node writes PDUs that can be read") {
        Pdu::SubmitSmResp(body) if frame.header.command_status == CommandStatus::ESME_ROK => {
            let message_id = body.message_id.expect("an accepted message has an id");
            Ok(String::from_utf8(message_id.to_vec()).expect("our ids are ASCII"))
        }
        Pdu::SubmitSmResp(_) => Err(frame.header.command_status),
        other => panic!("a submit_sm was answered by {other:?}"),
    }
}

fn is_delivery(frame: &Frame) -> bool {
    matches!(frame.header.command_id, CommandId::DELIVER_SM | CommandId::DATA_SM)
}

fn delivery(frame: &Frame) -> Delivery {
    Delivery {
        command_id: frame.header.command_id,
        sequence_number: frame.header.sequence_number,
        message: Message::of(frame),
    }
}

/// Good ones.
fn manners() -> Arc<Mutex<Manners>> {
    Arc::new(Mutex::new(Manners {
        on_deliver: OnDeliver::Answer(CommandStatus::ESME_ROK),
        answers_enquire_link: true,
        answers_unbind: true,
    }))
}

/// What the ESME does without being asked.
struct Mannered(Arc<Mutex<Manners>>);

impl Conduct for Mannered {
    fn received(&mut self, frame: Frame, replies: &mut BytesMut) -> Option<Frame> {
        let manners = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match frame.header.command_id {
            CommandId::ENQUIRE_LINK if manners.answers_enquire_link => Some(CommandStatus::ESME_ROK),
            CommandId::UNBIND if manners.answers_unbind => Some(CommandStatus::ESME_ROK),
            CommandId::DELIVER_SM | CommandId::DATA_SM => match manners.on_deliver {
                OnDeliver::Answer(status) => Some(status),
                OnDeliver::Hold => None,
            },
            _ => None,
        };
        if let Some(status) = status {
            answer_header(&frame, status, replies);
        }
        Some(frame)
    }
}
