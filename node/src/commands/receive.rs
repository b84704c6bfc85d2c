//! `smsc receive`: shows what comes for an account, and tests a number end to end.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::session::Event;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu, SmFields};
use smsc_proto::text::concatenation::{Reassembly, part_of};
use smsc_proto::text::udh::UserDataHeader;
use smsc_proto::text::{DefaultAlphabet, decode};
use smsc_proto::timestamp::Timestamp;

use super::client::addresses::{Number, Sender};
use super::client::parts::Parts;
use super::client::{Client, ClientError, ConnectArgs, delivery, message_id};
use super::send::painted_state;
use super::terminal::{self, Paint, complain};

mod end_to_end;

use end_to_end::{EndToEnd, Verdict};

/// Bit of esm_class: a user data header is in front of the text.
const ESM_CLASS_UDHI: u8 = 0x40;
/// How long the parts of a long message are waited for.
const PARTS_LIFETIME: Duration = Duration::from_secs(600);

/// Binds and shows MO messages and receipts until it is interrupted. Acknowledges everything.
///
/// With --send-to it tests a number end to end: one message goes to the number, and both its receipt and an MO from the
/// number must come, the MO within 30 s and the receipt within 15 s more. Exit 0 only then. The number must answer: a
/// handset with a hand to it, or a loopback prefix of the operator (4676 in the demo).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  smsc receive
  smsc receive --count 10 --for 1h --bind receiver
  smsc receive --send-to 46761234567")]
pub struct Args {
    /// As what to bind
    #[arg(long, value_enum, default_value = "transceiver")]
    bind: BindAs,
    /// End after so many messages and receipts
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after that time; with --count, exit 1 when fewer came
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Test this number end to end
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["count", "duration"])]
    send_to: Option<Number>,
    /// The sender of the test message [default: the number itself, so that its answer finds the way back]
    #[arg(long, value_name = "SENDER", requires = "send_to")]
    from: Option<Sender>,
    /// The text of the test message
    #[arg(long, value_name = "TEXT", default_value = "Hello from smsc receive")]
    text: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Bind kinds that receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum BindAs {
    /// Receives only.
    Receiver,
    /// Receives and submits.
    Transceiver,
}

/// Runs it.
pub fn run(args: Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(receive(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(problem);
            ExitCode::FAILURE
        }
    }
}

pub(super) async fn receive(args: &Args) -> Result<(), String> {
    if args.send_to.is_some() && args.bind == BindAs::Receiver {
        return Err("a receiver cannot send: leave --bind receiver out, or --send-to".to_owned());
    }
    let sentence = |error: ClientError| error.to_string();
    let endpoint = args.connect.endpoint().map_err(sentence)?;
    let kind = match args.bind {
        BindAs::Receiver => BindKind::Receiver,
        BindAs::Transceiver => BindKind::Transceiver,
    };
    let ConnectArgs { system_id, password, .. } = &args.connect;
    let client = Client::bind(&endpoint, kind, system_id, password).await.map_err(sentence)?;
    let paint = Paint::for_stdout();
    println!("{}", paint.dim(format!("bound to {} as {}", endpoint.address(), terminal::harmless(system_id))));

    let mut receiving = Receiving { client, inbox: Inbox::new(), paint, shown: 0 };
    let outcome = match &args.send_to {
        Some(number) => receiving.test(args, number).await,
        None => receiving.show_all(args).await,
    };
    receiving.client.unbind().await;
    outcome
}

/// One bind that receives.
struct Receiving {
    client: Client,
    inbox: Inbox,
    paint: Paint,
    shown: u64,
}

impl Receiving {
    /// Shows what comes until enough came, the time is over, or somebody interrupts.
    async fn show_all(&mut self, args: &Args) -> Result<(), String> {
        let until = args.duration.map(|duration| Instant::now() + duration);
        let enough = |shown| args.count.is_some_and(|count| shown >= count);
        while !enough(self.shown) {
            let event = tokio::select! {
                event = self.client.next_event(until.unwrap_or_else(far_future)) => event.map_err(|error| error.to_string())?,
                _ = tokio::signal::ctrl_c() => break,
            };
            match event {
                None if until.is_some() => break,
                Some(Event::Closed(reason)) => return Err(ClientError::Lost(format!("{reason:?}")).to_string()),
                Some(event) => drop(self.handle(event)),
                None => {}
            }
        }
        match args.count {
            Some(count) if self.shown < count => Err(format!("only {} of {count} came", self.shown)),
            _ => Ok(()),
        }
    }

