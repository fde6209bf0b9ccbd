//! What of a pipeline's triggers must not lie on the disk as it is, nor be shown: the secrets of their senders.
//!
//! On the disk a secret is `{"sealed": "…"}`. Whoever reads a pipeline sees [`MASK`]; a save that brings the mask back keeps
//! what is stored. So a document can be read, changed and saved without anybody seeing its secrets.

use std::fmt;

use serde_json::json;
use spindrift_model::{Map, Pointer, Problem, Value};
use spindrift_vault::Vault;

use crate::matching::SECRET_MEMBERS;

/// What stands for a secret wherever a pipeline is shown.
pub const MASK: &str = "********";

/// The member of the object that a sealed secret is.
const SEALED: &str = "sealed";

/// Seals texts for the disk.
pub trait SecretSealer: fmt::Debug + Send + Sync + 'static {
    /// The sealed form of a secret. Errors: why it cannot be sealed, for people.
    fn seal(&self, secret: &str) -> Result<String, String>;

    /// The secret in a sealed form. Errors: it was sealed with another key, or changed since.
    fn unseal(&self, sealed: &str) -> Result<String, String>;
}

/// What the sealed secrets of triggers may be opened for; other sealed texts are not taken for one.
const PURPOSE: &str = "trigger";

impl SecretSealer for Vault {
    fn seal(&self, secret: &str) -> Result<String, String> {
        Ok(Vault::seal(self, PURPOSE, secret.as_bytes()))
    }

    fn unseal(&self, sealed: &str) -> Result<String, String> {
        let plain = Vault::unseal(self, PURPOSE, sealed).map_err(|error| error.to_string())?;
        String::from_utf8(plain.to_vec()).map_err(|_| "it is no text".to_owned())
    }
}

/// Puts [`MASK`] in the place of the secrets of a pipeline's triggers.
pub fn mask_secrets(document: &mut Map) {
    for trigger in triggers_mut(document) {
        for key in SECRET_MEMBERS {
            if let Some(value) = trigger.get_mut(key)
                && !is_blank(value)
            {
                *value = MASK.into();
            }
        }
    }
}

/// A pipeline as its triggers are read: with its secrets in the open. One that cannot be unsealed becomes what
/// `unguessable` makes: were it absent, everybody would be believed.
pub(super) fn unsealed(
    document: &Map,
    sealer: Option<&dyn SecretSealer>,
    unguessable: impl Fn() -> String,
) -> Map {
    let mut document = document.clone();
    for trigger in triggers_mut(&mut document) {
        for key in SECRET_MEMBERS {
            let Some(value) = trigger.get_mut(key) else {
                continue;
            };
            match open(value, sealer) {
                Ok(Some(secret)) => *value = secret.into(),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(
                        error,
                        "the secret of a trigger cannot be read; nothing starts it until it is entered again"
                    );
                    *value = unguessable().into();
                }
            }
        }
    }
    document
}

/// Makes the secrets of a document that is to be saved ready for the disk: a mask becomes what is stored, an unchanged
/// secret keeps its sealed form, a new one is sealed. Answers with what is wrong.
pub(super) fn seal(
    document: &mut Map,
    stored: Option<&Map>,
    sealer: Option<&dyn SecretSealer>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let root = Pointer::root().key("triggers");
    for (position, trigger) in triggers_at(document) {
        let before = stored.and_then(|stored| counterpart(stored, trigger, position));
        let replaced = before.and_then(|before| before.get(SECRET_MEMBERS[0]));
        for key in SECRET_MEMBERS {
            let Some(posted) = trigger.get(key).filter(|value| !is_blank(value)) else {
                continue;
            };
            let kept = before.and_then(|before| before.get(key));
            let kept = kept.filter(|value| !is_blank(value));
            // Who masks the previous secret while there is none means the one that this save replaces.
            let masked =
                kept.or(replaced.filter(|value| key != SECRET_MEMBERS[0] && !is_blank(value)));
            match sealed_form(posted, kept, masked, sealer) {
                Ok(value) => {
                    trigger.insert(key.to_owned(), value);
                }
                Err(message) => problems.push(Problem::error(
                    root.index(position).key(key),
                    "trigger.secret",
                    message,
                )),
            }
        }
    }
    problems
}

