//! A receipt, read as strictly as S49 writes it.
//!
//! The cast does not use the node's own tolerant reader: what an ESME gets must be exactly this.

use smsc_proto::smpp::tlv::tag;

use crate::message::Message;

/// What a receipt says, and the deliver_sm that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// After `id:`.
    pub message_id: String,
    /// After `dlvrd:`.
    pub delivered: String,
    /// After `submit date:`.
    pub submit_date: String,
    /// After `done date:`.
    pub done_date: String,
    /// After `stat:`.
    pub stat: String,
    /// After `err:`.
    pub err: String,
    /// After `text:`.
    pub text: String,
    /// receipted_message_id, without its NUL.
    pub receipted_message_id: Option<String>,
    /// message_state
    pub message_state: Option<u8>,
    /// As it came.
    pub message: Message,
}

impl Receipt {
    /// Reads it; panics where it is not as S49 and S50 have it.
    pub fn read(message: Message) -> Self {
        let whole = std::str::from_utf8(message.user_data()).expect("a receipt is ASCII").to_owned();
        let mut rest = whole.as_str();
        let mut before = |key: &str| {
            let (value, behind) = rest.split_once(key).unwrap_or_else(|| panic!("{key:?} is missing in {whole:?}"));
            rest = behind;
            value.to_owned()
        };
        assert_eq!(before("id:"), "", "{whole:?} begins with id:");
        let message_id = before(" sub:");
        assert_eq!(before(" dlvrd:"), "001", "{whole:?} counts one message");
        let delivered = before(" submit date:");
        let (submit_date, done_date) = (before(" done date:"), before(" stat:"));
        let (stat, err, text) = (before(" err:"), before(" text:"), rest.to_owned());
        for digits in [&delivered, &submit_date, &done_date] {
            assert!(digits.bytes().all(|octet| octet.is_ascii_digit()), "{digits:?} in {whole:?} is not digits only");
        }
        // Ours are digits; an operator's own may have letters, and are passed on.
        assert!(err.bytes().all(|octet| octet.is_ascii_alphanumeric()), "{err:?} in {whole:?} is not an error");
        assert_eq!((submit_date.len(), done_date.len(), err.len(), stat.len()), (10, 10, 3, 7), "widths in {whole:?}");
        assert!(text.len() <= 20 && text.is_ascii(), "the text in {whole:?} is at most 20 plain characters");
        Self {
            message_id,
            delivered,
            submit_date,
            done_date,
            stat,
            err,
            text,
            receipted_message_id: message.tlv_value(tag::RECEIPTED_MESSAGE_ID).map(c_string),
            message_state: message.tlv_value(tag::MESSAGE_STATE).map(|value| value[0]),
            message,
        }
    }
}

/// The octets before the NUL that must be there.
fn c_string(value: &[u8]) -> String {
    let (nul, text) = value.split_last().expect("receipted_message_id is not empty");
    assert_eq!(*nul, 0, "receipted_message_id ends with a NUL");
    String::from_utf8(text.to_vec()).expect("our ids are digits")
}
