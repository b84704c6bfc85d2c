//! Events: what changed in a partition, and its octets in a journal record.
//!
//! An event is one octet that says which, then its fields in the order of the type. Numbers are LEB128; slots, ids and
//! times are written as their signed distance (zigzag) to the record's base, mostly one to three octets. A change of
//! this form needs a new [`record::VERSION`](crate::record::VERSION).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;

use crate::error::StoreError;
use crate::journal::RecordNumber;
use crate::messages::{Origin, Outbox, Peer, ReceiptRequest};
use crate::name::Name;
use crate::record::{Base, RecordWriter};

/// What is known of a delivery from its first moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) tick: u64,
    pub(crate) accepted: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) outbox: Outbox,
    pub(crate) priority: u8,
    pub(crate) receipts: ReceiptRequest,
    pub(crate) due: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) destination: u64,
    pub(crate) peer: Peer,
}

/// What the operators call a message: one id, but for late responses.
pub(crate) type OperatorIds = SmallVec<[(Name, OperatorMessageId); 1]>;

/// How far a delivery has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Whether it is with the operator: it waits for a receipt only.
    pub(crate) enroute: bool,
    /// Whether a late response told that the operator has it.
    pub(crate) taken: bool,
    pub(crate) state: MessageState,
    pub(crate) error: ReceiptError,
    pub(crate) done: Timestamp,
    pub(crate) attempts: u16,
    pub(crate) unanswered: u8,
    pub(crate) ids: OperatorIds,
}

/// The wire body of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyOctets<'a> {
    /// The first octets of so many; [`Event::BodyPart`]s of the same batch bring the rest.
    Here(usize, &'a [u8]),
    /// The same as that of the delivery before, whose event stands in this record.
    AsBefore,
}

/// A final message with nothing more to deliver.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) tick: u64,
    pub(crate) accepted: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) outbox: Outbox,
    pub(crate) state: MessageState,
    pub(crate) error: ReceiptError,
    pub(crate) done: Timestamp,
    /// From when it is retained.
    pub(crate) retained: Timestamp,
    pub(crate) attempts: u16,
    pub(crate) destination: u64,
    /// Octets of journal that it counts for.
    pub(crate) worth: u32,
    pub(crate) ids: OperatorIds,
}

/// A receipt that matches nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParkedReceipt {
    pub(crate) operator: Name,
    pub(crate) id: OperatorMessageId,
    pub(crate) state: MessageState,
    pub(crate) error: ReceiptError,
    pub(crate) done: Timestamp,
    pub(crate) destination: u64,
    /// Since when, by our clock.
    pub(crate) parked: Timestamp,
}

