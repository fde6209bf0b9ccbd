//! Reading members of a context that people and expressions wrote.
//!
//! An expression that fills a whole member often leaves a text where a number or a boolean is meant, so both forms are read.

use spindrift_engine::{Failure, StageView};
use spindrift_model::{Map, Millis, Value};

/// A stage that cannot be carried out as it is written.
pub(crate) fn invalid(cause: impl Into<String>) -> Failure {
    Failure::new("InvalidStage", cause)
}

/// A member that is a text with something in it.
pub(crate) fn text<'m>(map: &'m Map, key: &str) -> Option<&'m str> {
    as_text(map.get(key)?)
}

/// A text with something in it.
pub(crate) fn as_text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// A text, number or boolean as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A boolean, or a text that says one; everything else is false.
pub(crate) fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
        Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
    }
}

/// A finite number, or a text that says one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// A whole number, or a text that says one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
    .or_else(|| {
        let number = number(value)?;
        // Every whole number of this size is exact in both types.
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

/// The texts of a list, or of a text in which commas separate them.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    let list = match value {
        Some(Value::Array(list)) => list.iter().filter_map(scalar).collect(),
        Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
        Some(Value::Number(number)) => vec![number.to_string()],
        Some(Value::Null | Value::Bool(_) | Value::Object(_)) | None => Vec::new(),
    };
    let trimmed = list.iter().map(|text| text.trim());
    trimmed
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A duration in seconds as milliseconds: absent counts as none, and so does a negative one.
pub(crate) fn seconds(name: &str, value: Option<&Value>) -> Result<Millis, Failure> {
    let value = match value {
        None | Some(Value::Null) => return Ok(0),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(0),
        Some(value) => value,
    };
    match number(value) {
        // A conversion of a float saturates: the longest time there is.
        Some(seconds) => Ok((seconds.max(0.0) * 1_000.0).round() as Millis),
        None => Err(invalid(format!(
            "{name} must be a number of seconds, not {}",
            shorten(&value.to_string())
        ))),
    }
}

/// The head of a text that is shown to people.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether a value is decided by an expression only when the stage runs, so that it cannot be judged while it is saved.
pub(crate) fn is_expression(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("${"))
}

/// When the task of that name began.
pub(crate) fn task_start(view: &StageView<'_>, name: &str) -> Millis {
    let stage = view.stage();
    let task = stage.tasks.iter().find(|task| task.name == name);
    task.and_then(|task| task.start_time)
        .or(stage.start_time)
        .unwrap_or_else(|| view.now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_as_numbers_and_as_texts() {
        let table = [
            (json!(30), Some(30.0), Some(30)),
            (json!("30"), Some(30.0), Some(30)),
            (json!(" 30 "), Some(30.0), Some(30)),
            (json!(1.5), Some(1.5), None),
            (json!("2.0"), Some(2.0), Some(2)),
            (json!(-4), Some(-4.0), Some(-4)),
            (json!("NaN"), None, None),
            (json!("inf"), None, None),
            (json!("soon"), None, None),
            (json!(true), None, None),
            (json!([30]), None, None),
            (json!(null), None, None),
        ];
        for (value, float, whole) in table {
            assert_eq!(number(&value), float, "{value}");
            assert_eq!(integer(&value), whole, "{value}");
        }
    }

    #[test]
    fn seconds_are_read_as_milliseconds() {
        let table = [
            (None, Ok(0)),
            (Some(json!(null)), Ok(0)),
            (Some(json!("")), Ok(0)),
            (Some(json!(30)), Ok(30_000)),
            (Some(json!("30")), Ok(30_000)),
            (Some(json!(0.25)), Ok(250)),
            (Some(json!(-5)), Ok(0)),
            (Some(json!(1e300)), Ok(Millis::MAX)),
            (
                Some(json!("${x}")),
                Err("waitTime must be a number of seconds, not \"${x}\""),
            ),
            (
                Some(json!({"a": 1})),
                Err("waitTime must be a number of seconds, not {\"a\":1}"),
            ),
        ];
        for (value, expected) in table {
            let found = seconds("waitTime", value.as_ref()).map_err(|failure| failure.errors);
            assert_eq!(
                found,
                expected.map_err(|text| vec![text.to_owned()]),
                "{value:?}"
            );
        }
    }

    #[test]
    fn lists_come_as_lists_and_with_commas() {
        let table = [
            (json!(["a", " b ", 3, ""]), vec!["a", "b", "3"]),
            (json!("a, b,,c"), vec!["a", "b", "c"]),
            (json!(null), vec![]),
        ];
        for (value, expected) in table {
            assert_eq!(texts(Some(&value)), expected, "{value}");
        }
    }

    #[test]
    fn flags_come_as_booleans_and_as_texts() {
        let table = [
            (json!(true), true),
            (json!("TRUE"), true),
            (json!("false"), false),
            (json!(1), false),
            (json!(null), false),
        ];
        for (value, expected) in table {
            assert_eq!(flag(Some(&value)), expected, "{value}");
        }
        assert!(!flag(None));
    }
}
