//! A deliver_sm or data_sm from an operator becomes a receipt or an MO message to keep. Pure.

use std::borrow::Cow;
use std::net::IpAddr;

use smallvec::smallvec;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::data_coding::{Alphabet, DataCoding};
use smsc_proto::smpp::esm_class::EsmClass;
use smsc_proto::smpp::pdu::{BindKind, SmBody, SmFields};
use smsc_proto::text::ucs2;
use smsc_proto::text::udh::UserDataHeader;
use smsc_proto::timestamp::Timestamp;
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
    let normalised = normalise(&fields.destination, None);
    let destination = normalised.as_deref().unwrap_or(fields.destination.digits);
    let routes = services.router.snapshot();
    let account = routes.mo(profile.name, destination, &text(fields)).and_then(|name| services.account(name)).ok_or(
        match services.config.router.mo_no_route {
            MoNoRoute::Refuse => CommandStatus::ESME_RX_R_APPN,
            // Parked where it is: the operator keeps it and tries again, so that a route may still be made for it.
            MoNoRoute::Park => CommandStatus::ESME_RX_T_APPN,
        },
    )?;
    Ok(NewMessage {
        tag: sequence_number,
        origin: Origin::Operator(profile.name),
        body: sm.octets().clone(),
        priority: fields.priority_flag.min(3),
        due: now,
        expires: now.plus(account.config.receipt_lifetime),
        receipts: ReceiptRequest::default(),
        destination: address_hash(destination),
        fingerprint: Fingerprint::default(),
        aliased: false,
        replaces: false,
        deliveries: smallvec![NewDelivery { outbox: Outbox::Account(account.name), body: None, destination: None }],
        peer: Peer { address: peer, bind: BindKind::Transceiver },
    })
}

/// The text as octets in which a keyword can be found: without user data header, UCS-2 as UTF-8.
fn text<'a>(fields: &SmFields<'a>) -> Cow<'a, [u8]> {
    let mut octets = fields.user_data();
    if EsmClass(fields.esm_class).has_udh() {
        octets = UserDataHeader::split(octets).map_or(octets, |(_, text)| text);
    }
    match DataCoding(fields.data_coding).alphabet() {
        Alphabet::Ucs2 => Cow::Owned(ucs2::decode(octets).into_bytes()),
        _ => Cow::Borrowed(octets),
    }
}
