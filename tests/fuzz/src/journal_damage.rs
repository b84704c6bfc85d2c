//! A journal that a disk, or whoever wrote into the folder, has cut, changed, repeated or mixed up.
//!
//! A node lives a while and writes a journal. Replayed as it is, it brings back what was there. Damaged in one place, it
//! is refused with the record and the octet; cut off at its end, it brings back a batch as a whole or not at all. It is
//! never a third thing.
//!
//! Input: how it is damaged, four octets; then the steps of the life.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use smsc_proto::ids::{MessageId, OperatorMessageId};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_store::journal::RecordNumber;
use smsc_store::{LeasedDelivery, Outcome, StoreError};

use crate::partition::{Node, Picture, outboxes, replayed};

/// Records of one life at most: what it costs to replay is squared in it.
const RECORDS_MAX: usize = 40;
/// Octets of a record before its names.
const HEAD: usize = 64;
const CHECKSUM: usize = 4;
/// The kinds of events are numbered from 1 to this.
const EVENT_KINDS: u8 = 19;

type Journal = Vec<(RecordNumber, Bytes)>;

/// One life, one journal, one damage.
pub fn run(input: &[u8]) {
    let Some((damage, steps)) = input.split_first_chunk() else { return };
    let mut life = Life::new();
    let mut steps = Unstructured::new(steps);
    while !steps.is_empty() && life.node.journal.len() < RECORDS_MAX && life.step(&mut steps).is_ok() {}
    life.check_restart();
    if !life.node.journal.is_empty() {
        life.check_damage(*damage);
    }
}

struct Life {
    node: Node,
    ids: Vec<MessageId>,
    leases: Vec<LeasedDelivery>,
    next_id: u64,
}

impl Life {
    fn new() -> Self {
        Self { node: Node::new(), ids: Vec::new(), leases: Vec::new(), next_id: 0 }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let [step, argument] = input.arbitrary::<[u8; 2]>()?;
        let [account, op_a, op_b] = outboxes();
        match step % 12 {
            0..=2 => {
                let to: &[_] = match argument >> 4 & 3 {
                    0 | 1 => &[op_a],
                    2 => &[op_a, op_b],
                    _ => &[account],
                };
                let bodies: Vec<Bytes> = match argument >> 6 {
                    0 => vec![Bytes::from_static(b"submit_sm")],
                    1 => vec![vec![argument; 7].into(); 3],
                    2 => vec![Bytes::new()],
                    // A batch of several records, one body in two of them.
                    _ => vec![vec![argument; 50_000].into(), vec![argument; 3].into()],
                };
                self.ids.extend(self.node.accept(to, argument & 0x0F, &bodies));
            }
            3 | 4 => {
                let outbox = outboxes()[usize::from(argument % 3)];
                let leased = self.node.pull(outbox, u32::from(argument >> 4));
                self.leases.extend(leased);
            }
            5..=7 => {
                if let Some(leased) = self.leases.pop() {
                    let outcome = self.outcome(argument);
                    self.node.settle(leased.lease, outcome);
                }
            }
            8 => {
                const STATES: [MessageState; 4] = [
                    MessageState::Delivered,
                    MessageState::Undeliverable,
                    MessageState::Enroute,
                    MessageState::Expired,
                ];
                self.node.receipt(u64::from(argument >> 2), STATES[usize::from(argument & 3)]);
            }
            9 => self.node.wait(Duration::from_secs(60 * u64::from(argument))),
            10 => self.node.clean(),
            _ => {
                self.node.release();
                self.leases.clear();
            }
        }
        Ok(())
    }

