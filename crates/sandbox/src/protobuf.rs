//! Request bodies in Kubernetes' protobuf form, which `kubectl create` sends for kinds it knows.
//!
//! A body is four magic bytes and an envelope (`runtime.Unknown`) with the type and the object's own message. Messages are read by the
//! field numbers of the built-in schema. Answers are always JSON, which every client takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::clock::stamp;
use crate::schema::{self, Field, Struct, Type};

pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

const MAGIC: &[u8] = b"k8s\0";

/// Deeper nesting than any kind has.
const DEPTH: usize = 64;

/// One field on the wire.
enum Item<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads a body; `None` if it is not one.
pub(crate) fn read(body: &[u8]) -> Option<Value> {
    let envelope = body.strip_prefix(MAGIC)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    each(envelope, |number, item| {
        match (number, item) {
            (1, Item::Bytes(meta)) => each(meta, |number, item| {
                match (number, item) {
                    (1, Item::Bytes(text)) => {
                        api_version = String::from_utf8_lossy(text).into_owned()
                    }
                    (2, Item::Bytes(text)) => kind = String::from_utf8_lossy(text).into_owned(),
                    _ => {}
                }
                Some(())
            })?,
            (2, Item::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
        Some(())
    })?;
    let structure = schema::built_in(&type_name(&api_version, &kind))?;
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), json!(api_version));
    object.insert("kind".to_owned(), json!(kind));
    message(structure, raw, None, &mut object, DEPTH)?;
    Some(Value::Object(object))
}

