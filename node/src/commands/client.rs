//! A small SMPP connection for the commands: what is said is decided by the session core, octets travel here.
//!
//! [`Endpoint::connect`] opens the socket, [`Client::bind`] binds, then [`Client::next_event`] is awaited in turn with
//! the verbs. Nothing waits in the background: enquire_link is answered while an event is awaited.

use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smsc_proto::session::{CloseReason, Event, Role, SendError, Session, SessionOptions, SessionState};
use smsc_proto::smpp::codec::next_frame;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, Pdu, SmFields};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

pub(crate) mod addresses;
pub(crate) mod connection;
mod error;
pub(crate) mod parts;
pub(crate) mod ring;

pub(crate) use connection::{Connection, Stream};
pub(crate) use error::{ClientError, submit_refusal};

/// How long connecting, and then the TLS handshake, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long we wait for the answer to a bind or an unbind.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The usual ports, plain and TLS.
const PORTS: (u16, u16) = (2775, 2776);

/// Where a message centre is and how to bind there: arguments that several commands share.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Where the message centre listens [default: 127.0.0.1:2775, with --tls 2776]
    #[arg(long, value_name = "HOST:PORT")]
    smsc: Option<String>,
    /// Connect with TLS. The certificate is NOT verified unless --ca is given
    #[arg(long)]
    pub(crate) tls: bool,
    /// Verify the certificate against the CA certificates in this PEM file (implies --tls)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The name to bind with
    #[arg(long, value_name = "ID", default_value = "demo")]
    pub(crate) system_id: String,
    /// Its password
    #[arg(long, value_name = "PASSWORD", default_value = "demo")]
    pub(crate) password: String,
}

impl ConnectArgs {
    /// Where to connect to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, ClientError> {
        Endpoint::new(self.smsc.as_deref(), self.tls, self.ca.clone())
    }
}

/// A message centre's address, and TLS if it is wanted.
#[derive(Clone)]
pub(crate) struct Endpoint {
    address: String,
    host: String,
    tls: Option<TlsConnector>,
}

impl Endpoint {
    /// `address` is `host:port`, or a host alone for the usual port, or nothing for this machine.
    pub(crate) fn new(address: Option<&str>, tls: bool, ca: Option<PathBuf>) -> Result<Self, ClientError> {
        let tls = tls || ca.is_some();
        let (host, port) = host_and_port(address.unwrap_or("127.0.0.1"), if tls { PORTS.1 } else { PORTS.0 })?;
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let tls = if tls { Some(connector(ca.as_deref())?) } else { None };
        Ok(Self { address, host, tls })
    }

    /// The address as people write it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Opens a socket, and does the TLS handshake where TLS is wanted.
    pub(crate) async fn connect(&self) -> Result<Connection, ClientError> {
        let unreachable = |problem: String| ClientError::Unreachable { address: self.address.clone(), problem };
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address)).await {
            Err(_) => return Err(unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(ClientError::Refused { address: self.address.clone() });
            }
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Ok(Ok(stream)) => stream,
        };
        // Batches are made here, not by the kernel's waiting for more.
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Connection::new(Stream::Plain(stream))) };
        let handshake = |problem: String| ClientError::Handshake { address: self.address.clone(), problem };
        let name = tls::server_name(&self.host).map_err(|error| ClientError::Tls(error.to_string()))?;
        match tokio::time::timeout(CONNECT_TIMEOUT, tls.connect(name, stream)).await {
            Err(_) => Err(handshake(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
            Ok(Err(error)) => Err(handshake(error.to_string())),
            Ok(Ok(stream)) => Ok(Connection::new(Stream::Tls(Box::new(stream)))),
        }
    }
}

/// Without a CA file the certificate is not verified: nodes begin with self-made certificates, and these commands are
/// tools of those who run them.
fn connector(ca: Option<&Path>) -> Result<TlsConnector, ClientError> {
    let config = match ca {
        Some(path) => tls::client_config(Some(path)),
        None => tls::client_config_that_accepts_any_certificate(),
    };
    config.map(TlsConnector::from).map_err(|error| ClientError::Tls(error.to_string()))
}

