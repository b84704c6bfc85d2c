//! A disk that is small enough to be filled.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::skip::skipped;

/// A tmpfs of its own. Dropping it unmounts it, also when a process still holds files on it.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// A disk of so many octets; nobody but root may have one.
    pub fn of(octets: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={octets}"), "smsc-test"]).arg(folder.path());
        match mount.output() {
            Ok(done) if done.status.success() => Some(Self { folder }),
            Ok(done) => {
                skipped(&format!("no disk can be mounted here: {}", String::from_utf8_lossy(&done.stderr).trim()))
            }
            Err(error) => skipped(&format!("no disk can be mounted here: {error}")),
        }
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        self.path()
    }

    /// The line of a node's configuration that keeps its data here.
    pub fn data_dir(&self) -> String {
        format!("data_dir = {:?}", self.folder.path().join("data"))
    }

    /// Fills it up to so many octets.
    pub fn fill(&self, leaving: u64) {
        let disk = rustix::fs::statvfs(self.folder.path()).expect("the disk is mounted");
        let excess = (disk.f_bavail * disk.f_frsize).saturating_sub(leaving);
        let mut ballast = File::create(self.ballast()).expect("a file can be made");
        let block = [0; 64 << 10];
        for at in (0..excess).step_by(block.len()) {
            let length = (excess - at).min(block.len() as u64) as usize;
            match ballast.write_all(&block[..length]) {
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                written => written.expect("the disk can be written"),
            }
        }
    }

    /// Makes room again.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    /// Makes it larger, to so many octets.
    pub fn grow(&self, octets: u64) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={octets}")]).arg(self.folder.path());
        assert!(mount.status().is_ok_and(|status| status.success()), "{mount:?} fails");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node that was not dropped yet may have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
