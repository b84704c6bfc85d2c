//! One SMPP connection, whoever stands at this end.
//!
//! A reader reads all the time, lets the owner's [`Conduct`] answer what is answered without thinking, and puts the rest
//! into an inbox. Tests look into the inbox; they need not keep in step with the wire.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use smsc_proto::smpp::codec::{Frame, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::Pdu;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use crate::PATIENCE;
use crate::certificate::ClientTls;

/// Where all sockets of the cast live.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads can be started")
});

/// The largest PDU that the cast takes from the node.
const PDU_SIZE_MAX: usize = 1 << 20;

/// A stream of octets, plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// What an owner does with what comes, before any test looks at it.
pub(crate) trait Conduct: Send + 'static {
    /// Appends what is to be answered at once; gives back what a test may want to see.
    fn received(&mut self, frame: Frame, replies: &mut BytesMut) -> Option<Frame>;

    /// The peer has closed, or the connection was dropped.
    fn ended(&mut self) {}
}

/// One connection. Dropping it sends what was written and closes the socket, without a word of SMPP.
#[derive(Debug)]
pub struct Connection {
    outgoing: mpsc::UnboundedSender<Bytes>,
    inbox: Arc<Inbox>,
    reading: watch::Sender<bool>,
    sequence_number: AtomicU32,
}

impl Connection {
    /// Connects to the node and sends the preamble; with `tls` a handshake in the name of `localhost` follows.
    pub(crate) fn open(
        address: SocketAddr,
        preamble: &[u8],
        tls: Option<&ClientTls>,
        conduct: impl Conduct,
    ) -> std::io::Result<Self> {
        let tls = tls.map(ClientTls::connector);
        RUNTIME.block_on(async {
            let connect = async {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                stream.write_all(preamble).await?;
                Ok(match tls {
                    None => Self::over(stream, conduct),
                    Some((connector, name)) => Self::over(connector.connect(name, stream).await?, conduct),
                })
            };
            tokio::time::timeout(PATIENCE, connect).await.map_err(std::io::Error::other)?
        })
    }

    /// A connection over a stream that is there. To be called inside [`RUNTIME`].
    pub(crate) fn over(stream: impl Stream, conduct: impl Conduct) -> Self {
        let (read_half, write_half) = tokio::io::split(stream);
        let (outgoing, to_write) = mpsc::unbounded_channel();
        let (reading, gate) = watch::channel(true);
        let inbox = Arc::new(Inbox::default());
        tokio::spawn(write_all(write_half, to_write));
        tokio::spawn(read_all(read_half, gate, outgoing.downgrade(), Arc::clone(&inbox), conduct));
        Self { outgoing, inbox, reading, sequence_number: AtomicU32::new(1) }
    }

    /// Writes octets as they are.
    pub fn write(&self, octets: impl Into<Bytes>) {
        // A closed connection swallows them, as a socket would.
        let _ = self.outgoing.send(octets.into());
    }

    /// Sends a request under the next sequence_number.
    pub fn request(&self, pdu: &Pdu) -> u32 {
        let sequence_number = self.next_sequence_number();
        let mut octets = BytesMut::new();
        pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut octets);
        self.write(octets.freeze());
        sequence_number
    }

    /// A number that was not given before on this connection.
    pub fn next_sequence_number(&self) -> u32 {
        self.sequence_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Stops reading: what the peer sends fills the sockets' buffers.
    pub fn stop_reading(&self) {
        self.reading.send_replace(false);
    }

    /// Goes on reading.
    pub fn resume_reading(&self) {
        self.reading.send_replace(true);
    }

    /// Takes the first frame out of the inbox that `matches`; waits for it if need be.
    pub fn expect(&self, what: &str, matches: impl Fn(&Frame) -> bool) -> Frame {
        self.inbox.wait(what, |state| state.take_first(&matches))
    }

    /// Takes the response to that request, generic_nack included.
    pub fn expect_response(&self, sequence_number: u32) -> Frame {
        self.expect(&format!("the response to request {sequence_number}"), answers(sequence_number))
    }

    /// The same; `None` when the connection ends first.
    pub fn response_or_end(&self, sequence_number: u32) -> Option<Frame> {
        let matches = answers(sequence_number);
        self.inbox.wait(&format!("the response to request {sequence_number}, or the end"), |state| {
            match state.take_first(&matches) {
                None if state.end.is_some() => Some(None),
                frame => frame.map(Some),
            }
        })
    }

    /// Takes what `matches` out of the inbox, without waiting.
    pub fn take(&self, matches: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let mut state = self.inbox.lock();
        let (taken, kept): (VecDeque<_>, VecDeque<_>) = state.frames.drain(..).partition(matches);
        state.frames = kept;
        taken.into()
    }

    /// Waits until the peer has closed.
    pub fn expect_end(&self) {
        self.inbox.wait("the end of the connection", |state| state.end.is_some().then_some(()));
    }

    /// Whether the peer has closed.
    pub fn has_ended(&self) -> bool {
        self.inbox.lock().end.is_some()
    }
}

