//! `carnet usage`: how often the tokens of a tenant were used, by day.

use std::collections::BTreeMap;

use carnet_local::BoxError;
use clap::Args as ClapArgs;
use clap::builder::RangedI64ValueParser;
use contacts::access::{ListedToken, TokenUsage, USAGE_DAYS};
use contacts::model::{TenantRecord, Timestamp};
use serde_json::{Value, json};

use crate::output::{aligned, print, print_json};
use crate::show;
use crate::target::{Target, TargetArgs, explain};

/// The end of the long help.
pub(crate) const HELP: &str = "\
Counted are accepted HTTP calls, by token and UTC day, for seven days: today and the six before.
The rate limit's write of each call carries the counts, so they cost no request and no write
unit. When a token was last used is kept for 90 days.

Not counted are calls that the rate limit rejects, calls with a token whose rate limit is 0
(unlimited; the local stack's default), and events from queues, the bus and direct invocations,
which have no token. A token that was revoked, or has expired and been deleted, is not listed.

The command reads one record per token: 1 read unit each, or 2 with a limit above some 550.

With --json, standard output is {\"tenant\", \"days\", \"tokens\", \"calls\", \"total\"}: the
tenant as `carnet tenant show --json` prints it, without its tokens; the days; the tokens as
`carnet token list --json` prints them, each with \"counted\" (false if its own or its tenant's
limit is 0), \"calls\" by day and \"total\"; and the calls of all tokens by day and in total.

Examples:
  carnet usage --tenant acme
  carnet usage --tenant acme --days 1 --stack carnet
  carnet usage --tenant acme --json | jq '.calls'

Exit status: 0 if it was done, 1 if it failed, 2 if the arguments are wrong.";

/// Options of `carnet usage`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Slug or id of the tenant
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// The number of UTC days, today included: 1 to 7
    #[arg(long, value_name = "N", default_value_t = USAGE_DAYS, value_parser = RangedI64ValueParser::<i64>::new().range(1..=USAGE_DAYS))]
    days: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the command.
///
/// # Errors
/// When it fails; the text says what to do.
pub(crate) async fn run(args: Args) -> Result<(), BoxError> {
    let target = Target::open(&args.target).await?;
    let tenant = target.tenant(&args.tenant).await?;
    let tokens = target.tokens(&tenant).await?;
    let usage = target.access.token_usage(&tokens).await.map_err(explain)?;
    let days = TokenUsage::days(args.days);
    let used: Vec<Used> =
        tokens.iter().zip(&usage).map(|(token, usage)| Used::new(&tenant, token, usage, &days)).collect();
    if args.json {
        return print_json(&document(&tenant, &days, &used));
    }
    if tokens.is_empty() {
        return print(&format!(
            "{0} has no tokens; `carnet token create --tenant {0} --label TEXT` issues one.\n",
            tenant.slug.as_str()
        ));
    }
    print(&table(&days, &used))?;
    eprintln!(
        "\nAccepted HTTP calls, by UTC day. Rejected calls, calls without a rate limit (-) and events are not counted."
    );
    Ok(())
}

/// The use of a token on the days asked for.
struct Used<'a> {
    token: &'a ListedToken,
    usage: &'a TokenUsage,
    /// Whether its calls are counted, as far as token and tenant tell.
    counted: bool,
    /// The number of calls on each day.
    calls: Vec<u64>,
}

impl<'a> Used<'a> {
    fn new(tenant: &TenantRecord, token: &'a ListedToken, usage: &'a TokenUsage, days: &[Timestamp]) -> Self {
        let counted = token.record.rate_limit.or(tenant.rate_limit) != Some(0);
        let calls = days.iter().map(|day| usage.by_day.get(day).copied().unwrap_or(0)).collect();
        Used { token, usage, counted, calls }
    }

    fn total(&self) -> u64 {
        self.calls.iter().sum()
    }
}

/// The number of calls of all tokens on each day.
fn sums(days: &[Timestamp], used: &[Used]) -> Vec<u64> {
    (0..days.len()).map(|day| used.iter().map(|used| used.calls[day]).sum()).collect()
}

fn document(tenant: &TenantRecord, days: &[Timestamp], used: &[Used]) -> Value {
    let names: Vec<String> = days.iter().copied().map(show::day).collect();
    let by_day = |calls: &[u64]| json!(names.iter().zip(calls).collect::<BTreeMap<_, _>>());
    let token = |used: &Used| {
        let mut token = show::token_with_use(used.token, used.usage);
        token["counted"] = used.counted.into();
        token["calls"] = by_day(&used.calls);
        token["total"] = used.total().into();
        token
    };
    json!({
        "tenant": show::tenant(tenant),
        "days": names,
        "tokens": used.iter().map(token).collect::<Value>(),
        "calls": by_day(&sums(days, used)),
        "total": used.iter().map(Used::total).sum::<u64>(),
    })
}

/// A row per token, the sums in the last one, and a column per day.
fn table(days: &[Timestamp], used: &[Used]) -> String {
    let headings: Vec<String> = days.iter().copied().map(show::day_and_month).collect();
    let headings =
        ["TOKEN", "LAST USED"].into_iter().chain(headings.iter().map(String::as_str)).chain(["TOTAL", "LABEL"]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for used in used {
        // A count from before the limit was 0 is shown.
        let number = |calls: u64| if calls == 0 && !used.counted { "-".to_owned() } else { calls.to_string() };
        let mut row = vec![format!("…{}", used.token.record.last_four), show::last_used(used.usage)];
        row.extend(used.calls.iter().copied().map(number));
        row.extend([number(used.total()), used.token.record.label.clone()]);
        rows.push(row);
    }
    let sums = sums(days, used);
    let mut last = vec!["all".to_owned(), String::new()];
    last.extend(sums.iter().chain([&sums.iter().sum()]).map(u64::to_string));
    last.push(String::new());
    rows.push(last);
    aligned(&headings.collect::<Vec<_>>(), &rows)
}
