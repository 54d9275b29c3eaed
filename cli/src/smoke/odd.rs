//! Odd requests: what clients, scanners and typing errors send. The functions answer them with the documented errors; some
//! may be refused before they reach a function.

use super::cases::{Case, KnownDifference};
use super::side::{Bearer, Call};
use super::wire::Answer;

const REFUSED_TARGET: &str = "API Gateway or another server may refuse a target that is not a valid URI";
/// What the local stack is asked for instead of a target that it refuses and that gets the same answer elsewhere.
const SAME_ANSWER: &str = "/api/v1/me";
const TOO_LONG: &str = "API Gateway refuses a request line and headers of more than 10,240 bytes (docs/limits.md)";
const TOO_LARGE: &str = "without API Gateway's limits (docs/limits.md) the function answers 422";
const OPTIONS: &str = "with CORS settings, API Gateway answers OPTIONS by itself";
const PREFLIGHT: &str =
    "API Gateway and the local stack answer a preflight request by themselves, if they have CORS settings";
const MERGED: &str = "a proxy may merge slashes or refuse them";

/// The largest event of a function is 6 MB, the largest body that API Gateway accepts 10 MB.
const OVER_FUNCTION_LIMIT: usize = 7 * 1024 * 1024;
const OVER_GATEWAY_LIMIT: usize = 10 * 1024 * 1024 + 1024;

/// The cases. `origin` is that of a web page that may call the deployment.
pub(super) fn requests(origin: &str) -> Vec<Case> {
    [paths(), queries(), methods(origin), headers_and_bodies()].concat()
}

fn paths() -> Vec<Case> {
    let get = |target: &str, name| Case::new("odd path", "GET", target, 404, name).bearer(Bearer::None);
    vec![
        get("/", "the root").known(&[200], "`carnet dev` has a page there"),
        get("/nowhere", "an unknown path"),
        get("/api/v1/actions/rename-contact", "an unknown action"),
        get("/api/v1/me/", "a slash at the end"),
        get("//api/v1/me", "two slashes at the beginning").known(&[400, 401], MERGED),
        get("/api/v1//me", "two slashes").known(&[400, 401], MERGED),
        get("/API/V1/ME", "capital letters"),
        get("/api/v1/me/../../contact", "parent directories").known(&[400, 401], REFUSED_TARGET),
        // API Gateway passes the decoded path on: the function sees a path that exists, without its route.
        Case { status: 405, ..get("/api/v1%2Fme", "an encoded slash") }.known(&[400, 401, 404], REFUSED_TARGET),
        get("/%22%3C%20", "encoded quotation mark, angle bracket and space"),
        get("/%ff%00", "bytes that are not text").known(&[400], REFUSED_TARGET),
    ]
}

fn queries() -> Vec<Case> {
    let get = |query: &str, name| Case::new("odd query", "GET", &format!("/api/v1/me?{query}"), 200, name);
    vec![
        get("a=+55%2011&b=%2B", "plus signs and encoded spaces"),
        get("a=1&a=2&&=&a", "repeated and empty parameters"),
        get("a=%zz&b=%ff", "percent signs that encode nothing").known(&[400], REFUSED_TARGET),
        Case { local_target: Some(SAME_ANSWER), ..get("a=<b>", "angle brackets") }.known(&[400, 403], REFUSED_TARGET),
        Case { local_target: Some(SAME_ANSWER), ..get("a=\"b\"", "quotation marks") }.known(&[400], REFUSED_TARGET),
        own_body(
            Case { status: 400, ..get("a=b c", "a space") }
                .known(&[505], "the body of this refusal is the server's own"),
        ),
        get(&format!("a={}", "x".repeat(6_000)), "6,000 characters"),
        get(&format!("a={}", "x".repeat(20_000)), "20,000 characters").known(&[400, 414, 431, 494], TOO_LONG),
    ]
}

