//! Where the databases are, and who we are there.

use std::sync::Arc;
use std::time::Duration;

use smsc_proto::ids::PartitionId;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::error::{PostgresError, Server, sentence};

/// Partitions of PostgreSQL are numbered from here: below it are those of the nodes' own.
pub const PARTITIONS_FROM: u16 = 960;

/// How long one host may take to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a host that is gone goes unnoticed.
const SILENCE: Duration = Duration::from_secs(5);

/// The databases of the journal.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Partition k lies in database `k % databases.len()`.
    pub(super) databases: Vec<Database>,
    /// How long a partition stays with a node that says nothing.
    pub(super) lease: Duration,
    /// This node's name: stable, and no other node's.
    pub(super) owner: String,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Database {
    pub(super) config: tokio_postgres::Config,
    pub(super) server: Server,
    /// For `sslmode` prefer and require.
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configurations hold passwords.
        let servers: Vec<_> = self.databases.iter().map(|database| &database.server.0).collect();
        f.debug_struct("PostgresOptions").field("servers", &servers).field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Reads the URLs. `password` is for those that have none; `tls` for connections with TLS.
    pub fn new<'a>(
        urls: impl IntoIterator<Item = &'a str>,
        password: Option<&str>,
        lease: Duration,
        owner: &str,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<Self, PostgresError> {
        let urls = urls.into_iter().enumerate();
        let databases = urls.map(|(index, url)| Database::new(index, url, password, tls.clone()));
        let databases = databases.collect::<Result<Vec<_>, _>>()?;
        if databases.is_empty() {
            return Err(PostgresError::BadUrl { index: 0, what: "there is none".into() });
        }
        Ok(Self { databases, lease, owner: owner.to_owned() })
    }

    /// Where that partition lies.
    pub(super) fn database_of(&self, partition: PartitionId) -> usize {
        usize::from(partition.number().saturating_sub(PARTITIONS_FROM)) % self.databases.len()
    }

    /// How often the lease is renewed: two renewals may be late before it is over.
    pub(super) fn renew_every(&self) -> Duration {
        self.lease / 4
    }

    /// How long a partition stays with a node that says nothing.
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// This node's name in the tables.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl Database {
    fn new(
        index: usize,
        url: &str,
        password: Option<&str>,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<Self, PostgresError> {
        let bad = |what: String| PostgresError::BadUrl { index, what };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("it does not begin with postgres://".into()));
        }
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| bad(sentence(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(bad("it names no host".into()));
        }
        if config.get_user().is_none() {
            return Err(bad("it names no user".into()));
        }
        if config.get_password().is_none()
            && let Some(password) = password
        {
            config.password(password);
        }
        if config.get_dbname().is_none() {
            return Err(bad("it names no database".into()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.application_name("smsc").tcp_user_timeout(SILENCE);
        config
            .keepalives(true)
            .keepalives_idle(SILENCE)
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(5);
        if config.get_ssl_mode() == SslMode::Require && tls.is_none() {
            return Err(bad("sslmode=require, but there are no settings for TLS".into()));
        }
        let server = Server(describe(&config));
        Ok(Self { config, server, tls })
    }
}

fn describe(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => path.display().to_string(),
            }
        })
        .collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(urls: &[&str]) -> Result<PostgresOptions, PostgresError> {
        PostgresOptions::new(urls.iter().copied(), Some("from a file"), Duration::from_secs(10), "smsc-0", None)
    }

    #[test]
    fn partitions_are_spread_over_the_databases() {
        let options = options(&["postgres://smsc@a/smsc", "postgres://smsc:x@b:5433,c:5434/other"]).expect("good URLs");
        let of = |number| options.database_of(PartitionId::new(number).expect("below 1024"));
        assert_eq!([of(960), of(961), of(962)], [0, 1, 0]);
        assert_eq!(options.databases[1].server.0, "b:5433,c:5434/other");
        assert_eq!(options.databases[0].config.get_password(), Some(&b"from a file"[..]));
        assert!(!format!("{options:?}").contains("from a file"));
    }

    #[test]
    fn a_url_that_says_too_little_is_refused_with_its_place() {
        for (url, word) in [
            ("db:5432", "begin"),
            ("postgres:///smsc?user=smsc", "host"),
            ("postgres://db/smsc", "user"),
            ("postgres://smsc@db", "database"),
            ("postgres://smsc@db/smsc?colour=red", "colour"),
        ] {
            let error = options(&["postgres://smsc@a/smsc", url]).expect_err("refused");
            assert!(
                matches!(&error, PostgresError::BadUrl { index: 1, what } if what.contains(word)),
                "{url}: {error}"
            );
        }
        assert!(options(&[]).is_err());
    }
}
