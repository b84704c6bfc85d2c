//! `smsc ctl`: asks a node, and tells it what to do, over its HTTP API.
//!
//! | file | holds |
//! |---|---|
//! | `verbs` | what may be said on the command line |
//! | `request` | a verb becomes a request |
//! | `http` | the request goes to the node |
//! | `tables`, `nodes`, `traces` | the answer for people |
//! | `top` | the node at work, once a second |

mod configuration;
mod http;
mod nodes;
mod request;
mod tables;
mod top;
mod traces;
mod verbs;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use serde_json::Value;

use self::http::{CtlError, NodeAddress, Server};
use self::request::Request;
use self::verbs::{More, Verb};
use super::USAGE;
use super::terminal::complain;

/// How often `--wait` asks again.
const WAIT_EVERY: Duration = Duration::from_secs(2);
/// How often `--watch` looks if it does not say.
const WATCH_EVERY: &str = "2s";

/// Asks a running node, and tells it what to do.
///
/// Everything goes over the node's HTTP API (/api/v1): on the node's own machine without more words, elsewhere with
/// --node and a token. What is changed here lies on top of the configuration file, survives restarts, says who made it,
/// and goes with `unset`: then the file counts again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The node: where its http.address can be reached
    #[arg(long, global = true, env = "SMSC_NODE", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    node: NodeAddress,
    /// A file that holds the token alone, or a line `role name token` as in http.token_file
    #[arg(long, global = true, env = "SMSC_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Ask, or tell, this node of the cluster alone, by its name; without it all nodes answer together
    #[arg(long, global = true, value_name = "NODE")]
    only: Option<String>,
    /// Print the API's answer as it is
    #[arg(long, global = true)]
    json: bool,
    /// Ask again and again, every 2 s or as often as it says, until Ctrl-C
    #[arg(long, global = true, value_name = "EVERY", num_args = 0..=1, require_equals = true, default_missing_value = WATCH_EVERY, value_parser = humantime::parse_duration)]
    watch: Option<Duration>,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
At 3 a.m.:
  smsc ctl status                                     is it working, and if not, what needs somebody
  smsc ctl links                                      operators, what is broken first
  smsc ctl messages find --number 46701234567         where is my message
  smsc ctl messages trace 1234567890123456789         the life of one message
  smsc ctl routes test 46701234567 --account shop     which way a message would go, and why

Change something, and put it back:
  smsc ctl routes set 4670 --to north:3,south --failover west
  smsc ctl routes unset 4670                          back to what the file says
  smsc ctl links pause north                          stays unbound until `resume`
  smsc ctl accounts set shop throughput_max=500 binds_max=8

What does this customer's client really say:
  smsc ctl trace start --account shop --for 10m       every PDU, numbers in full, texts never
  smsc ctl trace show --account shop

Take a node out of service, put it back:
  smsc ctl nodes drain smsc-1                         its ESMEs go elsewhere; the others deliver what it keeps
  smsc ctl nodes undrain smsc-1

One node of several:
  smsc ctl --only smsc-1 sessions                     without --only all nodes answer, and who does not is named

Elsewhere, and for programs:
  smsc ctl --node http://smsc-0:8080 --token-file admin.token status
  smsc ctl --json links
  smsc ctl --watch queues
  smsc ctl completions bash > /etc/bash_completion.d/smsc

Exit codes: 0 done, 1 the node refused or cannot be reached, 2 wrong command line.";

/// Carries out one verb.
pub fn run(args: Args) -> ExitCode {
    if let Verb::Completions { shell } = args.verb {
        let mut command = Standalone::command();
        clap_complete::generate(shell, &mut command, "smsc", &mut io::stdout());
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(carry_out(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            if error.is_usage() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// The whole command line once more, so that completions know all of it.
#[derive(Parser)]
#[command(name = "smsc")]
struct Standalone {
    #[command(subcommand)]
    command: super::Command,
}

async fn carry_out(args: &Args) -> Result<(), CtlError> {
    let server = Server::new(args.node.clone(), args.token_file.as_deref())?;
    if let Verb::Top = args.verb {
        return top::show(&server, args.watch.unwrap_or(Duration::from_secs(1))).await;
    }
    if let Verb::Events { prefix } = &args.verb {
        return server.follow(prefix, |event| show(&tables::event(event, args.json))).await;
    }
    let request = Request::of(&args.verb)?.to(args.only.as_deref());
    loop {
        let answer = all_of(&server, &request).await?;
        let text = if args.json {
            format!("{answer}\n")
        } else {
            tables::text(&args.verb, &answer) + &tables::missing(&answer)
        };
        match (args.watch, args.verb.wants_more(&answer)) {
            (Some(every), _) => {
                show(&over_the_old(&text))?;
                tokio::time::sleep(every).await;
            }
            (None, More::Nothing) => return show(&text),
            (None, More::AskedAgain) => {
                show(&text)?;
                tokio::time::sleep(WAIT_EVERY).await;
            }
            (None, More::Missed) => {
                show(&text)?;
                return Err(CtlError::NotYet);
            }
        }
    }
}

/// Asks until everything is done: of what takes long a node does some, and says that there is more. What comes meanwhile
/// is left alone, or there were no end to it.
async fn all_of(server: &Server, request: &Request) -> Result<Value, CtlError> {
    let mut answer = server.ask(request).await?;
    while answer["dry_run"] == false && answer["more"] == true {
        let done = answer["count"].as_u64().unwrap_or_default();
        let mut rest = request.clone();
        if let Some(body) = &mut rest.body {
            body["older_than"] = answer["accepted_until"].take();
        }
        answer = server.ask(&rest).await?;
        answer["count"] = (done + answer["count"].as_u64().unwrap_or_default()).into();
    }
    Ok(answer)
}

/// On a terminal what is watched is written in place of what was there.
fn over_the_old(text: &str) -> String {
    if io::stdout().is_terminal() { format!("\x1b[2J\x1b[H{text}") } else { text.to_owned() }
}

/// Nobody reads any more: that is the end, and no failure.
fn show(text: &str) -> Result<(), CtlError> {
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    written.map_err(|_| CtlError::NobodyReads)
}

/// A field of an answer as text; nothing for null.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => super::terminal::harmless(text),
        other => super::terminal::harmless(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_teaches() {
        let mut command = <Args as clap::Args>::augment_args(clap::Command::new("ctl"));
        let help = command.render_long_help().to_string();
        for word in ["SMSC_NODE", "--token-file", "routes test", "unset", "Exit codes"] {
            assert!(help.contains(word), "{word}");
        }
    }
}
