//! data_coding: alphabet and message class (3.4 §5.2.19, GSM 03.38 §4, S41).

/// A data_coding octet. An unknown one is no error: it passes through (S41).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DataCoding(pub u8);

/// What the octets of a text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// The MC's default: GSM 7 bit as a rule, by account and operator something else (Q29).
    Default,
    /// 1: IA5 (ASCII).
    Ia5,
    /// 2, 4 and the 8-bit forms of GSM 03.38: octets, never re-encoded.
    Binary,
    /// 3: ISO-8859-1.
    Latin1,
    /// 5: JIS (X 0208-1990).
    Jis,
    /// 6: ISO-8859-5.
    Cyrillic,
    /// 7: ISO-8859-8.
    Hebrew,
    /// 8: UCS-2, big-endian.
    Ucs2,
    /// 9: pictograms.
    Pictogram,
    /// 10: ISO-2022-JP (music codes).
    Iso2022Jp,
    /// 13: extended Kanji JIS (X 0212-1990).
    ExtendedKanji,
    /// 14: KS C 5601.
    Ksc5601,
    /// Reserved values.
    Other,
}

/// Where a handset puts a message (GSM 03.38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageClass {
    /// Shown at once and not kept ("flash").
    Class0,
    /// Kept in the handset.
    Class1,
    /// Kept on the SIM.
    Class2,
    /// For terminal equipment behind the handset.
    Class3,
}

impl DataCoding {
    /// The default alphabet.
    pub const DEFAULT: Self = Self(0x00);
    /// IA5 (ASCII).
    pub const IA5: Self = Self(0x01);
    /// Octets.
    pub const BINARY: Self = Self(0x04);
    /// ISO-8859-1.
    pub const LATIN_1: Self = Self(0x03);
    /// UCS-2, big-endian.
    pub const UCS2: Self = Self(0x08);

    /// What the octets of the text are. Up to 0x0F by SMPP's own table; 0x10 to 0x1F as GSM 03.38's coding with a
    /// class, which clients send (Q30); from 0xC0 GSM 03.38's groups for message waiting and class.
    pub const fn alphabet(self) -> Alphabet {
        match self.0 {
            0 => Alphabet::Default,
            1 => Alphabet::Ia5,
            2 | 4 => Alphabet::Binary,
            3 => Alphabet::Latin1,
            5 => Alphabet::Jis,
            6 => Alphabet::Cyrillic,
            7 => Alphabet::Hebrew,
            8 => Alphabet::Ucs2,
            9 => Alphabet::Pictogram,
            10 => Alphabet::Iso2022Jp,
            13 => Alphabet::ExtendedKanji,
            14 => Alphabet::Ksc5601,
            0x10..=0x13 => Alphabet::Default,
            0x14..=0x17 => Alphabet::Binary,
            0x18..=0x1B => Alphabet::Ucs2,
            0xC0..=0xDF => Alphabet::Default,
            0xE0..=0xEF => Alphabet::Ucs2,
            0xF0..=0xFF => {
                if self.0 & 0x04 == 0 {
                    Alphabet::Default
                } else {
                    Alphabet::Binary
                }
            }
            _ => Alphabet::Other,
        }
    }

    /// The class, if one is given: 0x10 to 0x1F and 0xF0 to 0xFF (Q30).
    pub const fn message_class(self) -> Option<MessageClass> {
        if !matches!(self.0, 0x10..=0x1F | 0xF0..=0xFF) {
            return None;
        }
        Some(match self.0 & 0x03 {
            0 => MessageClass::Class0,
            1 => MessageClass::Class1,
            2 => MessageClass::Class2,
            _ => MessageClass::Class3,
        })
    }

    /// Whether it switches a message-waiting mark: 0xC0 to 0xEF.
    pub const fn is_message_waiting(self) -> bool {
        matches!(self.0, 0xC0..=0xEF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_smpp_is_read_up_to_fifteen() {
        use Alphabet::*;
        let table = [
            Default,
            Ia5,
            Binary,
            Latin1,
            Binary,
            Jis,
            Cyrillic,
            Hebrew,
            Ucs2,
            Pictogram,
            Iso2022Jp,
            Other,
            Other,
            ExtendedKanji,
            Ksc5601,
            Other,
        ];
        for (octet, alphabet) in (0..).zip(table) {
            assert_eq!(DataCoding(octet).alphabet(), alphabet, "S41: data_coding {octet}");
            assert_eq!(DataCoding(octet).message_class(), None);
        }
    }

    #[test]
    fn a_class_keeps_its_alphabet() {
        // Q30.
        for (octet, alphabet, class) in [
            (0x10, Alphabet::Default, MessageClass::Class0),
            (0x18, Alphabet::Ucs2, MessageClass::Class0),
            (0x11, Alphabet::Default, MessageClass::Class1),
            (0xF0, Alphabet::Default, MessageClass::Class0),
            (0xF2, Alphabet::Default, MessageClass::Class2),
            (0xF5, Alphabet::Binary, MessageClass::Class1),
            (0xFB, Alphabet::Default, MessageClass::Class3),
        ] {
            assert_eq!(DataCoding(octet).alphabet(), alphabet);
            assert_eq!(DataCoding(octet).message_class(), Some(class));
        }
    }

    #[test]
    fn message_waiting_is_text_too() {
        assert_eq!(DataCoding(0xC8).alphabet(), Alphabet::Default);
        assert_eq!(DataCoding(0xE0).alphabet(), Alphabet::Ucs2);
        assert!(DataCoding(0xD0).is_message_waiting() && !DataCoding(0xF0).is_message_waiting());
        assert_eq!(DataCoding(0xC8).message_class(), None);
    }

    #[test]
    fn a_reserved_value_is_other_and_no_error() {
        assert_eq!(DataCoding(0x80).alphabet(), Alphabet::Other);
    }
}
