//! Call detail records: one for each final state, whatever happens to the node or to the disk they lie on.

use std::fs;
use std::path::PathBuf;

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::cdr::{CdrBook, Record, number, text};
use smsc_tests::command::{Finished, smsc};
use smsc_tests::configuration::Configuration;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, Place, usual};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::small_disk::SmallDisk;
use smsc_tests::storm::Storm;

const MIB: u64 = 1 << 20;

/// With CDRs in the folder `cdr` of its place.
fn with_cdr(configuration: Configuration, keys: &str) -> Configuration {
    configuration.section("cdr", &format!("folder = \"cdr\"\n{keys}"))
}

fn folder(place: &Place) -> PathBuf {
    place.folder().join("cdr")
}

fn delivering() -> Operator {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    operator
}

fn message() -> Message {
    Message::to("46701234567").from("BRAND").text("the secret text").receipt()
}

/// Submits so many and waits for their receipts.
fn exchange(node: &Node, count: usize) -> Vec<String> {
    let esme = node.transceiver("demo");
    let ids: Vec<String> = (0..count).map(|_| esme.submit_ok(&message())).collect();
    ids.iter().for_each(|id| assert_eq!(esme.expect_receipt_of(id).stat, "DELIVRD"));
    ids
}

fn ctl(node: &Node, arguments: &[&str]) -> Finished {
    let url = format!("http://{}", node.place().http());
    smsc(["ctl", "--node", &url].iter().chain(arguments))
}

fn alarm(node: &Node) -> String {
    let status = node.api().get("status");
    let alarms = status["alarms"].as_array().unwrap().iter();
    alarms.filter(|alarm| alarm["what"] == "cdr").map(|alarm| alarm["reason"].to_string()).collect()
}

