//! The options of the store, the router and the sessions, as the configuration has them.

use std::time::Duration;

use smsc_proto::session::{Role, SessionOptions};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_router::RouterOptions;
use smsc_router::mobile_originated::parked;
use smsc_router::operator_id::IdTransforms;
use smsc_router::outcome::{Meaning, OutcomeTable};
use smsc_router::retry::RetrySchedule;
use smsc_router::route::{MoRoute, MtRoute};
use smsc_store::journal::postgres::PostgresOptions;
use smsc_store::{JournalKind, Name, Outbox, OutboxRules, StoreOptions};

use super::{Config, Durability, Journal, Operator, StatusMeaning};
use crate::tls::client_config;

/// How long a submit beyond the window is held back before it is refused (S17).
const HELD_FOR: Duration = Duration::from_secs(1);
/// Partitions in PostgreSQL, unless the configuration says how many.
const PARTITIONS_OF_CLUSTER: u16 = 8;
/// MO messages that wait for a route, at most; beyond it operators are told ESME_RX_T_APPN.
const PARKED: OutboxRules =
    OutboxRules { waiting_max: 1_000_000, unanswered_max: 1, receipt_lifetime: Duration::from_secs(86_400) };
/// The identity of a message centre that is no cluster.
const SYSTEM_ID: &str = "smsc";
/// The longest system_id without its NUL (S39).
const SYSTEM_ID_LENGTH_MAX: usize = 15;

impl Config {
    /// What the router is told.
    pub fn router_options(&self) -> RouterOptions {
        let mt = self.route.iter().map(|route| MtRoute {
            prefix: route.prefix.clone(),
            account: route.account.as_ref().map(|account| Name::intern(account)),
            source: route.source.clone(),
            operators: route.operators.iter().map(|operator| (Name::intern(&operator.name), operator.weight)).collect(),
            failover: route.failover.iter().map(|name| Name::intern(name)).collect(),
        });
        let mo = self.mo_route.iter().map(|route| MoRoute {
            destination: route.destination.clone(),
            keyword: route.keyword.clone(),
            operator: route.operator.as_ref().map(|operator| Name::intern(operator)),
            account: Name::intern(&route.account),
        });
        RouterOptions {
            mt: mt.collect(),
            mo: mo.collect(),
            no_route: self.router.no_route,
            operators: self
                .operator
                .iter()
                .map(|operator| (Name::intern(&operator.name), operator.failover_after))
                .collect(),
        }
    }

    /// What the store is told.
    pub fn store_options(&self) -> StoreOptions {
        let store = &self.store;
        let accounts = self.account.iter().map(|account| {
            let rules = OutboxRules {
                waiting_max: account.waiting_max,
                receipt_lifetime: account.receipt_lifetime,
                ..OutboxRules::default()
            };
            (Outbox::Account(Name::intern(&account.system_id)), rules)
        });
        let operators = self.operator.iter().map(|operator| {
            let rules = OutboxRules {
                waiting_max: operator.waiting_max,
                unanswered_max: operator.unanswered_max,
                ..OutboxRules::default()
            };
            (Outbox::Operator(Name::intern(&operator.name)), rules)
        });
        StoreOptions {
            data_dir: self.node.data_dir.clone(),
            node_number: self.node.number,
            partitions: match (store.partitions, store.journal) {
                (0, Journal::Postgres) => PARTITIONS_OF_CLUSTER,
                (0, Journal::Sled | Journal::Nothing) => 1,
                (partitions, _) => partitions,
            },
            journal: match store.journal {
                Journal::Nothing => JournalKind::Nothing,
                Journal::Sled => JournalKind::Sled,
                Journal::Postgres => JournalKind::Postgres,
            },
            postgres: self.postgres_options(),
            durability: match store.durability {
                Durability::PowerLoss => smsc_store::Durability::PowerLoss,
                Durability::ProcessCrash => smsc_store::Durability::ProcessCrash,
            },
            memory_max: store.memory_max.as_u64(),
            messages_max: store.messages_max,
            retention: store.retention,
            retention_messages_max: store.retention_messages_max,
            receipt_grace: store.receipt_grace,
            parked_max: store.parked_max,
            disk_free_min: store.disk_free_min.as_u64(),
            cdr: self.cdr.is_some(),
            outboxes: accounts.chain(operators).chain([(parked(), PARKED)]).collect(),
        }
    }

    /// Where PostgreSQL is. The check has seen that it can be said.
    fn postgres_options(&self) -> Option<PostgresOptions> {
        let postgres = self.store.postgres.as_ref()?;
        let urls = postgres.urls.iter().map(|url| url.expose());
        let password = postgres.password.as_ref().map(|password| password.expose());
        // Where nobody is trusted there is no TLS: a URL that requires it is refused.
        let tls = client_config(postgres.ca.as_deref()).ok();
        PostgresOptions::new(urls, password, postgres.lease, &self.node.name, tls).ok()
    }

    /// What sessions of that role are held to before anything is known of the peer: as MC the widest windows of any
    /// account (the account's own hold from the bind on), as ESME the widest of any operator.
    pub fn session_options(&self, role: Role) -> SessionOptions {
        let session = &self.session;
        let widest = |windows: &mut dyn Iterator<Item = u32>| windows.max().unwrap_or(1) as usize;
        let accepted = widest(&mut self.account.iter().map(|account| account.window_max));
        let delivered = widest(&mut self.account.iter().map(|account| account.deliver_window));
        let submitted = widest(&mut self.operator.iter().map(|operator| operator.window));
        let (window_size_max, requests_max) = match role {
            Role::Mc => (delivered, accepted),
            // An operator's window is its own affair; what it may have unanswered here is bounded all the same.
            Role::Esme => (submitted, accepted.max(submitted)),
        };
        SessionOptions {
            role,
            session_init: session.session_init,
            enquire_link: session.enquire_link,
            enquire_link_misses: session.enquire_link_misses,
            inactivity: session.inactivity,
            response: session.response,
            window_size_max,
            requests_max,
            held_max: requests_max,
            held_for: HELD_FOR,
            system_id: self.identity().as_bytes().to_vec(),
            interface_version: 0x50,
        }
    }

    /// The system_id in our bind_resp: the same on every node, since ESMEs see one message centre.
    fn identity(&self) -> &str {
        let name = self.cluster.as_ref().map_or(SYSTEM_ID, |cluster| cluster.name.as_str());
        name.get(..SYSTEM_ID_LENGTH_MAX).unwrap_or(name)
    }
}

impl Operator {
    /// What its answers mean.
    pub fn outcome_table(&self) -> OutcomeTable {
        let meaning = |status: CommandStatus, meaning| match meaning {
            StatusMeaning::Accepted => Meaning::Accepted,
            StatusMeaning::Retry => Meaning::Retry,
            StatusMeaning::Throttled => Meaning::Throttled,
            StatusMeaning::Next => Meaning::Next,
            StatusMeaning::Refused => Meaning::refused(status),
        };
        OutcomeTable::new(self.status.iter().map(|(status, written)| (status.0, meaning(*status, *written))).collect())
    }

    /// How its ids in responses and receipts become the same.
    pub fn id_transforms(&self) -> IdTransforms {
        self.message_id.clone()
    }

    /// When a message is tried again.
    pub fn retry_schedule(&self) -> RetrySchedule {
        RetrySchedule::new(self.retry.clone()).expect("the check refuses an empty list")
    }
}
