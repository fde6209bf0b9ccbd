//! Tables for people.

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{Table, presets};
use spindrift_model::Value;

/// Prints rows under headings; nothing but a sentence when there are none.
pub fn print(headings: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        crate::say!("nothing found");
        return;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for line in table.lines() {
        crate::say!("{}", line.trim_end());
    }
}

/// A time in milliseconds as people read it, in UTC.
pub fn time(millis: Option<&Value>) -> String {
    let millis = millis.and_then(Value::as_i64);
    let time = millis.and_then(DateTime::<Utc>::from_timestamp_millis);
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default()
}
