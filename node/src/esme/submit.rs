//! A submit_sm or data_sm becomes a message to keep: checked, routed, timed. Pure.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use smallvec::smallvec;
use smsc_proto::address::Address;
use smsc_proto::session::{VERSION_3_4, VERSION_5_0};
use smsc_proto::smpp::esm_class::{EsmClass, MessagingMode};
use smsc_proto::smpp::pdu::{BindKind, SmBody, SmFields};
use smsc_proto::smpp::tlv::tag;
use smsc_proto::time_format::read_time;
use smsc_proto::timestamp::Timestamp;
use smsc_router::Snapshot;
use smsc_router::number::{Number, normalise};
use smsc_store::handle::address_hash;
use smsc_store::{Fingerprint, Name, NewMessage, Origin, Peer, ReceiptRequest};

use super::account::Account;
use super::long_message;
use super::refusal::Refusal;
use super::tlv_policy;
use crate::config::ValidityOverMax;

/// How long a message waits that is to be tried once: `000000000000000R` (S32), and datagrams (S35). Time enough for a
/// link that has room, and less than any wait before another try.
const ONE_ATTEMPT: Duration = Duration::from_secs(1);

/// The session that submits, as far as a message depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Submitter {
    /// What it speaks.
    pub interface_version: u8,
    /// For the CDR.
    pub peer: IpAddr,
    /// For the CDR.
    pub bind: BindKind,
}

/// The operation that brings a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// submit_sm or submit_multi.
    Submit,
    /// data_sm.
    DataSm,
}

/// What holds for a message wherever it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) due: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) receipts: ReceiptRequest,
}

/// Where one destination's message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: Number,
    pub(super) operator: Name,
}

/// Checks a submission in the order of its fields, chooses its operator and computes its times.
///
/// Costs nothing that a refusal would have to give back: no id, no place in a queue (S44).
pub fn admit(
    account: &Account,
    submitter: Submitter,
    routes: &Snapshot,
    now: Timestamp,
    sequence_number: u32,
    operation: Operation,
    sm: &SmBody,
) -> Result<NewMessage, Refusal> {
    let fields = sm.fields();
    let terms = terms(account, submitter, operation, &fields, now)?;
    let place = place(account, routes, &fields)?;
    let body = tlv_policy::admit(&account.config.tlv, sm, &fields)?;
    let deliveries = long_message::deliveries(account, place.operator, &body)?;
    let mut message = message(account, submitter, terms, sequence_number, &fields, body);
    if deliveries.len() > 1 {
        message.receipts = message.receipts.of_a_part();
    }
    message.destination = address_hash(&place.number);
    message.deliveries = deliveries;
    Ok(message)
}

/// A message of these terms that goes nowhere yet.
pub(super) fn message(
    account: &Account,
    submitter: Submitter,
    terms: Terms,
    sequence_number: u32,
    fields: &SmFields<'_>,
    body: Bytes,
) -> NewMessage {
    NewMessage {
        tag: sequence_number,
        origin: Origin::Account(account.name),
        body,
        priority: fields.priority_flag.min(3),
        due: terms.due,
        expires: terms.expires,
        receipts: terms.receipts,
        destination: 0,
        fingerprint: Fingerprint::of(fields.source, fields.service_type),
        aliased: submitter.interface_version < VERSION_3_4,
        replaces: fields.replace_if_present == 1,
        deliveries: smallvec![],
        peer: Peer { address: submitter.peer, bind: submitter.bind },
    }
}

