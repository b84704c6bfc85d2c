//! Concatenated messages: a text cut into segments, and segments put together again.
//!
//! A handset takes 160 septets or 140 octets at a time; the mark of a part takes some of them. Cuts part neither an
//! escape from its septet nor two surrogates (S41).

use std::collections::VecDeque;
use std::time::Duration;

use super::udh::{self, Element, Part, UserDataHeader};
use super::{Coding, DefaultAlphabet, ESM_CLASS_UDHI, gsm7, ucs2};
use crate::smpp::pdu::SmFields;
use crate::smpp::tlv::{Tlv, tag};
use crate::timestamp::Timestamp;

/// How the parts of a message are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marking {
    /// A user data header with a reference of one octet: understood everywhere.
    Udh,
    /// A user data header with a reference of two octets.
    UdhWide,
    /// The sar_* TLVs: the next message centre writes the header.
    Sar,
}

/// What a message is made of, for counting and cutting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Unpacked GSM-7.
    Septet,
    /// Octets of any other kind.
    Octet,
    /// UTF-16BE.
    Ucs2,
}

impl Unit {
    /// The unit of that data_coding. The alphabet of 0 does not matter: the handset counts septets.
    pub const fn of(data_coding: u8) -> Self {
        match Coding::of(data_coding, DefaultAlphabet::Gsm7) {
            Coding::Text(_) => Self::Septet,
            Coding::Octets => Self::Octet,
            Coding::Ucs2 => Self::Ucs2,
        }
    }

    /// Octets on our wire that one message takes.
    pub const fn whole_max(self) -> usize {
        match self {
            Self::Septet => 160,
            Self::Octet | Self::Ucs2 => 140,
        }
    }

    /// Octets on our wire that one part takes, its mark not counted.
    pub const fn part_max(self, marking: Marking) -> usize {
        match (self, marking) {
            (Self::Septet, Marking::Udh | Marking::Sar) => 153,
            (Self::Septet, Marking::UdhWide) => 152,
            (Self::Octet | Self::Ucs2, Marking::Udh | Marking::Sar) => 134,
            (Self::Octet, Marking::UdhWide) => 133,
            (Self::Ucs2, Marking::UdhWide) => 132,
        }
    }

    fn cut(self, octets: &[u8], limit: usize) -> usize {
        match self {
            Self::Septet => gsm7::cut(octets, limit),
            Self::Octet => octets.len().min(limit),
            Self::Ucs2 => ucs2::cut(octets, limit),
        }
    }
}

/// A text that would take more than 255 segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text takes {segments} segments, and 255 are the most that can be numbered")]
pub struct TooLong {
    /// How many it would take.
    pub segments: usize,
}

/// One message of a text that was cut, or the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Bits to add to esm_class: UDHI, or none.
    pub esm_class: u8,
    /// User data, its header included.
    pub short_message: Vec<u8>,
    /// The values of the sar_* TLVs, when the parts are marked so.
    pub sar: Option<SarValues>,
}

/// The values of sar_msg_ref_num, sar_total_segments and sar_segment_seqnum (S27).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SarValues {
    reference: [u8; 2],
    total: [u8; 1],
    number: [u8; 1],
}

impl SarValues {
    /// The values of that part.
    pub const fn new(part: Part) -> Self {
        Self { reference: part.reference.to_be_bytes(), total: [part.total], number: [part.number] }
    }

    /// The three TLVs.
    pub const fn tlvs(&self) -> [Tlv<'_>; 3] {
        [
            Tlv { tag: tag::SAR_MSG_REF_NUM, value: &self.reference },
            Tlv { tag: tag::SAR_TOTAL_SEGMENTS, value: &self.total },
            Tlv { tag: tag::SAR_SEGMENT_SEQNUM, value: &self.number },
        ]
    }
}

/// Encodes a text in GSM-7 if it can be, else in UCS-2, and cuts it: its data_coding (0 or 8) and its segments, one
/// if the text is short enough.
pub fn encode_text(text: &str, marking: Marking, reference: u16) -> Result<(u8, Vec<Segment>), TooLong> {
    let (data_coding, unit, octets) = match gsm7::encode(text) {
        Some(septets) => (0x00, Unit::Septet, septets),
        None => (0x08, Unit::Ucs2, ucs2::encode(text)),
    };
    Ok((data_coding, split(&octets, unit, marking, reference)?))
}

/// Cuts user data without header into segments of equal reference. With [`Marking::Udh`] the low octet of
/// `reference` counts. What fits one message stays whole and unmarked.
pub fn split(user_data: &[u8], unit: Unit, marking: Marking, reference: u16) -> Result<Vec<Segment>, TooLong> {
    if user_data.len() <= unit.whole_max() {
        return Ok(vec![Segment { esm_class: 0, short_message: user_data.to_vec(), sar: None }]);
    }
    let mut pieces = Vec::new();
    let mut rest = user_data;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(unit.cut(rest, unit.part_max(marking)));
        pieces.push(piece);
        rest = behind;
    }
    mark_all(&pieces, marking, reference)
}

