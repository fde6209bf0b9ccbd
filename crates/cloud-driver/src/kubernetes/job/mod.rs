//! Running a Job: making it once, waiting for its end, reading what its log says.

mod end;
mod properties;
mod run;

pub use end::JobEnd;
pub use properties::{PropertyError, read_properties};
