//! Networks of the kernel's own: each node in a namespace, with one wire to its customers and operators, which are outside,
//! and another one to its peers, which can be taken away, slowed and made lossy.
//!
//! Nobody but root may lay them.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use crate::skip::skipped;

/// So many namespaces and the wires between them. Dropping it removes them all; nodes must have ended before.
#[derive(Debug)]
pub struct Network {
    name: String,
    octets: [u8; 2],
    hosts: usize,
}

/// Where one node lives.
#[derive(Clone, Debug)]
pub struct Host {
    /// The namespace.
    pub namespace: String,
    /// What customers and this process see it at.
    pub outside: IpAddr,
    /// What its peers see it at.
    pub inside: IpAddr,
}

impl Network {
    /// Lays one for so many hosts. `None` where we may not, or cannot.
    pub fn lay(hosts: usize) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return skipped("network namespaces are for root");
        }
        let id = std::process::id();
        let octets = [(id % 200) as u8 + 20, (id / 200 % 250) as u8];
        let network = Self { name: format!("sm{id}"), octets, hosts };
        match network.lay_all() {
            Ok(()) => Some(network),
            Err(reason) => skipped(&format!("network namespaces cannot be had: {reason}")),
        }
    }

    fn lay_all(&self) -> Result<(), String> {
        let name = &self.name;
        for bridge in ["p", "c"] {
            ip(&format!("link add {name}{bridge} type bridge"))?;
            ip(&format!("link set {name}{bridge} up"))?;
        }
        ip(&format!("addr add {}/25 dev {name}p", self.outside()))?;
        for number in 0..self.hosts {
            let Host { namespace, outside, inside } = self.host(number);
            ip(&format!("netns add {namespace}"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            for (bridge, inner, address) in [("p", "eth0", outside), ("c", "eth1", inside)] {
                let near = format!("{name}{bridge}{number}");
                ip(&format!("link add {near} type veth peer name {inner} netns {namespace}"))?;
                ip(&format!("link set {near} master {name}{bridge} up"))?;
                ip(&format!("-n {namespace} addr add {address}/25 dev {inner}"))?;
                ip(&format!("-n {namespace} link set {inner} up"))?;
            }
        }
        Ok(())
    }

    /// The host of that number.
    pub fn host(&self, number: usize) -> Host {
        let [second, third] = self.octets;
        let address = |last: usize| IpAddr::V4(Ipv4Addr::new(10, second, third, last as u8));
        let namespace = format!("{}n{number}", self.name);
        Host { namespace, outside: address(number + 1), inside: address(number + 129) }
    }

    /// Where hosts reach this process.
    pub fn outside(&self) -> IpAddr {
        let [second, third] = self.octets;
        IpAddr::V4(Ipv4Addr::new(10, second, third, 126))
    }

    /// Takes away a host's wire to its peers.
    pub fn cut(&self, number: usize) {
        ip(&format!("link set {}c{number} down", self.name)).expect("the wire is ours");
    }

    /// Gives it back.
    pub fn mend(&self, number: usize) {
        ip(&format!("link set {}c{number} up", self.name)).expect("the wire is ours");
    }

    /// Makes the wires between peers long and bad, as `tc netem` says it. `None` where the kernel cannot.
    pub fn impair(&self, how: &str) -> Option<()> {
        for number in 0..self.hosts {
            let rule = format!("qdisc replace dev {}c{number} root netem {how}", self.name);
            if let Err(reason) = run("tc", &rule) {
                return skipped(&format!("wires cannot be made bad: {reason}"));
            }
        }
        Some(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // With a namespace go the wires into it.
        for number in 0..self.hosts {
            let _ = ip(&format!("netns del {}", self.host(number).namespace));
        }
        for bridge in ["p", "c"] {
            let _ = ip(&format!("link del {}{bridge}", self.name));
        }
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let done = Command::new(program).args(arguments.split_whitespace()).env("PATH", path).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{program} {arguments}: {}", String::from_utf8_lossy(&done.stderr).trim())),
    }
}
