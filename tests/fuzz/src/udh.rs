//! User data headers, and parts that come from anybody in any order.
//!
//! Input: how many octets are the user data of a header; those; then parts, five octets each.

use std::time::Duration;

use arbitrary::Unstructured;
use smsc_proto::text::concatenation::Reassembly;
use smsc_proto::text::udh::{CONCATENATION, CONCATENATION_WIDE, Element, PORTS, Part, UserDataHeader, write};
use smsc_proto::timestamp::Timestamp;

const MESSAGES_MAX: usize = 3;
const OCTETS_MAX: usize = 600;
const LIFETIME: Duration = Duration::from_secs(60);

/// Reads a header, and puts parts together.
pub fn run(input: &[u8]) {
    let Some((length, rest)) = input.split_first() else { return };
    let (user_data, parts) = rest.split_at(rest.len().min(usize::from(*length)));
    header(user_data);
    reassembly(&mut Unstructured::new(parts));
}

fn header(user_data: &[u8]) {
    let Some((header, text)) = UserDataHeader::split(user_data) else {
        assert!(user_data.first().is_none_or(|length| usize::from(*length) >= user_data.len()));
        return;
    };
    assert_eq!(user_data.len(), 1 + usize::from(user_data[0]) + text.len(), "every octet is in one or the other");
    let elements: Vec<Element<'_>> = header.elements().collect();
    let mut written = Vec::new();
    write(&elements, &mut written);
    written.extend_from_slice(text);
    let (again, rest) = UserDataHeader::split(&written).expect("what is written is a header");
    assert_eq!((again.elements().collect::<Vec<_>>(), rest), (elements, text));
    assert_eq!((again.part(), again.ports()), (header.part(), header.ports()));
    if let Some(part) = header.part() {
        assert!((1..=part.total).contains(&part.number));
    }
}

/// Parts whose texts say whose they are: what comes out whole is made of the right ones, in order.
fn reassembly(input: &mut Unstructured<'_>) {
    let mut reassembly = Reassembly::new(MESSAGES_MAX, OCTETS_MAX, LIFETIME);
    let mut now = Timestamp::from_millis(1_764_000_000_000);
    while let Ok([sender, reference, total, number, more]) = input.arbitrary::<[u8; 5]>() {
        if input.is_empty() {
            break;
        }
        now = now.plus(Duration::from_secs(u64::from(more >> 4)));
        let sender = sender % 3;
        // Not Part::new: what a caller gets wrong must not break it either.
        let part = Part { reference: u16::from(reference % 4), total: total % 6, number: number % 6 };
        let mut text = vec![sender, reference % 4, part.number];
        text.resize(3 + usize::from(more & 0x0F) * 20, b'.');
        let whole = reassembly.add(now, sender, part, &text);
        assert!(reassembly.len() <= MESSAGES_MAX, "more messages than the bound");
        assert!(whole.is_none() || (1..=part.total).contains(&part.number), "an impossible part made a message whole");
        if let Some(whole) = whole {
            let heads: Vec<[u8; 3]> =
                whole.split(|octet| *octet == b'.').flat_map(|run| run.as_chunks::<3>().0).copied().collect();
            let expected: Vec<_> = (1..=part.total).map(|number| [sender, reference % 4, number]).collect();
            assert_eq!(heads, expected, "the parts of one message, in order");
        }
    }
}

/// Headers of every kind, and messages of parts in good and bad order.
pub fn seeds() -> Vec<Vec<u8>> {
    let headers: [&[Element<'_>]; 5] = [
        &[Element { identifier: CONCATENATION, data: &[7, 3, 1] }],
        &[Element { identifier: CONCATENATION_WIDE, data: &[1, 2, 3, 2] }],
        &[
            Element { identifier: PORTS, data: &[0x0B, 0x84, 0x23, 0xF0] },
            Element { identifier: CONCATENATION, data: &[1, 2, 2] },
        ],
        &[Element { identifier: 0x70, data: &[0; 60] }],
        &[],
    ];
    let in_order = [[0, 1, 3, 1, 1], [0, 1, 3, 2, 2], [0, 1, 3, 3, 0x13], [0; 5]].concat();
    let mixed = [[0, 1, 2, 2, 0], [1, 1, 2, 1, 0], [2, 1, 4, 1, 15], [0, 1, 2, 1, 0x20], [1, 1, 2, 2, 0xF0], [0; 5]];
    let mut seeds = Vec::new();
    for elements in headers {
        let mut user_data = Vec::new();
        write(elements, &mut user_data);
        user_data.extend_from_slice(b"text");
        for parts in [&in_order, &mixed.concat()] {
            seeds.push([&[user_data.len() as u8], &user_data[..], parts].concat());
        }
    }
    seeds
}
