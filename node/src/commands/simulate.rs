//! `smsc simulate-operator`: an operator for trials, well-behaved or not.

use std::io::IsTerminal;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;

mod account;
mod deliver;
mod faults;
mod operator;
mod options;
mod session;
#[cfg(test)]
mod tests;

pub use operator::{SimulatedOperator, Totals};
pub use options::{Announce, BadRate, ErrorRate, IdForm, Options, Probability, ReceiptShare, Receipts};

use super::terminal::{self, LiveLine, complain};

/// How often the rates are shown.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// An operator for trials: takes submit_sm, returns receipts and MO messages, and misbehaves on request.
///
/// Receipts go to the connection that submitted, if it can receive, else to any receiver or transceiver of the same
/// system_id; what was not acknowledged is sent again after a reconnect.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  smsc simulate-operator --listen 127.0.0.1:2875
  smsc simulate-operator --listen 127.0.0.1:2875 --loopback 4676 --receipt-delay 2s
  smsc simulate-operator --listen 127.0.0.1:2875 --error-rate 0.01:ESME_RTHROTTLED --drop-after 10000
  smsc simulate-operator --listen 127.0.0.1:2875 --receipts 0.01:never --receipts 0.1:late --late-by 1m
  smsc simulate-operator --listen 127.0.0.1:2875 --mo-rate 10 --mo-to 72404 --ids response-hex")]
pub struct Args {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR", required = true)]
    listen: Vec<String>,
    /// Who may bind [default: anyone]
    #[arg(long, value_name = "ID")]
    system_id: Option<String>,
    /// With which password [default: any]
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// What its message ids look like
    #[arg(long, value_enum, default_value = "decimal")]
    ids: IdForm,
    /// Which receipts come back: always, never, twice, early (before the submit_sm_resp), late; or a share of them, such
    /// as 0.01:twice; may be repeated [default: always]
    #[arg(long, value_name = "[P:]KIND")]
    receipts: Vec<ReceiptShare>,
    /// How long after its submit_sm a receipt or looped message comes
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = humantime::parse_duration)]
    receipt_delay: Duration,
    /// How much later than the others a late receipt comes
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    late_by: Duration,
    /// Messages to numbers with this prefix also come back as MO, source and destination exchanged; may be repeated
    #[arg(long, value_name = "PREFIX")]
    loopback: Vec<String>,
    /// Refuse this share of messages, such as 0.01:ESME_RTHROTTLED or 0.01:0x58; may be repeated
    #[arg(long, value_name = "P:STATUS")]
    error_rate: Vec<ErrorRate>,
    /// Answer ESME_RTHROTTLED above so many messages a second of one system_id [default: never]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    throttle_above: u32,
    /// Drop each connection after so many messages, the last of them unanswered [default: never]
    #[arg(long, value_name = "N")]
    drop_after: Option<NonZeroU64>,
    /// Lose this share of messages: no response, no receipt
    #[arg(long, value_name = "P", default_value = "0")]
    unanswered: Probability,
    /// How long a submit_sm waits for its response
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    response_delay: Duration,
    /// Report this share of messages as UNDELIV
    #[arg(long, value_name = "P", default_value = "0")]
    undelivered: Probability,
    /// Send so many MO messages a second (needs --mo-to)
    #[arg(long, value_name = "N", default_value_t = 0.0, requires = "mo_to")]
    mo_rate: f64,
    /// The service number that the MO messages go to
    #[arg(long, value_name = "NUMBER")]
    mo_to: Option<String>,
    /// How many deliver_sm may be outstanding on one connection
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    deliver_window: u32,
}

impl Args {
    fn options(&self) -> Options {
        Options {
            system_id: self.system_id.clone(),
            password: self.password.clone(),
            ids: self.ids,
            receipts: self.receipts.clone(),
            receipt_delay: self.receipt_delay,
            late_by: self.late_by,
            loopback: self.loopback.clone(),
            error_rates: self.error_rate.clone(),
            throttle_above: self.throttle_above,
            drop_after: self.drop_after,
            unanswered: self.unanswered,
            response_delay: self.response_delay,
            undelivered: self.undelivered,
            mo_rate: if self.mo_rate.is_finite() { self.mo_rate.max(0.0) } else { 0.0 },
            mo_to: self.mo_to.clone().unwrap_or_default(),
            deliver_window: self.deliver_window as usize,
            announce: Announce::Binds,
            ..Options::default()
        }
    }
}

/// Runs until it is interrupted. Exit 1 when an address cannot be listened on.
pub fn run(args: Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve_all(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(problem);
            ExitCode::FAILURE
        }
    }
}

async fn serve_all(args: &Args) -> Result<(), String> {
    let operator = SimulatedOperator::new(args.options());
    let mut tasks = JoinSet::new();
    for address in &args.listen {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            format!("cannot listen on {address}: {error}. Is another process there already? Is the address HOST:PORT?")
        })?;
        println!("{}  listening on {address}", terminal::time_of_day());
        tasks.spawn(operator.clone().serve_on(listener));
    }
    tokio::spawn(operator.clone().originate());
    if std::io::stderr().is_terminal() {
        tokio::spawn(report(operator.clone()));
    }
    tokio::select! {
        ended = tasks.join_next() => match ended {
            Some(Ok(Err(error))) => Err(format!("a listener failed: {error}")),
            _ => Err("a listener ended".to_owned()),
        },
        _ = tokio::signal::ctrl_c() => {
            let totals = operator.totals();
            println!("{}  {}", terminal::time_of_day(), summary(&totals));
            Ok(())
        }
    }
}

async fn report(operator: Arc<SimulatedOperator>) {
    let mut line = LiveLine::new();
    let (mut before, mut at) = (operator.totals(), Instant::now());
    loop {
        tokio::time::sleep(REPORT_EVERY).await;
        let (totals, now) = (operator.totals(), Instant::now());
        if totals == before {
            line.clear();
        } else {
            line.show(&rate_line(&before, &totals, now - at));
        }
        (before, at) = (totals, now);
    }
}

fn rate_line(before: &Totals, after: &Totals, elapsed: Duration) -> String {
    let rate = |now: u64, then: u64| terminal::count(((now - then) as f64 / elapsed.as_secs_f64()).round() as u64);
    format!(
        "accepted {}/s  refused {}/s  delivered {}/s  waiting {}",
        rate(after.accepted, before.accepted),
        rate(after.refused, before.refused),
        rate(after.delivered, before.delivered),
        terminal::count(after.waiting),
    )
}

fn summary(totals: &Totals) -> String {
    let Totals { accepted, refused, lost, delivered, repeated, turned_down, waiting } = *totals;
    let mut parts =
        vec![format!("accepted {}", terminal::count(accepted)), format!("delivered {}", terminal::count(delivered))];
    let rare = [
        (refused, "refused"),
        (lost, "lost"),
        (repeated, "sent again"),
        (turned_down, "turned down"),
        (waiting, "waiting"),
    ];
    parts.extend(rare.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{word} {}", terminal::count(*n))));
    parts.join("  ")
}
