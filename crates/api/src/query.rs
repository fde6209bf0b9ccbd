//! The query of a URL.
//!
//! Spinnaker's clients send empty parameters (`statuses=`), which count as absent, and lists both as `a,b` and as
//! repetitions.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use spindrift_model::Status;

use crate::problem::HttpProblem;

/// The largest page of any list.
pub(crate) const MAX_PAGE: usize = 1_000;

/// The parameters of a query, in order; those without a value are left out.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpProblem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    fn parse(text: &str) -> Result<Self, HttpProblem> {
        let mut parameters = Vec::new();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !value.trim().is_empty() {
                parameters.push((name, value));
            }
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter; the last one when it is repeated.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a parameter, whether separated by commas or repeated.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let same = self.0.iter().filter(|(key, _)| key == name);
        same.flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// A parameter that is true or false.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, HttpProblem> {
        match self.text(name).map(str::trim) {
            None => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => Err(HttpProblem::bad_request(format!(
                "{name} is true or false, not {text:?}"
            ))),
        }
    }

    /// A parameter that is a whole number.
    pub(crate) fn number<N>(
        &self,
        name: &str,
        default: N,
        range: RangeInclusive<N>,
    ) -> Result<N, HttpProblem>
    where
        N: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let number = text.trim().parse().ok();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                HttpProblem::bad_request(format!(
                    "{name} is a whole number from {} to {}, not {text:?}",
                    range.start(),
                    range.end()
                ))
            })
    }

    /// The length of a page.
    pub(crate) fn page(&self, name: &str, default: usize) -> Result<usize, HttpProblem> {
        self.number(name, default, 1..=MAX_PAGE)
    }

    /// The states in `statuses`; none: any.
    pub(crate) fn statuses(&self) -> Result<Vec<Status>, HttpProblem> {
        let names = self.list("statuses").into_iter();
        names
            .map(|name| {
                Status::parse(name).ok_or_else(|| {
                    let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
                    HttpProblem::bad_request(format!(
                        "there is no status {name:?}; there are {}",
                        known.join(", ")
                    ))
                })
            })
            .collect()
    }
}

fn decode(text: &str) -> Result<String, HttpProblem> {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(HttpProblem::bad_request(
            "the query of the URL has a byte that is not text",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_with_commas_and_repeated_and_empty_counts_as_absent() {
        let query = Query::parse("a=1&a=2,3&b=&c&d=x%20y+z&limit=20&=5").unwrap();
        assert_eq!(query.list("a"), ["1", "2", "3"]);
        assert_eq!(query.text("a"), Some("2,3"));
        assert_eq!((query.text("b"), query.text("c")), (None, None));
        assert_eq!(query.text("d"), Some("x y z"));
        assert_eq!(query.page("limit", 1), Ok(20));
        assert_eq!(query.page("size", 10), Ok(10));
    }

    #[test]
    fn nonsense_is_named() {
        let message = |text: &str, ask: fn(&Query) -> Result<(), HttpProblem>| {
            ask(&Query::parse(text).unwrap()).unwrap_err().message
        };
        insta::assert_snapshot!(message("limit=-1", |query| query.page("limit", 1).map(drop)), @r#"limit is a whole number from 1 to 1000, not "-1""#);
        insta::assert_snapshot!(message("limit=9999999999999999999", |query| query.page("limit", 1).map(drop)), @r#"limit is a whole number from 1 to 1000, not "9999999999999999999""#);
        insta::assert_snapshot!(message("expand=maybe", |query| query.flag("expand", true).map(drop)), @r#"expand is true or false, not "maybe""#);
        assert!(
            message("statuses=RUNNING,DONE", |query| query.statuses().map(drop))
                .starts_with("there is no status \"DONE\"")
        );
        assert_eq!(Query::parse("a=%00").unwrap_err().status, 400);
        assert_eq!(Query::parse("a=%ff").unwrap_err().status, 400);
    }
}
