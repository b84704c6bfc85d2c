//! Which TLVs of an account's messages pass, and which go on to it. Pure.
//!
//! What is not named by the account's policy passes as it came, vendor tags included (Q10, S24, S29).

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use smsc_proto::smpp::pdu::{SmBody, SmFields};
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};

use super::refusal::Refusal;
use crate::config::AccountTlv;

/// The TLVs of a message, few as a rule.
pub type TlvList<'a> = SmallVec<[Tlv<'a>; 8]>;

/// The body of a submit as it is kept: without what is stripped, and with one text (S26). Most bodies stay as they are.
pub fn admit(policy: &AccountTlv, body: &SmBody, fields: &SmFields<'_>) -> Result<Bytes, Refusal> {
    if fields.tlvs.is_empty() {
        return if policy.require.is_empty() { Ok(body.octets().clone()) } else { Err(Refusal::TlvMissing) };
    }
    if policy.require.iter().any(|required| fields.tlvs.get(required.0).is_none()) {
        return Err(Refusal::TlvMissing);
    }
    let stripped = |tlv: &Tlv<'_>| policy.strip.iter().any(|strip| strip.0 == tlv.tag);
    let payload = fields.tlvs.get(tag::MESSAGE_PAYLOAD).is_some_and(|payload| !payload.is_empty());
    let two_texts = payload && !fields.short_message.is_empty();
    let strips = !policy.strip.is_empty() && fields.tlvs.iter().any(|tlv| stripped(&tlv));
    if !two_texts && !strips {
        return Ok(body.octets().clone());
    }
    let tlvs: TlvList<'_> = fields.tlvs.iter().filter(|tlv| !stripped(tlv)).collect();
    let mut kept = SmFields { tlvs: Tlvs::default(), ..*fields };
    if two_texts {
        // The payload wins (5.0 §4.2.1.1), and there must be one text only for whoever comes next.
        kept.short_message = b"";
        metrics::counter!("smsc_fields_dropped_total", "field" => "short_message").increment(1);
    }
    let mut octets = BytesMut::new();
    kept.encode(&tlvs, &mut octets);
    Ok(octets.freeze())
}

/// The TLVs of a handset's message that its account gets: those that 3.4 has for deliver_sm, since clients crash on
/// others (Q11), or all of them where the account asks for more.
pub fn to_esme<'a>(policy: &AccountTlv, tlvs: Tlvs<'a>) -> TlvList<'a> {
    tlvs.iter().filter(|tlv| policy.extra_to_esme || tag::in_deliver_sm_3_4(tlv.tag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlvTag;

    const PE_ID: u16 = 0x1400;

    fn body(fields: &SmFields<'_>, tlvs: &[Tlv<'_>]) -> SmBody {
        SmBody::from_fields(fields, tlvs).expect("a test writes good fields")
    }

    fn tags(octets: &Bytes) -> Vec<u16> {
        SmFields::decode(octets).expect("a good body").tlvs.iter().map(|tlv| tlv.tag).collect()
    }

    fn policy(strip: &[u16], require: &[u16]) -> AccountTlv {
        let tags = |tags: &[u16]| tags.iter().map(|tag| TlvTag(*tag)).collect();
        AccountTlv { strip: tags(strip), require: tags(require), extra_to_esme: false }
    }

    fn all() -> [Tlv<'static>; 4] {
        [
            Tlv::new(PE_ID, b"1201\0"),
            Tlv::new(tag::USER_MESSAGE_REFERENCE, &[0, 9]),
            Tlv::new(0x3FFF, b""),
            Tlv::new(tag::USER_MESSAGE_REFERENCE, &[0, 8]),
        ]
    }

    #[test]
    fn without_a_policy_every_tlv_passes_in_its_order() {
        // Q10, S24, S29: vendor tags, empty values and repeated tags too.
        let body = body(&SmFields::default(), &all());
        assert_eq!(admit(&policy(&[], &[]), &body, &body.fields()), Ok(body.octets().clone()));
    }

    #[test]
    fn what_is_stripped_is_gone_and_the_rest_stays_as_it_was() {
        let body = body(&SmFields { short_message: b"hello", ..SmFields::default() }, &all());
        let kept = admit(&policy(&[tag::USER_MESSAGE_REFERENCE], &[]), &body, &body.fields()).expect("taken");
        assert_eq!(tags(&kept), [PE_ID, 0x3FFF]);
        assert_eq!(SmFields::decode(&kept).expect("a good body").short_message, b"hello");
    }

    #[test]
    fn what_is_required_must_be_there() {
        let (with, without) = (body(&SmFields::default(), &all()), body(&SmFields::default(), &[]));
        let policy = policy(&[], &[PE_ID]);
        assert!(admit(&policy, &with, &with.fields()).is_ok());
        assert_eq!(admit(&policy, &without, &without.fields()), Err(Refusal::TlvMissing), "S25");
        let other = body(&SmFields::default(), &all()[1..]);
        assert_eq!(admit(&policy, &other, &other.fields()), Err(Refusal::TlvMissing));
    }

    #[test]
    fn of_two_texts_the_payload_is_kept() {
        // S26.
        let payload = [Tlv::new(tag::MESSAGE_PAYLOAD, b"payload")];
        let body = body(&SmFields { short_message: b"short", ..SmFields::default() }, &payload);
        let kept = admit(&policy(&[], &[]), &body, &body.fields()).expect("taken");
        let fields = SmFields::decode(&kept).expect("a good body");
        assert_eq!((fields.short_message, fields.user_data()), (&b""[..], &b"payload"[..]));
    }

    #[test]
    fn an_empty_payload_is_no_text() {
        let body =
            body(&SmFields { short_message: b"short", ..SmFields::default() }, &[Tlv::new(tag::MESSAGE_PAYLOAD, b"")]);
        let kept = admit(&policy(&[], &[]), &body, &body.fields()).expect("taken");
        assert_eq!(SmFields::decode(&kept).expect("a good body").user_data(), b"short");
    }

    #[test]
    fn an_esme_gets_the_tlvs_of_3_4_unless_it_asks_for_more() {
        // Q11.
        let tlvs = [Tlv::new(PE_ID, b"x"), Tlv::new(tag::SOURCE_PORT, &[0, 1]), Tlv::new(tag::CONGESTION_STATE, &[9])];
        let body = body(&SmFields::default(), &tlvs);
        let passed =
            |policy: &AccountTlv| to_esme(policy, body.fields().tlvs).iter().map(|tlv| tlv.tag).collect::<Vec<_>>();
        assert_eq!(passed(&AccountTlv::default()), [tag::SOURCE_PORT]);
        let more = AccountTlv { extra_to_esme: true, ..AccountTlv::default() };
        assert_eq!(passed(&more), [PE_ID, tag::SOURCE_PORT, tag::CONGESTION_STATE]);
    }
}
