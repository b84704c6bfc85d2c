//! Between the parts of a frame and what they mean. Whatever a peer sends either means something or is refused here.

use std::collections::HashMap;

use bytes::Bytes;
use smsc_proto::ids::{MessageAlias, MessageId, MessageRef, OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::timestamp::Timestamp;
use smsc_store::{
    Cancelling, Content, DeliveryStatus, Fingerprint, Lease, LeasedDelivery, Matching, Name, NewMessage, NewText,
    NotReplaced, OperatorReceipt, Origin, Outbox, Outcome, Owned, ReceiptRequest, Settlement,
};
use uuid::Uuid;

use super::error::RelayError;
use super::new_messages;
use super::part::{Answer, Question, Replacing, ToHolder, ToOwner};
use super::wire::{self, part::Part};

/// Names that one peer may say: far more than a configuration has.
const NAMES_MAX: usize = 65_536;

/// What a frame's part means.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Said {
    Beat,
    ToOwner(ToOwner),
    ToHolder(ToHolder),
    /// From a node that has no partition. Their tags are the asker's, answered with [`ToHolder::Kept`].
    NewMessages {
        partition: PartitionId,
        items: Vec<NewMessage>,
    },
}

/// Who has opened a stream, and what it owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its node number.
    pub number: u16,
    /// Of this run of its process.
    pub incarnation: Uuid,
    /// Its partitions.
    pub owned: Vec<Owned>,
}

impl Greeting {
    /// As the first frame says it.
    pub fn to_part(&self) -> Part {
        Part::Greeting(wire::Greeting {
            number: self.number.into(),
            incarnation: self.incarnation.as_bytes().to_vec().into(),
            partitions: partitions_out(&self.owned),
            lives: lives_out(&self.owned),
        })
    }

    /// Reads the first frame.
    pub fn of(frame: wire::Frame) -> Result<Self, RelayError> {
        let mut parts = frame.parts.into_iter().map(|part| part.part);
        let Some(Some(Part::Greeting(greeting))) = parts.next() else {
            return Err(RelayError::Malformed("a first frame without a greeting"));
        };
        Ok(Self {
            number: u16::try_from(greeting.number).map_err(|_| RelayError::Malformed("a node number"))?,
            incarnation: Uuid::from_slice(&greeting.incarnation)
                .map_err(|_| RelayError::Malformed("an incarnation"))?,
            owned: owned_in(&greeting.partitions, &greeting.lives)?,
        })
    }
}

// --- out ---

/// What is said to an owner.
pub fn to_owner(said: ToOwner) -> Part {
    match said {
        ToOwner::Register { holder, outbox } => {
            Part::Register(wire::Register { holder, outbox: Some(party_of(outbox)) })
        }
        ToOwner::Release { holder } => Part::Release(holder),
        ToOwner::Holding { leases } => {
            Part::Holding(wire::Holding { leases: leases.into_iter().map(lease_out).collect() })
        }
        ToOwner::Resumed => Part::Resumed(wire::Resumed {}),
        ToOwner::Pull { partition, holder, room } => {
            Part::Pull(wire::Pull { partition: partition.number().into(), holder, room })
        }
        ToOwner::Outcomes { batch, partition, holder, items } => Part::Outcomes(wire::Outcomes {
            batch,
            partition: partition.number().into(),
            holder,
            outcomes: items.into_iter().map(outcome_out).collect(),
        }),
        ToOwner::Receipts { partition, matching, park, items } => Part::Receipts(wire::Receipts {
            partition: partition.number().into(),
            forgiving: matching == Matching::Forgiving,
            park,
            receipts: items.into_iter().map(receipt_out).collect(),
        }),
        ToOwner::Heard { number } => Part::Heard(number),
        ToOwner::Question { number, partition, question } => Part::Question(wire::Question {
            number,
            partition: partition.number().into(),
            question: Some(question_out(question)),
        }),
    }
}

