//! Tables, as `kubectl get` asks for them.

mod columns;
mod path;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock::parse_stamp;
use crate::json::Json;
use crate::kinds::Kind;

/// What of its object a row carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

/// A column: its name, its type, and 1 if only wide output shows it.
pub(super) struct Column {
    name: String,
    kind: &'static str,
    priority: i64,
}

pub(crate) fn render(
    kind: &Kind,
    objects: &[Arc<Value>],
    metadata: Value,
    include: Include,
    now: DateTime<Utc>,
) -> Value {
    let columns = columns::of(kind);
    let definitions: Vec<_> = columns
        .iter()
        .map(|column| {
            let format = if column.name == "Name" { "name" } else { "" };
            json!({"name": column.name, "type": column.kind, "format": format, "description": "", "priority": column.priority})
        })
        .collect();
    let rows: Vec<_> = objects
        .iter()
        .map(|object| {
            let mut row = json!({"cells": columns::cells(kind, object, now)});
            match include {
                Include::Nothing => {}
                Include::Metadata => row["object"] = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}),
                Include::Object => row["object"] = Value::clone(object),
            }
            row
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
}

/// The time since a timestamp, in the two largest units that matter.
pub(super) fn age(stamp: &str, now: DateTime<Utc>) -> String {
    let Some(then) = parse_stamp(stamp) else {
        return "<unknown>".to_owned();
    };
    let seconds = (now - then).num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}

pub(super) fn created(object: &Value, now: DateTime<Utc>) -> String {
    age(object.text(&["metadata", "creationTimestamp"]), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_shows_them() {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(10);
        for (seconds, expected) in [
            (5, "5s"),
            (119, "119s"),
            (125, "2m5s"),
            (900, "15m"),
            (11_000, "3h3m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
        ] {
            let then = crate::clock::stamp(now - chrono::TimeDelta::seconds(seconds));
            assert_eq!(age(&then, now), expected);
        }
    }
}
