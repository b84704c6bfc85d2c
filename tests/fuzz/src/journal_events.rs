//! Records whose checksum is sound, with any events in them: as a fault of ours, or a cleverer one than a disk's, would
//! leave them.
//!
//! Replay says which record and octet cannot be, or it takes them; and what it has taken lives on: it can be asked,
//! pulled and ended, and the journal that it then has replays again.
//!
//! Input: which form. Form 0: one record as it is. Form 1: the same with a sound checksum, its batch left open, so that
//! its names stay unread (names are kept for the life of the process). Form 2: records of a known head and known names,
//! each given by flags, number of events, marks, base and the octets of its events.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use smsc_proto::ids::OperatorMessageId;
use smsc_store::journal::RecordNumber;
use smsc_store::{LeasedDelivery, Outcome, StoreError};

use crate::partition::{NAMES, Node, START, empty, outboxes, replayed};

const FIRST: u8 = 1;
const LAST: u8 = 2;
const RECORDS_MAX: usize = 8;

/// Replays what the input says.
pub fn run(input: &[u8]) {
    let Some((form, rest)) = input.split_first() else { return };
    match form % 3 {
        0 => one_record(rest),
        1 => one_record(&sealed(open_batch(rest.to_vec()))),
        _ => {
            let mut records = Vec::new();
            let mut input = Unstructured::new(rest);
            while records.len() < RECORDS_MAX && !input.is_empty() {
                let number = records.len() as u64 + 1;
                let Ok(record) = forged(number, &mut input) else { break };
                records.push((number, record));
            }
            journal(records);
        }
    }
}

fn one_record(record: &[u8]) {
    // The number that it says it has, so that this is not what it fails for.
    let number = record.get(8..16).and_then(|octets| octets.try_into().ok()).map_or(1, u64::from_le_bytes);
    let mut partition = empty();
    if let Err(error) = partition.replay(number, record) {
        check_error(&error, number, record);
    }
}

fn open_batch(mut record: Vec<u8>) -> Vec<u8> {
    if let Some(flags) = record.get_mut(1) {
        *flags = *flags & !LAST | FIRST;
    }
    record
}

fn check_error(error: &StoreError, number: RecordNumber, record: &[u8]) {
    match error {
        StoreError::Damaged { record: damaged, offset, what } => {
            assert_eq!(*damaged, number, "the record is named: {what}");
            assert!(*offset <= record.len(), "the octet lies in the record: {what}");
        }
        StoreError::NewerFormat { found, known } => assert!(found > known),
        other => panic!("a record alone cannot be the reason for {other}"),
    }
}

fn journal(records: Vec<(RecordNumber, Bytes)>) {
    let mut partition = empty();
    let mut batch_from = 1;
    for (number, record) in &records {
        if let Err(error) = partition.replay(*number, record) {
            // A batch is applied when its last record has come.
            let StoreError::Damaged { record: damaged, offset, .. } = &error else { panic!("{error}") };
            assert!((batch_from..=*number).contains(damaged), "{error}: the record is one of the batch");
            assert!(*offset <= records[*damaged as usize - 1].1.len(), "{error}: the octet lies in the record");
            return;
        }
        if record[1] & LAST != 0 {
            batch_from = number + 1;
        }
    }
    partition.recovered(START);
    live_on(Node::around(partition, records, START));
}

/// What was taken is pulled and settled, time passes, and a restart brings back the same.
fn live_on(mut node: Node) {
    let mut id = 1_000;
    for outbox in outboxes() {
        let leased: Vec<LeasedDelivery> = node.pull(outbox, 20);
        for (at, leased) in leased.into_iter().enumerate() {
            id += 1;
            let operator_message_id = Some(OperatorMessageId::Decimal(id));
            let outcome = match at % 3 {
                0 => Outcome::Sent { operator_message_id, receipt_expected: true },
                1 => Outcome::Delivered,
                _ => Outcome::LinkLost { retry_at: node.now.plus(Duration::from_secs(60)) },
            };
            node.settle(leased.lease, outcome);
        }
    }
    node.release();
    node.wait(Duration::from_secs(3_600));
    node.clean();
    node.wait(Duration::ZERO);
    let before = node.picture(&[]);
    let again = replayed(&node.journal, node.now);
    let again = again.unwrap_or_else(|error| panic!("what was taken once is refused now: {error}"));
    let mut again = Node::around(again, node.journal.clone(), node.now);
    // What has been forgotten since is forgotten again.
    again.wait(Duration::ZERO);
    assert_eq!(again.picture(&[]), before, "a restart brings back what was there");
}

/// A record with these events. Marks and base are small numbers, or a distance from where lives begin.
fn forged(number: RecordNumber, input: &mut Unstructured<'_>) -> Result<Bytes> {
    let [flags, count, slot, parked, tick] = input.arbitrary::<[u8; 5]>()?;
    let length = input.arbitrary::<u16>()?;
    let events = input.bytes(usize::from(length).min(input.len()))?;
    let mut record = vec![1, flags & (FIRST | LAST)];
    record.extend((NAMES.len() as u16).to_le_bytes());
    record.extend(u32::from(count).to_le_bytes());
    let marks = [number, u64::from(tick), u64::from(slot), u64::from(parked)];
    let base = [u64::from(tick), u64::from(slot), START.as_millis()];
    for value in marks.into_iter().chain(base) {
        record.extend(value.to_le_bytes());
    }
    for name in NAMES {
        record.extend((name.len() as u16).to_le_bytes());
        record.extend(name.as_bytes());
    }
    record.extend(events);
    Ok(sealed(record).into())
}

fn sealed(mut record: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&record);
    record.extend(checksum.to_le_bytes());
    record
}

/// Journals of whole lives in every form.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut node = Node::new();
    let [account, op_a, op_b] = outboxes();
    node.accept(&[op_a, op_b], 1, &[Bytes::from_static(b"submit_sm")]);
    node.accept(&[account], 0, &[Bytes::from_static(b"deliver_sm"), Bytes::new()]);
    for outcome in [
        Outcome::Sent { operator_message_id: Some(OperatorMessageId::Decimal(7)), receipt_expected: true },
        Outcome::LinkLost { retry_at: START },
    ] {
        let leased = node.pull(if outcome == (Outcome::LinkLost { retry_at: START }) { op_b } else { op_a }, 1);
        leased.into_iter().for_each(|leased| node.settle(leased.lease, outcome.clone()));
    }
    node.receipt(99, smsc_proto::message_state::MessageState::Delivered);
    node.receipt(7, smsc_proto::message_state::MessageState::Delivered);
    node.wait(Duration::from_secs(90_000));
    let mut seeds = Vec::new();
    let mut all = vec![2];
    for (_, record) in &node.journal {
        seeds.push([&[0], &record[..]].concat());
        seeds.push([&[1], &record[..record.len() - 4]].concat());
        all.extend(unforged(record));
        seeds.push([&[2], &unforged(record)[..]].concat());
        seeds.push(all.clone());
    }
    seeds
}

/// What [`forged`] makes a record of the same events from. Its names must be numbered as here, so they are put in the
/// place of the record's own only where those are the same.
fn unforged(record: &[u8]) -> Vec<u8> {
    let names = u16::from_le_bytes([record[2], record[3]]);
    let events_at = (0..names).fold(64, |at, _| at + 2 + usize::from(u16::from_le_bytes([record[at], record[at + 1]])));
    let events = &record[events_at..record.len() - 4];
    let mut octets = vec![record[1], record[4], record[48], record[32], record[40]];
    octets.extend((events.len() as u16).to_le_bytes());
    octets.extend(events);
    octets
}
