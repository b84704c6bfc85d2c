//! The store's metrics: names, units, and the handles that update them.
//!
//! What happens per batch is counted by the state threads; what waits is taken from the partitions' notices, twice a
//! second. Labels are names of the configuration and states, never an address or a message_id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use smsc_proto::message_state::MessageState;

use crate::board::PartitionSnapshot;
use crate::messages::Outbox;
use crate::partition::{Counters, OutboxStats, PartitionStats};

/// The metrics of all partitions of the node.
pub(crate) struct StoreMetrics {
    commit_duration: Histogram,
    commit_errors: Counter,
    size: Gauge,
    records: Gauge,
    alive: Gauge,
    free: Gauge,
    capacity: Gauge,
    read_only: Gauge,
    due_lag: Gauge,
    append_age: Gauge,
    lease_left: Gauge,
    partitions: Gauge,
    body_octets: Gauge,
    spilled: Gauge,
    read_back: Counter,
    cdr_backlog: Gauge,
    cdr_age: Gauge,
    cdr_dropped: Counter,
    finals: Vec<(MessageState, Counter)>,
    unmatched: Counter,
    outboxes: Mutex<HashMap<Outbox, OutboxGauges>>,
}

/// What the journal in PostgreSQL counts.
pub(crate) struct PostgresMetrics {
    pub(crate) adoptions: Counter,
    pub(crate) append_errors: Counter,
    pub(crate) adoption_errors: Counter,
    pub(crate) replicated: Gauge,
    pub(crate) out_of_service: Gauge,
}

impl PostgresMetrics {
    pub(crate) fn new() -> Self {
        Self {
            adoptions: counter!("smsc_store_adoptions_total"),
            append_errors: counter!("smsc_store_errors_total", "op" => "append"),
            adoption_errors: counter!("smsc_store_errors_total", "op" => "adopt"),
            replicated: gauge!("smsc_store_replicated"),
            out_of_service: gauge!("smsc_store_partitions_failed"),
        }
    }
}

/// What one partition counts by itself, batch by batch.
pub(crate) struct PartitionMetrics {
    commit_duration: Histogram,
    commit_errors: Counter,
}

enum OutboxGauges {
    Operator { ready: Gauge, inflight: Gauge, scheduled: Gauge, retry: Gauge, oldest_age: Gauge },
    Account { receipts_pending: Gauge, receipts_expired: Counter },
}

impl StoreMetrics {
    /// Names and describes all of them, so that they are there before the first message.
    pub(crate) fn new() -> Self {
        describe();
        let finals = MessageState::ALL.into_iter().filter(|state| state.is_final());
        let final_counter = |state| (state, counter!("smsc_messages_final_total", "state" => state_label(state)));
        Self {
            commit_duration: histogram!("smsc_store_operation_duration_seconds", "op" => "commit"),
            commit_errors: counter!("smsc_store_errors_total", "op" => "commit"),
            size: gauge!("smsc_store_size_bytes"),
            records: gauge!("smsc_store_records_bytes"),
            alive: gauge!("smsc_store_alive_bytes"),
            free: gauge!("smsc_store_free_bytes"),
            capacity: gauge!("smsc_store_capacity_bytes"),
            read_only: gauge!("smsc_store_read_only"),
            due_lag: gauge!("smsc_queue_due_lag_seconds"),
            append_age: gauge!("smsc_store_append_age_seconds"),
            lease_left: gauge!("smsc_store_lease_left_seconds"),
            partitions: gauge!("smsc_store_partitions"),
            body_octets: gauge!("smsc_store_bodies_bytes"),
            spilled: gauge!("smsc_store_spilled_messages"),
            read_back: counter!("smsc_store_records_read_total"),
            cdr_backlog: gauge!("smsc_cdr_backlog_records"),
            cdr_age: gauge!("smsc_cdr_oldest_record_age_seconds"),
            cdr_dropped: counter!("smsc_cdr_dropped_total"),
            finals: finals.map(final_counter).collect(),
            unmatched: counter!("smsc_receipts_total", "account" => "_unknown", "result" => "unmatched"),
            outboxes: Mutex::default(),
        }
    }

    pub(crate) fn partition(&self) -> PartitionMetrics {
        PartitionMetrics { commit_duration: self.commit_duration.clone(), commit_errors: self.commit_errors.clone() }
    }

