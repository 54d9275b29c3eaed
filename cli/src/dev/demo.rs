//! Demo data: tokens and tenants for a first request, and contacts for a first search.
//!
//! | token | user | tenant |
//! |---|---|---|
//! | `demo-token`, `fiq_demo` | 1 | `demo` |
//! | `acme-token`, `fiq_acme` | 2 | `acme` |
//! | `orphan-token` | 3 | none |

use std::collections::BTreeMap;

use carnet_local::{BoxError, Seed, StreamStart};
use contacts::access::{self, Access, NewToken, User};
use contacts::model::{Contact, Metadata, Phone, Source, Tenant, TenantId, Timestamp, fold};
use contacts::store::ContactsTable;

use crate::seeding::tables;

/// How much demo data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demo {
    /// None.
    None,
    /// Tokens and tenants.
    Identities,
    /// Tokens, tenants, and contacts in the tenant `demo` if the store had no demo data before.
    Contacts,
}

const GIVEN: [&str; 18] = [
    "Amélie", "João", "Sofía", "Priya", "Omar", "Chloé", "Mateo", "Yuki", "Ngozi", "Łukasz", "Zoë", "Beatriz", "Ivan",
    "Aïcha", "Håkon", "Maria", "Jane", "Tiago",
];
const FAMILY: [&str; 14] = [
    "Smith",
    "García",
    "Silva",
    "Müller",
    "Dubois",
    "Okafor",
    "Sato",
    "Kowalski",
    "O'Neil",
    "Andersson",
    "Rossi",
    "Souza",
    "Novák",
    "Ben Ali",
];
const TAGS: [&str; 7] = ["", "vip", "fr-FR", "newsletter", "vip, newsletter", "beta-testers", "wholesale, pt-BR"];
const SOURCES: [Source; 5] = [Source::Api, Source::Shopify, Source::Widget, Source::CsvImport, Source::Manual];
/// Phone numbers from ranges reserved for fiction, without their last two digits.
const NUMBERS: [&str; 4] = ["+121255501", "+4477009001", "+336399812", "+613570101"];
const CONTACTS: u64 = 36;
/// The number of Jane, whom the documentation's examples search for. The API page looks her up.
pub(super) const JANE: &str = "+12125550100";
/// The number of Romain, whom the examples of the OpenAPI document name.
const ROMAIN: &str = "+14155550123";
/// 2026-01-01T00:00:00Z: no demo contact is older.
const SINCE: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// The hook that writes the demo data, if there is any to write.
pub(super) fn seed(demo: Demo) -> Option<Seed> {
    let write = move |environment: BTreeMap<String, String>| async move {
        write(demo, &environment).await.map_err(|error| format!("the demo data: {error}").into())
    };
    (demo != Demo::None).then(|| Seed::new(write))
}

/// Writes the demo data for functions with this environment. The change feed does not report demo contacts: they stand
/// for data from before the first subscription.
async fn write(demo: Demo, environment: &BTreeMap<String, String>) -> Result<StreamStart, BoxError> {
    let (access, table) = tables(environment)?;
    let [demo_id, acme_id] = [tenant(&access, "demo").await?, tenant(&access, "acme").await?];
    token(&access, "orphan-token", user(3, "orphan"), None).await?;
    token(&access, "acme-token", user(2, "acme"), Some(acme_id)).await?;
    token(&access, "fiq_acme", user(2, "acme"), Some(acme_id)).await?;
    token(&access, "fiq_demo", user(1, "demo"), Some(demo_id)).await?;
    let fresh = token(&access, "demo-token", user(1, "demo"), Some(demo_id)).await?;
    match access.authenticate("demo-token").await?.tenant {
        Some(tenant) if fresh && demo == Demo::Contacts => {
            contacts(&table, &tenant).await?;
            Ok(StreamStart::NextChange)
        }
        _ => Ok(StreamStart::AsConfigured),
    }
}

/// The tenant with this slug, which is also its name. Creates it unless it exists.
async fn tenant(access: &Access, name: &str) -> Result<TenantId, BoxError> {
    let slug = name.parse()?;
    match access.find_tenant(&slug).await? {
        Some(tenant) => Ok(tenant.id),
        None => Ok(access.create_tenant(name, slug, None).await?.id),
    }
}

fn user(id: u64, name: &str) -> User {
    User { id, email: format!("{name}@example.com"), name: None }
}

/// Issues the token unless it exists. Returns whether it was issued now.
async fn token(access: &Access, token: &str, user: User, tenant_id: Option<TenantId>) -> Result<bool, access::Error> {
    if access.find(token).await?.is_some() {
        return Ok(false);
    }
    let label = "demo".to_owned();
    access.issue(token, NewToken { user, tenant_id, label, rate_limit: None, expires_at: None }).await?;
    Ok(true)
}

async fn contacts(table: &ContactsTable, tenant: &Tenant) -> Result<(), BoxError> {
    // A fixed seed: the contacts are the same every time.
    let mut random = fastrand::Rng::with_seed(CONTACTS);
    for n in 0..CONTACTS {
        let contact = person(&mut random, tenant, n)?;
        let made = |stored: Option<Contact>| Ok::<_, contacts::store::Error>(stored.unwrap_or_else(|| contact.clone()));
        table.upsert(tenant, contact.id, Some(&contact.tags), made).await?;
    }
    Ok(())
}

/// A made-up contact; `n` makes the phone number unique.
fn person(random: &mut fastrand::Rng, tenant: &Tenant, n: u64) -> Result<Contact, BoxError> {
    let number = format!("{}{n:02}", NUMBERS[random.usize(..NUMBERS.len())]);
    let phone: Phone = [JANE, ROMAIN].get(n as usize).copied().unwrap_or(&number).parse()?;
    let (given, family) = (GIVEN[random.usize(..GIVEN.len())], FAMILY[random.usize(..FAMILY.len())]);
    let created = SINCE + random.i64(0..90 * DAY);
    let source = SOURCES[random.usize(..SOURCES.len())];
    let mut contact = Contact::new(tenant.contact_id(&phone), phone, source, Timestamp::from_second(created)?);
    contact.name = Some(format!("{given} {family}").parse()?);
    if random.u8(..3) > 0 {
        let mailbox: String = fold(&format!("{given}.{family}")).replace([' ', '\''], "");
        contact.email = Some(format!("{mailbox}@example.com").parse()?);
    }
    contact.tags = TAGS[random.usize(..TAGS.len())].parse()?;
    if random.u8(..4) > 0 {
        contact.opted_in_at = Some(contact.created_at);
        contact.last_message_at = Some(Timestamp::from_second(created + random.i64(DAY..200 * DAY))?);
        contact.total_messages = random.u64(1..60);
    }
    if source == Source::Shopify {
        contact.metadata = Metadata::parse(&format!("{{\"shopify_id\":\"{}\"}}", 10_000 + n))?;
    }
    let (name, email, tags) = match n {
        0 => ("Jane Smith", "jane.smith@example.com", "vip"),
        1 => ("Romain", "romain@example.com", "vip, fr-FR"),
        _ => return Ok(contact),
    };
    contact.name = Some(name.parse()?);
    contact.email = Some(email.parse()?);
    contact.tags = tags.parse()?;
    Ok(contact)
}
