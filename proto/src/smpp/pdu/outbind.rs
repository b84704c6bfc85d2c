//! outbind: the MC asks an ESME to bind (3.4 §4.1.7, S18).

use bytes::{Bytes, BytesMut};

use crate::smpp::field::{FieldError, PASSWORD, Reader, SYSTEM_ID, put_text};

/// The body of outbind.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Outbind {
    /// Which MC asks.
    pub system_id: Bytes,
    /// Its password.
    pub password: Bytes,
}

impl Outbind {
    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            system_id: body.slice_ref(reader.text(&SYSTEM_ID)?),
            password: body.slice_ref(reader.text(&PASSWORD)?),
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        put_text(out, &SYSTEM_ID, &self.system_id);
        put_text(out, &PASSWORD, &self.password);
    }
}

/// Everything but the password.
impl std::fmt::Debug for Outbind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbind").field("system_id", &self.system_id).finish_non_exhaustive()
    }
}
