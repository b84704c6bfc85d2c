//! A store of the simulation: what a partition does with its leases, and nothing else.

use smsc_proto::ids::{MessageId, PartitionId};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Content, Holder, Lease, LeasedDelivery, Name, Origin, Outcome, Owned, Settlement};

/// A partition. Messages outlive the process; leases and holders do not.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) partition: PartitionId,
    pub(super) messages: Vec<Message>,
    /// Which of its lives this is; `is_here` while the node has it.
    pub(super) life: u32,
    pub(super) is_here: bool,
    holders: Vec<(Holder, Wants)>,
}

#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) state: State,
    /// Rises with every lease, and begins anew with the process.
    number: u32,
    /// How often a link has written it.
    pub(super) written: u32,
    /// For how many reasons it may be written again.
    pub(super) reasons: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Due,
    Leased(Holder),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Ring,
    Nothing,
}

impl Store {
    pub(super) fn new(partition: PartitionId) -> Self {
        Self { partition, messages: Vec::new(), life: 0, is_here: true, holders: Vec::new() }
    }

    /// The process has ended and begins anew.
    pub(super) fn restart(&mut self) {
        self.holders.clear();
        for message in &mut self.messages {
            message.number = self.life << 16;
            if let State::Leased(_) = message.state {
                (message.state, message.reasons) = (State::Due, message.reasons + 1);
            }
        }
    }

    /// The node has the partition no longer. What was leased is due again in its next life.
    pub(super) fn leaves(&mut self) {
        self.is_here = false;
        self.life += 1;
        self.restart();
    }

    /// What the node owns.
    pub(super) fn owned(&self) -> Vec<Owned> {
        let owned = Owned { partition: self.partition, life: self.life.into() };
        if self.is_here { vec![owned] } else { Vec::new() }
    }

    pub(super) fn accept(&mut self) {
        self.messages.push(Message { number: self.life << 16, ..Message::default() });
    }

    pub(super) fn register(&mut self, holder: Holder) {
        self.holders.retain(|(known, _)| *known != holder);
        if self.is_here {
            self.holders.push((holder, Wants::Ring));
        }
    }

    pub(super) fn release(&mut self, holder: Holder) {
        self.holders.retain(|(known, _)| *known != holder);
        for message in &mut self.messages {
            if message.state == State::Leased(holder) {
                message.state = State::Due;
            }
        }
    }

    /// Who is rung now.
    pub(super) fn rings(&mut self) -> Vec<Holder> {
        if !self.messages.iter().any(|message| message.state == State::Due) {
            return Vec::new();
        }
        let wanting = self.holders.iter_mut().filter(|(_, wants)| *wants == Wants::Ring);
        wanting.map(|(holder, wants)| (*wants = Wants::Nothing, *holder).1).collect()
    }

    pub(super) fn pull(&mut self, holder: Holder, room: u32) -> Vec<LeasedDelivery> {
        let mut items = Vec::new();
        for (slot, message) in self.messages.iter_mut().enumerate() {
            if message.state == State::Due && (items.len() as u32) < room {
                message.state = State::Leased(holder);
                message.number += 1;
                items.push(delivery(Lease { partition: self.partition, slot: slot as u64, number: message.number }));
            }
        }
        if (items.len() as u32) < room
            && let Some((_, wants)) = self.holders.iter_mut().find(|(known, _)| *known == holder)
        {
            *wants = Wants::Ring;
        }
        items
    }

    pub(super) fn settle(&mut self, items: &[Settlement]) {
        for Settlement { lease, outcome, .. } in items {
            let message = &mut self.messages[lease.slot as usize];
            let open = matches!(message.state, State::Leased(_)) && message.number == lease.number;
            match (open, outcome) {
                (_, Outcome::Sent { .. }) => message.state = State::Done,
                (false, _) => {}
                (true, Outcome::NotSent) => message.state = State::Due,
                (true, _) => (message.state, message.reasons) = (State::Due, message.reasons + 1),
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.messages.iter().all(|message| message.state == State::Done)
    }
}

fn delivery(lease: Lease) -> LeasedDelivery {
    LeasedDelivery {
        lease,
        message_id: MessageId::from_tick(lease.slot, lease.partition),
        aliased: false,
        origin: Origin::Account(Name::intern("demo")),
        content: Content::Message,
        body: [][..].into(),
        attempt: 1,
        accepted: Timestamp::default(),
        expires: Timestamp::default(),
    }
}
