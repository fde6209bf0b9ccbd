//! Base64 as `java.util.Base64` does it: missing padding is accepted, anything else strange is not.

use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0_u32, |group, byte| (group << 8) | u32::from(*byte));
        for position in 0..4 {
            if position <= chunk.len() {
                let index = (group >> (18 - 6 * position)) & 63;
                out.push(ALPHABET[index as usize] as char);
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn digit(byte: u8) -> Eval<u32> {
    ALPHABET
        .iter()
        .position(|known| *known == byte)
        .map(|position| position as u32)
        .ok_or_else(|| {
            Thrown::java(
                ILLEGAL_ARGUMENT,
                format!("Illegal base64 character {byte:x}"),
            )
        })
}

/// Decodes; padding may be missing.
pub(crate) fn decode(text: &str) -> Eval<Vec<u8>> {
    let wrong = |message: String| Thrown::java(ILLEGAL_ARGUMENT, message);
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c).unwrap_or(b'?'))
        .collect();
    let digits = bytes
        .iter()
        .position(|byte| *byte == b'=')
        .unwrap_or(bytes.len());
    let (body, padding) = bytes.split_at(digits);
    let mut out = Vec::with_capacity(body.len() / 4 * 3 + 3);
    for chunk in body.chunks(4) {
        let mut group = 0;
        for byte in chunk {
            group = (group << 6) | digit(*byte)?;
        }
        match chunk.len() {
            4 => out.extend([(group >> 16) as u8, (group >> 8) as u8, group as u8]),
            3 => out.extend([(group >> 10) as u8, (group >> 2) as u8]),
            2 => out.push((group >> 4) as u8),
            _ => {
                return Err(wrong(if padding.is_empty() {
                    "Last unit does not have enough valid bits".to_owned()
                } else {
                    "Input byte array has wrong 4-byte ending unit".to_owned()
                }));
            }
        }
    }
    let wanted = match body.len() % 4 {
        2 => 2,
        3 => 1,
        _ => 0,
    };
    if !padding.is_empty() {
        if wanted == 0 || (wanted == 2 && padding.get(1) != Some(&b'=')) {
            return Err(wrong(
                "Input byte array has wrong 4-byte ending unit".into(),
            ));
        }
        if padding.len() > wanted {
            return Err(wrong(format!(
                "Input byte array has incorrect ending byte at {}",
                digits + wanted
            )));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (plain, encoded) in [
            ("", ""),
            ("9", "OQ=="),
            ("ab", "YWI="),
            ("kind: List", "a2luZDogTGlzdA=="),
        ] {
            assert_eq!(encode(plain.as_bytes()), encoded);
            assert_eq!(decode(encoded).unwrap(), plain.as_bytes());
            assert_eq!(
                decode(encoded.trim_end_matches('=')).unwrap(),
                plain.as_bytes()
            );
        }
        for bad in ["***", "A", "QQ=", "QUJD=", "QQ==x", "Q Q="] {
            assert_eq!(decode(bad).unwrap_err().class, ILLEGAL_ARGUMENT, "{bad}");
        }
    }
}
