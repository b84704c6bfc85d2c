//! How one partition comes up: its journal is opened and replayed, and its threads are started.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use smsc_proto::ids::PartitionId;

use crate::actor::StoreParts;
use crate::board::Board;
use crate::clock::Clock;
use crate::commit::writer::Writer;
use crate::commit::{self, Ended, Machinery};
use crate::error::{StoreError, panic_text};
use crate::folder::{DataFolder, make_folder};
use crate::free_space::FreeSpace;
use crate::journal::postgres::PostgresOptions;
use crate::journal::{Journal, JournalReader, NothingJournal, PostgresJournal, SledJournal};
use crate::lanes::Lanes;
use crate::options::{JournalKind, StoreOptions};
use crate::partition::Partition;
use crate::recovery;

/// What of `store.memory_max` is for the journal's pages, within these bounds. sled's cache gets half of it, since sled
/// keeps more than its cache may hold: at least a page in each of its 256 parts. With less than the least, it would read a
/// page from the disk for each record that it appends to it.
const PAGES_MIN: u64 = 8 << 20;
const PAGES_MAX: u64 = 64 << 20;

/// Opens partitions, each with its share of what the node may use.
pub(crate) struct Opener {
    share: StoreOptions,
    postgres: Option<Arc<PostgresOptions>>,
    parts: StoreParts,
    folder: Arc<DataFolder>,
}

/// A partition that is replayed, and whose threads do not run yet.
pub(crate) struct Opened {
    pub(crate) id: PartitionId,
    /// Which of its lives this is: its epoch.
    pub(crate) life: u64,
    partition: Partition,
    clock: Clock,
    writer: Writer,
    reader: Option<Box<dyn JournalReader>>,
}

impl Opener {
    /// `share`: the options with one partition's part of what is bounded for the node.
    pub(crate) fn new(share: StoreOptions, parts: StoreParts, folder: Arc<DataFolder>) -> Self {
        let postgres = share.postgres.clone().map(Arc::new);
        Self { share, postgres, parts, folder }
    }

    /// Opens and replays one partition. Blocks as long as that takes.
    pub(crate) fn open(&self, id: PartitionId) -> Result<Opened, StoreError> {
        match (self.share.journal, &self.postgres) {
            (JournalKind::Postgres, Some(postgres)) => {
                let journal = PostgresJournal::adopt(postgres.clone(), id)?;
                let life = journal.epoch().unsigned_abs();
                let bodies = self.share.clone();
                self.replay(
                    Path::new(&format!("partition {}", id.number())),
                    Box::new(journal),
                    None,
                    &bodies,
                    (id, life),
                )
            }
            (JournalKind::Postgres, None) => {
                Err(StoreError::BadOption { key: "store.postgres", value: 0, allowed: "given for this journal" })
            }
            (JournalKind::Nothing, _) => {
                let (path, journal) = (self.folder.partition(id), Box::new(NothingJournal));
                self.replay(&path, journal, Some(self.share.data_dir.clone()), &self.share, (id, 0))
            }
            (JournalKind::Sled, _) => {
                let path = self.folder.partition(id);
                let at_path = |source| StoreError::InPartition { folder: path.clone(), source: Box::new(source) };
                let pages = (self.share.memory_max / 4).clamp(PAGES_MIN, PAGES_MAX);
                let cache = (pages / 2).max(PAGES_MIN);
                make_folder(&path)?;
                let journal = SledJournal::open(&path, self.share.durability, cache).map_err(at_path)?;
                let memory_max = self.share.memory_max.saturating_sub(pages);
                let bodies = StoreOptions { memory_max, ..self.share.clone() };
                self.replay(&path, Box::new(journal), Some(path.clone()), &bodies, (id, 0)).map_err(at_path)
            }
        }
    }

    /// `place`: where the journal is, for people; `watched`: the folder whose disk it fills, if it fills one here.
    fn replay(
        &self,
        place: &Path,
        journal: Box<dyn Journal>,
        watched: Option<PathBuf>,
        bodies: &StoreOptions,
        (id, life): (PartitionId, u64),
    ) -> Result<Opened, StoreError> {
        let mut journal = (self.parts.around_journal)(id, journal);
        let mut partition = Partition::new(id, bodies).in_life(life);
        let reader = journal.reader();
        if reader.is_none() {
            partition.keep_all_bodies();
        }
        let replayed = recovery::replay(place, &mut *journal, &mut partition)?;
        let mut clock = Clock::starting_at(replayed.newest);
        partition.recovered(clock.now());
        let disk_free_min = if watched.is_some() { self.share.disk_free_min } else { 0 };
        let watched = watched.unwrap_or_else(|| self.share.data_dir.clone());
        let space = FreeSpace::new(watched, self.parts.free_space.clone(), disk_free_min);
        Ok(Opened { id, life, partition, clock, writer: Writer::new(journal, space), reader })
    }

    /// A panic in the middle of it as an error.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> StoreError {
        StoreError::Panicked { thread: "the start of a partition".into(), what: panic_text(panic) }
    }
}

impl Opened {
    /// Starts its threads. `index`: its place on the board; `ended` is called once.
    pub(crate) fn start(
        self,
        board: &Arc<Board>,
        index: usize,
        lanes: Arc<Lanes>,
        ended: impl FnOnce(Ended) + Send + 'static,
    ) -> Result<(), StoreError> {
        let Self { id, partition, clock, writer, reader, .. } = self;
        let machinery = Machinery {
            name: id.number().to_string(),
            partition,
            clock,
            writer,
            reader,
            lanes,
            desk: board.desk(index),
            metrics: board.metrics().partition(),
        };
        commit::start(machinery, ended)
    }
}