    /// One message to the number; waits for its receipt and an MO from the number.
    async fn test(&mut self, args: &Args, number: &Number) -> Result<(), String> {
        let from = args.from.clone().unwrap_or_else(|| Sender::Number(number.clone()));
        let parts = Parts::new(&args.text, rand::random()).map_err(|error| error.to_string())?;
        let mut test = EndToEnd::new(parts, number.clone(), Instant::now());
        loop {
            while self.client.room() > 0
                && let Some(part) = test.parts.next_open()
            {
                let fields = test.parts.fields(part, &from, number, 1);
                self.client.submit(&fields, part as u32).map_err(|error| error.to_string())?;
                test.parts.submitted(part, Instant::now());
            }
            let deadline = match test.verdict(Instant::now()) {
                Verdict::Wait(deadline) => deadline,
                Verdict::Failed(problem) => return Err(problem),
                Verdict::Passed => {
                    println!("{}", self.paint.good("passed: the receipt and an MO from the number came"));
                    return Ok(());
                }
            };
            let event = tokio::select! {
                event = self.client.next_event(deadline) => event.map_err(|error| error.to_string())?,
                _ = tokio::signal::ctrl_c() => return Err("interrupted".to_owned()),
            };
            match event {
                None => {}
                Some(Event::Closed(reason)) => return Err(ClientError::Lost(format!("{reason:?}")).to_string()),
                Some(Event::Response { mark, status, pdu } | Event::LateResponse { mark, status, pdu }) => {
                    let id = message_id(pdu.as_ref());
                    if let Some(submitted) = test.parts.answered(mark as usize, status, id) {
                        let id = self.paint.strong(terminal::harmless(&String::from_utf8_lossy(id)));
                        let took = terminal::duration(submitted.elapsed());
                        println!("{}  sent      message_id {id}  {status} after {took}", terminal::time_of_day());
                    }
                }
                Some(Event::Unanswered { mark }) => test.parts.unanswered(mark as usize),
                Some(event) => {
                    if let Some(item) = self.handle(event) {
                        test.came(&item);
                    }
                }
            }
        }
    }

    /// Acknowledges and shows; what it was, if it was whole.
    fn handle(&mut self, event: Event<u32>) -> Option<Item> {
        match event {
            Event::Request { sequence_number, pdu } => {
                let item = self.take(&pdu);
                if let Some((request, _)) = delivery(&pdu) {
                    self.client.respond(sequence_number, request, CommandStatus::ESME_ROK);
                }
                item
            }
            Event::UnbindRequested => {
                self.client.confirm_unbind();
                None
            }
            _ => None,
        }
    }

    fn take(&mut self, pdu: &Pdu) -> Option<Item> {
        let (_, fields) = delivery(pdu)?;
        let item = self.inbox.add(&fields, now())?;
        self.shown += 1;
        println!("{}  {}", terminal::time_of_day(), item.line(self.paint));
        Some(item)
    }
}

/// A deliver_sm, or several that belong together, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A message from a handset.
    Mo {
        /// From whom.
        from: String,
        /// To which number.
        to: String,
        /// What it says.
        text: String,
    },
    /// A receipt.
    Receipt(DeliveryReceipt, String),
}

impl Item {
    fn line(&self, paint: Paint) -> String {
        match self {
            Self::Mo { from, to, text } => {
                let text = paint.strong(terminal::harmless(text));
                format!("MO        {} → {}  {text}", terminal::harmless(from), terminal::harmless(to))
            }
            Self::Receipt(receipt, number) => {
                let DeliveryReceipt { message_id, state, error, .. } = receipt;
                let id = terminal::harmless(&message_id.to_string());
                let error = match state {
                    MessageState::Delivered => String::new(),
                    _ => format!("  err {}", terminal::harmless(&String::from_utf8_lossy(error))),
                };
                format!("receipt   {id}  {}{error}  {}", painted_state(paint, *state), terminal::harmless(number))
            }
        }
    }
}

/// Who sends to whom: what tells the parts of different messages apart.
type Pair = (Vec<u8>, Vec<u8>);

/// Reads deliver_sm, putting long messages together.
struct Inbox {
    reassembly: Reassembly<Pair>,
}

impl Inbox {
    fn new() -> Self {
        Self { reassembly: Reassembly::new(1_000, 4 * 1024 * 1024, PARTS_LIFETIME) }
    }

    /// What it is; `None` for a part whose others are still to come.
    fn add(&mut self, sm: &SmFields<'_>, now: Timestamp) -> Option<Item> {
        let (from, to) = (latin1(sm.source.digits), latin1(sm.destination.digits));
        if DeliveryReceipt::is_receipt(sm)
            && let Some(receipt) = DeliveryReceipt::read(sm)
        {
            return Some(Item::Receipt(receipt, from));
        }
        let text = match part_of(sm) {
            Some((part, octets)) if part.total > 1 => {
                let pair = (sm.source.digits.to_vec(), sm.destination.digits.to_vec());
                let whole = self.reassembly.add(now, pair, part, octets)?;
                decode(&whole, sm.data_coding, DefaultAlphabet::Gsm7)
            }
            _ => decode(text_octets(sm), sm.data_coding, DefaultAlphabet::Gsm7),
        };
        Some(Item::Mo { from, to, text })
    }
}

/// The octets behind the user data header, if there is one.
fn text_octets<'a>(sm: &SmFields<'a>) -> &'a [u8] {
    let user_data = sm.user_data();
    if sm.esm_class & ESM_CLASS_UDHI == 0 {
        return user_data;
    }
    UserDataHeader::split(user_data).map_or(user_data, |(_, text)| text)
}

fn latin1(octets: &[u8]) -> String {
    smsc_proto::text::latin1::decode(octets)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as u64)
}

/// As good as never: nobody waits a year.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(365 * 24 * 3_600)
}

#[cfg(test)]
mod tests;
