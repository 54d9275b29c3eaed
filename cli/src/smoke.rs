//! `carnet smoke`: checks a deployment by calling it as clients do, and compares each answer with the local stack's.
//!
//! | file | owns |
//! |---|---|
//! | `cases.rs`, `odd.rs` | the calls, the documented statuses, the known differences |
//! | `run.rs` | making a call on both sides, and the verdict |
//! | `rate_limit.rs` | using up the token's limit |
//! | `invoke.rs`, `events.rs`, `dead_letters.rs`, `units.rs` | what goes to the functions directly (`--invoke`) |
//! | `aws.rs` | the clients of a deployed stack, direct invocations |
//! | `side.rs` | a deployment with its token and values |
//! | `shape.rs` | what is compared of an answer |
//! | `wire.rs` | HTTP/1.1 over TCP or TLS |
//! | `local.rs` | the local stack and its tenant |
//! | `report.rs` | the table and the JSON document |
//! | `canned.rs` | a server for tests, which answers what a local stack cannot be made to answer |
//!
//! It may be run against a deployment in production. It writes under telephone numbers with the country code 999 only,
//! which the ITU keeps in reserve (E.164), so that no person has them, and under names that contain the run's own number.

#[cfg(feature = "cloud")]
mod aws;
#[cfg(test)]
mod canned;
mod cases;
#[cfg(feature = "cloud")]
mod dead_letters;
#[cfg(feature = "cloud")]
mod events;
#[cfg(feature = "cloud")]
mod invoke;
mod local;
mod odd;
mod rate_limit;
mod report;
mod run;
mod shape;
mod side;
#[cfg(feature = "cloud")]
mod units;
mod wire;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use carnet_local::{BoxError, Stack};
use clap::Args as ClapArgs;
use contacts::access::SecretKind;
use contacts::model::Slug;
use reqwest::Url;
use serde_json::Value;
use tokio::time::sleep;

use cases::Case;
use local::Identity;
use report::{CaseReport, Report};
use run::Sides;
use side::Side;
use wire::Endpoint;

use crate::values::{TOKEN_VARIABLE, in_units};

/// The telephone numbers of a run: `+999`, nine digits of the run, three of the contact.
const COUNTRY: &str = "999";

/// How many phone numbers a run uses. No contact is created under the last one.
const PHONES: usize = 9;

/// Contacts are created under the first numbers: 1 and 2 by calls of the API, 3 by events, 4 to measure units, 5 to be
/// deleted.
const CONTACTS: usize = 5;

/// Options of `carnet smoke`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit status: 0 if every answer is as expected or differs for a documented reason, 1 if one \
                        differs or does not come, 2 if the check could not be made.\n\n\
                        The contacts of the run, under numbers that begin with +999, are deleted at its end; the last \
                        lines name any that could not be deleted. Their tombstones, which contain no personal data, and \
                        the run's tags in the tag catalogue stay. Subscribers of the change feed get events of these contacts. With --invoke, \
                        rules for the source carnet also get the event stream-record.unpublished that the check of the \
                        dead-letter queues publishes, and the alarms DeadLettersAlarm and FunctionErrorsAlarm go off if \
                        the stack has them.")]
pub(crate) struct Args {
    /// Base URL of the deployment: the stack's output ApiUrl
    #[arg(long)]
    url: Url,
    /// Token of a tenant that is used for nothing else; better given in the variable CARNET_TOKEN
    ///
    /// With a FlowIQ key (a token that begins with fiq_) and --slug, FlowIQ's endpoints are checked too.
    #[arg(long)]
    token: Option<Token>,
    /// Slug of the token's tenant
    #[arg(long, default_value = "smoke")]
    slug: String,
    /// Check the documented statuses only, without building and starting a local stack
    #[arg(long)]
    no_compare: bool,
    /// Origin of a browser's preflight request: one that the parameter AllowedOrigins allows
    #[arg(long, default_value = "https://example.com", value_parser = origin)]
    origin: String,
    /// Use up the token's rate limit; its other callers get 429 for up to a minute
    #[arg(long)]
    rate_limit: bool,
    /// Wait so long without a call, such as 10m, and call again
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    idle: Option<Duration>,
    /// Invoke the functions of this CloudFormation stack directly, and send to its queues and its bus
    ///
    /// Credentials and region are those of the AWS CLI: environment, profiles, IAM Identity Center.
    #[arg(long, value_name = "STACK")]
    invoke: Option<String>,
    /// Print the capacity units of each action; the functions report them at the log level DEBUG
    #[arg(long, requires = "invoke")]
    units: bool,
    /// How long to wait for messages in the dead-letter queues; 0s does not check them
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration, requires = "invoke")]
    dead_letters: Duration,
    /// Print one JSON document at the end instead of a line per case
    #[arg(long)]
    json: bool,
}

