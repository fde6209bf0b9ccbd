//! Addresses of triggers' own: who gets one, and what is behind it.

use spindrift_model::{Map, PipelineId, Pointer, Problem, Value};

use super::sealing::{counterpart, triggers_at};
use super::shared::{Shared, Triggers};
use crate::events::{Delivery, Headers};
use crate::matching::{HOOK_MEMBER, HookId};

impl Shared {
    /// Fills the empty `hookId`s of a document that is to be saved: with the address that the trigger has already, else with
    /// a new one. An address that belongs to another pipeline is replaced: the document is a copy of that one.
    pub(super) fn address(
        &self,
        document: &mut Map,
        stored: Option<&Map>,
        pipeline: Option<&PipelineId>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut given: Vec<HookId> = Vec::new();
        for (position, trigger) in triggers_at(document) {
            let Some(posted) = trigger.get(HOOK_MEMBER) else {
                continue;
            };
            let id = match posted {
                Value::String(text) if text.is_empty() => None,
                Value::Null | Value::Bool(true) => None,
                Value::String(text) => match HookId::parse(text) {
                    Ok(id) => Some(id),
                    // Whoever reads the triggers complains of it.
                    Err(_) => continue,
                },
                // "hookId": false asks for none.
                _ => {
                    trigger.shift_remove(HOOK_MEMBER);
                    continue;
                }
            };
            let place = Pointer::root()
                .key("triggers")
                .index(position)
                .key(HOOK_MEMBER);
            let is_taken = |id: &HookId| {
                let owner = self.index().hook(id).map(|owner| owner.pipeline.clone());
                given.contains(id) || owner.is_some_and(|owner| Some(&owner) != pipeline)
            };
            let own = || {
                let before = counterpart(stored?, trigger, position)?;
                HookId::parse(before.get(HOOK_MEMBER)?.as_str()?).ok()
            };
            let id = match id {
                Some(id) if is_taken(&id) => {
                    let message =
                        "this address belongs to another trigger, so this one gets a new one";
                    problems.push(Problem::warning(place, "trigger.hookId", message));
                    None
                }
                Some(id) => Some(id),
                None => own().filter(|id| !is_taken(id)),
            };
            let id =
                id.unwrap_or_else(|| HookId::random([self.entropy.bits(), self.entropy.bits()]));
            trigger.insert(HOOK_MEMBER.to_owned(), id.as_str().into());
            given.push(id);
        }
        problems
    }
}

impl Triggers {
    /// The delivery that a request to a trigger's own address is; `None` when no trigger has that address.
    pub fn hook_delivery(
        &self,
        id: &str,
        headers: Headers,
        body: impl Into<Vec<u8>>,
    ) -> Option<Delivery> {
        let id = HookId::parse(id).ok()?;
        let route = self.shared.index().hook(&id)?.hook_route()?;
        let mut delivery = Delivery::new(route.kind, &route.source, body).with_headers(headers);
        delivery.account = route.account;
        delivery.hook = Some(id);
        Some(delivery)
    }
}
