//! Tables of cases: a rule of the contract, a request, and the answer it has to get.

use super::{Bundle, Reply};

/// The rule; the request; its body; the status; the whole body of the answer, as [`Reply::is`] compares it.
///
/// A request is the name of an action (`get-contact`), or a method and a path (`GET /contact?tenantId=demo`). A third
/// word is the token, `-` for none. Without it, the token is tenant `demo`'s.
pub type Case<'a> = (&'a str, &'a str, &'a str, u16, &'a str);

impl Bundle {
    /// Sends the requests one after the other, so that each finds what those before it have written, and asserts the
    /// answers.
    pub async fn check_cases(&self, cases: &[Case<'_>]) {
        for (rule, request, body, status, expected) in cases {
            let reply = self.ask(request, body).await;
            let actual = (reply.status, reply.shape());
            assert_eq!(
                (actual.0, actual.1.as_str()),
                (*status, *expected),
                "{rule}: {request} {body}\nthe whole answer: {}",
                reply.body
            );
        }
    }

    /// Sends a request as tables write it.
    pub async fn ask(&self, request: &str, body: &str) -> Reply {
        let words: Vec<&str> = request.split(' ').collect();
        let action = format!("/api/v1/actions/{}", words[0]);
        let (method, path, token) = match words[..] {
            [_] => ("POST", action.as_str(), None),
            [method, path] if path.starts_with('/') => (method, path, None),
            [_, token] => ("POST", action.as_str(), Some(token)),
            [method, path, token] => (method, path, Some(token)),
            _ => panic!("not a request: {request}"),
        };
        let default = if path.starts_with("/contact") { "fiq_demo" } else { "demo-token" };
        match token.unwrap_or(default) {
            "-" => self.request(method, path, &[], body.to_owned()).await,
            token => {
                let headers = [("authorization", &*format!("Bearer {token}"))];
                self.request(method, path, &headers, body.to_owned()).await
            }
        }
    }
}
