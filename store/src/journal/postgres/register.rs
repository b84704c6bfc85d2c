//! Who owns which partition, and which nodes are alive: what the leases in the databases say.
//!
//! A node says that it is there by a row of its own, renewed like a lease. These rows decide nothing by themselves: two
//! nodes that see different ones may both want a partition, and its row gives it to one of them.

use std::sync::Arc;

use smsc_proto::ids::PartitionId;
use tokio::runtime::Runtime;

use super::connection::{Connection, runtime, value, wait};
use super::error::PostgresError;
use super::options::PostgresOptions;
use super::schema;
use crate::journal::tenure::Tenure;

const HERE: &str = "
insert into smsc.node values ($1, clock_timestamp() + make_interval(secs => $2))
on conflict (name) do update set expires = excluded.expires";
const FORGET: &str = "delete from smsc.node where expires < clock_timestamp() - interval '1 day'";
const LEAVE: &str = "delete from smsc.node where name = $1";
const NODES: &str = "select name from smsc.node where expires >= clock_timestamp() order by name";
const PARTITIONS: &str = "
select id, owner, owner is null or expires < clock_timestamp() from smsc.partition order by id";
const REPLICATED: &str = "select current_setting('synchronous_standby_names') <> ''";

const DOING: &str = "read who owns which partition";

/// A partition's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionRow {
    pub(crate) id: PartitionId,
    /// Who had it last.
    pub(crate) owner: Option<String>,
    /// Whether anybody may adopt it.
    pub(crate) is_free: bool,
}

/// What one database says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registered {
    /// Its partitions, in rising order.
    pub(crate) partitions: Vec<PartitionRow>,
    /// The nodes that are alive, in the order of their names; this one among them.
    pub(crate) nodes: Vec<String>,
    /// Whether it waits for a standby.
    pub(crate) is_replicated: bool,
}

/// The databases, as the keeper of a node's partitions asks them.
pub(crate) struct Register {
    options: Arc<PostgresOptions>,
    connections: Vec<Option<Connection>>,
    stop: Arc<Tenure>,
    runtime: Runtime,
}

impl Register {
    /// Connects to all databases and sees that their tables are there. `partitions`: how many the cluster has.
    /// [`Tenure::give_up`] on `stop` ends all waiting.
    pub(crate) fn open(
        options: Arc<PostgresOptions>,
        partitions: u16,
        stop: Arc<Tenure>,
    ) -> Result<Self, PostgresError> {
        let runtime = runtime()?;
        let count = options.databases.len();
        let mut connections = Vec::new();
        for (index, database) in options.databases.iter().enumerate() {
            let opening = async {
                let connection = Connection::open(database).await?;
                schema::ensure(&connection, index, count, partitions).await?;
                asynchronous(connection).await
            };
            connections.push(Some(wait(&runtime, &stop, opening)?));
        }
        Ok(Self { options, connections, stop, runtime })
    }

    /// How many databases there are.
    pub(crate) fn databases(&self) -> usize {
        self.connections.len()
    }

    /// Says that this node is there, and looks who else is, and who owns what.
    pub(crate) fn look(&mut self, database: usize) -> Result<Registered, PostgresError> {
        let looking = async {
            let connection = match self.connections[database].take() {
                Some(connection) => connection,
                None => asynchronous(Connection::open(&self.options.databases[database]).await?).await?,
            };
            let registered = look(&connection, &self.options).await?;
            Ok((connection, registered))
        };
        let (connection, registered) = wait(&self.runtime, &self.stop, looking)?;
        self.connections[database] = Some(connection);
        Ok(registered)
    }

    /// Says that this node is gone. If that fails its row ends by itself.
    pub(crate) fn leave(&mut self) {
        let leaving = async {
            for connection in self.connections.iter().flatten() {
                connection.query("leave", LEAVE, &[&self.options.owner]).await?;
            }
            Ok(())
        };
        if let Err(error) = wait(&self.runtime, &self.stop, leaving) {
            tracing::debug!(%error, "this node's row could not be removed: it ends by itself");
        }
    }
}

/// What is written here is worth no wait for a standby.
async fn asynchronous(connection: Connection) -> Result<Connection, PostgresError> {
    connection.run("set up the connection", "set synchronous_commit = off").await?;
    Ok(connection)
}

async fn look(connection: &Connection, options: &PostgresOptions) -> Result<Registered, PostgresError> {
    let server = connection.server();
    // Twice a lease: a node whose lease is being renewed late is not dead yet.
    let seconds = 2.0 * options.lease.as_secs_f64();
    connection.query("say that this node is there", HERE, &[&options.owner, &seconds]).await?;
    connection.query("forget nodes", FORGET, &[]).await?;
    let mut registered = Registered::default();
    for row in connection.query(DOING, NODES, &[]).await? {
        registered.nodes.push(value(server, &row, 0)?);
    }
    for row in connection.query(DOING, PARTITIONS, &[]).await? {
        let id: i32 = value(server, &row, 0)?;
        let Some(id) = u16::try_from(id).ok().and_then(PartitionId::new) else {
            let what = format!("smsc.partition has a row {id}");
            return Err(PostgresError::ForeignSchema { server: server.clone(), what });
        };
        let (owner, is_free) = (value(server, &row, 1)?, value(server, &row, 2)?);
        registered.partitions.push(PartitionRow { id, owner, is_free });
    }
    let rows = connection.query(DOING, REPLICATED, &[]).await?;
    registered.is_replicated = rows.first().map(|row| value(server, row, 0)).transpose()?.unwrap_or(false);
    Ok(registered)
}
