//! `kill -9` in the middle of it: what was acknowledged is there afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::chance::Chance;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::storm::Storm;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

/// Waits until the operator's answers that the node has read are durable: what is accepted later is durable later.
fn settled(node: Node) -> Node {
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 1.0);
    node.transmitter("demo").submit_ok(&message().with(|message| {
        message.schedule_delivery_time = "000001000000000R".into();
    }));
    node
}

/// Messages to several handsets, told apart by their text.
fn numbered(numbers: std::ops::Range<usize>) -> Vec<Message> {
    numbers
        .map(|number| Message::to(&format!("4670123{:04}", number % 1_000)).text(&number.to_string()).receipt())
        .collect()
}

#[test]
fn accepted_messages_survive_a_kill() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(0..500), 100, |_, answer| assert!(answer.is_ok()));
    let _node = node.restart();
    operator.opens();
    let mut texts = operator.expect_messages(500).into_iter().map(|one| one.message.as_text()).collect::<Vec<_>>();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 500, "all of them, and none twice: none had left");
}

#[test]
fn a_message_survives_a_kill_as_it_was() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let message = message().from("Brand").octets(b"\x05\x00\x03\x07\x02\x01 \xff octets").tlv(0x1401, b"template");
    let message = message.with(|message| (message.esm_class, message.data_coding) = (0x40, 0xF5));
    node.transmitter("demo").submit_ok(&message);
    let _node = node.restart();
    operator.opens();
    let arrived = operator.expect_message().message;
    assert_eq!((arrived.source, arrived.destination), (message.source, message.destination));
    assert_eq!((arrived.esm_class & 0x40, arrived.data_coding), (0x40, 0xF5));
    assert_eq!((arrived.short_message, arrived.tlvs), (message.short_message, message.tlvs));
}

#[test]
fn a_receipt_that_waits_survives_a_kill() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message_id = node.transmitter("demo").submit_ok(&message().text("hello"));
    let receipt = operator.report(&operator.expect_message(), MessageState::Delivered);
    assert_eq!(operator.expect_answer(receipt), CommandStatus::ESME_ROK);
    let receipt = node.restart().receiver("demo").expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "DELIVRD"));
    assert_eq!(receipt.text, "hello");
}

#[test]
fn a_receipt_may_come_after_a_kill() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message_id = node.transmitter("demo").submit_ok(&message());
    let submitted = operator.expect_message();
    let node = settled(node).restart();
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(node.receiver("demo").expect_receipt().message_id, message_id);
    assert_eq!(operator.message_count(), 1, "what was answered is not sent again");
}

#[test]
fn a_receipt_that_beat_its_response_survives_a_kill() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = Node::with(&operator);
    let message_id = node.transmitter("demo").submit_ok(&message());
    let first = operator.expect_message();
    let early = operator.report(&first, MessageState::Delivered);
    assert_eq!(operator.expect_answer(early), CommandStatus::ESME_ROK);
    // The operator gives the copy the id that it gave the first: it knows the message already.
    operator.writes_ids(smsc_tests::operator::IdForm {
        in_response: |_| "3735928559".to_owned(),
        in_receipt: |id| id.to_string(),
    });
    operator.answers(Answer::Accept);
    let node = node.restart();
    assert_eq!(operator.expect_message().message.as_text(), first.message.as_text());
    assert_eq!(node.receiver("demo").expect_receipt().message_id, message_id, "Q22");
}

#[test]
fn a_message_from_a_handset_survives_a_kill() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message = Message::to("72345").from("46701234567").text("acknowledged");
    assert_eq!(operator.deliver(&message), CommandStatus::ESME_ROK);
    assert_eq!(node.restart().receiver("demo").expect_delivery().message, message);
}

#[test]
fn a_scheduled_message_survives_a_kill() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let begin = Instant::now();
    node.transmitter("demo").submit_ok(&message().with(|message| {
        message.schedule_delivery_time = "000000000003000R".into();
    }));
    let _node = node.restart();
    let arrived = operator.expect_message();
    assert!((arrived.at - begin).as_millis() >= 2_950, "it came after {:?}", arrived.at - begin);
}

#[test]
fn a_message_id_is_not_given_again_after_a_restart() {
    let operator = Operator::start("op-a");
    let mut node = Node::with(&operator);
    let mut last = 0;
    for _ in 0..3 {
        let id = node.transmitter("demo").submit_ok(&message()).parse::<u64>().unwrap();
        assert!(id > last);
        last = id;
        node = node.restart();
    }
}

