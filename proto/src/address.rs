//! An address on the wire: type of number, numbering plan, digits.

/// A borrowed address. TON and NPI are kept as the octets that came (SMPP 3.4 §5.2.5, §5.2.6).
///
/// `digits` is what stood before the NUL: digits as a rule, Latin-1 or GSM octets for an alphanumeric sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address<'a> {
    /// Type of number: 0 unknown, 1 international, 2 national, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan indicator: 0 unknown, 1 E.164.
    pub npi: u8,
    /// The octets of the address, without the NUL; at most 20, in data_sm 64.
    pub digits: &'a [u8],
}

impl<'a> Address<'a> {
    /// TON of an international number.
    pub const TON_INTERNATIONAL: u8 = 1;
    /// TON of a national number.
    pub const TON_NATIONAL: u8 = 2;
    /// TON of an alphanumeric sender.
    pub const TON_ALPHANUMERIC: u8 = 5;
    /// NPI of E.164 numbers.
    pub const NPI_E164: u8 = 1;

    /// An address of these parts.
    pub const fn new(ton: u8, npi: u8, digits: &'a [u8]) -> Self {
        Self { ton, npi, digits }
    }

    /// Whether no address was given: the MC's default sender applies (S40).
    pub const fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }
}
