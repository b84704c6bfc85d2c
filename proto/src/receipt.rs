//! Delivery receipts: the text of 3.4 Appendix B and the TLVs, to and from one value.
//!
//! Appendix B is "typical" only, and operators take it at its word: keys are searched without regard to case and
//! order, and each may be missing (Q16). What we write ourselves is always the same (S49).

use std::borrow::Cow;

use crate::ids::OperatorMessageId;
use crate::message_state::MessageState;
use crate::smpp::pdu::SmFields;
use crate::smpp::tlv::tag;
use crate::text::udh::UserDataHeader;
use crate::text::{Coding, DefaultAlphabet, ESM_CLASS_UDHI, PlainText, ucs2};
use crate::time_format::{read_receipt_date, write_receipt_date};
use crate::timestamp::Timestamp;

/// Three ASCII digits (or letters, from some operators) after `err:`.
pub type ReceiptError = [u8; 3];

/// A receipt as an operator sent it to us, read as tolerantly as Q16 to Q20 demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// The operator's id: receipted_message_id if there, else `id:`.
    pub message_id: OperatorMessageId,
    /// message_state if there, else `stat:`.
    pub state: MessageState,
    /// After `err:`; `000` if absent.
    pub error: ReceiptError,
    /// `done date:`, if one was readable; local time of the operator, taken as UTC.
    pub done: Option<Timestamp>,
}

impl DeliveryReceipt {
    /// Whether the deliver_sm or data_sm is a receipt by its esm_class (bits 5 to 2 only, Q19) or carries
    /// receipted_message_id.
    ///
    /// 0x08, an acknowledgement by the handset, counts too, because operators write it for 0x04: where
    /// [`read`](Self::read) then finds nothing, it is a message.
    pub fn is_receipt(sm: &SmFields<'_>) -> bool {
        matches!(sm.esm_class & 0x3C, 0x04 | 0x08 | 0x20 | 0x24) || sm.tlvs.get(tag::RECEIPTED_MESSAGE_ID).is_some()
    }

    /// Reads a receipt from text and TLVs together; `None` when there is no id or no state to be found.
    ///
    /// A word after `stat:` that nobody knows is [`MessageState::Unknown`].
    pub fn read(sm: &SmFields<'_>) -> Option<Self> {
        let tlv_id =
            sm.tlvs.get(tag::RECEIPTED_MESSAGE_ID).and_then(|value| OperatorMessageId::from_octets(before_nul(value)));
        let tlv_state = match sm.tlvs.get(tag::MESSAGE_STATE) {
            Some([octet]) => MessageState::from_octet(*octet),
            _ => None,
        };
        let text = text_of(sm);
        let text = TextFields::read(&text, tlv_id.is_some() && tlv_state.is_some());
        let error = text.error.and_then(three_characters);
        Some(Self {
            message_id: tlv_id.or_else(|| OperatorMessageId::from_octets(text.id?))?,
            state: tlv_state.or_else(|| text.state.map(state_of_word))?,
            error: error.or_else(|| network_error(sm)).unwrap_or(*b"000"),
            done: text.done.and_then(read_receipt_date),
        })
    }
}

/// What the receipt that we write for an ESME says.
#[derive(Clone, Debug)]
pub struct ReceiptText<'a> {
    /// Our id in the form that this session knows it by: decimal digits, or the 3.3 alias.
    pub message_id: &'a str,
    /// The state it reports.
    pub state: MessageState,
    /// Three digits.
    pub error: ReceiptError,
    /// When the message was accepted.
    pub submitted: Timestamp,
    /// When it reached the state.
    pub done: Timestamp,
    /// The first octets of the text, already plain ASCII and at most 20; empty for UCS-2, binary and UDH (S49).
    pub text: &'a [u8],
}

impl ReceiptText<'_> {
    /// Appends `id:… sub:001 dlvrd:001 submit date:… done date:… stat:… err:… text:…`.
    ///
    /// `dlvrd` counts what reached the handset: `000` for every state but DELIVERED.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"id:");
        out.extend_from_slice(self.message_id.as_bytes());
        let delivered = self.state == MessageState::Delivered;
        out.extend_from_slice(if delivered { b" sub:001 dlvrd:001" } else { b" sub:001 dlvrd:000" });
        out.extend_from_slice(b" submit date:");
        write_receipt_date(self.submitted, out);
        out.extend_from_slice(b" done date:");
        write_receipt_date(self.done, out);
        out.extend_from_slice(b" stat:");
        out.extend_from_slice(self.state.receipt_word().as_bytes());
        out.extend_from_slice(b" err:");
        out.extend(self.error.map(|octet| if octet.is_ascii_alphanumeric() { octet } else { b'0' }));
        out.extend_from_slice(b" text:");
        let text = &self.text[..self.text.len().min(PlainText::LENGTH_MAX)];
        out.extend(text.iter().map(|octet| if matches!(octet, b' '..=b'~') { *octet } else { b'?' }));
    }
}

/// The values behind the keys of a receipt's text, as they stand there.
#[derive(Debug, Default)]
struct TextFields<'a> {
    id: Option<&'a [u8]>,
    state: Option<&'a [u8]>,
    error: Option<&'a [u8]>,
    done: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Id,
    State,
    Error,
    Done,
    Text,
    /// Known, and of no use to us.
    Other,
}

const KEYS: [(&[u8], Key); 12] = [
    (b"id", Key::Id),
    (b"stat", Key::State),
    (b"err", Key::Error),
    (b"done date", Key::Done),
    (b"donedate", Key::Done),
    (b"done_date", Key::Done),
    (b"text", Key::Text),
    (b"sub", Key::Other),
    (b"dlvrd", Key::Other),
    (b"submit date", Key::Other),
    (b"submitdate", Key::Other),
    (b"submit_date", Key::Other),
];