/// A token, which is never printed.
#[derive(Clone)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl From<String> for Token {
    fn from(token: String) -> Self {
        Token(token)
    }
}

/// Runs the check and prints the report.
///
/// # Errors
/// When the check cannot be made: the stack of `--invoke` cannot be described, the token is refused, nothing answers, or
/// the local stack does not start.
pub(crate) async fn run(args: Args) -> Result<ExitCode, BoxError> {
    if args.invoke.is_some() && !cfg!(feature = "cloud") {
        return Err("--invoke needs what talks to AWS, which this command was built without; run it as \
                    `cargo run --features cloud -- smoke …`"
            .into());
    }
    let token = args.token.clone().map(|token| token.0).or_else(|| env::var(TOKEN_VARIABLE).ok());
    let token = token.filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| format!("there is no token; set {TOKEN_VARIABLE} or give one with --token"))?;
    let run = format!("{:09}", fastrand::u32(..1_000_000_000));
    let mut deployment = Side::new(Endpoint::new(&args.url)?, &token);
    // Before the first call, so that a wrong name or missing credentials leave nothing behind.
    #[cfg(feature = "cloud")]
    let aws = match &args.invoke {
        Some(stack) => Some(aws::Aws::connect(stack).await?),
        None => None,
    };
    let identity = identify(&mut deployment, &args).await?;
    let mut report = Report::new(args.url.to_string(), format!("smoke-{run}"), args.json);
    report.rate_limit = (identity.rate_limit > 0).then_some(identity.rate_limit);

    let (stack, mut local) = match args.no_compare {
        true => (None, None),
        false => local::start(&identity).await.map(|(stack, side)| (Some(stack), Some(side)))?,
    };
    report.compared = local.is_some();
    for side in [Some(&mut deployment), local.as_mut()].into_iter().flatten() {
        name_values(side, &run, &args.slug);
    }
    let flowiq = SecretKind::of(&token) == SecretKind::FlowIq;
    let check = Check {
        args: &args,
        sides: Sides { deployment, local },
        flowiq,
        #[cfg(feature = "cloud")]
        aws,
    };
    check.run(&mut report).await;
    if let Some(stack) = stack {
        Stack::stop(stack).await;
    }
    report.finish()?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who the token belongs to.
async fn identify(deployment: &mut Side, args: &Args) -> Result<Identity, BoxError> {
    let me = Case::new("me", "GET", "/api/v1/me", 200, "");
    let answer = deployment.call(&me.call).await.map_err(|error| format!("{} does not answer: {error}", args.url))?;
    match answer.status {
        200 => {}
        401 => return Err("the deployment refuses the token (401); it may be of another deployment".into()),
        status => {
            return Err(format!("GET /api/v1/me answers {status}; is {} the URL of a deployment?", args.url).into());
        }
    }
    deployment.capture("tenant", "/tenant/id", &answer);
    let me: Value = serde_json::from_slice(&answer.body)?;
    let slug: Slug = args.slug.parse().map_err(|_| "--slug is not a slug: lower-case letters, digits and hyphens")?;
    let limit = answer.header("x-ratelimit-limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
    Identity::new(&me, slug, limit)
}

/// The values that calls are written with.
fn name_values(side: &mut Side, run: &str, slug: &str) {
    side.set("run", format!("smoke-{run}"));
    side.set("RUN", format!("SMOKE-{run}"));
    side.set("slug", slug);
    for n in 1..=PHONES {
        let digits = format!("{COUNTRY}{run}{n:03}");
        side.set(&format!("phone{n}"), format!("+{digits}"));
        side.set(&format!("spaced{n}"), format!("+{COUNTRY} ({}) {}-{n:03}", &run[..3], &run[3..]));
        side.set(&format!("digits{n}"), digits);
    }
}

/// A run: what is checked, and with which options.
struct Check<'a> {
    args: &'a Args,
    sides: Sides,
    /// Whether the token is a FlowIQ key.
    flowiq: bool,
    /// The stack of `--invoke`.
    #[cfg(feature = "cloud")]
    aws: Option<aws::Aws>,
}