fn methods(origin: &str) -> Vec<Case> {
    let ask = |method, target, name| Case::new("odd method", method, target, 405, name).bearer(Bearer::None);
    vec![
        ask("POST", "/api/v1/me", "POST instead of GET"),
        ask("GET", "/api/v1/actions/get-contact", "GET instead of POST"),
        ask("PUT", "/api/v1/actions/get-contact", "PUT"),
        ask("PATCH", "/contact", "PATCH"),
        ask("DELETE", "/contact", "DELETE"),
        ask("HEAD", "/api/v1/me", "HEAD"),
        ask("OPTIONS", "/api/v1/me", "OPTIONS").known(&[200, 204], OPTIONS),
        checked(
            ask("OPTIONS", "/api/v1/actions/get-contact", "a browser's preflight request")
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization,content-type")
                .known(&[200, 204, 405], PREFLIGHT),
            cors,
        ),
    ]
}

/// The same with a body of the server's own at the documented status, too.
fn own_body(case: Case) -> Case {
    let known = case.known.map(|known| KnownDifference { has_own_body: true, ..known });
    Case { known, ..case }
}

/// The same with a check of an answer whose difference is known.
fn checked(case: Case, check: fn(&Call, &Answer) -> Vec<String>) -> Case {
    let known = case.known.map(|known| KnownDifference { check: Some(check), ..known });
    Case { known, ..case }
}

/// What a browser needs of the answer to a preflight request before it sends a POST with a token. Without CORS settings,
/// the request gets the documented 405, and no page can call the API.
fn cors(call: &Call, answer: &Answer) -> Vec<String> {
    if answer.status == 405 {
        return Vec::new();
    }
    let origin = call.headers.iter().find(|(name, _)| *name == "Origin").map_or("", |(_, value)| value.as_str());
    let lists = |header: &str, wanted: &[&str]| {
        let mut values = answer.header(header).unwrap_or_default().split(',').map(str::trim);
        values.any(|value| wanted.iter().any(|wanted| value.eq_ignore_ascii_case(wanted)))
    };
    let stated = |header: &str| answer.header(header).unwrap_or("absent").to_owned();
    // For Access-Control-Allow-Headers, `*` does not stand for Authorization (Fetch Standard).
    [
        (
            "access-control-allow-origin",
            &["*", origin][..],
            "; if AllowedOrigins is a list, name one of it with --origin",
        ),
        ("access-control-allow-methods", &["*", "POST"], ""),
        ("access-control-allow-headers", &["authorization"], ""),
    ]
    .into_iter()
    .filter(|(header, wanted, _)| !lists(header, wanted))
    .map(|(header, wanted, hint)| format!("{header}: {}, not {}{hint}", stated(header), wanted.join(" or ")))
    .collect()
}

fn headers_and_bodies() -> Vec<Case> {
    let post = |status, name: &str| Case::new("odd body", "POST", "/api/v1/actions/get-contact", status, name);
    let body = r#"{"phone":"$phone1"}"#;
    let large = |bytes| format!("{{\"phone\":\"{}\"}}", "1".repeat(bytes));
    let content_types = ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "x"];
    let mut cases: Vec<Case> = content_types
        .into_iter()
        .map(|content_type| post(200, &format!("JSON as {content_type}")).body(content_type, body))
        .collect();
    let mut untyped = post(200, "JSON without a content type");
    untyped.call.body = body.to_owned();
    let get = |status, name| Case::new("odd header", "GET", "/api/v1/me", status, name);
    cases.extend([
        untyped,
        post(422, "no body"),
        post(422, "an empty array").body("application/json", "[]"),
        post(422, "a text").body("application/json", "\"x\""),
        post(422, "100,000 opening brackets").body("application/json", &"[".repeat(100_000)),
        get(200, "a GET with a body").body("application/json", "{}").known(&[400, 403], "a proxy may refuse it"),
        get(200, "a request id of the caller").header("X-Request-Id", "carnet-smoke.1"),
        get(200, "a request id that is replaced").header("X-Request-Id", "not allowed"),
        get(200, "a language and a cookie").header("Accept-Language", "pt-BR").header("Cookie", "a=1; b=2"),
        get(401, "another scheme").bearer(Bearer::None).header("Authorization", "Basic eDp5"),
        get(200, "12,000 bytes of headers")
            .header("X-Long", &"x".repeat(12_000))
            .known(&[400, 413, 431, 494], TOO_LONG),
        post(413, "a body of 7 MB").body("application/json", &large(OVER_FUNCTION_LIMIT)).known(&[422], TOO_LARGE),
        post(413, "a body over 10 MB").body("application/json", &large(OVER_GATEWAY_LIMIT)).known(&[422], TOO_LARGE),
    ]);
    cases
}
