//! A PDU as a line of JSON: every field but passwords and texts, of which only the length is told.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use smsc_proto::address::Address;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::smpp::codec::Header;
use smsc_proto::smpp::pdu::{Destination, OwnedAddress, Pdu, SmFields};
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::udh::UserDataHeader;

/// Octets of a value that are shown.
const SHOWN_MAX: usize = 64;
/// esm_class: the text begins with a user data header.
const UDHI: u8 = 0x40;

/// What a PDU says, without any text.
pub(super) fn fields(header: &Header, pdu: Option<&Pdu>) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("pdu".to_owned(), header.command_id.name().into());
    line.insert("sequence_number".to_owned(), header.sequence_number.into());
    line.insert("octets".to_owned(), header.command_length.into());
    if header.command_id.is_response() {
        line.insert("status".to_owned(), header.command_status.name().into());
        line.insert("status_code".to_owned(), header.command_status.0.into());
    }
    let body = match pdu {
        None => json!({ "malformed": true }),
        Some(pdu) => body(pdu),
    };
    if let Value::Object(body) = body {
        line.extend(body);
    }
    line
}

fn body(pdu: &Pdu) -> Value {
    match pdu {
        Pdu::Bind(_, bind) => json!({
            "system_id": text(&bind.system_id),
            "system_type": text(&bind.system_type),
            "interface_version": format!("{:#04x}", bind.interface_version),
            "address_range": text(&bind.address_range),
        }),
        Pdu::BindResp(_, answer) => json!({
            "system_id": text(&answer.system_id),
            "sc_interface_version": answer.sc_interface_version.map(|version| format!("{version:#04x}")),
        }),
        Pdu::Outbind(outbind) => json!({ "system_id": text(&outbind.system_id) }),
        Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) => message(&sm.fields()),
        Pdu::DataSm(body) => message(&body.fields()),
        Pdu::SubmitMulti(multi) => {
            let mut all = message(&multi.sm.fields());
            let to = |destination: &Destination| match destination {
                Destination::Sme(address) => owned(address),
                Destination::List(name) => json!({ "list": text(name) }),
            };
            all["destinations"] = multi.destinations.iter().map(to).collect();
            all
        }
        Pdu::SubmitSmResp(answer) | Pdu::DeliverSmResp(answer) | Pdu::DataSmResp(answer) => {
            json!({ "message_id": answer.message_id.as_deref().map(text), "tlvs": tlvs(answer.tlvs.tlvs()) })
        }
        Pdu::SubmitMultiResp(answer) => json!({
            "message_id": answer.message_id.as_deref().map(text),
            "unsuccessful": answer.unsuccessful.len(),
        }),
        Pdu::QuerySm(query) => json!({ "message_id": text(&query.message_id), "source": owned(&query.source) }),
        Pdu::QuerySmResp(Some(answer)) => json!({
            "message_id": text(&answer.message_id),
            "final_date": text(&answer.final_date),
            "message_state": answer.message_state,
            "error_code": answer.error_code,
        }),
        Pdu::CancelSm(cancel) => json!({
            "message_id": text(&cancel.message_id),
            "source": owned(&cancel.source),
            "destination": owned(&cancel.destination),
        }),
        Pdu::ReplaceSm(replace) => json!({
            "message_id": text(&replace.message_id),
            "source": owned(&replace.source),
            "schedule_delivery_time": text(&replace.schedule_delivery_time),
            "validity_period": text(&replace.validity_period),
            "registered_delivery": replace.registered_delivery,
            "text_octets": replace.user_data().len(),
        }),
        Pdu::AlertNotification(alert) => json!({ "source": owned(&alert.source), "esme": owned(&alert.esme) }),
        Pdu::Unbind
        | Pdu::UnbindResp
        | Pdu::EnquireLink
        | Pdu::EnquireLinkResp
        | Pdu::GenericNack
        | Pdu::QuerySmResp(None)
        | Pdu::CancelSmResp
        | Pdu::ReplaceSmResp
        | Pdu::Unsupported(..) => json!({}),
    }
}

fn message(fields: &SmFields<'_>) -> Value {
    let user_data = fields.user_data();
    let header = (fields.esm_class & UDHI != 0).then(|| UserDataHeader::split(user_data)).flatten();
    let header_octets = header.map_or(0, |(_, rest)| user_data.len() - rest.len());
    let mut said = json!({
        "service_type": text(fields.service_type),
        "source": address(&fields.source),
        "destination": address(&fields.destination),
        "esm_class": format!("{:#04x}", fields.esm_class),
        "protocol_id": fields.protocol_id,
        "priority_flag": fields.priority_flag,
        "schedule_delivery_time": text(fields.schedule_delivery_time),
        "validity_period": text(fields.validity_period),
        "registered_delivery": format!("{:#04x}", fields.registered_delivery),
        "replace_if_present": fields.replace_if_present,
        "data_coding": format!("{:#04x}", fields.data_coding),
        "text_octets": user_data.len() - header_octets,
        "tlvs": tlvs(fields.tlvs),
    });
    if header_octets > 0 {
        said["udh"] = hex(&user_data[..header_octets]).into();
    }
    // A receipt's text begins with the message's own: what it says is told, and not how.
    if let Some(receipt) = DeliveryReceipt::is_receipt(fields).then(|| DeliveryReceipt::read(fields)).flatten() {
        said["receipt"] = json!({
            "message_id": receipt.message_id.to_string(),
            "state": receipt.state.receipt_word(),
            "error": String::from_utf8_lossy(&receipt.error),
        });
    }
    said
}