/// Seals the secrets of a document that are new; its masks stay.
pub(super) fn seal_new(document: &mut Map, sealer: Option<&dyn SecretSealer>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let root = Pointer::root().key("triggers");
    for (position, trigger) in triggers_at(document) {
        for key in SECRET_MEMBERS {
            let posted = trigger.get(key).filter(|value| !is_blank(value));
            let Some(posted) = posted.filter(|value| value.as_str() != Some(MASK)) else {
                continue;
            };
            match sealed_form(posted, None, None, sealer) {
                Ok(value) => {
                    trigger.insert(key.to_owned(), value);
                }
                Err(message) => {
                    let place = root.index(position).key(key);
                    problems.push(Problem::error(place, "trigger.secret", message));
                }
            }
        }
    }
    problems
}

fn sealed_form(
    posted: &Value,
    kept: Option<&Value>,
    masked: Option<&Value>,
    sealer: Option<&dyn SecretSealer>,
) -> Result<Value, String> {
    let secret = match posted {
        Value::String(text) if text == MASK => match masked {
            // What an earlier version left in the open is sealed now.
            Some(Value::String(text)) => text.clone(),
            Some(sealed) => return Ok(sealed.clone()),
            None => {
                return Err(
                    "this stands for a stored secret, and none is stored here; enter the secret"
                        .to_owned(),
                );
            }
        },
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            return match open(posted, sealer) {
                Ok(Some(_)) => Ok(posted.clone()),
                Ok(None) => Err("a secret is a text".to_owned()),
                Err(error) => Err(format!("{error}; enter the secret again")),
            };
        }
        _ => return Err("a secret is a text".to_owned()),
    };
    let Some(sealer) = sealer else {
        return Ok(secret.into());
    };
    if let Some(kept) = kept.filter(|kept| kept.is_object())
        && open(kept, Some(sealer)).is_ok_and(|same| same.as_ref() == Some(&secret))
    {
        return Ok(kept.clone());
    }
    Ok(json!({SEALED: sealer.seal(&secret)?}))
}

/// The secret in a sealed value; `None` when it is not sealed.
fn open(value: &Value, sealer: Option<&dyn SecretSealer>) -> Result<Option<String>, String> {
    let Some(sealed) = value.get(SEALED).and_then(Value::as_str) else {
        return Ok(None);
    };
    match sealer {
        Some(sealer) => sealer.unseal(sealed).map(Some),
        None => Err("it is sealed, and there is no key".to_owned()),
    }
}

/// The stored trigger that a posted one is: that of its id, else one that is the same but for the secrets, else the one of
/// that type in its place.
pub(super) fn counterpart<'s>(stored: &'s Map, posted: &Map, position: usize) -> Option<&'s Map> {
    let stored: Vec<&Map> = stored
        .get("triggers")
        .and_then(Value::as_array)?
        .iter()
        .filter_map(Value::as_object)
        .collect();
    let id = posted.get("id").and_then(Value::as_str).unwrap_or_default();
    let same_id = |trigger: &&&Map| trigger.get("id").and_then(Value::as_str) == Some(id);
    if !id.is_empty()
        && let Some(found) = stored.iter().find(same_id)
    {
        return Some(found);
    }
    let bare = without_server_members(posted);
    let same = stored
        .iter()
        .find(|trigger| without_server_members(trigger) == bare);
    let in_place = || {
        stored
            .get(position)
            .filter(|trigger| trigger.get("type") == posted.get("type"))
    };
    same.or_else(in_place).copied()
}

