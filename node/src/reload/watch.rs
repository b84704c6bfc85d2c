//! When the files are to be read again: at SIGHUP, and when one of them has changed.
//!
//! By looking, not by notification: Kubernetes exchanges a link two folders above the files, and network volumes notify
//! nobody. A file that changes again at the next look is still being written: it is waited for.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;

use super::{LiveConfig, blocking};

/// How often it is looked: one question to the system for each file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a look sees of a file; `None`: it is not there.
type Seen = Option<(u64, u64, i64, i64, u64)>;

/// Reloads when there is a reason to, for ever. `hangup` is SIGHUP, caught since the start.
pub async fn watch(config: Arc<LiveConfig>, mut hangup: Signal) {
    let mut loaded = look(&config).await;
    let mut before = loaded.clone();
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                tracing::info!(event = "config.reload", "SIGHUP: reading the configuration again");
                loaded = look(&config).await;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {
                let now = look(&config).await;
                let settled = now == before;
                before.clone_from(&now);
                if now == loaded || !settled {
                    continue;
                }
                tracing::info!(event = "config.reload", "a file has changed: reading the configuration again");
                loaded = now;
            }
        }
        // It says itself how it went.
        if config.reload().await.is_ok() {
            // It may name other files now.
            before = look(&config).await;
            if before.len() != loaded.len() {
                loaded.clone_from(&before);
            }
        }
    }
}

/// The files of the configuration in force.
async fn look(config: &LiveConfig) -> Vec<(PathBuf, Seen)> {
    let mut files: Vec<PathBuf> = config.source().path().map(PathBuf::from).into_iter().collect();
    files.extend(config.services.live().config.files());
    let seen = |file: &PathBuf| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.size()))
    };
    let both = move |file: PathBuf| (file.clone(), seen(&file));
    blocking(move || files.into_iter().map(both).collect()).await.unwrap_or_default()
}
