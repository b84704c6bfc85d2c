//! A journal in PostgreSQL: one row per record, one single-statement transaction per batch.
//!
//! What always holds:
//! - **The append fences.** It takes the partition's row `FOR SHARE` and checks the epoch, so an adoption by another node
//!   waits until it has committed, and one that comes after an adoption inserts nothing. (`FOR KEY SHARE` and a plain
//!   `EXISTS` do not: an adoption would pass them by.)
//! - **Nothing is cancelled.** An append may wait for a standby as long as it takes; if the standby comes back it has
//!   succeeded. `statement_timeout` would not end that wait, and a cancelled one reports a success that is none.
//! - **A lost connection, and a success that came with a warning, are unknown.** Whether the batch is there can be asked
//!   only after adopting anew (epoch + 1), which waits until the server is done with the old connection.
//! - **A batch whose append is known to have failed is not repeated as it was.** The partition is adopted anew, by this
//!   very journal and by nobody in between ([`Incarnation`]); then its state in memory is what the table says and the
//!   batch, which is appended under the new epoch. If anybody else had it in between, the journal has failed, and only
//!   a replay can go on.
//! - The newest record is never deleted: the numbers go on from it.

mod connection;
mod error;
mod options;
mod reader;
mod register;
mod schema;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smsc_proto::ids::PartitionId;
use tokio::runtime::Runtime;
use tokio_postgres::Statement;
use tokio_stream::StreamExt;

use crate::error::StoreError;
use crate::journal::tenure::Tenure;
use crate::journal::{EachRecord, Journal, JournalReader, RecordNumber};
use crate::metrics::PostgresMetrics;

use connection::{Connection, runtime, value, wait};
pub use error::{PostgresError, Server};
pub use options::{PARTITIONS_FROM, PostgresOptions};
use reader::PostgresReader;
pub(crate) use register::{PartitionRow, Register};

/// Waits for an append of the former owner that is in flight; one winner, by the database's clock. A node takes its own
/// partition back at once.
const ADOPT: &str = "
update smsc.partition set owner = $2, incarnation = $3, epoch = epoch + 1,
       expires = clock_timestamp() + make_interval(secs => $4)
 where id = $1 and (expires < clock_timestamp() or owner is null or owner = $2) returning epoch";
/// The same by a journal that has it already, unless somebody had it in between.
const ADOPT_AGAIN: &str = "
update smsc.partition set epoch = epoch + 1, expires = clock_timestamp() + make_interval(secs => $4)
 where id = $1 and owner = $2 and incarnation = $3 returning epoch";
const APPEND: &str = "
with own as materialized (select id from smsc.partition where id = $1 and epoch = $2 for share)
insert into smsc.journal(partition, seq, epoch, record)
select $1, u.s, $2, u.r from own, unnest($3::int8[], $4::bytea[]) u(s, r)";
const RENEW: &str = "
update smsc.partition set expires = clock_timestamp() + make_interval(secs => $3) where id = $1 and epoch = $2";
const LET_GO: &str = "
update smsc.partition set owner = null, expires = '-infinity' where id = $1 and epoch = $2";
const DELETE: &str = "delete from smsc.journal where partition = $1 and seq >= $2 and seq < $3";
const REPLAY: &str = "select seq, record from smsc.journal where partition = $1 order by seq";
const OWNER: &str = "
select owner, greatest(0, extract(epoch from expires - clock_timestamp()))::float8 from smsc.partition where id = $1";
/// How many records there are from a number on, and the newest of all.
const LOOK_UP: &str = "
select count(*) filter (where seq >= $2), max(seq) from (
  (select seq from smsc.journal where partition = $1 and seq >= $2)
  union (select seq from smsc.journal where partition = $1 order by seq desc limit 1)) newest";

/// Records that are deleted in one step.
const CLEAN_STEP: u64 = 64;
/// Between two attempts to reach the database again: at first, and at last.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Names one journal of one process: an adoption by anybody else puts another one into the partition's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Incarnation(i64);

impl Incarnation {
    fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // Seeded by the system, and different for each.
        Self((RandomState::new().hash_one(std::process::id()) >> 1) as i64)
    }
}

