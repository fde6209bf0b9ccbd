//! Names of images: `registry:5000/team/web:1.2@sha256:…`.

use serde::{Deserialize, Serialize};

/// When an image artifact takes the place of an `image`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageMatch {
    /// When its name is that of the image, whatever the tag (Spinnaker's `match-name-and-tag`).
    #[default]
    MatchNameAndTag,
    /// When the image is written exactly like the artifact's name, that is without a tag (Spinnaker's `match-name-only`).
    MatchNameOnly,
}

impl ImageMatch {
    /// Whether an artifact of that name takes the place of that image.
    pub(super) fn fits(self, image: &str, name: &str) -> bool {
        match self {
            ImageMatch::MatchNameOnly => image == name,
            ImageMatch::MatchNameAndTag => {
                before_digest(image) == name || repository(image) == name
            }
        }
    }
}

/// The name with its tag; Spinnaker compares this when there is a digest.
fn before_digest(image: &str) -> &str {
    match image.split_once('@') {
        Some((name, _)) => name,
        // Without a digest a name that carries a tag is not the name of the artifact.
        None => repository(image),
    }
}

/// The name without tag and digest. A colon before the last slash belongs to a port.
pub(super) fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_tags_ports_and_digests() {
        let table = [
            ("nginx", "nginx", "nginx"),
            ("nginx:1.2", "nginx", "nginx"),
            ("reg:5000/r/j:485", "reg:5000/r/j", "reg:5000/r/j"),
            ("reg.repo:123@sha256:13", "reg.repo", "reg.repo:123"),
            ("localhost:5000/x", "localhost:5000/x", "localhost:5000/x"),
            (
                "localhost:5000/x@sha256:1",
                "localhost:5000/x",
                "localhost:5000/x",
            ),
        ];
        for (image, name, with_tag) in table {
            assert_eq!((repository(image), before_digest(image)), (name, with_tag));
        }
    }

    #[test]
    fn an_artifact_fits_by_name() {
        use ImageMatch::{MatchNameAndTag, MatchNameOnly};
        let table = [
            (MatchNameAndTag, "nginx:1.14", "nginx", true),
            (MatchNameAndTag, "nginx", "docker.io/library/nginx", false),
            (MatchNameAndTag, "Nginx:1", "nginx", false),
            (MatchNameAndTag, "nginx:1.14", "nginx:1.14", false),
            (
                MatchNameAndTag,
                "reg.repo:123@sha256:13",
                "reg.repo:123",
                true,
            ),
            (MatchNameOnly, "nginx:1.14", "nginx", false),
            (MatchNameOnly, "nginx", "nginx", true),
        ];
        for (rule, image, name, expected) in table {
            assert_eq!(rule.fits(image, name), expected, "{rule:?} {image} {name}");
        }
    }
}
