//! The rate limit: used up, exceeded, and recovered from, as a client sees it.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::report::{CaseReport, Verdict};
use super::run::Sides;
use super::shape::Shape;
use super::side::{Bearer, Call, Side};
use super::wire::{Answer, Error};

/// How many calls are under way at once, so that a limit of 1,000 can be reached within a minute.
const WIDTH: usize = 16;
/// Longer than the sliding window of 60.1 s.
const WINDOW: Duration = Duration::from_secs(70);

/// What happened when a side's limit was used up.
struct Exhausted {
    /// How many calls were accepted before the first one that was not.
    accepted: u32,
    /// From the first call to that one.
    took: Duration,
    /// The answer to that one.
    refused: Answer,
    /// The answer after `Retry-After`.
    recovered: Answer,
}

/// Runs the cases. `limit` is the token's limit, which the deployment's headers have stated.
pub(super) async fn run(sides: &Sides, limit: u32) -> Vec<CaseReport> {
    let call = me();
    let (mine, local) = tokio::join!(exhaust(&sides.deployment, limit), async {
        match &sides.local {
            Some(side) => exhaust(side, limit).await.ok().flatten(),
            None => None,
        }
    });
    let case = |name: &str| CaseReport::new("rate limit", name);
    let mine = match mine {
        Ok(Some(mine)) => mine,
        Ok(None) => {
            let note = format!("no call got 429 although the limit is {limit} calls in 60 s");
            return vec![CaseReport { verdict: Verdict::Different, note: Some(note), ..case("is exceeded") }];
        }
        Err(error) => {
            return vec![CaseReport {
                verdict: Verdict::NoAnswer,
                note: Some(error.to_string()),
                ..case("is exceeded")
            }];
        }
    };
    let judged = |name: &str, answer: &Answer, differences: Vec<String>| CaseReport {
        answer: Some(answer.status.to_string()),
        verdict: if differences.is_empty() { Verdict::Ok } else { Verdict::Different },
        differences,
        ..case(name)
    };
    let compare = |answer: &Answer, locals: Option<&Answer>| match (&sides.local, locals) {
        (Some(side), Some(locals)) => {
            let mine: Shape = sides.deployment.shape(&call, answer);
            mine.differences(&side.shape(&call, locals))
        }
        _ => Vec::new(),
    };
    // In a longer time, calls leave the window and others take their place.
    let over = (mine.accepted > limit && mine.took < Duration::from_secs(60))
        .then(|| format!("{} calls were accepted, the limit is {limit}", mine.accepted));
    let wait = mine.refused.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    let wait = match wait {
        Some(1..=60) => None,
        _ => Some(format!("Retry-After is {:?}, not 1 to 60", mine.refused.header("retry-after").unwrap_or("absent"))),
    };
    let mut refused = compare(&mine.refused, local.as_ref().map(|local| &local.refused));
    refused.extend(over.into_iter().chain(wait));
    let mut recovered = compare(&mine.recovered, local.as_ref().map(|local| &local.recovered));
    if mine.recovered.status != 200 && recovered.is_empty() {
        recovered.push("the call after Retry-After was not accepted".to_owned());
    }
    vec![
        judged(&format!("a call too many, after {} of {limit}", mine.accepted), &mine.refused, refused),
        judged("a call after Retry-After", &mine.recovered, recovered),
    ]
}

/// Calls until a call is rejected; `None` if none is within a window.
async fn exhaust(side: &Side, limit: u32) -> Result<Option<Exhausted>, Error> {
    let request = side.request(&me());
    let begun = Instant::now();
    let mut accepted = 0;
    let refused = 'refused: loop {
        if begun.elapsed() > WINDOW || accepted > limit + 2 * WIDTH as u32 {
            return Ok(None);
        }
        let mut calls = tokio::task::JoinSet::new();
        // Few at a time near the end, so that the number of accepted calls is exact.
        let left = limit.saturating_sub(accepted).saturating_sub(WIDTH as u32) as usize;
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
                _ => accepted += 1,
            }
        }
    };
    let took = begun.elapsed();
    let seconds = refused.header("retry-after").and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    // A tenth of a second more: the window is 60.1 s, and Retry-After at most 60.
    sleep(Duration::from_secs(u64::min(seconds, 60)) + Duration::from_millis(200)).await;
    let recovered = timeout(WINDOW, side.endpoint.send(&request)).await.map_err(|_| Error::Late)??;
    Ok(Some(Exhausted { accepted, took, refused, recovered }))
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
