//! `#readYaml` and `#readAllYaml`: YAML 1.1 as a safe loader reads it.

use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle};
use indexmap::IndexMap;
use num_bigint::BigInt;

use crate::error::{Eval, Thrown};
use crate::java::date::lenient;
use crate::java::method::{Arguments, Method, STRING, function, null_pointer};
use crate::value::text::MAX_TEXT;
use crate::value::{Class, Key, ListKind, MapKind, Object, Type, Value};

const COMPOSER: &str = "org.yaml.snakeyaml.composer.ComposerException";
const CONSTRUCTOR: &str = "org.yaml.snakeyaml.constructor.ConstructorException";
const PARSER: &str = "org.yaml.snakeyaml.parser.ParserException";
const SCANNER: &str = "org.yaml.snakeyaml.scanner.ScannerException";
const PLAIN: &str = "org.yaml.snakeyaml.error.YAMLException";

/// How deep collections may nest, and how many aliases of collections there may be.
const MAX_DEPTH: usize = 50;

struct Loader<'t, 'a> {
    source: &'t str,
    events: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: std::collections::HashMap<usize, Value<'a>>,
    aliases: usize,
}

fn problem(class: &'static str, message: impl Into<String>) -> Thrown {
    Thrown::java(class, message)
}

impl<'t, 'a> Loader<'t, 'a> {
    fn next(&mut self) -> Eval<Event<'t>> {
        match self.events.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => {
                let message = error.to_string();
                let class = if message.contains("anchor") || message.contains("alias") {
                    COMPOSER
                } else if ["flow", "parsing", "unclosed bracket"]
                    .iter()
                    .any(|word| message.contains(word))
                {
                    PARSER
                } else {
                    SCANNER
                };
                Err(problem(class, message))
            }
            None => Ok(Event::StreamEnd),
        }
    }

    /// The documents of the stream.
    fn documents(&mut self) -> Eval<Vec<Value<'a>>> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(documents),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => {
                    self.anchors.clear();
                    let value = self.node(event, 0)?;
                    documents.push(value);
                }
            }
        }
    }

    /// A block that runs to an end without line break has none either.
    fn chomped<'s>(&self, block: &'s str) -> &'s str {
        let Some(inner) = block.strip_suffix('\n') else {
            return block;
        };
        let last = |text: &'_ str| {
            text.rsplit(['\n', ' '])
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        if !self.source.ends_with('\n') && last(self.source) == last(inner) {
            inner
        } else {
            block
        }
    }

    fn keep(&mut self, anchor: usize, value: &Value<'a>) {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Eval<Value<'a>> {
        if depth > MAX_DEPTH {
            return Err(problem(
                PLAIN,
                format!("Nesting Depth exceeded max {MAX_DEPTH}"),
            ));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(tag_name);
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let text = if block { self.chomped(&text) } else { &text };
                let value = scalar(text, style == ScalarStyle::Plain, tag.as_deref())?;
                self.keep(anchor, &value);
                Ok(value)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = tag.as_deref().map(tag_name);
                known_tag(tag.as_deref(), &["seq", "omap", "pairs"])?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                let value = Value::array_list(items);
                self.keep(anchor, &value);
                Ok(value)
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = tag.as_deref().map(tag_name);
                known_tag(tag.as_deref(), &["map", "set"])?;
                let mut value = self.mapping(depth)?;
                if let (Some("set"), Value::Map(map)) = (tag.as_deref(), &value) {
                    let keys = map.entries().into_iter().map(|(key, _)| key).collect();
                    value = Value::list(ListKind::KeySet, keys);
                }
                self.keep(anchor, &value);
                Ok(value)
            }
            Event::Alias(anchor) => {
                let value = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| problem(COMPOSER, "found undefined alias"))?;
                if matches!(value, Value::List(_) | Value::Map(_)) {
                    self.aliases += 1;
                    if self.aliases > MAX_DEPTH {
                        return Err(problem(
                            PLAIN,
                            "Number of aliases for non-scalar nodes exceeds the specified max=50",
                        ));
                    }
                }
                Ok(value)
            }
            Event::UnresolvedAlias(name) => {
                Err(problem(COMPOSER, format!("found undefined alias {name}")))
            }
            Event::StreamEnd | Event::DocumentEnd => Ok(Value::Null),
            _ => Ok(Value::Null),
        }
    }

    fn mapping(&mut self, depth: usize) -> Eval<Value<'a>> {
        let mut own: IndexMap<Key<'a>, Value<'a>> = IndexMap::new();
        let mut merged: Vec<Value<'a>> = Vec::new();
        loop {
            let event = match self.next()? {
                Event::MappingEnd => break,
                event => event,
            };
            let merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            if merge {
                merged.push(value);
            } else {
                own.insert(Key(key), value);
            }
        }
        if merged.is_empty() {
            return Ok(Value::map(MapKind::LinkedHashMap, own));
        }
        let mut all = IndexMap::new();
        for source in merged {
            let maps = match source {
                Value::List(list) => list.to_vec(),
                other => vec![other],
            };
            for map in maps {
                let Value::Map(map) = map else {
                    return Err(problem(
                        CONSTRUCTOR,
                        "expected a mapping or list of mappings for merging",
                    ));
                };
                for (key, value) in map.entries() {
                    all.entry(Key(key)).or_insert(value);
                }
            }
        }
        all.extend(own);
        Ok(Value::map(MapKind::LinkedHashMap, all))
    }
}

