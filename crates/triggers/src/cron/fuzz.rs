//! The fuzzy `H` of Echo's `CronExpressionFuzzer`: spreads triggers over the clock by their id.

/// Replaces `H` in the second, minute and hour fields by a number that depends only on the trigger's id, so that many
/// triggers with the same text do not all run at once.
///
/// A text of five fields has no second. Other texts come back as they are.
///
/// ```
/// assert_eq!(spindrift_triggers::fuzz("H/5 * * * * *", "abcd"), "34/5 * * * * *");
/// ```
pub fn fuzz(expression: &str, id: &str) -> String {
    let first = match expression.split_ascii_whitespace().count() {
        5 => 1,
        _ => 0,
    };
    let hash = java_hash(id);
    let mut field = first;
    let mut result = String::with_capacity(expression.len());
    let mut in_field = false;
    for c in expression.chars() {
        if c.is_ascii_whitespace() {
            if in_field {
                field += 1;
            }
            in_field = false;
        } else {
            in_field = true;
        }
        let range = if field == 2 { 24 } else { 60 };
        match c {
            'H' | 'h' if field <= 2 => {
                result.push_str(&(hash % range).unsigned_abs().to_string());
            }
            other => result.push(other),
        }
    }
    result
}

/// Java's `String.hashCode`.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h_depends_on_the_id_only() {
        let table = [
            ("abcd", "H * * * * *", "34 * * * * *"),
            ("abcde", "* * H * * *", "* * 3 * * *"),
            ("abcd", "H/5 * * * * *", "34/5 * * * * *"),
            ("abcd", "00 05 09 ? * MON-THU", "00 05 09 ? * MON-THU"),
            ("abcd", "H 3 * * THU", "34 3 * * THU"),
        ];
        for (id, text, expected) in table {
            assert_eq!(fuzz(text, id), expected, "{text} for {id}");
        }
        // The least hash of all, whose absolute value Java cannot express: the remainder is taken first.
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(fuzz("H H H ? * MON", "polygenelubricants"), "8 8 8 ? * MON");
    }
}
