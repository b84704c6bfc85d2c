//! Delivery receipts: the text of 3.4 Appendix B and the TLVs, to and from one value.

use crate::ids::OperatorMessageId;
use crate::message_state::MessageState;
use crate::smpp::pdu::SmFields;
use crate::timestamp::Timestamp;

/// Three ASCII digits (or letters, from some operators) after `err:`.
pub type ReceiptError = [u8; 3];

/// A receipt as an operator sent it to us, read as tolerantly as Q16 to Q20 demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// The operator's id: receipted_message_id if there, else `id:`.
    pub message_id: OperatorMessageId,
    /// message_state if there, else `stat:`.
    pub state: MessageState,
    /// After `err:`; `000` if absent.
    pub error: ReceiptError,
    /// `done date:`, if one was readable; local time of the operator, taken as UTC.
    pub done: Option<Timestamp>,
}

impl DeliveryReceipt {
    /// Whether the deliver_sm or data_sm is a receipt by its esm_class (bits 5 to 2 only, Q19) or carries
    /// receipted_message_id.
    pub fn is_receipt(_sm: &SmFields<'_>) -> bool {
        todo!()
    }

    /// Reads a receipt from text and TLVs together; `None` when there is no id or no state to be found.
    pub fn read(_sm: &SmFields<'_>) -> Option<Self> {
        todo!()
    }
}

/// What the receipt that we write for an ESME says.
#[derive(Clone, Debug)]
pub struct ReceiptText<'a> {
    /// Our id in the form that this session knows it by: decimal digits, or the 3.3 alias.
    pub message_id: &'a str,
    /// The state it reports.
    pub state: MessageState,
    /// Three digits.
    pub error: ReceiptError,
    /// When the message was accepted.
    pub submitted: Timestamp,
    /// When it reached the state.
    pub done: Timestamp,
    /// The first octets of the text, already plain ASCII and at most 20; empty for UCS-2, binary and UDH (S49).
    pub text: &'a [u8],
}

impl ReceiptText<'_> {
    /// Appends `id:… sub:001 dlvrd:001 submit date:… done date:… stat:… err:… text:…`.
    pub fn write(&self, _out: &mut Vec<u8>) {
        todo!()
    }
}
