//! Latin-1 (ISO 8859-1), data_coding 3: the first 256 characters of Unicode, one octet each.

/// The text in Latin-1; `None` when a character is beyond it.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

/// The text of Latin-1 octets; every octet has a character.
pub fn decode(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nordic_letters_take_one_octet() {
        assert_eq!(encode("Åäö").as_deref(), Some(&[0xC5, 0xE4, 0xF6][..]));
    }

    #[test]
    fn a_character_beyond_it_is_refused() {
        assert_eq!(encode("5 €"), None);
    }

    proptest! {
        #[test]
        fn all_octets_read_and_write_the_same(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(encode(&decode(&octets)), Some(octets));
        }
    }
}
