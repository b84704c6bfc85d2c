//! What may be said to `smsc ctl`.

use std::time::Duration;

use clap::Subcommand;
use clap_complete::Shell;
use serde_json::Value;

/// One verb, or a noun with its verbs; a noun alone lists.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Is it working, and what needs somebody
    Status,
    /// The nodes of the cluster: how they are; out of service and back; away for good
    Nodes {
        #[command(subcommand)]
        verb: Option<Nodes>,
    },
    /// Sessions spread evenly over the nodes, as far as ESMEs bind anew where a balancer sends them
    Rebalance {
        #[command(subcommand)]
        verb: Option<Rebalance>,
    },
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
    Queues {
        #[command(subcommand)]
        verb: Option<Queues>,
    },
    /// Find, follow and cancel messages
    Messages {
        #[command(subcommand)]
        verb: Messages,
    },
    /// Have the node stop, as SIGTERM does: sessions and links are unbound in order, then the process ends
    Drain {
        /// The node's name, so that no other one is stopped by mistake (see `smsc ctl nodes`)
        name: String,
        /// Really do it; without it only say what would happen
        #[arg(long)]
        yes: bool,
    },
    /// Whether the release before can still take over, and the end of that
    Upgrade {
        #[command(subcommand)]
        verb: Option<Upgrade>,
    },
    /// Every PDU of one account, or about one number, for a limited time
    Trace {
        #[command(subcommand)]
        verb: Option<Trace>,
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

/// Whether an answer ends a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    /// It does.
    Nothing,
    /// What was wanted is not reached yet, and was to be waited for.
    AskedAgain,
    /// What was wanted is not reached yet.
    Missed,
}

impl Verb {
    /// Whether that answer is the end of it.
    pub(super) fn wants_more(&self, answer: &Value) -> More {
        match self {
            Self::Nodes { verb: Some(Nodes::Decommission { wait, .. }) } if answer["retired"] == false => match wait {
                true => More::AskedAgain,
                false => More::Missed,
            },
            _ => More::Nothing,
        }
    }
}

/// What is done to nodes.
#[derive(Debug, Subcommand)]
pub(super) enum Nodes {
    /// All nodes
    List,
    /// Take one out of service: sessions and links are unbound in order, the process stays
    ///
    /// In a cluster the other nodes deliver what it keeps meanwhile.
    Drain {
        /// The node's name
        name: String,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Have it serve again
    Undrain {
        /// The node's name
        name: String,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Have it leave the cluster for good, before its process and its disk are taken away
    ///
    /// It is drained, stays so after a restart, and is retired once the other nodes have delivered all that it keeps; until
    /// then this says what is left, and exits with 1. `undrain` takes it back before that.
    Decommission {
        /// The node's name
        name: String,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
        /// Ask every 2 s until nothing is left
        #[arg(long, conflicts_with = "dry_run")]
        wait: bool,
    },
}

/// What is done about sessions that are spread unevenly.
#[derive(Debug, Subcommand)]
pub(super) enum Rebalance {
    /// Each node's share, and who would be asked to leave
    Plan,
    /// Ask them, one after the other: they are unbound in order and bind anew
    ///
    /// First those whose account has another bind of that kind, of them the quiet before the busy.
    Start {
        /// Sessions a second, of each node
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
        rate: u32,
    },
    /// Ask no more of them
    Stop,
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

/// What is done to queues.
#[derive(Debug, Subcommand)]
pub(super) enum Queues {
    /// All queues
    List,
    /// End what waits for an operator and is not under way: DELETED, with receipts as for a cancellation
    Purge {
        /// The operator
        operator: String,
        /// Only what was accepted longer ago: 1h
        #[arg(long, value_name = "AGE")]
        older_than: Option<String>,
        #[command(flatten)]
        really: Really,
    },
    /// Have what waits for one operator wait for another from now on
    Move {
        /// The operator that it waits for
        from: String,
        /// The operator that it waits for then
        to: String,
        #[command(flatten)]
        really: Really,
    },
}

/// Whether it is done.
#[derive(Debug, clap::Args)]
pub(super) struct Really {
    /// Really do it; without it only say what would happen
    #[arg(long)]
    pub(super) yes: bool,
    /// Only say what would happen
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
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
    /// Try one at once that waits for its next attempt
    Retry {
        /// Its message_id
        id: String,
    },
    /// Take one back that no operator has yet: it ends as DELETED
    Cancel {
        /// Its message_id
        id: String,
    },
}

/// What is done about an upgrade.
#[derive(Debug, Subcommand)]
pub(super) enum Upgrade {
    /// Each node's release, and what the end waits for
    Status,
    /// All nodes are of this release, and nobody goes back: from now on they write what only it can read
    Finish {
        /// Only say whether it could be done
        #[arg(long)]
        dry_run: bool,
    },
}

/// What is done with traces.
#[derive(Debug, Subcommand)]
pub(super) enum Trace {
    /// All traces, ended ones too
    List,
    /// Begin one on all nodes: numbers in full, texts never
    ///
    /// Each node writes its own lines of JSON to data_dir/traces. A restart ends a trace.
    Start {
        #[command(flatten)]
        whose: Traced,
        /// How long, at most a day
        #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
        time: Duration,
    },
    /// End one; its lines can still be read
    Stop {
        #[command(flatten)]
        whose: Traced,
    },
    /// The last lines of all nodes; with --watch again and again
    Show {
        #[command(flatten)]
        whose: Traced,
        /// How many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        lines: u32,
    },
}

/// Whose trace.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Traced {
    /// Of this account, refused binds too
    #[arg(long, value_name = "SYSTEM_ID")]
    pub(super) account: Option<String>,
    /// Of messages from or to this number, on all sessions and links
    #[arg(long)]
    pub(super) number: Option<String>,
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
    /// Where nodes are configured otherwise than others, and what waits for their restart
    Diff,
    /// Read the files again
    Reload,
}
