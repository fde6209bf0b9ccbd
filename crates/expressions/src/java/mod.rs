//! Java as expressions see it: conversions, overloads, and the methods of its classes.

pub(crate) mod charset;
pub(crate) mod collection;
pub(crate) mod convert;
pub(crate) mod date;
pub(crate) mod date_format;
pub(crate) mod enums;
pub(crate) mod format;
pub(crate) mod math;
pub(crate) mod md5;
pub(crate) mod method;
pub(crate) mod number;
pub(crate) mod orca;
mod pattern;
pub(crate) mod random;
pub(crate) mod regex;
pub(crate) mod registry;
pub(crate) mod string;
pub(crate) mod time;
pub(crate) mod time_methods;
mod utf16;
pub(crate) mod uuid;
