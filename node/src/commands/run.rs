//! `smsc` and `smsc run`: a node.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::USAGE;
use crate::app::{self, RunOptions};
use crate::config::{Config, Source};
use crate::tls::SelfMade;

/// A file that the store writes into its folder: what has it is ours to remove.
const STAMP: &str = "node.toml";

/// What to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration, .toml or .yaml; without one a demo runs on the loopback interface
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the journal, instead of the configured one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Remove what an earlier demo kept, messages included
    #[arg(long, conflicts_with = "config")]
    fresh: bool,
}

/// Reads the configuration and runs the node until it is told to stop.
pub fn run(args: Args) -> ExitCode {
    let (config, options) = match &args.config {
        None => {
            let data_dir = args.data_dir.as_deref().unwrap_or(Path::new("data"));
            if args.fresh
                && let Err(error) = remove_data(data_dir)
            {
                eprintln!("smsc: {}: cannot be removed: {error}", data_dir.display());
                return ExitCode::FAILURE;
            }
            (Config::demo(data_dir), RunOptions { source: Source::Demo(data_dir.to_owned()), demo: true })
        }
        Some(file) => match Config::load(file) {
            Ok(config) => (config, RunOptions { source: Source::File(file.clone()), demo: false }),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(USAGE);
            }
        },
    };
    app::run(with_data_dir(config, args.data_dir), options)
}

fn with_data_dir(mut config: Config, data_dir: Option<PathBuf>) -> Config {
    if let Some(data_dir) = data_dir {
        config.node.data_dir = data_dir;
    }
    config
}

/// Removes a data folder, and nothing that is none: `--data-dir ~ --fresh` must not cost a home.
fn remove_data(data_dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(data_dir) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // A demo that could not open its store leaves only its certificate.
    let stamped = entries.iter().any(|entry| entry.file_name() == STAMP);
    let certificate_only = entries.iter().all(|entry| entry.path() == SelfMade::folder(data_dir));
    if !stamped && !certificate_only {
        let reason = format!("it is no data folder: there is no {STAMP} in it");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    fs::remove_dir_all(data_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        fs::write(data.join(STAMP), "number = 0").expect("a file");
        remove_data(&data).expect("it is ours");
        assert!(!data.exists());
    }

    #[test]
    fn what_is_no_data_folder_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("letter.txt"), "dear").expect("a file");
        let error = remove_data(folder.path()).expect_err("it is not ours");
        assert!(error.to_string().contains("no data folder"), "{error}");
        assert!(folder.path().join("letter.txt").exists());
    }

    #[test]
    fn what_is_not_there_needs_no_removal() {
        assert!(remove_data(Path::new("there/is/no/such/folder")).is_ok());
    }
}
