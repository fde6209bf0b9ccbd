//! The traffic of a deploy, as a stage says it.

use serde_json::Value;
use spindrift_cloud_driver::kubernetes::TrafficStrategy;
use spindrift_engine::Failure;
use spindrift_model::{Map, Millis};

use crate::fields;

/// What a stage says of traffic (`trafficManagement`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Traffic {
    /// The Services in front of what is deployed.
    pub(crate) services: Vec<String>,
    /// Whether it takes traffic at once.
    pub(crate) enabled: bool,
    /// What becomes of the versions before.
    pub(crate) strategy: Strategy,
}

/// What becomes of the versions before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Strategy {
    /// Nothing.
    None,
    /// They are taken out of traffic.
    RedBlack,
    /// They are taken out of traffic, and deleted.
    Highlander,
    /// The new one grows and they shrink.
    Rolling(Rolling),
}

/// The steps of a rolling red/black.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rolling {
    /// To how many percent the new version grows, step by step; the last is 100.
    pub(crate) percents: Vec<u32>,
    /// How long is waited between the growth of the new version and the shrinking of the others.
    pub(crate) pause: Millis,
}

impl Traffic {
    pub(crate) fn of(context: &Map) -> Result<Self, Failure> {
        let management = context.get("trafficManagement").and_then(Value::as_object);
        let Some(management) = management.filter(|map| fields::flag(map.get("enabled"))) else {
            // An annotation in the manifest still attaches.
            return Ok(Self {
                services: Vec::new(),
                enabled: true,
                strategy: Strategy::None,
            });
        };
        let empty = Map::new();
        let options = management
            .get("options")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let strategy = match fields::text(options, "strategy") {
            None => Strategy::None,
            Some(text) => match text.to_ascii_lowercase().as_str() {
                "none" => Strategy::None,
                "redblack" | "bluegreen" => Strategy::RedBlack,
                "highlander" => Strategy::Highlander,
                "rollingredblack" => Strategy::Rolling(Rolling::of(options)?),
                _ => {
                    return Err(fields::invalid(format!(
                        "trafficManagement.options.strategy: {text:?} is unknown; there are none, redblack, bluegreen, highlander and rollingredblack"
                    )));
                }
            },
        };
        Ok(Self {
            services: fields::texts(options.get("services")),
            enabled: fields::flag(options.get("enableTraffic")) || strategy != Strategy::None,
            strategy,
        })
    }

    /// The strategy as the deploy itself needs to know it.
    pub(crate) fn at_deploy(&self) -> TrafficStrategy {
        match &self.strategy {
            Strategy::None => TrafficStrategy::None,
            Strategy::RedBlack => TrafficStrategy::RedBlack,
            Strategy::Highlander => TrafficStrategy::Highlander,
            Strategy::Rolling(rolling) => TrafficStrategy::RollingRedBlack {
                first_percent: rolling.percents.first().copied().unwrap_or(100),
            },
        }
    }
}

impl Rolling {
    fn of(options: &Map) -> Result<Self, Failure> {
        let wrong = || {
            fields::invalid(
                "trafficManagement.options.targetPercentages: it must be a list of whole numbers from 1 to 100, each larger than the one before",
            )
        };
        let mut percents = Vec::new();
        match options.get("targetPercentages") {
            None | Some(Value::Null) => percents.push(50),
            Some(Value::Array(list)) => {
                for value in list {
                    let percent = fields::integer(value)
                        .and_then(|percent| u32::try_from(percent).ok())
                        .filter(|percent| (1..=100).contains(percent))
                        .ok_or_else(wrong)?;
                    if percents.last().is_some_and(|last| *last >= percent) {
                        return Err(wrong());
                    }
                    percents.push(percent);
                }
            }
            Some(_) => return Err(wrong()),
        }
        if percents.last() != Some(&100) {
            percents.push(100);
        }
        Ok(Self {
            percents,
            pause: fields::seconds(
                "trafficManagement.options.delayBeforeDisableSec",
                options.get("delayBeforeDisableSec"),
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use serde_json::json;

    fn read(options: Value) -> Result<Traffic, String> {
        let context = map(json!({"trafficManagement": {"enabled": true, "options": options}}));
        Traffic::of(&context).map_err(|failure| failure.errors.join("; "))
    }

    #[test]
    fn without_management_annotations_still_attach() {
        for context in [
            json!({}),
            json!({"trafficManagement": {"enabled": false, "options": {"strategy": "nonsense", "services": ["service a"]}}}),
        ] {
            let traffic = Traffic::of(&map(context)).unwrap();
            assert_eq!(traffic.services, Vec::<String>::new());
            assert!(traffic.enabled);
        }
    }

    #[test]
    fn strategies_are_read_in_any_case_and_turn_traffic_on() {
        let table = [
            (json!({}), Strategy::None, false),
            (json!({"enableTraffic": true}), Strategy::None, true),
            (json!({"strategy": "none"}), Strategy::None, false),
            (json!({"strategy": "redblack"}), Strategy::RedBlack, true),
            (
                json!({"strategy": "BlueGreen", "enableTraffic": false}),
                Strategy::RedBlack,
                true,
            ),
            (
                json!({"strategy": "highlander"}),
                Strategy::Highlander,
                true,
            ),
            (
                json!({"strategy": "rollingredblack", "targetPercentages": [10, "50"], "delayBeforeDisableSec": 30}),
                Strategy::Rolling(Rolling {
                    percents: vec![10, 50, 100],
                    pause: 30_000,
                }),
                true,
            ),
        ];
        for (options, strategy, enabled) in table {
            let traffic = read(options.clone()).unwrap();
            assert_eq!(
                (traffic.strategy, traffic.enabled),
                (strategy, enabled),
                "{options}"
            );
        }
        for options in [
            json!({"strategy": "canary"}),
            json!({"strategy": "rollingredblack", "targetPercentages": [50, 10]}),
            json!({"strategy": "rollingredblack", "targetPercentages": [0]}),
            json!({"strategy": "rollingredblack", "targetPercentages": 5}),
        ] {
            assert!(read(options.clone()).is_err(), "{options}");
        }
    }
}
