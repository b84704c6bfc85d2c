//! HAProxy in front of nodes, as `deploy/haproxy.cfg` says: the customer's address in a PROXY v2 header, readiness from
//! `/readyz`, weight and drain from the agent check.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::command::Running;
use crate::eventually;
use crate::port::Port;
use crate::skip::skipped;

/// A node as it sees it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it takes connections with a PROXY header.
    pub smpp: SocketAddr,
    /// Where it says whether it is ready.
    pub http: SocketAddr,
    /// Where it says how much room it has.
    pub agent: SocketAddr,
}

/// A running HAProxy. Dropping it ends it.
#[derive(Debug)]
pub struct Haproxy {
    port: Port,
    stats: Port,
    _folder: TempDir,
    _process: Running,
}

impl Haproxy {
    /// In front of these, when it has seen all of them ready; `None` where there is no HAProxy.
    pub fn before(targets: &[Target]) -> Option<Self> {
        if Command::new("haproxy").arg("-v").output().is_err() {
            return skipped("there is no HAProxy here: apt-get install haproxy");
        }
        let (port, stats) = (Port::take(), Port::take());
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text(port.address(), stats.address(), targets)).expect("the temporary folder can be written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file);
        let haproxy = Self { port, stats, _folder: folder, _process: Running::start(command) };
        eventually("HAProxy sees all nodes", || haproxy.up() == targets.len());
        Some(haproxy)
    }

    /// Where ESMEs connect.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// How many nodes it sends new sessions to.
    pub fn up(&self) -> usize {
        let Ok((200, page)) = crate::node::get(self.stats.address(), "/metrics") else { return 0 };
        let is_up = |line: &&str| line.starts_with("haproxy_server_status{") && line.ends_with("state=\"UP\"} 1");
        page.lines().filter(is_up).count()
    }
}

fn text(port: SocketAddr, stats: SocketAddr, targets: &[Target]) -> String {
    let mut text = format!(
        "global\n  maxconn 1000\n\
         defaults\n  mode tcp\n  timeout connect 3s\n  timeout client 1h\n  timeout server 1h\n  option redispatch\n\
         frontend smpp\n  bind {port}\n  default_backend smpp\n\
         frontend metrics\n  mode http\n  timeout client 10s\n  bind {stats}\n\
         \x20 http-request use-service prometheus-exporter if {{ path /metrics }}\n\
         backend smpp\n  balance leastconn\n  option httpchk GET /readyz\n\
         \x20 default-server check inter 200ms fall 2 rise 1 send-proxy-v2\n"
    );
    for (number, Target { smpp, http, agent }) in targets.iter().enumerate() {
        let (http_at, agent_at) = (http.port(), agent.port());
        let _ = writeln!(
            text,
            "  server smsc-{number} {smpp} port {http_at} agent-check agent-addr {} agent-port {agent_at} agent-inter 200ms",
            agent.ip()
        );
    }
    text
}