/// What is said to a holder.
pub fn to_holder(said: ToHolder) -> Part {
    match said {
        ToHolder::Ring { holder, partition } => Part::Ring(wire::Ring { partition: partition.number().into(), holder }),
        ToHolder::Leased { partition, holder, items, more } => Part::Leased(wire::Leased {
            partition: partition.number().into(),
            holder,
            deliveries: items.into_iter().map(delivery_out).collect(),
            more,
        }),
        ToHolder::Confirmed { batch } => Part::Confirmed(batch),
        ToHolder::Receipts { recorded, unmatched } => {
            Part::ReceiptsAnswer(wire::ReceiptsAnswer { recorded, unmatched })
        }
        ToHolder::Owned { number, owned } => {
            Part::Owned(wire::Owned { number, partitions: partitions_out(&owned), lives: lives_out(&owned) })
        }
        ToHolder::Kept { items } => new_messages::kept_out(items),
        ToHolder::Answer { number, answer } => Part::Answer(wire::Answer { number, answer: Some(answer_out(answer)) }),
    }
}

fn partitions_out(owned: &[Owned]) -> Vec<u32> {
    owned.iter().map(|owned| owned.partition.number().into()).collect()
}

fn lives_out(owned: &[Owned]) -> Vec<u64> {
    owned.iter().map(|owned| owned.life).collect()
}

pub(super) fn party_of(outbox: Outbox) -> wire::Party {
    let (account, name) = match outbox {
        Outbox::Account(name) => (true, name),
        Outbox::Operator(name) => (false, name),
    };
    wire::Party { account, name: name.as_str().to_owned() }
}

pub(super) fn origin_out(origin: Origin) -> wire::Party {
    party_of(match origin {
        Origin::Account(name) => Outbox::Account(name),
        Origin::Operator(name) => Outbox::Operator(name),
    })
}

fn lease_out(lease: Lease) -> wire::Lease {
    wire::Lease { partition: lease.partition.number().into(), slot: lease.slot, number: lease.number }
}

fn error_out(error: ReceiptError) -> Bytes {
    Bytes::copy_from_slice(&error)
}

fn id_out(id: Option<OperatorMessageId>) -> Bytes {
    match id {
        None => Bytes::new(),
        Some(OperatorMessageId::Decimal(value)) => Bytes::copy_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        Some(OperatorMessageId::Text(octets)) => octets.into_vec().into(),
    }
}

fn delivery_out(item: LeasedDelivery) -> wire::Delivery {
    wire::Delivery {
        slot: item.lease.slot,
        number: item.lease.number,
        message_id: item.message_id.as_u64(),
        aliased: item.aliased,
        origin: Some(origin_out(item.origin)),
        report: match item.content {
            Content::Message => None,
            Content::Receipt { state, error, done } => {
                Some(wire::Report { state: state as u32, error: error_out(error), done: done.as_millis() })
            }
        },
        body: Bytes::from_owner(item.body),
        attempt: item.attempt,
        accepted: item.accepted.as_millis(),
        expires: item.expires.as_millis(),
    }
}

fn outcome_out(settlement: Settlement) -> wire::Outcome {
    use wire::outcome::Outcome as Out;
    let Settlement { lease, outcome, late } = settlement;
    let outcome = match outcome {
        Outcome::Sent { operator_message_id, receipt_expected } => {
            Out::Sent(wire::Sent { operator_message_id: id_out(operator_message_id), receipt_expected })
        }
        Outcome::Delivered => Out::Delivered(wire::Delivered {}),
        Outcome::Retry { at, status } => Out::Retry(wire::Retry { at: at.as_millis(), status: status.0 }),
        Outcome::Elsewhere { outbox, status } => {
            Out::Elsewhere(wire::Elsewhere { outbox: Some(party_of(outbox)), status: status.0 })
        }
        Outcome::Refused { status, state, error } => {
            Out::Refused(wire::Refused { status: status.0, state: state as u32, error: error_out(error) })
        }
        Outcome::LinkLost { retry_at } => Out::LinkLost(retry_at.as_millis()),
        Outcome::Unanswered { retry_at } => Out::Unanswered(retry_at.as_millis()),
        Outcome::NotSent => Out::NotSent(wire::NotSent {}),
    };
    wire::Outcome { slot: lease.slot, number: lease.number, late, outcome: Some(outcome) }
}