/// One change. Each is self-contained or refers to a slot whose base stands in an earlier record; where that base has
/// been cleaned away, a later event (a base itself) says everything again.
#[derive(Clone, Debug)]
pub(crate) enum Event<'a> {
    /// A new delivery. A base.
    Accepted { slot: u64, entry: Entry, body: BodyOctets<'a> },
    /// The next octets of a body that one record had no room for.
    BodyPart { slot: u64, part: &'a [u8] },
    /// The operator took it.
    Sent { slot: u64, operator: Name, attempts: u16, unanswered: u8, id: Option<OperatorMessageId> },
    /// It will be sent again, message or receipt.
    Again { slot: u64, due: Timestamp, attempts: u16, unanswered: u8 },
    /// It may be with the operator, which never said so: not sent again.
    Unresolved { slot: u64, attempts: u16, unanswered: u8 },
    /// A final state, and a receipt about it to deliver. The base stays: the receipt needs the body.
    Final {
        slot: u64,
        state: MessageState,
        error: ReceiptError,
        done: Timestamp,
        /// When it became final by our clock: the receipt is due since.
        due: Timestamp,
        attempts: u16,
        receipt_expires: Timestamp,
        /// The parked receipt that brought it.
        parked: Option<u64>,
    },
    /// A final state and nothing more to deliver. A base: all before it may go.
    Retained { slot: u64, summary: Summary, parked: Option<u64> },
    /// A receipt that matches nothing yet. A base.
    Parked { number: u64, receipt: ParkedReceipt },
    /// It was given up, or came to a message that was final.
    ParkedEnds { number: u64 },
    /// Another outbox.
    Rerouted { slot: u64, outbox: Outbox },
    /// Everything about a delivery, re-appended by the cleaner. A base.
    Keep { slot: u64, entry: Entry, progress: Progress, body: BodyOctets<'a> },
}

const ACCEPTED: u8 = 1;
const BODY_PART: u8 = 2;
const SENT: u8 = 3;
const AGAIN: u8 = 4;
const UNRESOLVED: u8 = 5;
const FINAL: u8 = 6;
const RETAINED: u8 = 7;
const PARKED: u8 = 8;
const PARKED_ENDS: u8 = 9;
const REROUTED: u8 = 10;
const KEEP: u8 = 11;

/// Octets of an event at most, without body and operator's ids: some twenty numbers and an address.
const FIELDS_MAX: usize = 256;

impl Event<'_> {
    /// Octets that it takes at most.
    pub(crate) fn size_max(&self) -> usize {
        let ids = |ids: &OperatorIds| ids.iter().map(|(_, id)| 16 + id_size(id)).sum::<usize>();
        FIELDS_MAX
            + match self {
                Event::Accepted { body: BodyOctets::Here(_, part), .. } => part.len(),
                Event::BodyPart { part, .. } => part.len(),
                Event::Sent { id: Some(id), .. } => id_size(id),
                Event::Retained { summary, .. } => ids(&summary.ids),
                Event::Parked { receipt, .. } => id_size(&receipt.id),
                Event::Keep { progress, body: BodyOctets::Here(_, part), .. } => ids(&progress.ids) + part.len(),
                Event::Keep { progress, body: BodyOctets::AsBefore, .. } => ids(&progress.ids),
                Event::Accepted { body: BodyOctets::AsBefore, .. }
                | Event::Sent { id: None, .. }
                | Event::Again { .. }
                | Event::Unresolved { .. }
                | Event::Final { .. }
                | Event::ParkedEnds { .. }
                | Event::Rerouted { .. } => 0,
            }
    }

    /// The names in it.
    pub(crate) fn names(&self) -> SmallVec<[Name; 4]> {
        let mut names = SmallVec::new();
        match self {
            Event::Accepted { entry, .. } => names.extend([origin_name(entry.origin), outbox_name(entry.outbox)]),
            Event::Sent { operator, .. } => names.push(*operator),
            Event::Retained { summary, .. } => {
                names.extend([origin_name(summary.origin), outbox_name(summary.outbox)]);
                names.extend(summary.ids.iter().map(|(operator, _)| *operator));
            }
            Event::Parked { receipt, .. } => names.push(receipt.operator),
            Event::Rerouted { outbox, .. } => names.push(outbox_name(*outbox)),
            Event::Keep { entry, progress, .. } => {
                names.extend([origin_name(entry.origin), outbox_name(entry.outbox)]);
                names.extend(progress.ids.iter().map(|(operator, _)| *operator));
            }
            Event::BodyPart { .. }
            | Event::Again { .. }
            | Event::Unresolved { .. }
            | Event::Final { .. }
            | Event::ParkedEnds { .. } => {}
        }
        names
    }

    /// Appends it to the open record, which has room for it. Returns its length.
    pub(crate) fn write(&self, record: &mut RecordWriter) -> u32 {
        let mut out = Out::new(record);
        match self {
            Event::Accepted { slot, entry, body } => {
                out.octet(ACCEPTED);
                out.slot(*slot);
                out.entry(entry);
                out.body(*body);
            }
            Event::BodyPart { slot, part } => {
                out.octet(BODY_PART);
                out.slot(*slot);
                out.octets(part);
            }
            Event::Sent { slot, operator, attempts, unanswered, id } => {
                out.octet(SENT);
                out.slot(*slot);
                out.name(*operator);
                out.number(u64::from(*attempts));
                out.octet(*unanswered);
                out.id(id.as_ref());
            }
            Event::Again { slot, due, attempts, unanswered } => {
                out.octet(AGAIN);
                out.slot(*slot);
                out.time(*due);
                out.number(u64::from(*attempts));
                out.octet(*unanswered);
            }
            Event::Unresolved { slot, attempts, unanswered } => {
                out.octet(UNRESOLVED);
                out.slot(*slot);
                out.number(u64::from(*attempts));
                out.octet(*unanswered);
            }
            Event::Final { slot, state, error, done, due, attempts, receipt_expires, parked } => {
                out.octet(FINAL);
                out.slot(*slot);
                out.octet(*state as u8);
                out.raw(error);
                out.time(*done);
                out.time(*due);
                out.number(u64::from(*attempts));
                out.time(*receipt_expires);
                out.number(parked.map_or(0, |number| number + 1));
            }
            Event::Retained { slot, summary, parked } => {
                out.octet(RETAINED);
                out.slot(*slot);
                out.tick(summary.tick);
                out.time(summary.accepted);
                out.origin(summary.origin);
                out.outbox(summary.outbox);
                out.octet(summary.state as u8);
                out.raw(&summary.error);
                out.time(summary.done);
                out.time(summary.retained);
                out.number(u64::from(summary.attempts));
                out.raw(&summary.destination.to_le_bytes());
                out.number(u64::from(summary.worth));
                out.ids(&summary.ids);
                out.number(parked.map_or(0, |number| number + 1));
            }
            Event::Parked { number, receipt } => {
                out.octet(PARKED);
                out.number(*number);
                out.name(receipt.operator);
                out.id(Some(&receipt.id));
                out.octet(receipt.state as u8);
                out.raw(&receipt.error);
                out.time(receipt.done);
                out.raw(&receipt.destination.to_le_bytes());
                out.time(receipt.parked);
            }
            Event::ParkedEnds { number } => {
                out.octet(PARKED_ENDS);
                out.number(*number);
            }
            Event::Rerouted { slot, outbox } => {
                out.octet(REROUTED);
                out.slot(*slot);
                out.outbox(*outbox);
            }
            Event::Keep { slot, entry, progress, body } => {
                out.octet(KEEP);
                out.slot(*slot);
                out.entry(entry);
                out.octet(u8::from(progress.enroute) | u8::from(progress.taken) << 1);
                out.octet(progress.state as u8);
                out.raw(&progress.error);
                out.time(progress.done);
                out.number(u64::from(progress.attempts));
                out.octet(progress.unanswered);
                out.ids(&progress.ids);
                out.body(*body);
            }
        }
        out.length()
    }
}

fn origin_name(origin: Origin) -> Name {
    match origin {
        Origin::Account(name) | Origin::Operator(name) => name,
    }
}

fn outbox_name(outbox: Outbox) -> Name {
    match outbox {
        Outbox::Account(name) | Outbox::Operator(name) => name,
    }
}

fn id_size(id: &OperatorMessageId) -> usize {
    match id {
        OperatorMessageId::Decimal(_) => 11,
        OperatorMessageId::Text(octets) => 11 + octets.len(),
    }
}

const NO_ID: u8 = 0;
const DECIMAL_ID: u8 = 1;
const TEXT_ID: u8 = 2;

/// Appends fields to the open record.
struct Out<'w> {
    record: &'w mut RecordWriter,
    began: usize,
}

