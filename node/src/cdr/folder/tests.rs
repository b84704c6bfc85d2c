use super::super::lines::LineReader;
use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

type Opened = (CdrFolder, Option<Part>, Position);

fn open_as(folder: &Path, node: &str, format: CdrFormat) -> Result<Opened, CdrError> {
    CdrFolder::open(folder, node, format, NOW)
}

fn open(folder: &Path) -> Opened {
    open_as(folder, "smsc-0", CdrFormat::Ndjson).expect("a folder")
}

fn lines(seqs: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    seqs.map(|seq| format!("{{\"seq\":{seq}}}\n")).collect::<String>().into_bytes()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("there")
        .map(|entry| entry.expect("there").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// One with three records, that is being written.
fn written(folder: &Path) -> (CdrFolder, Part) {
    let (cdrs, part, position) = open(folder);
    assert!(part.is_none());
    let mut part = cdrs.create(CdrFormat::Ndjson, position, NOW).expect("a file");
    let seqs = position.seq..=position.seq + 2;
    part.append(&lines(seqs), 3).expect("room");
    (cdrs, part)
}

#[test]
fn a_closed_file_has_its_name_and_a_manifest_that_is_true() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cdrs, part) = written(folder.path());
    let closed = cdrs.close(&part, NOW).expect("room");
    assert_eq!(closed.name, "cdr-smsc-0-20251124T160000Z-1.ndjson");
    let manifest = read_manifest(&folder.path().join(closed.name.clone() + MANIFEST)).expect("a manifest");
    assert_eq!((manifest.records, manifest.first_seq, manifest.last_seq), (3, 1, 3));
    assert_eq!((manifest.node.as_str(), manifest.number, manifest.file), ("smsc-0", 1, closed.name.clone()));
    let content = fs::read(folder.path().join(closed.name)).expect("a file");
    assert_eq!(manifest.octets, content.len() as u64);
    assert_eq!(manifest.sha256, part.sha256());
}

#[test]
fn numbers_go_on_after_a_restart_whatever_was_taken_away() {
    for keep in [&["position", "manifest", "ndjson"][..], &["position"], &["manifest"], &["ndjson", "manifest"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let (cdrs, part) = written(folder.path());
        cdrs.close(&part, NOW).expect("room");
        drop(cdrs);
        for name in names(folder.path()) {
            if !keep.iter().any(|ending| name.ends_with(ending)) {
                fs::remove_file(folder.path().join(name)).expect("it is there");
            }
        }
        let (_cdrs, part, position) = open(folder.path());
        assert!(part.is_none());
        assert_eq!(position, Position { number: 2, seq: 4 }, "with {keep:?}");
    }
}

#[test]
fn the_file_that_was_being_written_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(written(folder.path()));
    let (_cdrs, part, _) = open(folder.path());
    let part = part.expect("it holds records");
    assert_eq!((part.number(), part.next_seq(), part.opened()), (1, 4, NOW));
}

#[test]
fn a_closing_that_a_crash_interrupted_is_finished() {
    // What a crash after each step of the closing leaves; all but the last still have the `.part`.
    for steps in 0..=3 {
        let folder = tempfile::tempdir().expect("a folder");
        let (cdrs, part) = written(folder.path());
        let closed = part.path().with_extension("");
        let name = closed.file_name().expect("a name").to_string_lossy().into_owned();
        if steps >= 1 {
            let manifest = Manifest::of(&part, &name, "smsc-0", NOW);
            cdrs.replace(&with_suffix(&closed, MANIFEST), &manifest).expect("room");
        }
        if steps >= 2 {
            cdrs.set_position(Position { number: 2, seq: 4 }).expect("room");
        }
        if steps >= 3 {
            fs::rename(part.path(), &closed).expect("it is there");
        }
        drop((cdrs, part));
        let (_cdrs, part, position) = open(folder.path());
        match part {
            Some(part) => assert_eq!((steps, part.next_seq()), (0, 4)),
            None => {
                assert_eq!(position, Position { number: 2, seq: 4 }, "after step {steps}");
                assert!(closed.exists() && with_suffix(&closed, MANIFEST).exists(), "after step {steps}");
            }
        }
    }
}

#[test]
fn a_file_of_another_format_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(written(folder.path()));
    let (_cdrs, part, position) = open_as(folder.path(), "smsc-0", CdrFormat::Csv).expect("a folder");
    assert!(part.is_none());
    assert_eq!(position, Position { number: 2, seq: 4 });
    assert!(names(folder.path()).iter().any(|name| name.ends_with("-1.ndjson")));
}

#[test]
fn an_empty_file_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cdrs, _, position) = open(folder.path());
    cdrs.create(CdrFormat::Csv, position, NOW).expect("a file");
    drop(cdrs);
    let (_cdrs, part, position) = open(folder.path());
    assert!(part.is_none() && position == Position { number: 1, seq: 1 });
    assert_eq!(names(folder.path()), ["cdr-smsc-0.lock"]);
}

#[test]
fn a_file_that_cannot_be_understood_is_put_aside_and_not_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("cdr-smsc-0-20251124T160000Z-1.ndjson.part"), "what is this?\n").expect("room");
    let (_cdrs, part, _) = open(folder.path());
    assert!(part.is_none());
    assert!(names(folder.path()).iter().any(|name| name.ends_with("-1.ndjson.part.damaged")));
}

#[test]
fn nodes_share_a_folder_if_their_names_differ() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_first, first_part) = written(folder.path());
    let (second, part, position) = open_as(folder.path(), "smsc-0-b", CdrFormat::Ndjson).expect("another name");
    assert!(part.is_none() && position == Position { number: 1, seq: 1 });
    second.create(CdrFormat::Ndjson, position, NOW).expect("a file");
    assert!(matches!(open_as(folder.path(), "smsc-0", CdrFormat::Ndjson), Err(CdrError::Locked(_))));
    assert_eq!(first_part.records(), 3);
}

#[test]
fn a_name_with_odd_characters_is_none_of_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cdrs, _, position) = open_as(folder.path(), "../a b", CdrFormat::Ndjson).expect("a folder");
    let part = cdrs.create(CdrFormat::Ndjson, position, NOW).expect("a file");
    assert_eq!(part.path().parent(), Some(folder.path()));
}

#[test]
fn a_damaged_position_is_no_reason_to_begin_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cdrs, part) = written(folder.path());
    cdrs.close(&part, NOW).expect("room");
    drop(cdrs);
    fs::write(folder.path().join("cdr-smsc-0.position"), "{").expect("room");
    assert_eq!(open(folder.path()).2, Position { number: 2, seq: 4 });
    assert_eq!(LineReader::NDJSON.seq_of(&lines(4..=4)), Some(4));
}
