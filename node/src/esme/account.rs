//! What we know about an ESME, ready for use by its sessions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use smsc_proto::smpp::pdu::SmBody;
use smsc_proto::text::DefaultAlphabet;
use smsc_proto::text::concatenation::Marking;
use smsc_store::Name;

use super::rate::Rate;
use crate::config::{self, LongMessages};

/// An account: its configuration and what all of its sessions share.
#[derive(Debug)]
pub struct Account {
    /// Its system_id as a name.
    pub name: Name,
    /// Its configuration.
    pub config: config::Account,
    allowed_sources: Vec<SourcePattern>,
    rate: Option<Arc<Mutex<Rate>>>,
    asked: AtomicU64,
    operators: HashMap<Name, OperatorRules>,
    references: AtomicU8,
}

/// What an operator wants otherwise than this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorRules {
    /// What data_coding 0 means to it.
    pub alphabet: DefaultAlphabet,
    /// How the parts of a message that is too long for it are marked; `None`: it is not cut.
    pub marking: Option<Marking>,
}

impl OperatorRules {
    fn of(operator: &config::Operator) -> Self {
        let marking = match operator.long_messages {
            LongMessages::Keep | LongMessages::Payload => None,
            LongMessages::Udh => Some(Marking::Udh),
            LongMessages::Sar => Some(Marking::Sar),
        };
        Self { alphabet: operator.alphabet.into(), marking }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum SourcePattern {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
}

impl Account {
    /// The account of this configuration, among those operators. It goes on with the rate of the one `before` it.
    pub fn new(config: config::Account, operators: &[config::Operator], before: Option<&Arc<Self>>) -> Self {
        let alphabet: DefaultAlphabet = config.alphabet.into();
        let rules = operators.iter().map(|operator| (Name::intern(&operator.name), OperatorRules::of(operator)));
        let rules = rules.filter(|(_, rules)| rules.alphabet != alphabet || rules.marking.is_some());
        let pattern = |text: &String| match text.strip_suffix('*') {
            Some(prefix) => SourcePattern::Prefix(prefix.as_bytes().into()),
            None => SourcePattern::Exact(text.as_bytes().into()),
        };
        Self {
            name: Name::intern(&config.system_id),
            allowed_sources: config.allowed_sources.iter().map(pattern).collect(),
            operators: rules.collect(),
            references: AtomicU8::new(rand::random()),
            asked: AtomicU64::new(0),
            rate: rate(&config, before),
            config,
        }
    }

    /// Whether nothing of it differs from the other.
    pub fn is_like(&self, other: &Self) -> bool {
        self.config == other.config && self.operators == other.operators
    }

    /// Whether the account may send as this source. None at all means its default sender (S40).
    pub fn allows_source(&self, source: &[u8]) -> bool {
        source.is_empty()
            || self.allowed_sources.iter().any(|pattern| match pattern {
                SourcePattern::Exact(text) => **text == *source,
                SourcePattern::Prefix(prefix) => source.starts_with(prefix),
            })
    }

    /// What that operator wants otherwise than this account; `None` for most.
    pub fn towards(&self, operator: Name) -> Option<OperatorRules> {
        if self.operators.is_empty() { None } else { self.operators.get(&operator).copied() }
    }

    /// Marks the parts of a message: another one than that of the message before. One octet, which is understood
    /// everywhere.
    pub fn next_reference(&self) -> u16 {
        self.references.fetch_add(1, Ordering::Relaxed).into()
    }

    /// Whether this message is within `throughput_max`, over all sessions of the account on this node; in a cluster, within
    /// this node's share of it. Costs little,
    /// and takes nothing that a refusal would have to give back (S44).
    pub fn admits(&self, sm: &SmBody) -> bool {
        let Some(rate) = &self.rate else { return true };
        self.asked.fetch_add(1, Ordering::Relaxed);
        rate.lock().unwrap_or_else(PoisonError::into_inner).admit(&sm.fields(), Instant::now())
    }

    /// The same for a request of so many messages. It is let in as one: what it takes beyond the first comes off what
    /// follows, for a second's worth at most.
    pub fn take_permits(&self, count: usize) -> bool {
        let Some(rate) = &self.rate else { return true };
        self.asked.fetch_add(count as u64, Ordering::Relaxed);
        rate.lock().unwrap_or_else(PoisonError::into_inner).admit_several(count, Instant::now())
    }

    /// This node's share of `throughput_max` from now on: messages a second, at least 1. An account without that limit
    /// has no share.
    pub fn set_rate(&self, share: u32) {
        if let Some(rate) = &self.rate {
            rate.lock().unwrap_or_else(PoisonError::into_inner).set_rate(share.max(1), Instant::now());
        }
    }

    /// What wanted to be submitted since the last call, let in or not; counted of accounts with a limit.
    pub fn take_demand(&self) -> u32 {
        u32::try_from(self.asked.swap(0, Ordering::Relaxed)).unwrap_or(u32::MAX)
    }
}

/// What it may send a second: what was used of it counts on when only other keys have changed.
fn rate(config: &config::Account, before: Option<&Arc<Account>>) -> Option<Arc<Mutex<Rate>>> {
    let same = before.filter(|before| before.config.throughput_max == config.throughput_max);
    match same {
        Some(before) => before.rate.clone(),
        None => {
            (config.throughput_max > 0).then(|| Arc::new(Mutex::new(Rate::new(config.throughput_max, Instant::now()))))
        }
    }
}
