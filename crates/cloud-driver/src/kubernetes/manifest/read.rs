//! Documents out of JSON values and YAML texts.
//!
//! A list is taken for its elements, once: expressions and some tools bring one. A `kind: List` is taken for its items. Nulls, such as a trailing `---`
//! leaves, are nothing. YAML is read with limits on its size, its depth and what its aliases grow to, and without tags that make other things of texts.

use std::fmt;

use serde_json::Value;

use crate::error::CloudError;

/// The largest document, in bytes of JSON: what the store behind an API server takes.
const LARGEST: usize = 1_536 * 1_024;
/// The longest text that is read as YAML, in bytes.
const LONGEST_TEXT: usize = 16 * 1_024 * 1_024;
/// Lists in lists of `kind: List` are followed this far.
const DEEPEST_LIST: usize = 8;

/// One manifest, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it was written.
    pub place: Place,
    /// The manifest.
    pub manifest: Value,
}

/// Where a manifest was written: its number, counted from one, and its position in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    document: usize,
    item: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}", self.document)?;
        match self.item {
            Some(item) => write!(f, ", item {item}"),
            None => Ok(()),
        }
    }
}

/// The documents of a YAML text; JSON is YAML too.
pub fn read_yaml(text: &str) -> Result<Vec<Value>, CloudError> {
    if text.len() > LONGEST_TEXT {
        return Err(CloudError::invalid(format!(
            "the manifests are {} bytes long; at most {LONGEST_TEXT} are read",
            text.len()
        )));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 2_000_000,
            max_nodes: 1_000_000,
            max_depth: 64,
            max_documents: 10_000,
            max_aliases: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 200_000,
        },
        // `defaultMode: 0644` is octal to everything that reads manifests.
        legacy_octal_numbers: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let mut bytes = text.as_bytes();
    let mut documents = Vec::new();
    for document in serde_saphyr::read_with_options::<_, Value>(&mut bytes, options) {
        match document {
            Ok(document) => documents.push(document),
            Err(error) => {
                return Err(CloudError::invalid(format!(
                    "document {}: this is not YAML that can be deployed: {error}",
                    documents.len() + 1
                )));
            }
        }
    }
    Ok(documents)
}

/// The manifests in what a stage was given: objects, lists of them, and texts in YAML.
pub fn read_documents(values: &[Value]) -> Result<Vec<Document>, CloudError> {
    let mut documents = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let place = |item| Place {
            document: index + 1,
            item,
        };
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for (item, value) in items.iter().enumerate() {
                    take(value, place(Some(item + 1)), 0, &mut documents)?;
                }
            }
            Value::String(text) => {
                for (item, value) in read_yaml(text)
                    .map_err(|error| error.prefixed(&format!("{}: ", place(None))))?
                    .iter()
                    .enumerate()
                {
                    match value {
                        Value::Array(items) => {
                            for value in items {
                                take(value, place(Some(item + 1)), 0, &mut documents)?;
                            }
                        }
                        value => take(value, place(Some(item + 1)), 0, &mut documents)?,
                    }
                }
            }
            value => take(value, place(None), 0, &mut documents)?,
        }
    }
    Ok(documents)
}

