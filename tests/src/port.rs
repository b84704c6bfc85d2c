//! Ports that nobody else takes.
//!
//! A port that was free a moment ago may be given to another test, or to an outgoing connection. So ports lie below the
//! range that the kernel gives out, and a locked file keeps each for the process that took it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::TcpSocket;

const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port of 127.0.0.1, ours as long as the value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes one that is free.
    pub fn take() -> Self {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join("smsc-test-ports");
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        // Processes begin at different places, so that few of them try the same ports.
        let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
        for _ in 0..COUNT {
            let tried = TRIED.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (start + tried) % COUNT;
            let lock = File::create(folder.join(number.to_string())).expect("the temporary folder can be written");
            let port = Self { number, _lock: lock };
            if port._lock.try_lock().is_ok() && port.is_free() {
                return port;
            }
        }
        panic!("no free port between {FIRST} and {}", FIRST + COUNT);
    }

    /// Binds and does not listen: a listening socket would be inherited by a process that another test starts at this
    /// moment, and the port taken until that process has become `smsc`.
    fn is_free(&self) -> bool {
        let socket = TcpSocket::new_v4().expect("sockets can be made");
        socket.set_reuseaddr(true).is_ok() && socket.bind(self.address()).is_ok()
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}
