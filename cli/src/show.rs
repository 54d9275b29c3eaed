//! Tenants and tokens as operators see them: JSON documents and cells of tables. Neither has a secret.

use contacts::access::ListedToken;
use contacts::model::{TenantRecord, Timestamp};
use serde_json::{Value, json};

use super::output::table;

/// How many digits of a token's id are shown in tables: enough to tell the tokens of a tenant apart.
pub(crate) const ID_DIGITS: usize = 8;

/// A tenant: `id`, `slug`, `name`, `created_at` and `rate_limit`, which is null for the default.
pub(crate) fn tenant(tenant: &TenantRecord) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name,
        "created_at": tenant.created_at,
        "rate_limit": tenant.rate_limit,
    })
}

/// A token: `id` (its SHA-256), `label`, `last_four`, `user`, `created_at`, `expires_at` (null for never), `expired` and
/// `rate_limit` (null for the tenant's).
pub(crate) fn token(token: &ListedToken) -> Value {
    let record = &token.record;
    json!({
        "id": token.id(),
        "label": record.label,
        "last_four": record.last_four,
        "user": record.user,
        "created_at": record.created_at,
        "expires_at": record.expires_at.and_then(|second| Timestamp::from_second(second).ok()),
        "expired": record.is_expired(Timestamp::now()),
        "rate_limit": record.rate_limit,
    })
}

/// A table of tenants.
pub(crate) fn tenants_table(tenants: &[TenantRecord]) -> String {
    let rows: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            let id = tenant.id.to_string();
            let created = minute(tenant.created_at);
            [tenant.slug.as_str().to_owned(), id, created, rate_limit(tenant.rate_limit), tenant.name.clone()]
        })
        .collect();
    table(["SLUG", "ID", "CREATED (UTC)", "RATE LIMIT", "NAME"], &rows)
}

/// A table of tokens.
pub(crate) fn tokens_table(tokens: &[ListedToken]) -> String {
    let rows: Vec<_> = tokens
        .iter()
        .map(|token| {
            let record = &token.record;
            let id = token.id().chars().take(ID_DIGITS).collect();
            let last_four = format!("…{}", record.last_four);
            [
                last_four,
                id,
                minute(record.created_at),
                expiry(token),
                rate_limit(record.rate_limit),
                record.label.clone(),
            ]
        })
        .collect();
    table(["TOKEN", "ID", "CREATED (UTC)", "EXPIRES (UTC)", "RATE LIMIT", "LABEL"], &rows)
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
