//! The journal in PostgreSQL by itself: what it keeps, and who may write into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smsc_proto::ids::PartitionId;
use smsc_store::StoreError;
use smsc_store::journal::postgres::{PostgresError, PostgresOptions};
use smsc_store::journal::{Journal, PostgresJournal};
use smsc_tests::node::usual;
use smsc_tests::operator::Operator;
use smsc_tests::postgres::Postgres;

/// Long enough for a loaded machine to renew it in time.
const LEASE: Duration = Duration::from_secs(4);

/// A server whose tables a node has made.
fn server() -> Option<Postgres> {
    let postgres = Postgres::start()?;
    usual(&Operator::start("op-a")).postgres(&postgres).start().terminate();
    Some(postgres)
}

fn try_adopt(postgres: &Postgres, owner: &str) -> Result<PostgresJournal, PostgresError> {
    let url = postgres.url();
    let options = PostgresOptions::new([url.as_str()], None, LEASE, owner, None).unwrap();
    PostgresJournal::adopt(Arc::new(options), PartitionId::new(963).unwrap())
}

fn adopt(postgres: &Postgres, owner: &str) -> PostgresJournal {
    try_adopt(postgres, owner).unwrap()
}

fn record(number: u64, size: usize) -> Bytes {
    (0..size as u64).map(|at| (number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(at * at) >> 13) as u8).collect()
}

fn append(
    journal: &mut PostgresJournal,
    numbers: std::ops::RangeInclusive<u64>,
    keep_from: u64,
) -> Result<(), StoreError> {
    let records: Vec<_> = numbers.clone().map(|number| record(number, 3_000)).collect();
    journal.append(*numbers.start(), &records, keep_from)
}

fn numbers(journal: &mut PostgresJournal) -> Vec<u64> {
    let mut numbers = Vec::new();
    let each = &mut |number: u64, octets: &[u8]| {
        assert_eq!(octets, record(number, octets.len()), "record {number}");
        numbers.push(number);
        Ok(())
    };
    journal.replay(each).unwrap();
    numbers
}

fn is_fenced(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Postgres(PostgresError::Fenced)))
}

/// Ends the connection of whoever appends: the server says so only with the next statement.
fn cut_connections(postgres: &Postgres) {
    postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()");
    postgres.expect("select count(*) from pg_stat_activity where application_name = 'smsc'", "0");
}

#[test]
fn records_are_found_again_in_order() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    assert!(numbers(&mut journal).is_empty());
    append(&mut journal, 1..=3, 0).unwrap();
    append(&mut journal, 4..=40, 0).unwrap();
    journal.close().unwrap();
    let mut journal = adopt(&postgres, "b");
    assert_eq!(numbers(&mut journal), (1..=40).collect::<Vec<_>>());
    assert_eq!(journal.size(), 40 * 3_000);
    let mut reader = journal.reader().unwrap();
    assert_eq!(reader.read(2).unwrap(), Some(record(2, 3_000)));
    assert_eq!(reader.read(39).unwrap(), Some(record(39, 3_000)));
    assert_eq!(reader.read(41).unwrap(), None);
}

#[test]
fn old_records_go_in_steps_and_the_newest_always_stays() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    append(&mut journal, 1..=200, 0).unwrap();
    append(&mut journal, 201..=201, 999).unwrap();
    let left = || postgres.sql("select count(*) from smsc.journal where partition = 963");
    while left() != "1" {
        journal.tend().unwrap();
    }
    assert_eq!(numbers(&mut journal), [201]);
    append(&mut journal, 202..=202, 999).unwrap();
    assert_eq!(journal.size(), 2 * 3_000);
}

#[test]
fn a_partition_is_to_be_had_when_its_lease_is_over_and_at_once_by_its_owner() {
    let Some(postgres) = server() else { return };
    let first = adopt(&postgres, "a");
    let refused = try_adopt(&postgres, "b").err();
    assert!(matches!(&refused, Some(PostgresError::OwnedElsewhere { owner, .. }) if owner == "a"), "{refused:?}");
    let again = adopt(&postgres, "a");
    assert_eq!(
        (first.epoch() + 1, again.epoch()),
        (again.epoch(), postgres.sql("select epoch from smsc.partition where id = 963").parse().unwrap())
    );
    let since = Instant::now();
    while try_adopt(&postgres, "b").is_err() {
        assert!(since.elapsed() < 3 * LEASE, "nobody renews it");
    }
    assert!(since.elapsed() > LEASE / 2);
}

