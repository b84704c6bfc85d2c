//! The table for people, and the file for programs.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::bench::Size;
use crate::figure::{Figure, Measured, Verdict};
use crate::machine::Machine;
use crate::rows::Row;

/// What came of one row.
pub(crate) struct RowReport {
    /// Which.
    pub(crate) row: &'static Row,
    /// Its figures, or why there are none.
    pub(crate) outcome: Result<Vec<Figure>, String>,
    /// What `smsc load` said in its runs.
    pub(crate) runs: Vec<Value>,
    /// How long it took.
    pub(crate) took: Duration,
}

/// What came of all of them.
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// How large the rows were.
    pub(crate) size: Size,
    /// The rows that ran.
    pub(crate) rows: Vec<RowReport>,
}

impl Report {
    /// How many rows did not come about.
    pub(crate) fn troubles(&self) -> usize {
        self.rows.iter().filter(|row| row.outcome.is_err()).count()
    }

    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let table = self.table(presets::UTF8_BORDERS_ONLY);
        format!("\n{}\n\n{table}\n{}", self.machine.lines().join("\n"), self.foot())
    }

    /// For a document.
    pub(crate) fn markdown(&self) -> String {
        let table = self.table(presets::ASCII_MARKDOWN);
        let head = self.machine.lines().join("  \n");
        format!("{head}\n\n{table}\n\n{}", self.foot())
    }

    fn foot(&self) -> String {
        let figures = || self.rows.iter().filter_map(|row| row.outcome.as_ref().ok()).flatten();
        let count = |wanted: fn(&Verdict) -> bool| figures().filter(|figure| wanted(&figure.verdict())).count();
        if self.size == Size::Short {
            return "Short form: small numbers, which say that the rows run and nothing more.".to_owned();
        }
        let reached = count(|verdict| matches!(verdict, Verdict::Aim | Verdict::Reached));
        let short = count(|verdict| matches!(verdict, Verdict::Short(_)));
        format!("{reached} figures reached, {short} short, {} rows failed.", self.troubles())
    }

    fn table(&self, preset: &str) -> Table {
        let mut table = Table::new();
        table.load_preset(preset).set_header(["row", "figure", "to reach", "aim", "measured", "verdict"]);
        for report in &self.rows {
            match &report.outcome {
                Ok(figures) => figures.iter().enumerate().for_each(|(index, figure)| {
                    let what = if index == 0 { report.row.what } else { "" };
                    table.add_row(self.line(what, figure));
                }),
                Err(trouble) => {
                    let trouble = trouble.lines().next().unwrap_or_default();
                    table.add_row([report.row.what, "", "", "", trouble, "FAILED"]);
                }
            }
        }
        table
    }

    fn line(&self, what: &str, figure: &Figure) -> Vec<Cell> {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let aim = figure.aim.map(|aim| figure.bound(aim)).unwrap_or_default();
        let reach = figure.reach.map(|reach| figure.bound(reach)).unwrap_or_default();
        let texts = [reach, aim, figure.shown()];
        let verdict = Cell::new(self.verdict(figure));
        [Cell::new(what), Cell::new(figure.name)].into_iter().chain(texts.map(right)).chain([verdict]).collect()
    }

    /// Small numbers on a debug build are not judged.
    fn verdict(&self, figure: &Figure) -> String {
        match self.size {
            Size::Full => figure.verdict().text(),
            Size::Short => "-".to_owned(),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|report| {
            let figures = report.outcome.iter().flatten().map(|figure| self.figure_json(figure));
            json!({
                "row": report.row.name,
                "what": report.row.what,
                "seconds": report.took.as_secs_f64(),
                "failed": report.outcome.as_ref().err(),
                "figures": figures.collect::<Vec<_>>(),
                "runs": report.runs,
            })
        });
        json!({
            "machine": self.machine.json(),
            "short": self.size == Size::Short,
            "rows": rows.collect::<Vec<_>>(),
        })
    }

    fn figure_json(&self, figure: &Figure) -> Value {
        let (value, elsewhere) = match &figure.measured {
            Measured::Value(value) => (Some(*value), None),
            Measured::Elsewhere(how) => (None, Some(how)),
        };
        json!({
            "figure": figure.name,
            "unit": figure.unit.name(),
            "side": figure.side.name(),
            "to_reach": figure.reach,
            "aim": figure.aim,
            "measured": value,
            "elsewhere": elsewhere,
            "verdict": self.verdict(figure),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Unit;
    use crate::rows::ROWS;

    fn report(size: Size) -> Report {
        let figures = vec![
            Figure::at_least("submit_sm", Unit::PerSecond, 250_000.0, Some(450_000.0), 300_000.0),
            Figure::at_most("node CPU each", Unit::Microseconds, 4.0, None, 5.0),
        ];
        let row = |row, outcome| RowReport { row, outcome, runs: Vec::new(), took: Duration::from_secs(1) };
        let rows = vec![row(&ROWS[0], Ok(figures)), row(&ROWS[1], Err("3 receipts did not come".to_owned()))];
        Report { machine: Machine::look(), size, rows }
    }

    #[test]
    fn the_table_says_what_is_reached_what_is_short_and_what_failed() {
        let text = report(Size::Full).text();
        for part in
            ["≥ 250,000/s", "≥ 450,000/s", "300,000/s", "PASS", "short by 25 %", "3 receipts did not come", "FAILED"]
        {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(text.contains("1 figures reached, 1 short, 1 rows failed"), "{text}");
    }

    #[test]
    fn markdown_is_a_table_that_can_be_pasted() {
        let markdown = report(Size::Full).markdown();
        let table: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(table.len(), 5, "head, rule, two figures and a trouble:\n{markdown}");
        assert!(table.iter().all(|line| line.matches('|').count() == 7), "{markdown}");
    }

    #[test]
    fn a_short_form_judges_nothing() {
        let report = report(Size::Short);
        assert!(!report.text().contains("short by") && report.troubles() == 1);
        assert_eq!(report.json()["rows"][0]["figures"][1]["measured"], 5.0);
        assert_eq!(report.json()["rows"][1]["failed"], "3 receipts did not come");
    }
}
