//! Repairs. Each reads what is stored in one transaction, computes from the contact what has to be stored, and writes it
//! on the condition that the contact has not changed since: no concurrent update is lost, and none is undone.

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem};

use super::finding::{Finding, FindingKind, Place};
use super::inspect::{Held, Inspection, expected_memberships, is_same, membership_key};
use super::pace::Pace;
use super::verify::is_defined;
use crate::model::{Contact, ContactId, ContactKey, Stored, Tag, Tenant, Timestamp, Tombstone};
use crate::store::contacts_table::ContactsTable;
use crate::store::error::Error;
use crate::store::items;
use crate::store::keys::{self, ITEM, Item};
use crate::store::outcome::Outcome;
use crate::store::retry::Retry;
use crate::store::save::Unchanged;
use crate::store::snapshot::{Consistency, Target, new_call_id};
use crate::store::transaction::{Attempt, transact, unbuilt};

/// The maximum number of items of one TransactWriteItems, without the condition.
const TRANSACTION: usize = 99;

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It wrote what was missing or wrong, or deleted what was left over.
    Repaired,
    /// There was nothing to do any more.
    NotNeeded,
    /// It cannot be repaired without a decision about data that is stored nowhere else.
    NotPossible,
}

impl ContactsTable {
    /// Repairs what a finding is about, as it is now.
    ///
    /// Index attributes are repaired by writing the contact again, with the next version and its memberships; this
    /// publishes no change event, because no field changes. Memberships are put or deleted in one transaction with a
    /// check of the contact's version. A redirect that leads to no contact becomes a tombstone, or leads to where the next
    /// redirect leads. An entry of the tag catalogue is put, an absent one only if it is still absent.
    ///
    /// Cost: one or two TransactGetItems, then one TransactWriteItems: 2 write units for each KB of the contact or of a
    /// membership, and as many for its index entries. Each lost race adds as much again.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`]. The repair can be repeated.
    pub async fn repair(&self, tenant: &Tenant, finding: &Finding, pace: &mut Pace) -> Result<Repair, Error> {
        match &finding.place {
            _ if !finding.kind.is_repairable() => Ok(Repair::NotPossible),
            Place::Contact(id) if finding.kind == FindingKind::DanglingRedirect => {
                self.repair_redirect(tenant, *id, pace).await
            }
            Place::Contact(id) => self.repair_contact(tenant, *id, &[], pace).await,
            Place::Membership { contact, label } => {
                self.repair_contact(tenant, *contact, std::slice::from_ref(label), pace).await
            }
            Place::Tag(name) => match name.parse() {
                Ok(tag) => self.repair_tag(tenant, &tag, pace).await,
                Err(_) => Ok(Repair::NotPossible),
            },
            Place::Item(_) => Ok(Repair::NotPossible),
        }
    }

    /// Repairs a contact, the memberships that it has to have, and those of these labels.
    async fn repair_contact(
        &self,
        tenant: &Tenant,
        id: ContactId,
        labels: &[String],
        pace: &mut Pace,
    ) -> Result<Repair, Error> {
        let mut retry = Retry::without_time_limit();
        let mut done = Repair::NotNeeded;
        let call = new_call_id();
        loop {
            let inspection = self.inspection(tenant, id, labels, pace).await?;
            if !inspection.findings.iter().any(|finding| finding.kind.is_repairable()) {
                let is_wrong = done == Repair::NotNeeded && !inspection.findings.is_empty();
                return Ok(if is_wrong { Repair::NotPossible } else { done });
            }
            let attempt = match &inspection.stored {
                Held::Contact { is_indexed: false, .. } => self.rewrite(tenant, id, &call).await?,
                Held::Tombstone(_) if inspection.has_contact_finding() => self.rewrite(tenant, id, &call).await?,
                _ => self.repair_memberships(tenant, id, &inspection).await?,
            };
            if retry.has_written(&attempt).await? {
                // Inspected again, because one of the two kinds of write does not repair everything.
                done = Repair::Repaired;
                retry.pause_after_race().await?;
            }
        }
    }

    /// Makes a redirect lead to the contact that its redirects lead to, one after the other; to none, if there is none.
    async fn repair_redirect(&self, tenant: &Tenant, id: ContactId, pace: &mut Pace) -> Result<Repair, Error> {
        let target = Target::new(tenant, ContactKey::Number(id), None);
        let (mut retry, call) = (Retry::without_time_limit(), new_call_id());
        loop {
            let snapshot = self.snapshot(target, Consistency::Strong).await?;
            if snapshot.is_written_by(&call) {
                return Ok(Repair::Repaired);
            }
            let is_wrong = self.inspect_redirect(tenant, id, pace).await?.is_some();
            let Some(Stored::Deleted(old)) = snapshot.stored.as_ref().filter(|_| is_wrong) else {
                return Ok(Repair::NotNeeded);
            };
            let contact = match self.get(tenant, ContactKey::Id(id)).await {
                // Redirects in a circle.
                Err(Error::Conflict) => None,
                contact => contact?,
            };
            let moved_to = contact.map(|contact| contact.id);
            let new = Stored::Deleted(Tombstone { version: old.version + 1, moved_to, ..old.clone() });
            let (attempt, _) = self.save(target, &snapshot, (&new, Outcome::Updated), &[], Vec::new(), &call).await?;
            if retry.has_written(&attempt).await? {
                return Ok(Repair::Repaired);
            }
        }
    }