fn receipt_out(receipt: OperatorReceipt) -> wire::Receipt {
    wire::Receipt {
        tag: receipt.tag,
        operator: receipt.operator.as_str().to_owned(),
        operator_message_id: id_out(Some(receipt.operator_message_id)),
        report: Some(wire::Report {
            state: receipt.state as u32,
            error: error_out(receipt.error),
            done: receipt.done.as_millis(),
        }),
        destination: receipt.destination,
    }
}

fn message_out(message: MessageRef) -> wire::MessageName {
    let name = match message {
        MessageRef::Id(id) => wire::message_name::Name::Id(id.as_u64()),
        MessageRef::Alias(alias) => wire::message_name::Name::Alias(alias.as_u32()),
    };
    wire::MessageName { name: Some(name) }
}

fn question_out(question: Question) -> wire::question::Question {
    use wire::question::Question as Out;
    match question {
        Question::Find(message) => Out::Find(message_out(message)),
        Question::Cancel { account, like, what } => Out::Cancel(wire::Cancel {
            account: account.as_str().to_owned(),
            like: like.to_bits(),
            what: Some(match what {
                Cancelling::Message(message) => wire::cancel::What::Message(message_out(message)),
                Cancelling::Between { destination } => wire::cancel::What::Destination(destination),
            }),
        }),
        Question::Replace(replacing) => {
            let Replacing { account, like, message, due, expires, receipts, text } = *replacing;
            Out::Replace(wire::Replace {
                account: account.as_str().to_owned(),
                like: like.to_bits(),
                message: Some(message_out(message)),
                due: due.map(Timestamp::as_millis),
                expires: expires.map(Timestamp::as_millis),
                receipts: receipts.0.into(),
                text: text.octets,
                payload: text.payload,
            })
        }
    }
}

fn answer_out(answer: Answer) -> wire::answer::Answer {
    use wire::answer::Answer as Out;
    match answer {
        Answer::Found(deliveries) => {
            Out::Found(wire::Found { deliveries: deliveries.into_iter().map(status_out).collect() })
        }
        Answer::Cancelled { count, more } => Out::Cancelled(wire::Cancelled { count, more }),
        Answer::Replaced(result) => {
            use wire::replaced::Result as Replaced;
            let result = match result {
                Ok(()) => Replaced::Done,
                // To a peer a question that we could not ask is one about a message that is not pending.
                Err(NotReplaced::NotPending | NotReplaced::OutOfReach) => Replaced::NotPending,
                Err(NotReplaced::TimesCross) => Replaced::TimesCross,
                Err(NotReplaced::NoRoom) => Replaced::NoRoom,
            };
            Out::Replaced(wire::Replaced { result: result.into() })
        }
    }
}

fn status_out(status: DeliveryStatus) -> wire::Status {
    wire::Status {
        message_id: status.message_id.as_u64(),
        origin: Some(origin_out(status.origin)),
        fingerprint: status.fingerprint.to_bits(),
        destination: status.destination,
        state: status.state as u32,
        error: error_out(status.error),
        attempts: status.attempts,
        accepted: status.accepted.as_millis(),
        done: status.done.map(Timestamp::as_millis),
        operator_message_id: id_out(status.operator_message_id),
    }
}

// --- in ---

/// Reads what one peer says. Knows the names that it has said: looking one up anew costs far more than a message may.
#[derive(Debug, Default)]
pub struct Reader {
    names: HashMap<String, Name>,
}