#[test]
fn a_node_comes_back_after_kill_upon_kill() {
    let operator = Operator::start("op-a");
    operator.closes();
    let mut node = Node::with(&operator);
    for number in 0..5 {
        node.transmitter("demo").submit_ok(&message().text(&number.to_string()));
        node = node.restart();
    }
    operator.opens();
    let texts = operator.expect_messages(5).into_iter().map(|one| one.message.as_text()).collect::<Vec<_>>();
    assert_eq!(texts, ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_kill_in_the_middle_of_20_000_submits_loses_no_message_and_no_receipt() {
    let storm = Storm::new();
    let balance = storm.rage(storm.configuration().start(), |node| {
        storm.ledger().expect(10_000);
        let node = node.restart();
        storm.ledger().expect(20_000);
        node
    });
    balance.assert_within(Storm::BOUNDS);
}

/// Kills the node so often, each time a random while after it began to accept again.
fn kill_at_random_moments(kills: usize) {
    let (storm, mut chance) = (Storm::new(), Chance::from_environment());
    let balance = storm.rage(storm.configuration().start(), |mut node| {
        for _ in 0..kills {
            storm.ledger().expect(storm.ledger().count() + 1);
            std::thread::sleep(chance.below(Duration::from_millis(200)));
            node = node.restart();
        }
        storm.ledger().expect(storm.ledger().count() + 1);
        node
    });
    eprintln!(
        "{kills} kills: {} accepted, {} copies at the operator, {} receipts came again",
        balance.accepted, balance.copies, balance.receipts_repeated
    );
    balance.assert_within(Storm::BOUNDS);
}

#[test]
fn ten_kills_at_random_moments_lose_no_message_and_no_receipt() {
    kill_at_random_moments(10);
}

#[test]
#[ignore = "takes minutes: tests/run --long"]
fn a_hundred_kills_at_random_moments_lose_no_message_and_no_receipt() {
    kill_at_random_moments(100);
}

#[test]
fn a_data_folder_belongs_to_one_node_at_a_time() {
    let operator = Operator::start("op-a");
    let first = Node::with(&operator);
    let data = format!("data_dir = {:?}", first.place().data());
    let ended = usual(&operator).section("node", &data).start_in_vain();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "one clear line: {ended:?}");
    assert!(ended.stderr.contains(&first.place().data().display().to_string()), "{ended:?}");
    first.transmitter("demo").submit_ok(&message());
    operator.expect_message();
}

#[test]
fn a_data_folder_of_another_node_is_refused() {
    let operator = Operator::start("op-a");
    let place = Node::with(&operator).terminate().0;
    place.configure(&usual(&operator).section("node", "number = 7"));
    refuses_and_changes_nothing(&place, "number");
}

#[test]
fn a_data_folder_of_a_newer_version_is_refused() {
    let operator = Operator::start("op-a");
    let place = Node::with(&operator).terminate().0;
    let stamp = place.data().join("node.toml");
    let text = fs::read_to_string(&stamp).unwrap();
    fs::write(&stamp, text.replace("format = 1", "format = 99")).unwrap();
    refuses_and_changes_nothing(&place, "newer");
}

#[test]
fn a_journal_that_is_damaged_in_the_middle_is_refused() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    esme.submit_ok(&message().text("a needle in the journal"));
    esme.submit_all(numbered(0..2_000), 100, |_, answer| assert!(answer.is_ok()));
    let place = node.kill();
    let damaged = files(&place.data()).into_iter().filter(|file| damage(file, b"a needle in the journal")).count();
    assert!(damaged > 0, "the text stands in the journal");
    refuses_and_changes_nothing(&place, "");
}

#[test]
fn a_torn_record_at_the_end_is_dropped() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(0..200), 100, |_, answer| assert!(answer.is_ok()));
    esme.submit_ok(&message().text("the very last message"));
    let place = node.kill();
    let torn = files(&place.data()).into_iter().filter(|file| damage(file, b"the very last message")).count();
    assert!(torn > 0, "the text stands in the journal");
    let _node = place.start_again();
    operator.opens();
    // Whether the last one is there is not said: its record was torn by us, not by a crash.
    operator.expect_messages(200);
}

/// Overwrites the text wherever it stands in that file.
fn damage(file: &Path, text: &[u8]) -> bool {
    let mut octets = fs::read(file).unwrap();
    let places = octets.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    let places = places.map(|(place, _)| place).collect::<Vec<_>>();
    places.iter().for_each(|place| octets[*place..*place + text.len()].fill(0x55));
    if !places.is_empty() {
        fs::write(file, octets).unwrap();
    }
    !places.is_empty()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The node does not start here, says so in one line that contains `word`, and leaves every file as it was.
fn refuses_and_changes_nothing(place: &smsc_tests::node::Place, word: &str) {
    let contents = || files(&place.data()).into_iter().map(|file| (file.clone(), fs::read(file).unwrap()));
    let before = contents().collect::<Vec<_>>();
    let ended = place.start_in_vain();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "one clear line: {ended:?}");
    assert!(ended.stderr.contains(word), "{word:?} is not in {ended:?}");
    let after = contents().collect::<Vec<_>>();
    for (file, octets) in &before {
        let now = after.iter().find(|(known, _)| known == file);
        assert!(now.is_some_and(|(_, now)| now == octets), "{} is not as it was", file.display());
    }
}
