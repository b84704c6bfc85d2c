//! One `smsc` process with ports and a folder of its own.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use tempfile::TempDir;

use crate::PATIENCE;
use crate::certificate::ClientTls;
use crate::command::{Finished, Running, binary};
use crate::configuration::Configuration;
use crate::esme::Esme;
use crate::network::Host;
use crate::operator::Operator;
use crate::port::Port;

/// A node. Dropping it kills the process and removes its folder.
#[derive(Debug)]
pub struct Node {
    place: Place,
    process: Running,
}

/// A node's folder and ports: what outlives its process.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    smpp: Port,
    others: Vec<Port>,
    http: Port,
    namespace: Option<String>,
}

impl Node {
    /// A node with account `demo`, that one operator for every number, and MO messages from it to `demo`.
    pub fn with(operator: &Operator) -> Self {
        usual(operator).start()
    }

    /// The same, with an operator that cannot be reached, so that messages wait.
    pub fn waiting() -> (Operator, Self) {
        let operator = Operator::start("op-a");
        operator.closes();
        let node = Self::with(&operator);
        (operator, node)
    }

    /// Kills the process, as `kill -9` does. Its folder stays.
    pub fn kill(mut self) -> Place {
        self.process.kill();
        self.place
    }

    /// Stops it with SIGTERM, and waits for its end.
    pub fn terminate(self) -> (Place, Finished) {
        self.process.terminate();
        (self.place, self.process.expect_end())
    }

    /// Kills it and starts it again with the same configuration.
    pub fn restart(self) -> Self {
        self.kill().start_again()
    }

    /// The process.
    pub fn process(&self) -> &Running {
        &self.process
    }

    /// Waits for its end.
    pub fn expect_end(self) -> (Place, Finished) {
        (self.place, self.process.expect_end())
    }

    /// Its folder, ports and configuration.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where ESMEs connect.
    pub fn address(&self) -> SocketAddr {
        self.place.smpp.address()
    }

    /// Where ESMEs connect with TLS: the second listener.
    pub fn tls_address(&self) -> SocketAddr {
        self.other_address(0)
    }

    /// The address of a listener beside the first, counted from 0.
    pub fn other_address(&self, index: usize) -> SocketAddr {
        self.place.others[index].address()
    }

    /// A connection that says nothing yet.
    pub fn connect(&self) -> Esme {
        Esme::connect(self.address())
    }

    /// A TLS connection that says nothing yet; fails when there is no handshake.
    pub fn connect_tls(&self) -> Esme {
        Esme::connect_tls(self.tls_address(), &ClientTls::anonymous()).expect("the node does the handshake")
    }

    /// A bound transmitter of that account.
    pub fn transmitter(&self, system_id: &str) -> Esme {
        self.bound(BindKind::Transmitter, system_id)
    }

    /// A bound receiver of that account.
    pub fn receiver(&self, system_id: &str) -> Esme {
        self.bound(BindKind::Receiver, system_id)
    }

    /// A bound transceiver of that account.
    pub fn transceiver(&self, system_id: &str) -> Esme {
        self.bound(BindKind::Transceiver, system_id)
    }

    fn bound(&self, kind: BindKind, system_id: &str) -> Esme {
        let esme = self.connect();
        assert_eq!(esme.bind(kind, system_id), CommandStatus::ESME_ROK, "{system_id} may bind");
        esme
    }

