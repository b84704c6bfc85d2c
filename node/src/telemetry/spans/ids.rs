//! Which trace a message has, and whether it has one: by its id alone. Pure.

use opentelemetry::{SpanId, TraceId};
use smsc_proto::ids::MessageId;

use crate::config::Ratio;

/// The messages that have spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Hashes below it; `None`: all.
    below: Option<u64>,
}

impl Sample {
    pub(super) fn of(ratio: Ratio) -> Self {
        let parts = u128::from(ratio.per_million());
        Self { below: u64::try_from((parts << 64) / 1_000_000).ok() }
    }

    pub(super) fn contains(self, id: MessageId) -> bool {
        self.below.is_none_or(|below| mixed(id.as_u64(), 0) < below)
    }
}

/// The trace of that message.
pub(super) fn trace_of(id: MessageId) -> TraceId {
    let halves = u128::from(mixed(id.as_u64(), 1)) << 64 | u128::from(id.as_u64());
    TraceId::from_bytes(halves.to_be_bytes())
}

/// Its root.
pub(super) fn root_of(id: MessageId) -> SpanId {
    SpanId::from_bytes(mixed(id.as_u64(), 2).max(1).to_be_bytes())
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): ids that follow one another become numbers that do not.
const fn mixed(id: u64, stream: u64) -> u64 {
    let mut z = id.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(stream + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids(count: u64) -> impl Iterator<Item = MessageId> {
        (0..count).filter_map(|n| MessageId::from_u64(252_170_149_648_465_920 + n))
    }

    fn part(parts_per_million: u32) -> usize {
        let sample = Sample::of(Ratio::parts_per_million(parts_per_million));
        ids(100_000).filter(|id| sample.contains(*id)).count()
    }

    #[test]
    fn so_many_messages_are_in_the_sample_as_the_ratio_says() {
        assert_eq!((part(0), part(1_000_000)), (0, 100_000));
        assert!((900..1_100).contains(&part(10_000)), "{}", part(10_000));
        assert!((48_000..52_000).contains(&part(500_000)), "{}", part(500_000));
    }

    #[test]
    fn a_message_has_one_trace_and_one_root_and_no_other_has_them() {
        let seen: HashSet<_> = ids(10_000).map(|id| (trace_of(id), root_of(id))).collect();
        assert_eq!(seen.len(), 10_000);
        let roots: HashSet<_> = ids(10_000).map(root_of).collect();
        assert_eq!((roots.len(), roots.contains(&SpanId::INVALID)), (10_000, false));
        assert_eq!(ids(9).map(trace_of).collect::<Vec<_>>(), ids(9).map(trace_of).collect::<Vec<_>>());
    }

    #[test]
    fn the_second_half_of_a_trace_id_is_the_message_id() {
        let id = MessageId::from_u64(252_170_149_648_465_920).expect("an id");
        assert!(trace_of(id).to_string().ends_with(&format!("{:016x}", id.as_u64())));
    }
}
