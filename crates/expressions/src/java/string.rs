//! Methods of `java.lang.String`. Positions are UTF-16 units, as in Java.

use super::charset::{
    byte_array, bytes, char_array, charset_of, decode, encode, named_charset, units,
};
use super::method::{
    Arguments, BOOL, BYTES, CHAR, CHAR_ARRAY, CHARS, DOUBLE, FLOAT, INT, LONG, Method, OBJECT,
    OBJECTS, STRING, function, method, null_pointer,
};
use super::utf16::{
    byte_at, code_point, compare, find, find_character, find_last, find_last_character, folded,
    java_white, length, out_of_range, part_of, region, substring, unit_at,
};
use super::{convert, format};
use crate::error::{Eval, STRING_BOUNDS, Thrown};
use crate::eval::Machine;
use crate::value::text::to_text;
use crate::value::{Class, Text, Type, Value};

fn this_text<'v>(this: &'v Value<'_>) -> &'v str {
    this.char_sequence().unwrap_or_default()
}

/// A piece of the receiver: borrowed where the receiver is.
fn piece<'a>(this: &Value<'a>, part: &str) -> Value<'a> {
    if let Value::Text(Text::Borrowed(whole)) = this {
        let offset = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        if let Some(same) = whole.get(offset..offset.wrapping_add(part.len()))
            && same == part
        {
            return Value::borrowed(same);
        }
    }
    Value::text(part)
}

/// A text as an argument, or `null` as Java prints it.
pub(super) fn made<'a>(machine: &mut Machine<'a>, text: String) -> Eval<Value<'a>> {
    machine.spend_bytes(text.len())?;
    Ok(Value::text(text))
}

fn display(value: &Value<'_>) -> Eval<String> {
    to_text(value).ok_or_else(convert::too_large)
}

/// `String.join`: elements are converted as `String.valueOf` does.
fn join<'a>(machine: &mut Machine<'a>, separator: &str, items: &[Value<'a>]) -> Eval<Value<'a>> {
    machine.spend(items.len() / 16)?;
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        match item.char_sequence() {
            Some(text) => out.push_str(text),
            None if item.is_null() => out.push_str("null"),
            None => {
                return Err(Thrown::java(
                    crate::error::CLASS_CAST,
                    format!(
                        "class {} cannot be cast to class java.lang.CharSequence",
                        item.class_name()
                    ),
                ));
            }
        }
        if out.len() > crate::value::text::MAX_TEXT {
            return Err(convert::too_large());
        }
    }
    made(machine, out)
}

fn elements<'a>(value: &Value<'a>) -> Vec<Value<'a>> {
    match value {
        Value::Array(array) => array.items.borrow().clone(),
        Value::List(list) => list.to_vec(),
        _ => Vec::new(),
    }
}

fn escapes(text: &str) -> Eval<String> {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('s') => out.push(' '),
            Some(same @ ('\'' | '"' | '\\')) => out.push(same),
            Some('\n') => {}
            Some(digit @ '0'..='7') => {
                let mut code = digit as u32 - '0' as u32;
                let limit = if digit <= '3' { 2 } else { 1 };
                for _ in 0..limit {
                    match letters.peek() {
                        Some(next @ '0'..='7') => {
                            code = code * 8 + (*next as u32 - '0' as u32);
                            letters.next();
                        }
                        _ => break,
                    }
                }
                out.extend(char::from_u32(code));
            }
            other => {
                let shown = other.map_or_else(String::new, |c| c.to_string());
                return Err(Thrown::java(
                    crate::error::ILLEGAL_ARGUMENT,
                    format!("Invalid escape sequence: \\{shown}"),
                ));
            }
        }
    }
    Ok(out)
}