impl Reader {
    /// What a part means.
    pub fn read(&mut self, part: wire::Part) -> Result<Said, RelayError> {
        let part = part.part.ok_or(RelayError::Malformed("a part of a kind that is not known"))?;
        Ok(match part {
            Part::Beat(_) => Said::Beat,
            Part::Greeting(_) => return Err(RelayError::Malformed("a second greeting")),
            Part::Register(wire::Register { holder, outbox }) => {
                Said::ToOwner(ToOwner::Register { holder, outbox: self.outbox(outbox)? })
            }
            Part::Release(holder) => Said::ToOwner(ToOwner::Release { holder }),
            Part::Holding(wire::Holding { leases }) => {
                let leases = leases.into_iter().map(lease_in).collect::<Result<_, _>>()?;
                Said::ToOwner(ToOwner::Holding { leases })
            }
            Part::Resumed(_) => Said::ToOwner(ToOwner::Resumed),
            Part::Pull(wire::Pull { partition: number, holder, room }) => {
                Said::ToOwner(ToOwner::Pull { partition: partition(number)?, holder, room })
            }
            Part::Outcomes(outcomes) => Said::ToOwner(self.outcomes(outcomes)?),
            Part::Receipts(receipts) => Said::ToOwner(self.receipts(receipts)?),
            Part::Question(question) => Said::ToOwner(self.question(question)?),
            Part::NewMessages(messages) => new_messages::read(self, messages)?,
            Part::Kept(kept) => Said::ToHolder(ToHolder::Kept { items: new_messages::kept_in(kept)? }),
            Part::Heard(number) => Said::ToOwner(ToOwner::Heard { number }),
            Part::Owned(wire::Owned { number, partitions, lives }) => {
                Said::ToHolder(ToHolder::Owned { number, owned: owned_in(&partitions, &lives)? })
            }
            Part::Ring(wire::Ring { partition: number, holder }) => {
                Said::ToHolder(ToHolder::Ring { holder, partition: partition(number)? })
            }
            Part::Leased(leased) => Said::ToHolder(self.leased(leased)?),
            Part::Confirmed(batch) => Said::ToHolder(ToHolder::Confirmed { batch }),
            Part::ReceiptsAnswer(wire::ReceiptsAnswer { recorded, unmatched }) => {
                Said::ToHolder(ToHolder::Receipts { recorded, unmatched })
            }
            Part::Answer(wire::Answer { number, answer }) => {
                Said::ToHolder(ToHolder::Answer { number, answer: self.answer(answer)? })
            }
        })
    }

    fn name(&mut self, text: String) -> Result<Name, RelayError> {
        if let Some(name) = self.names.get(&text) {
            return Ok(*name);
        }
        if self.names.len() >= NAMES_MAX || text.len() > 256 {
            return Err(RelayError::Malformed("more names, or longer ones, than there can be"));
        }
        let name = Name::intern(&text);
        self.names.insert(text, name);
        Ok(name)
    }

    pub(super) fn outbox(&mut self, party: Option<wire::Party>) -> Result<Outbox, RelayError> {
        let wire::Party { account, name } = party.ok_or(RelayError::Malformed("nobody"))?;
        let name = self.name(name)?;
        Ok(if account { Outbox::Account(name) } else { Outbox::Operator(name) })
    }

    pub(super) fn origin(&mut self, party: Option<wire::Party>) -> Result<Origin, RelayError> {
        Ok(match self.outbox(party)? {
            Outbox::Account(name) => Origin::Account(name),
            Outbox::Operator(name) => Origin::Operator(name),
        })
    }

    fn outcomes(&mut self, outcomes: wire::Outcomes) -> Result<ToOwner, RelayError> {
        let wire::Outcomes { batch, partition: number, holder, outcomes } = outcomes;
        let partition = partition(number)?;
        let items = outcomes.into_iter().map(|outcome| self.outcome(partition, outcome)).collect::<Result<_, _>>()?;
        Ok(ToOwner::Outcomes { batch, partition, holder, items })
    }

