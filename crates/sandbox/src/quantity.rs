//! Resource quantities such as `500m`, `1.5Gi` or `2e3`.

use serde_json::Value;

/// The amount in thousandths of the unit, rounded up; `None` if it is not a quantity.
pub(crate) fn parse(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => Some((number.as_f64()? * 1000.0).ceil() as i128),
        Value::String(text) => parse_text(text),
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<i128> {
    let digits = text
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let kibi = 1024_f64;
    let scale = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => kibi,
        "Mi" => kibi.powi(2),
        "Gi" => kibi.powi(3),
        "Ti" => kibi.powi(4),
        "Pi" => kibi.powi(5),
        "Ei" => kibi.powi(6),
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    let amount = number * scale * 1000.0;
    // Decimal fractions have no exact binary form: 0.1 would round up to 101 thousandths otherwise.
    Some((amount - 1e-6).ceil() as i128)
}

/// An amount in thousandths as the shortest plain text.
pub(crate) fn show(milli: i128) -> String {
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let whole = milli / 1000;
    for (suffix, size) in [("Gi", 1_i128 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] {
        if whole != 0 && whole % size == 0 {
            return format!("{}{suffix}", whole / size);
        }
    }
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_of_all_forms_are_read() {
        for (value, milli) in [
            (json!("500m"), Some(500)),
            (json!("0.1"), Some(100)),
            (json!(2), Some(2000)),
            (json!("1Ki"), Some(1_024_000)),
            (json!("2e3"), Some(2_000_000)),
            (json!("1.5Gi"), Some(1_610_612_736_000)),
            (json!("lots"), None),
            (json!("1x"), None),
        ] {
            assert_eq!(parse(&value), milli, "{value}");
        }
        assert_eq!(
            [show(500), show(2000), show(2_097_152_000)],
            ["500m", "2", "2Mi"]
        );
    }
}
