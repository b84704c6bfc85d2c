//! A deliver_sm or data_sm from an operator becomes a receipt or an MO message to keep. Pure.

use std::net::IpAddr;

use smallvec::smallvec;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, SmBody, SmFields};
use smsc_proto::timestamp::Timestamp;
use smsc_router::mobile_originated::{account_of, parked};
use smsc_router::number::normalise;
use smsc_router::receipt::operator_receipt;
use smsc_store::handle::address_hash;
use smsc_store::{Fingerprint, NewDelivery, NewMessage, OperatorReceipt, Origin, Outbox, Peer, ReceiptRequest};

use super::profile::Profile;
use crate::config::MoNoRoute;
use crate::services::Services;

/// What an operator has delivered.
#[derive(Debug)]
pub enum Delivered {
    /// A receipt for a message that we sent.
    Receipt(OperatorReceipt),
    /// A message from a handset.
    Message(NewMessage),
}

/// Reads it; an error is the status that it earns. Nothing is ever acknowledged and dropped (S53, Q22).
pub fn read(
    services: &Services,
    profile: &Profile,
    peer: IpAddr,
    sequence_number: u32,
    now: Timestamp,
    sm: &SmBody,
) -> Result<Delivered, CommandStatus> {
    let fields = sm.fields();
    if DeliveryReceipt::is_receipt(&fields) {
        let receipt = DeliveryReceipt::read(&fields).ok_or(CommandStatus::ESME_RX_R_APPN)?;
        let destination = destination_hash(&fields.source);
        let receipt = operator_receipt(sequence_number, profile.name, receipt, &profile.ids, destination, now);
        return Ok(Delivered::Receipt(receipt));
    }
    mobile_originated(services, profile, peer, sequence_number, now, sm, &fields).map(Delivered::Message)
}

/// The hash of a number in its international form, or of the octets when it is none.
fn destination_hash(address: &smsc_proto::address::Address<'_>) -> u64 {
    normalise(address, None).map_or_else(|| address_hash(address.digits), |digits| address_hash(&digits))
}

fn mobile_originated(
    services: &Services,
    profile: &Profile,
    peer: IpAddr,
    sequence_number: u32,
    now: Timestamp,
    sm: &SmBody,
    fields: &SmFields<'_>,
) -> Result<NewMessage, CommandStatus> {
    let live = services.live();
    let router = &live.config.router;
    let account = account_of(&services.router.snapshot(), profile.name, fields).and_then(|name| live.account(name));
    let (outbox, lifetime) = match (account, router.mo_no_route) {
        (Some(account), _) => (Outbox::Account(account.name), account.config.receipt_lifetime),
        (None, MoNoRoute::Refuse) => return Err(CommandStatus::ESME_RX_R_APPN),
        // Kept here until a route takes it, for the operator would give it up one day.
        (None, MoNoRoute::Park) => (parked(), router.mo_park_max),
    };
    Ok(NewMessage {
        tag: sequence_number,
        origin: Origin::Operator(profile.name),
        body: sm.octets().clone(),
        priority: fields.priority_flag.min(3),
        due: now,
        expires: now.plus(lifetime),
        receipts: ReceiptRequest::default(),
        destination: destination_hash(&fields.destination),
        fingerprint: Fingerprint::default(),
        aliased: false,
        replaces: false,
        deliveries: smallvec![NewDelivery { outbox, body: None, destination: None }],
        peer: Peer { address: peer, bind: BindKind::Transceiver },
    })
}
