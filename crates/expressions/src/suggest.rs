//! "Did you mean": the nearest known name.

/// How many names are compared at most.
const MAX_CANDIDATES: usize = 500;

/// The nearest of the known names, if one is near enough to be a slip.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let length = name.chars().count();
    if length == 0 || length > 64 {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    known
        .take(MAX_CANDIDATES)
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let distance = distance(name, candidate, allowed)?;
            Some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Edits between two names where upper and lower case count half; `None` above `allowed`.
fn distance(left: &str, right: &str, allowed: usize) -> Option<usize> {
    if left.eq_ignore_ascii_case(right) {
        return Some(0);
    }
    let left: Vec<char> = left.chars().map(|c| c.to_ascii_lowercase()).collect();
    let right: Vec<char> = right.chars().map(|c| c.to_ascii_lowercase()).collect();
    if left.len().abs_diff(right.len()) > allowed {
        return None;
    }
    let mut before: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let changed = before[column] + usize::from(a != b);
            current.push(changed.min(before[column + 1] + 1).min(current[column] + 1));
        }
        before = current;
    }
    let found = before.last().copied()?;
    (found <= allowed).then_some(found)
}

/// The full name of an allowed type that was written without its package, or nearly.
pub(crate) fn type_name(name: &str) -> Option<String> {
    let short = name.rsplit('.').next()?;
    let all = crate::java::registry::TYPES;
    all.iter()
        .find(|(full, _)| full.rsplit('.').next() == Some(short))
        .map(|(full, _)| (*full).to_owned())
        .filter(|full| full != name)
        .or_else(|| nearest(name, all.iter().map(|(full, _)| *full)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_offered() {
        let known = ["stage", "stageExists", "judgment", "toInt"];
        let table = [
            ("stge", Some("stage")),
            ("Stage", Some("stage")),
            ("toint", Some("toInt")),
            ("judgemnt", Some("judgment")),
            ("banana", None),
        ];
        for (name, expected) in table {
            assert_eq!(
                nearest(name, known.into_iter()).as_deref(),
                expected,
                "{name}"
            );
        }
        assert_eq!(type_name("Date").as_deref(), Some("java.util.Date"));
    }
}
