//! smpp for node.js: it reads receipts from TLVs.

use std::process::Command;

use crate::stage::{Stage, installed, script};

#[test]
#[ignore = "needs SMSC_FOREIGN_NODE_MODULES, a folder with smpp: tests/run"]
fn node_smpp_sends_and_receives() {
    let mut client = Command::new("node");
    client.arg(script("node_smpp_client.js")).env("NODE_PATH", installed("SMSC_FOREIGN_NODE_MODULES"));
    Stage::set().play(client, 7);
}
