//! One line per event on standard output: a JSON object, or text for people.
//!
//! An event has its name in the field `event` (`submit.accepted`); text of messages is never logged, numbers of
//! handsets only through [`MaskedNumber`].

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use super::live_events::LiveEvents;
use crate::config::{LogFormat, LogLevel, Telemetry};

/// Whether numbers are masked: one answer for the whole process, so that no call site can forget to ask.
static MASKED: AtomicBool = AtomicBool::new(true);

/// What was done over the API is written whatever the level says.
pub const AUDIT: &str = "audit";

/// Sets the level of what is written.
static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// From now on events of this process are written as the configuration says. The first call decides.
///
/// Must come after the configuration was read and before anything is logged.
pub fn install(telemetry: &Telemetry, node: &str) {
    MASKED.store(telemetry.mask_numbers, Ordering::Relaxed);
    let (filter, handle) = reload::Layer::new(filter(telemetry.log_level));
    let layer = lines::layer().with_writer(io::stdout);
    let written: Box<dyn Layer<Registry> + Send + Sync> = match telemetry.log_format {
        LogFormat::Json => layer.event_format(JsonLine { node: node.into() }).with_filter(filter).boxed(),
        LogFormat::Text => {
            layer.with_target(false).with_ansi(io::stdout().is_terminal()).compact().with_filter(filter).boxed()
        }
    };
    let watched = LiveEvents.with_filter(LevelFilter::INFO);
    if tracing_subscriber::registry().with(written).with(watched).try_init().is_err() {
        tracing::debug!(event = "log.kept", "logging was set up before: its first settings stay");
    } else {
        // The first call decides, so nothing is there yet.
        let _ = LEVEL.set(handle);
    }
}

/// From now on events of that level and above are written.
pub fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // It fails only when logging has ended.
        let _ = handle.reload(filter(level));
    }
}

/// What is below information is ours only: a line for every HTTP/2 frame between nodes helps nobody.
fn filter(log_level: LogLevel) -> Targets {
    const QUIET: [&str; 6] = ["h2", "hyper", "hyper_util", "tonic", "tower", "rustls"];
    let most = level(log_level).min(LevelFilter::INFO);
    let quiet = Targets::new().with_default(level(log_level)).with_targets(QUIET.map(|library| (library, most)));
    quiet.with_target(AUDIT, LevelFilter::INFO)
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// A number as it may stand in a log: `4670…12` while `telemetry.mask_numbers` is on.
///
/// Short codes and alphanumeric senders belong to services, not to people: they are shown.
#[derive(Clone, Copy)]
pub struct MaskedNumber<'a>(pub &'a [u8]);

impl fmt::Display for MaskedNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(self.0, MASKED.load(Ordering::Relaxed), f)
    }
}

impl fmt::Debug for MaskedNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The longest number that is a short code.
const SHORT_CODE_MAX: usize = 6;

fn mask(number: &[u8], masked: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = number.escape_ascii();
    let digits = number.iter().filter(|octet| octet.is_ascii_digit()).count();
    let of_a_handset = digits > SHORT_CODE_MAX && !number.iter().any(u8::is_ascii_alphabetic);
    if !masked || !of_a_handset {
        return write!(f, "{text}");
    }
    // Of a short number less is shown: it is never more than half.
    let (front, back) = if number.len() >= 12 { (4, 2) } else { (2, 1) };
    write!(f, "{}…{}", number[..front].escape_ascii(), number[number.len() - back..].escape_ascii())
}

/// Writes `{"ts":…,"level":…,"event":…,"node":…,…}`: fixed keys first, then the event's own in its order.
struct JsonLine {
    node: Box<str>,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = jiff::Timestamp::now();
        let name = fields.name.unwrap_or_else(|| Value::from(event.metadata().target()));
        let level = level_name(*event.metadata().level());
        write!(writer, r#"{{"ts":"{now:.3}","level":"{level}","event":{name},"node":{}"#, Value::from(&*self.node))?;
        for (key, value) in &fields.rest {
            write!(writer, ",{}:{value}", Value::from(key.as_str()))?;
        }
        writeln!(writer, "}}")
    }
}

pub(super) const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The fields of one event. Keys of the line's own are not given twice.
#[derive(Default)]
pub(super) struct Fields {
    /// What `event` says.
    pub(super) name: Option<Value>,
    /// All others.
    pub(super) rest: Vec<(String, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match field.name() {
            "event" => self.name = Some(value),
            reserved @ ("ts" | "level" | "node") => self.rest.push((format!("{reserved}_"), value)),
            // Events of libraries that log with the crate `log` carry these.
            name if name.starts_with("log.") => {}
            name => self.rest.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Masked<'a>(&'a str, bool);

    impl fmt::Display for Masked<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            mask(self.0.as_bytes(), self.1, f)
        }
    }

    #[test]
    fn a_handsets_number_is_shown_in_part() {
        assert_eq!(Masked("447911123413", true).to_string(), "4479…13");
        assert_eq!(Masked("+46701234567", true).to_string(), "+467…67");
        assert_eq!(Masked("1234567", true).to_string(), "12…7");
    }

    #[test]
    fn without_masks_it_is_shown() {
        assert_eq!(Masked("447911123413", false).to_string(), "447911123413");
    }

    #[test]
    fn senders_that_are_no_handsets_are_shown() {
        for sender in ["BANKA", "72345", "Shop24365247", ""] {
            assert_eq!(Masked(sender, true).to_string(), sender);
        }
    }

    #[test]
    fn hostile_octets_do_not_reach_the_log_as_they_are() {
        assert_eq!(MaskedNumber(b"a\n\"\xff").to_string(), "a\\n\\\"\\xff");
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics with it").write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn json_line(log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(JsonLine { node: "smsc-1".into() })
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let octets = written.0.lock().expect("no test panics with it").clone();
        String::from_utf8(octets).expect("JSON is UTF-8")
    }

    #[test]
    fn an_event_is_one_json_object_on_one_line_with_the_fixed_keys_first() {
        let line = json_line(|| {
            tracing::info!(parts = 2, account = "bank-a", event = "submit.accepted", link = ?None::<u8>, "two\nlines");
        });
        assert!(line.starts_with(r#"{"ts":"20"#), "{line}");
        assert!(line.contains(r#"Z","level":"info","event":"submit.accepted","node":"smsc-1","#), "{line}");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let object: Value = serde_json::from_str(&line).expect("a JSON object");
        assert_eq!(object["parts"], 2);
        assert_eq!(object["account"], "bank-a");
        assert_eq!(object["message"], "two\nlines");
    }

    #[test]
    fn a_field_cannot_take_the_place_of_a_fixed_key() {
        let line = json_line(|| tracing::warn!(event = "x", level = "none", node = "other"));
        let object: Value = serde_json::from_str(&line).expect("a JSON object");
        assert_eq!((&object["level"], &object["node"]), (&Value::from("warn"), &Value::from("smsc-1")));
        assert_eq!(object["level_"], "none");
    }
}