impl<'w> Out<'w> {
    fn new(record: &'w mut RecordWriter) -> Self {
        let began = record.begin_event();
        Self { record, began }
    }

    fn length(&mut self) -> u32 {
        (self.record.events().len() - self.began) as u32
    }

    fn octet(&mut self, octet: u8) {
        self.record.events().push(octet);
    }

    fn raw(&mut self, octets: &[u8]) {
        self.record.events().extend_from_slice(octets);
    }

    fn number(&mut self, mut value: u64) {
        let out = self.record.events();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn distance(&mut self, value: u64, base: u64) {
        let distance = value.wrapping_sub(base) as i64;
        self.number(((distance << 1) ^ (distance >> 63)) as u64);
    }

    fn slot(&mut self, slot: u64) {
        self.distance(slot, self.record.base().slot);
    }

    fn tick(&mut self, tick: u64) {
        self.distance(tick, self.record.base().tick);
    }

    fn time(&mut self, time: Timestamp) {
        self.distance(time.as_millis(), self.record.base().time);
    }

    fn octets(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.raw(octets);
    }

    fn name(&mut self, name: Name) {
        let place = self.record.name(name);
        self.number(u64::from(place));
    }

    fn outbox(&mut self, outbox: Outbox) {
        let place = self.record.name(outbox_name(outbox));
        self.number(u64::from(place) << 1 | u64::from(matches!(outbox, Outbox::Account(_))));
    }

    fn origin(&mut self, origin: Origin) {
        let place = self.record.name(origin_name(origin));
        self.number(u64::from(place) << 1 | u64::from(matches!(origin, Origin::Account(_))));
    }

    fn id(&mut self, id: Option<&OperatorMessageId>) {
        match id {
            None => self.octet(NO_ID),
            Some(OperatorMessageId::Decimal(value)) => {
                self.octet(DECIMAL_ID);
                self.number(*value);
            }
            Some(OperatorMessageId::Text(octets)) => {
                self.octet(TEXT_ID);
                self.octets(octets);
            }
        }
    }

    fn ids(&mut self, ids: &OperatorIds) {
        self.number(ids.len() as u64);
        for (operator, id) in ids {
            self.name(*operator);
            self.id(Some(id));
        }
    }

    fn peer(&mut self, peer: Peer) {
        let bind = match peer.bind {
            BindKind::Transmitter => 0,
            BindKind::Receiver => 1,
            BindKind::Transceiver => 2,
        };
        match peer.address {
            IpAddr::V4(address) => {
                self.octet(bind);
                self.raw(&address.octets());
            }
            IpAddr::V6(address) => {
                self.octet(bind | 0x80);
                self.raw(&address.octets());
            }
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.tick(entry.tick);
        self.time(entry.accepted);
        self.origin(entry.origin);
        self.outbox(entry.outbox);
        self.octet(entry.priority);
        self.octet(entry.receipts.0);
        self.time(entry.due);
        self.time(entry.expires);
        self.raw(&entry.destination.to_le_bytes());
        self.peer(entry.peer);
    }

    fn body(&mut self, body: BodyOctets<'_>) {
        match body {
            BodyOctets::AsBefore => self.number(0),
            BodyOctets::Here(total, part) => {
                self.number(total as u64 + 1);
                self.octets(part);
            }
        }
    }
}

/// A body of more octets than any PDU has room for is damage, not a reason to ask for memory.
const BODY_SIZE_MAX: u64 = 16 << 20;

/// Reads the events of one record.
pub(crate) struct EventReader<'a> {
    record: RecordNumber,
    /// The record's dictionary, in this process's names.
    names: &'a [Name],
    base: Base,
    events: &'a [u8],
    /// Where `events` begins in the record.
    began: usize,
    at: usize,
}

impl<'a> EventReader<'a> {
    /// A reader of these octets, which begin at `began` in the record.
    pub(crate) const fn new(
        record: RecordNumber,
        names: &'a [Name],
        base: Base,
        events: &'a [u8],
        began: usize,
    ) -> Self {
        Self { record, names, base, events, began, at: 0 }
    }