    fn outcome(&mut self, partition: PartitionId, settlement: wire::Outcome) -> Result<Settlement, RelayError> {
        use wire::outcome::Outcome as In;
        let wire::Outcome { slot, number, late, outcome } = settlement;
        let at = Timestamp::from_millis;
        let outcome = match outcome.ok_or(RelayError::Malformed("an outcome of a kind that is not known"))? {
            In::Sent(wire::Sent { operator_message_id, receipt_expected }) => Outcome::Sent {
                operator_message_id: OperatorMessageId::from_octets(&operator_message_id),
                receipt_expected,
            },
            In::Delivered(_) => Outcome::Delivered,
            In::Retry(wire::Retry { at: when, status }) => {
                Outcome::Retry { at: at(when), status: CommandStatus(status) }
            }
            In::Elsewhere(wire::Elsewhere { outbox, status }) => {
                Outcome::Elsewhere { outbox: self.outbox(outbox)?, status: CommandStatus(status) }
            }
            In::Refused(wire::Refused { status, state, error }) => {
                Outcome::Refused { status: CommandStatus(status), state: state_in(state)?, error: error_in(&error)? }
            }
            In::LinkLost(retry_at) => Outcome::LinkLost { retry_at: at(retry_at) },
            In::Unanswered(retry_at) => Outcome::Unanswered { retry_at: at(retry_at) },
            In::NotSent(_) => Outcome::NotSent,
        };
        Ok(Settlement { lease: Lease { partition, slot, number }, outcome, late })
    }

    fn receipts(&mut self, receipts: wire::Receipts) -> Result<ToOwner, RelayError> {
        let wire::Receipts { partition: number, forgiving, receipts, park } = receipts;
        let matching = if forgiving { Matching::Forgiving } else { Matching::Exact };
        let items = receipts.into_iter().map(|receipt| self.receipt(receipt)).collect::<Result<_, _>>()?;
        Ok(ToOwner::Receipts { partition: partition(number)?, matching, park, items })
    }

    fn receipt(&mut self, receipt: wire::Receipt) -> Result<OperatorReceipt, RelayError> {
        let report = receipt.report.ok_or(RelayError::Malformed("a receipt that says nothing"))?;
        Ok(OperatorReceipt {
            tag: receipt.tag,
            operator: self.name(receipt.operator)?,
            operator_message_id: OperatorMessageId::from_octets(&receipt.operator_message_id)
                .ok_or(RelayError::Malformed("an operator's message id"))?,
            state: state_in(report.state)?,
            error: error_in(&report.error)?,
            done: Timestamp::from_millis(report.done),
            destination: receipt.destination,
        })
    }

    fn question(&mut self, question: wire::Question) -> Result<ToOwner, RelayError> {
        use wire::question::Question as In;
        let wire::Question { number, partition: asked, question } = question;
        let question = match question.ok_or(RelayError::Malformed("a question of a kind that is not known"))? {
            In::Find(message) => Question::Find(message_in(Some(message))?),
            In::Cancel(wire::Cancel { account, like, what }) => Question::Cancel {
                account: self.name(account)?,
                like: Fingerprint::from_bits(like),
                what: match what.ok_or(RelayError::Malformed("a cancellation of nothing"))? {
                    wire::cancel::What::Message(message) => Cancelling::Message(message_in(Some(message))?),
                    wire::cancel::What::Destination(destination) => Cancelling::Between { destination },
                },
            },
            In::Replace(replace) => Question::Replace(Box::new(Replacing {
                account: self.name(replace.account)?,
                like: Fingerprint::from_bits(replace.like),
                message: message_in(replace.message)?,
                due: replace.due.map(Timestamp::from_millis),
                expires: replace.expires.map(Timestamp::from_millis),
                receipts: ReceiptRequest(u8::try_from(replace.receipts).unwrap_or_default()),
                text: NewText { octets: replace.text, payload: replace.payload },
            })),
        };
        Ok(ToOwner::Question { number, partition: partition(asked)?, question })
    }

    fn leased(&mut self, leased: wire::Leased) -> Result<ToHolder, RelayError> {
        let wire::Leased { partition: number, holder, deliveries, more } = leased;
        let partition = partition(number)?;
        let items = deliveries.into_iter().map(|item| self.delivery(partition, item)).collect::<Result<_, _>>()?;
        Ok(ToHolder::Leased { partition, holder, items, more })
    }

