//! The capacity a resize leads to (Orca's `ResizeStrategy`), as arithmetic.

use serde_json::Value;

use crate::error::CloudError;
use crate::model::Capacity;

/// In which way a server group is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeAction {
    /// To the capacity that is asked for; what is not asked for stays.
    Exact,
    /// By a number or share of itself.
    Up,
    /// By a number or share of itself, down to nothing.
    Down,
    /// To the largest in the cluster, and beyond by a number or share.
    ToCluster,
    /// To that of another server group.
    ToServerGroup,
}

impl ResizeAction {
    /// Reads a stage's `action`; absent it is exact.
    pub fn parse(action: Option<&str>) -> Option<Self> {
        match action.map(str::trim) {
            None | Some("" | "scale_exact") => Some(Self::Exact),
            Some("scale_up") => Some(Self::Up),
            Some("scale_down") => Some(Self::Down),
            Some("scale_to_cluster") => Some(Self::ToCluster),
            Some("scale_to_server_group") => Some(Self::ToServerGroup),
            Some(_) => None,
        }
    }
}

/// By how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// That share, in percent.
    Percent(f64),
    /// That many instances.
    Number(u32),
}

/// A capacity of which only a part may be given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AskedCapacity {
    /// The fewest.
    pub min: Option<u32>,
    /// The most.
    pub max: Option<u32>,
    /// How many there should be.
    pub desired: Option<u32>,
}

/// What becomes of the bounds in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pin {
    /// They stay what they have become.
    #[default]
    Free,
    /// All three become what is desired.
    All,
    /// The fewest become what is desired.
    Minimum,
    /// The fewest become what they were before they were pinned, unless that is more than they are.
    UnpinMinimum(Option<u32>),
}

/// What a resize stage asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    /// In which way.
    pub action: ResizeAction,
    /// By how much.
    pub step: Option<Step>,
    /// To what.
    pub capacity: AskedCapacity,
    /// What becomes of the bounds.
    pub pin: Pin,
}

/// The capacities a resize looks at.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// That of the server group itself.
    pub current: Capacity,
    /// Those of every server group of its cluster in its location.
    pub cluster: &'a [Capacity],
    /// That of the server group it is to be like.
    pub source: Option<Capacity>,
}

impl Resize {
    /// The capacity that this leads to.
    pub fn apply(&self, of: Surroundings<'_>) -> Result<Capacity, CloudError> {
        let scaled = match self.action {
            ResizeAction::Exact => share(exact(of.current, self.capacity), self.step),
            ResizeAction::Up => map(of.current, |n| n.saturating_add(self.increment(n))),
            ResizeAction::Down => map(of.current, |n| n.saturating_sub(self.increment(n))),
            ResizeAction::ToCluster => self.largest_of(of.cluster)?,
            ResizeAction::ToServerGroup => {
                let source = of.source.ok_or_else(|| {
                    CloudError::invalid(
                        "scale_to_server_group needs a source, the server group to be like",
                    )
                })?;
                share(source, self.step)
            }
        };
        Ok(self.pin.apply(widened(scaled, of)))
    }

    fn increment(self, of: u32) -> u32 {
        match self.step {
            Some(Step::Percent(percent)) => ceil(f64::from(of) * percent.abs() / 100.0),
            Some(Step::Number(number)) => number,
            None => 0,
        }
    }

    fn largest_of(self, cluster: &[Capacity]) -> Result<Capacity, CloudError> {
        let largest = cluster
            .iter()
            .copied()
            .reduce(|a, b| Capacity {
                min: a.min.max(b.min),
                max: a.max.max(b.max),
                desired: a.desired.max(b.desired),
            })
            .ok_or_else(|| {
                CloudError::not_found("scale_to_cluster needs a cluster that has server groups")
            })?;
        let desired = largest
            .desired
            .saturating_add(self.increment(largest.desired));
        // Where nobody sets bounds they are whatever is desired, and hold nothing back.
        if cluster.iter().all(is_pinned) {
            return Ok(pinned(desired));
        }
        Ok(Capacity {
            desired: desired.min(largest.max),
            ..largest
        })
    }
}

