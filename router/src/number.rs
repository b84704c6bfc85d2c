//! Numbers as routes know them: normalised to international digits where that is possible.

use smallvec::SmallVec;
use smsc_proto::address::Address;

/// Digits without `+` or `00`.
pub type Number = SmallVec<[u8; 24]>;

/// What the address field of a submit_sm can carry, without its NUL (S39).
const DIGITS_MAX: usize = 20;

/// Normalises a destination (leading `+`, `00`, TON/NPI; a national number gets `national_prefix` when there is one);
/// `None` when it is empty or holds anything but digits (ESME_RINVDSTADR, S40).
///
/// `+` and `00` make a number international whatever its TON says (Q32). With a `national_prefix` (`46`, or `+46`) a
/// number is national when its TON says so, or when its TON says nothing and it begins with a single `0`; that `0` is
/// the trunk prefix and gives way. Everything else is taken to be international already, short codes included.
/// More than 20 digits are refused: no submit_sm could carry them on.
pub fn normalise(address: &Address<'_>, national_prefix: Option<&str>) -> Option<Number> {
    let digits = address.digits;
    let (international, digits) = match digits {
        [b'+', rest @ ..] | [b'0', b'0', rest @ ..] => (true, rest),
        _ => (address.ton == Address::TON_INTERNATIONAL, digits),
    };
    let prefix = national_prefix.map(|prefix| prefix.trim_start_matches('+').as_bytes()).unwrap_or_default();
    let (prefix, digits) = match digits {
        _ if international => (&[][..], digits),
        [b'0', rest @ ..] if !prefix.is_empty() => (prefix, rest),
        _ if address.ton == Address::TON_NATIONAL => (prefix, digits),
        _ => (&[][..], digits),
    };
    let good = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && prefix.len() + digits.len() <= DIGITS_MAX;
    good.then(|| {
        let mut number = Number::from_slice(prefix);
        number.extend_from_slice(digits);
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(ton: u8, digits: &str, prefix: Option<&str>) -> Option<String> {
        let number = normalise(&Address::new(ton, 1, digits.as_bytes()), prefix)?;
        Some(String::from_utf8_lossy(&number).into_owned())
    }

    #[test]
    fn all_ways_to_write_a_number_come_to_the_same() {
        for (ton, digits) in [
            (1, "46701234567"),
            (0, "46701234567"),
            (1, "+46701234567"),
            (0, "+46701234567"),
            (0, "0046701234567"),
            (2, "+46701234567"),
            (2, "0701234567"),
            (2, "701234567"),
            (0, "0701234567"),
            (5, "+46701234567"),
        ] {
            assert_eq!(normal(ton, digits, Some("46")).as_deref(), Some("46701234567"), "TON {ton}, {digits}");
        }
        assert_eq!(normal(2, "0701234567", Some("+46")).as_deref(), Some("46701234567"));
    }

    #[test]
    fn without_a_national_prefix_national_digits_stay() {
        assert_eq!(normal(2, "0701234567", None).as_deref(), Some("0701234567"));
        assert_eq!(normal(0, "72345", None).as_deref(), Some("72345"));
    }

    #[test]
    fn an_international_number_keeps_its_zero() {
        assert_eq!(normal(1, "0701234567", Some("46")).as_deref(), Some("0701234567"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for digits in ["", "+", "00", "BRAND", "4670-123", "46 70", "467012345678901234567", "++46"] {
            assert_eq!(normal(0, digits, Some("46")), None, "{digits}");
        }
        assert_eq!(normal(2, "4670123456789012345", Some("46")), None, "too long with its prefix");
        assert_eq!(normal(0, "0", Some("46")), None, "a trunk prefix alone");
    }

    proptest! {
        #[test]
        fn a_normal_number_is_short_digits(ton: u8, octets in proptest::collection::vec(any::<u8>(), 0..30)) {
            if let Some(number) = normalise(&Address::new(ton, 1, &octets), Some("46")) {
                prop_assert!(number.iter().all(u8::is_ascii_digit));
                prop_assert!((1..=20).contains(&number.len()));
            }
        }
    }
}
