//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1).
//!
//! SMPP carries it unpacked, one septet per octet, also after a user data header (S41).

/// Announces a character of the extension table: the pair counts as two septets and must stay together.
pub const ESCAPE: u8 = 0x1B;

/// The default alphabet by septet. The escape has no character of its own and stands as a no-break space, which is
/// what a receiver without the extension table shows.
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{A0}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: septet after the escape, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The text in unpacked septets; `None` when a character is not in the alphabet.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        match find(character)? {
            Septets::One(septet) => septets.push(septet),
            Septets::Escaped(septet) => septets.extend_from_slice(&[ESCAPE, septet]),
        }
    }
    Some(septets)
}

/// How many septets the text takes; `None` when a character is not in the alphabet.
pub fn septet_length(text: &str) -> Option<usize> {
    let length = |character| match find(character)? {
        Septets::One(_) => Some(1),
        Septets::Escaped(_) => Some(2),
    };
    text.chars().map(length).sum()
}

/// The text of unpacked septets. An octet that is no septet becomes U+FFFD, a pair that the extension table does not
/// know the character of its second septet, as 23.038 wants it.
pub fn decode(septets: &[u8]) -> String {
    let mut text = String::with_capacity(septets.len());
    let mut septets = septets.iter().copied();
    while let Some(septet) = septets.next() {
        text.push(match (septet, DEFAULT.get(usize::from(septet))) {
            (ESCAPE, _) => septets.next().map_or(char::REPLACEMENT_CHARACTER, escaped),
            (_, Some(character)) => *character,
            (_, None) => char::REPLACEMENT_CHARACTER,
        });
    }
    text
}

/// The character of one septet without escape; `None` for the escape itself and for octets above 0x7F.
pub fn character(septet: u8) -> Option<char> {
    if septet == ESCAPE { None } else { DEFAULT.get(usize::from(septet)).copied() }
}

/// The character of the septet behind an escape.
pub fn escaped(septet: u8) -> char {
    // A second escape announces a table that does not exist yet: a space (23.038 §6.2.1.1).
    if septet == ESCAPE {
        return ' ';
    }
    let known = EXTENSION.iter().find(|(code, _)| *code == septet).map(|(_, character)| *character);
    known.or_else(|| character(septet)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Where to cut so that at most `limit` septets come before the cut and no escape is parted from its septet.
/// At least one septet or pair comes before it, even when `limit` is less.
pub fn cut(septets: &[u8], limit: usize) -> usize {
    if septets.len() <= limit {
        return septets.len();
    }
    let mut at = 0;
    while at < septets.len() {
        let step = if septets[at] == ESCAPE { 2 } else { 1 };
        if at + step > limit && at > 0 {
            break;
        }
        at += step;
        if at >= limit {
            break;
        }
    }
    at.min(septets.len())
}

enum Septets {
    One(u8),
    Escaped(u8),
}

fn find(character: char) -> Option<Septets> {
    // Most of ASCII stands at its own place.
    if let Ok(octet) = u8::try_from(character)
        && DEFAULT.get(usize::from(octet)) == Some(&character)
    {
        return Some(Septets::One(octet));
    }
    // What stands in the escape's place is nothing that can be written.
    let default = DEFAULT.iter().position(|known| *known == character);
    match default.filter(|septet| *septet != usize::from(ESCAPE)) {
        // The table has 128 entries.
        Some(septet) => Some(Septets::One(septet as u8)),
        None => EXTENSION.iter().find(|(_, known)| *known == character).map(|(code, _)| Septets::Escaped(*code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_septet_but_the_escape_reads_and_writes_the_same() {
        for septet in (0..128).filter(|septet| *septet != ESCAPE) {
            let text = decode(&[septet]);
            assert_eq!(encode(&text).as_deref(), Some(&[septet][..]), "{text}");
        }
        for (septet, character) in EXTENSION {
            assert_eq!(encode(&character.to_string()).as_deref(), Some(&[ESCAPE, septet][..]));
            assert_eq!(decode(&[ESCAPE, septet]), character.to_string());
        }
    }

    #[test]
    fn the_alphabet_has_its_odd_places() {
        assert_eq!(encode("@£$_ÅåÄÖ").as_deref(), Some(&[0x00, 0x01, 0x02, 0x11, 0x0E, 0x0F, 0x5B, 0x5C][..]));
    }

    #[test]
    fn a_character_outside_the_alphabet_is_refused() {
        for text in ["Привет", "smörgås🎂", "ç", "`", "\u{A0}"] {
            assert_eq!(encode(text), None, "{text}");
            assert_eq!(septet_length(text), None, "{text}");
        }
    }

    #[test]
    fn an_extended_character_counts_twice() {
        assert_eq!(septet_length("5 €"), Some(4));
    }

    #[test]
    fn octets_that_are_no_septets_are_marked() {
        assert_eq!(decode(&[b'a', 0x80, b'b']), "a\u{FFFD}b");
        assert_eq!(decode(&[b'a', ESCAPE]), "a\u{FFFD}");
        assert_eq!(decode(&[ESCAPE, b'a']), "a");
        assert_eq!(decode(&[ESCAPE, ESCAPE]), " ");
    }

    #[test]
    fn a_cut_does_not_part_an_escape_from_its_septet() {
        let septets = encode("ab€cd").expect("in the alphabet");
        assert_eq!(cut(&septets, 3), 2);
        assert_eq!(cut(&septets, 4), 4);
        assert_eq!(cut(&septets, 9), septets.len());
        assert_eq!(cut(&[ESCAPE, 0x65, b'a'], 1), 2, "it always goes on");
    }

    proptest! {
        #[test]
        fn what_can_be_written_reads_back(text in "[a-zA-Z0-9@£$ÅÄÖåäöΔΩ€\\[\\]{}~^|\\\\ \n\r]{0,200}") {
            let septets = encode(&text);
            prop_assert_eq!(septet_length(&text), septets.as_ref().map(Vec::len));
            prop_assert_eq!(septets.map(|septets| decode(&septets)), Some(text));
        }

        #[test]
        fn any_octets_have_a_text_and_a_cut(octets in proptest::collection::vec(any::<u8>(), 0..300), limit in 0_usize..200) {
            let _ = decode(&octets);
            let at = cut(&octets, limit);
            prop_assert!(at <= octets.len());
            prop_assert!(at > 0 || octets.is_empty());
            prop_assert!(at <= limit.max(2));
        }
    }
}
