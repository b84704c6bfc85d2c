//! An operator's message_id after its one configured transform (Q14).

use smsc_proto::ids::OperatorMessageId;

/// One step of `operator.message_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTransform {
    /// The response says hex, the receipt decimal: the response's is made decimal.
    ResponseHex,
    /// The receipt says hex, the response decimal.
    ReceiptHex,
    /// Leading zeros mean nothing.
    TrimZeros,
    /// Case means nothing.
    FoldCase,
}

/// The transform of one operator: steps in order; none is `as_is`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdTransforms(pub Vec<IdTransform>);

impl IdTransforms {
    /// The id of a submit_sm_resp.
    pub fn response(&self, _octets: &[u8]) -> Option<OperatorMessageId> {
        todo!()
    }

    /// The id of a receipt.
    pub fn receipt(&self, _id: OperatorMessageId) -> OperatorMessageId {
        todo!()
    }
}