    /// Renews what is made of the notices of all partitions.
    pub(crate) fn publish(&self, partitions: &[Arc<PartitionSnapshot>]) {
        self.size.set(partitions.iter().map(|partition| partition.journal_size).sum::<u64>() as f64);
        // Partitions share the node's data folder; the fullest disk counts if they do not.
        if let Some(disk) = partitions.iter().filter_map(|partition| partition.disk).min_by_key(|disk| disk.free) {
            self.free.set(disk.free as f64);
            self.capacity.set(disk.capacity as f64);
        }
        let read_only =
            partitions.is_empty() || partitions.iter().any(|partition| partition.disk_low || !partition.running);
        self.read_only.set(if read_only { 1.0 } else { 0.0 });
        self.due_lag.set(partitions.iter().map(|partition| partition.due_lag).max().unwrap_or_default().as_secs_f64());
        let of_journals = partitions.iter().map(|partition| partition.append_age);
        self.append_age.set(of_journals.max().unwrap_or_default().as_secs_f64());
        if let Some(left) = partitions.iter().filter_map(|partition| partition.lease_left).min() {
            self.lease_left.set(left.as_secs_f64());
        }
        self.partitions.set(partitions.iter().filter(|partition| partition.running).count() as f64);
        let of_all = |value: fn(&PartitionStats) -> u64| partitions.iter().map(|p| value(&p.stats)).sum::<u64>() as f64;
        self.records.set(of_all(|stats| stats.journal_octets));
        self.alive.set(of_all(|stats| stats.live_octets));
        self.body_octets.set(of_all(|stats| stats.body_octets));
        self.spilled.set(of_all(|stats| stats.spilled));
        let sum = |count: &dyn Fn(&Counters) -> u64| partitions.iter().map(|p| count(&p.stats.counters)).sum::<u64>();
        for (state, counter) in &self.finals {
            counter.absolute(sum(&|counters| counters.finals[*state as usize]));
        }
        self.unmatched.absolute(sum(&|counters| counters.receipts_given_up));
        self.read_back.absolute(sum(&|counters| counters.read_back));
        self.cdr_backlog.set(of_all(|stats| stats.cdrs_owed));
        let ages = partitions.iter().filter_map(|p| p.stats.cdrs_owed_since.map(|since| p.taken.since(since)));
        self.cdr_age.set(ages.max().unwrap_or_default().as_secs_f64());
        self.cdr_dropped.absolute(sum(&|counters| counters.cdrs_dropped));
        self.publish_outboxes(partitions);
    }

    fn publish_outboxes(&self, partitions: &[Arc<PartitionSnapshot>]) {
        let mut sums: HashMap<Outbox, (OutboxStats, Duration)> = HashMap::new();
        for partition in partitions {
            for stats in &partition.stats.outboxes {
                let age = stats.oldest_due.map_or(Duration::ZERO, |due| partition.taken.since(due));
                let entry = sums.entry(stats.outbox).or_insert_with(|| (none_waiting(stats.outbox), Duration::ZERO));
                add(&mut entry.0, stats);
                entry.1 = entry.1.max(age);
            }
        }
        let mut gauges = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        for (outbox, (stats, oldest_age)) in sums {
            gauges.entry(outbox).or_insert_with(|| OutboxGauges::new(outbox)).set(&stats, oldest_age);
        }
    }
}

impl OutboxGauges {
    fn new(outbox: Outbox) -> Self {
        match outbox {
            Outbox::Operator(name) => {
                let queue = |state| gauge!("smsc_queue_messages", "link" => name.as_str(), "state" => state);
                Self::Operator {
                    ready: queue("ready"),
                    inflight: queue("inflight"),
                    scheduled: queue("scheduled"),
                    retry: queue("retry"),
                    oldest_age: gauge!("smsc_queue_oldest_message_age_seconds", "link" => name.as_str()),
                }
            }
            Outbox::Account(name) => Self::Account {
                receipts_pending: gauge!("smsc_receipts_pending", "account" => name.as_str()),
                receipts_expired: counter!("smsc_receipts_total", "account" => name.as_str(), "result" => "expired"),
            },
        }
    }

    fn set(&self, stats: &OutboxStats, age: Duration) {
        match self {
            Self::Operator { ready, inflight, scheduled, retry, oldest_age } => {
                ready.set(stats.ready as f64);
                inflight.set(stats.leased as f64);
                scheduled.set(stats.scheduled as f64);
                retry.set(stats.retry as f64);
                oldest_age.set(age.as_secs_f64());
            }
            Self::Account { receipts_pending, receipts_expired } => {
                receipts_expired.absolute(stats.receipts_expired);
                let all = stats.ready + stats.leased + stats.scheduled + stats.retry;
                // What waits and is no MO message is a receipt.
                receipts_pending.set(all.saturating_sub(stats.waiting) as f64);
            }
        }
    }
}

impl PartitionMetrics {
    /// One append, after its sync.
    pub(crate) fn appended(&self, took: Duration, fine: bool) {
        self.commit_duration.record(took);
        if !fine {
            self.commit_errors.increment(1);
        }
    }
}

