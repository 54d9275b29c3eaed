//! The API page: Swagger UI on the document that the stack itself serves, under `/`.
//!
//! Swagger UI is part of the executable, so that the page asks no other host, and is told not to.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::Html;
use axum::routing::{get, get_service};
use serde_json::json;
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

use super::Demo;

/// Where the page's files are. No path of an API begins like this.
const FILES: &str = "/_carnet";

/// Those of Swagger UI; the maps are what a browser's own tools ask for.
const SWAGGER_UI: [&str; 4] =
    ["swagger-ui-bundle.js", "swagger-ui-bundle.js.map", "swagger-ui.css", "swagger-ui.css.map"];

/// The token to send under each security scheme of the document.
const DEMO_TOKENS: [(&str, &str); 2] = [("qyvo", "demo-token"), ("flowiq", "fiq_demo")];

/// Nothing from elsewhere. Pictures are in the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers `GET /` and the page's files, and nothing else.
pub(super) fn router<S: Clone + Send + Sync + 'static>(demo: Demo) -> Router<S> {
    let html = html(demo);
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let script = ([(CONTENT_TYPE, "text/javascript")], include_str!("page/page.js"));
    let style = ([(CONTENT_TYPE, "text/css")], include_str!("page/page.css"));
    let mut router = Router::new()
        .route("/", get(async move || (headers, Html(html))))
        .route(&format!("{FILES}/page.js"), get(async move || script))
        .route(&format!("{FILES}/page.css"), get(async move || style));

    // Its router has a page of its own, which is left out: it shows no tokens.
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

/// The page, with the tokens that work here.
fn html(demo: Demo) -> String {
    let tokens = match demo {
        Demo::None => json!({}),
        Demo::Identities | Demo::Contacts => DEMO_TOKENS.into_iter().collect(),
    };
    include_str!("page/page.html").replace("{tokens}", &tokens.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown_where_they_work() {
        let tokens = r#">{"flowiq":"fiq_demo","qyvo":"demo-token"}<"#;
        assert!(html(Demo::Identities).contains(tokens));
        assert!(html(Demo::Contacts).contains(tokens));
        assert!(html(Demo::None).contains(">{}<"));
    }
}
