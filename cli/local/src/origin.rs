//! Refuses requests that a web page makes through a browser; programs such as SDKs and curl are answered.
//!
//! The local ports have no authentication, and a browser connects to 127.0.0.1 for every page it shows. Two checks
//! recognise such requests; every server of a stack has the first, and all but the HTTP API have both.
//!
//! - [`check_host`]: the request names this machine. Otherwise a domain name that resolves to 127.0.0.1 (DNS rebinding)
//!   would make a page and the port one origin for the browser, which would then let the page read every answer.
//! - [`check_origin`]: the request is not made by a page of another origin. Browsers send some requests of pages, such
//!   as a POST of plain text, without asking the server first, and say in `Origin` and `Sec-Fetch-Site` where they come
//!   from. AWS SDKs and curl send neither header.
//!
//! The HTTP API has only the first check: which pages may call it is what the CORS settings of the template say, as in the
//! cloud.

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The names of this machine.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// How a browser says whether the page and the port have the same origin, the same site, or neither.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request with 403 unless every host it names is this machine, with any port: each `Host`, and the host of
/// the request's target if that is a complete URL.
pub(crate) async fn check_host(request: Request, next: Next) -> Response {
    let in_target = request.uri().authority().is_none_or(|authority| is_this_machine(authority.as_str()));
    let mut hosts = request.headers().get_all(HOST).iter().peekable();
    let in_headers = hosts.peek().is_some() && hosts.all(|host| host.to_str().is_ok_and(is_this_machine));
    if in_target && in_headers {
        return next.run(request).await;
    }
    refusal(
        "The local stack answers only requests whose Host is 127.0.0.1, localhost or [::1], so that no web page reaches \
         it through a domain name of its own.",
    )
}

/// Refuses a request with 403 if it comes from a web page of another origin.
pub(crate) async fn check_origin(request: Request, next: Next) -> Response {
    match foreign_origin(request.headers()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

/// The refusal of a request that comes from a web page of another origin; `None` for any other request.
pub(crate) fn foreign_origin(headers: &HeaderMap) -> Option<Response> {
    let own = headers.get(HOST).map(|host| [b"http://", host.as_bytes()].concat()).unwrap_or_default();
    let is_own = |origin: &HeaderValue| origin.as_bytes().eq_ignore_ascii_case(&own);
    let is_other_site = |site: &HeaderValue| matches!(site.as_bytes(), b"cross-site" | b"same-site");
    let foreign =
        !headers.get_all(ORIGIN).iter().all(is_own) || headers.get_all(SEC_FETCH_SITE).iter().any(is_other_site);
    foreign.then(|| {
        refusal(
            "The local stack refuses this request because its Origin or Sec-Fetch-Site header says that a web page of \
             another origin makes it.",
        )
    })
}

/// Whether `host` is a name of this machine, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// In a shape that AWS SDKs show as an error of the service.
fn refusal(message: &str) -> Response {
    let error_type = HeaderName::from_static("x-amzn-errortype");
    let headers = [(CONTENT_TYPE, "application/json"), (error_type, "AccessDeniedException")];
    (StatusCode::FORBIDDEN, headers, json!({ "message": message }).to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_names_are_this_machine() {
        for host in ["127.0.0.1", "127.0.0.1:3000", "localhost", "LocalHost:0", "[::1]", "[::1]:65535"] {
            assert!(is_this_machine(host), "{host}");
        }
        let others = [
            "",
            ":",
            ":80",
            "[",
            "[]",
            "x:99999",
            "127.0.0.1:",
            "127.0.0.1:99999",
            "127.0.0.1:+1",
            "127.0.0.1:80:80",
            "127.0.0.1.evil.example",
            "evil.example",
            "localhost.evil.example:3000",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "::1",
            "[::1",
            "127.0.0.2",
            "0.0.0.0",
            " localhost",
            "localhost.",
        ];
        for host in others {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn only_pages_of_other_origins_are_foreign() {
        let is_foreign = |headers: &[(&str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            foreign_origin(&headers.collect::<HeaderMap>()).is_some()
        };
        let host = ("host", "localhost:3000");
        assert!(!is_foreign(&[host]));
        assert!(!is_foreign(&[host, ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")]));
        assert!(!is_foreign(&[host, ("sec-fetch-site", "none")]));
        for origin in
            ["null", "", "http://localhost", "http://localhost:3001", "https://localhost:3000", "http://evil.example"]
        {
            assert!(is_foreign(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(is_foreign(&[host, ("origin", "http://localhost:3000"), ("origin", "http://evil.example")]));
        for site in ["cross-site", "same-site"] {
            assert!(is_foreign(&[host, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(is_foreign(&[("origin", "http://localhost:3000")]), "without a host");
    }
}
