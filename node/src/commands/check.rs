//! `smsc check FILE`: reads a configuration as `run` would, and says what is wrong or dangerous.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::USAGE;
use crate::config::Config;

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 the node would start with it, 2 it would not.

The environment counts, as it does for `smsc run`: SMSC__SECTION__KEY=value sets a scalar key.")]
pub struct Args {
    /// The configuration, .toml or .yaml
    file: PathBuf,
}

/// Prints problems on standard error, one line each; a summary and what is dangerous on standard output.
pub fn run(args: Args) -> ExitCode {
    let (code, written) = match Config::load(&args.file) {
        Ok(config) => (ExitCode::SUCCESS, write!(io::stdout(), "{}", summary(&args, &config))),
        Err(error) => (ExitCode::from(USAGE), writeln!(io::stderr(), "{error}")),
    };
    // With nobody to read it the exit code still tells.
    drop(written);
    code
}

fn summary(args: &Args, config: &Config) -> String {
    let file = args.file.display();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let parts = [
        count(config.listener.len(), "listener"),
        count(config.account.len(), "account"),
        count(config.operator.len(), "operator"),
        count(config.route.len(), "route"),
        count(config.mo_route.len(), "MO route"),
    ];
    let mut text = format!("{file}: good: {}\n", parts.join(", "));
    for danger in config.dangers() {
        text.push_str(&format!("{file}: WARNING: {}: {}\n", danger.key, danger.note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[listener]]\naddress = \"127.0.0.1:2775\"\n";

    fn check(text: &str) -> ExitCode {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("smsc.toml");
        std::fs::write(&file, text).expect("a file");
        run(Args { file })
    }

    #[test]
    fn a_good_configuration_passes() {
        assert_eq!(check(GOOD), ExitCode::SUCCESS);
    }

    #[test]
    fn a_bad_one_is_a_usage_error() {
        assert_eq!(check("[node]\nnumber = 60\n"), ExitCode::from(2));
        assert_eq!(run(Args { file: "does-not-exist.toml".into() }), ExitCode::from(2));
    }

    #[test]
    fn a_journal_that_keeps_nothing_is_told_loudly() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("smsc.toml");
        std::fs::write(&file, format!("{GOOD}[store]\njournal = \"nothing\"\n")).expect("a file");
        let text = summary(&Args { file: "smsc.toml".into() }, &Config::load(&file).expect("it may be started"));
        assert!(text.contains("smsc.toml: WARNING: store.journal: ") && text.contains("LOST"), "{text}");
    }

    #[test]
    fn what_there_is_is_counted() {
        let args = Args { file: "smsc.toml".into() };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("smsc.toml");
        std::fs::write(&file, GOOD).expect("a file");
        let text = summary(&args, &Config::load(&file).expect("good"));
        assert_eq!(text, "smsc.toml: good: 1 listener, 0 accounts, 0 operators, 0 routes, 0 MO routes\n");
    }
}