/// Checks everything but the destination.
pub(super) fn terms(
    account: &Account,
    submitter: Submitter,
    operation: Operation,
    fields: &SmFields<'_>,
    now: Timestamp,
) -> Result<Terms, Refusal> {
    check_flags(fields, submitter.interface_version)?;
    if !account.allows_source(fields.source.digits) {
        return Err(Refusal::SourceNotAllowed);
    }
    let datagram = EsmClass(fields.esm_class).mode() == MessagingMode::Datagram;
    // A datagram is tried at once and reports nothing; who asks for more asks for another mode (S35).
    if datagram && !fields.schedule_delivery_time.is_empty() {
        return Err(Refusal::ModeNotSupported);
    }
    let ttl_counts = operation == Operation::DataSm || submitter.interface_version >= VERSION_5_0;
    let ttl = fields.tlvs.get_u32(tag::QOS_TIME_TO_LIVE).map_err(|error| Refusal::BadTlv(error.status))?;
    let ttl = ttl.filter(|_| ttl_counts).map(|seconds| Duration::from_secs(seconds.into()));
    let (due, expires) = times(account, fields, ttl, now)?;
    let receipts = ReceiptRequest::of_registered_delivery(fields.registered_delivery);
    Ok(match datagram {
        false => Terms { due, expires, receipts },
        true => Terms { due, expires: expires.min(now.plus(ONE_ATTEMPT)), receipts: ReceiptRequest::default() },
    })
}

/// The destination's number and the operator for it.
pub(super) fn place(account: &Account, routes: &Snapshot, fields: &SmFields<'_>) -> Result<Place, Refusal> {
    let number = destination(&fields.destination).ok_or(Refusal::BadDestination)?;
    let operator = routes.mt(account.name, fields.source.digits, &number)?;
    Ok(Place { number, operator })
}

/// A destination as it is routed and remembered: in submissions, and in what asks for them later.
pub(super) fn destination(address: &Address<'_>) -> Option<Number> {
    normalise(address, None)
}

fn check_flags(fields: &SmFields<'_>, interface_version: u8) -> Result<(), Refusal> {
    // The response of a transaction would have to wait for the handset.
    if EsmClass(fields.esm_class).mode() == MessagingMode::Transaction {
        return Err(Refusal::ModeNotSupported);
    }
    if fields.priority_flag > if interface_version >= VERSION_5_0 { 4 } else { 3 } {
        return Err(Refusal::BadPriority);
    }
    if fields.replace_if_present > 1 {
        return Err(Refusal::BadReplaceFlag);
    }
    if fields.sm_default_msg_id != 0 {
        return Err(Refusal::NoDefaultMessage);
    }
    Ok(())
}

/// When the message may leave and when its validity ends. A schedule that is over means now.
fn times(
    account: &Account,
    fields: &SmFields<'_>,
    ttl: Option<Duration>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Refusal> {
    let due = schedule(fields.schedule_delivery_time, now)?.unwrap_or(now);
    let expires = match ttl {
        // As it is for a validity of nothing: one attempt (S32, S33).
        Some(Duration::ZERO) => due.plus(ONE_ATTEMPT),
        Some(ttl) => within_max(account, due, now.plus(ttl))?,
        None => validity(account, fields.validity_period, due, now)?
            .unwrap_or_else(|| due.plus(account.config.validity_default.min(account.config.validity_max))),
    };
    Ok((due, expires))
}

/// schedule_delivery_time, not before now; `None` if it is empty.
pub(super) fn schedule(text: &[u8], now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let scheduled = read_time(text, now).map_err(|_| Refusal::BadSchedule)?;
    Ok(scheduled.map(|at| at.max(now)))
}

/// The end of a validity_period for a message that is due then; `None` if it is empty.
pub(super) fn validity(
    account: &Account,
    text: &[u8],
    due: Timestamp,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    const NOTHING: &[u8] = b"000000000000000R";
    if text == NOTHING {
        return Ok(Some(due.plus(ONE_ATTEMPT)));
    }
    match read_time(text, now).map_err(|_| Refusal::BadValidity)? {
        None => Ok(None),
        Some(expires) => within_max(account, due, expires).map(Some),
    }
}

/// The end of a validity, if it is after the schedule; no later than the account may (S32).
fn within_max(account: &Account, due: Timestamp, expires: Timestamp) -> Result<Timestamp, Refusal> {
    let latest = due.plus(account.config.validity_max);
    let too_long = expires > latest && account.config.validity_over_max == ValidityOverMax::Refuse;
    if expires <= due || too_long {
        return Err(Refusal::BadValidity);
    }
    Ok(expires.min(latest))
}
