//! A PostgreSQL server of its own: started, killed, frozen, asked.
//!
//! Debian's (package postgresql), as found under `/usr/lib/postgresql`. It refuses to be root, so that a test of root runs
//! it as the user `postgres`.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::PATIENCE;
use crate::certificate::CertificateFiles;
use crate::configuration::Configuration;
use crate::port::Port;
use crate::skip::skipped;

/// The superuser of the servers.
const USER: &str = "smsc";
/// Its password.
const PASSWORD: &str = "among-friends";

/// A server. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: Port,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    server: Option<Child>,
}

impl Postgres {
    /// A server with one empty database, `smsc`; `None` where there is no PostgreSQL.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            return skipped("there is no PostgreSQL here: apt-get install postgresql");
        };
        let user = match rustix::process::geteuid().is_root() {
            false => None,
            true => match user_postgres() {
                Some(user) => Some(user),
                None => return skipped("PostgreSQL does not run as root, and there is no user postgres"),
            },
        };
        let mut postgres = Self { folder: folder_for(user), port: Port::take(), binaries, user, server: None };
        postgres.make();
        postgres.start_again();
        postgres.sql_of("postgres", "create database smsc");
        Some(postgres)
    }

    fn make(&self) {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD).expect("the temporary folder can be written");
        let mut initdb = self.command("initdb");
        initdb.args(["--no-sync", "--auth=scram-sha-256", "--username", USER, "--encoding=UTF8", "--locale=C"]);
        initdb.arg("--pwfile").arg(&password).arg("-D").arg(self.data());
        let done = initdb.output().expect("initdb can be started");
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// From now on it shows this certificate to whoever asks for TLS.
    pub fn shows(&mut self, certificate: &CertificateFiles) {
        for (from, to) in [(&certificate.certificate, "server.crt"), (&certificate.key, "server.key")] {
            let to = self.data().join(to);
            fs::copy(from, &to).expect("the temporary folder can be written");
            fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("it is ours");
            if let Some((user, group)) = self.user {
                chown(&to, Some(user), Some(group)).expect("root may give a file away");
            }
        }
        self.sql_of("postgres", "alter system set ssl = on");
        self.kill();
        self.start_again();
    }

    /// A synchronous standby of this server: what is committed from now on is on both.
    pub fn synchronous_standby(&self) -> Self {
        let (binaries, user) = (self.binaries.clone(), self.user);
        let mut standby = Self { folder: folder_for(user), port: Port::take(), binaries, user, server: None };
        let mut backup = standby.command("pg_basebackup");
        backup.args(["-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-D"]).arg(standby.data());
        backup.arg("-d").arg(self.url_of("postgres") + "?application_name=standby");
        let done = backup.output().expect("pg_basebackup can be started");
        assert!(done.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&done.stderr));
        standby.start_again();
        self.waits_for("standby");
        self.expect("select count(*) from pg_stat_replication where sync_state = 'sync'", "1");
        standby
    }

    /// From now on it waits for a standby that is not there.
    pub fn loses_its_standby(&self) {
        self.waits_for("gone");
    }

    fn waits_for(&self, standby: &str) {
        self.sql(&format!("alter system set synchronous_standby_names = '{standby}'"));
        self.sql("select pg_reload_conf()");
    }

    /// It waits for no standby any more.
    pub fn has_what_it_waits_for(&self) {
        self.sql("alter system reset synchronous_standby_names");
        self.sql("select pg_reload_conf()");
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        self.sql_of("postgres", "select pg_promote()");
    }

    /// Starts the server, and waits until it answers.
    pub fn start_again(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut server = self.launch();
            while server.try_wait().expect("it is our child").is_none() {
                if self.try_sql("postgres", "select 1").is_ok() {
                    self.server = Some(server);
                    return;
                }
                assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", self.log());
                thread::sleep(Duration::from_millis(20));
            }
            // What was killed before may still hold its memory for a moment.
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn launch(&self) -> Child {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.address().port().to_string()]);
        // Nothing here has to survive a power cut; and a server beside many others is a small one.
        for setting in [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            "max_connections=60",
            "wal_level=replica",
            "wal_compression=lz4",
            "max_wal_size=256MB",
        ] {
            command.args(["-c", setting]);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", self.folder.path().display()));
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("the temporary folder can be written");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().expect("postgres can be started")
    }

    /// Kills all its processes, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            for process in self.processes(&server) {
                let _ = kill_process(process, Signal::KILL);
            }
            let _ = server.wait();
        }
    }

    /// Stops all its processes where they are.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    fn signal_all(&self, signal: Signal) {
        for process in self.server.iter().flat_map(|server| self.processes(server)) {
            let _ = kill_process(process, signal);
        }
    }

    /// The server and its children.
    fn processes(&self, server: &Child) -> Vec<Pid> {
        let id = server.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split(' ').filter_map(|child| Pid::from_raw(child.parse().ok()?));
        std::iter::once(Pid::from_child(server)).chain(children).collect()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        self.url_of("smsc")
    }

    /// The URL of its database, wherever that is: here or on a standby.
    pub fn url_with(&self, standby: &Self) -> String {
        format!("postgres://{USER}:{PASSWORD}@{},{}/smsc", self.address(), standby.address())
    }

    /// The URL of another one.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{database}", self.address())
    }

    /// What a statement answers, in `smsc`.
    pub fn sql(&self, statement: &str) -> String {
        self.sql_of("smsc", statement)
    }

    /// The same in another database.
    pub fn sql_of(&self, database: &str, statement: &str) -> String {
        self.try_sql(database, statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    fn try_sql(&self, database: &str, statement: &str) -> Result<String, String> {
        psql(&self.binaries, &self.url_of(database), statement)
    }

    /// Waits until a statement answers that.
    pub fn expect(&self, statement: &str, answer: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.sql(statement);
            if now == answer {
                return;
            }
            assert!(Instant::now() < deadline, "{statement} should become {answer}, and is {now}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has written down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
        self.kill();
    }
}

fn folder_for(user: Option<(u32, u32)>) -> TempDir {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    if let Some((user, group)) = user {
        chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
    }
    folder
}

/// The newest of Debian's.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let binaries = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    binaries.filter(|folder| folder.join("postgres").exists()).max()
}

fn user_postgres() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn psql(binaries: &Path, url: &str, statement: &str) -> Result<String, String> {
    let mut psql = Command::new(binaries.join("psql"));
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]);
    let done = psql.env("PGCONNECT_TIMEOUT", "5").output().map_err(|error| error.to_string())?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

