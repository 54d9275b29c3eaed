//! One contact and its memberships, read in one transaction, so that no write can come between.

use std::collections::BTreeMap;

use super::census::LATER;
use super::finding::{Finding, FindingKind, Place};
use super::pace::Pace;
use crate::model::{Contact, ContactId, Stored, Tenant, Tombstone};
use crate::store::contacts_table::ContactsTable;
use crate::store::earlier;
use crate::store::error::Error;
use crate::store::items::{self, labels};
use crate::store::keys::{
    self, ACTIVE_AT, DELETED_AT, EMAIL_KEY, ITEM, Item, MEMBERSHIP, PHONE_KEY, SEARCH_TEXT, TAG, s,
};

/// The attributes that list a contact in the indexes.
const INDEXED: [&str; 5] = [TAG, ACTIVE_AT, SEARCH_TEXT, PHONE_KEY, EMAIL_KEY];

/// How many labels are read beside those that the contact has.
const SUSPICIOUS: usize = 50;

/// What is stored under the key of a contact.
pub(super) enum Held {
    /// Nothing.
    Absent,
    /// The tombstone of a deleted contact.
    Tombstone(Tombstone),
    /// Something that is not a contact with the id of the key, or not with that of its number.
    Unusable,
    /// A contact.
    Contact {
        contact: Box<Contact>,
        /// Whether its item has today's layout. Otherwise its memberships may have an earlier one too.
        is_current: bool,
        /// Whether its index attributes are those that its fields say.
        is_indexed: bool,
    },
}

/// A contact with its memberships, as they were at one instant.
pub(super) struct Inspection {
    pub(super) stored: Held,
    /// The memberships that were read, by label. `None` for one that does not exist.
    pub(super) memberships: BTreeMap<String, Option<Item>>,
    pub(super) findings: Vec<Finding>,
}

impl Inspection {
    /// Whether something is wrong with the item of the contact itself.
    pub(super) fn has_contact_finding(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.place, Place::Contact(_)))
    }
}

impl ContactsTable {
    /// Reads a contact, the memberships that it has to have, and those of these labels. Two TransactGetItems: the first
    /// one finds out which memberships the contact has to have.
    pub(super) async fn inspect(
        &self,
        tenant: &Tenant,
        id: ContactId,
        suspicious: &[String],
        pace: &mut Pace,
    ) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        let mut chunks = suspicious.chunks(SUSPICIOUS);
        // A contact is inspected also without suspicious labels.
        let first = chunks.next().unwrap_or_default();
        for labels in std::iter::once(first).chain(chunks) {
            findings.extend(self.inspection(tenant, id, labels, pace).await?.findings);
        }
        Ok(findings)
    }

    /// What is wrong with the redirect under the key of a former id: it leads to no contact. One TransactGetItems to find
    /// out where it leads, and one of both items, so that no change of the number can come between.
    pub(super) async fn inspect_redirect(
        &self,
        tenant: &Tenant,
        id: ContactId,
        pace: &mut Pace,
    ) -> Result<Option<Finding>, Error> {
        let mut target: Option<ContactId> = None;
        loop {
            let ids = std::iter::once(id).chain(target);
            let keys: Vec<Item> = ids.map(|id| keys::contact(tenant, id)).collect();
            let mut items = self.at_once(&keys, pace).await?.into_iter();
            let redirect = items.next().flatten().and_then(|item| items::stored(item).ok());
            let Some(Stored::Deleted(Tombstone { moved_to: Some(to), .. })) = redirect else { return Ok(None) };
            // The target is not known yet, or has changed since it was read. DynamoDB refuses to read one key twice.
            if target != Some(to) && to != id {
                target = Some(to);
                continue;
            }
            let is_contact = items.next().flatten().is_some_and(|item| !item.contains_key(DELETED_AT));
            return Ok((!is_contact).then(|| Finding::new(FindingKind::DanglingRedirect, Place::Contact(id))));
        }
    }

    /// The same with what was read, for at most 50 labels.
    pub(super) async fn inspection(
        &self,
        tenant: &Tenant,
        id: ContactId,
        suspicious: &[String],
        pace: &mut Pace,
    ) -> Result<Inspection, Error> {
        let mut wanted: Vec<String> = suspicious.iter().take(SUSPICIOUS).cloned().collect();
        loop {
            let membership = |label: &String| membership_key(tenant, label, id);
            let keys: Vec<Item> =
                std::iter::once(keys::contact(tenant, id)).chain(wanted.iter().map(membership)).collect();
            let mut items = self.at_once(&keys, pace).await?.into_iter();
            let contact = items.next().flatten();
            let (stored, problem) = read(tenant, id, contact)?;
            let expected = expected_labels(&stored);
            // The contact has changed since its labels were read, or they have not been read yet.
            if expected.iter().any(|label| !wanted.contains(label)) {
                wanted.retain(|label| suspicious.contains(label));
                wanted.extend(expected.into_iter().filter(|label| !suspicious.contains(label)));
                continue;
            }
            let memberships: BTreeMap<String, Option<Item>> = wanted.into_iter().zip(items).collect();
            let mut findings: Vec<Finding> = problem.into_iter().collect();
            findings.extend(compare(tenant, id, &stored, &memberships)?);
            return Ok(Inspection { stored, memberships, findings });
        }
    }
}

