//! Who is connected and who is bound, over all threads of this node.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::Addr;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Holder, Name};

use super::activity::Activity;
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
    connection: Connection,
    bound: Option<(BindKind, Timestamp)>,
}

/// What is known of a connection from its beginning on.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who it is, by the PROXY header where there is one.
    pub peer: SocketAddr,
    /// Whether it is encrypted.
    pub tls: bool,
    /// When it was accepted.
    pub since: Timestamp,
    /// What it is doing.
    pub activity: Arc<Activity>,
}

/// A connection as people see it.
#[derive(Clone, Debug)]
pub struct SessionEntry {
    /// Names it, for as long as the process lives.
    pub holder: Holder,
    /// Its connection.
    pub connection: Connection,
    /// Who is bound over it.
    pub account: Option<Name>,
    /// As what and since when.
    pub bound: Option<(BindKind, Timestamp)>,
}

impl Directory {
    fn entries(&self) -> MutexGuard<'_, HashMap<Holder, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, not bound yet.
    pub fn connected(&self, holder: Holder, session: Addr<EsmeSession>, connection: Connection) {
        self.entries().insert(holder, Entry { session, account: None, receives: false, connection, bound: None });
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

    /// The connection has bound as that.
    pub fn bound_as(&self, holder: Holder, kind: BindKind, now: Timestamp) {
        if let Some(entry) = self.entries().get_mut(&holder) {
            entry.bound = Some((kind, now));
        }
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
            entry.bound = None;
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

    /// All connections, or those of an account, in the order in which they came.
    pub fn list(&self, account: Option<Name>) -> Vec<SessionEntry> {
        let entries = self.entries();
        let chosen = entries.iter().filter(|(_, entry)| account.is_none() || entry.account == account);
        let mut list: Vec<_> = chosen
            .map(|(holder, entry)| SessionEntry {
                holder: *holder,
                connection: entry.connection.clone(),
                account: entry.account,
                bound: entry.bound,
            })
            .collect();
        list.sort_unstable_by_key(|entry| entry.holder.0);
        list
    }

    /// How many are bound, by account.
    pub fn bound_by_account(&self) -> HashMap<Name, usize> {
        let mut counts = HashMap::new();
        for name in self.entries().values().filter_map(|entry| entry.account) {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    /// The actor of one connection.
    pub fn session(&self, holder: Holder) -> Option<Addr<EsmeSession>> {
        self.entries().get(&holder).map(|entry| entry.session.clone())
    }

    /// The actors of an account's bound connections.
    pub fn sessions_of(&self, account: Name) -> Vec<Addr<EsmeSession>> {
        let entries = self.entries();
        entries.values().filter(|entry| entry.account == Some(account)).map(|entry| entry.session.clone()).collect()
    }

    /// Every connection's actor.
    pub fn sessions(&self) -> Vec<Addr<EsmeSession>> {
        self.entries().values().map(|entry| entry.session.clone()).collect()
    }
}
