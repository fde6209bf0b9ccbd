//! The triggers of all pipelines, found by what an event names.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use spindrift_model::{PipelineId, Status};

use super::hook::HookId;
use super::kind::{RunResult, TagRule, TriggerKind};
use super::rejection::Rejection;
use super::rules;
use super::trigger::{Trigger, TriggerId};
use crate::events::{Delivery, Detail, Event};
use crate::signature::{Proof, Secrets, SignatureError, SignaturePolicy, verify};

/// What a trigger says to an event.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The trigger.
    pub trigger: Arc<Trigger>,
    /// Whether it matches, or why not.
    pub outcome: Result<(), Rejection>,
}

impl Verdict {
    /// Whether the trigger matches.
    pub fn is_match(&self) -> bool {
        self.outcome.is_ok()
    }
}

/// What surrounds an event when it is matched: the delivery it came in, and what the installation accepts.
pub struct Occasion<'d> {
    delivery: Option<&'d Delivery>,
    policy: SignaturePolicy,
    /// The secret of triggers that have none (`trigger.git.shared-secret`).
    shared: Secrets,
    /// One signature is computed once for all triggers with the same secrets.
    proven: RefCell<Vec<(Secrets, Result<Proof, SignatureError>)>>,
}

/// Signatures kept for one delivery; more different secrets than these for one repository are computed again.
const MAX_PROVEN: usize = 64;

impl<'d> Occasion<'d> {
    /// An event that came in a delivery.
    pub fn new(delivery: &'d Delivery, policy: SignaturePolicy, shared: Secrets) -> Self {
        Self {
            delivery: Some(delivery),
            policy,
            shared,
            proven: RefCell::default(),
        }
    }

    /// An event that the program found itself: there is nothing to prove.
    pub fn internal() -> Self {
        Self {
            delivery: None,
            policy: SignaturePolicy::default(),
            shared: Secrets::default(),
            proven: RefCell::default(),
        }
    }

    fn check(&self, trigger: &Trigger) -> Result<(), Rejection> {
        let Some(delivery) = self.delivery else {
            return Ok(());
        };
        if trigger.hook != delivery.hook {
            return Err(Rejection::OwnAddress);
        }
        let signed = matches!(trigger.kind, TriggerKind::Git(_)) || !trigger.secrets.is_empty();
        if !signed {
            return Ok(());
        }
        let secrets = if trigger.secrets.is_empty() {
            &self.shared
        } else {
            &trigger.secrets
        };
        let mut proven = self.proven.borrow_mut();
        if let Some((_, outcome)) = proven.iter().find(|(known, _)| known == secrets) {
            return outcome.map(drop).map_err(Rejection::from);
        }
        let outcome = verify(delivery, secrets, self.policy);
        if proven.len() < MAX_PROVEN {
            proven.push((secrets.clone(), outcome));
        }
        outcome.map(drop).map_err(Rejection::from)
    }
}

/// The triggers that name the same thing.
#[derive(Debug, Default)]
struct Place {
    /// Those that must be asked.
    open: Vec<Arc<Trigger>>,
    /// Those that want one branch or tag and no other, by it.
    exact: BTreeMap<String, Vec<Arc<Trigger>>>,
}

impl Place {
    fn add(&mut self, trigger: &Arc<Trigger>) {
        let list = match wanted_word(trigger) {
            Some(word) => self.exact.entry(word.to_owned()).or_default(),
            None => &mut self.open,
        };
        list.push(Arc::clone(trigger));
    }

    fn remove(&mut self, pipeline: &PipelineId) {
        self.open.retain(|trigger| trigger.pipeline != *pipeline);
        self.exact.retain(|_, list| {
            list.retain(|trigger| trigger.pipeline != *pipeline);
            !list.is_empty()
        });
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.exact.is_empty()
    }

    /// Those that an event with these words may start, and a few of those that want another word.
    fn candidates<'p>(&'p self, words: &'p [&str]) -> impl Iterator<Item = &'p Arc<Trigger>> {
        let hits = words
            .iter()
            .filter_map(|word| self.exact.get(*word))
            .flatten();
        let others = self
            .exact
            .iter()
            .filter(|(word, _)| !words.contains(&word.as_str()));
        let others = others.flat_map(|(_, list)| list).take(NEAR_MISSES);
        self.open.iter().chain(hits).chain(others)
    }
}

/// Of the triggers that want another branch or tag this many get a verdict; the answer for any other is
/// [`TriggerIndex::explain`].
const NEAR_MISSES: usize = 100;

/// The triggers of all pipelines.
#[derive(Debug, Default)]
pub struct TriggerIndex {
    pipelines: HashMap<PipelineId, Vec<Arc<Trigger>>>,
    places: HashMap<String, Place>,
    schedules: HashMap<(PipelineId, TriggerId), Arc<Trigger>>,
    /// The triggers with an address of their own, by it.
    hooks: HashMap<HookId, Arc<Trigger>>,
    count: usize,
}

