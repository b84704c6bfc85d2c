//! The tables: made and brought up to date by whichever node comes first, under a lock.

use super::connection::{Connection, value};
use super::error::PostgresError;
use super::options::PARTITIONS_FROM;

/// The version of the tables that this release makes and knows.
pub(super) const VERSION: i32 = 1;

/// The key of the advisory lock: "smsc" in ASCII.
const LOCK: i64 = 0x736D_7363;

/// `place` says which database of how many this is, so that a list in another order is noticed.
const TABLES: &str = "
create schema smsc;
create table smsc.place(version int not null, database int not null, databases int not null);
create table smsc.node(name text primary key, expires timestamptz not null) with (fillfactor = 10);
create table smsc.partition(
  id int primary key, owner text, incarnation bigint not null default 0, epoch bigint not null default 0,
  expires timestamptz not null default '-infinity') with (fillfactor = 10);
create table smsc.journal(
  partition int not null, seq bigint not null, epoch bigint not null, record bytea not null,
  primary key(partition, seq))
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000000,
        toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000,
        toast.autovacuum_vacuum_cost_delay = 0);
comment on schema smsc is 'The journal of the message centre. Do not change anything in it by hand.';
";

/// Never pglz, the default: it takes seven times the CPU.
const LZ4: &str = "alter table smsc.journal alter record set compression lz4;";
const NO_LZ4: &str = "alter table smsc.journal alter record set storage external;";

const DOING: &str = "make its tables";

/// Sees that the tables are there, are ours, and have rows for so many partitions. `index` of `count`: which of the
/// databases this is.
pub(super) async fn ensure(
    connection: &Connection,
    index: usize,
    count: usize,
    partitions: u16,
) -> Result<(), PostgresError> {
    let (index, count) = (i32::try_from(index).unwrap_or(i32::MAX), i32::try_from(count).unwrap_or(i32::MAX));
    // Another node may be making them: that takes a moment.
    connection
        .run(DOING, &format!("begin; set local lock_timeout = '30s'; select pg_advisory_xact_lock({LOCK})"))
        .await?;
    let done = ensure_locked(connection, index, count, partitions).await;
    let end = if done.is_ok() { "commit" } else { "rollback" };
    let ended = connection.run(DOING, end).await;
    done.and(ended)
}

async fn ensure_locked(connection: &Connection, index: i32, count: i32, partitions: u16) -> Result<(), PostgresError> {
    let server = connection.server();
    let there = connection.query(DOING, "select 1 from pg_namespace where nspname = 'smsc'", &[]).await?;
    if there.is_empty() {
        connection.run(DOING, TABLES).await?;
        let lz4 = "select coalesce(bool_or('lz4' = any(enumvals)), false) from pg_settings
                   where name = 'default_toast_compression'";
        let rows = connection.query(DOING, lz4, &[]).await?;
        let has_lz4 = rows.first().map(|row| value::<bool>(server, row, 0)).transpose()?.unwrap_or(false);
        connection.run(DOING, if has_lz4 { LZ4 } else { NO_LZ4 }).await?;
        let place = format!("insert into smsc.place values ({VERSION}, {index}, {count})");
        connection.run(DOING, &place).await?;
        tracing::info!(%server, has_lz4, "the tables of the journal are made");
    }
    check_place(connection, index, count).await?;
    // Its columns are what the statements of the journal name: whatever else is there is found when they are prepared.
    let rows = format!(
        "insert into smsc.partition(id) select id from generate_series({PARTITIONS_FROM}, {}) id
         where (id - {PARTITIONS_FROM}) % {count} = {index} on conflict do nothing",
        PARTITIONS_FROM + partitions.saturating_sub(1)
    );
    connection.run(DOING, &rows).await
}

async fn check_place(connection: &Connection, index: i32, count: i32) -> Result<(), PostgresError> {
    let server = connection.server();
    let foreign = |what: &str| PostgresError::ForeignSchema { server: server.clone(), what: what.into() };
    let rows = connection.query("read smsc.place", "select version, database, databases from smsc.place", &[]).await?;
    let [row] = &rows[..] else { return Err(foreign("smsc.place should have one row")) };
    let found: i32 = value(server, row, 0)?;
    if found > VERSION {
        return Err(PostgresError::NewerSchema { server: server.clone(), found, known: VERSION });
    }
    if found < 1 {
        return Err(foreign("smsc.place names a version that never was"));
    }
    let place: (i32, i32) = (value(server, row, 1)?, value(server, row, 2)?);
    if place != (index, count) {
        let (found, found_count) = place;
        return Err(PostgresError::OtherPlace { server: server.clone(), found, found_count, index, count });
    }
    Ok(())
}
