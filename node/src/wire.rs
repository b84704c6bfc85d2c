//! Carries out a [`Session`] on a socket. Both edges use it: what is said is the session's business, how octets travel is
//! decided here.
//!
//! An actor owns a [`Wire`] and spawns one [`Pump`] into its context. actix polls the mailbox first and the pump after
//! it, so all answers and deliveries that one turn of the actor produced leave in one write. Nothing grows without
//! bound: while more than [`UNSENT_PAUSE`] octets wait to be written nothing is read, and a peer that takes nothing
//! for the response time is dropped. An idle connection holds no buffer.

use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use actix::fut::ActorFuture;
use actix::prelude::*;
use bytes::{Buf, BytesMut};
use smsc_proto::session::{Session, SessionState};
use smsc_proto::smpp::codec::next_frame;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::TlsStream;

use crate::traces::{Tap, Traces, Who};

/// Octets that may wait to be written before the peer is not read any more.
const UNSENT_PAUSE: usize = 64 * 1024;
/// Octets that one turn reads at most, so that one busy peer does not keep its thread from the others.
const READ_TURN: usize = 32 * 1024;
/// A peer that filled so many turns one after the other waits so long for its next one. Whoever keeps to a window of some
/// hundred messages never does; a flood is held to 13 MB/s, and TCP tells it so.
const READ_TURNS: u8 = 4;
const READ_PAUSE: Duration = Duration::from_millis(10);
/// A peer that says so much in one turn that moves nothing (enquire_link, what is refused unseen) waits longer: it has no
/// business that could suffer, and its neighbours have.
const SMALL_TALK: u32 = 100;
const SMALL_TALK_PAUSE: Duration = Duration::from_millis(50);
/// How long we wait, after our last octet, for the peer to close: a reset must not eat a last nack (S1).
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    /// One read buffer per thread instead of one per connection: what was read is copied to where it is needed.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_TURN]);
}

