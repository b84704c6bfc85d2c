//! Clients that others wrote and that know nothing of us, against a real node.
//!
//! | chapter | client |
//! |---|---|
//! | [`smpplib`] | smpplib, Python, over TCP and TLS |
//! | [`aiosmpplib`] | aiosmpplib, Python |
//! | [`node_smpp`] | smpp, JavaScript |
//! | [`net_smpp`] | Net::SMPP, Perl |
//! | [`kannel`] | Kannel, a gateway of its own |
//! | [`schemathesis`] | schemathesis, Python: the HTTP API by its own document |
//!
//! Each is a script in `tests/foreign` that prints a line for each promise it has looked at. `tests/run` installs what
//! they need and says where it is; without it these tests are ignored by name, never passed in silence.

mod aiosmpplib;
mod kannel;
mod net_smpp;
mod node_smpp;
mod schemathesis;
mod smpplib;
mod stage;