impl TriggerIndex {
    /// An index of no triggers.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many triggers there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Replaces the triggers of a pipeline; this takes effect with the next event.
    pub fn replace(&mut self, pipeline: &PipelineId, triggers: Vec<Trigger>) {
        self.remove(pipeline);
        let triggers: Vec<Arc<Trigger>> = triggers.into_iter().map(Arc::new).collect();
        for trigger in &triggers {
            if let Some(place) = place_of(trigger) {
                self.places.entry(place).or_default().add(trigger);
            }
            if let Some(hook) = &trigger.hook {
                // Saving gives no address away twice; should there be two, the first keeps it.
                self.hooks
                    .entry(hook.clone())
                    .or_insert_with(|| Arc::clone(trigger));
            }
            if let TriggerKind::Cron(_) = trigger.kind {
                let key = (pipeline.clone(), trigger.id.clone());
                self.schedules.insert(key, Arc::clone(trigger));
            }
        }
        self.count += triggers.len();
        if !triggers.is_empty() {
            self.pipelines.insert(pipeline.clone(), triggers);
        }
    }

    /// Forgets the triggers of a pipeline.
    pub fn remove(&mut self, pipeline: &PipelineId) {
        let Some(triggers) = self.pipelines.remove(pipeline) else {
            return;
        };
        self.count -= triggers.len();
        let places: HashSet<String> = triggers
            .iter()
            .filter_map(|trigger| place_of(trigger))
            .collect();
        for place in places {
            if let Some(there) = self.places.get_mut(&place) {
                there.remove(pipeline);
                if there.is_empty() {
                    self.places.remove(&place);
                }
            }
        }
        for trigger in triggers {
            if let Some(hook) = &trigger.hook
                && self
                    .hook(hook)
                    .is_some_and(|known| Arc::ptr_eq(known, &trigger))
            {
                self.hooks.remove(hook);
            }
            self.schedules
                .remove(&(trigger.pipeline.clone(), trigger.id.clone()));
        }
    }

    /// The triggers of a pipeline, in the order of its document.
    pub fn of_pipeline(&self, pipeline: &PipelineId) -> &[Arc<Trigger>] {
        self.pipelines.get(pipeline).map_or(&[], Vec::as_slice)
    }

    /// The trigger of that name.
    pub fn get(&self, pipeline: &PipelineId, id: &TriggerId) -> Option<&Arc<Trigger>> {
        self.of_pipeline(pipeline)
            .iter()
            .find(|trigger| trigger.id == *id)
    }

    /// The trigger with that address of its own.
    pub fn hook(&self, id: &HookId) -> Option<&Arc<Trigger>> {
        self.hooks.get(id)
    }

    /// All triggers, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Trigger>> {
        self.pipelines.values().flatten()
    }

    /// All schedules, in no order; also those that are disabled.
    pub fn schedules(&self) -> impl Iterator<Item = &Arc<Trigger>> {
        self.schedules.values()
    }

    /// What every candidate says to an event. Candidates are the triggers that name the same repository, source,
    /// subscription, job or search, or the one whose own address was called; of those that want another branch or tag, letter by letter, only some are asked.
    /// Those that match come first.
    pub fn verdicts(&self, event: &Event, occasion: &Occasion<'_>) -> Vec<Verdict> {
        if let Some(hook) = occasion
            .delivery
            .and_then(|delivery| delivery.hook.as_ref())
        {
            let verdict = |trigger: &Arc<Trigger>| Verdict {
                trigger: Arc::clone(trigger),
                outcome: judge(trigger, event, occasion),
            };
            return self.hook(hook).map(verdict).into_iter().collect();
        }
        let mut verdicts = Vec::new();
        let mut seen = HashSet::new();
        let places = places_of(event);
        let several = places.len() > 1;
        let words = words_of(event);
        for place in places {
            let there = self.places.get(&place);
            for trigger in there.into_iter().flat_map(|there| there.candidates(&words)) {
                if several && !seen.insert(Arc::as_ptr(trigger)) {
                    continue;
                }
                verdicts.push(Verdict {
                    trigger: Arc::clone(trigger),
                    outcome: judge(trigger, event, occasion),
                });
            }
        }
        verdicts.sort_by_key(|verdict| !verdict.is_match());
        verdicts
    }

    /// What one trigger says to an event, candidate or not: the answer to "why did my pipeline not start?".
    pub fn explain(
        &self,
        pipeline: &PipelineId,
        id: &TriggerId,
        event: &Event,
        occasion: &Occasion<'_>,
    ) -> Result<(), Rejection> {
        match self.get(pipeline, id) {
            Some(trigger) => judge(trigger, event, occasion),
            None => Err(Rejection::Unknown(id.clone())),
        }
    }

    /// What the pipeline triggers on a parent say to the end of one of its runs.
    pub fn run_ended(&self, parent: &PipelineId, status: Status) -> Vec<Verdict> {
        let result = RunResult::of(status);
        let there = self.places.get(&key(&["pipeline", parent.as_str()]));
        let verdict = |trigger: &Arc<Trigger>| Verdict {
            outcome: judge_run(trigger, result),
            trigger: Arc::clone(trigger),
        };
        there
            .into_iter()
            .flat_map(|there| &there.open)
            .map(verdict)
            .collect()
    }
}