    /// Status and body of a page.
    pub fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        get(self.place.http.address(), path)
    }

    /// The sum of the samples of that name whose labels are among theirs; 0 if there are none.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let (status, page) = self.get("/metrics").expect("the node serves its metrics");
        assert_eq!(status, 200, "/metrics: {page}");
        sum(&page, name, labels)
    }

    /// Waits until that metric is so.
    pub fn expect_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.expect_metric_that(name, labels, |now| now == value, &format!("{value}"));
    }

    /// Waits until that metric is above a value: gauges of the store are half a second old.
    pub fn expect_metric_above(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.expect_metric_that(name, labels, |now| now > value, &format!("more than {value}"));
    }

    fn expect_metric_that(&self, name: &str, labels: &[(&str, &str)], fits: impl Fn(f64) -> bool, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.metric(name, labels);
            if fits(now) {
                return;
            }
            assert!(Instant::now() < deadline, "{name}{labels:?} should become {wanted}, and is {now}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Account `demo`, that one operator for every number, and MO messages from it to `demo`.
pub fn usual(operator: &Operator) -> Configuration {
    usual_with(operator, "")
}

/// The same, the operator with these keys.
pub fn usual_with(operator: &Operator, keys: &str) -> Configuration {
    Configuration::new().account("demo").operator_with(operator, keys).route("", operator.name()).mo_route("*", "demo")
}

impl Configuration {
    /// Starts a node in a new folder, and waits until it is ready.
    pub fn start(&self) -> Node {
        self.place().start_again()
    }

    /// Starts a node that cannot start, and waits for its end.
    pub fn start_in_vain(&self) -> Finished {
        self.place().start_in_vain()
    }

    /// A folder and ports for a node of this configuration, which does not run yet.
    pub fn place(&self) -> Place {
        self.place_with(Port::take, None)
    }

    /// The same on another host, with a token for its API: it is not only this machine that sees it.
    pub fn place_on(&self, host: &Host) -> Place {
        let place = self.place_with(|| Port::take_elsewhere(host.outside), Some(host.namespace.clone()));
        let tokens = place.folder().join("tokens");
        std::fs::write(&tokens, "0123456789abcdef\n").expect("the temporary folder can be written");
        place.configure(&self.clone().section("http", &format!("token_file = {tokens:?}")));
        place
    }

    fn place_with(&self, port: impl Fn() -> Port, namespace: Option<String>) -> Place {
        let place = Place {
            folder: tempfile::tempdir().expect("the temporary folder can be written"),
            smpp: port(),
            others: self.listeners.iter().map(|_| port()).collect(),
            http: port(),
            namespace,
        };
        // A new place has a new journal; whoever configures it again later says where that is.
        place.configure(&self.clone().journal_of_environment());
        place
    }
}

impl Place {
    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub fn configuration_file(&self) -> PathBuf {
        self.folder.path().join("smsc.toml")
    }

    /// The folder of the journal.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where ESMEs connect.
    pub fn smpp(&self) -> SocketAddr {
        self.smpp.address()
    }

    /// Where metrics are.
    pub fn http(&self) -> SocketAddr {
        self.http.address()
    }

    /// Writes another configuration, for the next start.
    pub fn configure(&self, configuration: &Configuration) {
        let configuration = configuration.clone().section("http", &format!("address = \"{}\"", self.http.address()));
        let before = std::fs::read_to_string(self.configuration_file()).unwrap_or_default();
        let configuration = configuration.journal_as_in(&before);
        let configuration = match configuration.text().contains("data_dir") {
            true => configuration,
            false => configuration.section("node", &format!("data_dir = {:?}", self.data())),
        };
        let mut text = format!("[[listener]]\naddress = \"{}\"\n\n", self.smpp.address());
        for (port, keys) in self.others.iter().zip(&configuration.listeners) {
            let _ = write!(text, "[[listener]]\naddress = \"{}\"\n{keys}\n\n", port.address());
        }
        text += &configuration.text();
        std::fs::write(self.configuration_file(), text).expect("the temporary folder can be written");
        let environment = configuration.environment.iter().map(|(name, value)| format!("{name}={value}\n"));
        std::fs::write(self.environment_file(), environment.collect::<String>())
            .expect("the temporary folder can be written");
    }

    /// Starts a node here, and waits until it is ready.
    pub fn start_again(self) -> Node {
        self.start_again_within(PATIENCE)
    }

    /// The same, for a node that has much to read first.
    pub fn start_again_within(self, patience: Duration) -> Node {
        let process = self.launch();
        self.expect_ready(process, patience)
    }

    /// Starts a node that is out of service from the start, and waits until it has started.
    pub fn start_again_out_of_service(self) -> Node {
        let process = self.launch();
        self.expect_probe("/startupz", process, PATIENCE)
    }

    /// Waits until a process that was started here is ready.
    pub(crate) fn expect_ready(self, process: Running, patience: Duration) -> Node {
        self.expect_probe("/readyz", process, patience)
    }

    fn expect_probe(self, probe: &str, mut process: Running, patience: Duration) -> Node {
        let deadline = Instant::now() + patience;
        while !matches!(get(self.http.address(), probe), Ok((200, _))) {
            let log = || process.errors() + &process.output();
            assert!(Instant::now() < deadline, "{probe} does not say yes: {}", log());
            if !process.is_running() {
                let text = std::fs::read_to_string(self.configuration_file()).unwrap_or_default();
                panic!("the node has ended: {}\nwith the configuration\n{text}", process.errors() + &process.output());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Node { place: self, process }
    }

    /// Starts a node that cannot start here, and waits for its end.
    pub fn start_in_vain(&self) -> Finished {
        self.launch().expect_end_within(PATIENCE)
    }

    /// Starts the process, and does not wait.
    pub fn launch(&self) -> Running {
        let environment = std::fs::read_to_string(self.environment_file()).unwrap_or_default();
        let other = std::fs::read_to_string(self.build_file()).ok();
        let binary = other.map_or_else(binary, PathBuf::from);
        let mut command = match &self.namespace {
            None => Command::new(binary),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(binary);
                command
            }
        };
        command.arg("run").arg("--config").arg(self.configuration_file()).current_dir(self.folder.path());
        command.envs(environment.lines().filter_map(|line| line.split_once('=')));
        Running::start(command)
    }

    /// The next start is of another build, or of this one again (`None`).
    pub fn set_build(&self, build: Option<&Path>) {
        let _ = std::fs::remove_file(self.build_file());
        if let Some(build) = build {
            let path = build.to_str().expect("a path in UTF-8");
            std::fs::write(self.build_file(), path).expect("the temporary folder can be written");
        }
    }

    fn build_file(&self) -> PathBuf {
        self.folder.path().join("build")
    }

    fn environment_file(&self) -> PathBuf {
        self.folder.path().join("environment")
    }
}

/// Status and body of a page.
pub fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // 1.0: the whole body, in one piece, and then the end.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other("no HTTP"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((status.ok_or_else(|| std::io::Error::other("no HTTP"))?, body.to_owned()))
}

/// Adds up the samples of a page in the Prometheus text format.
fn sum(page: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (sample, written) = series.split_once('{').unwrap_or((series, "}"));
        let has = |(label, value): &(&str, &str)| written.contains(&format!("{label}=\"{value}\""));
        (sample == name && labels.iter().all(has)).then(|| value.parse::<f64>().ok()).flatten()
    });
    samples.sum()
}
