//! schemathesis: makes requests of the API's own document, good and bad ones, and holds the answers to it.

use std::process::Command;

use smsc_tests::command::Running;
use smsc_tests::node::usual;
use smsc_tests::operator::Operator;

use crate::stage::installed;

#[test]
#[ignore = "needs SMSC_FOREIGN_SCHEMATHESIS: tests/run"]
fn the_api_answers_as_its_document_says_whatever_it_is_asked() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).start();
    let esme = node.transceiver("demo");
    esme.submit_ok(&smsc_tests::message::Message::to("46701234567"));
    let base = format!("http://{}", node.place().http());
    let mut client = Command::new(installed("SMSC_FOREIGN_SCHEMATHESIS"));
    client
        .args(["run", &format!("{base}/api/v1/openapi.json"), "--url", &base, "--phases", "examples,coverage,fuzzing"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        // A stream has no end, a drain would be one, and a node out of service lets nobody in.
        .args(["--exclude-path", "/api/v1/events", "--exclude-path", "/api/v1/drain"])
        .args(["--exclude-path", "/api/v1/nodes/{name}/{order}"])
        .args(["--max-examples", "20", "--max-time", "12", "--generation-deterministic", "--no-color"])
        .current_dir(node.place().folder());
    let ended = Running::start(client).expect_end_within(4 * smsc_tests::PATIENCE);
    println!("{}", ended.stdout);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    esme.submit_ok(&smsc_tests::message::Message::to("46701234567"));
}
