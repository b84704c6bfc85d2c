//! The wire codec from outside: every PDU there and back, octets made to break it, and two other codecs as oracles.

#![allow(clippy::unwrap_used)]

mod arbitrary;
mod hostile;
mod round_trip;
mod rusmpp_oracle;
mod smpp34_oracle;
