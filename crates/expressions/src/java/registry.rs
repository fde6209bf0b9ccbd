//! Which types may be named, which may be made, and which methods each class has.

use super::method::Method;
use super::{
    charset, collection, date, date_format, enums, math, number, orca, random, string,
    time_methods, uuid,
};
use crate::value::{Class, Type};

/// The types `T(…)` and `new` accept.
pub(crate) const TYPES: &[(&str, Class)] = &[
    ("java.lang.String", Class::String),
    ("java.util.Date", Class::Date),
    ("java.lang.Integer", Class::Integer),
    ("java.lang.Long", Class::Long),
    ("java.lang.Double", Class::Double),
    ("java.lang.Byte", Class::Byte),
    ("java.text.SimpleDateFormat", Class::SimpleDateFormat),
    ("java.lang.Math", Class::Math),
    ("java.util.Random", Class::Random),
    ("java.util.UUID", Class::Uuid),
    ("java.lang.Boolean", Class::Boolean),
    ("java.time.LocalDate", Class::LocalDate),
    ("java.time.LocalDateTime", Class::LocalDateTime),
    ("java.time.DayOfWeek", Class::DayOfWeek),
    ("java.time.Instant", Class::Instant),
    ("java.time.temporal.ChronoUnit", Class::ChronoUnit),
    ("java.net.URLEncoder", Class::UrlEncoder),
    (
        "java.time.temporal.TemporalAdjusters",
        Class::TemporalAdjusters,
    ),
];

/// An allowed type by its full name, or by its short one if it is of `java.lang`.
pub(crate) fn allowed_type(name: &str) -> Option<Class> {
    TYPES
        .iter()
        .find(|(full, _)| *full == name || full.strip_prefix("java.lang.") == Some(name))
        .map(|(_, class)| *class)
}

/// True for names of classes every Java has, which exist but may not be used.
pub(crate) fn is_known_java_type(name: &str) -> bool {
    const LANG: &[&str] = &[
        "System",
        "Runtime",
        "Class",
        "Object",
        "Thread",
        "ProcessBuilder",
        "Process",
        "Float",
        "Short",
        "Character",
        "Number",
        "StringBuilder",
        "StringBuffer",
        "Iterable",
        "Comparable",
        "Enum",
        "Void",
        "ClassLoader",
        "Exception",
        "Throwable",
        "Error",
        "RuntimeException",
    ];
    let short = name.strip_prefix("java.lang.").unwrap_or(name);
    LANG.contains(&short) || name.starts_with("java.") || name.starts_with("javax.")
}

/// A primitive type by its name in any case.
pub(crate) fn primitive(name: &str) -> Option<Class> {
    Some(match name.to_ascii_lowercase().as_str() {
        "boolean" => Class::BoolPrimitive,
        "byte" => Class::BytePrimitive,
        "short" => Class::ShortPrimitive,
        "char" => Class::CharPrimitive,
        "int" => Class::IntPrimitive,
        "long" => Class::LongPrimitive,
        "float" => Class::FloatPrimitive,
        "double" => Class::DoublePrimitive,
        _ => return None,
    })
}

fn table(class: Type) -> &'static [Method] {
    if class.is_array() {
        return collection::ARRAY;
    }
    match class.class {
        Class::String => string::METHODS,
        Class::Integer => number::INTEGER,
        Class::Long => number::LONG_METHODS,
        Class::Double => number::DOUBLE_METHODS,
        Class::Float => number::FLOAT_METHODS,
        Class::Byte => number::BYTE_METHODS,
        Class::Short => number::SHORT_METHODS,
        Class::BigInteger => number::BIG,
        Class::Boolean => number::BOOLEAN,
        Class::Character => number::CHARACTER,
        Class::Math => math::METHODS,
        Class::UrlEncoder => charset::URL_ENCODER,
        Class::Date => date::METHODS,
        Class::SimpleDateFormat => date_format::METHODS,
        Class::LocalDate => time_methods::LOCAL_DATE,
        Class::LocalDateTime => time_methods::LOCAL_DATE_TIME,
        Class::Instant => time_methods::INSTANT,
        Class::DayOfWeek => enums::DAY_OF_WEEK,
        Class::ChronoUnit => enums::CHRONO_UNIT,
        Class::Status => enums::STATUS,
        Class::Execution => orca::EXECUTION,
        Class::Stage => orca::STAGE,
        Class::Uuid => uuid::METHODS,
        Class::Random => random::METHODS,
        class if class.is_collection() => collection::COLLECTION,
        class if class.is_map() => collection::MAP,
        _ => &[],
    }
}

fn extra(class: Type) -> &'static [Method] {
    if !class.is_array() && class.class.is_list() {
        collection::LIST
    } else {
        &[]
    }
}

/// Every method of a value of this class.
pub(crate) fn methods(class: Type) -> impl Iterator<Item = &'static Method> {
    let common = if class == Type::of(Class::Stage) {
        // It has a text form of its own.
        &enums::COMMON[1..]
    } else if class.is_array() || matches!(class.class, Class::Random | Class::Values) {
        &enums::COMMON[..1]
    } else {
        enums::COMMON
    };
    let shifts = (!class.is_array()).then(|| time_methods::shifts(class.class));
    table(class)
        .iter()
        .chain(extra(class))
        .chain(shifts.into_iter().flatten())
        .chain(common)
}

/// The methods a class offers without a value.
pub(crate) fn statics(class: Type) -> impl Iterator<Item = &'static Method> {
    table(class).iter().filter(|method| method.is_static)
}

/// The constructors of a class.
pub(crate) fn constructors(class: Class) -> &'static [Method] {
    match class {
        Class::String => string::CONSTRUCTORS,
        Class::Integer => number::NEW_INTEGER,
        Class::Long => number::NEW_LONG,
        Class::Double => number::NEW_DOUBLE,
        Class::Byte => number::NEW_BYTE,
        Class::Boolean => number::NEW_BOOLEAN,
        Class::Date => date::CONSTRUCTORS,
        Class::SimpleDateFormat => date_format::CONSTRUCTORS,
        Class::Random => random::CONSTRUCTORS,
        Class::Uuid => uuid::CONSTRUCTORS,
        _ => &[],
    }
}
