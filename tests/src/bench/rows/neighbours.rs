//! A good client beside a hostile crowd: how much longer it waits than alone.
//!
//! The crowd: connections that say nothing, connections that send an octet a second, floods of the smallest PDU as fast as
//! the line takes them, a client that never reads what it asked for, and many binds at once, again and again.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::BytesMut;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu};
use smsc_tests::esme::{PASSWORD, bind_of};

use crate::bench::{Bench, text};
use crate::centre::Centre;
use crate::figure::{Figure, Unit};

/// Connections that say nothing.
const SILENT: usize = 300;
/// Connections that send an octet a second.
const SLOW: usize = 20;
/// Floods whose answers are read.
const FLOODS: usize = 2;
/// Binds at once.
const BINDS: usize = 200;
/// PDUs that a flood writes at a time.
const BURST: usize = 1_024;
/// How often the slow ones send an octet; also how long a write may take.
const TURN: Duration = Duration::from_secs(1);
/// How long the silent ones and the binds stay before they come again.
const STAY: Duration = Duration::from_secs(5);

/// The good client's p99 beside the crowd, and alone.
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let duration = text(bench.pick(Duration::from_secs(10), Duration::from_secs(1)));
    let good = format!("--binds 1 --window 10 --rate 500 --duration {duration}");
    let centre = Centre::start(4);
    let alone = bench.load(&centre.node, &good)?.with_all_receipts()?.response_ms("p99")?;
    let crowd = Crowd::gather(centre.node.address());
    let beside = bench.load(&centre.node, &good)?.with_all_receipts()?.response_ms("p99")?;
    crowd.leave();
    Ok(vec![Figure::at_most("p99 beside it, of that alone", Unit::Percent, 300.0, None, beside / alone * 100.0)])
}

/// Threads that annoy one node until they are told to leave.
struct Crowd {
    leaving: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn gather(node: SocketAddr) -> Self {
        let mut crowd = Self { leaving: Arc::default(), threads: Vec::new() };
        crowd.enter(move || {
            let held: Vec<TcpStream> = (0..SILENT).filter_map(|_| TcpStream::connect(node).ok()).collect();
            thread::sleep(STAY);
            drop(held);
        });
        let mut slow: Vec<TcpStream> = (0..SLOW).filter_map(|_| TcpStream::connect(node).ok()).collect();
        crowd.enter(move || {
            slow.retain_mut(|stream| stream.write_all(&[0]).is_ok());
            thread::sleep(TURN);
        });
        for _ in 0..FLOODS {
            crowd.enter(move || flood(node, true));
        }
        crowd.enter(move || flood(node, false));
        crowd.enter(move || {
            let bound: Vec<TcpStream> = (0..BINDS).filter_map(|_| bound(node).ok()).collect();
            thread::sleep(STAY);
            drop(bound);
        });
        crowd
    }

    /// Does that again and again.
    fn enter(&mut self, mut again: impl FnMut() + Send + 'static) {
        let leaving = Arc::clone(&self.leaving);
        self.threads.push(thread::spawn(move || {
            while !leaving.load(Ordering::Relaxed) {
                again();
            }
        }));
    }

    fn leave(self) {
        self.leaving.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A thread that has ended before its time annoyed less; the figure would only be better for it.
            let _ = thread.join();
        }
    }
}

/// A connection that has said bind, and did not wait for the answer.
fn bound(node: SocketAddr) -> std::io::Result<TcpStream> {
    let mut octets = BytesMut::new();
    Pdu::Bind(BindKind::Transmitter, bind_of("demo", PASSWORD, 0x34)).encode(CommandStatus::ESME_ROK, 1, &mut octets);
    let mut stream = TcpStream::connect(node)?;
    stream.set_write_timeout(Some(TURN))?;
    stream.write_all(&octets)?;
    Ok(stream)
}

/// Bursts of enquire_link over one bound connection, for a while or until the node has enough of it.
fn flood(node: SocketAddr, reads: bool) {
    let Ok(mut stream) = bound(node) else { return };
    let mut octets = BytesMut::new();
    for sequence_number in 1..=BURST {
        Pdu::EnquireLink.encode(CommandStatus::ESME_ROK, sequence_number as u32, &mut octets);
    }
    let reader = stream.try_clone().ok().filter(|_| reads).map(|mut stream| {
        thread::spawn(move || {
            let mut answers = vec![0; 64 << 10];
            while stream.read(&mut answers).is_ok_and(|count| count > 0) {}
        })
    });
    for _ in 0..1_024 {
        if stream.write_all(&octets).is_err() {
            break;
        }
    }
    // Ends the reader too.
    let _ = stream.shutdown(Shutdown::Both);
    reader.map(JoinHandle::join);
}
