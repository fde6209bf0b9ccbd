//! The next page of a list (RFC 8288).

use url::Url;

/// Where the next page of `page` is, when the `Link` header names one. Errors: it is elsewhere than the list.
pub(super) fn next_page(page: &str, link: &str) -> Result<Option<String>, String> {
    let Some(target) = target(link) else {
        return Ok(None);
    };
    let page = Url::parse(page).map_err(|error| error.to_string())?;
    let next = page
        .join(target)
        .map_err(|error| format!("the next page {target:?} is no URL: {error}"))?;
    match next.origin() == page.origin() {
        true => Ok(Some(next.into())),
        false => Err("the next page is on another server".to_owned()),
    }
}

/// The target of the link whose relation is `next`.
fn target(header: &str) -> Option<&str> {
    header.split(",<").find_map(|link| {
        let link = link.trim().trim_start_matches('<');
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let value = parameter.trim().strip_prefix("rel=");
            value.is_some_and(|value| value.trim_matches('"').eq_ignore_ascii_case("next"))
        });
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_on_the_same_server_only() {
        let page = "https://r.example/v2/a/tags/list?n=2";
        let next = |link: &str| next_page(page, link);
        let found = |path: &str| Ok(Some(format!("https://r.example{path}")));
        assert_eq!(
            next("</v2/a/tags/list?last=b&n=2>; rel=\"next\""),
            found("/v2/a/tags/list?last=b&n=2")
        );
        assert_eq!(next("<?last=b>;rel=next"), found("/v2/a/tags/list?last=b"));
        assert_eq!(
            next("</first>; rel=\"first\",</more>; rel=\"next\""),
            found("/more")
        );
        assert_eq!(next("</prev>; rel=\"prev\""), Ok(None));
        assert_eq!(next("nonsense"), Ok(None));
        assert!(next("<https://evil.example/v2/>; rel=next").is_err());
        assert!(next("<http://r.example/v2/>; rel=next").is_err());
    }
}
