//! The API page at `/`: Swagger UI for the OpenAPI document that the stack serves.
//!
//! Swagger UI's files are part of the executable, and the page's content security policy forbids requests to other
//! hosts.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::Html;
use axum::routing::{get, get_service};
use serde_json::json;
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

use super::demo::Demo;

/// The prefix of the page's files, which no path of the API has.
const FILES: &str = "/_carnet";

/// The files of Swagger UI; a browser's developer tools request the maps.
const SWAGGER_UI: [&str; 4] =
    ["swagger-ui-bundle.js", "swagger-ui-bundle.js.map", "swagger-ui.css", "swagger-ui.css.map"];

/// The token for each security scheme of the document.
const DEMO_TOKENS: [(&str, &str); 2] = [("qyvo", "demo-token"), ("flowiq", "fiq_demo")];

/// Only files of this stack. Images are in the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers `GET /` and requests for the page's files.
pub(super) fn router(demo: Demo) -> Router {
    let html = html(demo);
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let script = ([(CONTENT_TYPE, "text/javascript")], include_str!("page/page.js"));
    let style = ([(CONTENT_TYPE, "text/css")], include_str!("page/page.css"));
    let mut router = Router::new()
        .route("/", get(async move || (headers, Html(html))))
        .route(&format!("{FILES}/page.js"), get(async move || script))
        .route(&format!("{FILES}/page.css"), get(async move || style));

    // Its own page is left out, because it cannot fill in tokens.
    let swagger_ui = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: FILES,
        api_definition: OpenApiSource::Uri(""),
        title: None,
    });
    for file in SWAGGER_UI {
        router = router.route(&format!("{FILES}/{file}"), get_service(swagger_ui.clone()));
    }
    router
}

/// The page, with the tokens that exist in this stack.
fn html(demo: Demo) -> String {
    let tokens = match demo {
        Demo::None => json!({}),
        Demo::Identities | Demo::Contacts => DEMO_TOKENS.into_iter().collect(),
    };
    include_str!("page/page.html").replace("{tokens}", &tokens.to_string())
}

#[cfg(test)]
mod tests {
    use carnet_local::{Options, Stack};
    use reqwest::{Client, Method, StatusCode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn tokens_are_shown_where_they_exist() {
        let tokens = r#">{"flowiq":"fiq_demo","qyvo":"demo-token"}<"#;
        assert!(html(Demo::Identities).contains(tokens));
        assert!(html(Demo::Contacts).contains(tokens));
        assert!(html(Demo::None).contains(">{}<"));
    }

    #[tokio::test]
    async fn the_page_serves_its_files_and_leaves_other_requests_to_the_api() {
        // A deployment without functions, and so without routes.
        let dir = tempfile::tempdir().unwrap();
        let template = dir.path().join("template.yaml");
        std::fs::write(&template, "Resources: {}\n").unwrap();
        let options = Options { pages: Some(router(Demo::None)), ..Options::new(template, [].into()) };
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

        let files: Vec<_> = html.split('"').filter(|text| text.starts_with('/')).collect();
        assert_eq!(
            files,
            ["/_carnet/swagger-ui.css", "/_carnet/page.css", "/_carnet/swagger-ui-bundle.js", "/_carnet/page.js"]
        );
        for path in files {
            let ((kind, _), text) = served(Method::GET, path).await;
            assert_eq!(kind, if path.ends_with(".css") { "text/css" } else { "text/javascript" });
            // The source maps that they name exist.
            if let Some((_, map)) = text.rsplit_once("sourceMappingURL=") {
                let map = map.trim_end().trim_end_matches("*/");
                let ((kind, _), _) = served(Method::GET, &format!("/_carnet/{map}")).await;
                assert_eq!(kind, "application/json");
            }
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
