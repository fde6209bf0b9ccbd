//! The keys of the lists of executions.

use super::*;

/// What the keys of a list begin with.
pub(crate) fn prefix(scope: &Scope) -> Key {
    let mut key = Key::with_capacity(96);
    key.push(LIST);
    match scope {
        Scope::All => key.push(b'a'),
        Scope::Application(application) => {
            key.push(b'b');
            push_text(&mut key, &folded(application));
        }
        Scope::Pipeline(pipeline) => {
            key.push(b'c');
            push_text(&mut key, pipeline.as_str());
        }
    }
    key
}

/// The applications that have executions.
pub(crate) fn applications() -> Span {
    Span::prefix(&[LIST, b'b'])
}

/// The application that a key of the list by application names, and the first key behind that application.
pub(crate) fn read_application(key: &[u8]) -> Option<(String, Key)> {
    let (name, rest) = read_text(key.strip_prefix(&[LIST, b'b'])?)?;
    Some((name, successor(&key[..key.len() - rest.len()])))
}

/// What a key of the list by application says: the application, the kind and the line.
pub(crate) fn read_in_application(key: &[u8]) -> Option<(String, ExecutionKind, Listed)> {
    let (name, rest) = read_text(key.strip_prefix(&[LIST, b'b'])?)?;
    let code = rest.first()?;
    let kind = KINDS.into_iter().find(|kind| kind_code(*kind) == *code)?;
    Some((name, kind, read(key, key.len() - rest.len())?))
}

/// The keys of one execution in the lists.
pub(crate) fn keys(id: &ExecutionId, row: &IndexRow) -> Vec<Key> {
    let mut scopes = vec![Scope::All, Scope::Application(row.application.clone())];
    scopes.extend(row.pipeline.clone().map(Scope::Pipeline));
    scopes
        .iter()
        .map(|scope| place_of(scope, id, row))
        .collect()
}

/// The key of an execution in the list of that scope.
pub(crate) fn place_of(scope: &Scope, id: &ExecutionId, row: &IndexRow) -> Key {
    let prefix = prefix(scope);
    place(&prefix, row.kind, row.status, row.build_time, id.as_str())
}

/// Whether it is the key of a list by application.
pub(crate) fn is_by_application(key: &[u8]) -> bool {
    key.get(1) == Some(&b'b')
}

/// The place of an execution in a list of one kind and status.
pub(crate) fn place(
    prefix: &[u8],
    kind: ExecutionKind,
    status: Status,
    at: Millis,
    id: &str,
) -> Key {
    let mut key = Key::from_slice(prefix);
    key.push(kind_code(kind));
    key.push(status_code(status));
    key.extend_from_slice(&time_bytes(at));
    key.extend_from_slice(id.as_bytes());
    key
}

/// The line of a list; `prefix` is the length of what its keys begin with.
pub(crate) fn read(key: &[u8], prefix: usize) -> Option<Listed> {
    let [_, status, rest @ ..] = key.get(prefix..)? else {
        return None;
    };
    let (build_time, id) = read_time(rest)?;
    Some(Listed {
        id: read_execution(id)?,
        build_time,
        status: read_status(*status)?,
    })
}
