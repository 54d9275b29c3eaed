//! What `carnet doctor` prints.

use carnet_local::BoxError;
use contacts::model::{Tag, Tenant, TenantRecord};
use contacts::store::{Finding, FindingKind, Place, Repair, Verification};
use serde_json::{Value, json};

use crate::output::{plain, table};

/// How many findings are listed for people. JSON has all.
const LISTED: usize = 100;

/// What was found out about a tenant.
pub(super) struct Examined {
    pub(super) record: TenantRecord,
    pub(super) tenant: Tenant,
    pub(super) first: Verification,
    /// What became of each finding, in their order; empty without a repair.
    pub(super) repairs: Vec<Result<Repair, String>>,
    /// What was found after the repair.
    pub(super) second: Option<Verification>,
    pub(super) read_units: f64,
    pub(super) seconds: f64,
}

impl Examined {
    /// Whether nothing is wrong, after the repair if there was one.
    pub(super) fn is_healthy(&self) -> bool {
        self.second.as_ref().unwrap_or(&self.first).findings.is_empty()
    }
}

/// The result for people.
pub(super) fn text(examined: &Examined, with_repair: bool, names: bool) -> String {
    let (slug, counts) = (examined.record.slug.as_str(), examined.first.counts);
    let mut text = format!(
        "{slug}: {} contacts, {} memberships, {} tags; {:.1} read units in {:.1} s, {:.1} MB for comparing.\n",
        counts.contacts,
        counts.memberships,
        counts.tags,
        examined.read_units,
        examined.seconds,
        examined.first.bytes as f64 / 1e6,
    );
    for (count, what) in [
        (counts.tombstones, "deleted contacts"),
        (counts.redirects, "former ids"),
        (counts.earlier_layout, "earlier layout"),
    ] {
        if count > 0 {
            text += &format!("{what}: {count}\n");
        }
    }
    if examined.first.findings.is_empty() {
        return text + "Nothing is wrong.\n";
    }
    let Some(second) = &examined.second else {
        text += &findings(&examined.first.findings, names);
        let repairable = examined.first.findings.iter().filter(|finding| finding.kind.is_repairable()).count();
        if repairable > 0 && !with_repair {
            text += &format!("`carnet doctor --tenant {slug} --repair` repairs {repairable} of them.\n");
        }
        return text + &advice(&examined.first.findings);
    };
    let repaired = examined.repairs.iter().filter(|repair| matches!(repair, Ok(Repair::Repaired))).count();
    text += &format!("{} findings, of which {repaired} were repaired.\n", examined.first.findings.len());
    for error in examined.repairs.iter().filter_map(|repair| repair.as_ref().err()).take(5) {
        text += &format!("A repair failed: {error}.\n");
    }
    match &second.findings[..] {
        [] => text + "Nothing is wrong any more.\n",
        left => text + "Left:\n" + &findings(left, names) + &advice(left),
    }
}

/// A table of findings, and of those that are not listed how many there are.
pub(super) fn findings(findings: &[Finding], names: bool) -> String {
    let rows: Vec<[String; 4]> = findings.iter().take(LISTED).map(|finding| row(finding, names)).collect();
    let mut text = table(["FINDING", "CONTACT", "TAG OR KEY", "REPAIR"], &rows);
    if findings.len() > LISTED {
        text += "and more:\n";
        for kind in FindingKind::ALL {
            let count = findings.iter().skip(LISTED).filter(|finding| finding.kind == kind).count();
            if count > 0 {
                text += &format!("{count} {}\n", words(kind));
            }
        }
    }
    text
}

fn row(finding: &Finding, names: bool) -> [String; 4] {
    let what = match &finding.place {
        Place::Contact(_) => String::new(),
        Place::Membership { label, .. } => finding.tag().unwrap_or(label).to_owned(),
        Place::Tag(tag) => tag.clone(),
        // It may be anything, such as a name or a number.
        Place::Item(key) if names => key.clone(),
        Place::Item(key) => format!("a key of {} bytes; --names shows it", key.len()),
    };
    let contact = finding.contact().map(|id| id.to_string()).unwrap_or_default();
    let repair = if finding.kind.is_repairable() { "yes" } else { "no" };
    [words(finding.kind), contact, plain(&what), repair.to_owned()]
}

/// The name of a kind in words: `missing membership`.
fn words(kind: FindingKind) -> String {
    kind.name().replace('_', " ")
}

/// What to do about what cannot be repaired.
fn advice(findings: &[Finding]) -> String {
    let advice = [
        (
            FindingKind::WrongId,
            "create a contact with the number of the one with a wrong id, which gets the right id, copy its fields, and \
             delete the wrong item",
        ),
        (
            FindingKind::UnreadableContact,
            "put a copy of the unreadable contact's item from a backup, or correct the attribute that was edited",
        ),
        (FindingKind::UnknownItem, "delete the unknown item, if no program of yours needs it"),
    ];
    let needed = advice.into_iter().filter(|(kind, _)| findings.iter().any(|finding| finding.kind == *kind));
    let mut text: String = needed.map(|(kind, what)| format!("{}: {what}.\n", words(kind))).collect();
    if !text.is_empty() {
        text += "docs/operations.md, Verify a tenant, has the commands.\n";
    }
    text
}

/// The result for programs.
pub(super) fn document(examined: &Examined, names: bool) -> Value {
    let counts = examined.first.counts;
    let repair = |place: usize| match examined.repairs.get(place) {
        None => Value::Null,
        Some(Ok(Repair::Repaired)) => "repaired".into(),
        Some(Ok(Repair::NotNeeded)) => "not_needed".into(),
        Some(Ok(Repair::NotPossible)) => "not_possible".into(),
        Some(Err(_)) => "failed".into(),
    };
    let found = examined.first.findings.iter().enumerate().map(|(place, found)| {
        let mut document = finding(examined, found, names);
        document["repair"] = repair(place);
        document
    });
    let left = examined
        .second
        .as_ref()
        .map(|second| second.findings.iter().map(|found| finding(examined, found, names)).collect::<Vec<_>>());
    json!({
        "tenant": { "id": examined.record.id, "slug": examined.record.slug },
        "counts": {
            "contacts": counts.contacts,
            "tombstones": counts.tombstones,
            "redirects": counts.redirects,
            "memberships": counts.memberships,
            "tags": counts.tags,
            "earlier_layout": counts.earlier_layout,
            "inspected": counts.inspected,
        },
        "findings": found.collect::<Vec<_>>(),
        "left": left,
        "read_units": (examined.read_units * 10.0).round() / 10.0,
        "seconds": (examined.seconds * 1_000.0).round() / 1_000.0,
    })
}

/// A tenant that could not be verified, for programs.
pub(super) fn failure(record: &TenantRecord, error: &BoxError) -> Value {
    json!({ "tenant": { "id": record.id, "slug": record.slug }, "error": error.to_string() })
}

fn finding(examined: &Examined, finding: &Finding, names: bool) -> Value {
    // A tag's id is derived from the tenant's secret namespace, so the tag cannot be computed from it without that.
    let tag_id = finding.tag().and_then(|tag| tag.parse::<Tag>().ok()).map(|tag| examined.tenant.tag_id(&tag));
    let key = match &finding.place {
        Place::Item(key) => Some(key),
        _ => None,
    };
    let mut document = json!({
        "kind": finding.kind.name(),
        "contact_id": finding.contact(),
        "tag_id": tag_id,
        "key_bytes": key.map(String::len),
        "repairable": finding.kind.is_repairable(),
    });
    if names {
        document["tag"] = finding.tag().into();
        document["key"] = key.cloned().into();
    }
    document
}
