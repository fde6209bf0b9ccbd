//! Between JSON and values.

use std::rc::Rc;

use chrono::{Datelike, Timelike};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::shape;
use super::{Class, Json, JsonMap, List, Map, Object, Type, Value};
use crate::root::Root;

const MAX_DEPTH: usize = 120;

/// A view of a JSON value. Numbers get the smallest of Java's types that holds them.
pub(crate) fn from_json(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::borrowed(text),
        Json::Array(items) => Value::List(List::Json(items)),
        Json::Object(map) => Value::Map(Map::Json(map)),
    }
}

fn from_number<'a>(number: &serde_json::Number) -> Value<'a> {
    if let Some(value) = number.as_i64() {
        return match i32::try_from(value) {
            Ok(small) => Value::Int(small),
            Err(_) => Value::Long(value),
        };
    }
    if let Some(value) = number.as_u64() {
        return Value::Big(Rc::new(BigInt::from(value)));
    }
    Value::Double(number.as_f64().unwrap_or(f64::NAN))
}

/// A value that owns everything, from JSON that does not outlive the call.
pub(crate) fn owned<'a>(json: Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => from_number(&number),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::array_list(items.into_iter().map(owned).collect()),
        Json::Object(map) => Value::map(
            super::MapKind::LinkedHashMap,
            map.into_iter()
                .map(|(key, value)| (super::Key(Value::text(key)), owned(value)))
                .collect(),
        ),
    }
}

/// Who writes the JSON: the stored context, or the helper `#toJson`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Dates of `java.time` as arrays of numbers.
    Context,
    /// A plain mapper, which refuses `java.time`.
    Helper,
}

/// Why a value has no JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoJson {
    TooLarge,
    /// The class the plain mapper refuses.
    Unsupported(&'static str),
}

/// How many values one document may have: 1 MiB of the smallest ones.
const MAX_VALUES: usize = 1 << 19;

/// The JSON form of a value.
pub(crate) fn to_json<'a>(
    value: &Value<'a>,
    root: Option<&Rc<Root<'a>>>,
    writer: Writer,
) -> Result<Json, NoJson> {
    let mut left = MAX_VALUES;
    convert(value, root, writer, 0, &mut left)
}

fn float(value: f64) -> Json {
    // Jackson writes the non-finite ones as text.
    serde_json::Number::from_f64(value)
        .map_or_else(|| Json::String(super::text::double(value)), Json::Number)
}

fn convert<'a>(
    value: &Value<'a>,
    root: Option<&Rc<Root<'a>>>,
    writer: Writer,
    depth: usize,
    left: &mut usize,
) -> Result<Json, NoJson> {
    if depth > MAX_DEPTH || *left == 0 {
        return Err(NoJson::TooLarge);
    }
    *left -= 1;
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Char(unit) => Json::String(super::text::char_of(*unit).to_string()),
        Value::Byte(value) => Json::from(*value),
        Value::Short(value) => Json::from(*value),
        Value::Int(value) => Json::from(*value),
        Value::Long(value) => Json::from(*value),
        // The digits Java prints, not those of the wider type.
        Value::Float(value) => float(super::text::float(*value).parse().unwrap_or(f64::NAN)),
        Value::Double(value) => float(*value),
        Value::Big(value) => value
            .to_i64()
            .map(Json::from)
            .or_else(|| value.to_u64().map(Json::from))
            .unwrap_or_else(|| float(value.to_f64().unwrap_or(f64::INFINITY))),
        Value::Text(text) => Json::String(text.to_string()),
        Value::List(List::Json(items)) if depth == 0 => Json::Array((*items).clone()),
        Value::Map(Map::Json(map)) if depth == 0 => Json::Object((*map).clone()),
        Value::List(list) => list
            .to_vec()
            .iter()
            .map(|item| convert(item, root, writer, depth + 1, left))
            .collect::<Result<Vec<_>, _>>()
            .map(Json::Array)?,
        // Jackson writes these two as text.
        Value::Array(array) if array.element == Type::of(Class::CharPrimitive) => {
            let units: Vec<u16> = array
                .items
                .borrow()
                .iter()
                .map(|item| crate::java::convert::as_i64(item) as u16)
                .collect();
            Json::String(String::from_utf16_lossy(&units))
        }
        Value::Array(array) if array.element == Type::of(Class::BytePrimitive) => {
            let bytes = crate::java::charset::bytes(value);
            Json::String(crate::functions::base64::encode(&bytes))
        }
        Value::Array(array) => array
            .items
            .borrow()
            .iter()
            .map(|item| convert(item, root, writer, depth + 1, left))
            .collect::<Result<Vec<_>, _>>()
            .map(Json::Array)?,
        Value::Map(map) => {
            let mut object = JsonMap::new();
            for (key, value) in map.entries() {
                let key = super::text::to_text(&key).ok_or(NoJson::TooLarge)?;
                object.insert(key, convert(&value, root, writer, depth + 1, left)?);
            }
            Json::Object(object)
        }
        Value::Entry(entry) => {
            let key = super::text::to_text(&entry.0).ok_or(NoJson::TooLarge)?;
            let mut object = JsonMap::new();
            object.insert(key, convert(&entry.1, root, writer, depth + 1, left)?);
            Json::Object(object)
        }
        Value::Class(class) => Json::String(class.binary_name()),
        Value::Object(object) => from_object(object, root, writer, depth, left)?,
    })
}

