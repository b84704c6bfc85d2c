//! A leased message or receipt becomes a deliver_sm, or a data_sm for an account that wants those (Q12).

use std::time::Instant;

use smsc_proto::address::Address;
use smsc_proto::ids::MessageAlias;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptText;
use smsc_proto::session::{SendError, Session, VERSION_3_4};
use smsc_proto::smpp::esm_class::EsmClass;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::conversion::{Converted, convert};
use smsc_proto::text::plain_text;
use smsc_store::{Content, LeasedDelivery, Origin};

use super::account::Account;
use super::tlv_policy;
use crate::attempt::Attempt;
use crate::config::ReceiptPdu;

/// Sends one delivery to the ESME. An error means that nothing was written.
pub fn deliver(
    session: &mut Session<Attempt>,
    account: &Account,
    now: Instant,
    delivery: &LeasedDelivery,
) -> Result<(), SendError> {
    let Ok(fields) = SmFields::decode(&delivery.body) else {
        // Bodies were checked before they were kept; replay checks their checksums.
        return Err(SendError::WrongState);
    };
    let with_tlvs = session.peer_version() >= VERSION_3_4;
    match delivery.content {
        Content::Message => {
            let message = message(&fields, with_tlvs);
            let converted = converted(account, delivery.origin, &message);
            let mut tlvs = tlv_policy::to_esme(&account.config.tlv, message.tlvs);
            let mut message = SmFields { tlvs: Tlvs::default(), ..message };
            if let Some(converted) = &converted {
                message.data_coding = converted.data_coding;
                match tlvs.iter_mut().find(|tlv| tlv.tag == tag::MESSAGE_PAYLOAD && !tlv.value.is_empty()) {
                    Some(payload) => payload.value = &converted.user_data,
                    None if converted.user_data.len() > SmFields::SHORT_MESSAGE_MAX => {
                        message.short_message = b"";
                        tlvs.push(Tlv::new(tag::MESSAGE_PAYLOAD, &converted.user_data));
                    }
                    None => message.short_message = &converted.user_data,
                }
            }
            send(session, account, &message, &tlvs, Attempt::new(delivery, now))
        }
        Content::Receipt { state, error, done } => {
            let id = match delivery.aliased {
                true => MessageAlias::of(delivery.message_id).to_string(),
                false => delivery.message_id.to_string(),
            };
            let beginning = plain_text(&fields, account.config.alphabet.into());
            let mut text = Vec::with_capacity(160);
            ReceiptText {
                message_id: &id,
                state,
                error,
                submitted: delivery.accepted,
                done,
                text: beginning.as_octets(),
            }
            .write(&mut text);
            let receipt = receipt(&fields, state, &text);
            let terminated = [id.as_bytes(), &[0]].concat();
            let state_octet = [state as u8];
            let network_error = network_error(error);
            let tlvs = [
                Tlv { tag: tag::RECEIPTED_MESSAGE_ID, value: &terminated },
                Tlv { tag: tag::MESSAGE_STATE, value: &state_octet },
                Tlv { tag: tag::NETWORK_ERROR_CODE, value: &network_error },
            ];
            let count = match (with_tlvs, state) {
                (false, _) => 0,
                (true, MessageState::Delivered | MessageState::Enroute | MessageState::Accepted) => 2,
                (true, _) => 3,
            };
            send(session, account, &receipt, &tlvs[..count], Attempt::new(delivery, now))
        }
    }
}

/// The text of an MO message in the account's alphabet, where the operator that brought it has another (Q29).
fn converted(account: &Account, origin: Origin, message: &SmFields<'_>) -> Option<Converted> {
    let Origin::Operator(operator) = origin else { return None };
    let rules = account.towards(operator)?;
    convert(message, rules.alphabet, account.config.alphabet.into())
}

/// By data_sm if the account wants it so and the session knows it (S22).
fn send(
    session: &mut Session<Attempt>,
    account: &Account,
    sm: &SmFields<'_>,
    tlvs: &[Tlv<'_>],
    attempt: Attempt,
) -> Result<(), SendError> {
    let sent = match account.config.receipt_pdu {
        ReceiptPdu::DataSm if session.peer_version() >= VERSION_3_4 => {
            session.send_data_sm(attempt.sent, sm, tlvs, attempt)
        }
        ReceiptPdu::DataSm | ReceiptPdu::DeliverSm => session.send_sm(attempt.sent, sm, tlvs, attempt),
    };
    sent.map(drop)
}

/// An MO message as the operator sent it. Older sessions get no TLVs; a text that came as message_payload then goes as
/// short_message, as far as that holds it.
fn message<'a>(fields: &SmFields<'a>, with_tlvs: bool) -> SmFields<'a> {
    let mut message = SmFields { registered_delivery: 0, schedule_delivery_time: b"", validity_period: b"", ..*fields };
    if !with_tlvs {
        let text = fields.user_data();
        message.short_message = &text[..text.len().min(SmFields::SHORT_MESSAGE_MAX)];
        message.tlvs = Tlvs::default();
    }
    message
}

/// The receipt about a message: its addresses exchanged, everything else at rest (S50).
fn receipt<'a>(about: &SmFields<'a>, state: MessageState, text: &'a [u8]) -> SmFields<'a> {
    let esm_class = if state.is_final() { EsmClass::DELIVERY_RECEIPT } else { EsmClass::INTERMEDIATE_NOTIFICATION };
    SmFields {
        service_type: about.service_type,
        source: about.destination,
        destination: Address { ..about.source },
        esm_class: esm_class.0,
        short_message: text,
        ..SmFields::default()
    }
}

/// network_error_code: 3 = GSM, then the number that the receipt's text shows (S28).
fn network_error(error: [u8; 3]) -> [u8; 3] {
    const GSM: u8 = 3;
    let code: u16 = std::str::from_utf8(&error).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let [high, low] = code.to_be_bytes();
    [GSM, high, low]
}
