use std::fs;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

fn line(seq: u64) -> Vec<u8> {
    format!("{{\"seq\":{seq}}}\n").into_bytes()
}

fn create(folder: &tempfile::TempDir, first_seq: u64) -> Part {
    Part::create(folder.path().join("a.part"), CdrFormat::Ndjson, 1, first_seq, NOW).expect("a file")
}

fn reopen(folder: &tempfile::TempDir) -> Option<Part> {
    Part::reopen(folder.path().join("a.part"), CdrFormat::Ndjson, 1, NOW).expect("it can be read")
}

#[test]
fn a_file_is_gone_on_with_where_it_was_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut part = create(&folder, 5);
    part.append(&[line(5), line(6)].concat(), 2).expect("room");
    let before = (part.records(), part.octets(), part.next_seq(), part.sha256());
    drop(part);
    let mut part = reopen(&folder).expect("it holds records");
    assert_eq!((part.records(), part.octets(), part.next_seq(), part.sha256()), before);
    part.append(&line(7), 1).expect("room");
    assert_eq!(fs::read(part.path()).expect("there"), [line(5), line(6), line(7)].concat());
}

#[test]
fn every_torn_tail_is_cut_off_and_nothing_else() {
    let tails: [&[u8]; 5] =
        [b"{\"seq\":7", b"{\"seq\":7}", b"\0\0\0\0\0", b"{\"seq\":9}\n", b"{\"seq\":7}\xff\n{\"seq\":8}\n"];
    for tail in tails {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = [line(5), line(6)].concat();
        fs::write(folder.path().join("a.part"), [&whole, tail].concat()).expect("a file");
        let part = reopen(&folder).expect("it holds records");
        assert_eq!((part.first_seq(), part.next_seq()), (5, 7), "{tail:?}");
        assert_eq!(fs::read(part.path()).expect("there"), whole, "{tail:?}");
    }
}

#[test]
fn a_file_without_a_whole_record_is_none() {
    for content in [&b""[..], b"{\"seq\"", b"\0\0\n"] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.part"), content).expect("a file");
        assert!(reopen(&folder).is_none(), "{content:?}");
    }
}

#[test]
fn a_csv_file_needs_its_header() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.part");
    let part = Part::create(path.clone(), CdrFormat::Csv, 1, 1, NOW).expect("a file");
    assert!(part.octets() > 0 && part.records() == 0);
    assert!(Part::reopen(path, CdrFormat::Csv, 1, NOW).expect("it can be read").is_none());
}

#[test]
fn a_csv_file_of_another_release_is_not_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.part");
    let content = b"schema,seq,record_id\n1,4,x\n1,5,y\n1,6";
    fs::write(&path, content).expect("a file");
    let part = Part::reopen(path, CdrFormat::Csv, 1, NOW).expect("it can be read").expect("it holds records");
    assert!(!part.is_current());
    assert_eq!((part.first_seq(), part.records(), part.octets()), (4, 2, content.len() as u64 - 3));
}

#[test]
fn whole_records_behind_damage_are_kept_beside() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.part");
    fs::write(&path, [line(5), b"\0\0\0\n".to_vec(), line(7)].concat()).expect("a file");
    assert_eq!(reopen(&folder).map(|part| part.records()), Some(1));
    let kept = fs::read(folder.path().join("a.part.cut")).expect("kept");
    assert_eq!(kept, [b"\0\0\0\n".to_vec(), line(7)].concat());
}

#[test]
fn what_was_written_in_vain_does_not_stay_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut part = create(&folder, 5);
    part.append(&line(5), 1).expect("room");
    // As after a write that failed in the middle.
    fs::write(part.path(), [line(5), b"{\"seq\":6,\"much\":\"longer\"".to_vec()].concat()).expect("room");
    part.dirty = true;
    part.file = None;
    part.append(&line(6), 1).expect("room");
    assert_eq!(fs::read(part.path()).expect("there"), [line(5), line(6)].concat());
}

#[test]
fn a_file_that_was_removed_or_cut_is_noticed() {
    for remove in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut part = create(&folder, 5);
        part.append(&[line(5), line(6)].concat(), 2).expect("room");
        if remove {
            fs::remove_file(part.path()).expect("it is there");
        } else {
            fs::write(part.path(), line(5)).expect("it is there");
        }
        assert!(matches!(part.append(&line(7), 1), Err(CdrError::Gone { records: 2, .. })));
        assert_eq!(part.next_seq(), 7, "as it was");
    }
}
