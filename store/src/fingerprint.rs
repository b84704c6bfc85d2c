//! What of a submission a later query_sm, cancel_sm or replace_sm must repeat, in eight octets.

use smsc_proto::address::Address;

/// The source address and the service_type of a message as they were submitted (S40, S46 to S48). Hashes: whoever asks
/// has to be of the same account and to know the id or the destination too.
///
/// [`Fingerprint::default`] knows nothing: of a message from a handset, or of one that was kept by a release that did
/// not keep fingerprints yet. It is like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of the digits; 0 is not known.
    pub(crate) source: u32,
    /// Of service_type; 0 if it is empty.
    pub(crate) service: u16,
    /// TON in the high three bits, NPI in the low five.
    pub(crate) plan: u8,
}

const NPI: u8 = 0b0001_1111;
const TON: u8 = !NPI;

impl Fingerprint {
    /// Of a submission, or of what asks for one. The same in every release, because journals keep it.
    pub fn of(source: Address<'_>, service_type: &[u8]) -> Self {
        let service = match service_type {
            [] => 0,
            text => (hash(text) as u16).max(1),
        };
        Self { source: hash(source.digits).max(1), service, plan: source.ton << 5 | source.npi & NPI }
    }

    /// All of it in one number, for peers: source, service_type, plan, from the low bits up.
    pub const fn to_bits(self) -> u64 {
        self.source as u64 | (self.service as u64) << 32 | (self.plan as u64) << 48
    }

    /// The fingerprint with these bits; higher ones mean nothing.
    pub const fn from_bits(bits: u64) -> Self {
        Self { source: bits as u32, service: (bits >> 32) as u16, plan: (bits >> 48) as u8 }
    }

    /// Whether the asked source is this one. A TON or NPI of 0 in the question is like any (S46, S47).
    pub fn has_source_of(self, asked: Self) -> bool {
        let same = |mask: u8| asked.plan & mask == 0 || asked.plan & mask == self.plan & mask;
        self.source == 0 || self.source == asked.source && same(TON) && same(NPI)
    }

    /// Whether the asked service_type is this one. None in the question is like any (S47).
    pub fn has_service_of(self, asked: Self) -> bool {
        asked.service == 0 || asked.service == self.service
    }
}

/// FNV-1a (64 bits), folded.
fn hash(octets: &[u8]) -> u32 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for octet in octets {
        hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ton: u8, npi: u8, digits: &str, service_type: &str) -> Fingerprint {
        Fingerprint::of(Address::new(ton, npi, digits.as_bytes()), service_type.as_bytes())
    }

    #[test]
    fn a_fingerprint_never_changes() {
        // Journals hold these numbers.
        let print = of(5, 0, "Brand", "CMT");
        assert_eq!((print.source, print.service, print.plan), (0x1BAE_6FF2, 0x5E02, 0xA0));
    }

    #[test]
    fn the_source_must_be_as_it_was_submitted_s46() {
        let submitted = of(1, 1, "46700000000", "");
        assert!(submitted.has_source_of(of(1, 1, "46700000000", "")));
        for other in [of(1, 1, "46700000001", ""), of(1, 1, "+46700000000", ""), of(1, 1, "", "")] {
            assert!(!submitted.has_source_of(other), "{other:?}");
        }
        assert!(!of(0, 0, "", "").has_source_of(of(1, 1, "46700000000", "")), "NULL if it was NULL");
        assert!(of(0, 0, "", "").has_source_of(of(0, 0, "", "")));
    }

    #[test]
    fn a_ton_or_npi_of_0_in_the_question_is_like_any_s46_s47() {
        let submitted = of(2, 9, "4670", "");
        for (ton, npi, like) in [(0, 0, true), (2, 0, true), (0, 9, true), (2, 9, true), (1, 9, false), (2, 1, false)] {
            assert_eq!(submitted.has_source_of(of(ton, npi, "4670", "")), like, "{ton} {npi}");
        }
    }

    #[test]
    fn a_service_type_counts_only_if_it_is_asked_for_s47() {
        let submitted = of(1, 1, "4670", "CMT");
        assert!(submitted.has_service_of(of(1, 1, "4670", "")));
        assert!(submitted.has_service_of(of(1, 1, "4670", "CMT")));
        assert!(!submitted.has_service_of(of(1, 1, "4670", "WAP")));
        assert!(!of(1, 1, "4670", "").has_service_of(of(1, 1, "4670", "CMT")));
    }

    #[test]
    fn what_is_not_known_is_like_any() {
        assert!(Fingerprint::default().has_source_of(of(1, 1, "4670", "")));
    }
}
