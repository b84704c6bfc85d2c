//! What can go wrong with the PostgreSQL journal, and whose it is to mend.

use std::fmt;

use tokio_postgres::error::SqlState;

use crate::journal::RecordNumber;

/// A database as errors and logs name it: hosts, ports and name, never the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(pub(super) String);

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the journal in PostgreSQL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// A URL that says nothing.
    #[error(
        "store.postgres.urls[{index}] is no URL of a database: {what}. Expected \
         \"postgres://USER[:PASSWORD]@HOST[:PORT][,HOST...]/DATABASE[?sslmode=disable|prefer|require]\""
    )]
    BadUrl {
        /// Which of them.
        index: usize,
        /// What is wrong with it.
        what: String,
    },

    /// No thread or runtime.
    #[error("the runtime of the connection to PostgreSQL cannot be started: {what}. Check the limits of the process")]
    NoRuntime {
        /// What the system said.
        what: String,
    },

    /// Nobody answers.
    #[error(
        "PostgreSQL at {server} cannot be reached: {what}. Check that it runs and accepts connections from here, and \
         store.postgres.urls"
    )]
    Unreachable {
        /// Where.
        server: Server,
        /// What the system said.
        what: String,
    },

    /// TLS does not come about.
    #[error(
        "PostgreSQL at {server} does not show a certificate that we trust: {what}. Give store.postgres.ca the authority \
         of its certificate, or write sslmode=disable into the URL if the network is trusted"
    )]
    Tls {
        /// Where.
        server: Server,
        /// What the handshake said.
        what: String,
    },

    /// Name or password are wrong.
    #[error(
        "PostgreSQL at {server} refuses the login: {what}. Correct user and password in store.postgres.urls (or \
         store.postgres.password_file), or pg_hba.conf there"
    )]
    BadLogin {
        /// Where.
        server: Server,
        /// What it said.
        what: String,
    },

    /// The database is not there.
    #[error("PostgreSQL at {server} has no such database: {what}. Create it, or correct store.postgres.urls")]
    NoDatabase {
        /// Where.
        server: Server,
        /// What it said.
        what: String,
    },

    /// The user may not do what we must.
    #[error(
        "PostgreSQL at {server} does not let the node {doing}: {what}. Make its user the owner of the database, or grant \
         it CREATE on the database and everything on the schema smsc"
    )]
    MissingRights {
        /// Where.
        server: Server,
        /// What was tried.
        doing: &'static str,
        /// What it said.
        what: String,
    },

    /// It takes no writes.
    #[error(
        "PostgreSQL at {server} takes no writes: {what}. It is a standby, or was set read-only: name the primary in \
         store.postgres.urls, or all hosts of it"
    )]
    ReadOnly {
        /// Where.
        server: Server,
        /// What it said.
        what: String,
    },

    /// Tables that a newer release made.
    #[error(
        "the tables in {server} have version {found}, written by a newer release; this one knows versions up to {known}. \
         Start the newer release again: nothing was changed"
    )]
    NewerSchema {
        /// Where.
        server: Server,
        /// Their version.
        found: i32,
        /// The newest that this release knows.
        known: i32,
    },

    /// Tables that are not ours, or were changed.
    #[error(
        "the schema smsc in {server} is not as this release made it: {what}. Somebody changed it by hand, or it belongs to \
         another program. Restore it, or give the node a database of its own; nothing was changed"
    )]
    ForeignSchema {
        /// Where.
        server: Server,
        /// What does not fit.
        what: String,
    },

    /// The list of databases has changed.
    #[error(
        "{server} was database {found} of {found_count} when its partitions were made, but is number {index} of {count} in \
         store.postgres.urls now: partitions would be looked for in the wrong one. Put the list back as it was"
    )]
    OtherPlace {
        /// Where.
        server: Server,
        /// Its place then, from 0.
        found: i32,
        /// How many there were.
        found_count: i32,
        /// Its place now.
        index: i32,
        /// How many there are now.
        count: i32,
    },

    /// Another node has the partition.
    #[error(
        "the partition belongs to the node {owner} for another {seconds} s. It is taken over when that node lets go"
    )]
    OwnedElsewhere {
        /// By whom.
        owner: String,
        /// Until its lease ends, unless it is renewed.
        seconds: u64,
    },

    /// Another node took the partition.
    #[error(
        "another node has taken the partition over, because this one did not renew its lease in time. What was being \
         appended was not answered; the other node has everything that was"
    )]
    Fenced,

    /// The partition was stopped while it waited.
    #[error("the partition was stopped while it waited for PostgreSQL. What was being appended was not answered")]
    GivenUp,

    /// Records that were confirmed are not there.
    #[error(
        "the journal in {server} ends with record {found:?}, but record {durable} was confirmed: a standby was promoted \
         that had not everything, or an older copy was restored. Messages in the missing records are lost unless the \
         former primary is found. The partition goes on with what is there. Let only synchronous standbys be promoted"
    )]
    LostRecords {
        /// Where.
        server: Server,
        /// The newest record that is there.
        found: Option<RecordNumber>,
        /// The newest one that was confirmed.
        durable: RecordNumber,
    },

    /// Somebody else writes into the table.
    #[error(
        "the journal in {server} has records that this node did not write, from {first} on, although it owned the \
         partition: the table smsc.journal was filled by hand. Restore it; what was answered is in the records before"
    )]
    ForeignRecords {
        /// Where.
        server: Server,
        /// The record that should have been the next.
        first: RecordNumber,
    },

    /// Anything else that it said.
    #[error("PostgreSQL at {server} could not {doing}: {what}")]
    Query {
        /// Where.
        server: Server,
        /// What was tried.
        doing: &'static str,
        /// What it said.
        what: String,
        /// Whether waiting may help.
        passes: bool,
    },
}

