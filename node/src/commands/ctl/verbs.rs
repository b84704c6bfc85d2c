//! What may be said to `smsc ctl`.

use clap::Subcommand;
use clap_complete::Shell;

/// One verb, or a noun with its verbs; a noun alone lists.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Is it working, and what needs somebody
    Status,
    /// The nodes of the cluster
    Nodes,
    /// Connections of customers' applications
    Sessions {
        #[command(subcommand)]
        verb: Option<Sessions>,
        /// Only of this account
        #[arg(long, value_name = "SYSTEM_ID")]
        account: Option<String>,
    },
    /// Links to operators, what is broken first
    Links {
        #[command(subcommand)]
        verb: Option<Links>,
    },
    /// Customers: how they are configured and by whom, what waits for them
    Accounts {
        #[command(subcommand)]
        verb: Option<Entries>,
    },
    /// Operators: how they are configured and by whom, what waits for them
    Operators {
        #[command(subcommand)]
        verb: Option<Entries>,
    },
    /// Which operator takes which numbers
    Routes {
        #[command(subcommand)]
        verb: Option<Routes>,
    },
    /// What waits, for whom, since when
    Queues,
    /// Find, follow and cancel messages
    Messages {
        #[command(subcommand)]
        verb: Messages,
    },
    /// Have the node leave: sessions and links are unbound in order, then the process ends
    Drain {
        /// The node's name, so that no other one is stopped by mistake (see `smsc ctl nodes`)
        name: String,
        /// Really do it; without it only say what would happen
        #[arg(long)]
        yes: bool,
    },
    /// Call detail records: how far they are written; close a file
    Cdr {
        #[command(subcommand)]
        verb: Option<Cdr>,
    },
    /// The configuration in force, without secrets
    Config {
        #[command(subcommand)]
        verb: Option<Config>,
    },
    /// What happens, as it happens
    Events {
        /// Only events whose name begins so, such as `link.`
        #[arg(default_value = "")]
        prefix: String,
    },
    /// The node at work, once a second
    Top,
    /// A script that completes these commands in a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What is done to sessions.
#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    /// All sessions
    List,
    /// Unbind one in order, and close it after 5 s; it may bind again
    Disconnect {
        /// The session's id
        id: String,
    },
}

/// What is done to links.
#[derive(Debug, Subcommand)]
pub(super) enum Links {
    /// All links
    List,
    /// Finish what is under way, unbind and bind again; without a connection: try at once
    Reconnect {
        /// A link such as `north:0`, or an operator for all of its links
        id: String,
    },
    /// Close the connection as it is and connect again: what was not answered may go twice
    Drop {
        /// A link such as `north:0`, or an operator for all of its links
        id: String,
    },
    /// Finish what is under way, unbind, and stay away until `resume` or a restart
    Pause {
        /// A link such as `north:0`, or an operator for all of its links
        id: String,
    },
    /// Bind again
    Resume {
        /// A link such as `north:0`, or an operator for all of its links
        id: String,
    },
}

/// What is done to accounts and operators.
#[derive(Debug, Subcommand)]
pub(super) enum Entries {
    /// All of them
    List,
    /// Change keys on top of the file, at once and durably; one that is new needs all its keys
    ///
    /// KEY=VALUE as in the configuration file: throughput_max=500, receipt_lifetime=3d, allow_from='["10.0.0.0/8"]'.
    /// KEY=@FILE takes the value from a file (for passwords), KEY= goes back to the default.
    Set {
        /// Its name
        name: String,
        /// What changes
        #[arg(required = true, value_name = "KEY=VALUE")]
        keys: Vec<String>,
        /// Only say whether it could be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Take it out, whatever the file says
    Remove {
        /// Its name
        name: String,
    },
    /// Back to what the file says
    Unset {
        /// Its name
        name: String,
    },
}

/// What is done to routes.
#[derive(Debug, Subcommand)]
pub(super) enum Routes {
    /// All routes with their origin
    List,
    /// Set a route on top of the file, at once and durably
    Set {
        #[command(flatten)]
        route: RouteName,
        /// Operators, each with its weight if it is not 1: north:3,south
        #[arg(long, required = true, value_delimiter = ',', value_name = "OPERATOR[:WEIGHT]")]
        to: Vec<String>,
        /// Operators that take over in order when none of the others is available
        #[arg(long, value_delimiter = ',', value_name = "OPERATOR")]
        failover: Vec<String>,
        /// Only say whether it could be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Take a route out, whatever the file says
    Remove {
        #[command(flatten)]
        route: RouteName,
    },
    /// Back to what the file says
    Unset {
        #[command(flatten)]
        route: RouteName,
    },
    /// Which route, operator and link a message would take now, and why
    Test {
        /// The number that it goes to
        number: String,
        /// Whose message
        #[arg(long, value_name = "SYSTEM_ID")]
        account: String,
        /// Its sender
        #[arg(long, default_value = "")]
        source: String,
    },
}

/// What a route is known by.
#[derive(Debug, clap::Args)]
pub(super) struct RouteName {
    /// Digits that the number begins with; "" for all other numbers
    pub(super) prefix: String,
    /// Only for this account
    #[arg(long, value_name = "SYSTEM_ID")]
    pub(super) account: Option<String>,
    /// Only for senders that begin so
    #[arg(long)]
    pub(super) source: Option<String>,
}

/// What is done to messages.
#[derive(Debug, Subcommand)]
pub(super) enum Messages {
    /// By our id, an operator's id, or the number that they went to
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Find {
        /// Our message_id
        #[arg(long, group = "what")]
        id: Option<String>,
        /// The operator's, as its responses or receipts write it
        #[arg(long, group = "what")]
        operator_id: Option<String>,
        /// Only of this operator
        #[arg(long, requires = "operator_id")]
        operator: Option<String>,
        /// The destination
        #[arg(long, group = "what")]
        number: Option<String>,
        /// Accepted since: 2h for two hours ago, or 2026-01-31T12:00:00Z [default: 24h]
        #[arg(long, requires = "number")]
        from: Option<String>,
        /// Accepted before
        #[arg(long, requires = "number")]
        until: Option<String>,
        /// Go on where the list before ended, with what it said
        #[arg(long, requires = "number")]
        after: Option<String>,
        /// At most so many, the newest
        #[arg(long)]
        limit: Option<u32>,
    },
    /// The life of one message
    Trace {
        /// Its message_id
        id: String,
    },
    /// Take one back that no operator has yet: it ends as DELETED
    Cancel {
        /// Its message_id
        id: String,
    },
}

/// What is done with call detail records.
#[derive(Debug, Subcommand)]
pub(super) enum Cdr {
    /// What is written, what waits, and why if it does
    Status,
    /// Close the file that is being written, before it is large or old enough
    Rotate,
}

/// What is done to the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// All of it
    Show,
    /// Read the files again
    Reload,
}
