//! Net::SMPP for Perl: it reads one PDU at a time and throws away what it does not wait for.

use std::process::Command;

use crate::stage::{Stage, script};

#[test]
#[ignore = "needs Perl with Net::SMPP: tests/run"]
fn net_smpp_sends_and_receives() {
    let mut client = Command::new("perl");
    client.arg(script("net_smpp_client.pl"));
    Stage::set().play(client, 7);
}
