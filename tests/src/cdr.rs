//! A node's call detail records, as billing reads them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::PATIENCE;

/// One record by its fields; what is empty in CSV is not there.
pub type Record = Map<String, Value>;

/// All files of a folder, in their order.
#[derive(Clone, Debug, Default)]
pub struct CdrBook {
    /// The files.
    pub files: Vec<CdrFile>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct CdrFile {
    /// Its name.
    pub name: String,
    /// Whether it is still written.
    pub is_open: bool,
    /// What it holds.
    pub records: Vec<Record>,
    octets: Vec<u8>,
    manifest: Option<Value>,
}

impl CdrBook {
    /// Reads all that is there; the end of an open file may be on its way.
    pub fn read(folder: &Path) -> Self {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_data = |path: &PathBuf| {
            let name = path.to_string_lossy();
            [".ndjson", ".csv", ".ndjson.part", ".csv.part"].iter().any(|ending| name.ends_with(ending))
        };
        let mut files: Vec<CdrFile> = names.filter(is_data).filter_map(|path| CdrFile::read(&path)).collect();
        files.sort_by_key(CdrFile::number);
        Self { files }
    }

    /// Waits until there are records for which this is so.
    pub fn expect(folder: &Path, what: &str, so: impl Fn(&Self) -> bool) -> Self {
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let book = Self::read(folder);
            if so(&book) {
                return book;
            }
            assert!(Instant::now() < deadline, "{what}: there are {} records", book.records().count());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Waits for so many records, those that were written again counted once, and returns them.
    pub fn expect_records(folder: &Path, count: usize) -> Vec<Record> {
        let book = Self::expect(folder, &format!("{count} records"), |book| book.distinct().len() >= count);
        let records: Vec<Record> = book.distinct().into_values().cloned().collect();
        assert_eq!(records.len(), count, "{records:?}");
        records
    }

    /// All records, in their order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.files.iter().flat_map(|file| &file.records)
    }

    /// The records by record_id, as billing keeps them. One that was written again must say the same.
    pub fn distinct(&self) -> BTreeMap<&str, &Record> {
        let mut distinct: BTreeMap<&str, &Record> = BTreeMap::new();
        for record in self.records() {
            let facts = |record: &Record| {
                let mut facts = record.clone();
                facts.remove("seq");
                facts.remove("node");
                facts
            };
            if let Some(before) = distinct.insert(text(record, "record_id"), record) {
                assert_eq!(facts(before), facts(record), "a record that is written again is the same");
            }
        }
        distinct
    }

    /// The distinct records of final states, by message_id.
    pub fn finals(&self) -> HashMap<&str, Vec<&Record>> {
        let mut finals: HashMap<&str, Vec<&Record>> = HashMap::new();
        for record in self.distinct().into_values().filter(|record| text(record, "type") == "final") {
            finals.entry(text(record, "msg_id")).or_default().push(record);
        }
        finals
    }

    /// No number is missing, from the first record to the last and from the first file to the last, and what the
    /// manifests say is true.
    pub fn assert_whole(&self) {
        for (record, seq) in self.records().zip(1..) {
            assert_eq!(number(record, "seq"), seq, "a gap, or a number twice: {record:?}");
        }
        let mut seq = 1;
        for (file, number_of_file) in self.files.iter().zip(1..) {
            assert_eq!(file.number(), number_of_file, "{}", file.name);
            let Some(manifest) = &file.manifest else {
                assert!(file.is_open, "{} has no manifest", file.name);
                continue;
            };
            let count = file.records.len() as u64;
            let hash: String = Sha256::digest(&file.octets).iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(manifest["sha256"], hash.as_str(), "{}", file.name);
            assert_eq!(manifest["octets"], file.octets.len(), "{}", file.name);
            assert_eq!(
                (&manifest["number"], &manifest["records"], &manifest["first_seq"], &manifest["last_seq"]),
                (&number_of_file.into(), &count.into(), &seq.into(), &(seq + count - 1).into()),
                "{}",
                file.name
            );
            seq += count;
        }
    }
}

impl CdrFile {
    fn read(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let closed = name.strip_suffix(".part").unwrap_or(&name).to_owned();
        let is_open = closed != name;
        // It may get its name without .part between two looks.
        let mut octets = fs::read(path).ok()?;
        if is_open {
            let end = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |last| last + 1);
            octets.truncate(end);
        }
        let records = if closed.ends_with(".csv") { csv(&octets) } else { ndjson(&octets) };
        let manifest = fs::read(path.with_file_name(closed + ".manifest")).ok();
        let manifest = manifest.map(|manifest| serde_json::from_slice(&manifest).expect("a manifest is JSON"));
        Some(Self { name, is_open, records, octets, manifest: manifest.filter(|_| !is_open) })
    }

    fn number(&self) -> u64 {
        let number = self.name.rsplit('-').next().and_then(|rest| rest.split('.').next());
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{} has a number", self.name))
    }
}

fn ndjson(octets: &[u8]) -> Vec<Record> {
    let lines = octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("each line is an object")).collect()
}

fn csv(octets: &[u8]) -> Vec<Record> {
    let mut reader = csv::Reader::from_reader(octets);
    let names = reader.headers().expect("a header").clone();
    let record = |values: csv::StringRecord| {
        let fields = names.iter().zip(&values).filter(|(_, value)| !value.is_empty());
        fields.map(|(name, value)| (name.to_owned(), value.into())).collect()
    };
    reader.records().map(|values| record(values.expect("as many fields as names"))).collect()
}

/// The text of a field; empty if it is not there.
pub fn text<'a>(record: &'a Record, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The number of a field, in either format.
pub fn number(record: &Record, name: &str) -> u64 {
    let value = record.get(name).unwrap_or_else(|| panic!("{name} is missing: {record:?}"));
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{name} is no number: {record:?}"))
}
