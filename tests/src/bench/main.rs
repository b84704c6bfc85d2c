//! `tests/bench`: every figure that the message centre is to reach, measured in one run on this machine.
//!
//! | file | holds |
//! |---|---|
//! | `rows` | the rows, a file each: who stands where, what is measured |
//! | `figure` | a figure: what to reach, the aim, what was measured, the verdict |
//! | `bench` | what all rows use: short or full, and the runs of `smsc load` |
//! | `centre` | the node of a row and the operator behind it; `trio`: three nodes |
//! | `loaded` | what `smsc load --json` says |
//! | `process` | what the operating system knows of a process |
//! | `machine` | where it is measured: processor, kernel, disk, commit |
//! | `report` | the table and the JSON file |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

mod bench;
mod centre;
mod figure;
mod loaded;
mod machine;
mod process;
mod report;
mod rows;
mod trio;

use self::bench::{Bench, Size};
use self::machine::Machine;
use self::report::{Report, RowReport};
use self::rows::{LONG_ROWS, ROWS, Row};

/// Measures what the message centre is to reach, row by row, and prints a table.
///
/// Exit 0 when every row ran and nothing was lost, whatever the figures are: how fast it is here is for people to judge.
#[derive(Debug, Parser)]
#[command(
    name = "tests/bench",
    after_help = "Rows are chosen by name or number; without any, all but the long ones run."
)]
struct Args {
    /// The rows to run
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Small numbers on the debug build, some seconds a row: whether the rows run, not how fast
    #[arg(long)]
    short: bool,
    /// Name the rows, and run none
    #[arg(long)]
    list: bool,
    /// Print the table as Markdown
    #[arg(long)]
    markdown: bool,
    /// How many messages wait in the row `backlog`
    #[arg(long, value_name = "N")]
    waiting: Option<u64>,
    /// The file for programs
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        all_rows().zip(1..).for_each(|(row, number)| println!("{number:>2}  {:<10} {}", row.name, row.what));
        return ExitCode::SUCCESS;
    }
    let rows = match chosen(&args.rows, args.short) {
        Ok(rows) => rows,
        Err(unknown) => {
            eprintln!("tests/bench: there is no row {unknown:?}; --list names them");
            return ExitCode::from(2);
        }
    };
    let size = if args.short { Size::Short } else { Size::Full };
    let machine = Machine::look();
    let mut bench = Bench::new(size, machine.fdatasync, args.waiting);
    let report = Report { machine, size, rows: rows.iter().map(|row| run(row, &mut bench)).collect() };

    println!("{}", if args.markdown { report.markdown() } else { report.text() });
    if let Err(error) = std::fs::write(&args.out, format!("{:#}\n", report.json())) {
        eprintln!("tests/bench: {} cannot be written: {error}", args.out.display());
        return ExitCode::FAILURE;
    }
    match report.troubles() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// In the order of their numbers.
fn all_rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(LONG_ROWS)
}

/// Short, a long row takes no longer than another.
fn chosen(words: &[String], short: bool) -> Result<Vec<&'static Row>, &String> {
    let find = |word: &String| {
        let number = word.parse::<usize>().ok().and_then(|number| all_rows().nth(number.checked_sub(1)?));
        number.or_else(|| all_rows().find(|row| row.name == word))
    };
    match words {
        [] if short => Ok(all_rows().collect()),
        [] => Ok(ROWS.iter().collect()),
        _ => words.iter().map(|word| find(word).ok_or(word)).collect(),
    }
}

/// Runs one row. The cast panics when something does not come about; the other rows run all the same.
fn run(row: &'static Row, bench: &mut Bench) -> RowReport {
    eprintln!("{}: {}", row.name, row.what);
    // What earlier rows, or other programs, left for the kernel to write is not this row's.
    if bench.pick(true, false) {
        rustix::fs::sync();
    }
    let begin = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (row.run)(bench)))
        .unwrap_or_else(|panic| Err(panic_text(&*panic)))
        .and_then(|figures| match figures.iter().find(|figure| !figure.is_whole()) {
            Some(hole) => Err(format!("{} was not measured", hole.name)),
            None if figures.is_empty() => Err("nothing was measured".to_owned()),
            None => Ok(figures),
        });
    if let Err(trouble) = &outcome {
        eprintln!("{}: FAILED: {trouble}", row.name);
    }
    RowReport { row, outcome, runs: bench.take_runs(), took: begin.elapsed() }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str], short: bool) -> Result<Vec<&'static str>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        chosen(&words, short).map(|rows| rows.iter().map(|row| row.name).collect()).map_err(String::clone)
    }

    #[test]
    fn rows_are_chosen_by_name_or_number() {
        assert_eq!(names(&["backlog", "1", "soak"], false), Ok(vec!["backlog", "accept", "soak"]));
        for unknown in ["0", "99", "fast"] {
            assert_eq!(names(&["1", unknown], false), Err(unknown.to_owned()));
        }
    }

    #[test]
    fn none_means_all_but_the_long_ones_which_are_long_no_more_when_short() {
        let long = |short| names(&[], short).map(|rows| (rows.len(), rows.contains(&"soak")));
        assert_eq!(long(false), Ok((ROWS.len(), false)));
        assert_eq!(long(true), Ok((ROWS.len() + LONG_ROWS.len(), true)));
    }
}