impl PostgresError {
    /// What an error of the client means.
    pub(super) fn of(server: &Server, doing: &'static str, error: &tokio_postgres::Error) -> Self {
        let (server, what) = (server.clone(), sentence(error));
        let Some(state) = error.code() else {
            return Self::without_state(server, error, what);
        };
        match state.code() {
            "28000" | "28P01" => Self::BadLogin { server, what },
            "3D000" => Self::NoDatabase { server, what },
            "42501" => Self::MissingRights { server, doing, what },
            "25006" => Self::ReadOnly { server, what },
            "42P01" | "42703" | "42P07" | "42804" | "3F000" => Self::ForeignSchema { server, what },
            _ => Self::Query { server, doing, what, passes: may_pass(state) },
        }
    }

    /// Errors before, or without, a word of the server.
    fn without_state(server: Server, error: &tokio_postgres::Error, what: String) -> Self {
        let text = error.to_string();
        if text.contains("TLS handshake") {
            Self::Tls { server, what }
        } else if text.contains("does not allow writes") {
            Self::ReadOnly { server, what }
        } else if text.contains("authentication") || text.contains("invalid configuration") {
            Self::BadLogin { server, what }
        } else {
            Self::Unreachable { server, what }
        }
    }

    /// Whether the same may succeed later, without anybody's doing on this side: PostgreSQL restarts, fails over, has no
    /// room for a while.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ReadOnly { .. } | Self::NoDatabase { .. } => true,
            // While it is set up anew, or its passwords are changed.
            Self::BadLogin { .. } | Self::Tls { .. } => true,
            Self::OwnedElsewhere { .. } => true,
            Self::Query { passes, .. } => *passes,
            Self::BadUrl { .. }
            | Self::NoRuntime { .. }
            | Self::MissingRights { .. }
            | Self::NewerSchema { .. }
            | Self::ForeignSchema { .. }
            | Self::OtherPlace { .. }
            | Self::Fenced
            | Self::GivenUp
            | Self::LostRecords { .. }
            | Self::ForeignRecords { .. } => false,
        }
    }
}

/// Connections, resources, locks, an operator's doing, the system, a conflict of transactions: they pass. What is wrong
/// with a statement or its data does not.
fn may_pass(state: &SqlState) -> bool {
    ["08", "40", "53", "55", "57", "58", "XX"].iter().any(|class| state.code().starts_with(class))
}

/// The error with what is behind it, in one line.
pub(super) fn sentence(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