/// `String`.
pub(crate) static METHODS: &[Method] = &[
    method("length", &[], |_, this, _| {
        Ok(Value::Int(length(this_text(this)) as i32))
    }),
    method("isEmpty", &[], |_, this, _| {
        Ok(Value::Bool(this_text(this).is_empty()))
    }),
    method("isBlank", &[], |_, this, _| {
        Ok(Value::Bool(this_text(this).chars().all(java_white)))
    }),
    method("toString", &[], |_, this, _| Ok(this.clone())),
    method("intern", &[], |_, this, _| Ok(this.clone())),
    method("charAt", &[INT], |_, this, args| {
        let index = args.int(0);
        unit_at(this_text(this), index)
            .map(Value::Char)
            .map_err(|_| {
                Thrown::java(
                    STRING_BOUNDS,
                    format!("index {index}, length {}", length(this_text(this))),
                )
            })
    }),
    method("codePointAt", &[INT], |_, this, args| {
        code_point(this_text(this), args.int(0)).map(Value::Int)
    }),
    method("codePointBefore", &[INT], |_, this, args| {
        code_point(this_text(this), args.int(0) - 1).map(Value::Int)
    }),
    method("codePointCount", &[INT, INT], |_, this, args| {
        let part = substring(this_text(this), args.int(0), args.int(1))
            .map_err(|_| Thrown::silent(crate::error::INDEX_BOUNDS))?;
        Ok(Value::Int(part.chars().count() as i32))
    }),
    method("getBytes", &[], |machine, this, _| {
        machine.spend(this_text(this).len() / 16)?;
        Ok(byte_array(this_text(this).as_bytes()))
    }),
    method("getBytes", &[STRING], |machine, this, args| {
        machine.spend(this_text(this).len() / 16)?;
        Ok(byte_array(&encode(
            this_text(this),
            named_charset(args.text(0)?)?,
        )))
    }),
    method(
        "getBytes",
        &[Type::of(Class::Charset)],
        |machine, this, args| {
            machine.spend(this_text(this).len() / 16)?;
            Ok(byte_array(&encode(this_text(this), charset_of(&args[0])?)))
        },
    ),
    method("contentEquals", &[CHARS], |_, this, args| {
        Ok(Value::Bool(this_text(this) == args.text(0)?))
    }),
    method("equalsIgnoreCase", &[STRING], |_, this, args| {
        let same = args[0]
            .char_sequence()
            .is_some_and(|other| folded(this_text(this)) == folded(other));
        Ok(Value::Bool(same))
    }),
    method("compareTo", &[STRING], |_, this, args| {
        Ok(Value::Int(compare(this_text(this), args.text(0)?)))
    }),
    method("compareToIgnoreCase", &[STRING], |_, this, args| {
        Ok(Value::Int(compare(
            &folded(this_text(this)),
            &folded(args.text(0)?),
        )))
    }),
    method(
        "regionMatches",
        &[INT, STRING, INT, INT],
        |_, this, args| {
            Ok(Value::Bool(region(
                this_text(this),
                args.int(0),
                args.text(1)?,
                args.int(2),
                args.int(3),
                false,
            )))
        },
    ),
    method(
        "regionMatches",
        &[BOOL, INT, STRING, INT, INT],
        |_, this, args| {
            Ok(Value::Bool(region(
                this_text(this),
                args.int(1),
                args.text(2)?,
                args.int(3),
                args.int(4),
                args.flag(0),
            )))
        },
    ),
    method("startsWith", &[STRING], |_, this, args| {
        Ok(Value::Bool(this_text(this).starts_with(args.text(0)?)))
    }),
    method("startsWith", &[STRING, INT], |_, this, args| {
        let (text, offset) = (this_text(this), args.int(1));
        let found = offset >= 0
            && offset as usize <= length(text)
            && text[byte_at(text, offset as usize)..].starts_with(args.text(0)?);
        Ok(Value::Bool(found))
    }),
    method("endsWith", &[STRING], |_, this, args| {
        Ok(Value::Bool(this_text(this).ends_with(args.text(0)?)))
    }),
    method("contains", &[CHARS], |_, this, args| {
        Ok(Value::Bool(this_text(this).contains(args.text(0)?)))
    }),
    method("indexOf", &[INT], |_, this, args| {
        Ok(Value::Int(find_character(this_text(this), args.int(0), 0)))
    }),
    method("indexOf", &[STRING], |_, this, args| {
        Ok(Value::Int(find(this_text(this), args.text(0)?, 0)))
    }),
    method("indexOf", &[STRING, INT], |_, this, args| {
        Ok(Value::Int(find(
            this_text(this),
            args.text(0)?,
            args.int(1),
        )))
    }),
    method("indexOf", &[INT, INT], |_, this, args| {
        Ok(Value::Int(find_character(
            this_text(this),
            args.int(0),
            args.int(1),
        )))
    }),
    method("lastIndexOf", &[STRING], |_, this, args| {
        Ok(Value::Int(find_last(
            this_text(this),
            args.text(0)?,
            i32::MAX,
        )))
    }),
    method("lastIndexOf", &[STRING, INT], |_, this, args| {
        Ok(Value::Int(find_last(
            this_text(this),
            args.text(0)?,
            args.int(1),
        )))
    }),
    method("lastIndexOf", &[INT], |_, this, args| {
        Ok(Value::Int(find_last_character(
            this_text(this),
            args.int(0),
            i32::MAX,
        )))
    }),
    method("lastIndexOf", &[INT, INT], |_, this, args| {
        Ok(Value::Int(find_last_character(
            this_text(this),
            args.int(0),
            args.int(1),
        )))
    }),
    method("substring", &[INT], |_, this, args| {
        let text = this_text(this);
        let (begin, end) = (args.int(0), length(text) as i32);
        let part =
            substring(text, begin, end).map_err(|_| out_of_range(begin, end, length(text)))?;
        Ok(piece(this, part))
    }),
    method("substring", &[INT, INT], |_, this, args| {
        let part = substring(this_text(this), args.int(0), args.int(1))?;
        Ok(piece(this, part))
    }),
    method("concat", &[STRING], |machine, this, args| {
        let text = format!("{}{}", this_text(this), args.text(0)?);
        made(machine, text)
    }),
    method("replace", &[CHAR, CHAR], |machine, this, args| {
        let (from, to) = (args.unit(0), args.unit(1));
        let replaced: Vec<u16> = this_text(this)
            .encode_utf16()
            .map(|unit| if unit == from { to } else { unit })
            .collect();
        made(machine, String::from_utf16_lossy(&replaced))
    }),
    method("replace", &[CHARS, CHARS], |machine, this, args| {
        let (text, from, to) = (this_text(this), args.text(0)?, args.text(1)?);
        let size = text.len() + (text.len() + 1).saturating_mul(to.len()) / from.len().max(1);
        if size > 4 * crate::value::text::MAX_TEXT {
            return Err(convert::too_large());
        }
        let text = text.replace(from, to);
        made(machine, text)
    }),
    method("matches", &[STRING], |machine, this, args| {
        let (pattern, text) = (args.text(0)?.to_owned(), this_text(this));
        machine.patterns.is_match(&pattern, text).map(Value::Bool)
    }),
    method("replaceAll", &[STRING, STRING], |machine, this, args| {
        let text = machine
            .patterns
            .replace(args.text(0)?, this_text(this), args.text(1)?, true)?;
        made(machine, text)
    }),
    method("replaceFirst", &[STRING, STRING], |machine, this, args| {
        let text =
            machine
                .patterns
                .replace(args.text(0)?, this_text(this), args.text(1)?, false)?;
        made(machine, text)
    }),
    method("split", &[STRING], |machine, this, args| {
        let parts = machine.patterns.split(args.text(0)?, this_text(this), 0)?;
        machine.spend(parts.len() / 16)?;
        Ok(Value::texts(parts))
    }),
    method("split", &[STRING, INT], |machine, this, args| {
        let parts = machine
            .patterns
            .split(args.text(0)?, this_text(this), args.int(1))?;
        machine.spend(parts.len() / 16)?;
        Ok(Value::texts(parts))
    }),
    method("toLowerCase", &[], |machine, this, _| {
        made(machine, this_text(this).to_lowercase())
    }),
    method("toUpperCase", &[], |machine, this, _| {
        made(machine, this_text(this).to_uppercase())
    }),
    method(
        "toLowerCase",
        &[Type::of(Class::Locale)],
        |machine, this, _| made(machine, this_text(this).to_lowercase()),
    ),
    method(
        "toUpperCase",
        &[Type::of(Class::Locale)],
        |machine, this, _| made(machine, this_text(this).to_uppercase()),
    ),
    method("trim", &[], |_, this, _| {
        Ok(piece(
            this,
            crate::syntax::template::java_trim(this_text(this)),
        ))
    }),
    method("strip", &[], |_, this, _| {
        Ok(piece(this, this_text(this).trim_matches(java_white)))
    }),
    method("stripLeading", &[], |_, this, _| {
        Ok(piece(this, this_text(this).trim_start_matches(java_white)))
    }),
    method("stripTrailing", &[], |_, this, _| {
        Ok(piece(this, this_text(this).trim_end_matches(java_white)))
    }),
    method("repeat", &[INT], |machine, this, args| {
        let (text, count) = (this_text(this), args.int(0));
        if count < 0 {
            return Err(Thrown::java(
                crate::error::ILLEGAL_ARGUMENT,
                format!("count is negative: {count}"),
            ));
        }
        let size = text.len().saturating_mul(count as usize);
        if size > crate::value::text::MAX_TEXT {
            return Err(convert::too_large());
        }
        made(
            machine,
            text.repeat(if text.is_empty() { 0 } else { count as usize }),
        )
    }),
    method("toCharArray", &[], |machine, this, _| {
        machine.spend(this_text(this).len() / 16)?;
        Ok(char_array(this_text(this)))
    }),
    method("indent", &[INT], |machine, this, args| {
        let amount = args.int(0).clamp(-10_000, 10_000);
        let mut out = String::new();
        for line in this_text(this).lines() {
            if amount > 0 {
                out.push_str(&" ".repeat(amount as usize));
                out.push_str(line);
            } else {
                let removable = line.len() - line.trim_start_matches(java_white).len();
                out.push_str(&line[removable.min(amount.unsigned_abs() as usize)..]);
            }
            out.push('\n');
            if out.len() > crate::value::text::MAX_TEXT {
                return Err(convert::too_large());
            }
        }
        made(machine, out)
    }),
    method("stripIndent", &[], |machine, this, _| {
        let text = this_text(this);
        let indent = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.len() - line.trim_start_matches(java_white).len())
            .min()
            .unwrap_or(0);
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                line.get(indent.min(line.len())..)
                    .unwrap_or("")
                    .trim_end_matches(java_white)
            })
            .collect();
        made(machine, lines.join("\n"))
    }),
    method("translateEscapes", &[], |machine, this, _| {
        let text = escapes(this_text(this))?;
        made(machine, text)
    }),
    method("formatted", &[OBJECTS], |machine, this, args| {
        let text = format::format(this_text(this), &elements(&args[0]))?;
        made(machine, text)
    })
    .variable(),
    function("format", &[STRING, OBJECTS], |machine, _, args| {
        let text = format::format(args.text(0)?, &elements(&args[1]))?;
        made(machine, text)
    })
    .variable(),
    function(
        "format",
        &[Type::of(Class::Locale), STRING, OBJECTS],
        |machine, _, args| {
            let text = format::format(args.text(1)?, &elements(&args[2]))?;
            made(machine, text)
        },
    )
    .variable(),
    function(
        "join",
        &[CHARS, Type::array_of(Class::CharSequence)],
        |machine, _, args| join(machine, args.text(0)?, &elements(&args[1])),
    )
    .variable(),
    function(
        "join",
        &[CHARS, Type::of(Class::Iterable)],
        |machine, _, args| {
            if args[1].is_null() {
                return Err(null_pointer());
            }
            join(machine, args.text(0)?, &elements(&args[1]))
        },
    ),
    // Before the one for objects: a null means this one, as in Java, and fails.
    function("valueOf", &[CHAR_ARRAY], |machine, _, args| {
        if args[0].is_null() {
            return Err(null_pointer());
        }
        made(machine, String::from_utf16_lossy(&units(&args[0])))
    }),
    function("valueOf", &[OBJECT], |machine, _, args| {
        let text = display(&args[0])?;
        made(machine, text)
    }),
    function("valueOf", &[BOOL], |_, _, args| {
        Ok(Value::text(display(&args[0])?))
    }),
    function("valueOf", &[CHAR], |_, _, args| {
        Ok(Value::text(display(&args[0])?))
    }),
    function("valueOf", &[INT], |_, _, args| {
        Ok(Value::text(display(&args[0])?))
    }),
    function("valueOf", &[LONG], |_, _, args| {
        Ok(Value::text(display(&args[0])?))
    }),
    function("valueOf", &[FLOAT], |_, _, args| {
        Ok(Value::text(display(&args[0])?))
    }),
    function("valueOf", &[DOUBLE], |_, _, args| {
        Ok(Value::text(display(&args[0])?))
    }),
    function("valueOf", &[CHAR_ARRAY, INT, INT], |machine, _, args| {
        let text = part_of(&units(&args[0]), args.int(1), args.int(2))?;
        made(machine, text)
    }),
    function("copyValueOf", &[CHAR_ARRAY], |machine, _, args| {
        made(machine, String::from_utf16_lossy(&units(&args[0])))
    }),
    function(
        "copyValueOf",
        &[CHAR_ARRAY, INT, INT],
        |machine, _, args| {
            let text = part_of(&units(&args[0]), args.int(1), args.int(2))?;
            made(machine, text)
        },
    ),
];