#[test]
fn whoever_was_adopted_from_appends_nothing_any_more() {
    let Some(postgres) = server() else { return };
    let mut zombie = adopt(&postgres, "a");
    append(&mut zombie, 1..=2, 0).unwrap();
    postgres.sql("update smsc.partition set expires = '-infinity' where id = 963");
    let mut heir = adopt(&postgres, "b");
    assert!(is_fenced(&append(&mut zombie, 3..=4, 0)));
    assert!(!zombie.lease().unwrap().is_held(Instant::now()));
    assert!(is_fenced(&append(&mut zombie, 3..=4, 0)), "not even later");
    assert_eq!(numbers(&mut heir), [1, 2]);
    append(&mut heir, 3..=3, 0).unwrap();
}

#[test]
fn a_lost_connection_costs_an_epoch_and_no_record() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    append(&mut journal, 1..=2, 0).unwrap();
    let epoch = journal.epoch();
    cut_connections(&postgres);
    append(&mut journal, 3..=5, 0).unwrap();
    assert_eq!(journal.epoch(), epoch + 1);
    assert_eq!(numbers(&mut journal), [1, 2, 3, 4, 5]);
}

#[test]
fn a_batch_that_was_committed_while_the_connection_was_lost_is_found_and_not_written_twice() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    append(&mut journal, 1..=1, 0).unwrap();
    // As if the append had been committed, and its answer lost.
    let octets: String = record(2, 3_000).iter().map(|octet| format!("{octet:02x}")).collect();
    let epoch = journal.epoch();
    cut_connections(&postgres);
    postgres.sql(&format!("insert into smsc.journal values (963, 2, {epoch}, '\\x{octets}')"));
    append(&mut journal, 2..=2, 0).unwrap();
    assert_eq!(numbers(&mut journal), [1, 2]);
}

#[test]
fn a_connection_that_was_lost_while_another_node_had_the_partition_is_the_end() {
    let Some(postgres) = server() else { return };
    let mut zombie = adopt(&postgres, "a");
    append(&mut zombie, 1..=1, 0).unwrap();
    cut_connections(&postgres);
    postgres.sql("update smsc.partition set expires = '-infinity' where id = 963");
    let mut heir = adopt(&postgres, "b");
    append(&mut heir, 2..=2, 0).unwrap();
    assert!(is_fenced(&append(&mut zombie, 2..=2, 0)));
    // Also when the name is the same: another process is another node.
    let mut twin = adopt(&postgres, "b");
    assert!(is_fenced(&append(&mut heir, 3..=3, 0)));
    assert_eq!(numbers(&mut twin), [1, 2]);
}

#[test]
fn a_lease_is_renewed_while_nothing_is_appended_and_when_the_connection_was_lost() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    let lease = journal.lease().unwrap();
    let since = Instant::now();
    while since.elapsed() < 2 * LEASE {
        let next = journal.tend().unwrap().unwrap();
        assert!(lease.is_held(Instant::now()));
        std::thread::sleep(next.saturating_duration_since(Instant::now()).min(LEASE / 8));
        if since.elapsed() > LEASE
            && postgres.sql("select count(*) from pg_stat_activity where application_name = 'smsc'") != "0"
        {
            cut_connections(&postgres);
        }
    }
    assert!(try_adopt(&postgres, "b").is_err());
    append(&mut journal, 1..=1, 0).unwrap();
}

#[test]
fn records_that_were_confirmed_and_are_gone_end_the_journal() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    append(&mut journal, 1..=3, 0).unwrap();
    cut_connections(&postgres);
    // As a standby that had not everything has it, when it is promoted.
    postgres.sql("delete from smsc.journal where partition = 963 and seq = 3");
    let error = append(&mut journal, 4..=4, 0).unwrap_err();
    let lost = |error: &StoreError| {
        matches!(error, StoreError::Postgres(PostgresError::LostRecords { found: Some(2), durable: 3, .. }))
    };
    assert!(lost(&error), "{error}");
}

#[test]
fn a_long_replay_renews_its_lease() {
    let Some(postgres) = server() else { return };
    let mut journal = adopt(&postgres, "a");
    append(&mut journal, 1..=300, 0).unwrap();
    journal.close().unwrap();
    let mut journal = adopt(&postgres, "a");
    let mut seen = 0;
    journal
        .replay(&mut |_, _| {
            seen += 1;
            std::thread::sleep(LEASE * 3 / 2 / 300);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 300);
    assert!(journal.lease().unwrap().is_held(Instant::now()));
    append(&mut journal, 301..=301, 0).unwrap();
}
