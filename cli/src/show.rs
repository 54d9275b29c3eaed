//! Tenants and tokens as operators see them: JSON documents and cells of tables. Neither has a secret.

use contacts::access::{ListedToken, SecretKind, TokenUsage};
use contacts::model::{TenantRecord, Timestamp};
use serde_json::{Value, json};

use super::output::table;

/// How many digits of a token's id are shown in tables: enough to tell the tokens of a tenant apart.
pub(crate) const ID_DIGITS: usize = 8;

/// A tenant: `id`, `slug`, `name`, `created_at`, `rate_limit`, which is null for the default, and `deleting_since`, which is
/// null unless the tenant is being deleted.
pub(crate) fn tenant(tenant: &TenantRecord) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name,
        "created_at": tenant.created_at,
        "rate_limit": tenant.rate_limit,
        "deleting_since": tenant.deleting_since,
    })
}

/// A token: `id` (its SHA-256), `label`, `last_four`, `kind` (null if it is not known), `user`, `created_at`, `expires_at`
/// (null for never), `expired` and `rate_limit` (null for the tenant's).
pub(crate) fn token(token: &ListedToken) -> Value {
    let record = &token.record;
    json!({
        "id": token.id(),
        "label": record.label,
        "last_four": record.last_four,
        "kind": record.kind,
        "user": record.user,
        "created_at": record.created_at,
        "expires_at": record.expires_at.and_then(|second| Timestamp::from_second(second).ok()),
        "expired": record.is_expired(Timestamp::now()),
        "rate_limit": record.rate_limit,
    })
}

/// A token with `last_used`, the UTC day of its last call, which is null if none is known.
pub(crate) fn token_with_use(listed: &ListedToken, usage: &TokenUsage) -> Value {
    let mut document = token(listed);
    document["last_used"] = usage.last_call.map(day).into();
    document
}

/// A table of tenants.
pub(crate) fn tenants_table(tenants: &[TenantRecord]) -> String {
    let rows: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            let id = tenant.id.to_string();
            let created = minute(tenant.created_at);
            let name = match tenant.deleting_since {
                None => tenant.name.clone(),
                Some(since) => format!("{} (being deleted since {})", tenant.name, minute(since)),
            };
            [tenant.slug.as_str().to_owned(), id, created, rate_limit(tenant.rate_limit), name]
        })
        .collect();
    table(["SLUG", "ID", "CREATED (UTC)", "RATE LIMIT", "NAME"], &rows)
}

/// A table of tokens.
pub(crate) fn tokens_table(tokens: &[ListedToken]) -> String {
    let rows: Vec<_> = tokens.iter().map(cells).collect();
    table(["TOKEN", "ID", "KIND", "CREATED (UTC)", "EXPIRES (UTC)", "RATE LIMIT", "LABEL"], &rows)
}

/// A table of tokens with the days of their last use.
pub(crate) fn used_tokens_table(tokens: &[ListedToken], usage: &[TokenUsage]) -> String {
    let rows: Vec<_> = tokens
        .iter()
        .zip(usage)
        .map(|(token, usage)| {
            let [last_four, id, kind, created, expires, rate_limit, label] = cells(token);
            [last_four, id, kind, created, expires, last_used(usage), rate_limit, label]
        })
        .collect();
    let headings = ["TOKEN", "ID", "KIND", "CREATED (UTC)", "EXPIRES (UTC)", "LAST USED", "RATE LIMIT", "LABEL"];
    table(headings, &rows)
}

fn cells(token: &ListedToken) -> [String; 7] {
    let record = &token.record;
    let kind = match record.kind {
        None => "-",
        Some(SecretKind::Bearer) => "bearer",
        Some(SecretKind::FlowIq) => "FlowIQ",
    };
    [
        format!("…{}", record.last_four),
        token.id().chars().take(ID_DIGITS).collect(),
        kind.to_owned(),
        minute(record.created_at),
        expiry(token),
        rate_limit(record.rate_limit),
        record.label.clone(),
    ]
}

/// The day of the last call, `-` if none is known.
pub(crate) fn last_used(usage: &TokenUsage) -> String {
    usage.last_call.map_or_else(|| "-".to_owned(), day)
}

/// The UTC day of a time: `2026-11-21`.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// The UTC day of a time without its year: `21 Nov`.
pub(crate) fn day_and_month(time: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let day = day(time);
    let month = day.get(5..7).and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
    match (day.get(8..), month) {
        (Some(number), Some(month)) => format!("{number} {month}"),
        _ => day,
    }
}

/// The time to the minute, in UTC: `2026-11-21 19:48`.
fn minute(time: Timestamp) -> String {
    time.to_string().chars().take(16).collect::<String>().replace('T', " ")
}

/// The time of a Unix second to the second, in UTC: `2026-11-21 19:48:03 UTC`.
pub(crate) fn second(second: i64) -> String {
    let time = Timestamp::from_second(second).map(|time| time.to_string().chars().take(19).collect::<String>());
    time.map_or_else(|_| second.to_string(), |time| time.replace('T', " ") + " UTC")
}

/// A rate limit: `60 a minute`.
fn rate_limit(limit: Option<u32>) -> String {
    match limit {
        None => "default".to_owned(),
        Some(0) => "unlimited".to_owned(),
        Some(limit) => format!("{limit} a minute"),
    }
}

fn expiry(token: &ListedToken) -> String {
    let record = &token.record;
    let Some(second) = record.expires_at else { return "never".to_owned() };
    let time = Timestamp::from_second(second).map_or_else(|_| second.to_string(), minute);
    if record.is_expired(Timestamp::now()) { format!("{time} expired") } else { time }
}