impl<'a> TextFields<'a> {
    /// Looks at every colon whether a key stands before it. What follows `text:` is the subscriber's and not searched,
    /// unless neither id nor state came before it and they are not known from TLVs.
    fn read(text: &'a [u8], known_from_tlvs: bool) -> Self {
        let mut fields = Self::default();
        for colon in text.iter().enumerate().filter(|(_, octet)| **octet == b':').map(|(at, _)| at) {
            let Some(key) = key_before(&text[..colon]) else { continue };
            let place = match key {
                Key::Id => &mut fields.id,
                Key::State => &mut fields.state,
                Key::Error => &mut fields.error,
                Key::Done => &mut fields.done,
                Key::Text if known_from_tlvs || fields.id.is_some() || fields.state.is_some() => break,
                Key::Text | Key::Other => continue,
            };
            if place.is_none() {
                *place = value_at(&text[colon + 1..]);
            }
        }
        fields
    }
}

fn key_before(text: &[u8]) -> Option<Key> {
    let ends_with = |key: &[u8]| {
        let Some(start) = text.len().checked_sub(key.len()) else { return false };
        // `msgid:` is another key than `id:`.
        text[start..].eq_ignore_ascii_case(key) && (start == 0 || !text[start - 1].is_ascii_alphanumeric())
    };
    KEYS.iter().find(|(key, _)| ends_with(key)).map(|(_, key)| *key)
}

/// The value that begins here; `None` when it is empty, that is, the next key stands here.
fn value_at(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let is_key = |key: &[u8]| text.get(key.len()) == Some(&b':') && text[..key.len()].eq_ignore_ascii_case(key);
    if KEYS.iter().any(|(key, _)| is_key(key)) {
        return None;
    }
    let ends = |octet: &u8| octet.is_ascii_whitespace() || matches!(octet, b',' | b';' | 0);
    let value = &text[..text.iter().position(ends).unwrap_or(text.len())];
    if value.is_empty() { None } else { Some(value) }
}

/// The state behind `stat:` (Q16). Words for "still on its way" are ENROUTE.
fn state_of_word(word: &[u8]) -> MessageState {
    const WORDS: [(&[u8], MessageState); 24] = [
        (b"DELIVRD", MessageState::Delivered),
        (b"UNDELIV", MessageState::Undeliverable),
        (b"EXPIRED", MessageState::Expired),
        (b"ACCEPTD", MessageState::Accepted),
        (b"REJECTD", MessageState::Rejected),
        (b"ENROUTE", MessageState::Enroute),
        (b"DELETED", MessageState::Deleted),
        (b"UNKNOWN", MessageState::Unknown),
        (b"FAILED", MessageState::Undeliverable),
        (b"BUFFRED", MessageState::Enroute),
        (b"BUFFERD", MessageState::Enroute),
        (b"BUFFERED", MessageState::Enroute),
        (b"ACKED", MessageState::Enroute),
        (b"SKIPPED", MessageState::Skipped),
        (b"SCHEDLD", MessageState::Scheduled),
        (b"SCHEDULED", MessageState::Scheduled),
        (b"DELIVERED", MessageState::Delivered),
        (b"DELIVERD", MessageState::Delivered),
        (b"UNDELIVERABLE", MessageState::Undeliverable),
        (b"UNDELIVERED", MessageState::Undeliverable),
        (b"UNDELIVRD", MessageState::Undeliverable),
        (b"ACCEPTED", MessageState::Accepted),
        (b"REJECTED", MessageState::Rejected),
        (b"EN_ROUTE", MessageState::Enroute),
    ];
    let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map_or(MessageState::Unknown, |(_, state)| *state)
}

/// The last three letters or digits, with zeros before them if there are fewer; `None` if there are none.
fn three_characters(text: &[u8]) -> Option<ReceiptError> {
    let mut error = *b"000";
    let found = text.iter().rev().filter(|octet| octet.is_ascii_alphanumeric());
    let written = error.iter_mut().rev().zip(found).map(|(place, octet)| *place = *octet).count();
    if written == 0 { None } else { Some(error) }
}

/// network_error_code as three digits, when it fits them (S28).
fn network_error(sm: &SmFields<'_>) -> Option<ReceiptError> {
    let [_network, high, low] = sm.tlvs.get(tag::NETWORK_ERROR_CODE)? else { return None };
    let code = u16::from_be_bytes([*high, *low]);
    let digit = |value: u16| b'0' + (value % 10) as u8;
    if code < 1000 { Some([digit(code / 100), digit(code / 10), digit(code)]) } else { None }
}

/// The text of a receipt in octets of ASCII: from short_message or message_payload (Q17), without a header that some
/// put before it, also when it was written in UCS-2.
fn text_of<'a>(sm: &SmFields<'a>) -> Cow<'a, [u8]> {
    let mut text = sm.user_data();
    if sm.esm_class & ESM_CLASS_UDHI != 0
        && let Some((_, behind)) = UserDataHeader::split(text)
    {
        text = behind;
    }
    match Coding::of(sm.data_coding, DefaultAlphabet::Gsm7) {
        Coding::Ucs2 if text.first() == Some(&0) => Cow::Owned(ucs2::decode(text).into_bytes()),
        _ => Cow::Borrowed(text),
    }
}

fn before_nul(value: &[u8]) -> &[u8] {
    value.split(|octet| *octet == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
