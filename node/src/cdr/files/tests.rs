use std::fs;

use super::super::lines::LineReader;
use super::super::lines::tests::cdr;
use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

fn files(folder: &tempfile::TempDir, rotate_size: u64) -> CdrFiles {
    CdrFiles::new(CdrOptions {
        node: "smsc-0".to_owned(),
        folder: folder.path().join("cdr"),
        format: CdrFormat::Ndjson,
        rotate_size,
        rotate_every: Duration::from_secs(900),
    })
}

fn write(files: &mut CdrFiles, count: u64) {
    let cdrs: Vec<Cdr> = (0..count).map(cdr).collect();
    let mut written = 0;
    files.write(NOW, &cdrs, &mut written).expect("room");
    assert_eq!(written, cdrs.len());
}

/// The `seq`s in all files, by the order of their names.
fn seqs(folder: &tempfile::TempDir) -> Vec<Vec<u64>> {
    let entries = fs::read_dir(folder.path().join("cdr")).expect("there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("there").path()).collect();
    paths.retain(|path| path.to_string_lossy().contains(".ndjson") && !path.to_string_lossy().ends_with(".manifest"));
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("there");
    let of = |content: Vec<u8>| {
        let lines = content.split_inclusive(|octet| *octet == b'\n');
        lines.map(|line| LineReader::NDJSON.seq_of(line).expect("a whole record")).collect()
    };
    paths.iter().map(read).map(of).collect()
}

#[test]
fn records_are_numbered_without_a_gap_over_files_and_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = files(&folder, 1 << 20);
    write(&mut first, 3);
    first.rotate(NOW).expect("room");
    write(&mut first, 2);
    drop(first);
    let mut second = files(&folder, 1 << 20);
    write(&mut second, 1);
    assert_eq!(seqs(&folder), [vec![1, 2, 3], vec![4, 5, 6]]);
    assert_eq!(second.next_seq(), Some(7));
}

#[test]
fn a_file_is_closed_when_it_is_large() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = files(&folder, 1_000);
    write(&mut files, 5);
    // Some 600 octets each: two pass the bound.
    assert_eq!(seqs(&folder), [vec![1, 2], vec![3, 4], vec![5]]);
    write(&mut files, 1);
    assert!(files.rotate_if_due(NOW).expect("room").is_some());
}

#[test]
fn a_file_is_closed_when_it_is_old_and_never_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = files(&folder, 1 << 20);
    files.open(NOW).expect("a folder");
    let later = NOW.plus(Duration::from_secs(901));
    assert_eq!(files.rotate_if_due(later).expect("nothing to do"), None);
    write(&mut files, 1);
    assert_eq!(files.rotate_if_due(NOW.plus(Duration::from_secs(899))).expect("nothing to do"), None);
    assert!(files.rotate_if_due(later).expect("room").is_some_and(|closed| closed.records == 1));
    assert_eq!(files.rotate(later).expect("nothing to do"), None);
}

#[test]
fn a_folder_that_comes_back_is_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let (there, away) = (folder.path().join("cdr"), folder.path().join("away"));
    let mut files = files(&folder, 1 << 20);
    write(&mut files, 2);
    fs::rename(&there, &away).expect("it is there");
    fs::write(&there, "in the way").expect("room");
    let cdrs = [cdr(9)];
    let mut written = 0;
    for _ in 0..3 {
        // The file that is open still takes records, until it is closed.
        files.write(NOW, &cdrs, &mut written).ok();
    }
    assert!(files.rotate(NOW).is_err());
    fs::remove_file(&there).expect("it is there");
    fs::rename(&away, &there).expect("it is there");
    files.write(NOW, &cdrs, &mut written).expect("it is there again");
    files.rotate(NOW).expect("it is there again");
    assert_eq!((seqs(&folder), written), (vec![vec![1, 2, 3]], 1));
}

#[test]
fn a_folder_that_was_removed_is_made_anew_and_numbers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = files(&folder, 1 << 20);
    write(&mut files, 2);
    fs::remove_dir_all(folder.path().join("cdr")).expect("it is there");
    let cdrs = [cdr(9)];
    let mut written = 0;
    assert!(files.write(NOW, &cdrs, &mut written).is_err(), "what was in it is gone, and that is said");
    files.write(NOW, &cdrs, &mut written).expect("room");
    assert_eq!(seqs(&folder), [vec![3]]);
}

#[test]
fn a_file_that_was_removed_is_followed_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = files(&folder, 1 << 20);
    write(&mut files, 2);
    let path = files.part().expect("it is open").path().to_owned();
    fs::remove_file(path).expect("it is there");
    let (cdrs, mut written) = ([cdr(9)], 0);
    assert!(matches!(files.write(NOW, &cdrs, &mut written), Err(CdrError::Gone { records: 2, .. })));
    files.write(NOW, &cdrs, &mut written).expect("room");
    let part = files.part().expect("it is open");
    assert_eq!((part.number(), part.first_seq()), (2, 3), "so that a missing file is noticed");
}
