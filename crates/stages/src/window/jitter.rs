//! Jitter: a delay that differs from stage to stage, so that runs that waited for the same window do not all begin at once.

use spindrift_engine::StageView;
use spindrift_model::{Map, Millis, StageId, Value};

use crate::fields;

/// The delay after a window has opened, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter {
    least: u64,
    most: u64,
    skip_manual: bool,
}

impl Jitter {
    /// Reads `restrictedExecutionWindow`; none when jitter is not asked for.
    pub fn read(window: &Map) -> Option<Jitter> {
        let jitter = window.get("jitter")?;
        let seconds = |key: &str| {
            let seconds = jitter.get(key).and_then(fields::integer).unwrap_or(0);
            u64::try_from(seconds).unwrap_or(0)
        };
        let (least, most) = (seconds("minDelay"), seconds("maxDelay"));
        fields::flag(jitter.get("enabled")).then_some(Jitter {
            least,
            most: most.max(least),
            skip_manual: fields::flag(jitter.get("skipManual")),
        })
    }

    /// The same, but none for a run to which it does not apply.
    pub(super) fn of(stage: &StageView<'_>) -> Option<Jitter> {
        let window = stage.stage().context.get("restrictedExecutionWindow");
        let jitter = window.and_then(Value::as_object).and_then(Jitter::read)?;
        let by_hand = stage.execution().trigger.kind() == "manual";
        (!(jitter.skip_manual && by_hand)).then_some(jitter)
    }

    /// The delay of a stage in milliseconds: a whole number of seconds between both limits, which are inside.
    ///
    /// It is drawn from the stage's id, which is as good as random between stages and the same however often it is
    /// asked for.
    pub fn delay(&self, stage: &StageId) -> Millis {
        let choices = (self.most - self.least).saturating_add(1);
        let seconds = self.least + spread(stage.as_str()) % choices;
        Millis::try_from(seconds)
            .unwrap_or(Millis::MAX)
            .saturating_mul(1_000)
    }
}

/// A number that depends on every byte of a text, and is the same for the same text for ever: FNV-1a, mixed as SplitMix64 does.
fn spread(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use serde_json::json;

    #[test]
    fn every_delay_between_the_limits_is_drawn() {
        let jitter = json!({"jitter": {"enabled": true, "minDelay": 3, "maxDelay": 6}});
        let jitter = Jitter::read(&map(jitter)).unwrap();
        let mut seen = [0; 4];
        for number in 0..4_000 {
            let delay = jitter.delay(&format!("01K{number:023}").into());
            seen[usize::try_from(delay / 1_000 - 3).unwrap()] += 1;
        }
        assert!(
            seen.iter().all(|times| (800..1_200).contains(times)),
            "{seen:?}"
        );
    }

    #[test]
    fn the_delay_of_a_stage_never_changes() {
        let jitter = json!({"jitter": {"enabled": "true", "minDelay": "0", "maxDelay": 600}});
        let jitter = Jitter::read(&map(jitter)).unwrap();
        let seconds = |id: &str| jitter.delay(&id.into()) / 1_000;
        assert_eq!(
            ["01J9ZD", "01J9ZE"].map(seconds),
            [9_915_087_663_389_892_357_u64, 4_393_471_129_957_655_627]
                .map(|number| (number % 601) as i64)
        );
    }

    #[test]
    fn limits_in_the_wrong_order_mean_the_larger_one() {
        let jitter = json!({"jitter": {"enabled": true, "minDelay": 9, "maxDelay": 2}});
        let jitter = Jitter::read(&map(jitter)).unwrap();
        assert_eq!(jitter.delay(&"x".into()), 9_000);
        assert_eq!(Jitter::read(&map(json!({"jitter": {"maxDelay": 2}}))), None);
    }
}
