//! Ports that nobody else takes.
//!
//! A port that was free a moment ago may be given to another test, or to an outgoing connection. So ports lie below the
//! range that the kernel gives out, and a locked file keeps each for the process that took it.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::TcpSocket;

const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port of this machine, ours as long as the value lives.
#[derive(Debug)]
pub struct Port {
    host: IpAddr,
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes one of 127.0.0.1 that is free.
    pub fn take() -> Self {
        Self::take_of(IpAddr::V4(Ipv4Addr::LOCALHOST), Self::is_free)
    }

    /// Takes one of another address of this machine that is free.
    pub fn take_at(host: IpAddr) -> Self {
        Self::take_of(host, Self::is_free)
    }

    /// Takes one at an address that is not of this namespace: whether it is free there cannot be seen from here.
    pub fn take_elsewhere(host: IpAddr) -> Self {
        Self::take_of(host, |_| true)
    }

    fn take_of(host: IpAddr, is_free: impl Fn(&Self) -> bool) -> Self {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join("smsc-test-ports");
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        // Processes begin at different places, so that few of them try the same ports.
        let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
        for _ in 0..COUNT {
            let tried = TRIED.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (start + tried) % COUNT;
            let lock = File::create(folder.join(number.to_string())).expect("the temporary folder can be written");
            let port = Self { host, number, _lock: lock };
            if port._lock.try_lock().is_ok() && is_free(&port) {
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
        SocketAddr::new(self.host, self.number)
    }
}
