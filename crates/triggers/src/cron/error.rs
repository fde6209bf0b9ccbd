//! Why a text is no schedule.

use std::fmt;

/// A field of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// 0–59.
    Second,
    /// 0–59.
    Minute,
    /// 0–23.
    Hour,
    /// 1–31.
    DayOfMonth,
    /// 1–12 or JAN–DEC.
    Month,
    /// Quartz: 1–7, Sunday is 1. Unix: 0–7, Sunday is 0 and 7. Or SUN–SAT.
    DayOfWeek,
    /// 1970–2100.
    Year,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day of month",
            Field::Month => "month",
            Field::DayOfWeek => "day of week",
            Field::Year => "year",
        })
    }
}

/// Why a text is no schedule. `at` is the position in the text, in bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Too few or too many fields.
    #[error(
        "a schedule has 6 or 7 fields (second minute hour day-of-month month day-of-week [year]) or the 5 of Unix, not {found}"
    )]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// Longer than any schedule.
    #[error("a schedule has at most {max} characters, not {found}")]
    TooLong {
        /// How long it is.
        found: usize,
        /// How long it may be.
        max: usize,
    },
    /// Not a number or a name of the field.
    #[error("the {field} field has {text:?} at position {at}, which is {expected}")]
    Unreadable {
        /// The field.
        field: Field,
        /// Where.
        at: usize,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        expected: &'static str,
    },
    /// A number outside the field.
    #[error("the {field} field has {value} at position {at}; it goes from {min} to {max}")]
    OutOfRange {
        /// The field.
        field: Field,
        /// Where.
        at: usize,
        /// The number.
        value: u32,
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// A step of zero or of more than the field has.
    #[error("the {field} field has the step {value} at position {at}; a step goes from 1 to {max}")]
    Step {
        /// The field.
        field: Field,
        /// Where.
        at: usize,
        /// The step.
        value: u32,
        /// The greatest.
        max: u32,
    },
    /// Something that only other fields know.
    #[error("the {field} field at position {at} does not know {what}")]
    NotHere {
        /// The field.
        field: Field,
        /// Where.
        at: usize,
        /// What.
        what: &'static str,
    },
    /// `L`, `W` or `#` together with something else.
    #[error(
        "the {field} field has {rule} in a list at position {at}; it must stand alone (Quartz refuses it too)"
    )]
    RuleInList {
        /// The field.
        field: Field,
        /// Where.
        at: usize,
        /// Which rule.
        rule: &'static str,
    },
    /// `H(0-7)`.
    #[error(
        "the {field} field has a fuzzy range at position {at}; only \"H\" and \"H/n\" are known"
    )]
    FuzzyRange {
        /// The field.
        field: Field,
        /// Where.
        at: usize,
    },
    /// Both day fields say something.
    #[error(
        "day of month and day of week are both given; write \"?\" in one of them (position {at})"
    )]
    BothDays {
        /// Where the day of week is.
        at: usize,
    },
    /// Neither day field says anything.
    #[error(
        "day of month and day of week are both \"?\"; write \"*\" in one of them (position {at})"
    )]
    NoDays {
        /// Where the day of week is.
        at: usize,
    },
    /// A range of years that goes backwards.
    #[error("the year field has a range that goes backwards at position {at}")]
    BackwardYears {
        /// Where.
        at: usize,
    },
    /// There is no such date.
    #[error("the schedule never comes: there is no such date")]
    Never,
}
