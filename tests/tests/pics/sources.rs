//! Which tests name which numbers of the acceptance list: read from the sources, comments above a test, its body, and the
//! head of its chapter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tests by number, each as `crate/…/file.rs: name`.
pub(crate) type TestsByNumber = BTreeMap<String, Vec<String>>;

/// Reads every test of the workspace.
pub(crate) fn tests_by_number(root: &Path) -> TestsByNumber {
    let mut files = Vec::new();
    for folder in ["proto", "store", "router", "node", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut found = TestsByNumber::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("the sources can be read");
        let place = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let tests = tests_of(&text);
        // A chapter of tests names in its head what it is about as a whole.
        if place.contains("tests/") && !tests.is_empty() {
            let head = text.lines().take_while(|line| line.starts_with("//!"));
            for number in head.flat_map(numbers_in) {
                found.entry(number).or_default().push(format!("{place}: the chapter"));
            }
        }
        for (name, numbers) in tests {
            for number in numbers {
                found.entry(number).or_default().push(format!("{place}: {name}"));
            }
        }
    }
    found.values_mut().for_each(|tests| tests.dedup());
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    // These chapters say what all the others say.
    if folder.ends_with("tests/pics") {
        return;
    }
    for entry in std::fs::read_dir(folder).expect("the sources are there").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The tests of a file and the numbers that each names.
pub(crate) fn tests_of(text: &str) -> Vec<(String, Vec<String>)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_test = |line: &str| line.starts_with("#[") && line.ends_with("test]");
    let mut tests = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_test(line.trim())) {
        let above = lines[..at].iter().rev().take_while(|line| {
            let line = line.trim();
            line.starts_with("//") && !line.starts_with("//!") || line.starts_with("#[")
        });
        let Some(head) = lines[at..].iter().position(|line| line.contains("fn ")).map(|below| at + below) else {
            continue;
        };
        // It ends with the brace that stands under its attribute.
        let indentation = &line[..line.len() - line.trim_start().len()];
        let end =
            lines[head..].iter().position(|line| *line == format!("{indentation}}}")).map_or(lines.len(), |n| head + n);
        let Some(name) = lines[head].split("fn ").nth(1).and_then(|rest| rest.split('(').next()) else { continue };
        let mut numbers: Vec<String> = above.chain(&lines[at..end]).flat_map(|line| numbers_in(line)).collect();
        numbers.sort();
        numbers.dedup();
        tests.push((name.to_owned(), numbers));
    }
    tests
}

/// `S1`, `Q25` and the like, as words of their own; `S30 to S34` names all of them.
fn numbers_in(line: &str) -> Vec<String> {
    let words: Vec<&str> =
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    let number = |word: &str| {
        let (kind, digits) = word.split_at_checked(1)?;
        let listed = matches!(kind, "S" | "Q") && (1..=2).contains(&digits.len());
        (listed && digits.bytes().all(|octet| octet.is_ascii_digit()))
            .then(|| (kind.to_owned(), digits.parse::<u8>().ok()))
    };
    let mut numbers = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some((kind, Some(first))) = number(word) else { continue };
        let last = match words.get(at + 1..at + 3) {
            Some(["to", last]) => number(last).and_then(|(_, last)| last).unwrap_or(first),
            _ => first,
        };
        numbers.extend((first..=last).map(|number| format!("{kind}{number}")));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_above_a_test_or_in_it() {
        let text = "// S1, Q25: because.\n#[test]\nfn one() {\n    // S30 to S32\n}\n\n#[actix_rt::test]\nasync fn other() {\n    assert!(x, \"(S9)\");\n}\n";
        let expected = [("one", vec!["Q25", "S1", "S30", "S31", "S32"]), ("other", vec!["S9"])];
        let found = tests_of(text);
        assert_eq!(found.len(), 2);
        for ((name, numbers), (expected_name, expected_numbers)) in found.iter().zip(expected) {
            assert_eq!(
                (name.as_str(), numbers),
                (expected_name, &expected_numbers.iter().map(|n| (*n).to_owned()).collect())
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_none() {
        assert!(numbers_in("let S = QA; HS1 S100 Q S_1 SMPP").is_empty());
    }
}