fn take(
    value: &Value,
    place: Place,
    depth: usize,
    documents: &mut Vec<Document>,
) -> Result<(), CloudError> {
    let Value::Object(object) = value else {
        if value.is_null() {
            return Ok(());
        }
        let found = match value {
            Value::Array(_) => "a list of lists",
            Value::String(_) => "a text",
            Value::Number(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Null | Value::Object(_) => "nothing",
        };
        return Err(CloudError::invalid(format!(
            "{place} is {found}; a manifest is an object with apiVersion, kind and metadata"
        )));
    };
    let is_list = object
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("List"));
    if is_list {
        if depth == DEEPEST_LIST {
            return Err(CloudError::invalid(format!(
                "{place} holds lists in lists, more than {DEEPEST_LIST} deep"
            )));
        }
        let items = object.get("items").and_then(Value::as_array);
        for (item, value) in items.into_iter().flatten().enumerate() {
            let place = Place {
                item: Some(item + 1),
                ..place
            };
            take(value, place, depth + 1, documents)?;
        }
        return Ok(());
    }
    let size = value.to_string().len();
    if size > LARGEST {
        return Err(CloudError::invalid(format!(
            "{place} is {size} bytes large; an API server takes at most {LARGEST}"
        )));
    }
    documents.push(Document {
        place,
        manifest: value.clone(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(values: &[Value]) -> Result<Vec<String>, String> {
        let documents = read_documents(values).map_err(|error| error.message)?;
        Ok(documents
            .iter()
            .map(|document| {
                format!(
                    "{}: {}",
                    document.place,
                    document.manifest["metadata"]["name"]
                        .as_str()
                        .unwrap_or("?")
                )
            })
            .collect())
    }

    fn named(name: &str) -> Value {
        json!({"metadata": {"name": name}})
    }

    #[test]
    fn lists_are_taken_for_their_elements() {
        let values = [
            named("a"),
            Value::Null,
            json!([named("b"), null, named("c")]),
            json!({"kind": "list", "items": [named("d"), {"kind": "List", "items": [named("e")]}]}),
            json!({"kind": "List"}),
            json!("metadata: {name: f}\n---\n- metadata: {name: g}\n---\n"),
        ];
        assert_eq!(
            names(&values).unwrap(),
            [
                "document 1: a",
                "document 3, item 1: b",
                "document 3, item 3: c",
                "document 4, item 1: d",
                "document 4, item 1: e",
                "document 6, item 1: f",
                "document 6, item 2: g",
            ]
        );
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_place() {
        let big = json!({"data": {"x": "y".repeat(2 * 1024 * 1024)}});
        let table = [
            (
                json!([[named("a")]]),
                "document 1, item 1 is a list of lists",
            ),
            (json!([3]), "document 1, item 1 is a number"),
            (json!(true), "document 1 is a boolean"),
            (json!("just words"), "document 1, item 1 is a text"),
            (big, "document 1 is 2097169 bytes large"),
            (json!("a: [1"), "document 1: document 1: this is not YAML"),
        ];
        for (value, expected) in table {
            let found = names(std::slice::from_ref(&value)).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
        let mut nested = named("x");
        for _ in 0..20 {
            nested = json!({"kind": "List", "items": [nested]});
        }
        assert!(names(&[nested]).unwrap_err().contains("lists in lists"));
    }

    #[test]
    fn yaml_is_read_as_manifests_are_written() {
        let read = read_yaml(
            "a: 0644\nb: \"0644\"\nc: 1.0\nd: true\ne: &x {k: v}\nf: *x\ng:\n  <<: *x\n  l: w\n---\n---\nh: 'no'\n",
        )
        .unwrap();
        assert_eq!(
            read,
            [
                json!({"a": 420, "b": "0644", "c": 1.0, "d": true, "e": {"k": "v"}, "f": {"k": "v"}, "g": {"k": "v", "l": "w"}}),
                json!({"h": "no"}),
            ]
        );
    }

    #[test]
    fn bombs_tags_and_depths_are_refused() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (level, name) in ('b'..='k').enumerate() {
            let before = char::from(b'a' + level as u8);
            let refs = vec![format!("*{before}"); 9].join(", ");
            bomb.push_str(&format!("{name}: &{name} [{refs}]\n"));
        }
        let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
        let table = [
            bomb,
            deep,
            "a: !!python/object/apply:os.system [ls]".to_owned(),
            "a: !Secret x".to_owned(),
            "a: *nowhere".to_owned(),
            "a: 1\na: 2\n".to_owned(),
        ];
        for text in table {
            let head: String = text.chars().take(60).collect();
            let error = read_yaml(&text).expect_err(&head);
            assert!(error.message.starts_with("document 1: "), "{head}: {error}");
            assert!(error.message.len() < 400, "{head}: {error}");
        }
    }
}
