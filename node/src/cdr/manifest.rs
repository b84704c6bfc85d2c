//! What is said of a closed file, beside it: so that a missing or damaged one is noticed.

use serde::{Deserialize, Serialize};
use smsc_proto::timestamp::Timestamp;

use super::lines::extension;
use super::part::Part;
use super::record::{SCHEMA, Value};

/// One line of JSON in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Of the list of fields.
    pub(super) schema: u64,
    pub(super) file: String,
    pub(super) node: String,
    /// Counted from 1 without a gap.
    pub(super) number: u64,
    pub(super) format: String,
    pub(super) records: u64,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) octets: u64,
    pub(super) sha256: String,
    pub(super) opened: String,
    pub(super) closed: String,
}

impl Manifest {
    /// Of a part that is closed now, under that name.
    pub(super) fn of(part: &Part, file: &str, node: &str, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            file: file.to_owned(),
            node: node.to_owned(),
            number: part.number(),
            format: extension(part.format()).to_owned(),
            records: part.records(),
            first_seq: part.first_seq(),
            last_seq: part.next_seq() - 1,
            octets: part.octets(),
            sha256: part.sha256(),
            opened: Value::Time(part.opened()).to_string(),
            closed: Value::Time(now).to_string(),
        }
    }

    /// Whether it was written of that part: then only the rest of the closing is missing.
    pub(super) fn is_of(&self, part: &Part) -> bool {
        self.octets == part.octets() && self.sha256 == part.sha256()
    }
}
