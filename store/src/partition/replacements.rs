//! Texts that were replaced, beside the bodies that they are for.
//!
//! A body may be long, shared by several deliveries, or on the disk; a new text is short and rare. So the two are kept
//! apart, and joined when the message leaves.

use std::sync::Arc;

use bytes::BytesMut;
use rustc_hash::FxHashMap;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};

use crate::event::TextOctets;

/// Octets of replaced texts that are kept at most.
const OCTETS_MAX: usize = 64 << 20;

/// New texts by slot.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    texts: FxHashMap<u64, Text>,
    octets: usize,
}

#[derive(Debug)]
pub(super) struct Text {
    octets: Box<[u8]>,
    payload: bool,
}

impl Text {
    pub(super) fn as_octets(&self) -> TextOctets<'_> {
        TextOctets { octets: &self.octets, payload: self.payload }
    }
}

impl Replacements {
    /// Whether there is room for a text of that length.
    pub(super) const fn has_room(&self, length: usize) -> bool {
        self.octets + length <= OCTETS_MAX
    }

    /// Takes the place of the text that was there, if any.
    pub(super) fn insert(&mut self, slot: u64, text: TextOctets<'_>) {
        self.put(slot, Text { octets: text.octets.into(), payload: text.payload });
    }

    /// The same with a text that was taken out.
    pub(super) fn put(&mut self, slot: u64, text: Text) {
        self.take(slot);
        self.octets += text.octets.len();
        self.texts.insert(slot, text);
    }

    /// The text of that slot.
    #[cfg(test)]
    pub(super) fn text(&self, slot: u64) -> Option<Vec<u8>> {
        self.texts.get(&slot).map(|text| text.octets.to_vec())
    }

    /// Takes the text of that slot out, if it was replaced.
    pub(super) fn take(&mut self, slot: u64) -> Option<Text> {
        let text = self.texts.remove(&slot)?;
        self.octets -= text.octets.len();
        Some(text)
    }

    /// The body as it is to be sent.
    pub(super) fn apply(&self, slot: u64, body: &Arc<[u8]>) -> Arc<[u8]> {
        // Nearly always there is none at all.
        if self.texts.is_empty() {
            return body.clone();
        }
        let text = self.texts.get(&slot).map(Text::as_octets);
        text.and_then(|text| with_text(body, text)).unwrap_or_else(|| body.clone())
    }
}

/// The body with another text in it; `None` if it is no submit_sm.
fn with_text(body: &[u8], text: TextOctets<'_>) -> Option<Arc<[u8]>> {
    let fields = SmFields::decode(body).ok()?;
    let mut others = BytesMut::new();
    fields.tlvs.iter().filter(|tlv| tlv.tag != tag::MESSAGE_PAYLOAD).for_each(|tlv| tlv.encode(&mut others));
    let payload = [Tlv { tag: tag::MESSAGE_PAYLOAD, value: text.octets }];
    let (short_message, more) = if text.payload { (&[][..], &payload[..]) } else { (text.octets, &[][..]) };
    let mut joined = BytesMut::new();
    SmFields { short_message, tlvs: Tlvs(&others), ..fields }.encode(more, &mut joined);
    Some(joined[..].into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use smsc_proto::address::Address;

    use super::*;

    const PORT: [u8; 6] = [0x02, 0x0B, 0, 2, 0x0B, 0x84];

    fn body(short_message: &[u8], payload: Option<&[u8]>) -> Arc<[u8]> {
        let fields = SmFields {
            destination: Address::new(1, 1, b"46701234567"),
            esm_class: 0x43,
            data_coding: 8,
            short_message,
            tlvs: Tlvs(&PORT),
            ..SmFields::default()
        };
        let payload = payload.map(|value| Tlv { tag: tag::MESSAGE_PAYLOAD, value });
        let mut octets = BytesMut::new();
        fields.encode(payload.as_slice(), &mut octets);
        octets[..].into()
    }

    fn replaced(body: &Arc<[u8]>, octets: &[u8], payload: bool) -> Arc<[u8]> {
        let mut replacements = Replacements::default();
        replacements.insert(7, TextOctets { octets, payload });
        replacements.apply(7, body)
    }

    #[test]
    fn a_new_text_takes_the_place_of_the_old_and_nothing_else_changes_s48() {
        for (before, payload) in [(body(b"old", None), false), (body(b"", Some(b"old and long")), true)] {
            assert_eq!(
                replaced(&before, b"new", payload),
                body(if payload { b"" } else { b"new" }, payload.then_some(b"new"))
            );
        }
    }

    #[test]
    fn a_text_may_move_between_short_message_and_payload_s26() {
        assert_eq!(replaced(&body(b"old", None), b"new", true), body(b"", Some(b"new")));
        assert_eq!(replaced(&body(b"", Some(b"old")), b"new", false), body(b"new", None));
    }

    #[test]
    fn what_was_not_replaced_is_shared() {
        let mut replacements = Replacements::default();
        let body = body(b"text", None);
        assert!(Arc::ptr_eq(&replacements.apply(7, &body), &body));
        replacements.insert(8, TextOctets { octets: b"other", payload: false });
        assert!(Arc::ptr_eq(&replacements.apply(7, &body), &body));
        replacements.take(8);
        assert_eq!(replacements.octets, 0);
    }
}
