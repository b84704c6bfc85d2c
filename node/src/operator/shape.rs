//! What an operator wants of a message: whose name it bears, how its numbers are typed, in which alphabet and form its
//! text comes. Pure.

use smallvec::SmallVec;
use smsc_proto::address::Address;
use smsc_proto::smpp::esm_class::EsmClass;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::DefaultAlphabet;
use smsc_proto::text::concatenation::{Marking, SarValues, Unit, part_of};
use smsc_proto::text::conversion::convert;
use smsc_proto::text::udh::{self, Element, UserDataHeader};

use crate::config::{self, LongMessages, TonNpi};

/// The wishes of one operator.
#[derive(Clone, Debug)]
pub struct Shape {
    alphabet: DefaultAlphabet,
    long_messages: LongMessages,
    senders: Vec<config::SenderRule>,
    types: config::TonNpiRules,
}

/// A message's text as it goes out, where that differs from how it came.
struct Text {
    esm_class: u8,
    data_coding: u8,
    octets: Vec<u8>,
    sar: Option<SarValues>,
    /// As message_payload, else as short_message.
    as_payload: bool,
}

impl Shape {
    /// The wishes of that operator.
    pub fn new(operator: &config::Operator) -> Self {
        Self {
            alphabet: operator.alphabet.into(),
            long_messages: operator.long_messages,
            senders: operator.senders.clone(),
            types: operator.ton_npi,
        }
    }

    /// Gives the message to `send` as the operator wants it, with the TLVs that go behind those of the message. `from`:
    /// what data_coding 0 means to whoever submitted it.
    pub fn apply<R>(
        &self,
        sm: &SmFields<'_>,
        from: DefaultAlphabet,
        send: impl FnOnce(&SmFields<'_>, &[Tlv<'_>]) -> R,
    ) -> R {
        let message = SmFields { source: self.source(sm.source), destination: self.destination(sm.destination), ..*sm };
        let Some(text) = self.text(sm, from) else { return send(&message, &[]) };
        let replaced = |tag: u16| {
            tag == tag::MESSAGE_PAYLOAD
                || matches!(tag, tag::SAR_MSG_REF_NUM | tag::SAR_TOTAL_SEGMENTS | tag::SAR_SEGMENT_SEQNUM)
                    && (text.sar.is_some() || text.esm_class != sm.esm_class)
        };
        let mut tlvs: SmallVec<[Tlv<'_>; 8]> = sm.tlvs.iter().filter(|tlv| !replaced(tlv.tag)).collect();
        tlvs.extend(text.sar.as_ref().map(SarValues::tlvs).into_iter().flatten());
        if text.as_payload {
            tlvs.push(Tlv::new(tag::MESSAGE_PAYLOAD, &text.octets));
        }
        let message = SmFields {
            esm_class: text.esm_class,
            data_coding: text.data_coding,
            short_message: if text.as_payload { b"" } else { &text.octets },
            tlvs: Tlvs::default(),
            ..message
        };
        send(&message, &tlvs)
    }

    fn source<'a>(&'a self, source: Address<'a>) -> Address<'a> {
        let rule = self.senders.iter().find(|rule| rule.matches(source.digits));
        let source = match rule {
            None => source,
            Some(rule) => natural(rule.to.as_bytes()),
        };
        let wished = match source.digits {
            b"" => None,
            digits if !digits.iter().all(u8::is_ascii_digit) => self.types.name,
            digits if digits.len() <= config::SHORT_CODE_LENGTH_MAX => self.types.short_code,
            _ => self.types.number,
        };
        typed(source, wished)
    }

    fn destination<'a>(&self, destination: Address<'a>) -> Address<'a> {
        typed(destination, self.types.destination)
    }

    /// `None`: it goes as it came, which is so for nearly all.
    fn text(&self, sm: &SmFields<'_>, from: DefaultAlphabet) -> Option<Text> {
        let payload = sm.tlvs.get(tag::MESSAGE_PAYLOAD).is_some_and(|payload| !payload.is_empty());
        let converted = convert(sm, from, self.alphabet);
        let changed = converted.is_some();
        let (data_coding, octets) = match converted {
            Some(converted) => (converted.data_coding, converted.user_data),
            None if self.long_messages == LongMessages::Keep => return None,
            None => (sm.data_coding, sm.user_data().to_vec()),
        };
        let mut text = Text { esm_class: sm.esm_class, data_coding, octets, sar: None, as_payload: payload };
        let marked = match self.long_messages {
            LongMessages::Keep => false,
            LongMessages::Udh => text.mark_by_header(sm),
            LongMessages::Sar => text.mark_by_tlvs(sm),
            LongMessages::Payload => {
                let whole = !EsmClass(sm.esm_class).has_udh() && part_of(sm).is_none();
                text.as_payload |= whole && text.octets.len() > Unit::of(data_coding).whole_max();
                false
            }
        };
        if matches!(self.long_messages, LongMessages::Udh | LongMessages::Sar) {
            text.as_payload = false;
        }
        text.as_payload |= text.octets.len() > SmFields::SHORT_MESSAGE_MAX;
        (changed || marked || text.as_payload != payload).then_some(text)
    }
}

impl Text {
    /// sar_* TLVs become a user data header, if both fit into one message.
    fn mark_by_header(&mut self, sm: &SmFields<'_>) -> bool {
        if EsmClass(sm.esm_class).has_udh() {
            return false;
        }
        let Some((part, _)) = part_of(sm) else { return false };
        let [high, low] = part.reference.to_be_bytes();
        let marking = if high == 0 { Marking::Udh } else { Marking::UdhWide };
        if self.octets.len() > Unit::of(self.data_coding).part_max(marking) {
            return false;
        }
        let mut octets = Vec::with_capacity(7 + self.octets.len());
        let (identifier, data) = match marking {
            Marking::Udh | Marking::Sar => (udh::CONCATENATION, &[low, part.total, part.number][..]),
            Marking::UdhWide => (udh::CONCATENATION_WIDE, &[high, low, part.total, part.number][..]),
        };
        udh::write(&[Element { identifier, data }], &mut octets);
        octets.append(&mut self.octets);
        self.octets = octets;
        self.esm_class = EsmClass(self.esm_class).with_udh(true).0;
        true
    }

    /// A user data header that says nothing but which part this is becomes sar_* TLVs.
    fn mark_by_tlvs(&mut self, sm: &SmFields<'_>) -> bool {
        if !EsmClass(sm.esm_class).has_udh() {
            return false;
        }
        let Some((header, text)) = UserDataHeader::split(&self.octets) else { return false };
        let Some(part) = header.part().filter(|_| header.elements().count() == 1) else { return false };
        self.octets = text.to_vec();
        self.sar = Some(SarValues::new(part));
        self.esm_class = EsmClass(self.esm_class).with_udh(false).0;
        true
    }
}

/// The address of a sender as a person writes it.
pub fn natural(sender: &[u8]) -> Address<'_> {
    if sender.iter().all(u8::is_ascii_digit) {
        let given = u8::from(!sender.is_empty());
        Address::new(given * Address::TON_INTERNATIONAL, given * Address::NPI_E164, sender)
    } else {
        Address::new(Address::TON_ALPHANUMERIC, 0, sender)
    }
}

fn typed(address: Address<'_>, wished: Option<TonNpi>) -> Address<'_> {
    wished.map_or(address, |TonNpi(ton, npi)| Address::new(ton, npi, address.digits))
}

#[cfg(test)]
mod tests;
