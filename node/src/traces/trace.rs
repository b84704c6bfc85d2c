//! One trace: lines of JSON, taken from any thread and written by one of its own.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};
use smsc_proto::session::Direction;

use super::tap::Who;

/// Octets of one file.
const SIZE_MAX: u64 = 64 << 20;
/// Lines on the way to the disk.
const WAITING_MAX: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub struct Trace {
    node: String,
    path: PathBuf,
    started: SystemTime,
    until: SystemTime,
    lines: SyncSender<Option<String>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    over: AtomicBool,
    written: AtomicU64,
    dropped: AtomicU64,
}

/// How a trace is.
#[derive(Clone, Debug)]
pub struct TraceStatus {
    /// When it was started.
    pub started: SystemTime,
    /// When it ends, or would have.
    pub until: SystemTime,
    /// It has ended.
    pub over: bool,
    /// Lines in its file.
    pub written: u64,
    /// Lines that found no room on the way, or in the file.
    pub dropped: u64,
}

impl Trace {
    /// Starts one that writes to a new file there, and ends by itself after that time.
    pub(super) fn start(node: &str, path: &Path, time: Duration) -> io::Result<Arc<Self>> {
        let file = File::create(path)?;
        let (sender, lines) = sync_channel(WAITING_MAX);
        let counts = Arc::<Counts>::default();
        let until = Instant::now() + time;
        let counted = counts.clone();
        let write = move || {
            if let Err(error) = write_all(&lines, file, until, &counted) {
                tracing::warn!(event = "trace.failed", %error, "a trace cannot be written, and ends");
            }
            counted.over.store(true, Ordering::Relaxed);
        };
        std::thread::Builder::new().name("trace".to_owned()).spawn(write)?;
        let (node, path, started) = (node.to_owned(), path.to_owned(), SystemTime::now());
        Ok(Arc::new(Self { node, path, started, until: started + time, lines: sender, counts }))
    }

    /// Whether it takes no more lines.
    pub fn is_over(&self) -> bool {
        self.counts.over.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        self.counts.over.store(true, Ordering::Relaxed);
        // Its thread is woken by this if by nothing else.
        let _ = self.lines.try_send(None);
    }

    /// How it is.
    pub fn status(&self) -> TraceStatus {
        TraceStatus {
            started: self.started,
            until: self.until,
            over: self.is_over(),
            written: self.counts.written.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
        }
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line; never waits.
    pub(super) fn write(&self, direction: Direction, who: &Who, peer: SocketAddr, fields: &Map<String, Value>) {
        let (account, link) = match who {
            Who::Esme(account) => (account.as_deref(), None),
            Who::Operator(link) => (None, Some(link.as_str())),
        };
        let mut line = json!({
            "time": jiff::Timestamp::now().to_string(),
            "node": self.node,
            "direction": direction.name(),
            "account": account,
            "link": link,
            "peer": peer.to_string(),
        });
        if let Value::Object(line) = &mut line {
            line.extend(fields.clone());
        }
        if self.lines.try_send(Some(format!("{line}\n"))).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(lines: &Receiver<Option<String>>, file: File, until: Instant, counts: &Counts) -> io::Result<()> {
    let (mut file, mut size) = (BufWriter::new(file), 0);
    while !counts.over.load(Ordering::Relaxed) {
        let Ok(first) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) else { break };
        for line in std::iter::once(first).chain(lines.try_iter()).flatten() {
            size += line.len() as u64;
            if size > SIZE_MAX {
                counts.dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            file.write_all(line.as_bytes())?;
            counts.written.fetch_add(1, Ordering::Relaxed);
        }
        file.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn until(what: &str, so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn write(trace: &Trace) {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        trace.write(Direction::In, &Who::Esme(Some("shop".to_owned())), peer, &Map::new());
    }

    #[test]
    fn lines_reach_the_file_while_it_runs_and_none_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let trace = Trace::start("smsc-0", &path, Duration::from_secs(3_600)).expect("it starts");
        write(&trace);
        until("the line is there", || {
            fs::read_to_string(&path).is_ok_and(|text| text.contains("\"account\":\"shop\""))
        });
        trace.stop();
        assert!(trace.is_over());
        assert_eq!(trace.status().written, 1);
    }

    #[test]
    fn it_ends_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let trace = Trace::start("smsc-0", &folder.path().join("x"), Duration::from_millis(10)).expect("it starts");
        until("it is over", || trace.is_over());
    }
}
