//! JSON paths as users of Spinnaker write them, which is Jayway's form: wider than RFC 9535, which the library reads.
//!
//! Accepted besides: a path without `$`, names with any characters after a dot (`$.build-status`), and `.length()` or
//! `.size()` at the end.

use std::borrow::Cow;

use jsonpath_rust::JsonPath;
use serde_json::Value;

use crate::fields;

/// Each look at all levels multiplies the work, and both path and answer come from outside.
const MOST_DESCENTS: usize = 2;

/// What a path leads to: one value, or, for a path that may lead to several, the list of them. Errors say what a person can do.
pub(super) fn read(body: &Value, path: &str) -> Result<Value, String> {
    let path = path.trim();
    let (bare, counts) = match path
        .strip_suffix(".length()")
        .or(path.strip_suffix(".size()"))
    {
        Some(bare) => (bare, true),
        None => (path, false),
    };
    let found = read_plain(body, bare)?;
    if !counts {
        return Ok(found);
    }
    let length = match &found {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.chars().count(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return Err(missing(path)),
    };
    Ok(length.into())
}

fn read_plain(body: &Value, path: &str) -> Result<Value, String> {
    let standard = standard(path);
    if standard.descents > MOST_DESCENTS {
        return Err(format!(
            "a JSON path may look at all levels ('..') {MOST_DESCENTS} times at most"
        ));
    }
    let found = body
        .query(&standard.text)
        .map_err(|_| format!("{:?} is not a JSON path", fields::shorten(path)))?;
    match (standard.definite, found.as_slice()) {
        (true, []) => Err(missing(path)),
        (true, [value, ..]) => Ok((*value).clone()),
        (false, found) => Ok(found.iter().map(|value| (*value).clone()).collect()),
    }
}

fn missing(path: &str) -> String {
    format!(
        "the JSON path {:?} leads to nothing in the answer",
        fields::shorten(path)
    )
}

/// A path in the form of RFC 9535.
struct Standard {
    text: String,
    /// Whether it leads to one value at most.
    definite: bool,
    /// How often it goes through all levels.
    descents: usize,
}

fn standard(path: &str) -> Standard {
    let path = match path.chars().next() {
        Some('$') => Cow::Borrowed(path),
        Some('[') => Cow::Owned(format!("${path}")),
        Some(_) | None => Cow::Owned(format!("$.{path}")),
    };
    let mut standard = Standard {
        text: "$".to_owned(),
        definite: true,
        descents: 0,
    };
    let mut rest = &path[1..];
    while !rest.is_empty() {
        rest = if let Some(after) = rest.strip_prefix("..") {
            standard.definite = false;
            standard.descents += 1;
            standard.text.push_str("..");
            match after.starts_with('[') {
                true => after,
                false => standard.name(after, ""),
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            standard.name(after, ".")
        } else if rest.starts_with('[') {
            standard.bracket(rest)
        } else {
            // Not a path: the library says so.
            standard.text.push_str(rest);
            ""
        };
    }
    standard
}

impl Standard {
    /// Takes a name up to the next dot or bracket.
    fn name<'p>(&mut self, rest: &'p str, dot: &str) -> &'p str {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if name == "*" {
            self.definite = false;
        }
        let short = |name: &str| {
            let mut letters = name.chars();
            let first = letters
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii());
            first && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())
        };
        if name == "*" || name.is_empty() || short(name) {
            self.text.push_str(dot);
            self.text.push_str(name);
        } else {
            let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
            self.text.push_str(&format!("['{escaped}']"));
        }
        rest
    }

    /// Takes a bracket with all that is inside it.
    fn bracket<'p>(&mut self, rest: &'p str) -> &'p str {
        let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
        for (position, letter) in rest.char_indices() {
            match (quote, letter) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), _) if open == letter => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(letter),
                (None, '[') => depth += 1,
                (None, '?' | '*' | ':' | ',') => self.definite = false,
                (None, ']') => {
                    depth -= 1;
                    if depth == 0 {
                        let (bracket, rest) = rest.split_at(position + 1);
                        self.text.push_str(bracket);
                        return rest;
                    }
                }
                (None, _) => {}
            }
        }
        self.text.push_str(rest);
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_where_jayway_says() {
        let body = json!({
            "status": "done", "build-status": "ok", "a.b": 1, "none": null,
            "jobs": [{"name": "x", "state": "up"}, {"name": "y", "state": "down"}],
            "deep": {"état": {"1st": true}},
        });
        let table = [
            ("$.status", Ok(json!("done"))),
            ("status", Ok(json!("done"))),
            ("$['status']", Ok(json!("done"))),
            ("['status']", Ok(json!("done"))),
            ("$.build-status", Ok(json!("ok"))),
            ("$['a.b']", Ok(json!(1))),
            ("$.none", Ok(json!(null))),
            ("$.jobs[0].state", Ok(json!("up"))),
            ("$.jobs[-1].state", Ok(json!("down"))),
            ("$.jobs.length()", Ok(json!(2))),
            ("$.status.size()", Ok(json!(4))),
            ("$.deep.état.1st", Ok(json!(true))),
            ("$.jobs[*].name", Ok(json!(["x", "y"]))),
            ("$.jobs[?(@.name == 'y')].state", Ok(json!(["down"]))),
            ("$..state", Ok(json!(["up", "down"]))),
            ("$..nothing", Ok(json!([]))),
            ("$", Ok(body.clone())),
            ("$.missing", Err("leads to nothing")),
            ("$.status.deeper", Err("leads to nothing")),
            ("$.jobs[9].state", Err("leads to nothing")),
            ("$.jobs[", Err("is not a JSON path")),
            ("$jobs", Err("is not a JSON path")),
            ("$.jobs]", Err("leads to nothing")),
            ("$..*..*..*", Err("2 times at most")),
        ];
        for (path, expected) in table {
            let found = read(&body, path);
            match expected {
                Ok(value) => assert_eq!(found, Ok(value), "{path}"),
                Err(part) => {
                    let message = found.unwrap_err();
                    assert!(message.contains(part), "{path}: {message}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_is_text_has_no_members() {
        assert!(read(&json!("{not json"), "$.status").is_err());
        assert!(read(&Value::Null, "$.status").is_err());
    }

    #[test]
    fn only_a_path_without_choices_is_definite() {
        let table = [
            ("$.a.b[0]['c,d:*?']", true),
            ("$.a[0,1]", false),
            ("$.a[0:2]", false),
            ("$.a[?(@.b)]", false),
            ("$.*", false),
            ("$..a", false),
        ];
        for (path, definite) in table {
            assert_eq!(standard(path).definite, definite, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_ends_the_process(path in "[$.\\[\\]'\"*?@:,()a-c0-9 =\\\\-]{0,24}") {
            let body = json!({"a": [{"b": 1}, {"c": [1, 2]}], "b-c": {"a": null}});
            let found = read(&body, &path);
            if let Err(message) = found {
                proptest::prop_assert!(!message.is_empty());
            }
        }

        #[test]
        fn every_name_can_be_reached_in_brackets(name in "\\PC{1,12}") {
            let body = json!({ name.clone(): 7 });
            let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
            proptest::prop_assert_eq!(read(&body, &format!("$['{escaped}']")), Ok(json!(7)));
        }
    }
}
