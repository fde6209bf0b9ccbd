//! Java property files.

use indexmap::IndexMap;

use crate::value::{Key, MapKind, Value};

/// Reads `key=value` lines: comments, continuation lines and escapes included.
pub(super) fn read<'a>(text: &str) -> Value<'a> {
    let mut map = IndexMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while logical
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count()
            % 2
            == 1
        {
            logical.pop();
            match lines.next() {
                Some(next) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        map.insert(
            Key(Value::text(unescaped(key))),
            Value::text(unescaped(value)),
        );
    }
    Value::map(MapKind::HashMap, map)
}

fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let found = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}');
            escaped = !escaped && *c == '\\';
            found
        })
        .map_or(line.len(), |(index, _)| index);
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t', '\u{c}']);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches([' ', '\t', '\u{c}']))
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match letters.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = letters.by_ref().take(4).collect();
                let unit = u16::from_str_radix(&digits, 16).unwrap_or(0xFFFD);
                out.push(crate::value::text::char_of(unit));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::to_text;

    #[test]
    fn a_file_of_java() {
        let file = "# c\n! d\na=1\nb : two\nlong = x\\\n   y\nk\\=ey=v\\u0041\nempty\n";
        let map = read(file);
        let Value::Map(map) = &map else {
            panic!("no map")
        };
        let get = |key: &str| to_text(&map.get(&Value::text(key)).unwrap()).unwrap();
        assert_eq!(get("a"), "1");
        assert_eq!(get("b"), "two");
        assert_eq!(get("long"), "xy");
        assert_eq!(get("k=ey"), "vA");
        assert_eq!(get("empty"), "");
    }
}
