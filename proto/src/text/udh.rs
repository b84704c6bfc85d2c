//! The user data header: elements before the text, announced by bit 6 of esm_class (3GPP TS 23.040 §9.2.3.24).
//!
//! Reading is tolerant: a header that overruns the message is none, and its octets are text (Q31).

/// Concatenation with a reference of one octet.
pub const CONCATENATION: u8 = 0x00;
/// Ports of one octet.
pub const PORTS_SHORT: u8 = 0x04;
/// Ports of two octets.
pub const PORTS: u8 = 0x05;
/// Concatenation with a reference of two octets.
pub const CONCATENATION_WIDE: u8 = 0x08;

/// The elements of a header, without the octet of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDataHeader<'a>(&'a [u8]);

/// One information element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// What it is.
    pub identifier: u8,
    /// Its data, as long as it says.
    pub data: &'a [u8],
}

/// Where a part stands in a concatenated message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The same in all parts.
    pub reference: u16,
    /// How many parts there are, 1 or more.
    pub total: u8,
    /// Which this is, 1..=total.
    pub number: u8,
}

impl Part {
    /// The part of these numbers; `None` when they contradict each other: then it is no part at all (S27, Q31).
    pub const fn new(reference: u16, total: u8, number: u8) -> Option<Self> {
        if number >= 1 && number <= total { Some(Self { reference, total, number }) } else { None }
    }
}

/// Application ports of a message, such as WAP push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// To which port.
    pub destination: u16,
    /// From which.
    pub source: u16,
}

impl<'a> UserDataHeader<'a> {
    /// Takes the header off the front of user data: header and text. `None` when there is no room for the header
    /// that the first octet names.
    pub fn split(user_data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, rest) = user_data.split_first()?;
        let (elements, text) = rest.split_at_checked(usize::from(*length))?;
        Some((Self(elements), text))
    }

    /// Its elements in order; ends at an element that overruns the header.
    pub fn elements(&self) -> Elements<'a> {
        Elements(self.0)
    }

    /// The part that this message is; an element of other length or with impossible numbers is passed over.
    pub fn part(&self) -> Option<Part> {
        self.elements().find_map(|element| match (element.identifier, element.data) {
            (CONCATENATION, [reference, total, number]) => Part::new(u16::from(*reference), *total, *number),
            (CONCATENATION_WIDE, [high, low, total, number]) => {
                Part::new(u16::from_be_bytes([*high, *low]), *total, *number)
            }
            _ => None,
        })
    }

    /// The ports that this message is addressed to.
    pub fn ports(&self) -> Option<Ports> {
        self.elements().find_map(|element| match (element.identifier, element.data) {
            (PORTS_SHORT, [destination, source]) => {
                Some(Ports { destination: u16::from(*destination), source: u16::from(*source) })
            }
            (PORTS, [dh, dl, sh, sl]) => {
                Some(Ports { destination: u16::from_be_bytes([*dh, *dl]), source: u16::from_be_bytes([*sh, *sl]) })
            }
            _ => None,
        })
    }
}

/// Iterates over the elements of a header.
#[derive(Clone, Debug)]
pub struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let [identifier, length, rest @ ..] = self.0 else { return None };
        let (data, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(Element { identifier: *identifier, data })
    }
}

/// Appends a header of these elements, its length octet first.
///
/// Elements that would make the header longer than 255 octets are left out, and those behind them.
pub fn write(elements: &[Element<'_>], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(0);
    for element in elements {
        let Ok(length) = u8::try_from(element.data.len()) else { break };
        if out.len() - start - 1 + 2 + element.data.len() > 255 {
            break;
        }
        out.extend_from_slice(&[element.identifier, length]);
        out.extend_from_slice(element.data);
    }
    // At most 255 by the check above.
    out[start] = (out.len() - start - 1) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_concatenation_are_read() {
        let (short, text) = UserDataHeader::split(b"\x05\x00\x03\xC8\x02\x01hello").expect("a whole header");
        assert_eq!((short.part(), text), (Part::new(0xC8, 2, 1), &b"hello"[..]));
        let (wide, _) = UserDataHeader::split(b"\x06\x08\x04\x12\x34\x03\x03x").expect("a whole header");
        assert_eq!(wide.part(), Part::new(0x1234, 3, 3));
    }

    #[test]
    fn concatenation_is_found_behind_other_elements() {
        let data = b"\x0B\x05\x04\x0B\x84\x23\xF0\x00\x03\x01\x02\x02rest";
        let (header, text) = UserDataHeader::split(data).expect("a whole header");
        assert_eq!(header.ports(), Some(Ports { destination: 2948, source: 9200 }));
        assert_eq!(header.part(), Part::new(1, 2, 2));
        assert_eq!(text, b"rest");
    }

    #[test]
    fn a_header_longer_than_the_message_is_none() {
        assert_eq!(UserDataHeader::split(b"\x05\x00\x03\xC8"), None);
        assert_eq!(UserDataHeader::split(b""), None);
    }

    #[test]
    fn impossible_parts_are_no_parts() {
        for data in [
            &b"\x05\x00\x03\x01\x02\x03"[..],
            b"\x05\x00\x03\x01\x02\x00",
            b"\x05\x00\x03\x01\x00\x00",
            b"\x04\x00\x02\x01\x01",
        ] {
            let (header, _) = UserDataHeader::split(data).expect("a whole header");
            assert_eq!(header.part(), None, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            elements in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..6),
            text in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let elements: Vec<_> =
                elements.iter().map(|(identifier, data)| Element { identifier: *identifier, data }).collect();
            let mut out = Vec::new();
            write(&elements, &mut out);
            out.extend_from_slice(&text);
            let (header, rest) = UserDataHeader::split(&out).expect("as written");
            prop_assert_eq!(header.elements().collect::<Vec<_>>(), elements);
            prop_assert_eq!(rest, text);
        }

        #[test]
        fn hostile_headers_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some((header, _)) = UserDataHeader::split(&octets) {
                let _ = (header.part(), header.ports(), header.elements().count());
            }
        }
    }
}
