//! Who is connected and who is bound, over all threads of this node.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix::Addr;
use smsc_store::{Holder, Name};

use super::session::EsmeSession;

/// The account has `binds_max` binds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("binds_max sessions of the account are bound")]
pub struct TooManyBinds;

/// Every connection of an ESME to this node. Locked for a moment at connect, bind and close; never on the way of a
/// message.
#[derive(Default)]
pub struct Directory {
    entries: Mutex<HashMap<Holder, Entry>>,
}

struct Entry {
    session: Addr<EsmeSession>,
    account: Option<Name>,
    receives: bool,
}

impl Directory {
    fn entries(&self) -> MutexGuard<'_, HashMap<Holder, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, not bound yet.
    pub fn connected(&self, holder: Holder, session: Addr<EsmeSession>) {
        self.entries().insert(holder, Entry { session, account: None, receives: false });
    }

    /// Takes one of the account's `binds_max` places for the connection.
    pub fn bind(&self, holder: Holder, account: Name, binds_max: usize) -> Result<(), TooManyBinds> {
        let mut entries = self.entries();
        if entries.values().filter(|entry| entry.account == Some(account)).count() >= binds_max {
            return Err(TooManyBinds);
        }
        if let Some(entry) = entries.get_mut(&holder) {
            entry.account = Some(account);
        }
        Ok(())
    }

    /// The connection was bound as a receiver or transceiver.
    pub fn receives(&self, holder: Holder) {
        if let Some(entry) = self.entries().get_mut(&holder) {
            entry.receives = true;
        }
    }

    /// Whether a receiver or transceiver of the account is bound.
    pub fn has_receiver(&self, account: Name) -> bool {
        self.entries().values().any(|entry| entry.receives && entry.account == Some(account))
    }

    /// The receivers and transceivers of the account.
    pub fn receivers(&self, account: Name) -> Vec<Addr<EsmeSession>> {
        let entries = self.entries();
        let receivers = entries.values().filter(|entry| entry.receives && entry.account == Some(account));
        receivers.map(|entry| entry.session.clone()).collect()
    }

    /// The connection is not bound any more, and will not be again.
    pub fn unbound(&self, holder: Holder) {
        if let Some(entry) = self.entries().get_mut(&holder) {
            entry.account = None;
        }
    }

    /// The connection is gone.
    pub fn closed(&self, holder: Holder) {
        self.entries().remove(&holder);
    }

    /// How many are connected.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Every connection's actor.
    pub fn sessions(&self) -> Vec<Addr<EsmeSession>> {
        self.entries().values().map(|entry| entry.session.clone()).collect()
    }
}