    fn delivery(&mut self, partition: PartitionId, item: wire::Delivery) -> Result<LeasedDelivery, RelayError> {
        Ok(LeasedDelivery {
            lease: Lease { partition, slot: item.slot, number: item.number },
            message_id: message_id(item.message_id)?,
            aliased: item.aliased,
            origin: self.origin(item.origin)?,
            content: match item.report {
                None => Content::Message,
                Some(report) => Content::Receipt {
                    state: state_in(report.state)?,
                    error: error_in(&report.error)?,
                    done: Timestamp::from_millis(report.done),
                },
            },
            body: item.body[..].into(),
            attempt: item.attempt,
            accepted: Timestamp::from_millis(item.accepted),
            expires: Timestamp::from_millis(item.expires),
        })
    }

    fn answer(&mut self, answer: Option<wire::answer::Answer>) -> Result<Answer, RelayError> {
        use wire::answer::Answer as In;
        use wire::replaced::Result as Replaced;
        Ok(match answer.ok_or(RelayError::Malformed("an answer of a kind that is not known"))? {
            In::Found(wire::Found { deliveries }) => {
                let deliveries = deliveries.into_iter().map(|status| self.status(status));
                Answer::Found(deliveries.collect::<Result<_, _>>()?)
            }
            In::Cancelled(wire::Cancelled { count, more }) => Answer::Cancelled { count, more },
            In::Replaced(replaced) => Answer::Replaced(match replaced.result() {
                Replaced::Done => Ok(()),
                Replaced::NotPending => Err(NotReplaced::NotPending),
                Replaced::TimesCross => Err(NotReplaced::TimesCross),
                Replaced::NoRoom => Err(NotReplaced::NoRoom),
            }),
        })
    }

    fn status(&mut self, status: wire::Status) -> Result<DeliveryStatus, RelayError> {
        Ok(DeliveryStatus {
            message_id: message_id(status.message_id)?,
            origin: self.origin(status.origin)?,
            fingerprint: Fingerprint::from_bits(status.fingerprint),
            destination: status.destination,
            state: state_in(status.state)?,
            error: error_in(&status.error)?,
            attempts: status.attempts,
            accepted: Timestamp::from_millis(status.accepted),
            done: status.done.map(Timestamp::from_millis),
            operator_message_id: OperatorMessageId::from_octets(&status.operator_message_id),
        })
    }
}

pub(super) fn partition(number: u32) -> Result<PartitionId, RelayError> {
    u16::try_from(number).ok().and_then(PartitionId::new).ok_or(RelayError::Malformed("a partition's number"))
}

/// Partitions and their lives, in the same order.
fn owned_in(partitions: &[u32], lives: &[u64]) -> Result<Vec<Owned>, RelayError> {
    let lives = lives.iter().copied().chain(std::iter::repeat(0));
    let owned = partitions.iter().zip(lives);
    owned.map(|(number, life)| Ok(Owned { partition: partition(*number)?, life })).collect()
}

fn lease_in(lease: wire::Lease) -> Result<Lease, RelayError> {
    Ok(Lease { partition: partition(lease.partition)?, slot: lease.slot, number: lease.number })
}

pub(super) fn message_id(value: u64) -> Result<MessageId, RelayError> {
    MessageId::from_u64(value).ok_or(RelayError::Malformed("a message_id"))
}

fn message_in(message: Option<wire::MessageName>) -> Result<MessageRef, RelayError> {
    match message.and_then(|message| message.name).ok_or(RelayError::Malformed("a message without a name"))? {
        wire::message_name::Name::Id(value) => message_id(value).map(MessageRef::Id),
        wire::message_name::Name::Alias(value) => Ok(MessageRef::Alias(MessageAlias::from_u32(value))),
    }
}

fn state_in(state: u32) -> Result<MessageState, RelayError> {
    let state = u8::try_from(state).ok().and_then(MessageState::from_octet);
    state.ok_or(RelayError::Malformed("a message state"))
}

fn error_in(error: &[u8]) -> Result<ReceiptError, RelayError> {
    error.try_into().map_err(|_| RelayError::Malformed("an error code that has not three digits"))
}

#[cfg(test)]
mod tests;