impl Pin {
    fn apply(self, capacity: Capacity) -> Capacity {
        let Capacity { min, desired, .. } = capacity;
        match self {
            Pin::Free => capacity,
            Pin::All => pinned(desired),
            Pin::Minimum => Capacity {
                min: desired,
                ..capacity
            },
            Pin::UnpinMinimum(original) => Capacity {
                min: original.map_or(min, |original| original.min(min)),
                ..capacity
            },
        }
    }
}

/// Exactly that many, neither fewer nor more.
pub fn pinned(desired: u32) -> Capacity {
    Capacity {
        min: desired,
        max: desired,
        desired,
    }
}

/// Whether there are exactly as many as desired, neither fewer nor more.
pub fn is_pinned(capacity: &Capacity) -> bool {
    capacity.min == capacity.desired && capacity.max == capacity.desired
}

/// Reads a number of instances: one, or a text that says one. Negative ones count as none.
pub fn instances(value: &Value) -> Option<u32> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let whole = number.is_finite() && number.fract() == 0.0 && number <= f64::from(u32::MAX);
    // The conversion saturates at zero.
    whole.then_some(number as u32)
}

/// What is asked for, and what is there in its place: bounds give way to what is given, and what is desired to the bounds.
fn exact(current: Capacity, asked: AskedCapacity) -> Capacity {
    let (min, max) = match (asked.min, asked.max) {
        (Some(min), Some(max)) => (min.min(max), max),
        (Some(min), None) => (min, current.max.max(min)),
        (None, Some(max)) => (current.min.min(max), max),
        (None, None) => (current.min, current.max),
    };
    let desired = asked
        .desired
        .unwrap_or_else(|| current.desired.clamp(min, max.max(min)));
    Capacity { min, max, desired }
}

/// Scales what is desired to a share of it, and widens the bounds around it.
fn share(capacity: Capacity, step: Option<Step>) -> Capacity {
    let Some(Step::Percent(percent)) = step else {
        return capacity;
    };
    let desired = ceil(f64::from(capacity.desired) * percent.abs() / 100.0);
    Capacity {
        min: capacity.min.min(desired),
        max: capacity.max.max(desired),
        desired,
    }
}

/// Where nobody sets bounds, the bounds are what is desired, also when it is all that was given.
fn widened(capacity: Capacity, of: Surroundings<'_>) -> Capacity {
    let unbounded = is_pinned(&of.current) && of.cluster.iter().all(is_pinned);
    let outside = capacity.desired < capacity.min || capacity.desired > capacity.max;
    match unbounded && outside && capacity.min == of.current.min && capacity.max == of.current.max {
        true => pinned(capacity.desired),
        false => capacity,
    }
}

fn map(capacity: Capacity, change: impl Fn(u32) -> u32) -> Capacity {
    Capacity {
        min: change(capacity.min),
        max: change(capacity.max),
        desired: change(capacity.desired),
    }
}

