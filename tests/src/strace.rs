//! `strace` on a running node: what it asks the system for, and faults in the answers it gets.
//!
//! Not every machine lets one process trace another. Where it is not permitted nobody is traced, the reason is said, and
//! the test ends.

use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::PATIENCE;
use crate::command::Running;
use crate::node::Node;
use crate::skip::skipped;
use crate::system_call::{SystemCall, read_calls};

/// A tracer of one node. Dropping it lets go of the node.
#[derive(Debug)]
pub struct Strace {
    process: Running,
    folder: TempDir,
}

impl Strace {
    /// Writes down what the node reads from sockets, writes to sockets and files, and syncs, from now on.
    pub fn watch(node: &Node) -> Option<Self> {
        let calls = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fdatasync,fsync";
        Self::attach(node, &["-xx", "-yy", "-s", "1048576", "-e", calls])
    }

    /// Answers some system calls otherwise from now on, in strace's own words: `fdatasync:error=EIO`.
    pub fn inject(node: &Node, fault: &str) -> Option<Self> {
        let call = fault.split(':').next().unwrap_or(fault);
        Self::attach(node, &["-e", &format!("trace={call}"), "-e", &format!("inject={fault}")])
    }

    fn attach(node: &Node, arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &node.process().id().to_string(), "-o"]).arg(folder.path().join("calls"));
        command.args(arguments);
        if let Err(error) = Command::new("strace").arg("--version").output() {
            return skipped(&format!("there is no strace: {error}"));
        }
        let mut strace = Self { process: Running::start(command), folder };
        let deadline = Instant::now() + PATIENCE;
        while !strace.process.errors().contains(" attached") {
            assert!(Instant::now() < deadline, "strace does not attach: {}", strace.process.errors());
            if !strace.process.is_running() {
                return skipped(&format!("strace may not trace here: {}", strace.process.errors().trim()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(strace)
    }

    /// Lets go of the node: what it did meanwhile, in order.
    pub fn finish(self) -> Vec<SystemCall> {
        // It ends by the signal that it was sent, after it has written what it saw.
        self.process.terminate();
        self.process.expect_end();
        let text = std::fs::read_to_string(self.folder.path().join("calls")).expect("strace has written its output");
        read_calls(&text)
    }
}
