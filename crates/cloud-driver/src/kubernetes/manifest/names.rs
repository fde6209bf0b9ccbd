//! Which names an API server accepts, so that a bad one is refused before anything is sent.

use crate::kubernetes::kind::Kind;

/// What is wrong with the name of an object; the text says what it must be.
pub(super) fn problem(kind: &Kind, name: &str) -> Option<String> {
    let (fits, longest, rule) = match form(kind) {
        Form::Label => (
            is_label(name),
            63,
            "lower-case letters, digits and '-', beginning and ending with a letter or digit (a DNS label)",
        ),
        Form::Subdomain => (
            name.split('.').all(is_label),
            253,
            "lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit (a DNS name)",
        ),
        Form::PathSegment => (
            !matches!(name, "." | "..") && !name.contains(['/', '%']),
            253,
            "anything without '/' and '%'",
        ),
    };
    if fits && !name.is_empty() && name.len() <= longest {
        return None;
    }
    Some(format!(
        "{} is no name for a {kind}: at most {longest} characters, {rule}",
        shown(name)
    ))
}

/// What is wrong with the name of a namespace.
pub(super) fn namespace_problem(name: &str) -> Option<String> {
    problem(&Kind::new("Namespace", ""), name)
}

enum Form {
    Label,
    Subdomain,
    PathSegment,
}

fn form(kind: &Kind) -> Form {
    const PATH_SEGMENTS: [&str; 5] = [
        "role",
        "clusterRole",
        "roleBinding",
        "clusterRoleBinding",
        "apiService",
    ];
    if kind.is("namespace") || kind.is("service") {
        Form::Label
    } else if PATH_SEGMENTS.iter().any(|name| kind.is(name)) {
        Form::PathSegment
    } else {
        Form::Subdomain
    }
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// The head of a text that somebody wrote, with its control characters escaped.
fn shown(text: &str) -> String {
    let head: String = text.chars().take(80).collect();
    let more = if text.chars().nth(80).is_some() {
        "…"
    } else {
        ""
    };
    format!("{head:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_kind() {
        let long = "a".repeat(64);
        let table = [
            ("ConfigMap", "web.conf-1", true),
            ("ConfigMap", "Web", false),
            ("ConfigMap", "web_1", false),
            ("ConfigMap", "-web", false),
            ("ConfigMap", "web.", false),
            ("ConfigMap", "", false),
            ("ConfigMap", &long, true),
            ("Service", &long, false),
            ("Service", "web.a", false),
            ("Namespace", "prod", true),
            ("Role", "system:reader", true),
            ("Role", "a/b", false),
            ("Deployment", "wéb", false),
            ("Deployment", "web\nweb", false),
        ];
        for (kind, name, fits) in table {
            let found = problem(&Kind::new(kind, ""), name);
            assert_eq!(found.is_none(), fits, "{kind} {name:?}: {found:?}");
        }
    }
}
