//! aiosmpplib: it binds again by itself, and joins the receipts of parts.

use std::process::Command;

use crate::stage::{Stage, installed, script};

#[test]
#[ignore = "needs SMSC_FOREIGN_PYTHON, a Python with aiosmpplib: tests/run"]
fn aiosmpplib_sends_and_receives() {
    let mut client = Command::new(installed("SMSC_FOREIGN_PYTHON"));
    client.arg(script("aiosmpplib_client.py"));
    Stage::set().play(client, 6);
}
