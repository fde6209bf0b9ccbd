//! Objects: what is neither text nor number nor collection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use chrono::{NaiveDate, NaiveDateTime};
use spindrift_model::Status;

use super::{JsonMap, Value};

/// A point in time with nanoseconds, as `java.time.Instant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
}

impl Moment {
    pub(crate) fn from_millis(millis: i64) -> Self {
        Self {
            seconds: millis.div_euclid(1000),
            nanos: millis.rem_euclid(1000) as u32 * 1_000_000,
        }
    }

    pub(crate) fn millis(self) -> Option<i64> {
        self.seconds
            .checked_mul(1000)?
            .checked_add(i64::from(self.nanos / 1_000_000))
    }
}

/// The time zones an argument can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Named(chrono_tz::Tz),
    /// Seconds east of Greenwich.
    Offset(i32),
}

/// Java's 48-bit generator.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) state: Cell<u64>,
    pub(crate) spare: Cell<Option<f64>>,
}

/// An object.
#[derive(Debug, Clone)]
pub(crate) enum Object<'a> {
    Execution,
    /// By position in the execution.
    Stage(usize),
    /// Stage and task by position.
    Task(usize, usize),
    Status(Status),
    Trigger(&'a JsonMap),
    ParentExecution(&'a JsonMap),
    ParentStage(&'a JsonMap),
    Authentication,
    Paused,
    Artifact(&'a JsonMap),
    ExpectedArtifact(&'a JsonMap),
    BuildInfo(&'a JsonMap),
    BuildArtifact(&'a JsonMap),
    SourceControl(&'a JsonMap),
    NotEvaluable(Rc<Value<'a>>),
    /// Milliseconds since 1970.
    Date(i64),
    /// The pattern.
    DateFormat(Rc<RefCell<String>>),
    LocalDate(NaiveDate),
    LocalDateTime(NaiveDateTime),
    Instant(Moment),
    /// 1 is Monday.
    DayOfWeek(u8),
    /// By position in [`crate::java::time::UNITS`].
    ChronoUnit(u8),
    Uuid(u128),
    Random(Rc<Generator>),
    Zone(Zone),
    /// `FULL`, `SHORT` or `NARROW`, possibly `_STANDALONE`.
    TextStyle(u8),
    Locale(Rc<str>),
    Charset(&'static str),
    /// 1 is January.
    Month(u8),
}

/// Names of the days, Monday first.
pub(crate) const DAYS: [&str; 7] = [
    "MONDAY",
    "TUESDAY",
    "WEDNESDAY",
    "THURSDAY",
    "FRIDAY",
    "SATURDAY",
    "SUNDAY",
];

/// Names of the months.
pub(crate) const MONTHS: [&str; 12] = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
];

/// The constants of `TextStyle`.
pub(crate) const STYLES: [&str; 6] = [
    "FULL",
    "FULL_STANDALONE",
    "SHORT",
    "SHORT_STANDALONE",
    "NARROW",
    "NARROW_STANDALONE",
];

impl Object<'_> {
    /// `Enum.name` and `Enum.ordinal`.
    pub(crate) fn constant(&self) -> Option<(&'static str, i32)> {
        match self {
            Object::Status(status) => {
                let ordinal = Status::ALL.iter().position(|other| other == status)?;
                Some((status.as_str(), ordinal as i32))
            }
            Object::DayOfWeek(day) => Some((DAYS[usize::from(*day) - 1], i32::from(*day) - 1)),
            Object::Month(month) => Some((MONTHS[usize::from(*month) - 1], i32::from(*month) - 1)),
            Object::ChronoUnit(unit) => Some((
                crate::java::time::UNITS[usize::from(*unit)].0,
                i32::from(*unit),
            )),
            Object::TextStyle(style) => Some((STYLES[usize::from(*style)], i32::from(*style))),
            _ => None,
        }
    }
}
