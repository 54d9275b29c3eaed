//! Making a call on both sides, and judging the deployment's answer.

use std::time::Duration;

use tokio::time::sleep;

use super::cases::{Case, KnownDifference};
use super::report::{CaseReport, Verdict};
use super::side::Side;
use super::wire::{Answer, Error};

/// How often an eventually consistent answer is asked for, once a second.
const EVENTUALLY: u32 = 15;

/// The deployment, and the local stack if there is one.
pub(super) struct Sides {
    /// The deployment that is checked.
    pub(super) deployment: Side,
    /// The local stack.
    pub(super) local: Option<Side>,
}

impl Sides {
    /// Runs a case on both sides. The deployment is called even if the local stack does not answer, because later cases
    /// need what it does and what it answers.
    pub(super) async fn run(&mut self, case: &Case) -> CaseReport {
        let mut report = CaseReport::new(case.group, &case.name);
        report.expected = Some(case.status.to_string());
        let local = match &self.local {
            None => Ok(None),
            Some(side) => side.call(&case.local_call()).await.map(Some),
        };
        let comparable = local.as_ref().ok().and_then(Option::as_ref);
        let mut attempts = if case.eventually { EVENTUALLY } else { 1 };
        let (answer, differences) = loop {
            let answer = match self.deployment.call(&case.call).await {
                Ok(answer) => answer,
                Err(error) => return unanswered(report, case, &error),
            };
            let differences = self.differences(case, &answer, comparable);
            attempts -= 1;
            if differences.is_empty() || attempts == 0 {
                break (answer, differences);
            }
            sleep(Duration::from_secs(1)).await;
        };
        if let Some((name, pointer)) = case.capture {
            self.deployment.capture(name, pointer, &answer);
            if let (Some(side), Some(answer)) = (&mut self.local, comparable) {
                side.capture(name, pointer, answer);
            }
        }
        report.answer = Some(answer.status.to_string());
        let report = report.took(answer.took);
        match local {
            Err(error) => report.no_answer(format!("the local stack: {error}")),
            Ok(_) => judge(report, case, &answer, differences),
        }
    }

    /// What is wrong with the deployment's answer.
    fn differences(&self, case: &Case, answer: &Answer, local: Option<&Answer>) -> Vec<String> {
        let mut differences = match (&self.local, local) {
            (Some(side), Some(local)) => {
                let mine = self.deployment.shape(&case.call, answer);
                mine.differences(&side.shape(&case.call, local))
            }
            _ => Vec::new(),
        };
        if answer.status != case.status && differences.is_empty() {
            differences.push(format!("the documented status is {}", case.status));
        }
        differences
    }
}

/// The verdict on an answer that has these differences from the expected one.
fn judge(report: CaseReport, case: &Case, answer: &Answer, differences: Vec<String>) -> CaseReport {
    let is_explained = |known: &KnownDifference| {
        known.statuses.contains(&answer.status) || (known.has_own_body && answer.status == case.status)
    };
    let Some(known) = case.known.filter(|known| !differences.is_empty() && is_explained(known)) else {
        return report.judged(differences);
    };
    match known.check.map(|check| check(&case.call, answer)).unwrap_or_default() {
        wrong if wrong.is_empty() => {
            CaseReport { verdict: Verdict::KnownDifference, note: Some(known.reason.to_owned()), ..report }
        }
        wrong => report.judged(wrong),
    }
}

/// A connection that is closed without an answer is a refusal too, where one is known.
fn unanswered(report: CaseReport, case: &Case, error: &Error) -> CaseReport {
    match (case.known, error) {
        (Some(known), Error::Io(_)) => CaseReport {
            verdict: Verdict::KnownDifference,
            note: Some(format!("the connection was closed without an answer ({error}); {}", known.reason)),
            ..report
        },
        _ => report.no_answer(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::canned::serve;
    use super::super::odd;
    use super::super::wire::Endpoint;
    use super::*;

    const ME: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":1}";
    const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nbad";

    /// The case of this name, between a deployment with this answer and a local stack that refuses invalid URIs.
    async fn verdict(name: &str, answer: &'static str) -> CaseReport {
        let deployment = Side::new(serve(move |_| answer.to_owned()).await, "a");
        let local = serve(|request| if request.contains('<') { BAD_REQUEST } else { ME }.to_owned()).await;
        let mut sides = Sides { deployment, local: Some(Side::new(local, "b")) };
        let case = odd::requests("https://example.com").into_iter().find(|case| case.name == name).unwrap();
        sides.run(&case).await
    }

    #[tokio::test]
    async fn a_known_difference_excuses_another_status_and_no_other_body() {
        let wrong = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":2}";
        assert_eq!(verdict("angle brackets", ME).await.verdict, Verdict::Ok);
        assert_eq!(verdict("angle brackets", BAD_REQUEST).await.verdict, Verdict::KnownDifference);
        let report = verdict("angle brackets", wrong).await;
        assert_eq!(report.verdict, Verdict::Different);
        assert_eq!(report.differences, ["-   \"id\":1", "+   \"id\":2"]);
        // The body of this status is the server's own.
        assert_eq!(verdict("a space", BAD_REQUEST).await.verdict, Verdict::KnownDifference);
        let larger = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(verdict("a body over 10 MB", larger).await.verdict, Verdict::Different);
    }

    #[tokio::test]
    async fn a_preflight_request_that_is_answered_needs_the_headers_of_cors() {
        let name = "a browser's preflight request";
        let complete = "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: \
                        GET,POST\r\nAccess-Control-Allow-Headers: Authorization, content-type\r\n\r\n";
        let own_origin = "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://example.com\r\n\
                          Access-Control-Allow-Methods: POST\r\nAccess-Control-Allow-Headers: authorization,content-type\
                          \r\n\r\n";
        let without_settings = "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 2\r\n\r\n{}";
        for answer in [complete, own_origin, without_settings] {
            let report = verdict(name, answer).await;
            assert_eq!(report.verdict, Verdict::KnownDifference, "{:?}", report.differences);
        }
        // `*` stands for all methods, but not for Authorization.
        let asterisks = "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://other.example\r\n\
                         Access-Control-Allow-Methods: *\r\nAccess-Control-Allow-Headers: *\r\n\r\n";
        let report = verdict(name, asterisks).await;
        assert_eq!((report.verdict, report.differences.len()), (Verdict::Different, 2), "{:?}", report.differences);
        let report = verdict(name, "HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!((report.verdict, report.differences.len()), (Verdict::Different, 3), "{:?}", report.differences);
        assert!(report.differences[0].contains("--origin"), "{:?}", report.differences);
    }

    #[tokio::test]
    async fn the_deployment_is_called_when_the_local_stack_does_not_answer() {
        let deployment = Side::new(serve(|_| ME.replace("1}", "\"x\"}").replace(": 8", ": 10")).await, "a");
        let closed = Endpoint::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
        let mut sides = Sides { deployment, local: Some(Side::new(closed, "b")) };
        let mut case = Case::new("me", "GET", "/api/v1/me", 200, "");
        case.capture = Some(("id1", "/id"));
        let report = sides.run(&case).await;
        assert_eq!(report.verdict, Verdict::NoAnswer);
        assert!(report.note.unwrap_or_default().starts_with("the local stack: "));
        assert_eq!(sides.deployment.value("id1"), "x");
    }
}