fn tag_name(tag: &granit_parser::Tag) -> String {
    let full = format!("{}{}", tag.handle(), tag.suffix());
    full.strip_prefix("tag:yaml.org,2002:")
        .or_else(|| full.strip_prefix("!!"))
        .unwrap_or(&full)
        .to_owned()
}

fn known_tag(tag: Option<&str>, known: &[&str]) -> Eval<()> {
    match tag {
        None | Some("!") => Ok(()),
        Some(name) if known.contains(&name) => Ok(()),
        Some(name) => Err(problem(
            CONSTRUCTOR,
            format!("could not determine a constructor for the tag tag:yaml.org,2002:{name}"),
        )),
    }
}

fn scalar<'a>(text: &str, plain: bool, tag: Option<&str>) -> Eval<Value<'a>> {
    match tag {
        None if plain => Ok(resolve(text)),
        None | Some("!" | "str") => Ok(Value::text(text)),
        Some("null") => Ok(Value::Null),
        Some("bool") => boolean(text)
            .map(Value::Bool)
            .ok_or_else(|| problem(CONSTRUCTOR, format!("not a boolean: {text}"))),
        Some("int") => integer(text).ok_or_else(|| {
            problem(
                crate::error::NUMBER_FORMAT,
                format!("For input string: \"{text}\""),
            )
        }),
        Some("float") => float(text)
            .or_else(|| integer(text))
            .map(|value| Value::Double(crate::java::convert::as_f64(&value)))
            .ok_or_else(|| {
                problem(
                    crate::error::NUMBER_FORMAT,
                    format!("For input string: \"{text}\""),
                )
            }),
        Some("timestamp") => {
            timestamp(text).ok_or_else(|| problem(PLAIN, format!("Unexpected timestamp: {text}")))
        }
        Some("binary") => {
            let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let bytes = super::base64::decode(&compact)?;
            Ok(Value::array(
                Type::of(Class::BytePrimitive),
                bytes.iter().map(|byte| Value::Byte(*byte as i8)).collect(),
            ))
        }
        other => known_tag(other, &[]).map(|()| Value::Null),
    }
}

/// What a plain scalar is in YAML 1.1.
fn resolve<'a>(text: &str) -> Value<'a> {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    if let Some(value) = boolean(text) {
        return Value::Bool(value);
    }
    integer(text)
        .or_else(|| float(text))
        .or_else(|| timestamp(text))
        .unwrap_or_else(|| Value::text(text))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn smallest<'a>(value: BigInt) -> Value<'a> {
    use num_traits::ToPrimitive;
    match value.to_i64() {
        Some(long) => i32::try_from(long).map_or(Value::Long(long), Value::Int),
        None => Value::Big(Rc::new(value)),
    }
}

fn integer<'a>(text: &str) -> Option<Value<'a>> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.len() > 400 {
        return None;
    }
    let plain = digits.replace('_', "");
    let number = if let Some(binary) = plain.strip_prefix("0b") {
        BigInt::parse_bytes(binary.as_bytes(), 2)
    } else if let Some(hexadecimal) = plain.strip_prefix("0x") {
        BigInt::parse_bytes(hexadecimal.as_bytes(), 16)
    } else if plain.contains(':') {
        sixties(&plain)?.0.map(BigInt::from)
    } else if plain.len() > 1 && plain.starts_with('0') {
        plain
            .bytes()
            .all(|byte| (b'0'..=b'7').contains(&byte))
            .then(|| BigInt::parse_bytes(plain.as_bytes(), 8))
            .flatten()
    } else {
        plain
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| BigInt::parse_bytes(plain.as_bytes(), 10))
            .flatten()
    }?;
    Some(smallest(if negative { -number } else { number }))
}

/// Numbers in base 60: `190:20:30`. Gives the whole value, or the value with a fraction.
fn sixties(text: &str) -> Option<(Option<i64>, f64)> {
    let (mut whole, mut real) = (0_i64, 0.0_f64);
    let mut fraction = false;
    for (index, part) in text.split(':').enumerate() {
        let shape = !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && (index > 0 || !part.starts_with('0'));
        let value: f64 = shape.then(|| part.parse().ok()).flatten()?;
        if index > 0 && value >= 60.0 {
            return None;
        }
        fraction |= part.contains('.');
        real = real * 60.0 + value;
        whole = whole.checked_mul(60)?.checked_add(value as i64)?;
    }
    Some(((!fraction).then_some(whole), real))
}

