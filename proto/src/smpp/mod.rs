//! The wire of SMPP 3.3, 3.4 and 5.0: framing, fields, TLVs and every PDU.

pub mod codec;
pub mod command_id;
pub mod command_status;
pub mod data_coding;
pub mod esm_class;
pub mod field;
pub mod pdu;
pub mod tlv;
