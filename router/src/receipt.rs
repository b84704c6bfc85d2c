//! An operator's receipt as the store is told of it.

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Name, OperatorReceipt};

use crate::operator_id::IdTransforms;

/// The receipt of `operator`, its id made the one that the response was kept under.
///
/// `destination` is the hash of the receipt's normalised source address, `now` stands in for a `done date` that is
/// missing or lies ahead of us (the operator's clock, or its time zone: nobody knows it).
pub fn operator_receipt(
    tag: u32,
    operator: Name,
    receipt: DeliveryReceipt,
    transforms: &IdTransforms,
    destination: u64,
    now: Timestamp,
) -> OperatorReceipt {
    let operator_message_id: OperatorMessageId = transforms.receipt(receipt.message_id);
    OperatorReceipt {
        tag,
        operator,
        operator_message_id,
        state: reported_state(receipt.state),
        error: receipt.error,
        done: receipt.done.filter(|done| *done <= now).unwrap_or(now),
        destination,
    }
}

/// What an operator's state is to us. ACCEPTD says that it took the message on, ENROUTE and SCHEDULED that it still
/// tries: none of them is the end, and all become ENROUTE. The others stay.
pub const fn reported_state(state: MessageState) -> MessageState {
    match state {
        MessageState::Scheduled | MessageState::Enroute | MessageState::Accepted => MessageState::Enroute,
        MessageState::Delivered
        | MessageState::Expired
        | MessageState::Deleted
        | MessageState::Undeliverable
        | MessageState::Unknown
        | MessageState::Rejected
        | MessageState::Skipped => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator_id::IdTransform;

    fn read(state: MessageState, done: Option<Timestamp>) -> OperatorReceipt {
        let receipt = DeliveryReceipt { message_id: OperatorMessageId::Decimal(1234), state, error: *b"042", done };
        let transforms = IdTransforms(vec![IdTransform::ReceiptHex]);
        operator_receipt(7, Name::intern("r-op"), receipt, &transforms, 99, Timestamp::from_millis(1_000))
    }

    #[test]
    fn the_store_is_told_the_transformed_id() {
        let expected = OperatorReceipt {
            tag: 7,
            operator: Name::intern("r-op"),
            operator_message_id: OperatorMessageId::Decimal(0x1234),
            state: MessageState::Undeliverable,
            error: *b"042",
            done: Timestamp::from_millis(900),
            destination: 99,
        };
        assert_eq!(read(MessageState::Undeliverable, Some(Timestamp::from_millis(900))), expected);
    }

    #[test]
    fn a_message_is_not_done_before_or_after_its_receipt_came() {
        assert_eq!(read(MessageState::Delivered, None).done, Timestamp::from_millis(1_000));
        assert_eq!(
            read(MessageState::Delivered, Some(Timestamp::from_millis(5_000))).done,
            Timestamp::from_millis(1_000)
        );
    }

    #[test]
    fn acceptance_by_an_operator_is_not_final() {
        for state in [MessageState::Accepted, MessageState::Enroute, MessageState::Scheduled] {
            assert!(!read(state, None).state.is_final(), "{state:?}");
        }
        for state in MessageState::ALL.into_iter().filter(|state| state.is_final() && *state != MessageState::Accepted)
        {
            assert_eq!(read(state, None).state, state);
        }
    }
}