fn float<'a>(text: &str) -> Option<Value<'a>> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let signed = |value: f64| Some(Value::Double(if negative { -value } else { value }));
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return signed(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(Value::Double(f64::NAN)),
        _ => {}
    }
    let plain = unsigned.replace('_', "");
    if plain.contains(':') {
        return plain
            .contains('.')
            .then(|| sixties(&plain))
            .flatten()
            .and_then(|(_, real)| signed(real));
    }
    let (mantissa, exponent) = match plain.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (plain.as_str(), None),
    };
    let shape = mantissa
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && mantissa.matches('.').count() <= 1
        && (mantissa.contains('.') || exponent.is_some())
        && exponent.is_none_or(|exponent| {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
    shape.then(|| plain.parse().ok()).flatten().and_then(signed)
}

/// `2001-12-14` or `2001-12-14t21:59:43.10-05:00`.
fn timestamp<'a>(text: &str) -> Option<Value<'a>> {
    let date = text.get(..10).or_else(|| text.get(..8))?;
    let mut fields = date.split('-');
    let number = |part: Option<&str>, widths: &[usize]| -> Option<i64> {
        let part = part?;
        (widths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse().ok())
            .flatten()
    };
    let year = number(fields.next(), &[4])?;
    let month = number(fields.next(), &[2])?;
    let day = number(fields.next(), &[2])?;
    let rest = &text[10.min(text.len())..];
    let day_start = lenient(year, month - 1, day, 0, 0, 0);
    if rest.is_empty() {
        return Some(Value::Object(Object::Date(day_start)));
    }
    let time = rest.trim_start_matches(['T', 't', ' ', '\t']);
    if time.len() == rest.len() || time.len() < 7 {
        return None;
    }
    let split = time.find(['Z', '+', '-', ' ']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(split);
    let mut parts = clock.split(':');
    let hour = number(parts.next(), &[1, 2])?;
    let minute = number(parts.next(), &[2])?;
    let seconds: f64 = parts.next().filter(|part| part.len() >= 2)?.parse().ok()?;
    let zone = zone.trim_start();
    let offset = if zone.is_empty() || zone == "Z" {
        0
    } else {
        let sign = if zone.starts_with('-') { -1 } else { 1 };
        let mut parts = zone[1..].split(':');
        let hours = number(parts.next(), &[1, 2])?;
        let minutes = parts
            .next()
            .map_or(Some(0), |part| number(Some(part), &[2]))?;
        sign * (hours * 60 + minutes)
    };
    let millis = lenient(year, month - 1, day, hour, minute, 0)
        .saturating_add((seconds * 1000.0).round() as i64)
        .saturating_sub(offset * 60_000);
    Some(Value::Object(Object::Date(millis)))
}

fn load<'a>(name: &str, value: &Value<'a>) -> Eval<Vec<Value<'a>>> {
    let failed = |cause: Thrown| {
        Thrown::helper(format!(
            "#{name}({}) failed",
            value.char_sequence().unwrap_or("null")
        ))
        .because(cause)
    };
    let text = value
        .char_sequence()
        .ok_or_else(|| failed(null_pointer()))?;
    if text.len() > MAX_TEXT {
        return Err(crate::java::convert::too_large());
    }
    if text.starts_with('\t') {
        return Err(failed(problem(
            SCANNER,
            "found character '\\t(TAB)' that cannot start any token",
        )));
    }
    let blank = text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if blank {
        return Ok(Vec::new());
    }
    let mut loader = Loader {
        source: text,
        events: Parser::new_from_str(text),
        anchors: std::collections::HashMap::new(),
        aliases: 0,
    };
    loader.documents().map_err(failed)
}

/// `#readYaml`: one document.
pub(super) fn read<'a>(value: &Value<'a>) -> Eval<Value<'a>> {
    let mut documents = load("readYaml", value)?;
    if documents.len() > 1 {
        return Err(Thrown::helper(format!(
            "#readYaml({}) failed",
            value.char_sequence().unwrap_or_default()
        ))
        .because(problem(
            COMPOSER,
            "expected a single document in the stream",
        )));
    }
    Ok(documents.pop().unwrap_or(Value::Null))
}

/// The functions.
pub(super) static FUNCTIONS: &[Method] = &[
    function("readYaml", &[STRING], |machine, _, args| {
        let size = args.text(0).map_or(0, str::len);
        machine.spend_bytes(size)?;
        read(&args[0])
    }),
    function("readAllYaml", &[STRING], |machine, _, args| {
        let size = args.text(0).map_or(0, str::len);
        machine.spend_bytes(size)?;
        load("readAllYaml", &args[0]).map(Value::array_list)
    }),
];
