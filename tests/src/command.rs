//! The other commands of `smsc`, as a user runs them.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::PATIENCE;

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
}

/// A command that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
    what: String,
}

/// The binary: `SMSC_BIN`, or what was built beside this program, which is a test (in a folder below) or a program itself.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SMSC_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a program knows where it is");
    let mut candidates = own.ancestors().skip(1).take(2).map(|folder| folder.join("smsc"));
    let path = candidates.find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("there is no smsc beside {}: build it with `cargo build --workspace`", own.display()))
}

/// Runs `smsc` with these arguments until it ends.
pub fn smsc<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Finished {
    start(arguments).expect_end()
}

/// Starts `smsc` with these arguments.
pub fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Running {
    start_in(&std::env::temp_dir(), arguments)
}

/// Starts `smsc` with these arguments in that folder.
pub fn start_in<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Running {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder);
    Running::start(command)
}

impl Running {
    /// Starts a prepared command.
    pub fn start(mut command: Command) -> Self {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SMSC__")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what} cannot be started: {error}"));
        let stdout = Output::of(child.stdout.take().expect("it is piped"));
        let stderr = Output::of(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr, what }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has written that to stdout.
    pub fn expect_output(&self, text: &str) -> String {
        self.stdout.wait_for(text).unwrap_or_else(|so_far| {
            panic!("{} should write {text:?}, and wrote {so_far:?} and {:?}", self.what, self.stderr.so_far())
        })
    }

    /// All that it has written to stdout.
    pub fn output(&self) -> String {
        self.stdout.so_far()
    }

    /// All that it has written to stderr.
    pub fn errors(&self) -> String {
        self.stderr.so_far()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub fn expect_end(self) -> Finished {
        self.expect_end_within(3 * PATIENCE)
    }

    /// Waits for its end, at most so long.
    pub fn expect_end_within(mut self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            assert!(
                Instant::now() < deadline,
                "{} does not end; it wrote {:?} and {:?}",
                self.what,
                self.output(),
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let code = self.child.wait().ok().and_then(|status| status.code());
        Finished { code, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends SIGHUP: the files are to be read again.
    pub fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// Sends SIGSTOP, and waits until all its threads stand still, which takes a while where others want the cores. Its
    /// sockets stay open.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let stands = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The state follows the name, which may hold anything. A thread that is gone stands still too.
            stat.rsplit_once(')')
                .is_none_or(|(_, rest)| matches!(rest.trim_start().as_bytes().first(), Some(b'T' | b'Z')))
        };
        let deadline = Instant::now() + PATIENCE;
        while !std::fs::read_dir(&tasks).into_iter().flatten().flatten().all(stands) {
            assert!(Instant::now() < deadline, "a stopped process goes on");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Sends SIGKILL and waits until the process is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        // It may have ended meanwhile; whoever waits for its end sees that.
        let _ = rustix::process::kill_process(id, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {} wrote\n{}\n--- and\n{}\n---", self.what, tail(&self.output()), tail(&self.errors()));
        }
    }
}

/// The last lines: a node's log may be long.
fn tail(text: &str) -> String {
    let lines = text.lines().collect::<Vec<_>>();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// What a process writes, read as it comes.
#[derive(Clone, Debug)]
struct Output(Arc<(Mutex<Written>, Condvar)>);

#[derive(Debug, Default)]
struct Written {
    octets: Vec<u8>,
    ended: bool,
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let writer = output.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8 * 1024];
            loop {
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut written = writer.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                written.octets.extend_from_slice(&buffer[..count]);
                written.ended = count == 0;
                writer.0.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        output
    }

    fn so_far(&self) -> String {
        let written = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written.octets).into_owned()
    }

    /// All of it, once the process has ended.
    fn whole(&self) -> String {
        let _ = self.wait(|written| written.ended);
        self.so_far()
    }

    fn wait_for(&self, text: &str) -> Result<String, String> {
        match self.wait(|written| String::from_utf8_lossy(&written.octets).contains(text)) {
            true => Ok(self.so_far()),
            false => Err(self.so_far()),
        }
    }

    fn wait(&self, look: impl Fn(&Written) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut written = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if look(&written) {
                return true;
            }
            if written.ended || left.is_zero() {
                return false;
            }
            written = self.0.1.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
