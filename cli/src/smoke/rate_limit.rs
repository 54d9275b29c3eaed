//! The rate limit: used up, exceeded, and recovered from, as a client sees it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::report::CaseReport;
use super::run::Sides;
use super::shape::Shape;
use super::side::{Bearer, Call, Side};
use super::wire::{Answer, Error};

/// How many calls are under way at once, so that a limit of 1,000 can be reached within a minute.
const WIDTH: usize = 16;
/// Longer than the sliding window of 60.1 s.
const WINDOW: Duration = Duration::from_secs(70);

/// How many answers may be neither accepted nor rejected before the rest is not tried.
const TOO_MANY_OTHERS: u32 = 2 * WIDTH as u32;

/// What happened when a side's limit was used up.
#[derive(Default)]
struct Exhausted {
    /// How many calls were accepted before the first one that was rejected.
    accepted: u32,
    /// How many got each other status, API Gateway's throttling apart.
    others: BTreeMap<u16, u32>,
    /// From the first call to the rejected one.
    took: Duration,
    /// The rejected call and the one after `Retry-After`; `None` if no call was rejected.
    rejected: Option<Rejected>,
}

struct Rejected {
    answer: Answer,
    /// The answer after `Retry-After`.
    recovered: Answer,
}

/// Runs the cases. `limit` is the token's limit, which the deployment's headers have stated.
pub(super) async fn run(sides: &Sides, limit: u32) -> Vec<CaseReport> {
    let call = me();
    let (mine, local) = tokio::join!(exhaust(&sides.deployment, limit), async {
        match &sides.local {
            Some(side) => exhaust(side, limit).await.ok().and_then(|local| local.rejected),
            None => None,
        }
    });
    let case = |name: &str| CaseReport::new("rate limit", name);
    let Exhausted { accepted, others, took, rejected } = match mine {
        Ok(mine) => mine,
        Err(error) => return vec![case("is exceeded").no_answer(error)],
    };
    let others =
        others.iter().map(|(status, calls)| format!("{calls} calls were answered with {status}, not 200 or 429"));
    let Some(rejected) = rejected else {
        let never = format!("no call got 429 after {accepted} accepted calls; the limit is {limit} in 60 s");
        return vec![case("is exceeded").judged([never].into_iter().chain(others).collect())];
    };
    let judged = |name: &str, answer: &Answer, differences: Vec<String>| CaseReport {
        answer: Some(answer.status.to_string()),
        ..case(name).judged(differences)
    };
    let compare = |answer: &Answer, locals: Option<&Answer>| match (&sides.local, locals) {
        (Some(side), Some(locals)) => {
            let mine: Shape = sides.deployment.shape(&call, answer);
            mine.differences(&side.shape(&call, locals))
        }
        _ => Vec::new(),
    };
    // In a longer time, calls leave the window and others take their place.
    let over = (accepted > limit && took < Duration::from_secs(60))
        .then(|| format!("{accepted} calls were accepted, the limit is {limit}"));
    let wait = rejected.answer.header("retry-after");
    let wait = match wait.and_then(|seconds| seconds.parse::<u32>().ok()) {
        Some(1..=60) => None,
        _ => Some(format!("Retry-After is {}, not 1 to 60", wait.unwrap_or("absent"))),
    };
    let mut refused = compare(&rejected.answer, local.as_ref().map(|local| &local.answer));
    refused.extend(over.into_iter().chain(wait).chain(others));
    let mut recovered = compare(&rejected.recovered, local.as_ref().map(|local| &local.recovered));
    if rejected.recovered.status != 200 && recovered.is_empty() {
        recovered.push("the call after Retry-After was not accepted".to_owned());
    }
    vec![
        judged(&format!("a call too many, after {accepted} of {limit}"), &rejected.answer, refused),
        judged("a call after Retry-After", &rejected.recovered, recovered),
    ]
}

/// Calls until a call is rejected, the time is over, or too many calls are answered with neither 200 nor 429.
async fn exhaust(side: &Side, limit: u32) -> Result<Exhausted, Error> {
    let request = side.request(&me());
    let begun = Instant::now();
    let mut found = Exhausted::default();
    let refused = 'refused: loop {
        let too_many = found.accepted > limit.saturating_add(2 * WIDTH as u32)
            || found.others.values().sum::<u32>() > TOO_MANY_OTHERS;
        if begun.elapsed() > WINDOW || too_many {
            return Ok(found);
        }
        let mut calls = tokio::task::JoinSet::new();
        // Few at a time near the end, so that the number of accepted calls is exact.
        let left = limit.saturating_sub(found.accepted).saturating_sub(WIDTH as u32) as usize;
        for _ in 0..left.clamp(1, WIDTH) {
            let (endpoint, request) = (side.endpoint.clone(), request.clone());
            calls.spawn(async move { endpoint.send(&request).await });
        }
        for answer in calls.join_all().await {
            let answer = answer?;
            // Without `Retry-After`, 429 is API Gateway's throttling and says nothing about the token.
            match (answer.status, answer.header("retry-after")) {
                (429, Some(_)) => break 'refused answer,
                (429, None) => sleep(Duration::from_secs(1)).await,
                (200, _) => found.accepted += 1,
                (status, _) => *found.others.entry(status).or_default() += 1,
            }
        }
    };
    found.took = begun.elapsed();
    let seconds = refused.header("retry-after").and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    // A tenth of a second more: the window is 60.1 s, and Retry-After at most 60.
    sleep(Duration::from_secs(u64::min(seconds, 60)) + Duration::from_millis(200)).await;
    let recovered = timeout(WINDOW, side.endpoint.send(&request)).await.map_err(|_| Error::Late)??;
    found.rejected = Some(Rejected { answer: refused, recovered });
    Ok(found)
}

fn me() -> Call {
    Call {
        method: "GET",
        target: "/api/v1/me".to_owned(),
        bearer: Bearer::Own,
        headers: Vec::new(),
        body: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::canned::serve;
    use super::super::report::Verdict;
    use super::*;

    fn answer(status: u32) -> String {
        format!("HTTP/1.1 {status} X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
    }

    /// The cases of a deployment whose `n`th call is answered with the `n`th status and the rest with 200.
    async fn cases(limit: u32, status: impl Fn(u32) -> u32 + Send + Sync + 'static) -> Vec<CaseReport> {
        let calls = AtomicU32::new(0);
        let endpoint = serve(move |_| answer(status(calls.fetch_add(1, Ordering::SeqCst)))).await;
        run(&Sides { deployment: Side::new(endpoint, "a"), local: None }, limit).await
    }

    #[tokio::test]
    async fn only_answers_with_200_are_accepted_calls() {
        let cases = cases(20, |_| 503).await;
        assert_eq!((cases.len(), cases[0].verdict), (1, Verdict::Different));
        let lines = &cases[0].differences;
        assert!(lines[0].contains("no call got 429 after 0 accepted calls"), "{lines:?}");
        assert!(lines[1].ends_with("calls were answered with 503, not 200 or 429"), "{lines:?}");
    }

    #[tokio::test]
    async fn calls_with_another_status_are_counted_and_shown() {
        let cases = cases(20, |n| match n {
            3 | 4 => 503,
            22 => 429,
            _ => 200,
        })
        .await;
        assert_eq!(cases[0].name, "a call too many, after 20 of 20");
        assert_eq!(cases[0].differences, ["2 calls were answered with 503, not 200 or 429"]);
        assert_eq!((cases[0].verdict, cases[1].verdict), (Verdict::Different, Verdict::Ok));
    }
}
