//! Optional parameters: opaque, in order, read in place (Q10, S24).

/// One TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its tag; names in [`tag`].
    pub tag: u16,
    /// Its value, as long as it says.
    pub value: &'a [u8],
}

/// The TLVs at the end of a body: an iterator over octets that were checked when the body was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(pub &'a [u8]);

impl<'a> Tlvs<'a> {
    /// The value of the first TLV with that tag (S24: the first wins).
    pub fn get(&self, _tag: u16) -> Option<&'a [u8]> {
        todo!()
    }
}
