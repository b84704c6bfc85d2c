//! What we know about an ESME, ready for use by its sessions.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use smsc_router::throttle::Throttle;
use smsc_store::Name;

use crate::config;

/// An account: its configuration and what all of its sessions share.
#[derive(Debug)]
pub struct Account {
    /// Its system_id as a name.
    pub name: Name,
    /// Its configuration.
    pub config: config::Account,
    allowed_sources: Vec<SourcePattern>,
    throttle: Option<Mutex<Throttle>>,
}

#[derive(Debug, PartialEq, Eq)]
enum SourcePattern {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
}

impl Account {
    /// The account of this configuration.
    pub fn new(config: config::Account) -> Self {
        let pattern = |text: &String| match text.strip_suffix('*') {
            Some(prefix) => SourcePattern::Prefix(prefix.as_bytes().into()),
            None => SourcePattern::Exact(text.as_bytes().into()),
        };
        Self {
            name: Name::intern(&config.system_id),
            allowed_sources: config.allowed_sources.iter().map(pattern).collect(),
            throttle: (config.throughput_max > 0)
                .then(|| Mutex::new(Throttle::new(config.throughput_max, Instant::now()))),
            config,
        }
    }

    /// Whether the account may send as this source. None at all means its default sender (S40).
    pub fn allows_source(&self, source: &[u8]) -> bool {
        source.is_empty()
            || self.allowed_sources.iter().any(|pattern| match pattern {
                SourcePattern::Exact(text) => **text == *source,
                SourcePattern::Prefix(prefix) => source.starts_with(prefix),
            })
    }

    /// Whether one more message is within `throughput_max`, over all sessions of the account on this node.
    pub fn take_permit(&self) -> bool {
        let Some(throttle) = &self.throttle else { return true };
        throttle.lock().unwrap_or_else(PoisonError::into_inner).take(1, Instant::now()) == 1
    }

    /// The same for a request of so many messages. It is let in as one: what it takes beyond the first comes off what
    /// follows, for a second's worth at most.
    pub fn take_permits(&self, count: usize) -> bool {
        let Some(throttle) = &self.throttle else { return true };
        let now = Instant::now();
        let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = throttle.take(1, now) == 1;
        if admitted {
            (1..count).for_each(|_| throttle.take_more(now));
        }
        admitted
    }
}
