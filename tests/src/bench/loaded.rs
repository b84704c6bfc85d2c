//! What a run of `smsc load --json` came to.

use serde_json::Value;

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Loaded(Value);

impl Loaded {
    /// Of what it printed; fails when nothing was printed, or a message, a receipt or a connection was lost on the way.
    pub(crate) fn read(stdout: &str, stderr: &str) -> Result<Self, String> {
        let json = serde_json::from_str(stdout).map_err(|_| format!("smsc load: {}", stderr.trim()))?;
        let loaded = Self(json);
        for what in ["/not_bound", "/unanswered", "/lost", "/connections_lost"] {
            let count = loaded.number(what)?;
            if count > 0.0 {
                return Err(format!("{}: {count}", what.trim_start_matches('/').replace('_', " ")));
            }
        }
        match loaded.0.pointer("/refused").and_then(Value::as_object) {
            Some(refused) if refused.is_empty() => Ok(loaded),
            Some(refused) => Err(format!("messages were refused: {refused:?}")),
            None => Err("smsc load does not say what was refused".to_owned()),
        }
    }

    /// Fails unless every receipt came.
    pub(crate) fn with_all_receipts(self) -> Result<Self, String> {
        match self.number("/receipts/missing")? {
            0.0 => Ok(self),
            missing => Err(format!("{missing} receipts did not come")),
        }
    }

    /// How many messages were accepted.
    pub(crate) fn accepted(&self) -> Result<f64, String> {
        self.number("/accepted")
    }

    /// How many of them a second.
    pub(crate) fn accepted_per_second(&self) -> Result<f64, String> {
        self.number("/accepted_per_second")
    }

    /// Receipts a second.
    pub(crate) fn receipts_per_second(&self) -> Result<f64, String> {
        self.number("/receipts/per_second")
    }

    /// CPU of the node for each accepted message, µs.
    pub(crate) fn node_cpu(&self) -> Result<f64, String> {
        self.number("/cpu_us_per_message/node")
    }

    /// CPU of the generator for each accepted message, µs.
    pub(crate) fn own_cpu(&self) -> Result<f64, String> {
        self.number("/cpu_us_per_message/load")
    }

    /// submit → response, in ms; `quantile` is `p50`, `p99`, `p99_9` or `max`.
    pub(crate) fn response_ms(&self, quantile: &str) -> Result<f64, String> {
        Ok(self.number(&format!("/response_us/{quantile}"))? / 1e3)
    }

    /// submit → receipt, in ms.
    pub(crate) fn receipt_ms(&self, quantile: &str) -> Result<f64, String> {
        Ok(self.number(&format!("/receipt_us/{quantile}"))? / 1e3)
    }

    /// Any number that it says.
    pub(crate) fn number(&self, pointer: &str) -> Result<f64, String> {
        self.0.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("smsc load does not say {pointer}"))
    }

    /// All that it says.
    pub(crate) fn json(&self) -> &Value {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run() -> Value {
        json!({
            "accepted": 10, "refused": {}, "not_bound": 0, "unanswered": 0, "lost": 0, "connections_lost": 0,
            "receipts": { "missing": 0 }, "response_us": { "p50": 1_500 },
        })
    }

    fn read(json: &Value) -> Result<Loaded, String> {
        Loaded::read(&json.to_string(), "")
    }

    #[test]
    fn figures_are_read_and_holes_are_named() {
        let loaded = read(&run()).expect("it is good");
        assert_eq!((loaded.accepted(), loaded.response_ms("p50")), (Ok(10.0), Ok(1.5)));
        assert!(loaded.node_cpu().expect_err("it is a trouble").contains("/cpu_us_per_message/node"));
    }

    #[test]
    fn what_was_lost_is_a_trouble() {
        for what in ["unanswered", "lost", "connections_lost", "not_bound"] {
            let mut run = run();
            run[what] = json!(1);
            assert!(read(&run).is_err(), "{what}");
        }
        let mut refused = run();
        refused["refused"]["ESME_RMSGQFUL"] = json!(3);
        assert!(read(&refused).expect_err("it is a trouble").contains("ESME_RMSGQFUL"));
        let mut missing = run();
        missing["receipts"]["missing"] = json!(2);
        assert!(
            read(&missing)
                .expect("it is good")
                .with_all_receipts()
                .expect_err("it is a trouble")
                .contains("2 receipts")
        );
        assert_eq!(
            Loaded::read("", "error: nobody listens").expect_err("it is a trouble"),
            "smsc load: error: nobody listens"
        );
    }
}