/// The next whole number, but for the dust of binary fractions: 10 % of 30 is 3 and not 4.
fn ceil(number: f64) -> u32 {
    let nearest = number.round();
    match (number - nearest).abs() < 1e-9 {
        true => nearest as u32,
        false => number.ceil() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn capacity((min, max, desired): (u32, u32, u32)) -> Capacity {
        Capacity { min, max, desired }
    }

    fn resize(action: ResizeAction, step: Option<Step>) -> Resize {
        Resize {
            action,
            step,
            capacity: AskedCapacity::default(),
            pin: Pin::Free,
        }
    }

    fn alone(current: Capacity) -> Surroundings<'static> {
        Surroundings {
            current,
            cluster: &[],
            source: None,
        }
    }

    #[test]
    fn an_exact_capacity_leaves_what_is_not_asked_for() {
        // min, max, desired
        let table = [
            ((1, 1, 1), (None, Some(0), None), (0, 0, 0)),
            ((1, 1, 1), (Some(2), None, None), (2, 2, 2)),
            ((1, 3, 3), (Some(0), Some(2), None), (0, 2, 2)),
            ((1, 3, 3), (Some(0), Some(2), Some(3)), (0, 2, 3)),
            ((1, 3, 2), (None, None, None), (1, 3, 2)),
            ((1, 3, 2), (None, None, Some(3)), (1, 3, 3)),
            ((1, 9, 5), (Some(4), Some(2), None), (2, 2, 2)),
            ((2, 2, 2), (None, None, Some(5)), (5, 5, 5)),
            ((1, 3, 2), (None, None, Some(5)), (1, 3, 5)),
        ];
        for (current, (min, max, desired), expected) in table {
            let resize = Resize {
                capacity: AskedCapacity { min, max, desired },
                ..resize(ResizeAction::Exact, None)
            };
            let found = resize.apply(alone(capacity(current))).unwrap();
            assert_eq!(found, capacity(expected), "{current:?} {resize:?}");
        }
    }

    #[test]
    fn a_step_goes_up_and_down() {
        use ResizeAction::{Down, Up};
        let table = [
            (Up, Some(Step::Number(2)), (1, 4, 3), (3, 6, 5)),
            (Down, Some(Step::Number(2)), (1, 4, 3), (0, 2, 1)),
            (Up, Some(Step::Percent(50.0)), (1, 4, 3), (2, 6, 5)),
            (Down, Some(Step::Percent(50.0)), (1, 4, 3), (0, 2, 1)),
            (Down, Some(Step::Percent(200.0)), (1, 4, 3), (0, 0, 0)),
            (Up, Some(Step::Percent(10.0)), (30, 30, 30), (33, 33, 33)),
            (Up, None, (1, 4, 3), (1, 4, 3)),
            (
                Up,
                Some(Step::Number(u32::MAX)),
                (1, 4, 3),
                (u32::MAX, u32::MAX, u32::MAX),
            ),
        ];
        for (action, step, current, expected) in table {
            let found = resize(action, step)
                .apply(alone(capacity(current)))
                .unwrap();
            assert_eq!(found, capacity(expected), "{action:?} {step:?} {current:?}");
        }
    }

    #[test]
    fn a_cluster_is_measured_by_its_largest_members() {
        type Bounds = (u32, u32, u32);
        let table: [(&[Bounds], Option<Step>, Bounds); 7] = [
            (&[(0, 1000, 100)], Some(Step::Percent(1.0)), (0, 1000, 101)),
            (&[(0, 1000, 100)], Some(Step::Percent(-1.0)), (0, 1000, 101)),
            (&[(0, 1000, 100)], Some(Step::Number(5)), (0, 1000, 105)),
            (
                &[(0, 100, 100), (2, 90, 7)],
                Some(Step::Number(5)),
                (2, 100, 100),
            ),
            (&[(1, 3, 2), (2, 2, 2)], None, (2, 3, 2)),
            (&[(2, 2, 2), (4, 4, 4)], None, (4, 4, 4)),
            (
                &[(2, 2, 2), (4, 4, 4)],
                Some(Step::Percent(50.0)),
                (6, 6, 6),
            ),
        ];
        for (members, step, expected) in table {
            let cluster: Vec<Capacity> = members.iter().copied().map(capacity).collect();
            let of = Surroundings {
                cluster: &cluster,
                ..alone(capacity((1, 1, 1)))
            };
            let found = resize(ResizeAction::ToCluster, step).apply(of).unwrap();
            assert_eq!(found, capacity(expected), "{members:?} {step:?}");
        }
        let empty = resize(ResizeAction::ToCluster, None).apply(alone(capacity((1, 1, 1))));
        assert!(empty.is_err());
    }

    #[test]
    fn another_server_group_is_a_model_and_bounds_are_pinned() {
        let source = capacity((1, 10, 4));
        let table = [
            (None, Pin::Free, (1, 10, 4)),
            (Some(Step::Percent(50.0)), Pin::Free, (1, 10, 2)),
            (Some(Step::Percent(300.0)), Pin::Free, (1, 12, 12)),
            (Some(Step::Percent(10.0)), Pin::Free, (1, 10, 1)),
            (None, Pin::All, (4, 4, 4)),
            (None, Pin::Minimum, (4, 10, 4)),
            (None, Pin::UnpinMinimum(Some(0)), (0, 10, 4)),
            (None, Pin::UnpinMinimum(Some(3)), (1, 10, 4)),
            (None, Pin::UnpinMinimum(None), (1, 10, 4)),
        ];
        for (step, pin, expected) in table {
            let resize = Resize {
                pin,
                ..resize(ResizeAction::ToServerGroup, step)
            };
            let of = Surroundings {
                source: Some(source),
                ..alone(capacity((7, 7, 7)))
            };
            assert_eq!(
                resize.apply(of).unwrap(),
                capacity(expected),
                "{step:?} {pin:?}"
            );
        }
        let without = resize(ResizeAction::ToServerGroup, None).apply(alone(source));
        assert!(without.unwrap_err().message.contains("source"));
    }

    #[test]
    fn actions_are_read_by_name() {
        assert_eq!(ResizeAction::parse(None), Some(ResizeAction::Exact));
        assert_eq!(
            ResizeAction::parse(Some("scale_up")),
            Some(ResizeAction::Up)
        );
        assert_eq!(ResizeAction::parse(Some("explode")), None);
    }

    #[test]
    fn numbers_of_instances_are_read_from_numbers_and_texts() {
        let table = [
            (serde_json::json!(3), Some(3)),
            (serde_json::json!("3"), Some(3)),
            (serde_json::json!(3.0), Some(3)),
            (serde_json::json!(-3), Some(0)),
            (serde_json::json!(2.5), None),
            (serde_json::json!("many"), None),
            (serde_json::json!(1e12), None),
            (serde_json::json!(null), None),
        ];
        for (value, expected) in table {
            assert_eq!(instances(&value), expected, "{value}");
        }
    }

    fn any_capacity() -> impl Strategy<Value = Capacity> {
        (0u32..200, 0u32..200, 0u32..200).prop_map(|(a, b, desired)| {
            let (min, max) = (a.min(b), a.max(b));
            Capacity {
                min,
                max,
                desired: desired.clamp(min, max),
            }
        })
    }

    fn any_step() -> impl Strategy<Value = Option<Step>> {
        prop_oneof![
            Just(None),
            (0u32..50).prop_map(|number| Some(Step::Number(number))),
            (0.0f64..300.0).prop_map(|percent| Some(Step::Percent(percent))),
        ]
    }

    fn any_action() -> impl Strategy<Value = ResizeAction> {
        prop::sample::select(vec![
            ResizeAction::Exact,
            ResizeAction::Up,
            ResizeAction::Down,
            ResizeAction::ToCluster,
            ResizeAction::ToServerGroup,
        ])
    }

    proptest! {
        /// Unless a desired number outside of them is given, what is desired lies within the bounds.
        #[test]
        fn what_is_desired_lies_within_the_bounds(
            current in any_capacity(), source in any_capacity(), cluster in prop::collection::vec(any_capacity(), 1..4),
            action in any_action(), step in any_step(), min in prop::option::of(0u32..200), max in prop::option::of(0u32..200),
        ) {
            let resize = Resize {
                action,
                step,
                capacity: AskedCapacity { min, max, desired: None },
                pin: Pin::Free,
            };
            let found = resize.apply(Surroundings { current, cluster: &cluster, source: Some(source) }).unwrap();
            prop_assert!(found.min <= found.desired && found.desired <= found.max, "{found:?}");
        }

        #[test]
        fn down_undoes_a_number_up(current in any_capacity(), number in 0u32..50) {
            let step = Some(Step::Number(number));
            let up = resize(ResizeAction::Up, step).apply(alone(current)).unwrap();
            let down = resize(ResizeAction::Down, step).apply(alone(up)).unwrap();
            prop_assert_eq!(down, current);
        }
    }
}