/// The journal of one partition.
pub struct PostgresJournal {
    options: Arc<PostgresOptions>,
    partition: PartitionId,
    incarnation: Incarnation,
    epoch: i64,
    lease: Arc<Tenure>,
    renew_at: Instant,
    newest: Option<RecordNumber>,
    /// Octets of the records that are kept, from `oldest` on.
    kept: VecDeque<u32>,
    oldest: RecordNumber,
    size: u64,
    /// Below it nothing is needed any more.
    keep_from: RecordNumber,
    /// Where the next delete begins: 0 after a connection was lost, since what was deleted then may be back.
    delete_from: RecordNumber,
    /// `None`: lost.
    link: Option<Link>,
    runtime: Runtime,
    metrics: PostgresMetrics,
}

/// The connection of the appends, with its statements.
struct Link {
    connection: Connection,
    append: Statement,
    renew: Statement,
    delete: Statement,
}

impl Link {
    async fn open(options: &PostgresOptions, partition: PartitionId) -> Result<Self, PostgresError> {
        let connection = Connection::open(&options.databases[options.database_of(partition)]).await?;
        let append = connection.prepare(APPEND).await?;
        let renew = connection.prepare(RENEW).await?;
        let delete = connection.prepare(DELETE).await?;
        Ok(Self { connection, append, renew, delete })
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// All of it is there.
    Whole,
    /// Nothing of it.
    Nothing,
}

impl PostgresJournal {
    /// Adopts the partition: fails with [`PostgresError::OwnedElsewhere`] while another node has it.
    pub fn adopt(options: Arc<PostgresOptions>, partition: PartitionId) -> Result<Self, PostgresError> {
        let (runtime, lease, incarnation) = (runtime()?, Arc::new(Tenure::default()), Incarnation::new());
        let sent = Instant::now();
        let adopting = async {
            let link = Link::open(&options, partition).await?;
            let epoch = adopt(&link.connection, &options, partition, incarnation, ADOPT).await?;
            match epoch {
                Some(epoch) => Ok((link, epoch)),
                None => Err(owned_elsewhere(&link.connection, partition).await?),
            }
        };
        let (link, epoch) = runtime.block_on(adopting)?;
        lease.extend(sent, options.lease);
        let metrics = PostgresMetrics::new();
        metrics.adoptions.increment(1);
        tracing::info!(partition = partition.number(), epoch, server = %link.connection.server(), "the partition is adopted");
        Ok(Self {
            renew_at: sent + options.renew_every(),
            options,
            partition,
            incarnation,
            epoch,
            lease,
            newest: None,
            kept: VecDeque::new(),
            oldest: 0,
            size: 0,
            keep_from: 0,
            delete_from: 0,
            link: Some(link),
            runtime,
            metrics,
        })
    }

    /// Which adoption of the partition this is, counted from 1.
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    fn id(&self) -> i32 {
        i32::from(self.partition.number())
    }

