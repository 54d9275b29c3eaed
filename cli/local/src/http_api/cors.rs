//! Requests of web pages of other origins (CORS), as HTTP APIs with CORS settings answer them.
//!
//! API Gateway answers preflight requests itself, whatever the routes are, and adds the headers to all other answers, its
//! own errors included. It ignores such headers of functions. An origin that is not allowed gets the same answers without
//! the headers, and the browser keeps them from the page.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;

use crate::template;

/// The CORS settings of an HTTP API, as values of headers.
pub(super) struct Cors {
    origins: Vec<String>,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    credentials: Option<HeaderValue>,
}

impl Cors {
    pub(super) fn new(settings: &template::Cors) -> Self {
        // The template has checked that these are texts of headers.
        let list = |texts: &[String]| texts.join(",").parse().ok().filter(|_| !texts.is_empty());
        Self {
            origins: settings.allow_origins.clone(),
            methods: list(&settings.allow_methods),
            headers: list(&settings.allow_headers),
            exposed: list(&settings.expose_headers),
            max_age: settings.max_age.map(HeaderValue::from),
            credentials: settings.allow_credentials.then(|| HeaderValue::from_static("true")),
        }
    }

    /// The answer to a preflight request: OPTIONS with the origin of a page, and the method that it is about to call.
    /// `None` for any other request.
    pub(super) fn preflight(&self, request: &Parts) -> Option<Response> {
        let asks = request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let origin = request.headers.get(ORIGIN).filter(|_| asks)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Some(allowed) = self.allowed(origin) {
            let headers = [
                (ACCESS_CONTROL_ALLOW_ORIGIN, Some(&allowed)),
                (ACCESS_CONTROL_ALLOW_METHODS, self.methods.as_ref()),
                (ACCESS_CONTROL_ALLOW_HEADERS, self.headers.as_ref()),
                (ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.as_ref()),
                (ACCESS_CONTROL_MAX_AGE, self.max_age.as_ref()),
                (ACCESS_CONTROL_ALLOW_CREDENTIALS, self.credentials.as_ref()),
            ];
            add(response.headers_mut(), &headers);
        }
        Some(response)
    }

    /// Replaces the headers that a function has set by those of the settings, if `request` comes from a page that is
    /// allowed.
    pub(super) fn apply(&self, request: &Parts, response: &mut Response) {
        let headers = response.headers_mut();
        let own: Vec<HeaderName> = headers.keys().filter(|name| is_cors(name)).cloned().collect();
        for name in own {
            headers.remove(name);
        }
        if let Some(allowed) = request.headers.get(ORIGIN).and_then(|origin| self.allowed(origin)) {
            let settings = [
                (ACCESS_CONTROL_ALLOW_ORIGIN, Some(&allowed)),
                (ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.as_ref()),
                (ACCESS_CONTROL_ALLOW_CREDENTIALS, self.credentials.as_ref()),
            ];
            add(headers, &settings);
        }
    }

    /// The value of `Access-Control-Allow-Origin` for a page of this origin; `None` if it is not allowed.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(|each| each == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?;
        let matches = |allowed: &String| match allowed.strip_suffix('*') {
            Some(scheme) => text.len() > scheme.len() && text.starts_with(scheme),
            None => text == allowed,
        };
        self.origins.iter().any(matches).then(|| origin.clone())
    }
}

fn is_cors(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

fn add(headers: &mut HeaderMap, values: &[(HeaderName, Option<&HeaderValue>)]) {
    for (name, value) in values {
        if let Some(value) = value {
            headers.insert(name, (*value).clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Cors::new(&template::Cors {
            allow_origins: texts(origins),
            allow_methods: texts(&["GET", "POST"]),
            allow_headers: texts(&["authorization", "content-type"]),
            expose_headers: texts(&["x-request-id"]),
            max_age: Some(7200),
            allow_credentials: false,
        })
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri("/a");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut shown: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        shown.sort();
        shown
    }

    const PREFLIGHT: [(&str, &str); 2] = [("origin", "https://app.example"), ("access-control-request-method", "POST")];

    #[test]
    fn a_preflight_request_of_an_allowed_origin_gets_all_settings() {
        for (origins, allowed) in [
            (&["*"][..], "*"),
            (&["https://www.example", "https://app.example"], "https://app.example"),
            (&["https://*"], "https://app.example"),
        ] {
            let response = cors(origins).preflight(&request("OPTIONS", &PREFLIGHT)).unwrap();
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            assert_eq!(
                shown(response.headers()),
                [
                    "access-control-allow-headers: authorization,content-type",
                    "access-control-allow-methods: GET,POST",
                    &format!("access-control-allow-origin: {allowed}"),
                    "access-control-expose-headers: x-request-id",
                    "access-control-max-age: 7200",
                ],
                "{origins:?}"
            );
        }
    }

    #[test]
    fn other_origins_get_no_headers() {
        for origins in [
            &[][..],
            &["https://www.example"],
            &["http://app.example"],
            &["https://app.example:8443"],
            &["https://app.examples"],
            &["https://app.exampl"],
            &["http://*"],
        ] {
            let response = cors(origins).preflight(&request("OPTIONS", &PREFLIGHT)).unwrap();
            assert_eq!((response.status(), response.headers().len()), (StatusCode::NO_CONTENT, 0), "{origins:?}");
            let mut response = Response::new(Body::empty());
            cors(origins).apply(&request("POST", &PREFLIGHT[..1]), &mut response);
            assert_eq!(response.headers().len(), 0, "{origins:?}");
        }
    }

    #[test]
    fn other_requests_are_no_preflight_requests() {
        for (method, headers) in
            [("OPTIONS", &PREFLIGHT[..1]), ("OPTIONS", &PREFLIGHT[1..]), ("OPTIONS", &[]), ("POST", &PREFLIGHT)]
        {
            assert!(cors(&["*"]).preflight(&request(method, headers)).is_none(), "{method} {headers:?}");
        }
    }

    #[test]
    fn the_settings_replace_the_headers_of_a_function() {
        let answer = || {
            let response = Response::builder().status(422).header("x-request-id", "1");
            let response = response.header("access-control-allow-origin", "https://function.example");
            response.header("access-control-allow-private-network", "true").body(Body::empty()).unwrap()
        };
        let mut response = answer();
        cors(&["*"]).apply(&request("POST", &PREFLIGHT[..1]), &mut response);
        assert_eq!(
            shown(response.headers()),
            ["access-control-allow-origin: *", "access-control-expose-headers: x-request-id", "x-request-id: 1"]
        );
        let mut response = answer();
        cors(&["*"]).apply(&request("POST", &[]), &mut response);
        assert_eq!(shown(response.headers()), ["x-request-id: 1"], "without an origin");
    }
}
