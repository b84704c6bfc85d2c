//! Values of labels: names from the configuration, capped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use metrics::SharedString;

/// The label of accounts beyond the cap.
const OTHER: SharedString = SharedString::const_str("_other");
/// The label of a name that no account has.
pub(super) const UNKNOWN: SharedString = SharedString::const_str("_unknown");

static ACCOUNTS_MAX: AtomicUsize = AtomicUsize::new(1_000);

pub(super) fn limit_accounts(accounts_max: u32) {
    ACCOUNTS_MAX.store(accounts_max as usize, Ordering::Relaxed);
}

/// The label `account` of an account of the configuration.
pub(super) fn account(name: &str) -> SharedString {
    static GIVEN: OnceLock<Mutex<Capped>> = OnceLock::new();
    let given = GIVEN.get_or_init(Mutex::default);
    given.lock().unwrap_or_else(PoisonError::into_inner).label(name, ACCOUNTS_MAX.load(Ordering::Relaxed))
}

/// Labels that were given; never more than the cap, and never taken back.
#[derive(Default)]
struct Capped(HashMap<Box<str>, SharedString>);

impl Capped {
    fn label(&mut self, name: &str, max: usize) -> SharedString {
        if let Some(label) = self.0.get(name) {
            return label.clone();
        }
        if self.0.len() >= max {
            return OTHER;
        }
        let label = SharedString::from(name.to_owned());
        self.0.insert(name.into(), label.clone());
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_beyond_the_cap_share_a_label() {
        let mut capped = Capped::default();
        let labels: Vec<_> = ["a", "b", "c", "a", "b"].iter().map(|name| capped.label(name, 2).to_string()).collect();
        assert_eq!(labels, ["a", "b", "_other", "a", "b"]);
    }
}
