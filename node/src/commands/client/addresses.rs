//! Numbers and senders as people write them.

use std::fmt;
use std::str::FromStr;

use smsc_proto::address::Address;
use smsc_proto::text::latin1;

/// Octets of an address at most (S39).
const ADDRESS_MAX: usize = 20;
/// Characters of a name that handsets show.
const NAME_MAX: usize = 11;

/// A number in international form, digits only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number(String);

impl Number {
    /// As an address: international, E.164.
    pub(crate) fn address(&self) -> Address<'_> {
        Address::new(Address::TON_INTERNATIONAL, Address::NPI_E164, self.0.as_bytes())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Number {
    type Err = String;

    /// Takes a leading `+` or `00`, blanks, dashes and brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let bare: String = text.chars().filter(|character| !matches!(character, ' ' | '-' | '(' | ')' | '.')).collect();
        let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")).unwrap_or(&bare);
        if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(format!("{text:?} is no number; write it in international form, such as 46701234567"));
        }
        if digits.len() > ADDRESS_MAX {
            return Err(format!("{text:?} is longer than {ADDRESS_MAX} digits"));
        }
        Ok(Self(digits.to_owned()))
    }
}

/// Who sends: a number, or a name of at most eleven characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// TON 1, NPI 1.
    Number(Number),
    /// TON 5, NPI 0; Latin-1.
    Name(Vec<u8>),
}

impl Sender {
    /// As an address.
    pub(crate) fn address(&self) -> Address<'_> {
        match self {
            Self::Number(number) => number.address(),
            Self::Name(name) => Address::new(Address::TON_ALPHANUMERIC, 0, name),
        }
    }
}

impl FromStr for Sender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        let wrong = |why: String| format!("{text:?} is no sender: {why}");
        let name = latin1::encode(text).ok_or_else(|| wrong("a name is written in Latin-1 letters".to_owned()))?;
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(wrong(format!("a name has 1 to {NAME_MAX} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("a name has no control characters".to_owned()));
        }
        Ok(Self::Name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_written_as_people_do() {
        for text in ["46701234567", "+46 70-123 45 67", "0046701234567", "+46 (70) 123.45.67"] {
            assert_eq!(text.parse::<Number>().map(|number| number.to_string()), Ok("46701234567".to_owned()), "{text}");
        }
        for wrong in ["", "+", "brand", "46x", "123456789012345678901"] {
            assert!(wrong.parse::<Number>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn digits_make_a_number_and_letters_a_name() {
        let number: Sender = "+72404".parse().expect("a number");
        assert_eq!(number.address(), Address::new(1, 1, b"72404"));
        let name: Sender = "Räksmörgås".parse().expect("a name");
        assert_eq!((name.address().ton, name.address().npi, name.address().digits.len()), (5, 0, 10));
        for wrong in ["", "twelve chars", "5 €", "a\nb"] {
            assert!(wrong.parse::<Sender>().is_err(), "{wrong:?}");
        }
    }
}