fn host_and_port(address: &str, port: u16) -> Result<(String, u16), ClientError> {
    let wrong = || ClientError::NotAnAddress(address.to_owned());
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        match rest.strip_prefix(':') {
            Some(digits) => (host, digits.parse().map_err(|_| wrong())?),
            None if rest.is_empty() => (host, port),
            None => return Err(wrong()),
        }
    } else if address.matches(':').count() == 1 {
        let (host, digits) = address.split_once(':').ok_or_else(wrong)?;
        (host, digits.parse().map_err(|_| wrong())?)
    } else {
        // No colon: a host alone. Several: an IPv6 address alone.
        (address, port)
    };
    if host.is_empty() || port == 0 {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

/// The body of a bind; refuses names and passwords that do not fit (64 octets: longer than the specification's, Q28).
pub(crate) fn bind_body(system_id: &str, password: &str) -> Result<Bind, ClientError> {
    let fits = |text: &str| text.len() <= 64 && !text.contains('\0');
    if system_id.is_empty() || !fits(system_id) {
        return Err(ClientError::BadCredentials(
            "a system_id has 1 to 64 octets (the specification says 15) and no NUL",
        ));
    }
    if !fits(password) {
        return Err(ClientError::BadCredentials(
            "a password has at most 64 octets (the specification says 8) and no NUL",
        ));
    }
    Ok(Bind {
        system_id: Bytes::copy_from_slice(system_id.as_bytes()),
        password: Bytes::copy_from_slice(password.as_bytes()),
        interface_version: 0x34,
        ..Bind::default()
    })
}

/// One bound session. The mark of a request is a number of the caller's.
pub(crate) struct Client {
    connection: Connection,
    session: Session<u32>,
    disconnected: bool,
}

impl Client {
    /// Connects and binds.
    pub(crate) async fn bind(
        endpoint: &Endpoint,
        kind: BindKind,
        system_id: &str,
        password: &str,
    ) -> Result<Self, ClientError> {
        let bind = bind_body(system_id, password)?;
        let connection = endpoint.connect().await?;
        let now = Instant::now();
        let mut client = Self { connection, session: Session::new(session_options(), now), disconnected: false };
        client.session.bind(now, kind, &bind).map_err(|error| ClientError::Lost(error.to_string()))?;
        let until = now + ANSWER_TIMEOUT;
        loop {
            match client.next_event(until).await? {
                None => return Err(ClientError::BindUnanswered(ANSWER_TIMEOUT)),
                Some(Event::Bound { .. }) => return Ok(client),
                Some(Event::BindRefused(status)) => {
                    return Err(ClientError::BindRefused { system_id: system_id.to_owned(), status });
                }
                Some(Event::Closed(_)) => return Err(ClientError::ClosedBeforeBound),
                Some(_) => {}
            }
        }
    }

    /// Sends a submit_sm with the next call of [`next_event`](Self::next_event).
    pub(crate) fn submit(&mut self, sm: &SmFields<'_>, mark: u32) -> Result<(), SendError> {
        self.session.send_sm(Instant::now(), sm, &[], mark).map(|_| ())
    }

    /// How many requests may still go out before one is answered.
    pub(crate) fn room(&self) -> usize {
        self.session.window_room()
    }

    /// Answers a request of the message centre, with the next call of [`next_event`](Self::next_event).
    pub(crate) fn respond(&mut self, sequence_number: u32, request: CommandId, status: CommandStatus) {
        self.session.respond(sequence_number, request, status, b"");
    }

    /// The next thing that happens; `None` when `until` comes first. After [`Event::Closed`] there is nothing more.
    pub(crate) async fn next_event(&mut self, until: Instant) -> Result<Option<Event<u32>>, ClientError> {
        loop {
            if let Some(event) = self.session.poll_event() {
                // Answers that were given to earlier events leave before the next one is looked at.
                self.say();
                return Ok(Some(event));
            }
            self.say();
            if self.disconnected || self.session.state() == SessionState::Closed {
                let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.flush()).await;
                return Ok(Some(Event::Closed(CloseReason::PeerClosed)));
            }
            let deadline = self.session.poll_timeout().map_or(until, |timeout| timeout.min(until));
            match tokio::time::timeout_at(deadline.into(), self.turn()).await {
                Ok(Ok(0)) => self.disconnect(),
                Ok(Ok(_)) => self.take_in(),
                Ok(Err(error)) if is_disconnect(&error) => self.disconnect(),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    let now = Instant::now();
                    self.session.handle_timeout(now);
                    if now >= until && self.session.state() != SessionState::Closed {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Answers the message centre's unbind; the session is over.
    pub(crate) fn confirm_unbind(&mut self) {
        self.session.confirm_unbind();
    }

    /// Says unbind and waits for the answer; whatever else comes meanwhile is dropped.
    pub(crate) async fn unbind(mut self) {
        self.session.unbind(Instant::now());
        let until = Instant::now() + ANSWER_TIMEOUT;
        while let Ok(Some(event)) = self.next_event(until).await {
            if let Event::Closed(_) = event {
                break;
            }
        }
    }

    fn say(&mut self) {
        let said = self.session.output();
        self.connection.output.extend_from_slice(said);
        said.clear();
    }

    /// Writes what is to be written until something is read.
    async fn turn(&mut self) -> io::Result<usize> {
        poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = self.connection.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
            self.connection.poll_fill(cx)
        })
        .await
    }

    fn take_in(&mut self) {
        let now = Instant::now();
        loop {
            match next_frame(&mut self.connection.input, connection::PDU_SIZE_MAX) {
                Ok(Some(frame)) => self.session.handle_frame(now, frame),
                Ok(None) => return,
                Err(error) => return self.session.handle_framing_error(now, error),
            }
        }
    }

    fn disconnect(&mut self) {
        self.disconnected = true;
        self.session.handle_disconnect();
    }
}

/// What a request delivers, read in place, and its command_id; `None` for other requests.
pub(crate) fn delivery(pdu: &Pdu) -> Option<(CommandId, SmFields<'_>)> {
    match pdu {
        Pdu::DeliverSm(body) => Some((CommandId::DELIVER_SM, body.fields())),
        Pdu::DataSm(body) => Some((CommandId::DATA_SM, body.fields())),
        _ => None,
    }
}

/// The message_id of a submit_sm_resp; empty where there is none.
pub(crate) fn message_id(response: Option<&Pdu>) -> &[u8] {
    match response {
        Some(Pdu::SubmitSmResp(body)) => body.message_id.as_deref().unwrap_or_default(),
        _ => &[],
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    // rustls calls a close without close_notify an unexpected end; many peers do just that.
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn session_options() -> SessionOptions {
    SessionOptions {
        role: Role::Esme,
        session_init: ANSWER_TIMEOUT,
        enquire_link: Duration::from_secs(30),
        enquire_link_misses: 2,
        inactivity: Duration::ZERO,
        response: Duration::from_secs(30),
        window_size_max: 10,
        requests_max: 1_000,
        held_max: 1_000,
        held_for: Duration::from_secs(1),
        system_id: Vec::new(),
        interface_version: 0x34,
    }
}

#[cfg(test)]
mod tests;
