//! A submit_sm becomes a message to keep: checked, routed, timed. Pure.

use std::net::IpAddr;
use std::time::Duration;

use smsc_proto::smpp::pdu::{BindKind, SmBody, SmFields};
use smsc_proto::time_format::read_time;
use smsc_proto::timestamp::Timestamp;
use smsc_router::Snapshot;
use smsc_router::number::normalise;
use smsc_store::handle::address_hash;
use smsc_store::{NewMessage, Origin, Peer, ReceiptRequest};

use super::account::Account;
use super::long_message;
use super::refusal::Refusal;
use super::tlv_policy;
use crate::config::ValidityOverMax;

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

/// Checks a submit_sm in the order of its fields, chooses its operator and computes its times.
///
/// Costs nothing that a refusal would have to give back: no id, no place in a queue (S44).
pub fn admit(
    account: &Account,
    submitter: Submitter,
    routes: &Snapshot,
    now: Timestamp,
    sequence_number: u32,
    sm: &SmBody,
) -> Result<NewMessage, Refusal> {
    let fields = sm.fields();
    check_flags(&fields, submitter.interface_version)?;
    if !account.allows_source(fields.source.digits) {
        return Err(Refusal::SourceNotAllowed);
    }
    let destination = normalise(&fields.destination, None).ok_or(Refusal::BadDestination)?;
    let (due, expires) = times(account, &fields, now)?;
    let operator = routes.mt(account.name, fields.source.digits, &destination)?;
    let body = tlv_policy::admit(&account.config.tlv, sm, &fields)?;
    let deliveries = long_message::deliveries(account, operator, &body)?;
    /// The bits that mean something (S36).
    const REGISTERED_DELIVERY: u8 = 0b1_1111;
    let receipts = ReceiptRequest(fields.registered_delivery & REGISTERED_DELIVERY);
    Ok(NewMessage {
        tag: sequence_number,
        origin: Origin::Account(account.name),
        body,
        priority: fields.priority_flag.min(3),
        due,
        expires,
        receipts: if deliveries.len() > 1 { receipts.of_a_part() } else { receipts },
        destination: address_hash(&destination),
        deliveries,
        peer: Peer { address: submitter.peer, bind: submitter.bind },
    })
}

fn check_flags(fields: &SmFields<'_>, interface_version: u8) -> Result<(), Refusal> {
    const MODE: u8 = 0b11;
    const MODE_DEFAULT: u8 = 0;
    const MODE_STORE_AND_FORWARD: u8 = 3;
    if !matches!(fields.esm_class & MODE, MODE_DEFAULT | MODE_STORE_AND_FORWARD) {
        return Err(Refusal::ModeNotSupported);
    }
    if fields.priority_flag > if interface_version >= 0x50 { 4 } else { 3 } {
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

/// How long a message waits for its one attempt: shorter than any retry is worth.
const SINGLE_ATTEMPT: Duration = Duration::from_secs(1);

/// When the message may leave and when its validity ends. A schedule that is over means now.
fn times(account: &Account, fields: &SmFields<'_>, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
    let scheduled = read_time(fields.schedule_delivery_time, now).map_err(|_| Refusal::BadSchedule)?;
    let due = scheduled.unwrap_or(now).max(now);
    let latest = due.plus(account.config.validity_max);
    let expires = match read_time(fields.validity_period, now).map_err(|_| Refusal::BadValidity)? {
        None => due.plus(account.config.validity_default),
        // A validity of nothing: one attempt, for which there must be a moment (S32).
        Some(expires) if expires == now && due == now && fields.validity_period.ends_with(b"R") => {
            due.plus(SINGLE_ATTEMPT)
        }
        Some(expires) if expires <= due => return Err(Refusal::BadValidity),
        Some(expires) => expires,
    };
    if expires > latest && account.config.validity_over_max == ValidityOverMax::Refuse {
        return Err(Refusal::BadValidity);
    }
    Ok((due, expires.min(latest)))
}
