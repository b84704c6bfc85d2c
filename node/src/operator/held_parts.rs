//! Parts of handsets' long messages, held until the message is whole. Pure: time is passed in.
//!
//! No part is answered before the whole message is kept, so nothing is lost with this memory: what the operator has no
//! answer to comes again. What stays incomplete goes on as the parts that came; so does what there is no room for.

use std::time::{Duration, Instant};

use smallvec::SmallVec;
use smsc_proto::smpp::esm_class::EsmClass;
use smsc_proto::smpp::pdu::{SmBody, SmFields};
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::concatenation::part_of;

/// How long the first part waits for the last: shorter than operators wait for an answer.
const HOLD_MAX: Duration = Duration::from_secs(5);

/// The parts that one connection holds.
#[derive(Debug)]
pub struct HeldParts {
    messages: Vec<Incomplete>,
    parts: usize,
    parts_max: usize,
}

#[derive(Debug)]
struct Incomplete {
    source: Box<[u8]>,
    destination: Box<[u8]>,
    reference: u16,
    since: Instant,
    /// By number from 1.
    parts: Vec<Option<Held>>,
}

/// A deliver_sm that has no answer yet.
#[derive(Clone, Debug)]
pub struct Held {
    /// What it is answered under.
    pub sequence_number: u32,
    /// Its body.
    pub sm: SmBody,
}

/// What becomes of a part.
#[derive(Debug)]
pub enum Step {
    /// It is none, or there is no room: it goes on as it came.
    Alone,
    /// It is held; the others are on their way.
    Waits,
    /// The message is whole.
    Whole {
        /// All of it.
        sm: SmBody,
        /// What all of its parts are answered under.
        sequence_numbers: SmallVec<[u32; 4]>,
    },
}

impl HeldParts {
    /// Holds at most so many parts, which is less than the operator may have unanswered.
    pub fn new(parts_max: usize) -> Self {
        Self { messages: Vec::new(), parts: 0, parts_max }
    }

    /// Takes a message from a handset.
    pub fn add(&mut self, now: Instant, sequence_number: u32, sm: &SmBody) -> Step {
        let fields = sm.fields();
        let Some((part, _)) = part_of(&fields).filter(|(part, _)| part.total > 1) else { return Step::Alone };
        let total = usize::from(part.total);
        if total > self.parts_max {
            return Step::Alone;
        }
        let same = |message: &Incomplete| {
            message.reference == part.reference
                && message.parts.len() == total
                && *message.source == *fields.source.digits
                && *message.destination == *fields.destination.digits
        };
        let known = self.messages.iter().position(same);
        let missing =
            known.map_or(total, |index| self.messages[index].parts.iter().filter(|part| part.is_none()).count());
        // The last part makes room instead of taking it.
        if self.parts >= self.parts_max && missing > 1 {
            return Step::Alone;
        }
        let index = known.unwrap_or_else(|| {
            self.messages.push(Incomplete {
                source: fields.source.digits.into(),
                destination: fields.destination.digits.into(),
                reference: part.reference,
                since: now,
                parts: vec![None; total],
            });
            self.messages.len() - 1
        });
        let place = &mut self.messages[index].parts[usize::from(part.number) - 1];
        if place.is_some() {
            // The same part again, or another message under a reference that is in use.
            return Step::Alone;
        }
        *place = Some(Held { sequence_number, sm: sm.clone() });
        self.parts += 1;
        if self.messages[index].parts.iter().any(Option::is_none) {
            return Step::Waits;
        }
        let whole: Vec<Held> = self.messages.swap_remove(index).parts.into_iter().flatten().collect();
        self.parts -= whole.len();
        let sequence_numbers = whole.iter().map(|part| part.sequence_number).collect();
        join(&whole).map_or(Step::Alone, |sm| Step::Whole { sm, sequence_numbers })
    }

    /// The parts whose others did not come in time: they go on as they came.
    pub fn take_expired(&mut self, now: Instant) -> Vec<Held> {
        let over = self.messages.extract_if(.., |message| now >= message.since + HOLD_MAX);
        let expired: Vec<Held> = over.flat_map(|message| message.parts).flatten().collect();
        self.parts -= expired.len();
        expired
    }

    /// When to ask for expired ones next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.messages.iter().map(|message| message.since + HOLD_MAX).min()
    }
}

