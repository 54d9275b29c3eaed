//! The API page at `/`: Scalar's API reference for the OpenAPI and the AsyncAPI document, which the API itself serves.
//!
//! All files are part of the executable, and the page's content security policy forbids requests to other hosts.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};

use super::demo::{self, Demo};

/// The prefix of the page's files, which no path of the API has.
const FILES: &str = "/_carnet";

/// The demo tokens: the security scheme of the OpenAPI document that takes them, and what they open. The page fills in
/// the first of each scheme.
const DEMO_TOKENS: [(&str, &str, &str); 5] = [
    ("qyvo", "demo-token", "the tenant demo"),
    ("qyvo", "acme-token", "the tenant acme"),
    ("qyvo", "orphan-token", "no tenant"),
    ("flowiq", "fiq_demo", "the tenant demo"),
    ("flowiq", "fiq_acme", "the tenant acme"),
];

/// Only files of this stack. Scalar adds its styles to the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Why the page cannot be served: a fault of this build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The crate of Scalar has no such file.
    #[error("the API page's script is not part of this executable; build it again")]
    NoScript,
}

/// Answers `GET /` and requests for the page's files.
///
/// # Errors
/// When a file was not built correctly.
pub(super) fn router(demo: Demo) -> Result<Router, Error> {
    let html = html(demo);
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let mut router = Router::new().route("/", get(async move || (headers, Html(html))));
    let scalar = scalar_api_reference::get_asset("scalar.js").ok_or(Error::NoScript)?;
    for (name, content_type, content) in [
        ("scalar.js", "text/javascript", Bytes::from(scalar)),
        ("page.js", "text/javascript", Bytes::from_static(include_bytes!("page/page.js"))),
        ("page.css", "text/css", Bytes::from_static(include_bytes!("page/page.css"))),
    ] {
        // Another version of the stack may be next at this address.
        let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache")];
        router = router.route(&format!("{FILES}/{name}"), get(async move || (headers, content)));
    }
    Ok(router)
}

/// The page, with the tokens that exist in this stack, and numbers that look-ups find.
fn html(demo: Demo) -> String {
    let tokens: Vec<Value> = match demo {
        Demo::None => Vec::new(),
        Demo::Identities | Demo::Contacts => {
            DEMO_TOKENS.map(|(scheme, token, opens)| json!({ "scheme": scheme, "token": token, "opens": opens })).into()
        }
    };
    let digits = demo::JANE.trim_start_matches('+');
    let parameters = match demo {
        Demo::Contacts => json!({ "phone_number": digits, "whatsapp_id": digits }),
        Demo::None | Demo::Identities => json!({}),
    };
    let demo = json!({ "tokens": tokens, "parameters": parameters });
    include_str!("page/page.html").replace("{demo}", &demo.to_string())
}

#[cfg(test)]
mod tests {
    use carnet_local::{Options, Stack};
    use reqwest::{Client, Method, StatusCode};

    use super::*;

    #[test]
    fn tokens_are_shown_where_they_exist() {
        let token = r#"{"opens":"the tenant demo","scheme":"flowiq","token":"fiq_demo"}"#;
        let contact = r#"{"phone_number":"12125550100","whatsapp_id":"12125550100"}"#;
        for (demo, has_token, has_contact) in
            [(Demo::None, false, false), (Demo::Identities, true, false), (Demo::Contacts, true, true)]
        {
            let html = html(demo);
            assert_eq!((html.contains(token), html.contains(contact)), (has_token, has_contact), "{demo:?}");
        }
    }

    #[tokio::test]
    async fn the_page_serves_its_files_and_leaves_other_requests_to_the_api() {
        // A deployment without functions, and so without routes.
        let dir = tempfile::tempdir().unwrap();
        let template = dir.path().join("template.yaml");
        std::fs::write(&template, "Resources: {}\n").unwrap();
        let options = Options { pages: Some(router(Demo::None).unwrap()), ..Options::new(template, [].into()) };
        let stack = Stack::start(options).await.unwrap();
        let client = Client::new();
        let url = |path: &str| format!("{}{path}", stack.url());
        let served = async |method: Method, path: &str| {
            let answer = client.request(method, url(path)).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
            let headers = (header("content-type"), answer.headers().get("content-security-policy").cloned());
            (headers, answer.text().await.expect("text"))
        };

        let ((kind, policy), html) = served(Method::GET, "/").await;
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(policy.is_some_and(|policy| policy.as_bytes().starts_with(b"default-src 'none';")));
        assert!(!html.contains("demo-token"), "a stack without demo data");
        assert_eq!(served(Method::HEAD, "/").await.1, "");

        let files: Vec<_> = html.split('"').filter(|text| text.starts_with("/_carnet/")).collect();
        assert_eq!(files, ["/_carnet/page.css", "/_carnet/scalar.js", "/_carnet/page.js"]);
        for path in files {
            let ((kind, _), text) = served(Method::GET, path).await;
            assert_eq!(kind, if path.ends_with(".css") { "text/css" } else { "text/javascript" });
            assert!(!text.is_empty());
        }

        // Every other request is for the template's routes, of which there are none.
        let others = [(Method::POST, "/"), (Method::PUT, "/_carnet/page.js"), (Method::GET, "/_carnet")];
        for (method, path) in others {
            let answer = client.request(method, url(path)).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            assert!(!answer.headers().contains_key("content-security-policy"));
            assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"message": "Not Found"}));
        }
    }
}
