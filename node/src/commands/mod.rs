//! What `smsc` can be told on its command line.
//!
//! | file | command |
//! |---|---|
//! | [`run`] | `smsc`, `smsc run`: a node |
//! | [`check`] | `smsc check`: is this configuration good? |
//! | [`send`] | `smsc send`: one message, and its receipt |
//! | [`receive`] | `smsc receive`: MO messages and receipts |
//! | [`simulate`] | `smsc simulate-operator`: an operator for trials |
//! | [`load`] | `smsc load`: many messages, and how long they took |
//! | [`ctl`] | `smsc ctl`: what operations people ask a node and tell it |
//! | [`client`], [`terminal`] | the ESME and the output that the trial commands share |
//!
//! Every command ends with 0 when it did what it was asked, 1 when it could not, 2 when it was asked for nonsense: a
//! wrong command line or configuration.

pub mod check;
pub mod client;
pub mod ctl;
pub mod load;
pub mod receive;
pub mod run;
pub mod send;
pub mod simulate;
pub mod terminal;

use std::process::ExitCode;

/// A wrong command line or configuration.
const USAGE: u8 = 2;

/// A command and its arguments. Without one a node is run.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run a node; without a configuration file a demo on the loopback interface
    Run(run::Args),
    /// Read a configuration as `run` would and say what is wrong with it
    Check(check::Args),
    /// Submit one message and wait for its receipt
    Send(send::Args),
    /// Bind, and print MO messages and receipts as they come
    Receive(receive::Args),
    /// Be an operator, for trials: acknowledge, return receipts, send MO messages, misbehave
    SimulateOperator(simulate::Args),
    /// Submit many messages and measure
    Load(load::Args),
    /// Ask a running node how it is, and tell it what to do
    Ctl(ctl::Args),
}

impl Command {
    /// Does it.
    pub fn run(self) -> ExitCode {
        match self {
            Self::Run(args) => run::run(args),
            Self::Check(args) => check::run(args),
            Self::Send(args) => send::run(args),
            Self::Receive(args) => receive::run(args),
            Self::SimulateOperator(args) => simulate::run(args),
            Self::Load(args) => load::run(args),
            Self::Ctl(args) => ctl::run(args),
        }
    }
}