fn type_name(api_version: &str, kind: &str) -> String {
    // Options of a deletion carry the group of what is deleted.
    if kind == "DeleteOptions" {
        return "meta.v1.DeleteOptions".to_owned();
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    format!(
        "{}.{version}.{kind}",
        group.split('.').next().unwrap_or(group)
    )
}

/// Calls a function with each field of a message; `None` if the bytes are no message.
fn each<'a>(mut bytes: &'a [u8], mut take: impl FnMut(u32, Item<'a>) -> Option<()>) -> Option<()> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = u32::try_from(key >> 3).ok()?;
        let item = match key & 7 {
            0 => Item::Number(varint(&mut bytes)?),
            1 => Item::Number(u64::from_le_bytes(split(&mut bytes, 8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Item::Bytes(split(&mut bytes, length)?)
            }
            5 => Item::Number(u64::from(u32::from_le_bytes(
                split(&mut bytes, 4)?.try_into().ok()?,
            ))),
            _ => return None,
        };
        take(number, item)?;
    }
    Some(())
}

fn split<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = split(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Reads a message into a map; `inside` is the number of the surrounding message that JSON does not show.
fn message(
    structure: &'static Struct,
    bytes: &[u8],
    inside: Option<u32>,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    each(bytes, |number, item| {
        let on_wire = |field: &&Field| {
            field
                .wire
                .is_some_and(|wire| wire.inside == inside && wire.number == number)
        };
        if let Some(field) = structure.fields.iter().find(on_wire) {
            return self::field(field, &item, object, depth);
        }
        let is_around = |field: &Field| field.wire.is_some_and(|wire| wire.inside == Some(number));
        match item {
            Item::Bytes(bytes) if inside.is_none() && structure.fields.iter().any(is_around) => {
                message(structure, bytes, Some(number), object, depth)
            }
            // A field of a later version.
            _ => Some(()),
        }
    })
}

fn field(
    field: &'static Field,
    item: &Item<'_>,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Option<()> {
    match &field.kind {
        Type::List { item: kind, .. } => {
            let value = self::value(kind, item, depth)?;
            let list = object.entry(field.name).or_insert_with(|| json!([]));
            list.as_array_mut()?.push(value);
        }
        Type::Map { item: kind, .. } => {
            let Item::Bytes(entry) = item else {
                return None;
            };
            let (mut key, mut found) = (String::new(), None);
            each(entry, |number, item| {
                match (number, &item) {
                    (1, Item::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
                    (2, _) => found = Some(self::value(kind, &item, depth)?),
                    _ => {}
                }
                Some(())
            })?;
            let map = object.entry(field.name).or_insert_with(|| json!({}));
            map.as_object_mut()?
                .insert(key, found.unwrap_or_else(|| zero(kind)));
        }
        kind => {
            let value = self::value(kind, item, depth)?;
            let nullable = field.wire.is_some_and(|wire| wire.nullable);
            // Go writes zeroes of plain fields, which JSON leaves out.
            let is_zero =
                value.is_null() || value == json!("") || value == json!(0) || value == json!(false);
            if nullable || !is_zero {
                object.insert(field.name.to_owned(), value);
            }
        }
    }
    Some(())
}

fn zero(kind: &Type) -> Value {
    match kind {
        Type::Number => json!(0),
        Type::Bool => json!(false),
        Type::Named { .. } | Type::Map { .. } => json!({}),
        Type::List { .. } => json!([]),
        Type::Text | Type::Time | Type::Quantity | Type::IntOrString | Type::Bytes | Type::Any => {
            json!("")
        }
    }
}

fn value(kind: &'static Type, item: &Item<'_>, depth: usize) -> Option<Value> {
    Some(match (kind, item) {
        (Type::Bool, Item::Number(number)) => json!(*number != 0),
        // Negative numbers are written in two's complement.
        (Type::Number, Item::Number(number)) => json!(number.cast_signed()),
        (Type::Text, Item::Bytes(bytes)) => json!(String::from_utf8_lossy(bytes)),
        (Type::Bytes, Item::Bytes(bytes)) => json!(STANDARD.encode(bytes)),
        (Type::Time, Item::Bytes(bytes)) => time(bytes)?,
        (Type::Quantity, Item::Bytes(bytes)) => text_at(bytes, 1)?,
        (Type::IntOrString, Item::Bytes(bytes)) => int_or_string(bytes)?,
        (Type::Any, Item::Bytes(bytes)) => {
            let mut raw = Value::Null;
            each(bytes, |number, item| {
                if let (1, Item::Bytes(json)) = (number, item) {
                    raw = serde_json::from_slice(json).ok()?;
                }
                Some(())
            })?;
            raw
        }
        (Type::Named { name, .. }, Item::Bytes(bytes)) => {
            let mut object = Map::new();
            message(schema::built_in(name)?, bytes, None, &mut object, depth)?;
            Value::Object(object)
        }
        _ => return None,
    })
}

fn text_at(bytes: &[u8], wanted: u32) -> Option<Value> {
    let mut found = Value::Null;
    each(bytes, |number, item| {
        if let Item::Bytes(text) = item
            && number == wanted
        {
            found = json!(String::from_utf8_lossy(text));
        }
        Some(())
    })?;
    Some(found)
}

fn int_or_string(bytes: &[u8]) -> Option<Value> {
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    each(bytes, |field, item| {
        match (field, item) {
            (1, Item::Number(kind)) => is_text = kind == 1,
            (2, Item::Number(value)) => number = value.cast_signed(),
            (3, Item::Bytes(value)) => text = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
        Some(())
    })?;
    Some(if is_text { json!(text) } else { json!(number) })
}

fn time(bytes: &[u8]) -> Option<Value> {
    let mut seconds = None;
    each(bytes, |number, item| {
        if let (1, Item::Number(value)) = (number, item) {
            seconds = Some(value.cast_signed());
        }
        Some(())
    })?;
    Some(
        seconds
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map_or(Value::Null, |at| json!(stamp(at))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message from (number, content) pairs; numbers of content are lengths of bytes.
    fn encode(fields: &[(u8, &[u8])]) -> Vec<u8> {
        fields
            .iter()
            .flat_map(|(number, content)| {
                [
                    &[number << 3 | 2, u8::try_from(content.len()).unwrap()],
                    *content,
                ]
                .concat()
            })
            .collect()
    }

    fn body(api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
        let meta = encode(&[(1, api_version.as_bytes()), (2, kind.as_bytes())]);
        [MAGIC, &encode(&[(1, &meta), (2, object)])].concat()
    }

    #[test]
    fn messages_are_read_by_the_numbers_of_the_schema() {
        let metadata = encode(&[
            (1, b"web"),
            (2, b""),
            (11, &encode(&[(1, b"app"), (2, b"web")])),
        ]);
        // replicas: 0 is written for a pointer, and means zero.
        let spec = [
            &[0x08, 0x00][..],
            &encode(&[(2, &encode(&[(1, &encode(&[(1, b"app"), (2, b"web")]))]))]),
        ]
        .concat();
        let deployment = encode(&[(1, &metadata), (2, &spec)]);
        let expected = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}}});
        assert_eq!(
            read(&body("apps/v1", "Deployment", &deployment)),
            Some(expected)
        );
    }

    #[test]
    fn inline_messages_quantities_and_bytes_take_their_json_form() {
        let volume = encode(&[(1, b"v"), (2, &encode(&[(6, &encode(&[(1, b"s")]))]))]);
        let pod = encode(&[(2, &encode(&[(1, &volume)]))]);
        let read_pod = read(&body("v1", "Pod", &pod)).unwrap();
        assert_eq!(
            read_pod["spec"]["volumes"],
            json!([{"name": "v", "secret": {"secretName": "s"}}])
        );
        let secret = encode(&[(2, &encode(&[(1, b"k"), (2, b"hi")]))]);
        assert_eq!(
            read(&body("v1", "Secret", &secret)).unwrap()["data"],
            json!({"k": "aGk="})
        );
        let quota = encode(&[(
            2,
            &encode(&[(1, &encode(&[(1, b"pods"), (2, &encode(&[(1, b"5")]))]))]),
        )]);
        assert_eq!(
            read(&body("v1", "ResourceQuota", &quota)).unwrap()["spec"],
            json!({"hard": {"pods": "5"}})
        );
    }

    #[test]
    fn what_is_no_body_is_refused() {
        for bytes in [&b""[..], b"k8s", b"k8s\0\xff", b"{}", b"k8s\0\x0a\x7f"] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
