//! The traces of a node: those that run, and those that have and can still be read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::filter::Filter;
use super::subject::Subject;
use super::tap::{Tap, Who};
use super::trace::{Trace, TraceStatus};

/// Traces at a time, ended ones included.
const TRACES_MAX: usize = 10;
/// How long one may run.
pub const TIME_MAX: Duration = Duration::from_secs(24 * 3600);
/// Octets of a file's end that are looked through for its last lines.
const TAIL_MAX: u64 = 1 << 20;

/// Why a trace is not started.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum TraceError {
    #[error("{TRACES_MAX} traces run: stop one first")]
    TooMany,
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// See the module. One for the process.
#[derive(Debug)]
pub struct Traces {
    node: String,
    folder: PathBuf,
    /// Counts changes of what runs: connections look whether they have to listen anew.
    version: AtomicU64,
    traces: Mutex<BTreeMap<Subject, Arc<Trace>>>,
}

impl Traces {
    /// Of a node with that data folder. What an earlier process has written is removed with the first trace.
    pub fn new(node: &str, data_dir: &Path) -> Self {
        Self {
            node: node.to_owned(),
            folder: data_dir.join("traces"),
            version: AtomicU64::new(0),
            traces: Mutex::default(),
        }
    }

    fn traces(&self) -> MutexGuard<'_, BTreeMap<Subject, Arc<Trace>>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one, in place of an earlier one of that subject. The oldest that has ended gives way if there are many.
    ///
    /// # Errors
    /// When too many run, or its file cannot be made.
    pub fn start(&self, subject: &Subject, time: Duration) -> Result<(), TraceError> {
        let mut traces = self.traces();
        let io = |error| TraceError::Io { path: self.folder.clone(), error };
        if traces.is_empty() {
            match fs::remove_dir_all(&self.folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
                Err(_) | Ok(()) => fs::create_dir_all(&self.folder).map_err(io)?,
            }
        }
        if let Some(before) = traces.remove(subject) {
            before.stop();
        }
        if traces.len() >= TRACES_MAX {
            let ended = traces.iter().filter(|(_, trace)| trace.is_over());
            let oldest = ended.min_by_key(|(_, trace)| trace.status().started).map(|(subject, _)| subject.clone());
            let gone = oldest.and_then(|oldest| traces.remove(&oldest)).ok_or(TraceError::TooMany)?;
            fs::remove_file(gone.path()).map_err(io)?;
        }
        let trace = Trace::start(&self.node, &self.folder.join(subject.file_name()), time.min(TIME_MAX)).map_err(io)?;
        traces.insert(subject.clone(), trace);
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Ends one; whether there is one. Its lines can still be read.
    pub fn stop(&self, subject: &Subject) -> bool {
        let traces = self.traces();
        traces.get(subject).inspect(|trace| trace.stop()).is_some()
    }

    /// All of them.
    pub fn list(&self) -> Vec<(Subject, TraceStatus)> {
        self.traces().iter().map(|(subject, trace)| (subject.clone(), trace.status())).collect()
    }

    /// The last lines of one, the oldest first; `None`: there is none.
    pub fn lines(&self, subject: &Subject, count: usize) -> Option<io::Result<Vec<String>>> {
        let path = self.traces().get(subject)?.path().to_owned();
        Some(tail(&path, count))
    }

    /// What connections compare with what they have seen. Costs nothing.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// What is to listen in on a connection, if anything is.
    pub fn tap(&self, who: Who, peer: SocketAddr) -> Option<Box<Tap>> {
        let traces = self.traces();
        let account = match &who {
            Who::Esme(account) => account.as_deref(),
            Who::Operator(_) => None,
        };
        let running = traces.iter().filter(|(_, trace)| !trace.is_over());
        let concerned = running.filter(|(subject, _)| match (subject, &who) {
            (Subject::Number(_), _) | (Subject::Account(_), Who::Esme(None)) => true,
            (Subject::Account(of), Who::Esme(Some(account))) => of == account,
            (Subject::Account(_), Who::Operator(_)) => false,
        });
        let watched = concerned.map(|(subject, trace)| (Filter::new(subject.clone(), account), trace.clone()));
        let watched: Vec<_> = watched.collect();
        (!watched.is_empty()).then(|| Box::new(Tap::new(watched, who, peer)))
    }
}

fn tail(path: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let from = size.saturating_sub(TAIL_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut octets = Vec::new();
    file.take(TAIL_MAX).read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    // The first may have lost its beginning, and the last may still be written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines: Vec<&str> = whole.lines().skip(usize::from(from > 0)).collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn account(number: usize) -> Subject {
        Subject::Account(format!("a{number}"))
    }

    fn traces() -> (tempfile::TempDir, Traces) {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::new("smsc-0", folder.path());
        (folder, traces)
    }

    #[test]
    fn connections_hear_of_a_trace_and_only_those_that_it_concerns_listen() {
        let (_folder, traces) = traces();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let before = traces.version();
        traces.start(&account(1), HOUR).expect("it starts");
        assert_ne!(traces.version(), before);
        let listens = |who| traces.tap(who, peer).is_some();
        let (of, operator) = (|of: &str| Who::Esme(Some(of.to_owned())), || Who::Operator("north".to_owned()));
        assert!(listens(of("a1")) && listens(Who::Esme(None)));
        assert!(!listens(of("a2")) && !listens(operator()));
        assert!(traces.stop(&account(1)) && !traces.stop(&account(2)));
        assert!(!listens(of("a1")));
        traces.start(&Subject::Number("46".to_owned()), HOUR).expect("it starts");
        assert!(listens(of("a2")) && listens(operator()));
    }

    #[test]
    fn no_more_run_than_may_and_ended_ones_give_way() {
        let (folder, traces) = traces();
        (0..TRACES_MAX).for_each(|number| traces.start(&account(number), HOUR).expect("it starts"));
        assert!(matches!(traces.start(&account(99), HOUR), Err(TraceError::TooMany)));
        traces.start(&account(3), HOUR).expect("one that runs is started anew");
        traces.stop(&account(5));
        traces.start(&account(99), HOUR).expect("there is room");
        assert_eq!(traces.list().len(), TRACES_MAX);
        assert_eq!(fs::read_dir(folder.path().join("traces")).expect("a folder").count(), TRACES_MAX);
    }

    #[test]
    fn the_last_lines_are_told_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        fs::write(&path, "one\ntwo\nthree\nfo").expect("written");
        assert_eq!(tail(&path, 2).expect("read"), ["two", "three"]);
        assert_eq!(tail(&path, 9).expect("read"), ["one", "two", "three"]);
    }
}