    fn outcome(&mut self, argument: u8) -> Outcome {
        let retry_at = self.node.now.plus(Duration::from_secs(u64::from(argument)));
        match argument & 7 {
            0..=2 => {
                self.next_id = (self.next_id + 1) % 16;
                let operator_message_id = (argument & 8 == 0).then_some(OperatorMessageId::Decimal(self.next_id));
                Outcome::Sent { operator_message_id, receipt_expected: argument & 16 == 0 }
            }
            3 => Outcome::Delivered,
            4 => Outcome::Refused {
                status: CommandStatus::ESME_RINVDSTADR,
                state: MessageState::Rejected,
                error: *b"011",
            },
            5 => Outcome::Retry { at: retry_at, status: CommandStatus::ESME_RTHROTTLED },
            6 => Outcome::LinkLost { retry_at },
            _ => Outcome::Unanswered { retry_at },
        }
    }

    fn replay(&self, journal: &[(RecordNumber, Bytes)]) -> std::result::Result<Node, StoreError> {
        let partition = replayed(journal, self.node.now)?;
        let mut node = Node::around(partition, journal.to_vec(), self.node.now);
        // What has been forgotten since is forgotten again.
        node.wait(Duration::ZERO);
        Ok(node)
    }

    /// A restart brings back what was there, also when the cleaner has dropped what it may.
    fn check_restart(&mut self) {
        self.node.release();
        self.node.wait(Duration::ZERO);
        let before = self.node.picture(&self.ids);
        let mut whole = self.replay(&self.node.journal).expect("what was written replays");
        let seen = whole.picture(&self.ids);
        assert_eq!(seen, before, "a restart brings back what was there");
        let kept: Journal =
            self.node.journal.iter().filter(|(number, _)| *number >= self.node.keep_from).cloned().collect();
        let mut kept = self.replay(&kept).expect("what was kept replays");
        assert_eq!(kept.picture(&self.ids), seen, "the cleaner has dropped something that was needed");
        let mut due = [kept.due(), whole.due()];
        for due in &mut due {
            due.sort_by_key(|(outbox, id, _, attempt, body)| (*outbox, *id, *attempt, body.clone()));
        }
        assert_eq!(due[0], due[1], "what is due is due, with its body");
    }

    fn check_damage(&mut self, [kind, which, at, how]: [u8; 4]) {
        let journal = &self.node.journal;
        let index = usize::from(which) % journal.len();
        let (number, record) = journal[index].clone();
        let place = usize::from(at) * record.len() / 256;
        match kind % 9 {
            0 => self.check_cut(index),
            1 => {
                let mut octets = record.to_vec();
                octets[place] ^= how.max(1);
                self.refused_at(index, octets, None);
            }
            2 => self.refused_at(index, record[..place].to_vec(), None),
            3 => self.refused_at(index, [&record[..], &[at, how]].concat(), None),
            4 => {
                let unknown = how.saturating_add(EVENT_KINDS + 1);
                let events_at = events_at(&record);
                self.refused_at(index, resealed(&record, |octets| octets[events_at] = unknown), Some(events_at));
            }
            5 => {
                let end = record.len() - CHECKSUM;
                self.refused_at(index, resealed(&record, |octets| octets.push(how)), Some(end));
            }
            6 => {
                // Repeated under the next number, the others behind it.
                let repeated = journal[index..].iter().map(|(number, record)| (number + 1, record.clone()));
                let damaged: Journal = journal[..=index].iter().cloned().chain(repeated).collect();
                expect_damaged(self.replay(&damaged), number + 1, Some(8));
            }
            7 => {
                // Handed out twice, or after a later one.
                let mut damaged = journal.clone();
                damaged.insert(index + 1 + usize::from(at) % (journal.len() - index), (number, record));
                expect_damaged(self.replay(&damaged), number, Some(0));
            }
            _ if index > 0 && index + 1 < journal.len() => {
                let mut damaged = journal.clone();
                damaged.remove(index);
                match self.replay(&damaged).map(|_| ()) {
                    Err(StoreError::Gap { missing, next }) => assert_eq!((missing, next), (number, number + 1)),
                    other => panic!("record {number} is missing, and replay says {other:?}"),
                }
            }
            _ => {}
        }
    }

