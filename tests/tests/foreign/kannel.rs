//! Kannel: a gateway of its own, bound as a transceiver, or as a transmitter and a receiver.

use std::process::Command;

use crate::stage::{Stage, installed, script};

#[test]
#[ignore = "needs Kannel's bearerbox and smsbox, and SMSC_FOREIGN_PYTHON: tests/run"]
fn kannel_sends_and_receives() {
    let mut client = Command::new(installed("SMSC_FOREIGN_PYTHON"));
    client.arg(script("kannel_client.py"));
    Stage::set().play(client, 5);
}