    /// Octets of the record read so far.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// Whether all octets are read.
    pub(crate) const fn at_end(&self) -> bool {
        self.at == self.events.len()
    }

    pub(crate) const fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Damaged { record: self.record, offset: self.began + self.at, what }
    }

    /// The next event.
    pub(crate) fn read(&mut self) -> Result<Event<'a>, StoreError> {
        let kind = self.octet()?;
        Ok(match kind {
            ACCEPTED => Event::Accepted { slot: self.slot()?, entry: self.entry()?, body: self.body()? },
            BODY_PART => Event::BodyPart { slot: self.slot()?, part: self.octets()? },
            SENT => Event::Sent {
                slot: self.slot()?,
                operator: self.name()?,
                attempts: self.attempts()?,
                unanswered: self.octet()?,
                id: self.id()?,
            },
            AGAIN => Event::Again {
                slot: self.slot()?,
                due: self.time()?,
                attempts: self.attempts()?,
                unanswered: self.octet()?,
            },
            UNRESOLVED => {
                Event::Unresolved { slot: self.slot()?, attempts: self.attempts()?, unanswered: self.octet()? }
            }
            FINAL => Event::Final {
                slot: self.slot()?,
                state: self.state()?,
                error: self.array()?,
                done: self.time()?,
                due: self.time()?,
                attempts: self.attempts()?,
                receipt_expires: self.time()?,
                parked: self.number()?.checked_sub(1),
            },
            RETAINED => Event::Retained {
                slot: self.slot()?,
                summary: Summary {
                    tick: self.tick()?,
                    accepted: self.time()?,
                    origin: self.origin()?,
                    outbox: self.outbox()?,
                    state: self.state()?,
                    error: self.array()?,
                    done: self.time()?,
                    retained: self.time()?,
                    attempts: self.attempts()?,
                    destination: u64::from_le_bytes(self.array()?),
                    worth: self.worth()?,
                    ids: self.ids()?,
                },
                parked: self.number()?.checked_sub(1),
            },
            PARKED => Event::Parked {
                number: self.number()?,
                receipt: ParkedReceipt {
                    operator: self.name()?,
                    id: self.id()?.ok_or_else(|| self.damaged("a parked receipt has no id"))?,
                    state: self.state()?,
                    error: self.array()?,
                    done: self.time()?,
                    destination: u64::from_le_bytes(self.array()?),
                    parked: self.time()?,
                },
            },
            PARKED_ENDS => Event::ParkedEnds { number: self.number()? },
            REROUTED => Event::Rerouted { slot: self.slot()?, outbox: self.outbox()? },
            KEEP => {
                let (slot, entry, flags) = (self.slot()?, self.entry()?, self.octet()?);
                let progress = Progress {
                    enroute: flags & 1 != 0,
                    taken: flags & 2 != 0,
                    state: self.state()?,
                    error: self.array()?,
                    done: self.time()?,
                    attempts: self.attempts()?,
                    unanswered: self.octet()?,
                    ids: self.ids()?,
                };
                Event::Keep { slot, entry, progress, body: self.body()? }
            }
            _ => {
                self.at -= 1;
                return Err(self.damaged("no event has this number"));
            }
        })
    }

    fn octet(&mut self) -> Result<u8, StoreError> {
        let octet = self.events.get(self.at).copied().ok_or_else(|| self.damaged("an event runs over the end"))?;
        self.at += 1;
        Ok(octet)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], StoreError> {
        let rest = &self.events[self.at..];
        if length > rest.len() as u64 {
            return Err(self.damaged("an event runs over the end"));
        }
        let (octets, _) = rest.split_at(length as usize);
        self.at += octets.len();
        Ok(octets)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        Ok(self.take(N as u64)?.try_into().expect("exactly so many octets were taken"))
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            if shift == 63 && octet > 1 {
                break;
            }
            value |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    fn distance(&mut self, base: u64) -> Result<u64, StoreError> {
        let value = self.number()?;
        Ok(base.wrapping_add((value >> 1) ^ (value & 1).wrapping_neg()))
    }

    fn slot(&mut self) -> Result<u64, StoreError> {
        self.distance(self.base.slot)
    }

    fn tick(&mut self) -> Result<u64, StoreError> {
        self.distance(self.base.tick)
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.distance(self.base.time).map(Timestamp::from_millis)
    }

    fn attempts(&mut self) -> Result<u16, StoreError> {
        u16::try_from(self.number()?).map_err(|_| self.damaged("attempts are counted up to 65,535"))
    }

    fn worth(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(|_| self.damaged("no message is worth 4 GiB"))
    }

    fn octets(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.number()?;
        self.take(length)
    }

    fn named(&mut self, place: u64) -> Result<Name, StoreError> {
        let name = usize::try_from(place).ok().and_then(|place| self.names.get(place)).copied();
        name.ok_or_else(|| self.damaged("the record has no name with this number"))
    }

    fn name(&mut self) -> Result<Name, StoreError> {
        let place = self.number()?;
        self.named(place)
    }

    fn outbox(&mut self) -> Result<Outbox, StoreError> {
        let place = self.number()?;
        let name = self.named(place >> 1)?;
        Ok(if place & 1 != 0 { Outbox::Account(name) } else { Outbox::Operator(name) })
    }

    fn origin(&mut self) -> Result<Origin, StoreError> {
        let place = self.number()?;
        let name = self.named(place >> 1)?;
        Ok(if place & 1 != 0 { Origin::Account(name) } else { Origin::Operator(name) })
    }

    fn state(&mut self) -> Result<MessageState, StoreError> {
        let octet = self.octet()?;
        MessageState::from_octet(octet).ok_or_else(|| self.damaged("no message state has this number"))
    }

    fn id(&mut self) -> Result<Option<OperatorMessageId>, StoreError> {
        Ok(match self.octet()? {
            NO_ID => None,
            DECIMAL_ID => Some(OperatorMessageId::Decimal(self.number()?)),
            TEXT_ID => Some(OperatorMessageId::Text(self.octets()?.into())),
            _ => return Err(self.damaged("no kind of operator's id has this number")),
        })
    }

    fn ids(&mut self) -> Result<OperatorIds, StoreError> {
        let mut ids = OperatorIds::new();
        for _ in 0..self.number()? {
            let operator = self.name()?;
            ids.push((operator, self.id()?.ok_or_else(|| self.damaged("an operator's id is missing"))?));
        }
        Ok(ids)
    }

    fn peer(&mut self) -> Result<Peer, StoreError> {
        let octet = self.octet()?;
        let bind = match octet & 0x7f {
            0 => BindKind::Transmitter,
            1 => BindKind::Receiver,
            2 => BindKind::Transceiver,
            _ => return Err(self.damaged("no bind kind has this number")),
        };
        let address = if octet & 0x80 == 0 {
            IpAddr::V4(Ipv4Addr::from(self.array::<4>()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.array::<16>()?))
        };
        Ok(Peer { address, bind })
    }

    fn entry(&mut self) -> Result<Entry, StoreError> {
        Ok(Entry {
            tick: self.tick()?,
            accepted: self.time()?,
            origin: self.origin()?,
            outbox: self.outbox()?,
            priority: self.priority()?,
            receipts: ReceiptRequest(self.octet()?),
            due: self.time()?,
            expires: self.time()?,
            destination: u64::from_le_bytes(self.array()?),
            peer: self.peer()?,
        })
    }

    fn priority(&mut self) -> Result<u8, StoreError> {
        let priority = self.octet()?;
        if priority > 3 { Err(self.damaged("a priority is 0 to 3")) } else { Ok(priority) }
    }

    fn body(&mut self) -> Result<BodyOctets<'a>, StoreError> {
        match self.number()? {
            0 => Ok(BodyOctets::AsBefore),
            total if total > BODY_SIZE_MAX => Err(self.damaged("a body is longer than any PDU")),
            total => {
                let part = self.octets()?;
                let total = total as usize - 1;
                if part.len() > total {
                    return Err(self.damaged("a body is longer than it says"));
                }
                Ok(BodyOctets::Here(total, part))
            }
        }
    }
}

#[cfg(test)]
mod tests;
