//! Records as lines: NDJSON, or CSV with a header. A line is a record, and ends with a line feed.

use std::io;

use serde::Deserialize;
use serde::ser::{SerializeMap, Serializer};
use smsc_store::Cdr;

use super::record::{NAMES, Value, values};
use crate::config::CdrFormat;

/// Records of one batch, encoded.
#[derive(Debug, Default)]
pub struct Lines {
    octets: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Lines {
    /// Encodes records, which are numbered from `seq` on.
    pub fn encode(format: CdrFormat, node: &str, seq: u64, cdrs: &[Cdr]) -> io::Result<Self> {
        let numbered = cdrs.iter().zip(seq..).map(|(cdr, seq)| values(cdr, node, seq));
        match format {
            CdrFormat::Ndjson => Self::ndjson(numbered),
            CdrFormat::Csv => Self::csv(numbered),
        }
    }

    fn ndjson<'a>(records: impl Iterator<Item = [Value<'a>; NAMES.len()]>) -> io::Result<Self> {
        let mut lines = Self::default();
        for values in records {
            let mut json = serde_json::Serializer::new(&mut lines.octets);
            let mut map = json.serialize_map(None)?;
            for (name, value) in NAMES.iter().zip(&values) {
                if !matches!(value, Value::Absent) {
                    map.serialize_entry(name, value)?;
                }
            }
            SerializeMap::end(map)?;
            lines.octets.push(b'\n');
            lines.ends.push(lines.octets.len());
        }
        Ok(lines)
    }

    fn csv<'a>(records: impl Iterator<Item = [Value<'a>; NAMES.len()]>) -> io::Result<Self> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut ends = Vec::new();
        for values in records {
            csv.serialize(values.as_slice())?;
            csv.flush()?;
            ends.push(csv.get_ref().len());
        }
        let octets = csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { octets, ends })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The octets of the lines from the n-th on: as many as begin within `room` octets, and one at least; and how many.
    pub fn from(&self, first: usize, room: u64) -> (&[u8], usize) {
        let begin = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        let begins = |line: usize| self.ends[line - 1] - begin;
        let last = (first + 1..self.len()).find(|line| begins(*line) as u64 >= room).unwrap_or(self.len());
        let end = last.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.octets[begin..end], last - first)
    }
}

/// What stands before the first record of a file.
pub fn header(format: CdrFormat) -> Vec<u8> {
    match format {
        CdrFormat::Ndjson => Vec::new(),
        CdrFormat::Csv => (NAMES.join(",") + "\n").into_bytes(),
    }
}

/// What a file's name ends in.
pub const fn extension(format: CdrFormat) -> &'static str {
    match format {
        CdrFormat::Ndjson => "ndjson",
        CdrFormat::Csv => "csv",
    }
}

/// Tells whole records from what a crash left. Files of earlier releases may have fewer fields.
#[derive(Clone, Debug)]
pub struct LineReader(Shape);

#[derive(Clone, Debug)]
enum Shape {
    Ndjson,
    /// So many columns, and which of them is the `seq`.
    Csv(usize, usize),
}

impl LineReader {
    /// For files without a header.
    pub const NDJSON: Self = Self(Shape::Ndjson);

    /// For a CSV file that begins with that line; `None`: that is no header.
    pub fn csv(header: &[u8]) -> Option<Self> {
        let names = csv_fields(header.strip_suffix(b"\n")?)?;
        let seq = names.iter().position(|name| name == "seq")?;
        Some(Self(Shape::Csv(names.len(), seq)))
    }

    /// The `seq` of a line, with its line feed; `None`: it is no whole record.
    pub fn seq_of(&self, line: &[u8]) -> Option<u64> {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        let line = line.strip_suffix(b"\n")?;
        match self.0 {
            Shape::Ndjson => serde_json::from_slice::<Numbered>(line).ok().map(|numbered| numbered.seq),
            Shape::Csv(columns, seq) => {
                let fields = csv_fields(line).filter(|fields| fields.len() == columns)?;
                fields.get(seq)?.parse().ok()
            }
        }
    }
}

fn csv_fields(line: &[u8]) -> Option<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(1 << 10).from_reader(line);
    reader.records().next()?.ok()
}

#[cfg(test)]
pub(super) mod tests;
