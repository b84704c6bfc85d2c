//! Every input that was ever worth keeping, through its target: no fuzzer, no nightly, nothing to install.

use std::fs;
use std::path::PathBuf;

use smsc_fuzz::{TARGETS, Target};

/// Octets of all corpora together, so that they stay small enough to be kept beside the code.
const CORPORA_MAX: u64 = 400 << 10;

fn corpus(target: &Target) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("the corpus can be listed").path()).collect();
    files.sort();
    files
}

fn replay(name: &str) {
    let target = smsc_fuzz::target(name).expect("the target is in the list");
    let files = corpus(target);
    assert!(!files.is_empty(), "{name} has a corpus");
    for file in files {
        // The harness shows what was printed only if the target fails, and then the last name is the culprit.
        println!("{}", file.display());
        (target.run)(&fs::read(&file).expect("the corpus can be read"));
    }
    for (number, seed) in (target.seeds)().iter().enumerate() {
        println!("seed {number} of {name}");
        (target.run)(seed);
    }
    (target.run)(b"");
}

macro_rules! replays {
    ($($test:ident => $target:literal;)*) => {
        $(#[test]
        fn $test() {
            replay($target);
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$($target),*];
            assert_eq!(TARGETS.map(|target| target.name), replayed);
        }
    };
}

replays! {
    the_corpus_of_frames_holds => "frames";
    the_corpus_of_pdu_bodies_holds => "pdu";
    the_corpus_of_texts_holds => "text";
    the_corpus_of_user_data_headers_holds => "udh";
    the_corpus_of_receipts_holds => "receipt";
    the_corpus_of_times_holds => "time";
    the_corpus_of_proxy_headers_holds => "proxy_header";
    the_corpus_of_sessions_holds => "session";
    the_corpus_of_journal_events_holds => "journal_events";
    the_corpus_of_damaged_journals_holds => "journal_damage";
}

#[test]
fn the_corpora_stay_small() {
    let files = TARGETS.iter().flat_map(corpus);
    let octets: u64 = files.map(|file| fs::metadata(file).expect("the corpus can be read").len()).sum();
    assert!(octets <= CORPORA_MAX, "{octets} octets: minimise with tests/fuzz/run --merge");
}
