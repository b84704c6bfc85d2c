//! `smsc send`: one text, followed to its end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::session::Event;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu};

use super::client::addresses::{Number, Sender};
use super::client::parts::{Expectation, Parts, part_name};
use super::client::{Client, ClientError, ConnectArgs, delivery, message_id, submit_refusal};
use super::terminal::{self, Paint, complain};

/// How long a submit_sm may take to be answered.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Receipts that are held back until it is known whether they are ours.
const HELD_MAX: usize = 1_000;

/// Submits one message and waits for its receipt.
///
/// Long texts go out in parts, texts beyond GSM-7 in UCS-2. Exit 0 only when every part is DELIVRD. Whatever else the
/// message centre wants to deliver to the account meanwhile is turned away for now (ESME_RX_T_APPN) and comes again on
/// another bind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  smsc send --to 46701234567
  smsc send --to +46701234567 --from Brand --text \"Hello, world\"
  smsc send --to 46701234567 --smsc sms.example:2776 --tls --system-id me --password secret")]
pub struct Args {
    /// The number to send to, in international form
    #[arg(long, value_name = "NUMBER")]
    to: Number,
    /// The sender: a number, or a name of at most 11 characters
    #[arg(long, value_name = "SENDER", default_value = "smsc")]
    from: Sender,
    /// The text
    #[arg(long, value_name = "TEXT", default_value = "Hello from smsc send")]
    text: String,
    #[command(flatten)]
    connect: ConnectArgs,
    /// How long to wait for the receipts
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// Ask for no receipt: done when the message is accepted
    #[arg(long)]
    no_receipt: bool,
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
    match runtime.block_on(send(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(problem);
            ExitCode::FAILURE
        }
    }
}

pub(super) async fn send(args: &Args) -> Result<(), String> {
    let parts = Parts::new(&args.text, rand::random()).map_err(|error| error.to_string())?;
    let sentence = |error: ClientError| error.to_string();
    let endpoint = args.connect.endpoint().map_err(sentence)?;
    let ConnectArgs { system_id, password, .. } = &args.connect;
    let client = Client::bind(&endpoint, BindKind::Transceiver, system_id, password).await.map_err(sentence)?;
    let paint = Paint::for_stdout();
    println!("{}", paint.dim(format!("bound to {} as {}", endpoint.address(), terminal::harmless(system_id))));

    let mut sending = Sending { args, client, parts, held: Vec::new(), paint };
    let outcome = sending.until_done().await.map_err(sentence);
    let expectation = if args.no_receipt { Expectation::Accepted } else { Expectation::Delivered };
    let problem = sending.parts.problem(expectation);
    sending.client.unbind().await;
    match (outcome, problem) {
        // A connection that was lost after the last receipt is no loss.
        (_, None) => Ok(()),
        (Err(lost), Some(_)) => Err(lost),
        (Ok(()), Some(problem)) => Err(problem),
    }
}

/// A text on its way over one bind.
struct Sending<'a> {
    args: &'a Args,
    client: Client,
    parts: Parts,
    held: Vec<Held>,
    paint: Paint,
}

/// A receipt that came before all responses: whose it is will be known with them.
struct Held {
    sequence_number: u32,
    request: CommandId,
    id: OperatorMessageId,
    state: MessageState,
}

impl Sending<'_> {
    async fn until_done(&mut self) -> Result<(), ClientError> {
        let mut deadline = Instant::now() + RESPONSE_TIMEOUT;
        loop {
            self.submit();
            let answered = !self.parts.awaits_responses();
            if answered && (self.args.no_receipt || !self.parts.awaits_receipts()) {
                return Ok(());
            }
            match self.client.next_event(deadline).await? {
                None => return Ok(()),
                Some(Event::Closed(reason)) => return Err(ClientError::Lost(format!("{reason:?}"))),
                Some(event) => self.handle(event),
            }
            if !answered && !self.parts.awaits_responses() {
                deadline = Instant::now() + self.args.wait;
            }
        }
    }

    /// Submits what the window has room for.
    fn submit(&mut self) {
        while self.client.room() > 0
            && let Some(part) = self.parts.next_open()
        {
            let registered_delivery = u8::from(!self.args.no_receipt);
            let fields = self.parts.fields(part, &self.args.from, &self.args.to, registered_delivery);
            if self.client.submit(&fields, part as u32).is_err() {
                return self.parts.unanswered(part);
            }
            self.parts.submitted(part, Instant::now());
        }
    }

    fn handle(&mut self, event: Event<u32>) {
        match event {
            Event::Response { mark, status, pdu } | Event::LateResponse { mark, status, pdu } => {
                self.show_response(mark as usize, status, pdu.as_ref());
                self.judge_held();
            }
            Event::Unanswered { mark } => self.parts.unanswered(mark as usize),
            Event::Request { sequence_number, pdu } => self.handle_delivery(sequence_number, &pdu),
            Event::UnbindRequested => self.client.confirm_unbind(),
            _ => {}
        }
    }

    fn show_response(&mut self, part: usize, status: CommandStatus, pdu: Option<&Pdu>) {
        let id = message_id(pdu);
        let Some(submitted) = self.parts.answered(part, status, id) else { return };
        let took = terminal::duration(submitted.elapsed());
        let name = self.prefix(part);
        if status.is_ok() {
            let id = String::from_utf8_lossy(id);
            println!("{name}message_id {}  accepted after {took}", self.paint.strong(terminal::harmless(&id)));
        } else {
            println!("{name}{} after {took}: {}", self.paint.bad(status), submit_refusal(status));
        }
    }

    fn handle_delivery(&mut self, sequence_number: u32, pdu: &Pdu) {
        let Some((request, fields)) = delivery(pdu) else { return };
        let receipt = DeliveryReceipt::is_receipt(&fields).then(|| DeliveryReceipt::read(&fields)).flatten();
        match receipt {
            Some(DeliveryReceipt { message_id: id, state, .. }) if self.held.len() < HELD_MAX => {
                self.held.push(Held { sequence_number, request, id, state });
                self.judge_held();
            }
            // Not ours: another bind of the account is to have it.
            _ => self.client.respond(sequence_number, request, CommandStatus::ESME_RX_T_APPN),
        }
    }

    /// Takes the receipts that are ours; the others are turned away as soon as it is known that they are not.
    fn judge_held(&mut self) {
        for held in std::mem::take(&mut self.held) {
            let Held { sequence_number, request, id, state } = &held;
            if let Some(reported) = self.parts.reported(id, *state) {
                self.client.respond(*sequence_number, *request, CommandStatus::ESME_ROK);
                let took = terminal::duration(reported.submitted.elapsed());
                println!("{}{} after {took}", self.prefix(reported.part), painted_state(self.paint, *state));
            } else if self.parts.knows(id) {
                self.client.respond(*sequence_number, *request, CommandStatus::ESME_ROK);
            } else if self.parts.awaits_responses() {
                self.held.push(held);
            } else {
                self.client.respond(*sequence_number, *request, CommandStatus::ESME_RX_T_APPN);
            }
        }
    }

    fn prefix(&self, part: usize) -> String {
        match self.parts.len() {
            1 => String::new(),
            parts => format!("{}  ", part_name(part, parts)),
        }
    }
}

/// The word of a state, in its colour.
pub(super) fn painted_state(paint: Paint, state: MessageState) -> String {
    let word = state.receipt_word();
    match state {
        MessageState::Delivered => paint.good(word),
        state if state.is_final() => paint.bad(word),
        _ => paint.dim(word),
    }
}

#[cfg(test)]
mod tests;
