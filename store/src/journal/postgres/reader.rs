//! Reads records back, on a connection of its own: an append that waits for a standby holds up no body.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use smsc_proto::ids::PartitionId;
use tokio::runtime::Runtime;

use super::connection::{Connection, Values, runtime, value, wait};
use super::error::PostgresError;
use super::options::PostgresOptions;
use crate::error::StoreError;
use crate::journal::tenure::Tenure;
use crate::journal::{JournalReader, RecordNumber};

/// Records that are read at a time: they are asked for in rising order.
const READ_AHEAD: i64 = 16;
/// Between two attempts to reach the database.
const RETRY: Duration = Duration::from_millis(500);

const READ: &str = "select seq, record from smsc.journal where partition = $1 and seq >= $2 order by seq limit $3";

pub(super) struct PostgresReader {
    options: Arc<PostgresOptions>,
    partition: PartitionId,
    lease: Arc<Tenure>,
    runtime: Option<Runtime>,
    connection: Option<Connection>,
    next: VecDeque<(RecordNumber, Bytes)>,
}

impl PostgresReader {
    pub(super) fn new(options: Arc<PostgresOptions>, partition: PartitionId, lease: Arc<Tenure>) -> Self {
        Self { options, partition, lease, runtime: None, connection: None, next: VecDeque::new() }
    }

    fn read_from(&mut self, number: RecordNumber) -> Result<(), PostgresError> {
        if self.runtime.is_none() {
            self.runtime = Some(runtime()?);
        }
        let (Some(runtime), lease) = (&self.runtime, &self.lease) else { return Ok(()) };
        if self.connection.is_none() {
            let database = &self.options.databases[self.options.database_of(self.partition)];
            self.connection = Some(wait(runtime, lease, Connection::open(database))?);
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let (partition, from) = (i32::from(self.partition.number()), i64::try_from(number).unwrap_or(i64::MAX));
        let values: Values<'_> = &[&partition, &from, &READ_AHEAD];
        let read = connection.query("read records", READ, values);
        for row in wait(runtime, lease, read)? {
            let number: i64 = value(connection.server(), &row, 0)?;
            let record: &[u8] = value(connection.server(), &row, 1)?;
            self.next.push_back((number.unsigned_abs(), Bytes::copy_from_slice(record)));
        }
        Ok(())
    }
}

impl JournalReader for PostgresReader {
    fn read(&mut self, number: RecordNumber) -> Result<Option<Bytes>, StoreError> {
        while self.next.front().is_some_and(|(next, _)| *next < number) {
            self.next.pop_front();
        }
        while self.next.front().is_none_or(|(next, _)| *next != number) {
            self.next.clear();
            match self.read_from(number) {
                Ok(()) => break,
                Err(error) if error.may_pass() && !self.lease.is_given_up() => {
                    tracing::warn!(partition = self.partition.number(), %error, "cannot read records back now");
                    self.connection = None;
                    thread::sleep(RETRY);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let record = self.next.front().filter(|(next, _)| *next == number);
        Ok(record.map(|(_, record)| record.clone()))
    }
}
