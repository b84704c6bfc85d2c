//! `smsc load`: many binds, full windows or a steady rate, and what came of it.
//!
//! Worker threads drive the binds; this thread watches, shows the live line and ends the phases.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use smsc_proto::smpp::pdu::BindKind;
use tokio::sync::Notify;

mod bind;
mod cpu;
mod receipts;
mod run;
mod schedule;
mod tally;
mod template;
#[cfg(test)]
mod tests;
mod worker;

use self::bind::Target;
use self::run::{Phase, Run};
use self::schedule::Schedule;
use self::tally::{Summary, Traffic};
use self::template::Template;
use self::worker::{await_binds, start_pacer, start_workers};
use super::client::addresses::Sender;
use super::client::{ClientError, Endpoint};
use super::terminal::{self, LiveLine, Paint, complain};

/// How often the end of a phase is looked for.
const WATCH_EVERY: Duration = Duration::from_millis(10);
/// How often the live line is written.
const SHOW_EVERY: Duration = Duration::from_millis(250);
/// How much longer than its time a paced run may send what it owes.
const PACED_GRACE: Duration = Duration::from_millis(100);
/// How often the binds look for messages that were not answered in time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a run of --count messages may take whose rest is never answered.
const COUNT_PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// Sends many messages over many binds and measures rates and latencies.
///
/// Exit 0 when messages were accepted and every receipt came. With --rate latencies count from the time that a message
/// was to be sent, so that a stall is charged for all that it delayed. A connection that is lost, also with the whole
/// node, is made again until the run is over: what it had outstanding is counted as lost. An interrupt ends the sending, a
/// second one also the waiting; the summary comes all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  smsc load --duration 30s
  smsc load --binds 4 --window 10 --rate 5000 --node-pid $(pgrep -x smsc)
  smsc load --account a:secret --account b:secret --smsc 10.0.0.1:2775 --smsc 10.0.0.2:2775 --json
  smsc load --count 100000 --receipts off
  smsc load --smsc 10.0.0.1:2775 --receiver 10.0.0.2:2775
  smsc load --idle --binds 1000 --duration 5m")]
pub struct Args {
    /// How many binds, spread over the addresses and accounts
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    binds: u32,
    /// How many submit_sm each bind may have unanswered
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: u32,
    /// Messages a second in all; 0: as fast as the windows allow
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = parse_rate)]
    rate: f64,
    /// How long to send [default: 10s, unless --count is given]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// How many messages to send
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Send nothing: stay bound for --duration, answer enquire_link, and take what is delivered
    #[arg(long, conflicts_with_all = ["rate", "count"])]
    idle: bool,
    /// Where the message centre listens; may be repeated [default: 127.0.0.1:2775, with --tls 2776]
    #[arg(long, value_name = "HOST:PORT")]
    smsc: Vec<String>,
    /// Connect with TLS. The certificate is NOT verified unless --ca is given
    #[arg(long)]
    tls: bool,
    /// Read receipts by receivers that bind here, as many as --binds; those are transmitters then. May be repeated
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "idle")]
    receiver: Vec<String>,
    /// Verify the certificate against the CA certificates in this PEM file (implies --tls)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name to bind with
    #[arg(long, value_name = "ID", default_value = "demo")]
    system_id: String,
    /// Its password
    #[arg(long, value_name = "PASSWORD", default_value = "demo")]
    password: String,
    /// Name and password, instead of the two above; may be repeated
    #[arg(long, value_name = "ID:PASSWORD", value_parser = parse_account)]
    account: Vec<(String, String)>,
    /// The sender: a number, or a name of at most 11 characters
    #[arg(long, value_name = "SENDER", default_value = "load")]
    from: Sender,
    /// The numbers written to begin with this; seven digits that count up follow. May be repeated: taken in turn
    #[arg(long, value_name = "DIGITS", default_value = "4670", value_parser = parse_prefix)]
    to_prefix: Vec<String>,
    /// Characters of each text
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u16).range(0..=template::TEXT_MAX as i64))]
    text_length: u16,
    /// Whether to ask for receipts and wait for them; off also binds as transmitter
    #[arg(long, value_enum, default_value = "on")]
    receipts: Switch,
    /// How long a submit_sm waits for its response before it counts as unanswered and its place is used again
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    response_timeout: Duration,
    /// How long to wait, at the end, for what is outstanding
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    drain: Duration,
    /// Also show the CPU that this process (the node, on this machine) takes per message. May be repeated: added up
    #[arg(long, value_name = "PID")]
    node_pid: Vec<u32>,
    /// Threads that drive the binds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    threads: u8,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("write messages a second, 0 to 10000000".to_owned()),
    }
}