    /// The last records are not there: the state is that after the last whole batch.
    fn check_cut(&mut self, left: usize) {
        let journal = self.node.journal.clone();
        let whole = (0..left).rev().find(|index| is_last(&journal[*index].1)).map_or(0, |last| last + 1);
        let mut torn = self.replay(&journal[..left]).expect("a torn end is dropped");
        let mut prefix = self.replay(&journal[..whole]).expect("a prefix of batches replays");
        let pictures: [Picture; 2] = [&mut torn, &mut prefix].map(|node| node.picture(&self.ids));
        assert_eq!(pictures[0], pictures[1], "all of a batch, or nothing");
        assert_eq!(torn.due(), prefix.due());
        assert_eq!(torn.partition.stats(torn.now).counters.replay_torn, u64::from(whole < left), "and it is counted");
    }

    /// With these octets in its place the record is damaged, at that octet.
    fn refused_at(&self, index: usize, octets: Vec<u8>, offset: Option<usize>) {
        let mut damaged = self.node.journal.clone();
        let number = damaged[index].0;
        damaged[index].1 = octets.into();
        expect_damaged(self.replay(&damaged), number, offset);
    }
}

fn expect_damaged(replayed: std::result::Result<Node, StoreError>, number: RecordNumber, at: Option<usize>) {
    match replayed.map(|_| ()) {
        Err(StoreError::Damaged { record, offset, .. }) => {
            assert_eq!(record, number, "the record is named");
            assert!(at.is_none_or(|at| at == offset), "damaged at octet {offset}, and not at {at:?}");
        }
        other => panic!("record {number} is damaged at octet {at:?}, and replay says {other:?}"),
    }
}

/// Whether the record ends its batch.
fn is_last(record: &[u8]) -> bool {
    record[1] & 2 != 0
}

/// Where the events begin: behind the head and the names.
fn events_at(record: &[u8]) -> usize {
    let names = u16::from_le_bytes([record[2], record[3]]);
    (0..names).fold(HEAD, |at, _| at + 2 + usize::from(u16::from_le_bytes([record[at], record[at + 1]])))
}

fn resealed(record: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut octets = record[..record.len() - CHECKSUM].to_vec();
    change(&mut octets);
    let checksum = crc32fast::hash(&octets);
    octets.extend_from_slice(&checksum.to_le_bytes());
    octets
}

/// Whole lives of messages, each with every damage.
pub fn seeds() -> Vec<Vec<u8>> {
    let lives: [&[u8]; 5] = [
        // Accepted, sent, receipt, receipt delivered.
        &[0, 1, 3, 0x11, 5, 0, 8, 4, 3, 0x10, 5, 3],
        // Two deliveries; refused, retried, lost, unanswered; a parked receipt; time.
        &[0, 0x21, 3, 0x11, 5, 4, 3, 0x12, 5, 5, 9, 1, 3, 0x12, 5, 6, 3, 0x12, 5, 7, 8, 0x40, 9, 70, 9, 255],
        // A batch of several records, and what comes behind it.
        &[0, 0xC1, 0, 0x41, 3, 0x41, 5, 0, 5, 1, 8, 4, 8, 8, 10, 0],
        // MO, and messages without receipts.
        &[0, 0x30, 0, 0, 3, 0x40, 5, 3, 3, 0x21, 5, 0x10, 11, 0, 9, 255, 9, 255],
        // Enough for the cleaner.
        &[0, 0x41, 0, 0x41, 0, 0x41, 3, 0x91, 5, 4, 5, 4, 5, 4, 5, 0, 5, 0, 9, 255, 9, 255, 10, 0, 0, 1, 10, 0],
    ];
    let mut seeds = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        for kind in 0..9 {
            let [at, how] = [25 * kind + 3, 1 << (kind % 8)];
            seeds.push([&[kind, number as u8 + kind, at, how], *life].concat());
        }
    }
    seeds
}