/// The first part with the text of all as message_payload, and without the marks of a part.
fn join(parts: &[Held]) -> Option<SmBody> {
    let first = parts.first()?.sm.fields();
    let mut text = Vec::new();
    for part in parts {
        let fields = part.sm.fields();
        text.extend_from_slice(part_of(&fields).map_or(fields.user_data(), |(_, text)| text));
    }
    let of_a_part = |tlv: &Tlv<'_>| {
        matches!(
            tlv.tag,
            tag::SAR_MSG_REF_NUM | tag::SAR_TOTAL_SEGMENTS | tag::SAR_SEGMENT_SEQNUM | tag::MESSAGE_PAYLOAD
        )
    };
    let mut tlvs: SmallVec<[Tlv<'_>; 8]> = first.tlvs.iter().filter(|tlv| !of_a_part(tlv)).collect();
    tlvs.push(Tlv::new(tag::MESSAGE_PAYLOAD, &text));
    let whole = SmFields {
        esm_class: EsmClass(first.esm_class).with_udh(false).0,
        short_message: b"",
        tlvs: Tlvs::default(),
        ..first
    };
    // 255 parts of 254 octets fit one TLV.
    SmBody::from_fields(&whole, &tlvs).ok()
}

#[cfg(test)]
mod tests {
    use smsc_proto::address::Address;

    use super::*;

    fn part(source: &str, reference: u8, total: u8, number: u8, text: &str) -> SmBody {
        let octets = [&[5, 0, 3, reference, total, number], text.as_bytes()].concat();
        let fields = SmFields {
            source: Address::new(1, 1, source.as_bytes()),
            destination: Address::new(1, 1, b"72345"),
            esm_class: 0x40,
            short_message: &octets,
            ..SmFields::default()
        };
        SmBody::from_fields(&fields, &[Tlv::new(0x1400, b"x")]).expect("good fields")
    }

    fn add(held: &mut HeldParts, now: Instant, number: u32, sm: &SmBody) -> &'static str {
        match held.add(now, number, sm) {
            Step::Alone => "alone",
            Step::Waits => "waits",
            Step::Whole { .. } => "whole",
        }
    }

    #[test]
    fn parts_in_any_order_become_one_message() {
        let (mut held, now) = (HeldParts::new(10), Instant::now());
        assert_eq!(add(&mut held, now, 1, &part("467", 7, 3, 3, "three")), "waits");
        assert_eq!(add(&mut held, now, 2, &part("467", 7, 3, 1, "one ")), "waits");
        let Step::Whole { sm, sequence_numbers } = held.add(now, 3, &part("467", 7, 3, 2, "two ")) else {
            panic!("it is whole")
        };
        assert_eq!(sm.fields().user_data(), b"one two three");
        assert_eq!((sm.fields().esm_class, sm.fields().tlvs.get(0x1400)), (0, Some(&b"x"[..])));
        assert_eq!(sequence_numbers[..], [2, 3, 1]);
        assert_eq!((held.parts, held.poll_timeout()), (0, None));
    }

    #[test]
    fn messages_of_several_handsets_are_told_apart() {
        let (mut held, now) = (HeldParts::new(10), Instant::now());
        assert_eq!(add(&mut held, now, 1, &part("467", 7, 2, 1, "a")), "waits");
        for other in [part("468", 7, 2, 2, "b"), part("467", 8, 2, 2, "b"), part("467", 7, 3, 2, "b")] {
            assert_eq!(add(&mut held, now, 2, &other), "waits");
        }
        assert_eq!(add(&mut held, now, 3, &part("467", 7, 2, 2, "b")), "whole");
    }

    #[test]
    fn what_is_no_part_or_comes_twice_goes_on_alone() {
        let (mut held, now) = (HeldParts::new(10), Instant::now());
        assert_eq!(add(&mut held, now, 1, &part("467", 7, 1, 1, "the only one")), "alone");
        assert_eq!(add(&mut held, now, 2, &part("467", 7, 2, 1, "a")), "waits");
        assert_eq!(add(&mut held, now, 3, &part("467", 7, 2, 1, "a")), "alone");
    }

    #[test]
    fn what_stays_incomplete_goes_on_as_it_came() {
        let (mut held, now) = (HeldParts::new(10), Instant::now());
        add(&mut held, now, 1, &part("467", 7, 3, 1, "a"));
        add(&mut held, now, 2, &part("467", 7, 3, 2, "b"));
        assert!(held.take_expired(now + HOLD_MAX - Duration::from_millis(1)).is_empty());
        assert_eq!(held.poll_timeout(), Some(now + HOLD_MAX));
        let numbers: Vec<u32> = held.take_expired(now + HOLD_MAX).iter().map(|held| held.sequence_number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(held.parts, 0);
    }

    #[test]
    fn the_memory_is_bounded() {
        let (mut held, now) = (HeldParts::new(4), Instant::now());
        for reference in 0..4 {
            assert_eq!(add(&mut held, now, 1, &part("467", reference, 2, 1, "a")), "waits");
        }
        assert_eq!(add(&mut held, now, 1, &part("467", 9, 2, 1, "a")), "alone");
        assert_eq!(add(&mut held, now, 1, &part("467", 0, 2, 2, "b")), "whole", "the last part makes room");
        assert_eq!(
            add(&mut HeldParts::new(4), now, 1, &part("467", 9, 5, 1, "a")),
            "alone",
            "more than there is room for"
        );
    }
}