fn tlvs(tlvs: Tlvs<'_>) -> Value {
    let one = |tlv: Tlv<'_>| {
        let mut said = json!({ "tag": format!("{:#06x}", tlv.tag), "octets": tlv.value.len() });
        // Whatever may hold a text stays untold.
        if !matches!(tlv.tag, tag::MESSAGE_PAYLOAD | tag::ADDITIONAL_STATUS_INFO_TEXT) {
            said["value"] = hex(tlv.value).into();
        }
        said
    };
    tlvs.iter().map(one).collect()
}

fn address(address: &Address<'_>) -> Value {
    json!({ "ton": address.ton, "npi": address.npi, "digits": text(address.digits) })
}

fn owned(given: &OwnedAddress) -> Value {
    address(&given.as_address())
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn hex(octets: &[u8]) -> String {
    let shown = &octets[..octets.len().min(SHOWN_MAX)];
    let mut digits = String::with_capacity(2 * shown.len() + 3);
    for octet in shown {
        let _ = write!(digits, "{octet:02x}");
    }
    if shown.len() < octets.len() {
        digits.push_str("...");
    }
    digits
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use smsc_proto::smpp::command_id::CommandId;
    use smsc_proto::smpp::command_status::CommandStatus;
    use smsc_proto::smpp::pdu::{Bind, BindKind, SmBody};

    use super::*;

    fn header(command_id: CommandId) -> Header {
        Header { command_length: 16, command_id, command_status: CommandStatus::ESME_ROK, sequence_number: 7 }
    }

    fn told(sm: &SmFields<'_>, more: &[Tlv<'_>]) -> String {
        let pdu = Pdu::SubmitSm(SmBody::from_fields(sm, more).expect("it is good"));
        Value::Object(fields(&header(CommandId::SUBMIT_SM), Some(&pdu))).to_string()
    }

    #[test]
    fn all_fields_of_a_message_are_told_but_its_text() {
        let destination = Address::new(1, 1, b"46701234567");
        let sm = SmFields { destination, data_coding: 8, short_message: b"my secret", ..SmFields::default() };
        let line = told(&sm, &[Tlv::new(tag::USER_MESSAGE_REFERENCE, &[0, 9])]);
        for part in ["submit_sm", "46701234567", "\"data_coding\":\"0x08\"", "\"text_octets\":9", "0x0204", "0009"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("secret") && !line.contains(&hex(b"secret")), "{line}");
    }

    #[test]
    fn a_text_in_a_tlv_is_no_more_told_than_any_other() {
        let line = told(&SmFields::default(), &[Tlv::new(tag::MESSAGE_PAYLOAD, b"my secret")]);
        assert!(line.contains("0x0424") && !line.contains(&hex(b"secret")), "{line}");
    }

    #[test]
    fn a_header_of_user_data_is_told_and_what_is_behind_it_is_not() {
        let short_message = b"\x05\x00\x03\x01\x02\x01my secret";
        let line = told(&SmFields { esm_class: UDHI, short_message, ..SmFields::default() }, &[]);
        assert!(line.contains("050003010201\"") && line.contains("\"text_octets\":9"), "{line}");
        assert!(!line.contains(&hex(b"secret")), "{line}");
    }

    #[test]
    fn a_receipt_is_told_by_what_it_means() {
        let text =
            b"id:42 sub:001 dlvrd:001 submit date:2611271200 done date:2611271201 stat:UNDELIV err:012 text:my secret";
        let line = told(&SmFields { esm_class: 4, short_message: text, ..SmFields::default() }, &[]);
        assert!(line.contains("\"state\":\"UNDELIV\"") && line.contains("\"error\":\"012\""), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }

    #[test]
    fn a_password_is_never_told() {
        let bind = Bind { password: Bytes::from_static(b"hush"), system_id: Bytes::from_static(b"shop"), ..bind() };
        let pdu = Pdu::Bind(BindKind::Transmitter, bind);
        let line = Value::Object(fields(&header(CommandId::BIND_TRANSMITTER), Some(&pdu))).to_string();
        assert!(line.contains("shop") && !line.contains("hush"), "{line}");
    }

    fn bind() -> Bind {
        Bind {
            system_id: Bytes::new(),
            password: Bytes::new(),
            system_type: Bytes::new(),
            interface_version: 0x34,
            addr_ton: 0,
            addr_npi: 0,
            address_range: Bytes::new(),
        }
    }
}