fn from_object<'a>(
    object: &Object<'a>,
    root: Option<&Rc<Root<'a>>>,
    writer: Writer,
    depth: usize,
    left: &mut usize,
) -> Result<Json, NoJson> {
    let modern = matches!(
        object,
        Object::LocalDate(_) | Object::LocalDateTime(_) | Object::Instant(_)
    );
    if modern && writer == Writer::Helper {
        return Err(NoJson::Unsupported(object.class().name()));
    }
    let model = |json: Option<Json>| json.unwrap_or(Json::Null);
    Ok(match object {
        Object::Execution => model(
            root.and_then(|root| root.execution())
                .map(|execution| shape::execution(execution, writer)),
        ),
        Object::Stage(index) => model(
            root.and_then(|root| root.stage_at(*index))
                .map(|stage| shape::stage(stage, writer)),
        ),
        Object::Task(stage, task) => model(
            root.and_then(|root| root.stage_at(*stage))
                .and_then(|stage| stage.tasks.get(*task))
                .map(|task| shape::task(task, writer)),
        ),
        Object::Authentication => model(
            root.and_then(|root| root.execution())
                .and_then(|execution| serde_json::to_value(&execution.authentication).ok()),
        ),
        Object::Paused => model(
            root.and_then(|root| root.execution())
                .and_then(|execution| serde_json::to_value(&execution.paused).ok()),
        ),
        Object::Trigger(map)
        | Object::ParentExecution(map)
        | Object::ParentStage(map)
        | Object::BuildInfo(map)
        | Object::BuildArtifact(map)
        | Object::SourceControl(map) => Json::Object((*map).clone()),
        Object::ExpectedArtifact(expected) => Json::Object(crate::objects::expected_artifact_json(
            expected,
            writer == Writer::Helper,
        )),
        Object::Artifact(artifact) => Json::Object(crate::objects::artifact_json(artifact)),
        Object::NotEvaluable(inner) => {
            let mut object = JsonMap::new();
            object.insert(
                "expression".into(),
                convert(inner, root, writer, depth + 1, left)?,
            );
            Json::Object(object)
        }
        Object::Date(millis) => Json::from(*millis),
        Object::LocalDate(date) => serde_json::json!([date.year(), date.month(), date.day()]),
        Object::LocalDateTime(moment) => date_time(moment),
        Object::Instant(moment) => moment.millis().map_or(Json::Null, Json::from),
        Object::Uuid(id) => Json::String(crate::java::uuid::text(*id)),
        Object::DateFormat(_) | Object::Random(_) => Json::Object(JsonMap::new()),
        Object::Zone(zone) => Json::String(crate::java::time::zone_text(*zone)),
        Object::Locale(tag) => Json::String(tag.to_string()),
        Object::Charset(name) => Json::String((*name).to_owned()),
        other => Json::String(
            other
                .constant()
                .map_or_else(String::new, |(name, _)| name.to_owned()),
        ),
    })
}

fn date_time(moment: &chrono::NaiveDateTime) -> Json {
    let mut parts = vec![
        Json::from(moment.year()),
        Json::from(moment.month()),
        Json::from(moment.day()),
        Json::from(moment.hour()),
        Json::from(moment.minute()),
    ];
    let millis = moment.nanosecond() / 1_000_000;
    if moment.second() > 0 || moment.nanosecond() > 0 {
        parts.push(Json::from(moment.second()));
        if moment.nanosecond() > 0 {
            parts.push(Json::from(millis));
        }
    }
    Json::Array(parts)
}