fn without_server_members(trigger: &Map) -> Map {
    let mut trigger = trigger.clone();
    trigger.retain(|key, _| {
        key != crate::matching::HOOK_MEMBER && !SECRET_MEMBERS.contains(&key.as_str())
    });
    trigger
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

fn triggers_mut(document: &mut Map) -> impl Iterator<Item = &mut Map> {
    triggers_at(document).map(|(_, trigger)| trigger)
}

/// The triggers of a document, with their positions in its list.
pub(super) fn triggers_at(document: &mut Map) -> impl Iterator<Item = (usize, &mut Map)> {
    let list = document.get_mut("triggers").and_then(Value::as_array_mut);
    list.into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(position, trigger)| Some((position, trigger.as_object_mut()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Reversed;

    impl SecretSealer for Reversed {
        fn seal(&self, secret: &str) -> Result<String, String> {
            Ok(secret.chars().rev().collect())
        }

        fn unseal(&self, sealed: &str) -> Result<String, String> {
            match sealed {
                "foreign" => Err("it was sealed with another key".to_owned()),
                sealed => Ok(sealed.chars().rev().collect()),
            }
        }
    }

    fn document(triggers: Value) -> Map {
        Map::from_iter([("triggers".to_owned(), triggers)])
    }

    fn saved(posted: Value, stored: Value) -> Result<Value, String> {
        let mut posted = document(json!([posted]));
        let stored = document(json!([stored]));
        let problems = seal(&mut posted, Some(&stored), Some(&Reversed));
        match problems.first() {
            None => Ok(posted["triggers"][0].clone()),
            Some(problem) => Err(problem.to_string()),
        }
    }

    #[test]
    fn a_secret_is_sealed_kept_behind_its_mask_and_replaced() {
        let sealed = |text: &str| json!({"sealed": text});
        let stored = json!({"type": "git", "secret": sealed("eno")});
        let table = [
            (json!({"type": "git", "secret": "one"}), json!({"type": "git"}), Ok(json!({"type": "git", "secret": sealed("eno")}))),
            (json!({"type": "git", "secret": MASK}), stored.clone(), Ok(stored.clone())),
            (json!({"type": "git", "slug": "other", "secret": MASK}), stored.clone(), Ok(json!({"type": "git", "slug": "other", "secret": sealed("eno")}))),
            (json!({"type": "git", "secret": "two"}), stored.clone(), Ok(json!({"type": "git", "secret": sealed("owt")}))),
            (json!({"type": "git", "secret": ""}), stored.clone(), Ok(json!({"type": "git", "secret": ""}))),
            // A rotation: the new secret, and the one it replaces.
            (
                json!({"type": "git", "secret": "two", "previousSecret": MASK}),
                stored.clone(),
                Ok(json!({"type": "git", "secret": sealed("owt"), "previousSecret": sealed("eno")})),
            ),
            (
                json!({"type": "git", "secret": MASK, "previousSecret": MASK}),
                json!({"type": "git", "secret": sealed("owt"), "previousSecret": sealed("eno")}),
                Ok(json!({"type": "git", "secret": sealed("owt"), "previousSecret": sealed("eno")})),
            ),
            // What an earlier version left in the open.
            (json!({"type": "git", "secret": MASK}), json!({"type": "git", "secret": "one"}), Ok(json!({"type": "git", "secret": sealed("eno")}))),
            (
                json!({"type": "webhook", "secret": MASK}),
                stored.clone(),
                Err("/triggers/0/secret: this stands for a stored secret, and none is stored here; enter the secret".to_owned()),
            ),
            (json!({"type": "git", "secret": 5}), stored.clone(), Err("/triggers/0/secret: a secret is a text".to_owned())),
            (
                json!({"type": "git", "secret": sealed("foreign")}),
                stored.clone(),
                Err("/triggers/0/secret: it was sealed with another key; enter the secret again".to_owned()),
            ),
            (stored.clone(), json!({"type": "git"}), Ok(stored)),
        ];
        for (posted, stored, expected) in table {
            assert_eq!(saved(posted.clone(), stored), expected, "{posted}");
        }
    }

    #[test]
    fn what_is_read_is_open_and_what_is_shown_is_masked() {
        let mut stored = document(json!([
            {"type": "git", "secret": {"sealed": "eno"}, "previousSecret": ""}, {"type": "cron"},
            {"type": "git", "secret": {"sealed": "foreign"}}
        ]));
        let open = unsealed(&stored, Some(&Reversed), || "random".to_owned());
        assert_eq!(open["triggers"][0]["secret"], "one");
        assert_eq!(open["triggers"][2]["secret"], "random");
        mask_secrets(&mut stored);
        assert_eq!(
            stored["triggers"],
            json!([{"type": "git", "secret": MASK, "previousSecret": ""}, {"type": "cron"}, {"type": "git", "secret": MASK}])
        );
    }
}