impl Configuration {
    /// With the journal there. The lease is short, so that tests are.
    pub fn postgres(self, postgres: &Postgres) -> Self {
        self.postgres_at(&postgres.url(), "lease = \"2s\"")
    }

    /// With the journal at a URL, with these keys.
    pub fn postgres_at(self, url: &str, keys: &str) -> Self {
        self.section("store", &format!("journal = \"postgres\"\npostgres = {{ urls = [{url:?}], {keys} }}"))
    }

    /// The journal that `SMSC_JOURNAL` asks for, if it is another than the node's default. For `postgres`, a new database on
    /// the server that `SMSC_POSTGRES` names.
    pub(crate) fn journal_of_environment(self) -> Self {
        if std::env::var("SMSC_JOURNAL").as_deref() != Ok("postgres") || self.text().contains("journal =") {
            return self;
        }
        static MADE: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("SMSC_POSTGRES").expect("SMSC_POSTGRES names the server, without a database");
        let database = format!("t{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let binaries = binaries().expect("PostgreSQL is installed");
        psql(&binaries, &format!("{server}/postgres"), &format!("create database {database}"))
            .unwrap_or_else(|error| panic!("a database can be made: {error}"));
        let partitioned = self.text().contains("partitions =");
        let configuration = self.postgres_at(&format!("{server}/{database}"), "lease = \"5s\"");
        // As many as with the other journal, so that bounds are where the stories expect them.
        if partitioned { configuration } else { configuration.section("store", "partitions = 1") }
    }

    /// The same journal as in a configuration that was written before, unless this one names another.
    pub(crate) fn journal_as_in(self, before: &str) -> Self {
        if self.text().contains("journal =") {
            return self;
        }
        let lines = before
            .lines()
            .filter(|line| ["journal =", "postgres =", "partitions ="].iter().any(|key| line.starts_with(key)));
        let keys: Vec<_> = lines.collect();
        if keys.is_empty() { self } else { self.section("store", &keys.join("\n")) }
    }
}
