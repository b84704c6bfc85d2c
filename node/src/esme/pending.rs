//! Requests that the store has not answered yet, and of which more must be known than their sequence_number.
//!
//! A submit_sm, by far the commonest request, needs no entry here. The peer's window bounds all of them.

use std::collections::HashMap;

use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::pdu::UnsuccessfulDestination;

use super::question::Question;
use super::refusal::Refusal;

/// What brought a message that the store keeps or refuses.
#[derive(Debug)]
pub struct Submission {
    /// How it came.
    pub kind: Kind,
    /// Whether its response tells that the delivery pending flag is set: dpf_result (S54).
    pub reports_dpf: bool,
}

/// How a message came.
#[derive(Debug)]
pub enum Kind {
    /// submit_sm
    SubmitSm,
    /// data_sm
    DataSm,
    /// submit_multi, and the destinations that were not taken.
    SubmitMulti(Vec<UnsuccessfulDestination>),
}

impl Submission {
    /// A submit_sm of which nothing more is to be known.
    const PLAIN: Self = Self { kind: Kind::SubmitSm, reports_dpf: false };

    /// The operation.
    pub const fn command_id(&self) -> CommandId {
        match self.kind {
            Kind::SubmitSm => CommandId::SUBMIT_SM,
            Kind::DataSm => CommandId::DATA_SM,
            Kind::SubmitMulti(_) => CommandId::SUBMIT_MULTI,
        }
    }
}

/// All of one session, by sequence_number.
#[derive(Debug, Default)]
pub struct PendingRequests {
    submissions: HashMap<u32, Submission>,
    questions: HashMap<u32, Question>,
}

impl PendingRequests {
    /// A data_sm or submit_multi, or a submit_sm with set_dpf, waits for its answer. A sequence_number in use would mix two
    /// answers up.
    pub fn submitted(&mut self, sequence_number: u32, submission: Submission) -> Result<(), Refusal> {
        if self.submissions.contains_key(&sequence_number) {
            return Err(Refusal::SequenceInUse);
        }
        self.submissions.insert(sequence_number, submission);
        Ok(())
    }

    /// What the store has answered.
    pub fn take_submission(&mut self, sequence_number: u32) -> Submission {
        match self.submissions.is_empty() {
            true => Submission::PLAIN,
            false => self.submissions.remove(&sequence_number).unwrap_or(Submission::PLAIN),
        }
    }

    /// A question waits for its answers.
    pub fn ask(&mut self, sequence_number: u32, question: Question) {
        self.questions.insert(sequence_number, question);
    }

    /// Whether a question waits under that number.
    pub fn is_asking(&self, sequence_number: u32) -> bool {
        self.questions.contains_key(&sequence_number)
    }

    /// The question that an answer is for.
    pub fn question(&mut self, sequence_number: u32) -> Option<&mut Question> {
        self.questions.get_mut(&sequence_number)
    }

    /// Takes a question out whose last answer has come.
    pub fn take_answered(&mut self, sequence_number: u32) -> Option<Question> {
        self.questions.get(&sequence_number).filter(|question| question.left == 0)?;
        self.questions.remove(&sequence_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_more_of_is_a_submit_sm() {
        let mut pending = PendingRequests::default();
        let data_sm = || Submission { kind: Kind::DataSm, reports_dpf: false };
        assert_eq!(pending.submitted(7, data_sm()), Ok(()));
        assert_eq!(pending.submitted(7, data_sm()), Err(Refusal::SequenceInUse));
        assert_eq!(pending.take_submission(8).command_id(), CommandId::SUBMIT_SM);
        assert_eq!(pending.take_submission(7).command_id(), CommandId::DATA_SM);
        assert_eq!(pending.take_submission(7).command_id(), CommandId::SUBMIT_SM);
    }
}
