//! What an operator does by itself: the state that its links share, and how each of them answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::codec::Frame;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, BindResp, MessageIdBody, Pdu};
use smsc_proto::smpp::tlv::TlvBytes;

use super::{Answer, Dispatch, IdForm, Submitted, receipt};
use crate::PATIENCE;
use crate::connection::{Conduct, Connection, answer_header};
use crate::message::Message;

/// Deliveries that an operator leaves unacknowledged on one link.
const DELIVER_WINDOW: usize = 50;
/// After how long a delivery that was refused for now comes again.
const DELIVER_AGAIN: Duration = Duration::from_millis(200);

/// What the operator's links share.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) answer: Option<Answer>,
    pub(super) answers_next: VecDeque<Answer>,
    pub(super) report: Option<MessageState>,
    pub(super) id_form: IdForm,
    pub(super) response_tlvs: TlvBytes,
    pub(super) bind_status: Option<CommandStatus>,
    pub(super) ignores_enquire_links: bool,
    /// What the node did that no ESME may do.
    pub(super) complaint: Option<String>,

    pub(super) links: Vec<Link>,
    pub(super) binds: Vec<Bind>,
    pub(super) unbinds: usize,
    pub(super) links_max: usize,
    pub(super) submitted: Vec<Submitted>,
    pub(super) outstanding_max: usize,
    /// Places in `submitted`.
    pub(super) held: Vec<usize>,

    pub(super) dispatches: Vec<(CommandId, Message)>,
    pub(super) waiting: VecDeque<Dispatch>,
    /// By link and sequence_number.
    pub(super) unacknowledged: HashMap<(usize, u32), Dispatch>,
    pub(super) first_answers: HashMap<Dispatch, CommandStatus>,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Option<Connection>,
    pub(super) bound: Option<BindKind>,
    pub(super) unacknowledged: usize,
    pub(super) outstanding: usize,
}

impl Link {
    pub(super) fn write(&self, octets: BytesMut) {
        if let Some(connection) = &self.connection {
            connection.write(octets.freeze());
        }
    }

    pub(super) fn drop_connection(&mut self) {
        self.connection = None;
        self.bound = None;
    }

    pub(super) fn receives(&self) -> bool {
        matches!(self.bound, Some(BindKind::Receiver | BindKind::Transceiver))
    }
}

impl Desk {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }

    pub(super) fn wait<T>(&self, what: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
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
    pub(super) fn seat(desk: &Arc<Self>, connect: impl FnOnce(Counter) -> Connection) {
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
            let bound = self.links.iter().filter(|link| link.bound.is_some()).count();
            self.links_max = self.links_max.max(bound);
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

    pub(super) fn accept(&mut self, index: usize) {
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
        let id = (status == CommandStatus::ESME_ROK).then(|| submitted.operator_message_id.clone().into());
        let mut octets = BytesMut::new();
        let body = MessageIdBody { message_id: id, tlvs: self.response_tlvs.clone() };
        Pdu::SubmitSmResp(body).encode(status, submitted.sequence_number, &mut octets);
        link.write(octets);
    }

    pub(super) fn receipt_id(&self, submitted: &Submitted) -> String {
        let same =
            |other: &Submitted| (other.link, other.sequence_number) == (submitted.link, submitted.sequence_number);
        let index = self.submitted.iter().rposition(same).expect("it was submitted here");
        (self.id_form.in_receipt)(3_735_928_559 + index as u64)
    }

    pub(super) fn dispatch(&mut self, message: Message) -> Dispatch {
        self.dispatch_as(CommandId::DELIVER_SM, message)
    }

    pub(super) fn dispatch_as(&mut self, command_id: CommandId, message: Message) -> Dispatch {
        let dispatch = Dispatch(self.dispatches.len());
        self.dispatches.push((command_id, message));
        self.waiting.push_back(dispatch);
        dispatch
    }

    /// Sends what waits, as far as links have room.
    pub(super) fn flush(&mut self) {
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
                let (command_id, message) = &self.dispatches[dispatch.0];
                message.encode(*command_id, sequence_number, &mut octets);
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
pub(super) struct Counter {
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
                Ok(Pdu::DeliverSmResp(_) | Pdu::DataSmResp(_) | Pdu::GenericNack) => {
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