fn describe() {
    describe_histogram!(
        "smsc_store_operation_duration_seconds",
        Unit::Seconds,
        "How long an operation on the journal took; op=commit: one batch until it was durable."
    );
    describe_counter!(
        "smsc_store_errors_total",
        "Operations on the journal that failed. With an embedded journal the node exits after one."
    );
    describe_gauge!(
        "smsc_store_append_age_seconds",
        Unit::Seconds,
        "How long the oldest append to PostgreSQL that is under way has taken. Beyond 5 s new messages are refused."
    );
    describe_gauge!(
        "smsc_store_lease_left_seconds",
        Unit::Seconds,
        "For how long this node surely has its partitions in PostgreSQL: the shortest. At 0 nothing is delivered."
    );
    describe_gauge!("smsc_store_partitions", "Partitions that this node owns and that answer.");
    describe_gauge!(
        "smsc_store_replicated",
        "0 when a database has no synchronous_standby_names: what is acknowledged is on one machine only."
    );
    describe_gauge!(
        "smsc_store_partitions_failed",
        "Partitions in PostgreSQL that this node should serve and cannot: damaged, or lost; tried again every 30 s at most."
    );
    describe_counter!(
        "smsc_store_adoptions_total",
        "Partitions in PostgreSQL that were adopted, also anew by the same node."
    );
    describe_gauge!("smsc_store_size_bytes", Unit::Bytes, "Octets of the journals on the disk.");
    describe_gauge!("smsc_store_records_bytes", Unit::Bytes, "Octets of the records that the journals keep.");
    describe_gauge!("smsc_store_alive_bytes", Unit::Bytes, "Octets of those records that are still needed.");
    describe_gauge!("smsc_store_free_bytes", Unit::Bytes, "Octets that the journal's disk has free.");
    describe_gauge!("smsc_store_capacity_bytes", Unit::Bytes, "Octets of the journal's disk in all.");
    describe_gauge!("smsc_store_read_only", "1 while new messages are refused: the disk is low, or the store failed.");
    describe_gauge!("smsc_store_bodies_bytes", Unit::Bytes, "Octets of memory that messages' bodies take.");
    describe_gauge!("smsc_store_spilled_messages", "Messages and receipts whose bodies are only in the journal.");
    describe_counter!("smsc_store_records_read_total", "Records of the journal that were read back for bodies.");
    describe_gauge!("smsc_cdr_backlog_records", "Call detail records of final messages that are not in a file yet.");
    describe_gauge!(
        "smsc_cdr_oldest_record_age_seconds",
        Unit::Seconds,
        "How long the oldest call detail record has waited to be in a file."
    );
    describe_counter!(
        "smsc_cdr_dropped_total",
        "Call detail records that nobody wrote for store.retention, on a node without [cdr]."
    );
    describe_gauge!("smsc_queue_messages", "Messages for an operator: ready, inflight (handed out), scheduled, retry.");
    describe_gauge!(
        "smsc_queue_oldest_message_age_seconds",
        Unit::Seconds,
        "How long the oldest message that may be sent to the operator has been due."
    );
    describe_gauge!("smsc_queue_due_lag_seconds", Unit::Seconds, "How late the store began with what was due.");
    describe_gauge!("smsc_receipts_pending", "Delivery receipts that wait for a receiver of the account.");
    describe_counter!("smsc_messages_final_total", "Messages that reached a final state, since the start.");
    describe_counter!(
        "smsc_receipts_total",
        "Delivery receipts: delivered to an ESME, expired without a receiver, unmatched with any message."
    );
}

fn none_waiting(outbox: Outbox) -> OutboxStats {
    OutboxStats {
        outbox,
        ready: 0,
        leased: 0,
        scheduled: 0,
        retry: 0,
        enroute: 0,
        waiting: 0,
        receipts_expired: 0,
        oldest_due: None,
    }
}

fn add(sum: &mut OutboxStats, stats: &OutboxStats) {
    sum.ready += stats.ready;
    sum.leased += stats.leased;
    sum.scheduled += stats.scheduled;
    sum.retry += stats.retry;
    sum.waiting += stats.waiting;
    sum.receipts_expired += stats.receipts_expired;
}

const fn state_label(state: MessageState) -> &'static str {
    match state {
        MessageState::Scheduled => "scheduled",
        MessageState::Enroute => "enroute",
        MessageState::Delivered => "delivered",
        MessageState::Expired => "expired",
        MessageState::Deleted => "deleted",
        MessageState::Undeliverable => "undeliverable",
        MessageState::Accepted => "accepted",
        MessageState::Unknown => "unknown",
        MessageState::Rejected => "rejected",
        MessageState::Skipped => "skipped",
    }
}
