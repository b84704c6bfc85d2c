//! smpp34 as an oracle: it reads from our octets the fields that we wrote, and writes them back as the same octets.

use std::borrow::Cow;

use proptest::prelude::*;
use smpp34::{CommandHeader, SmppError, Tlv as TheirTlv};
use smsc_proto::smpp::codec::HEADER_LENGTH;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::*;
use smsc_proto::smpp::tlv::Tlvs;

use crate::arbitrary::{Content, encoded};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn smpp34_reads_every_pdu_as_we_write_it_and_writes_it_back(pdu in Content::Plain.pdu(), sequence_number: u32) {
        let ours = encoded(&pdu, CommandStatus::ESME_ROK, sequence_number);
        let header = CommandHeader::decode(&ours).unwrap();
        prop_assert_eq!(header.sequence_number, sequence_number);
        if let Some(back) = read_and_rewritten(&pdu, header, &ours).unwrap() {
            prop_assert_eq!(&back[..], &ours[..]);
        }
    }
}

/// Their reading of `octets`, compared with `pdu` field by field, and what they write for it; `None` where they read
/// no such PDU.
fn read_and_rewritten(pdu: &Pdu, header: CommandHeader, octets: &[u8]) -> Result<Option<Vec<u8>>, SmppError> {
    Ok(Some(match pdu {
        Pdu::Bind(BindKind::Transmitter, bind) => {
            let theirs = smpp34::bind_transmitter::decode(header, octets)?;
            let range = (theirs.interface_version, theirs.addr_ton, theirs.addr_npi, &theirs.address_range[..]);
            assert_bind(bind, [&theirs.system_id, &theirs.password, &theirs.system_type], range);
            theirs.encode()
        }
        Pdu::Bind(BindKind::Receiver, bind) => {
            let theirs = smpp34::bind_receiver::decode(header, octets)?;
            let range = (theirs.interface_version, theirs.addr_ton, theirs.addr_npi, &theirs.address_range[..]);
            assert_bind(bind, [&theirs.system_id, &theirs.password, &theirs.system_type], range);
            theirs.encode()
        }
        Pdu::Bind(BindKind::Transceiver, bind) => {
            let theirs = smpp34::bind_transceiver::decode(header, octets)?;
            let range = (theirs.interface_version, theirs.addr_ton, theirs.addr_npi, &theirs.address_range[..]);
            assert_bind(bind, [&theirs.system_id, &theirs.password, &theirs.system_type], range);
            theirs.encode()
        }
        Pdu::BindResp(kind, resp) => {
            let (system_id, version, back) = match kind {
                BindKind::Transmitter => {
                    let theirs = smpp34::bind_transmitter_resp::decode(header, octets)?;
                    (theirs.system_id.clone(), theirs.sc_interface_version, theirs.encode())
                }
                BindKind::Receiver => {
                    let theirs = smpp34::bind_receiver_resp::decode(header, octets)?;
                    (theirs.system_id.clone(), theirs.sc_interface_version, theirs.encode())
                }
                BindKind::Transceiver => {
                    let theirs = smpp34::bind_transceiver_resp::decode(header, octets)?;
                    (theirs.system_id.clone(), theirs.sc_interface_version, theirs.encode())
                }
            };
            assert_eq!(system_id.unwrap_or_default(), text(&resp.system_id));
            assert_eq!(version, resp.sc_interface_version);
            back
        }
        Pdu::Outbind(_) => smpp34::outbind::decode(header, octets)?.encode(),
        Pdu::EnquireLink => smpp34::enquire_link::decode(header, octets)?.encode(),
        Pdu::GenericNack => smpp34::generic_nack::decode(header, octets)?.encode(),
        Pdu::UnbindResp => smpp34::unbind_resp::decode(header, octets)?.encode(),
        Pdu::CancelSmResp => smpp34::cancel_sm_resp::decode(header, octets)?.encode(),
        Pdu::ReplaceSmResp => smpp34::replace_sm_resp::decode(header, octets)?.encode(),
        Pdu::SubmitSm(sm) => {
            let theirs = smpp34::submit_sm::decode(header, octets)?;
            let sm = sm.fields();
            assert_eq!(theirs.service_type, text(sm.service_type));
            assert_eq!((theirs.source_addr_ton, theirs.source_addr_npi), (sm.source.ton, sm.source.npi));
            assert_eq!(theirs.source_addr, text(sm.source.digits));
            assert_eq!((theirs.dest_addr_ton, theirs.dest_addr_npi), (sm.destination.ton, sm.destination.npi));
            assert_eq!(theirs.destination_addr, text(sm.destination.digits));
            assert_eq!(
                (theirs.esm_class, theirs.protocol_id, theirs.priority_flag),
                (sm.esm_class, sm.protocol_id, sm.priority_flag)
            );
            assert_eq!(theirs.schedule_delivery_time, text(sm.schedule_delivery_time));
            assert_eq!(theirs.validity_period, text(sm.validity_period));
            assert_eq!(
                (theirs.registered_delivery, theirs.replace_if_present_flag),
                (sm.registered_delivery, sm.replace_if_present)
            );
            assert_eq!((theirs.data_coding, theirs.sm_default_msg_id), (sm.data_coding, sm.sm_default_msg_id));
            assert_eq!(theirs.short_message, sm.short_message);
            assert_tlvs(&theirs.tlvs, sm.tlvs);
            theirs.encode()
        }
        Pdu::DeliverSm(sm) => {
            let theirs = smpp34::deliver_sm::decode(header, octets)?;
            let sm = sm.fields();
            assert_eq!(theirs.source_addr, text(sm.source.digits));
            assert_eq!(theirs.destination_addr, text(sm.destination.digits));
            assert_eq!((theirs.esm_class, theirs.data_coding), (sm.esm_class, sm.data_coding));
            assert_eq!(theirs.short_message, sm.short_message);
            assert_tlvs(&theirs.tlvs, sm.tlvs);
            theirs.encode()
        }
        Pdu::DataSm(sm) => {
            let theirs = smpp34::data_sm::decode(header, octets)?;
            let sm = sm.fields();
            assert_eq!(theirs.service_type, text(sm.service_type));
            assert_eq!(theirs.source_addr, text(sm.source.digits));
            assert_eq!(theirs.destination_addr, text(sm.destination.digits));
            assert_eq!(
                (theirs.esm_class, theirs.registered_delivery, theirs.data_coding),
                (sm.esm_class, sm.registered_delivery, sm.data_coding)
            );
            assert_tlvs(&theirs.tlvs, sm.tlvs);
            theirs.encode()
        }
        Pdu::SubmitSmResp(MessageIdBody { message_id: Some(id), .. }) => {
            let theirs = smpp34::submit_sm_resp::decode(header, octets)?;
            assert_eq!(theirs.message_id.as_deref(), Some(&*text(id)));
            theirs.encode()
        }
        Pdu::DeliverSmResp(MessageIdBody { message_id: Some(id), .. }) if id.is_empty() => {
            smpp34::deliver_sm_resp::decode(header, octets)?.encode()
        }
        Pdu::DataSmResp(MessageIdBody { message_id: Some(_), .. }) => {
            smpp34::data_sm_resp::decode(header, octets)?.encode()
        }
        Pdu::SubmitMulti(multi) => {
            let theirs = smpp34::submit_sm_multi::decode(header, octets)?;
            assert_destinations(&theirs.dest_addresses, &multi.destinations);
            let sm = multi.sm.fields();
            assert_eq!(theirs.source_addr, text(sm.source.digits));
            assert_eq!((theirs.esm_class, theirs.data_coding), (sm.esm_class, sm.data_coding));
            assert_eq!(theirs.short_message, sm.short_message);
            assert_tlvs(&theirs.tlvs, sm.tlvs);
            theirs.encode()
        }
        Pdu::SubmitMultiResp(resp) => {
            let theirs = smpp34::submit_sm_multi_resp::decode(header, octets)?;
            assert_eq!(theirs.unsuccess_sme.len(), resp.unsuccessful.len());
            for (theirs, ours) in theirs.unsuccess_sme.iter().zip(&resp.unsuccessful) {
                assert_eq!(theirs.destination_addr, text(&ours.address.digits));
                assert_eq!(theirs.error_status_code, ours.status.0);
            }
            theirs.encode()
        }
        Pdu::QuerySm(query) => {
            let theirs = smpp34::query_sm::decode(header, octets)?;
            assert_eq!(theirs.message_id, text(&query.message_id));
            assert_eq!(theirs.source_addr, text(&query.source.digits));
            theirs.encode()
        }
        Pdu::QuerySmResp(Some(resp)) => {
            let theirs = smpp34::query_sm_resp::decode(header, octets)?;
            assert_eq!(
                (&theirs.message_id[..], &theirs.final_date[..]),
                (&text(&resp.message_id)[..], &text(&resp.final_date)[..])
            );
            assert_eq!((theirs.message_state, theirs.error_code), (resp.message_state, resp.error_code));
            theirs.encode()
        }
        Pdu::CancelSm(cancel) => {
            // Theirs takes the body here and the whole PDU elsewhere.
            let theirs = smpp34::cancel_sm::decode(header, &octets[HEADER_LENGTH..])?;
            assert_eq!(theirs.message_id, text(&cancel.message_id));
            assert_eq!(theirs.source_addr, text(&cancel.source.digits));
            assert_eq!(theirs.destination_addr, text(&cancel.destination.digits));
            theirs.encode()
        }
        Pdu::ReplaceSm(replace) => {
            let theirs = smpp34::replace_sm::decode(header, octets)?;
            assert_eq!(theirs.message_id, text(&replace.message_id));
            assert_eq!(theirs.validity_period, text(&replace.validity_period));
            assert_eq!(theirs.short_message, replace.short_message);
            theirs.encode()
        }
        Pdu::AlertNotification(alert) => {
            let theirs = smpp34::alert_notification::decode(header, octets)?;
            assert_eq!(theirs.source_addr, text(&alert.source.digits));
            assert_eq!(theirs.esme_addr, text(&alert.esme.digits));
            theirs.encode()
        }
        // They read no unbind and no enquire_link_resp in public, and their responses have one form only.
        Pdu::Unbind
        | Pdu::EnquireLinkResp
        | Pdu::SubmitSmResp(_)
        | Pdu::DeliverSmResp(_)
        | Pdu::DataSmResp(_)
        | Pdu::QuerySmResp(None)
        | Pdu::Unsupported(..) => return Ok(None),
    }))
}