/// A connection, with or without TLS.
pub enum Socket {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS, handshake done.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Whether it is encrypted.
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    fn poll_read(&mut self, cx: &mut task::Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    fn poll_write(&mut self, cx: &mut task::Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(&mut self, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The limits of a connection that are not the session's.
#[derive(Clone, Copy, Debug)]
pub struct WireOptions {
    /// Octets of the largest PDU that is taken (S2).
    pub pdu_size_max: usize,
    /// How long the rest of a PDU may take once its first octet is there (Q37).
    pub pdu_read: Duration,
    /// How long a peer may take nothing of what we write before it is dropped.
    pub write_stall: Duration,
}

/// A socket and the session that it carries.
pub struct Wire<T> {
    /// The protocol.
    pub session: Session<T>,
    /// The peer's address.
    pub peer: SocketAddr,
    socket: Socket,
    options: WireOptions,
    received: BytesMut,
    /// The session holds back what it was given; the rest waits here.
    held_back: bool,
    /// Too much is unsent to read on.
    paused: bool,
    /// Turns that it filled one after the other.
    full_turns: u8,
    /// It filled too many: nothing is read before.
    read_after: Option<Instant>,
    partial_since: Option<Instant>,
    unsent_since: Option<Instant>,
    ending: Option<Ending>,
    /// Listens in.
    tap: Option<Box<Tap>>,
    /// The traces that were looked at last.
    traces_seen: u64,
}

/// The end of a connection: everything is written, what the peer still sends is thrown away.
struct Ending {
    /// When it is over, whatever the peer does.
    until: Instant,
    /// Our side is shut.
    shut: bool,
}

impl<T: Clone> Wire<T> {
    /// A connection whose session begins now.
    pub fn new(socket: Socket, peer: SocketAddr, session: Session<T>, options: WireOptions) -> Self {
        Self {
            session,
            peer,
            socket,
            options,
            received: BytesMut::new(),
            held_back: false,
            paused: false,
            full_turns: 0,
            read_after: None,
            partial_since: None,
            unsent_since: None,
            ending: None,
            tap: None,
            traces_seen: 0,
        }
    }

    /// Has those traces listen in that concern this connection, if they have changed since it looked last.
    pub fn follow_traces(&mut self, traces: &Traces, who: impl FnOnce() -> Who) {
        let version = traces.version();
        if self.traces_seen != version && self.set_tap(traces.tap(who(), self.peer)) {
            self.traces_seen = version;
        }
        if self.tap.as_ref().is_some_and(|tap| tap.is_over()) {
            self.tap = None;
        }
    }

    /// Has that listen in from now on. Returns whether it does: not while a PDU is written in part.
    fn set_tap(&mut self, tap: Option<Box<Tap>>) -> bool {
        let aligned = self.unsent_since.is_none();
        if aligned {
            self.tap = tap;
        }
        aligned
    }

    /// Reads what is there and hands it to the session. Returns true when there may be more at once.
    fn poll_input(&mut self, now: Instant, cx: &mut task::Context<'_>) -> bool {
        let waits = self.read_after.is_some_and(|after| now < after);
        if !waits {
            self.read_after = None;
        }
        let (mut budget, mut small_talk) = (READ_TURN, 0);
        loop {
            self.hand_over_frames(now);
            small_talk += self.session.take_small_talk();
            let reading = self.session.output().len() <= UNSENT_PAUSE;
            self.paused = !reading;
            self.session.set_reading(now, reading);
            if waits || !reading || !self.session.wants_read() {
                return false;
            }
            if small_talk > SMALL_TALK {
                self.full_turns = 0;
                self.read_after = Some(now + SMALL_TALK_PAUSE);
                return false;
            }
            if budget == 0 {
                self.full_turns += 1;
                if self.full_turns < READ_TURNS {
                    return true;
                }
                self.full_turns = 0;
                self.read_after = Some(now + READ_PAUSE);
                return false;
            }
            match self.read_once(cx) {
                Poll::Pending => {
                    self.full_turns = 0;
                    return false;
                }
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                    self.session.handle_disconnect();
                    return false;
                }
                Poll::Ready(Ok(count)) => budget = budget.saturating_sub(count),
            }
        }
    }

    fn read_once(&mut self, cx: &mut task::Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let result = self.socket.poll_read(cx, &mut buffer);
            result.map_ok(|()| {
                self.received.extend_from_slice(buffer.filled());
                buffer.filled().len()
            })
        })
    }

    fn hand_over_frames(&mut self, now: Instant) {
        self.held_back = !self.session.wants_read();
        while self.session.wants_read() {
            match next_frame(&mut self.received, self.options.pdu_size_max) {
                Ok(Some(frame)) => {
                    self.partial_since = None;
                    if let Some(tap) = &mut self.tap {
                        tap.received(&frame);
                    }
                    self.session.handle_frame(now, frame);
                    self.held_back = !self.session.wants_read();
                }
                Ok(None) => {
                    if self.received.is_empty() {
                        self.received = BytesMut::new();
                        self.partial_since = None;
                    } else if self.partial_since.is_none() {
                        self.partial_since = Some(now);
                    }
                    return;
                }
                Err(error) => {
                    self.received.clear();
                    self.session.handle_framing_error(now, error);
                }
            }
        }
    }

    /// Writes what the session has to say. `Ready` when the connection is over.
    fn poll_output(&mut self, now: Instant, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.ending.is_some() {
            return self.poll_ending(now, cx);
        }
        while !self.session.output().is_empty() {
            match self.socket.poll_write(cx, self.session.output()) {
                Poll::Pending => {
                    self.unsent_since.get_or_insert(now);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(count)) if count > 0 => {
                    if let Some(tap) = &mut self.tap {
                        tap.sent(&self.session.output()[..count]);
                    }
                    self.session.output().advance(count);
                    self.unsent_since = None;
                }
                Poll::Ready(_) => return self.lose(),
            }
        }
        if let Poll::Ready(Err(_)) = self.socket.poll_flush(cx) {
            return self.lose();
        }
        if self.session.output().capacity() > 4 * UNSENT_PAUSE {
            *self.session.output() = BytesMut::new();
        }
        if self.session.state() != SessionState::Closed {
            return Poll::Pending;
        }
        self.poll_ending(now, cx)
    }

    /// Shuts our side and waits for the peer's end, but not for ever.
    fn poll_ending(&mut self, now: Instant, cx: &mut task::Context<'_>) -> Poll<()> {
        let ending = self.ending.get_or_insert(Ending { until: now + LINGER, shut: false });
        let until = ending.until;
        if now >= until {
            return Poll::Ready(());
        }
        if !ending.shut {
            match self.socket.poll_shutdown(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => ending.shut = true,
            }
        }
        loop {
            match self.read_once(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 && Instant::now() < until => self.received.clear(),
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    }

    /// Whether reading stopped because of what was unsent, which has left meanwhile.
    fn may_read_again(&mut self) -> bool {
        self.paused && self.session.output().len() <= UNSENT_PAUSE
    }

    /// The socket has failed: nothing can be written any more.
    fn lose(&mut self) -> Poll<()> {
        self.session.output().clear();
        if self.session.state() == SessionState::Closed {
            return Poll::Ready(());
        }
        self.session.handle_disconnect();
        Poll::Pending
    }

    /// Ends the connection without a word, and with whatever is unsent.
    pub fn cut(&mut self) {
        self.session.output().clear();
        if self.session.state() != SessionState::Closed {
            self.session.handle_disconnect();
        }
    }

    /// What has taken too long: a PDU that does not end, a peer that reads nothing.
    fn handle_timeout(&mut self, now: Instant) {
        let stalled = self.unsent_since.is_some_and(|since| now >= since + self.options.write_stall);
        let partial = self.partial_since.is_some_and(|since| now >= since + self.options.pdu_read);
        if stalled || partial {
            self.partial_since = None;
            self.unsent_since = None;
            self.cut();
        }
        if self.session.poll_timeout().is_some_and(|deadline| now >= deadline) {
            self.session.handle_timeout(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if let Some(ending) = &self.ending {
            return Some(ending.until);
        }
        [
            self.session.poll_timeout(),
            self.partial_since.map(|since| since + self.options.pdu_read),
            self.unsent_since.map(|since| since + self.options.write_stall),
            self.read_after,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// An actor that owns a wire.
pub trait Edge: Actor<Context = Context<Self>> {
    /// What it marks its requests with.
    type Mark: Clone;

    /// Its connection.
    fn wire(&mut self) -> &mut Wire<Self::Mark>;

    /// Takes the session's events and does what follows from them. Called once per turn, after everything that was
    /// read and every deadline. Returns the owner's own next deadline.
    fn handle_events(&mut self, now: Instant, ctx: &mut Context<Self>) -> Option<Instant>;

    /// The connection is over, and so is the pump.
    fn wire_ended(&mut self, ctx: &mut Context<Self>);
}

/// Drives an actor's wire: reads, lets the actor decide, writes. Ends with the connection.
pub struct Pump<A> {
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
    actor: PhantomData<fn(A)>,
}

impl<A: Edge> Pump<A> {
    /// A pump to spawn into the actor's context.
    pub fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), armed: None, actor: PhantomData }
    }

    fn arm(&mut self, deadline: Option<Instant>, cx: &mut task::Context<'_>) {
        // A timer that fires too early only wakes us once: moving it forward with every PDU would cost more.
        let Some(deadline) = deadline else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.armed = Some(deadline);
            self.sleep.as_mut().reset(deadline.into());
            if self.sleep.as_mut().poll(cx).is_ready() {
                self.armed = None;
                cx.waker().wake_by_ref();
            }
        }
    }
}

impl<A: Edge> Default for Pump<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Edge> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, cx: &mut task::Context<'_>) -> Poll<()> {
        let pump = self.get_mut();
        let now = Instant::now();
        if pump.armed.is_some() && pump.sleep.as_mut().poll(cx).is_ready() {
            pump.armed = None;
        }
        let wire = actor.wire();
        if wire.ending.is_none() {
            wire.handle_timeout(now);
            if wire.poll_input(now, cx) {
                cx.waker().wake_by_ref();
            }
        }
        let own_deadline = actor.handle_events(now, ctx);
        let wire = actor.wire();
        if wire.held_back && wire.session.wants_read() {
            // The owner has just made room, or answered a bind that the next PDU came together with (Q3).
            cx.waker().wake_by_ref();
        }
        let was_open = wire.session.state() != SessionState::Closed;
        if wire.poll_output(now, cx).is_ready() {
            actor.wire_ended(ctx);
            return Poll::Ready(());
        }
        let failed = was_open && wire.session.state() == SessionState::Closed;
        if failed || wire.may_read_again() {
            // The owner hears of a failed write in the next turn; and nothing else would wake us for what lies unread.
            cx.waker().wake_by_ref();
        }
        let deadline = [wire.poll_timeout(), own_deadline].into_iter().flatten().min();
        pump.arm(deadline, cx);
        Poll::Pending
    }
}