fn parse_account(text: &str) -> Result<(String, String), String> {
    let (system_id, password) = text.split_once(':').ok_or("write ID:PASSWORD")?;
    Ok((system_id.to_owned(), password.to_owned()))
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let fits = text.len() <= template::PREFIX_MAX && text.bytes().all(|octet| octet.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err(format!("at most {} digits", template::PREFIX_MAX)) }
}

/// Runs it. Exit 1 when nothing was accepted or receipts are missing.
pub fn run(args: Args) -> ExitCode {
    let summary = match load(&args) {
        Ok(summary) => summary,
        Err(problem) => {
            complain(problem);
            return ExitCode::FAILURE;
        }
    };
    if args.json {
        println!("{:#}", summary.json());
    } else {
        println!("{}", summary.text(Paint::for_stdout()));
    }
    match summary.problem() {
        Some(problem) => {
            complain(problem);
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn load(args: &Args) -> Result<Summary, String> {
    // Ten thousand binds are more descriptors than a shell allows at first.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let targets = targets(args).map_err(|error| error.to_string())?;
    let run = Arc::new(new_run(args));
    let mut workers = start_workers(&run, targets, usize::from(args.threads))?;
    let refused = await_binds(&mut workers);
    let senders: Vec<Arc<Notify>> = workers.iter().flat_map(|worker| worker.senders.iter().cloned()).collect();
    let receivers = workers.iter().flat_map(|worker| worker.receivers.iter().cloned());
    let bells: Vec<Arc<Notify>> = senders.iter().cloned().chain(receivers).collect();
    match refused.first() {
        Some(error) if senders.is_empty() => return Err(error.to_string()),
        Some(error) => complain(format_args!(
            "{} of {} binds failed, the others go on. The first: {error}",
            refused.len(),
            refused.len() + bells.len()
        )),
        None => {}
    }
    let binds = bells.len();
    let cpu_of_nodes = || {
        let each = args.node_pid.iter().map(|pid| cpu::of_process(&pid.to_string()));
        each.sum::<Option<Duration>>().filter(|_| !args.node_pid.is_empty())
    };
    let (own_before, node_before, start) = (cpu::of_process("self"), cpu_of_nodes(), Instant::now());
    let schedule = (args.rate > 0.0).then(|| Schedule::new(start, args.rate, senders.len(), args.window as usize));
    let pacer = schedule.map(|schedule| start_pacer(run.clone(), schedule, senders)).transpose()?;
    workers.iter_mut().for_each(|worker| worker.start(schedule));

    watch(&run, args, start, &bells);
    let unbound = binds - run.bound();
    enter(&run, Phase::Over, &bells);
    let since = |after: Option<Duration>, before: Option<Duration>| Some(after?.saturating_sub(before?));
    let (own_cpu, node_cpu) = (since(cpu::of_process("self"), own_before), since(cpu_of_nodes(), node_before));
    for thread in workers.into_iter().map(|worker| worker.thread).chain(pacer) {
        if thread.join().is_err() {
            return Err("a worker thread panicked; the figures would be wrong".to_owned());
        }
    }
    let missing = run.receipts().map(|receipts| receipts.waiting());
    let unmatched = run.receipts().map_or(0, |receipts| receipts.unmatched());
    let tally = run.tally().clone();
    let unsent = if args.rate > 0.0 { run.unclaimed() } else { 0 };
    Ok(Summary { tally, binds, unbound, load: traffic(args), start, unsent, missing, unmatched, own_cpu, node_cpu })
}

/// What was asked for.
fn traffic(args: &Args) -> Traffic {
    let window = args.window as usize;
    match args.idle {
        true => Traffic::Idle,
        false if args.rate > 0.0 => Traffic::Paced { window, rate: args.rate },
        false => Traffic::Flood { window },
    }
}

fn new_run(args: &Args) -> Run {
    let receipts = args.receipts == Switch::On;
    let registered_delivery = u8::from(receipts);
    let template = |prefix: &String| {
        Template::new(args.from.address(), prefix, usize::from(args.text_length), registered_delivery)
    };
    let templates = args.to_prefix.iter().map(template).collect();
    Run::new(receipts, args.window as usize, args.response_timeout, templates, messages(args))
}

/// How many messages the run has: a paced one has a number from the start, so that what it could not send is known.
fn messages(args: &Args) -> u64 {
    if args.idle {
        return 0;
    }
    let by_rate = match args.count {
        None if args.rate > 0.0 => (args.rate * sending_time(args).as_secs_f64()).round() as u64,
        _ => u64::MAX,
    };
    args.count.unwrap_or(u64::MAX).min(by_rate)
}

/// How long to send at most.
fn sending_time(args: &Args) -> Duration {
    match (args.duration, args.count) {
        (Some(duration), _) => duration,
        (None, Some(_)) => COUNT_PATIENCE,
        (None, None) => Duration::from_secs(10),
    }
}

/// Where each bind goes: over the addresses in turn, and over the accounts. Those that send come first.
fn targets(args: &Args) -> Result<Vec<Target>, ClientError> {
    let kind = match args.receipts {
        Switch::On if args.receiver.is_empty() => BindKind::Transceiver,
        Switch::On | Switch::Off => BindKind::Transmitter,
    };
    let mut targets = targets_at(args, &args.smsc, kind)?;
    if !args.receiver.is_empty() {
        targets.extend(targets_at(args, &args.receiver, BindKind::Receiver)?);
    }
    Ok(targets)
}

fn targets_at(args: &Args, addresses: &[String], kind: BindKind) -> Result<Vec<Target>, ClientError> {
    let one = [None];
    let addresses: Vec<Option<&str>> = addresses.iter().map(|address| Some(address.as_str())).collect();
    let addresses = if addresses.is_empty() { &one[..] } else { &addresses[..] };
    let endpoints: Vec<Endpoint> =
        addresses.iter().map(|address| Endpoint::new(*address, args.tls, args.ca.clone())).collect::<Result<_, _>>()?;
    let default = [(args.system_id.clone(), args.password.clone())];
    let accounts = if args.account.is_empty() { &default[..] } else { &args.account[..] };
    let binds = 0..args.binds as usize;
    Ok(binds
        .map(|bind| {
            // All addresses see all accounts, also when there are as many of the one as of the other.
            let (system_id, password) = accounts[bind / endpoints.len() % accounts.len()].clone();
            Target { endpoint: endpoints[bind % endpoints.len()].clone(), system_id, password, kind }
        })
        .collect())
}

/// Lets the run take its course: sending, draining.
fn watch(run: &Run, args: &Args, start: Instant, bells: &[Arc<Notify>]) {
    let mut progress = Progress::new(start, bells.len());
    let mut looked = start;
    // The last messages of a paced run are due at its very end.
    let send_until = start + sending_time(args) + if args.rate > 0.0 { PACED_GRACE } else { Duration::ZERO };
    let what = if args.idle { "idle" } else { "sending" };
    while Instant::now() < send_until && (args.idle || !run.is_all_claimed()) && run.interrupts() == 0 {
        thread::sleep(WATCH_EVERY);
        progress.show(run, what);
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            ring(bells);
        }
    }
    enter(run, Phase::Draining, bells);
    let drain_until = Instant::now() + args.drain;
    loop {
        // Before the first look too: a bind may be in the middle of sending.
        thread::sleep(WATCH_EVERY);
        progress.show(run, "draining");
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            ring(bells);
        }
        let nothing_waits = run.outstanding() == 0 && run.receipts_waiting() == 0;
        if nothing_waits || Instant::now() >= drain_until || run.interrupts() > 1 {
            break;
        }
    }
    progress.line.clear();
}

fn enter(run: &Run, phase: Phase, bells: &[Arc<Notify>]) {
    run.enter(phase);
    ring(bells);
}

fn ring(bells: &[Arc<Notify>]) {
    bells.iter().for_each(|bell| bell.notify_one());
}

/// The live line.
struct Progress {
    line: LiveLine,
    binds: usize,
    shown: Instant,
    start: Instant,
    accepted: u64,
    receipts: u64,
}

impl Progress {
    fn new(start: Instant, binds: usize) -> Self {
        Self { line: LiveLine::new(), binds, shown: start, start, accepted: 0, receipts: 0 }
    }

    fn show(&mut self, run: &Run, what: &str) {
        let now = Instant::now();
        let elapsed = now - self.shown;
        if !self.line.is_on() || elapsed < SHOW_EVERY {
            return;
        }
        let (accepted, receipts, refused, p99) = {
            let tally = run.tally();
            (tally.accepted, tally.receipts, tally.refusals(), tally.response_quantile(0.99))
        };
        let rate =
            |now: u64, before: u64| terminal::count(((now - before) as f64 / elapsed.as_secs_f64()).round() as u64);
        self.line.show(&format!(
            "{what} {}  bound {} of {}  accepted {}/s  receipts {}/s  waiting {}  refused {}  p99 {}",
            terminal::duration(now - self.start),
            terminal::count(run.bound() as u64),
            terminal::count(self.binds as u64),
            rate(accepted, self.accepted),
            rate(receipts, self.receipts),
            terminal::count(run.outstanding() as u64 + run.receipts_waiting()),
            terminal::count(refused),
            terminal::duration(p99),
        ));
        (self.shown, self.accepted, self.receipts) = (now, accepted, receipts);
    }
}
