//! The reader thread: brings bodies back from the journal, so that the state thread never waits for the disk.
//!
//! It has a way to the journal of its own and holds no lock that an append needs. Its answers go into the first lane; the
//! requests under way bound them. An error, or a panic of the journal, is an answer too: it ends the partition.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::commit::{items_of, spawn};
use crate::error::{StoreError, panic_text};
use crate::journal::JournalReader;
use crate::lanes::Lanes;
use crate::partition::{Command, READS_MAX, ReadRequest};

/// The state thread's end.
pub(crate) struct Reads {
    requests: Sender<ReadRequest>,
    thread: thread::JoinHandle<()>,
}

impl Reads {
    /// Starts the thread.
    pub(crate) fn start(name: &str, reader: Box<dyn JournalReader>, lanes: Arc<Lanes>) -> Result<Self, StoreError> {
        // One more: the cleaner's.
        let (requests, queue) = bounded(READS_MAX + 1);
        let thread = spawn(format!("smsc-reader-{name}"), move |name| read(name, &queue, reader, &lanes))?;
        Ok(Self { requests, thread })
    }

    /// Has records read. Never waits: the partition asks for no more than the queue holds.
    pub(crate) fn ask(&self, requests: Vec<ReadRequest>) -> Result<(), StoreError> {
        let gone = |_| StoreError::Panicked { thread: "the reader thread".into(), what: "it is gone".into() };
        requests.into_iter().try_for_each(|request| self.requests.send(request).map_err(gone))
    }

    /// Ends the thread, which lets go of the journal.
    pub(crate) fn stop(self) -> thread::Result<()> {
        drop(self.requests);
        self.thread.join()
    }
}

fn read(name: &str, requests: &Receiver<ReadRequest>, mut reader: Box<dyn JournalReader>, lanes: &Lanes) {
    while let Ok(request) = requests.recv() {
        let failed = request.number();
        let read_back = panic::catch_unwind(AssertUnwindSafe(|| request.carry_out(&mut |number| reader.read(number))));
        let read_back = read_back.unwrap_or_else(|panic| {
            let error = StoreError::Panicked { thread: name.into(), what: panic_text(&*panic) };
            ReadRequest::failed(failed, error)
        });
        let command = Command::ReadBack(read_back);
        let items = items_of(&command);
        lanes.push(command, items);
    }
}