fn assert_bind(bind: &Bind, texts: [&str; 3], range: (u8, u8, u8, &str)) {
    assert_eq!(texts, [&bind.system_id, &bind.password, &bind.system_type].map(|octets| text(octets)));
    assert_eq!(range, (bind.interface_version, bind.addr_ton, bind.addr_npi, &text(&bind.address_range)[..]));
}

fn assert_tlvs(theirs: &[TheirTlv], ours: Tlvs<'_>) {
    let theirs: Vec<_> = theirs.iter().map(|tlv| (tlv.tag, &tlv.value[..])).collect();
    let ours: Vec<_> = ours.into_iter().map(|tlv| (tlv.tag, tlv.value)).collect();
    assert_eq!(theirs, ours);
}

fn assert_destinations(theirs: &[smpp34::DestAddress], ours: &[Destination]) {
    let ours: Vec<_> = ours
        .iter()
        .map(|destination| match destination {
            Destination::Sme(address) => smpp34::DestAddress::Sme {
                dest_addr_ton: address.ton,
                dest_addr_npi: address.npi,
                destination_addr: text(&address.digits).into_owned(),
            },
            Destination::List(name) => smpp34::DestAddress::DistributionList { dl_name: text(name).into_owned() },
        })
        .collect();
    assert_eq!(theirs, ours);
}

fn text(octets: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(octets)
}
