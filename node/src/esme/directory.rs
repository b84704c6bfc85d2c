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
use crate::cluster::{Binds, ClusterHandle, Fact, Key};

/// The account has `binds_max` binds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("binds_max sessions of the account are bound")]
pub struct TooManyBinds;

/// Every connection of an ESME to this node. Locked for a moment at connect, bind and close; never on the way of a
/// message. Peers are told how often each account is bound here, and `binds_max` counts what they tell.
#[derive(Default)]
pub struct Directory {
    entries: Mutex<HashMap<Holder, Entry>>,
    cluster: Option<ClusterHandle>,
}

struct Entry {
    session: Addr<EsmeSession>,
    bound: Option<(Name, BindKind)>,
    receives: bool,
    connection: Connection,
    since: Option<Timestamp>,
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

impl Entry {
    fn is_of(&self, account: Name) -> bool {
        self.bound.is_some_and(|(of, _)| of == account)
    }
}

impl Directory {
    /// Of a node in that cluster, if it is in one.
    pub fn new(cluster: Option<ClusterHandle>) -> Self {
        Self { entries: Mutex::default(), cluster }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Holder, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, not bound yet.
    pub fn connected(&self, holder: Holder, session: Addr<EsmeSession>, connection: Connection) {
        let entry = Entry { session, bound: None, receives: false, connection, since: None };
        self.entries().insert(holder, entry);
    }

    /// Takes one of the account's `binds_max` places in the cluster for the connection.
    pub fn bind(&self, holder: Holder, account: Name, kind: BindKind, binds_max: usize) -> Result<(), TooManyBinds> {
        let elsewhere = self.cluster.as_ref().map_or(0, |cluster| cluster.view().binds_elsewhere(account));
        let mut entries = self.entries();
        let here = entries.values().filter(|entry| entry.is_of(account)).count();
        if here + elsewhere as usize >= binds_max {
            return Err(TooManyBinds);
        }
        if let Some(entry) = entries.get_mut(&holder) {
            entry.bound = Some((account, kind));
            self.publish(&entries, account);
        }
        Ok(())
    }

    /// The connection is bound since then.
    pub fn bound_at(&self, holder: Holder, now: Timestamp) {
        if let Some(entry) = self.entries().get_mut(&holder) {
            entry.since = Some(now);
        }
    }

    /// Tells peers of the account's binds. The entries stay locked meanwhile, so that the last word is the right one.
    fn publish(&self, entries: &HashMap<Holder, Entry>, account: Name) {
        let Some(cluster) = &self.cluster else { return };
        let mut binds = Binds::default();
        for (_, kind) in entries.values().filter_map(|entry| entry.bound).filter(|(of, _)| *of == account) {
            *match kind {
                BindKind::Transmitter => &mut binds.transmitters,
                BindKind::Receiver => &mut binds.receivers,
                BindKind::Transceiver => &mut binds.transceivers,
            } += 1;
        }
        if binds == Binds::default() {
            cluster.withdraw([Key::Binds(account)]);
        } else {
            cluster.publish([Fact::Binds(account, binds)]);
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
        self.entries().values().any(|entry| entry.receives && entry.is_of(account))
    }

    /// The receivers and transceivers of the account.
    pub fn receivers(&self, account: Name) -> Vec<Addr<EsmeSession>> {
        let entries = self.entries();
        let receivers = entries.values().filter(|entry| entry.receives && entry.is_of(account));
        receivers.map(|entry| entry.session.clone()).collect()
    }

    /// The connection is not bound any more, and will not be again.
    pub fn unbound(&self, holder: Holder) {
        let mut entries = self.entries();
        if let Some((account, _)) = entries.get_mut(&holder).and_then(|entry| entry.bound.take()) {
            self.publish(&entries, account);
        }
    }

    /// The connection is gone.
    pub fn closed(&self, holder: Holder) {
        let mut entries = self.entries();
        if let Some((account, _)) = entries.remove(&holder).and_then(|entry| entry.bound) {
            self.publish(&entries, account);
        }
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
        let chosen = entries.iter().filter(|(_, entry)| account.is_none_or(|account| entry.is_of(account)));
        let mut list: Vec<_> = chosen
            .map(|(holder, entry)| SessionEntry {
                holder: *holder,
                connection: entry.connection.clone(),
                account: entry.bound.map(|(account, _)| account),
                bound: entry.bound.zip(entry.since).map(|((_, kind), since)| (kind, since)),
            })
            .collect();
        list.sort_unstable_by_key(|entry| entry.holder.0);
        list
    }

    /// How many are bound, by account.
    pub fn bound_by_account(&self) -> HashMap<Name, usize> {
        let mut counts = HashMap::new();
        for (name, _) in self.entries().values().filter_map(|entry| entry.bound) {
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
        entries.values().filter(|entry| entry.is_of(account)).map(|entry| entry.session.clone()).collect()
    }

    /// Every connection with its actor.
    pub fn sessions(&self) -> Vec<(Holder, Addr<EsmeSession>)> {
        self.entries().iter().map(|(holder, entry)| (*holder, entry.session.clone())).collect()
    }
}