    /// Appends once, if there is a connection: `None` if it is unknown what came of it.
    fn try_append(&mut self, first: RecordNumber, records: &[Bytes]) -> Result<Option<()>, PostgresError> {
        let Some(link) = &self.link else { return Ok(None) };
        let numbers: Vec<i64> = (first..).take(records.len()).map(signed).collect();
        let octets: Vec<&[u8]> = records.iter().map(|record| &record[..]).collect();
        let (id, epoch) = (self.id(), self.epoch);
        let values: connection::Values<'_> = &[&id, &epoch, &numbers, &octets];
        match wait(&self.runtime, &self.lease, link.connection.execute("append records", &link.append, values)) {
            Ok(rows) if rows == records.len() as u64 => Ok(Some(())),
            Ok(_) => Err(PostgresError::Fenced),
            Err(error) if error.may_pass() => {
                tracing::warn!(partition = id, %error, "an append failed, or nobody knows: the partition is adopted anew");
                self.metrics.append_errors.increment(1);
                self.link = None;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Adopts the partition anew, as often as it takes, and looks what became of the batch.
    fn recover(&mut self, first: RecordNumber, count: usize) -> Result<Found, PostgresError> {
        let mut pause = RETRY_MIN;
        loop {
            match self.try_recover(first, count) {
                Ok(found) => return Ok(found),
                Err(error) if error.may_pass() => {
                    self.metrics.adoption_errors.increment(1);
                    tracing::warn!(partition = self.partition.number(), %error, "the partition cannot be adopted anew now");
                }
                Err(error) => return Err(error),
            }
            if self.lease.is_given_up() {
                return Err(PostgresError::GivenUp);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    fn try_recover(&mut self, first: RecordNumber, count: usize) -> Result<Found, PostgresError> {
        self.link = None;
        self.delete_from = 0;
        let (options, partition, incarnation) = (&*self.options, self.partition, self.incarnation);
        let sent = Instant::now();
        let adopting = async {
            let link = Link::open(options, partition).await?;
            let epoch = adopt(&link.connection, options, partition, incarnation, ADOPT_AGAIN).await?;
            let epoch = epoch.ok_or(PostgresError::Fenced)?;
            let id = i32::from(partition.number());
            let rows = link.connection.query("look a batch up", LOOK_UP, &[&id, &signed(first)]).await?;
            let row = rows.first().ok_or(PostgresError::Fenced)?;
            let server = link.connection.server();
            let there: i64 = value(server, row, 0)?;
            let newest: Option<i64> = value(server, row, 1)?;
            Ok((link, epoch, there, newest.map(i64::unsigned_abs)))
        };
        let (link, epoch, there, newest) = wait(&self.runtime, &self.lease, adopting)?;
        let server = link.connection.server().clone();
        (self.epoch, self.link) = (epoch, Some(link));
        self.renewed(sent);
        self.metrics.adoptions.increment(1);
        let last = first + count as u64 - 1;
        let found = if there == 0 && newest == self.newest {
            Found::Nothing
        } else if there == count as i64 && newest == Some(last) {
            Found::Whole
        } else if newest < self.newest {
            let durable = self.newest.unwrap_or_default();
            return Err(PostgresError::LostRecords { server, found: newest, durable });
        } else {
            return Err(PostgresError::ForeignRecords { server, first });
        };
        tracing::info!(partition = partition.number(), epoch, ?found, "the partition is adopted anew");
        Ok(found)
    }

    fn renewed(&mut self, sent: Instant) {
        self.lease.extend(sent, self.options.lease);
        self.renew_at = sent + self.options.renew_every();
    }

    fn renew(&mut self) -> Result<(), PostgresError> {
        let Some(link) = &self.link else { return Ok(()) };
        let (id, epoch, seconds, sent) = (self.id(), self.epoch, self.options.lease.as_secs_f64(), Instant::now());
        let values: connection::Values<'_> = &[&id, &epoch, &seconds];
        let renewing = link.connection.execute("renew a lease", &link.renew, values);
        match wait(&self.runtime, &self.lease, renewing)? {
            1 => self.renewed(sent),
            _ => return Err(PostgresError::Fenced),
        }
        Ok(())
    }

    /// Deletes a step of what is not needed any more, if it is worth it.
    fn clean(&mut self, at_least: u64) -> Result<(), PostgresError> {
        let Some(link) = &self.link else { return Ok(()) };
        let end = self.keep_from.min(self.newest.unwrap_or_default()).min(self.oldest + CLEAN_STEP);
        if end < self.oldest + at_least.max(1) {
            return Ok(());
        }
        let (id, from, until) = (self.id(), signed(self.delete_from), signed(end));
        let values: connection::Values<'_> = &[&id, &from, &until];
        let deleting = link.connection.execute("delete records", &link.delete, values);
        wait(&self.runtime, &self.lease, deleting)?;
        let gone = self.kept.drain(..(end - self.oldest) as usize).map(u64::from).sum::<u64>();
        self.size -= gone;
        (self.oldest, self.delete_from) = (end, end);
        Ok(())
    }

    /// What went wrong beside an append: a connection that is lost is made anew with the next one.
    fn lost(&mut self, doing: Result<(), PostgresError>) -> Result<(), PostgresError> {
        match doing {
            Err(error) if error.may_pass() => {
                tracing::warn!(partition = self.partition.number(), %error, "the partition will be adopted anew");
                self.link = None;
                Ok(())
            }
            other => other,
        }
    }

    fn appended(&mut self, first: RecordNumber, records: &[Bytes]) {
        if self.kept.is_empty() {
            self.oldest = first;
        }
        for record in records {
            self.kept.push_back(u32::try_from(record.len()).unwrap_or(u32::MAX));
            self.size += record.len() as u64;
        }
        self.newest = Some(first + records.len() as u64 - 1);
    }

    fn append_all(&mut self, first: RecordNumber, records: &[Bytes]) -> Result<(), PostgresError> {
        while self.try_append(first, records)?.is_none() {
            if self.recover(first, records.len())? == Found::Whole {
                break;
            }
        }
        Ok(())
    }

    fn look_after(&mut self) -> Result<Instant, PostgresError> {
        if self.link.is_none() {
            let first = self.newest.map_or(1, |newest| newest + 1);
            // Once: an append may be waiting to be begun.
            match self.try_recover(first, 1) {
                Ok(Found::Nothing) => {}
                Ok(Found::Whole) => {
                    let server = self.options.databases[self.options.database_of(self.partition)].server.clone();
                    return Err(PostgresError::ForeignRecords { server, first });
                }
                Err(error) if error.may_pass() => {
                    tracing::warn!(partition = self.partition.number(), %error, "PostgreSQL cannot be reached");
                    return Ok(Instant::now() + RETRY_MAX);
                }
                Err(error) => return Err(error),
            }
        }
        if Instant::now() >= self.renew_at {
            let renewed = self.renew();
            self.lost(renewed)?;
            // And what is left of the steps beside appends.
            let cleaned = self.clean(1);
            self.lost(cleaned)?;
        }
        Ok(if self.link.is_some() { self.renew_at } else { Instant::now() })
    }
}

impl Journal for PostgresJournal {
    fn append(&mut self, first: RecordNumber, records: &[Bytes], keep_from: RecordNumber) -> Result<(), StoreError> {
        debug_assert!(self.newest.is_none_or(|newest| first == newest + 1), "records are numbered without a gap");
        if let Err(error) = self.append_all(first, records) {
            self.lease.lose();
            return Err(error.into());
        }
        self.appended(first, records);
        self.keep_from = self.keep_from.max(keep_from);
        Ok(())
    }

    fn tend(&mut self) -> Result<Option<Instant>, StoreError> {
        let cleaned = self.clean(CLEAN_STEP);
        self.lost(cleaned)?;
        if self.link.is_some() && Instant::now() < self.renew_at {
            return Ok(Some(self.renew_at));
        }
        match self.look_after() {
            Ok(next) => Ok(Some(next)),
            Err(error) => {
                self.lease.lose();
                Err(error.into())
            }
        }
    }

    fn replay(&mut self, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        let Some(link) = self.link.take() else { return Err(PostgresError::Fenced.into()) };
        let mut replay = Replay { renewals: None, kept: VecDeque::new(), oldest: None, newest: None };
        let replayed = self.runtime.block_on(replay.run(
            &link,
            &self.options,
            self.partition,
            self.epoch,
            &self.lease,
            &mut self.renew_at,
            each,
        ));
        self.link = Some(link);
        replayed?;
        self.size = replay.kept.iter().copied().map(u64::from).sum();
        (self.kept, self.newest) = (replay.kept, replay.newest);
        self.oldest = replay.oldest.unwrap_or_default();
        Ok(())
    }

    fn reader(&self) -> Option<Box<dyn JournalReader>> {
        Some(Box::new(PostgresReader::new(self.options.clone(), self.partition, self.lease.clone())))
    }

    fn lease(&self) -> Option<Arc<Tenure>> {
        Some(self.lease.clone())
    }

    fn size(&self) -> u64 {
        self.size
    }

    /// Lets go of the partition, so that another node need not wait. If that fails the lease ends by itself.
    fn close(&mut self) -> Result<(), StoreError> {
        let Some(link) = self.link.take() else { return Ok(()) };
        let (id, epoch) = (self.id(), self.epoch);
        let letting_go = async {
            let statement = link.connection.prepare(LET_GO).await?;
            link.connection.execute("let go of a partition", &statement, &[&id, &epoch]).await
        };
        if let Err(error) = wait(&self.runtime, &self.lease, letting_go) {
            tracing::warn!(partition = id, %error, "the partition's lease could not be given back: it ends by itself");
        }
        Ok(())
    }
}

/// Reads a journal from its beginning, and renews the lease on a second connection when that takes long.
struct Replay {
    renewals: Option<(Connection, Statement)>,
    kept: VecDeque<u32>,
    oldest: Option<RecordNumber>,
    newest: Option<RecordNumber>,
}

impl Replay {
    #[allow(clippy::too_many_arguments)]
    async fn run(
        &mut self,
        link: &Link,
        options: &PostgresOptions,
        partition: PartitionId,
        epoch: i64,
        lease: &Tenure,
        renew_at: &mut Instant,
        each: &mut EachRecord<'_>,
    ) -> Result<(), StoreError> {
        let (id, server) = (i32::from(partition.number()), link.connection.server());
        let rows = link.connection.stream("replay the journal", REPLAY, &[&id]).await?;
        let mut rows = std::pin::pin!(rows);
        loop {
            let Some(row) = rows.next().await else { break };
            let row = row.map_err(|error| link.connection.failed("replay the journal", &error))?;
            let number: i64 = value(server, &row, 0)?;
            let record: &[u8] = value(server, &row, 1)?;
            let number = number.unsigned_abs();
            each(number, record)?;
            self.oldest.get_or_insert(number);
            self.newest = Some(number);
            self.kept.push_back(u32::try_from(record.len()).unwrap_or(u32::MAX));
            if Instant::now() >= *renew_at {
                let sent = Instant::now();
                self.renew(options, partition, epoch).await?;
                lease.extend(sent, options.lease);
                *renew_at = sent + options.renew_every();
            }
        }
        Ok(())
    }

    async fn renew(
        &mut self,
        options: &PostgresOptions,
        partition: PartitionId,
        epoch: i64,
    ) -> Result<(), PostgresError> {
        if self.renewals.is_none() {
            let connection = Connection::open(&options.databases[options.database_of(partition)]).await?;
            let renew = connection.prepare(RENEW).await?;
            self.renewals = Some((connection, renew));
        }
        let Some((connection, renew)) = &self.renewals else { return Ok(()) };
        let (id, seconds) = (i32::from(partition.number()), options.lease.as_secs_f64());
        match connection.execute("renew a lease", renew, &[&id, &epoch, &seconds]).await? {
            1 => Ok(()),
            _ => Err(PostgresError::Fenced),
        }
    }
}

/// The new epoch, if the partition is to be had. Its commit has been waited for, so everything that a replay finds now
/// is where a commit must be to be confirmed.
async fn adopt(
    connection: &Connection,
    options: &PostgresOptions,
    partition: PartitionId,
    incarnation: Incarnation,
    statement: &str,
) -> Result<Option<i64>, PostgresError> {
    let (id, seconds) = (i32::from(partition.number()), options.lease.as_secs_f64());
    let values: connection::Values<'_> = &[&id, &options.owner, &incarnation.0, &seconds];
    let rows = connection.query("adopt a partition", statement, values).await?;
    rows.first().map(|row| value(connection.server(), row, 0)).transpose()
}

async fn owned_elsewhere(connection: &Connection, partition: PartitionId) -> Result<PostgresError, PostgresError> {
    let server = connection.server();
    let rows = connection.query("look who owns a partition", OWNER, &[&i32::from(partition.number())]).await?;
    let Some(row) = rows.first() else {
        let what = format!("smsc.partition has no row {}", partition.number());
        return Err(PostgresError::ForeignSchema { server: server.clone(), what });
    };
    let owner: Option<String> = value(server, row, 0)?;
    let seconds: f64 = value(server, row, 1)?;
    Ok(PostgresError::OwnedElsewhere { owner: owner.unwrap_or_default(), seconds: seconds.ceil().max(0.0) as u64 })
}

/// Record numbers are below 2^53.
fn signed(number: RecordNumber) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
