//! Arguments, configuration, run, exit code. No decisions.

use std::process::ExitCode;

use clap::Parser;
use smsc_node::commands::{Command, run};

/// A short message service centre: ESMEs bind over SMPP and submit messages, operators deliver them
#[derive(Parser)]
#[command(name = "smsc", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

const EXAMPLES: &str = "\
Try it, in two terminals:
  smsc                                        a demo node with a simulated operator; nothing to configure
  smsc send --to 46701234567 --text hello     submits a message and waits until it is delivered
  smsc receive --send-to 46761234567          sends a message round the loop and prints what comes back
  smsc load --duration 10s                    how fast is it here?

Run it for real:
  smsc check smsc.toml                        says what is wrong, or what has no effect yet
  smsc run --config smsc.toml                 stops in order on SIGTERM, reads its files again on SIGHUP
  smsc ctl status                             how a running node is, and what needs somebody: see `smsc ctl --help`
  SMSC__TELEMETRY__LOG_LEVEL=debug smsc run --config smsc.toml
                                              any scalar key can come from the environment
  curl -s http://127.0.0.1:8080/healthz?verbose
  curl -s http://127.0.0.1:8080/metrics

Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.command.unwrap_or(Command::Run(cli.run)).run()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_a_node_runs() {
        assert!(Cli::try_parse_from(["smsc", "--fresh"]).is_ok_and(|cli| cli.command.is_none()));
        assert!(Cli::try_parse_from(["smsc", "run", "--config", "smsc.toml"]).is_ok());
    }

    #[test]
    fn a_configured_nodes_data_is_not_removed_in_passing() {
        assert!(Cli::try_parse_from(["smsc", "run", "--config", "smsc.toml", "--fresh"]).is_err());
    }

    #[test]
    fn the_help_teaches() {
        let help = Cli::command().render_long_help().to_string();
        for word in ["smsc send --to", "smsc check", "/metrics", "Exit codes"] {
            assert!(help.contains(word), "{word}");
        }
    }
}
