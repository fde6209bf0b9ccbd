//! Commands against a server: one file each.

pub mod account;
pub mod cancel;
pub mod events;
pub mod get;
pub mod judge;
pub mod list;
pub mod logs;
pub mod next_runs;
pub mod plan;
pub mod save;
pub mod start;

mod http;
mod table;

use anyhow::bail;
use spindrift_model::{Map, Value};

pub use http::Server;

/// Reads `key=value` arguments.
pub fn parameters(arguments: &[String]) -> anyhow::Result<Map> {
    let mut parameters = Map::new();
    for argument in arguments {
        let Some((key, value)) = argument.split_once('=') else {
            bail!("--param {argument:?} is not KEY=VALUE");
        };
        if parameters.insert(key.to_owned(), value.into()).is_some() {
            bail!("--param {key} is given twice");
        }
    }
    Ok(parameters)
}

/// A path segment in which everything that is not a plain letter or digit is escaped.
pub fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// APPLICATION/PIPELINE, taken apart.
pub fn pipeline_of(text: &str) -> anyhow::Result<(&str, &str)> {
    match text.split_once('/') {
        Some((application, pipeline)) if !application.is_empty() && !pipeline.is_empty() => {
            Ok((application, pipeline))
        }
        _ => bail!("{text:?} is not APPLICATION/PIPELINE, such as shop/release"),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_taken_apart() {
        assert_eq!(
            parameters(&["a=1".into(), "b=x=y".into()]).unwrap()["b"],
            "x=y"
        );
        assert!(parameters(&["a".into()]).is_err());
        assert!(parameters(&["a=1".into(), "a=2".into()]).is_err());
        assert_eq!(segment("a b/ü"), "a%20b%2F%C3%BC");
        assert_eq!(
            pipeline_of("shop/blue/green").unwrap(),
            ("shop", "blue/green")
        );
        assert!(pipeline_of("shop").is_err());
    }
}
