//! What an artifact carries in itself.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use spindrift_model::Artifact;

use super::{incomplete, reference};
use crate::error::FetchError;

/// Authors leave the padding out, or do not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Decodes the reference.
pub(super) fn fetch(max_bytes: u64, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let text = reference(artifact)?;
    if text.len() as u64 / 4 * 3 > max_bytes {
        return Err(FetchError::TooLarge(max_bytes));
    }
    let text: String = text.split_ascii_whitespace().collect();
    let standard = GeneralPurpose::new(&STANDARD, LENIENT).decode(&text);
    let decoded = standard.or_else(|_| GeneralPurpose::new(&URL_SAFE, LENIENT).decode(&text));
    decoded
        .map(Bytes::from)
        .map_err(|error| incomplete(artifact, format!("its reference is no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_people_write_it() {
        let fetch = |text: &str| {
            let reference = Some(text.to_owned());
            fetch(
                10,
                &Artifact {
                    reference,
                    ..Artifact::default()
                },
            )
        };
        assert_eq!(fetch("aGVsbG8=").unwrap(), "hello");
        assert_eq!(fetch("aGVs\nbG8").unwrap(), "hello");
        assert_eq!(fetch("-_8=").unwrap(), [0xfb, 0xff].as_slice());
        assert!(fetch("a!").unwrap_err().to_string().contains("no base64"));
        assert!(
            fetch(" ")
                .unwrap_err()
                .to_string()
                .contains("needs a reference")
        );
        assert_eq!(fetch(&"aGVs".repeat(5)), Err(FetchError::TooLarge(10)));
    }
}
