//! An operator's message_id after its one configured transform (Q14).
//!
//! Response and receipt each go through the steps, so that both come to the same id whatever the operator does to it.

use std::borrow::Cow;

use smsc_proto::ids::OperatorMessageId;

/// One step of `operator.message_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTransform {
    /// The response says hex, the receipt decimal: the response's is made decimal.
    ResponseHex,
    /// The receipt says hex, the response decimal.
    ReceiptHex,
    /// Leading zeros mean nothing.
    TrimZeros,
    /// Case means nothing.
    FoldCase,
}

/// The transform of one operator: steps in order; none is `as_is`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdTransforms(pub Vec<IdTransform>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Response,
    Receipt,
}

impl IdTransforms {
    /// The id of a submit_sm_resp; `None` when it gave none, or one of more than 64 octets.
    pub fn response(&self, octets: &[u8]) -> Option<OperatorMessageId> {
        if self.0.is_empty() {
            return OperatorMessageId::from_octets(octets);
        }
        OperatorMessageId::from_octets(&self.apply(octets, Side::Response))
    }

    /// The id of a receipt.
    pub fn receipt(&self, id: OperatorMessageId) -> OperatorMessageId {
        if self.0.is_empty() {
            return id;
        }
        let octets = match &id {
            OperatorMessageId::Decimal(value) => Cow::Owned(value.to_string().into_bytes()),
            OperatorMessageId::Text(octets) => Cow::Borrowed(&octets[..]),
        };
        let transformed = OperatorMessageId::from_octets(&self.apply(&octets, Side::Receipt));
        transformed.unwrap_or(id)
    }

    fn apply<'a>(&self, octets: &'a [u8], side: Side) -> Cow<'a, [u8]> {
        let mut octets = Cow::Borrowed(octets);
        for step in &self.0 {
            match (step, side) {
                (IdTransform::ResponseHex, Side::Response) | (IdTransform::ReceiptHex, Side::Receipt) => {
                    if let Some(value) = hex_value(&octets) {
                        octets = Cow::Owned(value.to_string().into_bytes());
                    }
                }
                (IdTransform::ResponseHex, Side::Receipt) | (IdTransform::ReceiptHex, Side::Response) => {}
                (IdTransform::TrimZeros, _) => {
                    let zeros = octets.iter().take_while(|octet| **octet == b'0').count();
                    // An id of zeros only keeps one.
                    let zeros = zeros.min(octets.len().saturating_sub(1));
                    if zeros > 0 {
                        octets = Cow::Owned(octets[zeros..].to_vec());
                    }
                }
                (IdTransform::FoldCase, _) => octets = Cow::Owned(octets.to_ascii_lowercase()),
            }
        }
        octets
    }
}

/// The value of up to 32 hex digits, with or without `0x`; `None` for anything else, which then stays as it is.
fn hex_value(octets: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(octets).ok()?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    // `from_str_radix` would take a sign.
    if !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(text: &str) -> OperatorMessageId {
        OperatorMessageId::from_octets(text.as_bytes()).expect("a test writes possible ids")
    }

    fn meets(steps: &[IdTransform], response: &str, receipt: &str) -> bool {
        let transforms = IdTransforms(steps.to_vec());
        transforms.response(response.as_bytes()) == Some(transforms.receipt(id(receipt)))
    }

    #[test]
    fn without_steps_ids_stay_as_they_came() {
        assert!(meets(&[], "0A1b-ff", "0A1b-ff"));
        assert!(!meets(&[], "0012", "12"));
        assert!(!meets(&[], "AB", "ab"));
    }

    #[test]
    fn a_hex_response_meets_its_decimal_receipt() {
        assert!(meets(&[IdTransform::ResponseHex], "1F4a", "8010"));
        assert!(meets(&[IdTransform::ResponseHex], "1234", "4660"));
        assert!(meets(&[IdTransform::ResponseHex, IdTransform::TrimZeros], "3039", "0000012345"));
        assert!(!meets(&[IdTransform::ResponseHex], "1234", "1234"));
    }

    #[test]
    fn a_hex_receipt_meets_its_decimal_response() {
        assert!(meets(&[IdTransform::ReceiptHex], "8010", "0x1F4A"));
        assert!(meets(&[IdTransform::ReceiptHex], "4660", "1234"), "hex digits that look decimal");
        assert!(meets(&[IdTransform::ReceiptHex], "18446744073709551616", "10000000000000000"));
    }

    #[test]
    fn zeros_and_case_can_be_made_to_mean_nothing() {
        assert!(meets(&[IdTransform::TrimZeros], "0000123", "123"));
        assert!(meets(&[IdTransform::TrimZeros], "000", "0"));
        assert!(meets(&[IdTransform::FoldCase], "AbC-1", "aBc-1"));
    }

    #[test]
    fn what_is_no_number_passes_through() {
        assert!(meets(&[IdTransform::ResponseHex], "not-hex", "not-hex"));
        assert!(meets(&[IdTransform::ResponseHex], "+12", "+12"));
    }

    #[test]
    fn a_response_without_id_has_none() {
        assert_eq!(IdTransforms::default().response(b""), None);
        assert_eq!(IdTransforms(vec![IdTransform::ResponseHex]).response(b""), None);
        assert_eq!(IdTransforms(vec![IdTransform::FoldCase]).response(&[b'A'; 65]), None);
    }

    proptest! {
        #[test]
        fn any_octets_pass(
            octets in proptest::collection::vec(any::<u8>(), 0..70),
            steps in proptest::collection::vec(0_usize..4, 0..4),
        ) {
            let all = [IdTransform::ResponseHex, IdTransform::ReceiptHex, IdTransform::TrimZeros, IdTransform::FoldCase];
            let transforms = IdTransforms(steps.into_iter().map(|step| all[step]).collect());
            let _ = transforms.response(&octets);
            if let Some(id) = OperatorMessageId::from_octets(&octets) {
                let _ = transforms.receipt(id);
            }
        }
    }
}