/// `new String(…)`.
pub(crate) static CONSTRUCTORS: &[Method] = &[
    function("String", &[], |_, _, _| Ok(Value::borrowed(""))),
    function("String", &[BYTES], |machine, _, args| {
        if args[0].is_null() {
            return Err(null_pointer());
        }
        made(machine, decode(&bytes(&args[0]), "UTF-8"))
    }),
    function("String", &[CHAR_ARRAY], |machine, _, args| {
        made(machine, String::from_utf16_lossy(&units(&args[0])))
    }),
    function("String", &[STRING], |_, _, args| {
        args.text(0).map(|text| piece(&args[0], text))
    }),
    function("String", &[BYTES, STRING], |machine, _, args| {
        let text = decode(&bytes(&args[0]), named_charset(args.text(1)?)?);
        made(machine, text)
    }),
    function(
        "String",
        &[BYTES, Type::of(Class::Charset)],
        |machine, _, args| {
            let text = decode(&bytes(&args[0]), charset_of(&args[1])?);
            made(machine, text)
        },
    ),
    function("String", &[CHAR_ARRAY, INT, INT], |machine, _, args| {
        let text = part_of(&units(&args[0]), args.int(1), args.int(2))?;
        made(machine, text)
    }),
    function("String", &[BYTES, INT, INT], |machine, _, args| {
        let all = bytes(&args[0]);
        let range = usize::try_from(args.int(1))
            .ok()
            .zip(usize::try_from(args.int(2)).ok())
            .and_then(|(offset, count)| all.get(offset..offset.checked_add(count)?));
        match range {
            Some(part) => made(machine, decode(part, "UTF-8")),
            None => Err(Thrown::java(
                STRING_BOUNDS,
                format!(
                    "offset {}, count {}, length {}",
                    args.int(1),
                    args.int(2),
                    all.len()
                ),
            )),
        }
    }),
];
