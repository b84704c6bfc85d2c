//! A message that is too long for its operator becomes several before it is kept. Pure.

use bytes::{Bytes, BytesMut};
use smallvec::{SmallVec, smallvec};
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::conversion::{Piece, split};
use smsc_store::{Name, NewDelivery, Outbox};

use super::account::Account;
use super::refusal::Refusal;

/// What is to be sent of a message for that operator: one delivery, or one for each part.
pub fn deliveries(account: &Account, operator: Name, body: &Bytes) -> Result<SmallVec<[NewDelivery; 1]>, Refusal> {
    let outbox = Outbox::Operator(operator);
    let whole = || smallvec![NewDelivery { outbox, body: None, destination: None }];
    let Some((rules, marking)) = account.towards(operator).and_then(|rules| Some((rules, rules.marking?))) else {
        return Ok(whole());
    };
    let Ok(fields) = SmFields::decode(body) else { return Ok(whole()) };
    let from = account.config.alphabet.into();
    let pieces = match split(&fields, from, rules.alphabet, marking, account.next_reference()) {
        None => return Ok(whole()),
        Some(pieces) => pieces.map_err(|_| Refusal::TooLong)?,
    };
    Ok(pieces.iter().map(|piece| NewDelivery { outbox, body: Some(part(&fields, piece)), destination: None }).collect())
}

/// The body of one part.
fn part(fields: &SmFields<'_>, piece: &Piece) -> Bytes {
    let mut tlvs: SmallVec<[Tlv<'_>; 8]> = fields.tlvs.iter().filter(|tlv| tlv.tag != tag::MESSAGE_PAYLOAD).collect();
    tlvs.extend(piece.segment.sar.as_ref().map(|sar| sar.tlvs()).into_iter().flatten());
    let part = SmFields {
        esm_class: fields.esm_class | piece.segment.esm_class,
        data_coding: piece.data_coding,
        short_message: &piece.segment.short_message,
        tlvs: Tlvs::default(),
        ..*fields
    };
    let mut octets = BytesMut::new();
    part.encode(&tlvs, &mut octets);
    octets.freeze()
}
