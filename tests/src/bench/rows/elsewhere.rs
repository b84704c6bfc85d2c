//! Rows that take hours, not seconds: what tells of them.

use std::fs;
use std::path::Path;

use crate::bench::Bench;
use crate::figure::{Figure, Measured, Side, Unit};

/// The kills are a test of the specification, which counts losses and copies.
pub(crate) fn kills(_: &mut Bench) -> Result<Vec<Figure>, String> {
    let measured = Measured::Elsewhere("tests/run --long".to_owned());
    Ok(vec![Figure {
        name: "messages and receipts lost",
        unit: Unit::Count,
        side: Side::AtMost,
        reach: Some(0.0),
        aim: None,
        measured,
    }])
}

/// What the fuzzers have counted in the project's life.
pub(crate) fn fuzzed(_: &mut Bench) -> Result<Vec<Figure>, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/cases.toml");
    let measured = match fs::read_to_string(&file) {
        Ok(text) => Measured::Value(cases(&text).map_err(|reason| format!("{}: {reason}", file.display()))?),
        Err(_) => Measured::Elsewhere("not counted yet".to_owned()),
    };
    Ok(vec![Figure {
        name: "fuzzed without a panic",
        unit: Unit::Count,
        side: Side::AtLeast,
        reach: Some(1e9),
        aim: None,
        measured,
    }])
}

/// The sum over all targets.
fn cases(text: &str) -> Result<f64, String> {
    let counts: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let count = |(target, value): (&String, &toml::Value)| {
        value.as_integer().ok_or_else(|| format!("{target} is no number")).map(|count| count as f64)
    };
    counts.iter().map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_of_all_targets_are_added() {
        assert_eq!(cases("# counts\npdu = 1_000\nreceipt = 5\n"), Ok(1_005.0));
        assert_eq!(cases(""), Ok(0.0));
        assert!(cases("pdu = \"many\"").expect_err("it is a trouble").contains("pdu"));
        assert!(cases("pdu = ").is_err());
    }
}