/// What an item under the key of a contact is, and what is wrong with it.
pub(super) fn read(tenant: &Tenant, id: ContactId, item: Option<Item>) -> Result<(Held, Option<Finding>), Error> {
    let finding = |kind| Some(Finding::new(kind, Place::Contact(id)));
    let Some(item) = item else { return Ok((Held::Absent, None)) };
    let contact = match items::stored(item.clone()) {
        Ok(Stored::Contact(contact)) => contact,
        Ok(Stored::Deleted(tombstone)) => {
            let clean = items::tombstone(tenant, id, &tombstone, s(""))?;
            let is_clean = item.keys().all(|name| clean.contains_key(name));
            let problem = if is_clean { None } else { finding(FindingKind::TombstoneWithData) };
            return Ok((Held::Tombstone(tombstone), problem));
        }
        Err(_) => return Ok((Held::Unusable, finding(FindingKind::UnreadableContact))),
    };
    if contact.id != id || tenant.contact_id(&contact.phone) != id {
        return Ok((Held::Unusable, finding(FindingKind::WrongId)));
    }
    let expected = items::contact(tenant, &contact, s(""))?;
    let is_indexed = INDEXED.iter().all(|name| item.get(*name) == expected.get(*name));
    let problem = if is_indexed { None } else { finding(FindingKind::WrongIndexAttributes) };
    let is_current = earlier::is_current(&item);
    Ok((Held::Contact { contact: Box::new(contact), is_current, is_indexed }, problem))
}

/// The memberships that a contact has to have, by label.
pub(super) fn expected_memberships(tenant: &Tenant, contact: &Contact) -> Result<BTreeMap<String, Item>, Error> {
    let row = items::search_row(contact)?;
    let membership = |label| items::membership(tenant, contact.id, &row, label);
    Ok(labels(contact).into_iter().map(|label| (label.text().into_owned(), membership(label))).collect())
}

/// The key of the membership under a label as keys spell it.
pub(super) fn membership_key(tenant: &Tenant, label: &str, id: ContactId) -> Item {
    let mut key = keys::contact(tenant, id);
    key.insert(ITEM.to_owned(), s(format!("{MEMBERSHIP}{label}#{id}")));
    key
}

fn expected_labels(stored: &Held) -> Vec<String> {
    match stored {
        Held::Contact { contact, .. } => labels(contact).into_iter().map(|label| label.text().into_owned()).collect(),
        Held::Absent | Held::Tombstone(_) | Held::Unusable => Vec::new(),
    }
}

/// What is wrong with the memberships that were read.
fn compare(
    tenant: &Tenant,
    id: ContactId,
    stored: &Held,
    memberships: &BTreeMap<String, Option<Item>>,
) -> Result<Vec<Finding>, Error> {
    let finding = |kind, label: &String| Finding::new(kind, Place::Membership { contact: id, label: label.clone() });
    let existing = memberships.iter().filter(|(_, item)| item.is_some()).map(|(label, _)| label);
    let (contact, is_current) = match stored {
        // Nothing can be said about them.
        Held::Unusable => return Ok(Vec::new()),
        Held::Absent | Held::Tombstone(_) => {
            return Ok(existing.map(|label| finding(FindingKind::OrphanedMembership, label)).collect());
        }
        Held::Contact { contact, is_current, .. } => (contact, *is_current),
    };
    let expected = expected_memberships(tenant, contact)?;
    let wrong = memberships.iter().filter_map(|(label, item)| {
        let kind = match (expected.get(label), item) {
            (None, None) => return None,
            (Some(expected), Some(item)) if is_same(item, expected, is_current) => return None,
            (None, Some(_)) => FindingKind::ExtraMembership,
            (Some(_), None) => FindingKind::MissingMembership,
            (Some(_), Some(_)) => FindingKind::StaleMembership,
        };
        Some(finding(kind, label))
    });
    Ok(wrong.collect())
}

/// Whether a membership is what it has to be, in today's layout or, with a contact of an earlier one, in that.
pub(super) fn is_same(item: &Item, expected: &Item, is_current: bool) -> bool {
    let is_later = |name: &String| LATER.contains(&name.as_str());
    let is_earlier_layout = || {
        let without = |item: &Item| item.keys().filter(|name| !is_later(name)).count();
        item.len() == without(expected) && item.iter().all(|(name, value)| expected.get(name) == Some(value))
    };
    item == expected || !is_current && !item.keys().any(is_later) && is_earlier_layout()
}