fn answers(sequence_number: u32) -> impl Fn(&Frame) -> bool {
    move |frame| frame.header.command_id.is_response() && frame.header.sequence_number == sequence_number
}

/// What came and was not looked at yet.
#[derive(Debug, Default)]
struct Inbox {
    state: Mutex<InboxState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct InboxState {
    frames: VecDeque<Frame>,
    /// Why nothing more will come.
    end: Option<String>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut InboxState) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(state.end.is_none() && !left.is_zero(), "waited for {what}; {}", state.describe());
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn push(&self, frames: &mut Vec<Frame>) {
        self.lock().frames.extend(frames.drain(..));
        self.changed.notify_all();
    }

    fn end(&self, why: String) {
        self.lock().end = Some(why);
        self.changed.notify_all();
    }
}

impl InboxState {
    fn take_first(&mut self, matches: &dyn Fn(&Frame) -> bool) -> Option<Frame> {
        self.frames.iter().position(matches).and_then(|index| self.frames.remove(index))
    }

    fn describe(&self) -> String {
        let end = self.end.as_deref().unwrap_or("the connection is open");
        let frames = self.frames.iter().rev().take(5).map(|frame| frame.header).collect::<Vec<_>>();
        format!("{end}; {} frames came that nobody looked at, the last of them {frames:?}", self.frames.len())
    }
}

async fn write_all(mut half: impl AsyncWrite + Unpin, mut to_write: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(octets) = to_write.recv().await {
        if half.write_all(&octets).await.is_err() {
            return;
        }
        if half.flush().await.is_err() {
            return;
        }
    }
    // TLS says goodbye here; TCP half-closes.
    let _ = half.shutdown().await;
}

async fn read_all(
    mut half: impl AsyncRead + Unpin,
    mut gate: watch::Receiver<bool>,
    outgoing: mpsc::WeakUnboundedSender<Bytes>,
    inbox: Arc<Inbox>,
    mut conduct: impl Conduct,
) {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    let mut seen = Vec::new();
    let end = loop {
        if gate.wait_for(|reading| *reading).await.is_err() {
            break "this end has closed".to_owned();
        }
        let read = tokio::select! {
            _ = gate.changed() => continue,
            read = half.read_buf(&mut buffer) => read,
        };
        match read {
            Ok(0) => break "the node has closed".to_owned(),
            Ok(_) => {}
            Err(error) => break format!("the connection broke: {error}"),
        }
        let mut replies = BytesMut::new();
        let framed = loop {
            match next_frame(&mut buffer, PDU_SIZE_MAX) {
                Ok(Some(frame)) => seen.extend(conduct.received(frame, &mut replies)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if !replies.is_empty()
            && let Some(outgoing) = outgoing.upgrade()
        {
            let _ = outgoing.send(replies.freeze());
        }
        inbox.push(&mut seen);
        if let Err(error) = framed {
            break format!("the node sent what is no PDU: {error}");
        }
    };
    inbox.end(end);
    conduct.ended();
}

/// Answers with a header only: enquire_link_resp, unbind_resp, errors.
pub(crate) fn answer_header(frame: &Frame, status: CommandStatus, replies: &mut BytesMut) {
    let command_id = match frame.header.command_id {
        CommandId::GENERIC_NACK => return,
        command_id => command_id.response(),
    };
    smsc_proto::smpp::codec::encode_header_only(command_id, status, frame.header.sequence_number, replies);
}