    /// Writes a contact again, with its index attributes and its memberships, or a tombstone, with nothing of the
    /// contact.
    async fn rewrite(&self, tenant: &Tenant, id: ContactId, call: &str) -> Result<Attempt, Error> {
        let target = Target::new(tenant, id, None);
        let mut snapshot = self.snapshot(target, Consistency::Strong).await?;
        let new = match &snapshot.stored {
            None => return Ok(Attempt::Lost(None)),
            Some(Stored::Contact(old)) => Stored::Contact(Contact { version: old.version + 1, ..old.clone() }),
            Some(Stored::Deleted(old)) => Stored::Deleted(Tombstone { version: old.version + 1, ..old.clone() }),
        };
        // Otherwise memberships would be left alone, because the search row is unchanged.
        snapshot.is_current = false;
        let (attempt, _) = self.save(target, &snapshot, (&new, Outcome::Updated), &[], Vec::new(), call).await?;
        Ok(attempt)
    }

    /// Puts and deletes the memberships that are wrong. This is the only function that writes a membership without its
    /// contact; it checks the contact's version instead.
    async fn repair_memberships(
        &self,
        tenant: &Tenant,
        id: ContactId,
        inspection: &Inspection,
    ) -> Result<Attempt, Error> {
        let (contact, is_current) = match &inspection.stored {
            Held::Contact { contact, is_current, .. } => (Some(&**contact), *is_current),
            _ => (None, true),
        };
        let expected = contact.map(|contact| expected_memberships(tenant, contact)).transpose()?.unwrap_or_default();
        let mut writes = Vec::new();
        for (label, stored) in &inspection.memberships {
            let write = match (expected.get(label), stored) {
                (Some(expected), Some(stored)) if is_same(stored, expected, is_current) => continue,
                (None, None) => continue,
                (Some(expected), _) => {
                    let put = Put::builder().table_name(&self.name).set_item(Some(expected.clone())).build();
                    TransactWriteItem::builder().put(put.map_err(unbuilt)?)
                }
                (None, Some(_)) => {
                    let key = membership_key(tenant, label, id);
                    let delete = Delete::builder().table_name(&self.name).set_key(Some(key)).build();
                    TransactWriteItem::builder().delete(delete.map_err(unbuilt)?)
                }
            };
            writes.push(write.build());
        }
        writes.truncate(TRANSACTION);
        let check = self.unchanged(tenant, id, &inspection.stored)?;
        writes.insert(0, TransactWriteItem::builder().condition_check(check).build());
        self.permission_to_write().await;
        transact(&self.client, writes).await
    }

    /// The condition that a contact is as it was read.
    fn unchanged(&self, tenant: &Tenant, id: ContactId, stored: &Held) -> Result<ConditionCheck, Error> {
        let check = ConditionCheck::builder().table_name(&self.name).set_key(Some(keys::contact(tenant, id)));
        let version = match stored {
            Held::Contact { contact, .. } => Some(contact.version),
            Held::Tombstone(tombstone) => Some(tombstone.version),
            Held::Absent => None,
            Held::Unusable => return Err(Error::Unreadable("the contact has no readable version".to_owned())),
        };
        let unchanged = Unchanged::since(version);
        check
            .condition_expression(unchanged.expression)
            .set_expression_attribute_names(Some(unchanged.names))
            .set_expression_attribute_values(unchanged.values)
            .build()
            .map_err(unbuilt)
    }

    /// Puts the catalogue entry of a tag, unless it is right.
    async fn repair_tag(&self, tenant: &Tenant, tag: &Tag, pace: &mut Pace) -> Result<Repair, Error> {
        let key = keys::definition(tenant, tag);
        let mut retry = Retry::without_time_limit();
        loop {
            let stored = self.at_once(std::slice::from_ref(&key), pace).await?.pop().flatten();
            if stored.as_ref().is_some_and(|stored| is_defined(tenant, tag, stored)) {
                return Ok(Repair::NotNeeded);
            }
            // The time of the first use is kept, if it can be read.
            let created_at = stored.as_ref().and_then(first_use).unwrap_or_else(Timestamp::now);
            let put = Put::builder().table_name(&self.name).set_item(Some(items::definition(tenant, tag, created_at)?));
            // Functions never change an entry that exists.
            let condition = if stored.is_some() { "attribute_exists(#item)" } else { "attribute_not_exists(#item)" };
            let put = put.condition_expression(condition).expression_attribute_names("#item", ITEM);
            let write = TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build();
            self.permission_to_write().await;
            if retry.has_written(&transact(&self.client, vec![write]).await?).await? {
                return Ok(Repair::Repaired);
            }
        }
    }
}

/// When a tag was first used, according to an entry of the catalogue of which another part is wrong.
fn first_use(item: &Item) -> Option<Timestamp> {
    item.get("created_at")?.as_s().ok()?.parse().ok()
}
