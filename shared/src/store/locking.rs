//! Optimistic locking. Every write reads a snapshot, applies its rule to it and calls [`save`](ContactsTable::save), on
//! the condition that what is stored still has the version read. When another writer was faster, the rule is applied
//! again to the state that writer left.

use std::collections::HashSet;

use super::contacts_table::ContactsTable;
use super::error::Error;
use super::outcome::Outcome;
use super::retry::Retry;
use super::snapshot::{Consistency, Target, new_call_id};
use super::transaction::Attempt;
use crate::model::{Contact, ContactKey, EventId, Stored, Timestamp};

impl ContactsTable {
    /// Writes what `rule` returns for the stored state and for the events, of the target's, that were applied before;
    /// nothing if it returns the stored state. The first read has the consistency `first_read`, the later ones are
    /// strongly consistent.
    ///
    /// # Errors
    /// The errors of `rule`; [`Error::Conflict`], [`Error::Throttled`], [`Error::Unavailable`], [`Error::Unreadable`],
    /// [`Error::Internal`].
    pub(super) async fn write<R, E>(
        &self,
        mut target: Target<'_>,
        first_read: Consistency,
        rule: R,
    ) -> Result<Written, E>
    where
        R: Fn(Option<Stored>, &HashSet<EventId>) -> Result<Stored, E> + Send + Sync,
        E: From<Error>,
    {
        let mut snapshot = self.snapshot(target, first_read).await?;
        let mut retry = Retry::new();
        let (call, named) = (new_call_id(), target.key);
        loop {
            if let Some(key) = next_key(named, target.key, snapshot.stored.as_ref()) {
                target.key = key;
                retry.pause_after_race().await?;
                snapshot = self.snapshot(target, Consistency::Strong).await?;
                continue;
            }
            let ruled = rule(snapshot.stored.clone(), &snapshot.applied);
            let changes = ruled.as_ref().is_ok_and(|new| snapshot.stored.as_ref() != Some(new));
            // DynamoDB checks the version only when something is written. A decision not to write is therefore made again
            // on a strongly consistent read.
            if !changes && snapshot.consistency == Consistency::Eventual {
                snapshot = self.snapshot(target, Consistency::Strong).await?;
                continue;
            }
            let mut new = ruled?;
            let tags = new.contact().map(|contact| &contact.tags);
            let undefined = tags.map(|tags| snapshot.undefined(tags, target.tags)).unwrap_or_default();
            if !changes {
                self.define(target.tenant, undefined).await?;
                return Ok(Written { old: snapshot.stored, new, outcome: Outcome::Unchanged });
            }
            let outcome = follow(snapshot.stored.as_ref(), &mut new);
            let left = self.ended_redirects(target.tenant, snapshot.stored.as_ref(), &new).await?;
            let (attempt, undefined) = self.save(target, &snapshot, &new, &left, undefined, &call).await?;
            let refused = match attempt {
                Attempt::Written => {
                    self.define(target.tenant, undefined).await?;
                    return Ok(Written { old: snapshot.stored, new, outcome });
                }
                Attempt::Lost(item) => item,
                Attempt::Throttled => {
                    retry.pause_after_throttling().await?;
                    continue;
                }
            };
            let old = snapshot.stored.take();
            match refused {
                // The other writer may also have applied some of the events: read everything again.
                Some(item) if target.events.ids.is_empty() => {
                    snapshot.set_stored(item)?;
                    snapshot.consistency = Consistency::Strong;
                }
                _ => {
                    let target = Target { tags: new.contact().map(|contact| &contact.tags).or(target.tags), ..target };
                    snapshot = self.snapshot(target, Consistency::Strong).await?;
                }
            }
            // This call's own write was applied, but its response was lost. Other writers may have followed.
            if snapshot.is_written_by(&call) {
                self.define(target.tenant, undefined).await?;
                // A later deletion of the contact, or a later creation of the deleted one, is not this call's answer.
                let now = snapshot.stored.filter(|now| now.contact().is_some() == new.contact().is_some());
                return Ok(Written { old, new: now.unwrap_or(new), outcome });
            }
            retry.pause_after_race().await?;
        }
    }
}

/// The key to read instead of `key`, which may itself be that of a redirect, for a call that has named its contact by
/// `named`.
fn next_key(named: ContactKey, key: ContactKey, stored: Option<&Stored>) -> Option<ContactKey> {
    let next = stored.and_then(|stored| key.redirected(stored));
    match named {
        // The contact of that time was deleted while the redirect was followed. Its number is decided about under its own
        // key, where a contact can be created.
        ContactKey::NumberAt(id, _)
            if next.is_none() && key.id() != id && stored.and_then(Stored::contact).is_none() =>
        {
            Some(ContactKey::Number(id))
        }
        _ => next,
    }
}

/// What a call of [`write`](ContactsTable::write) has done.
pub(super) struct Written {
    /// What was stored before.
    pub(super) old: Option<Stored>,
    /// What is stored now; what this call has stored, if another has deleted or created the contact since.
    pub(super) new: Stored,
    pub(super) outcome: Outcome,
}

impl Written {
    /// The contact of a rule that returns contacts.
    pub(super) fn contact(self) -> Result<(Contact, Outcome), Error> {
        let contact = self.new.into_contact().ok_or_else(|| Error::Internal("a rule deleted a contact".to_owned()))?;
        Ok((contact, self.outcome))
    }
}

/// Sets what the store decides in the state that follows `old`: the version, `updated_at`, and what a new contact takes
/// over from a deleted one.
fn follow(old: Option<&Stored>, new: &mut Stored) -> Outcome {
    match (old, new) {
        (None, _) => Outcome::Created,
        (Some(Stored::Deleted(tombstone)), Stored::Contact(new)) => {
            tombstone.continue_with(new);
            Outcome::Created
        }
        (Some(Stored::Contact(old)), Stored::Contact(new)) => {
            set_version(old, new);
            Outcome::Updated
        }
        (Some(old), Stored::Deleted(tombstone)) => {
            tombstone.version = old.version() + 1;
            Outcome::Updated
        }
    }
}

/// Makes `new` the version of the contact that follows `old`.
pub(super) fn set_version(old: &Contact, new: &mut Contact) {
    new.version = old.version + 1;
    if !new.differences(old).is_empty() {
        new.updated_at = Timestamp::now();
    }
}