/// Marks the pieces of a text as parts of one message.
pub(super) fn mark_all<T: AsRef<[u8]>>(
    pieces: &[T],
    marking: Marking,
    reference: u16,
) -> Result<Vec<Segment>, TooLong> {
    let total = u8::try_from(pieces.len()).map_err(|_| TooLong { segments: pieces.len() })?;
    let parts = (1..=total).map(|number| Part { reference, total, number });
    Ok(parts.zip(pieces).map(|(part, piece)| mark(part, piece.as_ref(), marking)).collect())
}

fn mark(part: Part, piece: &[u8], marking: Marking) -> Segment {
    let [high, low] = part.reference.to_be_bytes();
    let mut short_message = Vec::with_capacity(7 + piece.len());
    match marking {
        Marking::Udh => {
            let data = &[low, part.total, part.number];
            udh::write(&[Element { identifier: udh::CONCATENATION, data }], &mut short_message);
        }
        Marking::UdhWide => {
            let data = &[high, low, part.total, part.number];
            udh::write(&[Element { identifier: udh::CONCATENATION_WIDE, data }], &mut short_message);
        }
        Marking::Sar => {}
    }
    short_message.extend_from_slice(piece);
    match marking {
        Marking::Udh | Marking::UdhWide => Segment { esm_class: ESM_CLASS_UDHI, short_message, sar: None },
        Marking::Sar => Segment { esm_class: 0, short_message, sar: Some(SarValues::new(part)) },
    }
}

/// Which part of which message this is, and its text without header; `None` when it is whole, or its marks make no
/// sense. A user data header wins over the sar_* TLVs, which count only all three together (S27).
pub fn part_of<'a>(sm: &SmFields<'a>) -> Option<(Part, &'a [u8])> {
    let user_data = sm.user_data();
    if sm.esm_class & ESM_CLASS_UDHI != 0
        && let Some((header, text)) = UserDataHeader::split(user_data)
    {
        return Some((header.part()?, text));
    }
    let [high, low] = sm.tlvs.get(tag::SAR_MSG_REF_NUM)? else { return None };
    let [total] = sm.tlvs.get(tag::SAR_TOTAL_SEGMENTS)? else { return None };
    let [number] = sm.tlvs.get(tag::SAR_SEGMENT_SEQNUM)? else { return None };
    Some((Part::new(u16::from_be_bytes([*high, *low]), *total, *number)?, user_data))
}

/// Parts that wait for the rest of their message, in any order. `K` tells senders apart: source and destination.
///
/// Bounded in messages, octets and time: the oldest incomplete message goes first. Looking one up is linear in the
/// number of incomplete messages, so it is for a few thousand at most.
#[derive(Debug)]
pub struct Reassembly<K> {
    messages_max: usize,
    octets_max: usize,
    lifetime: Duration,
    octets: usize,
    messages: VecDeque<Incomplete<K>>,
}

#[derive(Debug)]
struct Incomplete<K> {
    sender: K,
    reference: u16,
    since: Timestamp,
    /// By number from 1; one for each of the message's total.
    parts: Vec<Option<Vec<u8>>>,
}

impl<K> Incomplete<K> {
    fn octets(&self) -> usize {
        self.parts.iter().flatten().map(Vec::len).sum()
    }
}

impl<K: PartialEq> Reassembly<K> {
    /// Keeps at most so many incomplete messages and octets of them, each for at most `lifetime` (references are used
    /// again soon).
    pub fn new(messages_max: usize, octets_max: usize, lifetime: Duration) -> Self {
        Self { messages_max, octets_max, lifetime, octets: 0, messages: VecDeque::new() }
    }

    /// Adds a part; returns the whole text when it was the last one missing. A part that is there already changes
    /// nothing.
    pub fn add(&mut self, now: Timestamp, sender: K, part: Part, text: &[u8]) -> Option<Vec<u8>> {
        while self.messages.front().is_some_and(|oldest| now.since(oldest.since) > self.lifetime) {
            self.drop_oldest();
        }
        let total = usize::from(part.total);
        let place = usize::from(part.number).checked_sub(1).filter(|place| *place < total)?;
        let same = |message: &Incomplete<K>| {
            message.reference == part.reference && message.parts.len() == total && message.sender == sender
        };
        let index = match self.messages.iter().position(same) {
            Some(index) => index,
            None => {
                let parts = vec![None; total];
                self.messages.push_back(Incomplete { sender, reference: part.reference, since: now, parts });
                self.messages.len() - 1
            }
        };
        let message = &mut self.messages[index];
        if message.parts[place].is_none() {
            message.parts[place] = Some(text.to_vec());
            self.octets += text.len();
        }
        if message.parts.iter().all(Option::is_some) {
            let message = self.messages.remove(index)?;
            self.octets -= message.octets();
            return Some(message.parts.into_iter().flatten().flatten().collect());
        }
        while self.messages.len() > self.messages_max || self.octets > self.octets_max {
            self.drop_oldest();
        }
        None
    }

    /// How many messages are incomplete.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.messages.pop_front() {
            self.octets -= oldest.octets();
        }
    }
}

#[cfg(test)]
mod tests;