fn ids(records: &[Record]) -> Vec<&str> {
    let mut ids: Vec<&str> = records.iter().map(|record| text(record, "msg_id")).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_delivered_message_has_one_record_that_says_who_sent_it_whom_to_and_when_and_never_what() {
    let operator = delivering();
    let node = with_cdr(usual(&operator), "").start();
    let id = exchange(&node, 1).remove(0);
    let operator_id = operator.expect_message().operator_message_id;
    let record = CdrBook::expect_records(&folder(node.place()), 1).remove(0);
    for (name, value) in [
        ("type", "final"),
        ("msg_id", &id),
        ("direction", "mt"),
        ("account", "demo"),
        ("bind_type", "trx"),
        ("client_ip", "127.0.0.1"),
        ("link", "op-a"),
        ("link_msg_id", &operator_id),
        ("src", "BRAND"),
        ("dst", "46701234567"),
        ("state", "DELIVRD"),
        ("error", "000"),
    ] {
        assert_eq!(text(&record, name), value, "{name}: {record:?}");
    }
    assert_eq!((number(&record, "schema"), number(&record, "seq"), number(&record, "attempts")), (1, 1, 1));
    assert_eq!(number(&record, "length"), "the secret text".len() as u64);
    let times = ["ts_submit", "ts_final"].map(|name| text(&record, name).to_owned());
    assert!(times[0] <= times[1] && times.iter().all(|time| time.ends_with('Z')), "{times:?}");
    assert!(!format!("{record:?}").contains("secret"), "{record:?}");
}

#[test]
fn every_way_to_end_has_one_record_with_its_state() {
    let operator = delivering();
    let node = with_cdr(usual(&operator), "").start();
    let esme = node.transceiver("demo");
    operator.answers_next([Answer::Refuse(CommandStatus::ESME_RINVDSTADR)]);
    let rejected = esme.submit_ok(&message());
    esme.expect_receipt_of(&rejected);
    let delivered = exchange(&node, 1).remove(0);
    operator.deliver(&Message::to("72345").from("46701234567"));
    esme.expect_delivery();
    let later = message().with(|message| message.schedule_delivery_time = "000001000000000R".into());
    let cancelled = esme.submit_ok(&later);
    node.api().post(&format!("messages/{cancelled}/cancel"));
    let records = CdrBook::expect_records(&folder(node.place()), 4);
    let state_of = |id: &str| {
        let of_it: Vec<&str> =
            records.iter().filter(|record| text(record, "msg_id") == id).map(|record| text(record, "state")).collect();
        of_it.join(" ")
    };
    assert_ne!(state_of(&rejected), "DELIVRD");
    assert_eq!((state_of(&delivered).as_str(), state_of(&cancelled).as_str()), ("DELIVRD", "DELETED"));
    let mo = records.iter().find(|record| text(record, "direction") == "mo").expect("a handset's message");
    assert_eq!((text(mo, "account"), text(mo, "link"), text(mo, "state")), ("demo", "op-a", "DELIVRD"));
}

#[test]
fn csv_has_the_same_records_under_a_header() {
    let operator = delivering();
    let node = with_cdr(usual(&operator), "format = \"csv\"").start();
    let sent = exchange(&node, 3);
    let records = CdrBook::expect_records(&folder(node.place()), 3);
    assert_eq!(ids(&records), sent.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(records.iter().all(|record| number(record, "schema") == 1 && text(record, "state") == "DELIVRD"));
    let (place, _) = node.terminate();
    let book = CdrBook::read(&folder(&place));
    book.assert_whole();
    assert!(book.files[0].name.ends_with("-1.csv"), "{:?}", book.files[0].name);
}

#[test]
fn a_file_is_closed_when_it_is_large_and_when_it_is_old() {
    let operator = delivering();
    let node = with_cdr(usual(&operator), "rotate_size = \"2kB\"\nrotate_every = \"1s\"").start();
    exchange(&node, 20);
    let book = CdrBook::expect(&folder(node.place()), "all are in closed files", |book| {
        book.records().count() == 20 && book.files.iter().all(|file| !file.is_open)
    });
    assert!(book.files.len() > 3, "{} files", book.files.len());
    book.assert_whole();
}

#[test]
fn people_see_how_far_it_is_and_close_a_file_when_they_want() {
    let operator = delivering();
    let node = with_cdr(usual(&operator), "").start();
    let nothing = ctl(&node, &["cdr", "rotate"]);
    assert!(nothing.code == Some(0) && nothing.stdout.contains("nothing to close"), "{nothing:?}");
    exchange(&node, 2);
    CdrBook::expect_records(&folder(node.place()), 2);
    let status = node.api().get("cdr")["nodes"][0].clone();
    assert_eq!((&status["on"], &status["file"]["records"], &status["next_seq"]), (&true.into(), &2.into(), &3.into()));
    let rotated = ctl(&node, &["cdr", "rotate"]);
    assert!(rotated.stdout.contains("-1.ndjson with 2 records"), "{rotated:?}");
    let book = CdrBook::read(&folder(node.place()));
    assert!(book.files.len() == 1 && !book.files[0].is_open);
    book.assert_whole();
    let text = ctl(&node, &["cdr"]).stdout;
    assert!(text.contains("0 wait") && text.contains("closed") && text.contains("-1.ndjson"), "{text}");
    node.expect_metric("smsc_cdr_records_total", &[("type", "final")], 2.0);
    node.expect_metric("smsc_cdr_backlog_records", &[], 0.0);
}

#[test]
fn without_the_section_there_are_none() {
    let operator = delivering();
    let node = usual(&operator).start();
    exchange(&node, 1);
    assert_eq!(node.api().get("cdr")["nodes"][0]["on"], false);
    assert_eq!(node.api().ask("POST", "cdr/rotate", None).refusal().0, 409);
    assert!(!folder(node.place()).exists());
    node.expect_metric("smsc_cdr_backlog_records", &[], 0.0);
}

#[test]
fn a_receipt_that_is_given_up_is_written_beside_the_final_state() {
    let operator = delivering();
    let configuration = Configuration::new()
        .account_with("demo", "receipt_lifetime = \"1s\"")
        .operator(&operator)
        .route("", operator.name());
    let node = with_cdr(configuration, "").start();
    let id = node.transmitter("demo").submit_ok(&message());
    let records = CdrBook::expect_records(&folder(node.place()), 2);
    assert_eq!(ids(&records), [&id, &id]);
    let mut types: Vec<&str> = records.iter().map(|record| text(record, "type")).collect();
    types.sort_unstable();
    assert_eq!(types, ["final", "receipt_given_up"]);
    let given_up = records.iter().find(|record| text(record, "type") == "receipt_given_up").unwrap();
    assert!(!text(given_up, "ts_given_up").is_empty() && text(given_up, "state") == "DELIVRD", "{given_up:?}");
}

#[test]
fn stopping_in_order_writes_all_and_closes_the_file_and_the_next_start_goes_on() {
    let operator = delivering();
    let node = with_cdr(usual(&operator), "").start();
    exchange(&node, 20);
    let (place, finished) = node.terminate();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let book = CdrBook::read(&folder(&place));
    assert_eq!((book.records().count(), book.files.len(), book.files[0].is_open), (20, 1, false));
    let node = place.start_again();
    exchange(&node, 1);
    let (place, _) = node.terminate();
    let book = CdrBook::read(&folder(&place));
    assert_eq!((book.records().count(), book.files.len()), (21, 2));
    book.assert_whole();
}

/// The ledger, the receipts that ESMEs were told, and the CDRs say the same.
fn assert_reconciled(storm: &Storm, book: &CdrBook) {
    book.assert_whole();
    let finals = book.finals();
    let accepted = storm.ledger().message_ids();
    let without: Vec<&String> = accepted.iter().filter(|id| !finals.contains_key(id.as_str())).collect();
    assert!(without.is_empty(), "{} of {} have no record: {without:?}", without.len(), accepted.len());
    for (id, records) in &finals {
        assert_eq!(records.len(), 1, "{id} has several records: {records:?}");
        // All receipts of the storm say so, and the balance has seen all of them.
        assert_eq!(text(records[0], "state"), "DELIVRD", "{records:?}");
    }
}

#[test]
fn after_kills_under_load_every_accepted_message_has_one_record_and_no_number_is_missing() {
    let storm = Storm::new();
    let keys = "rotate_size = \"256kB\"\nrotate_every = \"1s\"";
    let (balance, node) = storm.rage_and_leave(with_cdr(storm.configuration(), keys).start(), |mut node| {
        for kill in 1..=4 {
            storm.ledger().expect(kill * 1_500);
            node = node.restart();
        }
        storm.ledger().expect(5 * 1_500);
        let (place, finished) = node.terminate();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        place.start_again()
    });
    balance.assert_within(Storm::BOUNDS);
    let cdrs = folder(node.place());
    let accepted = storm.ledger().message_ids();
    CdrBook::expect(&cdrs, "every accepted message has a record", |book| {
        let finals = book.finals();
        accepted.iter().all(|id| finals.contains_key(id.as_str()))
    });
    let (place, finished) = node.terminate();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let book = CdrBook::read(&folder(&place));
    assert_reconciled(&storm, &book);
    assert!(book.files.len() > 3, "{} files", book.files.len());
}

#[test]
fn a_full_disk_loses_no_record_wakes_somebody_and_needs_no_restart() {
    let Some(disk) = SmallDisk::of(MIB) else { return };
    let operator = delivering();
    let keys = format!("folder = {:?}", disk.folder().join("cdr"));
    let node = usual(&operator).section("cdr", &keys).start();
    exchange(&node, 1);
    CdrBook::expect_records(&disk.folder().join("cdr"), 1);
    disk.fill(0);
    let mut sent = exchange(&node, 200);
    node.expect_metric_above("smsc_cdr_errors_total", &[], 0.0);
    node.expect_metric_above("smsc_cdr_backlog_records", &[], 100.0);
    eventually("the status says so", || alarm(&node).contains("cannot be written"));
    let text = ctl(&node, &["cdr", "status"]).stdout;
    assert!(text.contains("NOT WRITTEN"), "{text}");
    // What waits survives a kill too, and the file of before is still there.
    let node = node.restart();
    sent.extend(exchange(&node, 1));
    disk.clear();
    CdrBook::expect_records(&disk.folder().join("cdr"), 1 + sent.len());
    eventually("the status is well again", || alarm(&node).is_empty());
    let (_place, _) = node.terminate();
    let book = CdrBook::read(&disk.folder().join("cdr"));
    book.assert_whole();
    assert!(sent.iter().all(|id| book.finals().contains_key(id.as_str())));
}

#[test]
fn a_folder_that_cannot_be_made_does_not_keep_a_node_from_its_work() {
    let operator = delivering();
    let place = with_cdr(usual(&operator), "").place();
    fs::write(folder(&place), "in the way").unwrap();
    let node = place.start_again();
    let sent = exchange(&node, 3);
    eventually("the status says so", || alarm(&node).contains("cannot"));
    assert_eq!(node.api().ask("POST", "cdr/rotate", None).refusal().0, 503);
    fs::remove_file(folder(node.place())).unwrap();
    let records = CdrBook::expect_records(&folder(node.place()), 3);
    assert_eq!(ids(&records), sent);
}

#[test]
fn when_nobody_can_write_new_messages_are_refused_before_a_record_is_lost() {
    let operator = delivering();
    let configuration = usual(&operator).section("store", "messages_max = 5\ndisk_free_min = \"1MiB\"\npartitions = 1");
    let place = with_cdr(configuration, "").place();
    fs::write(folder(&place), "in the way").unwrap();
    let node = place.start_again();
    let sent = exchange(&node, 5);
    let esme = node.transceiver("demo");
    assert_eq!(esme.submit(&message()), Err(CommandStatus::ESME_RMSGQFUL));
    assert_eq!(operator.deliver(&Message::to("72345")), CommandStatus::ESME_RX_T_APPN);
    fs::remove_file(folder(node.place())).unwrap();
    // The operator's own message comes again meanwhile, and may be there too.
    let has = |book: &CdrBook, id: &String| book.records().any(|record| record["msg_id"] == id.as_str());
    CdrBook::expect(&folder(node.place()), "all five", |book| sent.iter().all(|id| has(book, id)));
    eventually("there is room again", || esme.submit(&message()).is_ok());
}

#[test]
fn records_that_were_not_written_when_the_section_was_taken_away_wait_for_it() {
    let operator = delivering();
    let configuration = usual(&operator);
    let place = with_cdr(configuration.clone(), "").place();
    fs::write(folder(&place), "in the way").unwrap();
    let node = place.start_again();
    let sent = exchange(&node, 3);
    let place = node.kill();
    place.configure(&configuration);
    let node = place.start_again();
    node.expect_metric("smsc_cdr_backlog_records", &[], 3.0);
    let place = node.kill();
    fs::remove_file(folder(&place)).unwrap();
    place.configure(&with_cdr(configuration, ""));
    let node = place.start_again();
    assert_eq!(ids(&CdrBook::expect_records(&folder(node.place()), 3)), sent);
}
