//! Tests that a machine does not allow say so, instead of passing in silence.

use std::io::Write;

/// Says why the test that runs cannot be carried out here: on stderr, and in the file that `SMSC_SKIPPED` names, which
/// `tests/run` shows at its end. Gives back `None`, for the test to return.
pub fn skipped<T>(why: &str) -> Option<T> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("skipped: {test}: {why}");
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("SMSC_SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        // In one piece: other tests write at the same moment.
        let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.expect("the file that SMSC_SKIPPED names can be written");
    }
    None
}
