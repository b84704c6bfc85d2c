//! ESMEs that submit at a steady rate and have good manners: told to unbind, they submit no more, wait for what is not
//! answered, unbind, and bind anew.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;

use super::{BINDS, End, Storm, WINDOW};
use crate::cluster::Cluster;
use crate::esme::Esme;
use crate::ledger::{Balance, BindNumber};
use crate::message::Message;

/// How often an ESME looks what came.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What became of submits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Those that were refused, by what they were told.
    pub refused: BTreeMap<u32, usize>,
    /// Those whose connection ended before their answer.
    pub unanswered: usize,
    /// How often an ESME was told to unbind.
    pub unbinds: usize,
}

impl Answers {
    /// Each has its answer, and whoever was refused was told to try again (Q26).
    pub fn assert_none_missing_and_none_final(&self) {
        assert_eq!(self.unanswered, 0, "submits without an answer: {self:?}");
        let again = [CommandStatus::ESME_RTHROTTLED, CommandStatus::ESME_RMSGQFUL, CommandStatus::ESME_RSYSERR];
        let last = self.refused.keys().filter(|status| !again.contains(&CommandStatus(**status)));
        assert_eq!(last.count(), 0, "refused for another reason than to try again: {self:?}");
    }
}

impl Storm {
    /// Lets ESMEs loose on these addresses in turn, which submit so many messages a second in all, while `story` does to
    /// the cluster what it likes.
    pub fn rage_at(
        &self,
        rate: usize,
        addresses: &[SocketAddr],
        cluster: Cluster,
        story: impl FnOnce(Cluster) -> Cluster,
    ) -> (Balance, Answers) {
        let answers = Mutex::new(Answers::default());
        let balance = std::thread::scope(|scope| {
            let _end = End(self);
            let every = Duration::from_secs(1) * BINDS as u32 / rate as u32;
            for address in addresses.iter().cycle().take(BINDS) {
                let answers = &answers;
                scope.spawn(move || {
                    while !self.over.load(Ordering::Relaxed) {
                        match Esme::try_bind(*address, BindKind::Transceiver, "demo") {
                            Some(esme) => Paced { storm: self, answers, esme: &esme }.live(every),
                            None => std::thread::sleep(LOOK_EVERY),
                        }
                    }
                });
            }
            let cluster = story(cluster);
            self.submitting.store(false, Ordering::Relaxed);
            let balance = self.settle();
            drop(cluster);
            balance
        });
        let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        (balance, answers)
    }
}

/// One connection of such an ESME.
struct Paced<'a> {
    storm: &'a Storm,
    answers: &'a Mutex<Answers>,
    esme: &'a Esme,
}

impl Paced<'_> {
    fn live(&self, every: Duration) {
        self.esme.ignores_unbind();
        let bind = self.storm.ledger.opens_bind();
        let mut outstanding = VecDeque::<(u32, Message)>::new();
        let mut due = Instant::now();
        let unbind = loop {
            self.keep(bind);
            outstanding.retain(|(number, message)| {
                let answer = self.esme.answer_so_far(*number);
                let waits = answer.is_none();
                answer.into_iter().for_each(|answer| self.answered(message, answer));
                waits
            });
            if let Some(unbind) = self.esme.unbind_so_far() {
                break Some(unbind);
            }
            if self.esme.connection().has_ended() || self.storm.over.load(Ordering::Relaxed) {
                break None;
            }
            let submits = self.storm.submitting.load(Ordering::Relaxed);
            while submits && due <= Instant::now() && outstanding.len() < WINDOW {
                due += every;
                let message = self.storm.message();
                outstanding.push_back((self.esme.send(&message), message));
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()).min(LOOK_EVERY));
        };
        for (number, message) in outstanding {
            match self.esme.answer_or_end(number) {
                Some(answer) => self.answered(&message, answer),
                None => self.write_down(|answers| answers.unanswered += 1),
            };
        }
        if let Some(unbind) = unbind {
            self.write_down(|answers| answers.unbinds += 1);
            self.esme.confirm_unbind(unbind);
            self.esme.expect_end();
        }
        self.keep(bind);
    }

    fn answered(&self, message: &Message, answer: Result<String, CommandStatus>) {
        match answer {
            Ok(message_id) => self.storm.ledger.accepted(message_id, message.as_text()),
            // A refusal promises nothing.
            Err(status) => self.write_down(|answers| *answers.refused.entry(status.0).or_default() += 1),
        }
    }

    fn write_down(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn keep(&self, bind: BindNumber) {
        self.storm.ledger.told(bind, self.esme.deliveries_so_far());
    }
}
