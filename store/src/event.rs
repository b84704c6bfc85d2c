//! Events: what changed in a partition, and its octets in a journal record.
//!
//! An event is one octet that says which, then its fields in the order of the type. Numbers are LEB128; slots, ids and
//! times are written as their signed distance (zigzag) to the record's base, mostly one to three octets. A change of
//! this form needs a new [`record::VERSION`](crate::record::VERSION).

mod fields;
mod reader;

use smallvec::SmallVec;
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use crate::fingerprint::Fingerprint;
use crate::messages::{CdrKind, Origin, Outbox, Peer, ReceiptRequest};
use crate::name::Name;
use crate::partition::delivery::Marks;
use crate::record::RecordWriter;

use fields::Out;
pub(crate) use reader::EventReader;

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
    pub(crate) fingerprint: Fingerprint,
    pub(crate) marks: Marks,
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
    pub(crate) owed: Owed,
}

/// Call detail records of a delivery that are not written yet. Which they are, its marks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// Whether nothing else is left to do.
    pub(crate) only: bool,
    /// Since when that of its final state is.
    pub(crate) last: Option<Timestamp>,
    /// Since when that of its receipt is, which was given up.
    pub(crate) receipt: Option<Timestamp>,
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
    pub(crate) fingerprint: Fingerprint,
    pub(crate) marks: Marks,
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
    /// A final state whose call detail record is owed. The base stays: the record needs the body.
    FinalOwed {
        slot: u64,
        state: MessageState,
        error: ReceiptError,
        done: Timestamp,
        /// When it became final by our clock.
        at: Timestamp,
        attempts: u16,
        /// Until when a receipt is to be delivered; `None`: none is.
        receipt_expires: Option<Timestamp>,
        /// The parked receipt that brought it.
        parked: Option<u64>,
    },
    /// Its receipt is delivered or given up (since when, if that is to be written), and a call detail record is owed.
    ReceiptEnds { slot: u64, given_up: Option<Timestamp> },
    /// A call detail record of it is written, and something else is left to do.
    CdrWritten { slot: u64, kind: CdrKind },
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
    /// Other times, receipts and text; the rest of the body stays.
    Replaced { slot: u64, due: Timestamp, expires: Timestamp, receipts: ReceiptRequest, text: TextOctets<'a> },
}

/// A text that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextOctets<'a> {
    pub(crate) octets: &'a [u8],
    /// Whether they are a message_payload.
    pub(crate) payload: bool,
}

const BODY_PART: u8 = 2;
const SENT: u8 = 3;
const AGAIN: u8 = 4;
const UNRESOLVED: u8 = 5;
const FINAL: u8 = 6;
const PARKED: u8 = 8;
const PARKED_ENDS: u8 = 9;
const REROUTED: u8 = 10;
// Since version 2: bases have a fingerprint and marks.
const ACCEPTED: u8 = 12;
const RETAINED: u8 = 13;
const KEEP: u8 = 14;
const REPLACED: u8 = 15;
// Since version 3: call detail records that are owed.
const FINAL_OWED: u8 = 16;
const RECEIPT_ENDS: u8 = 17;
const CDR_WRITTEN: u8 = 18;
const KEEP_OWED: u8 = 19;
// As version 1 wrote them: read, not written any more.
const ACCEPTED_1: u8 = 1;
const RETAINED_1: u8 = 7;
const KEEP_1: u8 = 11;

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
                Event::Replaced { text, .. } => text.octets.len(),
                Event::Accepted { body: BodyOctets::AsBefore, .. }
                | Event::Sent { id: None, .. }
                | Event::Again { .. }
                | Event::Unresolved { .. }
                | Event::Final { .. }
                | Event::FinalOwed { .. }
                | Event::ReceiptEnds { .. }
                | Event::CdrWritten { .. }
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
            | Event::FinalOwed { .. }
            | Event::ReceiptEnds { .. }
            | Event::CdrWritten { .. }
            | Event::ParkedEnds { .. }
            | Event::Replaced { .. } => {}
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
            Event::FinalOwed { slot, state, error, done, at, attempts, receipt_expires, parked } => {
                out.octet_of_version(3, FINAL_OWED);
                out.slot(*slot);
                out.octet(*state as u8);
                out.raw(error);
                out.time(*done);
                out.time(*at);
                out.number(u64::from(*attempts));
                out.time_or_none(*receipt_expires);
                out.number(parked.map_or(0, |number| number + 1));
            }
            Event::ReceiptEnds { slot, given_up } => {
                out.octet_of_version(3, RECEIPT_ENDS);
                out.slot(*slot);
                out.time_or_none(*given_up);
            }
            Event::CdrWritten { slot, kind } => {
                out.octet_of_version(3, CDR_WRITTEN);
                out.slot(*slot);
                out.octet(*kind as u8);
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
                out.fingerprint(summary.fingerprint);
                out.octet(summary.marks.kept());
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
                let owed = (progress.owed != Owed::default()).then_some(progress.owed);
                match owed {
                    None => out.octet(KEEP),
                    Some(_) => out.octet_of_version(3, KEEP_OWED),
                }
                out.slot(*slot);
                out.entry(entry);
                if let Some(Owed { only, last, receipt }) = owed {
                    out.octet(u8::from(only));
                    out.time_or_none(last);
                    out.time_or_none(receipt);
                }
                out.octet(u8::from(progress.enroute) | u8::from(progress.taken) << 1);
                out.octet(progress.state as u8);
                out.raw(&progress.error);
                out.time(progress.done);
                out.number(u64::from(progress.attempts));
                out.octet(progress.unanswered);
                out.ids(&progress.ids);
                out.body(*body);
            }
            Event::Replaced { slot, due, expires, receipts, text } => {
                out.octet(REPLACED);
                out.slot(*slot);
                out.time(*due);
                out.time(*expires);
                out.octet(receipts.0);
                out.octet(u8::from(text.payload));
                out.octets(text.octets);
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

#[cfg(test)]
mod tests;
