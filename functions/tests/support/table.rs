//! Tables of cases: a rule of the contract, a request, and the answer it has to get.

use super::{Bundle, Reply};

/// The rule; the request; its body; the status; the whole answer, as [`Reply::is`] takes it.
///
/// A request is an action's name (`get-contact`), or method and path (`GET /contact?tenantId=demo`),
/// with a token behind it where it is not the demo tenant's, or `-` for none.
pub type Case<'a> = (&'a str, &'a str, &'a str, u16, &'a str);

impl Bundle {
    /// Asks one case after the other, so that each finds what those before it left.
    pub async fn holds(&self, cases: &[Case<'_>]) {
        for (rule, request, body, status, answer) in cases {
            let reply = self.ask(request, body).await;
            let got = (reply.status, reply.shape());
            assert_eq!(
                (got.0, got.1.as_str()),
                (*status, *answer),
                "{rule}: {request} {body}\nin full: {}",
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
            _ => panic!("no request: {request}"),
        };
        let usual = if path.starts_with("/contact") { "fiq_demo" } else { "demo-token" };
        match token.unwrap_or(usual) {
            "-" => self.request(method, path, &[], body.to_owned()).await,
            token => {
                let headers = [("authorization", &*format!("Bearer {token}"))];
                self.request(method, path, &headers, body.to_owned()).await
            }
        }
    }
}