impl Check<'_> {
    /// Runs everything and cleans up. Nothing ends it early: what fails is a case of the report.
    async fn run(mut self, report: &mut Report) {
        report.say(&format!("{} of {}\n", report.run, report.url));
        for case in cases::actions(self.flowiq).into_iter().chain(odd::requests(&self.args.origin)) {
            report.add(self.sides.run(&case).await);
        }
        if !self.flowiq {
            let why = "the token is not a FlowIQ key: it does not begin with fiq_";
            report.add(CaseReport::skipped("flowiq", "both endpoints with a key", why));
        }
        #[cfg(feature = "cloud")]
        if let Some(aws) = &self.aws {
            let Args { units, dead_letters, .. } = *self.args;
            let settings = invoke::Settings { units, flowiq: self.flowiq, patience: dead_letters };
            invoke::run(aws, settings, &mut self.sides, report).await;
        }
        if let Some(idle) = self.args.idle {
            report.say(&format!("waiting for {} s without a call", idle.as_secs()));
            sleep(idle).await;
            for case in cases::after_idle() {
                report.add(self.sides.run(&case).await);
            }
        }
        self.clean_up(report).await;
        match (self.args.rate_limit, report.rate_limit) {
            (false, _) => {}
            (true, None) => {
                report.add(CaseReport::skipped("rate limit", "a call too many", "the token is unlimited"));
            }
            (true, Some(limit)) => {
                for case in rate_limit::run(&self.sides, limit).await {
                    report.add(case);
                }
            }
        }
    }

    /// Deletes the contacts of the run, and notes what stays.
    async fn clean_up(&mut self, report: &mut Report) {
        let mut left = Vec::new();
        for contact in 1..=CONTACTS {
            // One that does not exist, for example because an earlier step failed, is left alone.
            let lookup = self.sides.deployment.call(&cases::lookup(contact).call).await;
            if lookup.is_ok_and(|answer| answer.status == 404) {
                continue;
            }
            let case = self.sides.run(&cases::clean_up(contact)).await;
            if case.answer.as_deref() != Some("200") {
                left.push(self.sides.deployment.value(&format!("phone{contact}")).to_owned());
            }
            report.add(case);
        }
        if !left.is_empty() {
            let noun = if left.len() == 1 { "contact" } else { "contacts" };
            let text = format!("{} {noun} that could not be deleted: {}", left.len(), left.join(", "));
            report.left_behind.push(text);
        }
        let run = self.sides.deployment.value("run");
        report.left_behind.push(format!("entries of the tag catalogue: those with {run} in their name, and fr-FR"));
    }
}

/// An origin as browsers send it: scheme, host and perhaps port.
fn origin(text: &str) -> Result<String, String> {
    let is_origin = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text.to_ascii_lowercase()
    });
    if is_origin { Ok(text.to_owned()) } else { Err("not an origin such as https://app.example.com".to_owned()) }
}

/// A duration such as `90s`, `10m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = in_units(text, &[('s', 1), ('m', 60), ('h', 3600)]);
    parsed.ok_or_else(|| "not a duration such as 90s, 10m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("1h", 3600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "10", "m", "-1m", "1.5h", "10 m", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        for text in ["https://app.example.com", "http://localhost:3000"] {
            assert_eq!(origin(text).as_deref(), Ok(text));
        }
        for text in ["*", "example.com", "https://example.com/", "https://a.example\r\nX: y", "file:///etc"] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Token("secret".into())), "Token");
    }
}
