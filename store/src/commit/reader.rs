//! The reader thread: brings back bodies, and old records for the cleaner, so that neither the state thread nor an append
//! waits for what is read.
//!
//! It has a way to the journal of its own and holds no lock that an append needs. Its answers go into the first lane; the
//! requests under way bound them. An error, or a panic of the journal, is an answer too: it ends the partition.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::commit::{items_of, spawn};
use crate::error::{StoreError, panic_text};
use crate::journal::{JournalReader, RecordNumber};
use crate::lanes::Lanes;
use crate::partition::{Command, READS_MAX, ReadRequest};

/// Old records for the cleaner, oldest first: one at least, and as many as were asked for unless the journal ends.
pub(crate) type OldRecords = Result<Vec<(RecordNumber, Bytes)>, StoreError>;

enum Request {
    Bodies(ReadRequest),
    /// From this number, so many.
    Old(RecordNumber, usize),
}

/// The state thread's end.
pub(crate) struct Reads {
    requests: Sender<Request>,
    thread: thread::JoinHandle<()>,
}

impl Reads {
    /// Starts the thread.
    pub(crate) fn start(name: &str, reader: Box<dyn JournalReader>, lanes: Arc<Lanes>) -> Result<Self, StoreError> {
        // Two more: the cleaner's, for a body and for old records.
        let (requests, queue) = bounded(READS_MAX + 2);
        let thread = spawn(format!("smsc-reader-{name}"), move |name| read(name, &queue, reader, &lanes))?;
        Ok(Self { requests, thread })
    }

    /// Has records read. Never waits: the partition asks for no more than the queue holds.
    pub(crate) fn ask(&self, requests: Vec<ReadRequest>) -> Result<(), StoreError> {
        requests.into_iter().try_for_each(|request| self.send(Request::Bodies(request)))
    }

    /// Has old records read, once at a time.
    pub(crate) fn ask_for_old(&self, from: RecordNumber, count: usize) -> Result<(), StoreError> {
        self.send(Request::Old(from, count))
    }

    fn send(&self, request: Request) -> Result<(), StoreError> {
        let gone = |_| StoreError::Panicked { thread: "the reader thread".into(), what: "it is gone".into() };
        self.requests.send(request).map_err(gone)
    }

    /// Ends the thread, which lets go of the journal.
    pub(crate) fn stop(self) -> thread::Result<()> {
        drop(self.requests);
        self.thread.join()
    }
}

fn read(name: &str, requests: &Receiver<Request>, mut reader: Box<dyn JournalReader>, lanes: &Lanes) {
    let panicked = |panic: Box<dyn Any + Send>| StoreError::Panicked { thread: name.into(), what: panic_text(&*panic) };
    while let Ok(request) = requests.recv() {
        match request {
            Request::Bodies(request) => {
                let failed = request.number();
                let read = || request.carry_out(&mut |number| reader.read(number));
                let read_back = panic::catch_unwind(AssertUnwindSafe(read))
                    .unwrap_or_else(|panic| ReadRequest::failed(failed, panicked(panic)));
                let command = Command::ReadBack(read_back);
                let items = items_of(&command);
                // Of a partition that has stopped nobody waits for it.
                let _ = lanes.push(command, items);
            }
            Request::Old(from, count) => {
                let read = || read_old(&mut *reader, from, count);
                let old = panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| Err(panicked(panic)));
                lanes.old_records(old);
            }
        }
    }
}

fn read_old(reader: &mut dyn JournalReader, from: RecordNumber, count: usize) -> OldRecords {
    // The first is held, and there.
    let first = reader.read(from)?.ok_or(StoreError::Gap { missing: from, next: from + 1 })?;
    let mut old = vec![(from, first)];
    for number in (from + 1..).take(count.saturating_sub(1)) {
        match reader.read(number)? {
            Some(record) => old.push((number, record)),
            None => break,
        }
    }
    Ok(old)
}
