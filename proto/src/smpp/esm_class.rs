//! esm_class: how a message is to be handled and what it is (3.4 §5.2.12, S35).

/// An esm_class octet. Every value can be read; what is supported is decided elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EsmClass(pub u8);

const MODE: u8 = 0b0000_0011;
const TYPE: u8 = 0b0011_1100;
const UDHI: u8 = 0b0100_0000;
const REPLY_PATH: u8 = 0b1000_0000;

/// Bits 1 and 0. In a deliver_sm they mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessagingMode {
    /// 0: the MC's own, store and forward as a rule.
    Default,
    /// 1: tried once, no receipts.
    Datagram,
    /// 2: forward: the response tells the outcome.
    Transaction,
    /// 3: kept until it is delivered or expires.
    StoreAndForward,
}

/// Bits 5 to 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// 0x00: a plain message.
    Default,
    /// 0x04: a delivery receipt.
    DeliveryReceipt,
    /// 0x08: a delivery acknowledgement of the SME.
    DeliveryAck,
    /// 0x10: an acknowledgement made by the user.
    UserAck,
    /// 0x18: a Korean CDMA conversation is aborted.
    ConversationAbort,
    /// 0x20: an intermediate notification.
    IntermediateNotification,
    /// Another combination of these bits, as they stand in the octet.
    Other(u8),
}

impl MessageType {
    const fn bits(self) -> u8 {
        match self {
            Self::Default => 0x00,
            Self::DeliveryReceipt => 0x04,
            Self::DeliveryAck => 0x08,
            Self::UserAck => 0x10,
            Self::ConversationAbort => 0x18,
            Self::IntermediateNotification => 0x20,
            Self::Other(bits) => bits & TYPE,
        }
    }
}

impl EsmClass {
    /// Of a delivery receipt that we send (S50).
    pub const DELIVERY_RECEIPT: Self = Self(0x04);
    /// Of an intermediate notification that we send (S50).
    pub const INTERMEDIATE_NOTIFICATION: Self = Self(0x20);

    /// Bits 1 and 0.
    pub const fn mode(self) -> MessagingMode {
        match self.0 & MODE {
            0 => MessagingMode::Default,
            1 => MessagingMode::Datagram,
            2 => MessagingMode::Transaction,
            _ => MessagingMode::StoreAndForward,
        }
    }

    /// Bits 5 to 2, whatever the others are (Q19: 0x44 is a receipt too).
    pub const fn message_type(self) -> MessageType {
        match self.0 & TYPE {
            0x00 => MessageType::Default,
            0x04 => MessageType::DeliveryReceipt,
            0x08 => MessageType::DeliveryAck,
            0x10 => MessageType::UserAck,
            0x18 => MessageType::ConversationAbort,
            0x20 => MessageType::IntermediateNotification,
            bits => MessageType::Other(bits),
        }
    }

    /// Whether the user data begins with a user data header.
    pub const fn has_udh(self) -> bool {
        self.0 & UDHI != 0
    }

    /// Whether the reply shall take the same way back.
    pub const fn has_reply_path(self) -> bool {
        self.0 & REPLY_PATH != 0
    }

    /// The same with UDHI set or not.
    #[must_use]
    pub const fn with_udh(self, present: bool) -> Self {
        Self(if present { self.0 | UDHI } else { self.0 & !UDHI })
    }

    /// The same with another type.
    #[must_use]
    pub const fn with_message_type(self, message_type: MessageType) -> Self {
        Self(self.0 & !TYPE | message_type.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_known_by_bits_5_to_2_whatever_the_others_are() {
        // Q19: 0x44 is a receipt with UDHI.
        for octet in [0x04, 0x44, 0x84, 0x07] {
            assert_eq!(EsmClass(octet).message_type(), MessageType::DeliveryReceipt);
        }
        for (octet, message_type) in [
            (0x00, MessageType::Default),
            (0x08, MessageType::DeliveryAck),
            (0x10, MessageType::UserAck),
            (0x18, MessageType::ConversationAbort),
            (0x20, MessageType::IntermediateNotification),
            (0x24, MessageType::Other(0x24)),
        ] {
            assert_eq!(EsmClass(octet).message_type(), message_type);
        }
    }

    #[test]
    fn the_mode_is_bits_1_and_0() {
        let modes = [0xC0, 0x41, 0x82, 0x3F].map(|octet| EsmClass(octet).mode());
        use MessagingMode::{Datagram, Default, StoreAndForward, Transaction};
        assert_eq!(modes, [Default, Datagram, Transaction, StoreAndForward], "S35");
    }

    #[test]
    fn parts_are_changed_without_touching_the_rest() {
        for octet in 0..=u8::MAX {
            let class = EsmClass(octet);
            assert_eq!(class.with_message_type(class.message_type()), class);
            assert_eq!(class.with_udh(class.has_udh()), class);
            assert_eq!(class.with_udh(true).0, octet | 0x40);
            assert_eq!(class.with_udh(false).0, octet & !0x40);
            assert_eq!(class.has_reply_path(), octet >= 0x80);
        }
    }
}
