//! One connection to a database, and the runtime of the thread that uses it.
//!
//! Nothing here is ever cancelled: a statement that waits for a standby is waited for, or its connection is lost. A
//! success that came with a WARNING (a wait for the standby was cancelled by somebody) is no success.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::Severity;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, RowStream, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{PostgresError, Server};
use super::options::Database;
use crate::journal::tenure::Tenure;

/// How long a server may take for the whole of a login: one that hangs accepts connections and says nothing.
const LOGIN_MAX: Duration = Duration::from_secs(5);
/// How often whoever waits looks whether it was told to stop.
const LOOK: Duration = Duration::from_millis(200);

/// The values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A runtime on the thread that uses it.
pub(super) fn runtime() -> Result<Runtime, PostgresError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| PostgresError::NoRuntime { what: error.to_string() })
}

/// Waits for something on this thread, until the partition is given up.
pub(super) fn wait<T>(
    runtime: &Runtime,
    lease: &Tenure,
    what: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    runtime.block_on(async {
        let mut what = pin!(what);
        loop {
            match timeout(LOOK, &mut what).await {
                Ok(done) => return done,
                Err(_) if lease.is_given_up() => return Err(PostgresError::GivenUp),
                Err(_) => {}
            }
        }
    })
}

/// A connection that is set up as the journal needs it.
pub(super) struct Connection {
    client: Client,
    warned: Arc<AtomicBool>,
    server: Server,
}

impl Connection {
    /// Connects and logs in. Must be called on a runtime, which drives it.
    pub(super) async fn open(database: &Database) -> Result<Self, PostgresError> {
        let (config, server) = (&database.config, database.server.clone());
        let warned = Arc::new(AtomicBool::new(false));
        let failed = |error| PostgresError::of(&server, "connect", &error);
        let login = async {
            match &database.tls {
                Some(tls) if config.get_ssl_mode() != SslMode::Disable => {
                    let tls = MakeRustlsConnect::new(rustls::ClientConfig::clone(tls));
                    let (client, connection) = config.connect(tls).await.map_err(failed)?;
                    tokio::spawn(drive(connection, warned.clone(), server.clone()));
                    Ok(client)
                }
                Some(_) | None => {
                    let mut config = config.clone();
                    config.ssl_mode(SslMode::Disable);
                    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                    tokio::spawn(drive(connection, warned.clone(), server.clone()));
                    Ok(client)
                }
            }
        };
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1);
        let client = timeout(LOGIN_MAX * hosts, login).await.map_err(|_| PostgresError::Unreachable {
            server: server.clone(),
            what: format!("it did not answer within {} s", (LOGIN_MAX * hosts).as_secs()),
        })??;
        let connection = Self { client, warned, server };
        connection.set_up().await?;
        Ok(connection)
    }

    /// What a role or a database may have set otherwise. No time limit may end a statement of ours: it would not end the
    /// wait for a standby, but say that it had.
    async fn set_up(&self) -> Result<(), PostgresError> {
        self.run(
            "set up the connection",
            "set synchronous_commit = on; set lock_timeout = '5s'; set client_min_messages = warning; \
             set standard_conforming_strings = on; \
             select set_config(name, '0', false) from pg_settings where name in ('statement_timeout', \
             'transaction_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout')",
        )
        .await
    }

    pub(super) const fn server(&self) -> &Server {
        &self.server
    }

    /// Several statements without values.
    pub(super) async fn run(&self, doing: &'static str, statements: &str) -> Result<(), PostgresError> {
        self.warned.store(false, Ordering::Relaxed);
        let done = self.client.batch_execute(statements).await;
        done.map_err(|error| self.failed(doing, &error))?;
        self.unless_warned(doing)
    }

    /// Has a statement parsed, to be used again and again.
    pub(super) async fn prepare(&self, statement: &str) -> Result<Statement, PostgresError> {
        let prepared = self.client.prepare(statement).await;
        prepared.map_err(|error| self.failed("prepare a statement", &error))
    }

    /// Carries out a statement in a transaction of its own: how many rows it changed. Its commit is waited for.
    pub(super) async fn execute(
        &self,
        doing: &'static str,
        statement: &Statement,
        values: Values<'_>,
    ) -> Result<u64, PostgresError> {
        self.warned.store(false, Ordering::Relaxed);
        let rows = self.client.execute(statement, values).await;
        let rows = rows.map_err(|error| self.failed(doing, &error))?;
        self.unless_warned(doing)?;
        Ok(rows)
    }

    /// The rows that a statement returns.
    pub(super) async fn query(
        &self,
        doing: &'static str,
        statement: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, PostgresError> {
        self.warned.store(false, Ordering::Relaxed);
        let rows = self.client.query(statement, values).await;
        let rows = rows.map_err(|error| self.failed(doing, &error))?;
        self.unless_warned(doing)?;
        Ok(rows)
    }

    /// The rows that a statement returns, as they come.
    pub(super) async fn stream(
        &self,
        doing: &'static str,
        statement: &str,
        values: Values<'_>,
    ) -> Result<RowStream, PostgresError> {
        let rows = self.client.query_raw(statement, values.iter().copied()).await;
        rows.map_err(|error| self.failed(doing, &error))
    }

    pub(super) fn failed(&self, doing: &'static str, error: &tokio_postgres::Error) -> PostgresError {
        PostgresError::of(&self.server, doing, error)
    }

    fn unless_warned(&self, doing: &'static str) -> Result<(), PostgresError> {
        if !self.warned.load(Ordering::Acquire) {
            return Ok(());
        }
        let what = "it warned: the commit may not be on a standby".to_owned();
        Err(PostgresError::Query { server: self.server.clone(), doing, what, passes: true })
    }
}

/// A value of a row, of the type that our table has.
pub(super) fn value<'a, T: tokio_postgres::types::FromSql<'a>>(
    server: &Server,
    row: &'a Row,
    column: usize,
) -> Result<T, PostgresError> {
    row.try_get(column)
        .map_err(|error| PostgresError::ForeignSchema { server: server.clone(), what: error.to_string() })
}

/// Moves what the connection reads and writes, and remembers that it warned.
async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, warned: Arc<AtomicBool>, server: Server)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                if notice.parsed_severity().is_none_or(|severity| severity == Severity::Warning) {
                    tracing::warn!(%server, message = notice.message(), "PostgreSQL warns");
                    warned.store(true, Ordering::Release);
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%server, %error, "the connection to PostgreSQL is lost");
                return;
            }
        }
    }
}
