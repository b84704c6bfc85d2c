//! Who asked to be told when a subscriber can be reached again: set_dpf in a submission, alert_notification later (S54).
//!
//! Kept in memory only, as the specification promises nothing: an alert has no response, and one that finds nobody is
//! lost. The oldest wish goes when there are too many.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use smsc_proto::address::Address;
use smsc_proto::smpp::pdu::OwnedAddress;
use smsc_router::number::normalise;
use smsc_store::Name;
use smsc_store::handle::address_hash;

/// Wishes that are remembered at most.
const WISHES_MAX: usize = 10_000;

/// An operator, and the hash of a subscriber's number.
type Subscriber = (Name, u64);

/// The hash of a subscriber's number, however it is written.
pub fn subscriber(address: &Address<'_>) -> u64 {
    normalise(address, None).map_or_else(|| address_hash(address.digits), |number| address_hash(&number))
}

/// The wishes of all accounts of this node.
#[derive(Debug, Default)]
pub struct Alerts {
    wishes: Mutex<Wishes>,
}

/// Who wishes to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The account.
    pub account: Name,
    /// The address that it sent as, which the alert is addressed to.
    pub esme: OwnedAddress,
}

#[derive(Debug, Default)]
struct Wishes {
    by_subscriber: HashMap<Subscriber, Wish>,
    // Oldest first; a wish that is made anew keeps its place.
    order: VecDeque<Subscriber>,
}

impl Alerts {
    /// A message with set_dpf went to the operator. A later wish for the same subscriber takes the earlier one's place.
    pub fn wish(&self, operator: Name, subscriber: u64, wish: Wish) {
        let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (operator, subscriber);
        if wishes.by_subscriber.insert(key, wish).is_none() {
            wishes.order.push_back(key);
        }
        while wishes.order.len() > WISHES_MAX
            && let Some(oldest) = wishes.order.pop_front()
        {
            wishes.by_subscriber.remove(&oldest);
        }
    }

    /// The operator says that the subscriber is there again: who wished to know. It is told once.
    pub fn grant(&self, operator: Name, subscriber: u64) -> Option<Wish> {
        let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (operator, subscriber);
        let granted = wishes.by_subscriber.remove(&key)?;
        wishes.order.retain(|other| *other != key);
        Some(granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(account: &str) -> Wish {
        Wish { account: Name::intern(account), esme: OwnedAddress::default() }
    }

    #[test]
    fn who_wished_last_is_told_once_s54() {
        let (alerts, operator) = (Alerts::default(), Name::intern("op-a"));
        alerts.wish(operator, 4_670, wish("first"));
        alerts.wish(operator, 4_670, wish("second"));
        assert_eq!(alerts.grant(Name::intern("op-b"), 4_670), None);
        assert_eq!(alerts.grant(operator, 4_670), Some(wish("second")));
        assert_eq!(alerts.grant(operator, 4_670), None);
    }

    #[test]
    fn the_oldest_wishes_go_when_there_are_too_many() {
        let (alerts, operator) = (Alerts::default(), Name::intern("op-a"));
        for subscriber in 0..=WISHES_MAX as u64 {
            alerts.wish(operator, subscriber, wish("demo"));
        }
        assert_eq!(alerts.grant(operator, 0), None);
        assert!(alerts.grant(operator, 1).is_some() && alerts.grant(operator, WISHES_MAX as u64).is_some());
    }
}