fn judge(trigger: &Trigger, event: &Event, occasion: &Occasion<'_>) -> Result<(), Rejection> {
    rules::check(trigger, event)?;
    occasion.check(trigger)?;
    rules::check_artifacts(trigger, event)
}

fn judge_run(trigger: &Trigger, result: RunResult) -> Result<(), Rejection> {
    if trigger.pipeline_disabled {
        return Err(Rejection::PipelineDisabled);
    }
    if !trigger.enabled {
        return Err(Rejection::Disabled);
    }
    match &trigger.kind {
        TriggerKind::Pipeline { statuses, .. }
            if statuses.iter().any(|word| word == result.word()) =>
        {
            Ok(())
        }
        _ => Err(Rejection::Status {
            found: result.word(),
        }),
    }
}

fn key(parts: &[&str]) -> String {
    parts.join("\0").to_lowercase()
}

/// Where a trigger is found; nowhere when no event can concern it. Keys ignore case: the rules decide exactly.
fn place_of(trigger: &Trigger) -> Option<String> {
    Some(match &trigger.kind {
        TriggerKind::Image(image) => key(&["image", &image.repository]),
        TriggerKind::Git(git) => key(&["git", &git.source, &git.project, &git.slug]),
        TriggerKind::Webhook { source, .. } => key(&["webhook", source]),
        TriggerKind::CdEvents { source, .. } => key(&["cdevents", source]),
        TriggerKind::Pubsub {
            system,
            subscription,
            ..
        } => key(&["pubsub", system, subscription]),
        TriggerKind::Build { master, job, .. } => key(&["build", master, job]),
        TriggerKind::Artifactory { search } => key(&["artifactory", search]),
        TriggerKind::Nexus { search } => key(&["nexus", search]),
        TriggerKind::Helm { account, .. } => key(&["helm", account]),
        TriggerKind::Plugin { .. } => key(&["plugin"]),
        TriggerKind::Pipeline { parent, .. } => key(&["pipeline", parent.as_str()]),
        TriggerKind::Cron(_)
        | TriggerKind::Manual
        | TriggerKind::Unknown
        | TriggerKind::Invalid(_) => return None,
    })
}

/// Where the candidates of an event are.
fn places_of(event: &Event) -> Vec<String> {
    match &event.detail {
        Detail::Git(git) => {
            let names = git.names.iter();
            names
                .map(|name| key(&["git", &event.source, &name.project, &name.slug]))
                .collect()
        }
        Detail::Image(image) => vec![key(&["image", &image.repository])],
        Detail::Webhook => vec![key(&["webhook", &event.source])],
        Detail::CdEvent(_) => vec![key(&["cdevents", &event.source])],
        Detail::Pubsub(message) => vec![key(&["pubsub", &message.system, &message.subscription])],
        Detail::Build(build) => vec![key(&["build", &build.master, &build.job])],
        Detail::Artifactory(file) => vec![key(&["artifactory", &file.search])],
        Detail::Nexus(file) => vec![key(&["nexus", &file.search])],
        Detail::Helm(chart) => vec![key(&["helm", &chart.account])],
        Detail::Plugin => vec![key(&["plugin"])],
    }
}

/// The one branch or tag that a trigger wants, when its pattern is no pattern.
fn wanted_word(trigger: &Trigger) -> Option<&str> {
    match &trigger.kind {
        TriggerKind::Git(git) => git.branch.as_ref()?.literal(),
        TriggerKind::Image(image) => match &image.tag {
            TagRule::Matching(pattern) => pattern.literal(),
            TagRule::AnyButLatest => None,
        },
        _ => None,
    }
}

/// The branches or tags that an event names.
fn words_of(event: &Event) -> Vec<&str> {
    match &event.detail {
        Detail::Git(git) if git.short_ref() != git.branch => vec![&git.branch, git.short_ref()],
        Detail::Git(git) => vec![&git.branch],
        Detail::Image(image) => image.tag.as_deref().into_iter().collect(),
        _ => Vec::new(),
    }
}
