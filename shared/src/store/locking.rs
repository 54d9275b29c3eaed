//! Optimistic locking. Every write reads a snapshot, applies its rule to it and calls [`save`](ContactsTable::save), on
//! the condition that what is stored still has the version read. When another writer was faster, the rule is applied
//! again to the state that writer left.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::contacts_table::ContactsTable;
use super::error::Error;
use super::outcome::{Outcome, Written};
use super::retry::Retry;
use super::seal::new_key;
use super::snapshot::{Consistency, Snapshot, Target, new_call_id};
use super::transaction::Attempt;
use crate::model::{Contact, ContactKey, EventId, Stored, Timestamp};

/// A rule, whose caller keeps its error: `None` means that it failed. So optimistic locking is compiled once, and not for
/// every rule of a function.
type Rule<'a> = &'a (dyn Fn(Option<Stored>, &HashSet<EventId>) -> Option<Stored> + Send + Sync);

impl ContactsTable {
    /// Writes what `rule` returns for the stored state and for the events, of the target's, that were applied before;
    /// nothing if it returns the stored state. The first read has the consistency `first_read`, the later ones are
    /// strongly consistent.
    ///
    /// # Errors
    /// The errors of `rule`; [`Error::Conflict`], [`Error::Throttled`], [`Error::Unavailable`], [`Error::Unreadable`],
    /// [`Error::Internal`].
    pub(super) async fn write<R, E>(&self, target: Target<'_>, first_read: Consistency, rule: R) -> Result<Written, E>
    where
        R: Fn(Option<Stored>, &HashSet<EventId>) -> Result<Stored, E> + Send + Sync,
        E: From<Error> + Send,
    {
        let snapshot = self.snapshot(target, first_read).await?;
        self.write_over(target, snapshot, rule).await
    }

    /// As [`write`](ContactsTable::write), based on a snapshot that was read already.
    ///
    /// # Errors
    /// As [`write`](ContactsTable::write).
    pub(super) async fn write_over<R, E>(&self, target: Target<'_>, snapshot: Snapshot, rule: R) -> Result<Written, E>
    where
        R: Fn(Option<Stored>, &HashSet<EventId>) -> Result<Stored, E> + Send + Sync,
        E: From<Error> + Send,
    {
        let failure = Mutex::new(None);
        let rule = |stored: Option<Stored>, applied: &HashSet<EventId>| {
            let keep = |error| *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            rule(stored, applied).map_err(keep).ok()
        };
        if let Some(written) = self.write_by(target, snapshot, &rule).await? {
            return Ok(written);
        }
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        Err(failure.unwrap_or_else(|| Error::Internal("a rule failed without an error".to_owned()).into()))
    }

    /// `None` if the rule failed.
    async fn write_by(
        &self,
        mut target: Target<'_>,
        mut snapshot: Snapshot,
        rule: Rule<'_>,
    ) -> Result<Option<Written>, Error> {
        let mut retry = Retry::new();
        let (call, named) = (new_call_id(), target.key);
        loop {
            if let Some(done) = self.done_before(target, &mut snapshot, &call).await? {
                return Ok(Some(done));
            }
            if let Some(key) = next_key(named, target.key, snapshot.stored.as_ref()) {
                target.key = key;
                retry.pause_after_race().await?;
                snapshot = self.snapshot(target, Consistency::Strong).await?;
                continue;
            }
            let ruled = rule(snapshot.stored.clone(), &snapshot.applied);
            let changes = ruled.as_ref().is_some_and(|new| snapshot.stored.as_ref() != Some(new));
            // DynamoDB checks the version only when something is written. A decision not to write is therefore made again
            // on a strongly consistent read.
            if !changes && snapshot.consistency == Consistency::Eventual {
                snapshot = self.snapshot(target, Consistency::Strong).await?;
                continue;
            }
            let Some(mut new) = ruled else { return Ok(None) };
            let tags = new.contact().map(|contact| &contact.tags);
            let undefined = tags.map(|tags| snapshot.undefined(tags, target.tags)).unwrap_or_default();
            // The result of a call with an idempotency key is sealed with a key that the contact's item holds.
            let lacks_key = self.once.is_some() && snapshot.answer_key.is_none() && new.contact().is_some();
            if !changes && !lacks_key {
                self.define(target.tenant, undefined).await?;
                if self.record_unchanged(target, &snapshot, &new, &call).await? {
                    let old = snapshot.stored;
                    return Ok(Some(Written { id: target.id(), old, new, outcome: Outcome::Unchanged }));
                }
                retry.pause_after_race().await?;
                snapshot = self.snapshot(target, Consistency::Strong).await?;
                continue;
            }
            if lacks_key {
                snapshot.answer_key = Some(new_key()?);
            }
            let followed = follow(snapshot.stored.as_ref(), &mut new);
            let outcome = if changes { followed } else { Outcome::Unchanged };
            let left = self.ended_redirects(target.tenant, snapshot.stored.as_ref(), &new).await?;
            let (attempt, undefined) = self.save(target, &snapshot, (&new, outcome), &left, undefined, &call).await?;
            let refused = match attempt {
                Attempt::Written => {
                    self.define(target.tenant, undefined).await?;
                    if let Some(once) = &self.once {
                        once.carried_out();
                    }
                    return Ok(Some(Written { id: target.id(), old: snapshot.stored, new, outcome }));
                }
                Attempt::Lost(item) => item,
                Attempt::Throttled => {
                    if lacks_key {
                        // Nothing was written, so the contact still has none.
                        snapshot.answer_key = None;
                    }
                    retry.pause_after_throttling().await?;
                    continue;
                }
            };
            let old = snapshot.stored.take();
            match refused {
                // The other writer may also have applied some of the events, or be the same call: read everything again.
                Some(item) if target.events.ids.is_empty() && self.once.is_none() => {
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
                if self.once.is_some() {
                    // The result was recorded with the write.
                    continue;
                }
                // A later deletion of the contact, or a later creation of the deleted one, is not this call's answer.
                let now = snapshot.stored.filter(|now| now.contact().is_some() == new.contact().is_some());
                return Ok(Some(Written { id: target.id(), old, new: now.unwrap_or(new), outcome }));
            }
            retry.pause_after_race().await?;
        }
    }
}

impl ContactsTable {
    /// The result of the call, if it has an idempotency key and was carried out before. Catalogue entries of its tags that
    /// could not be written then are written now.
    async fn done_before(
        &self,
        target: Target<'_>,
        snapshot: &mut Snapshot,
        call: &str,
    ) -> Result<Option<Written>, Error> {
        let Some(once) = &self.once else { return Ok(None) };
        // An outdated read may show a contact that was deleted since, whose results are not readable any more, and may miss
        // the key of the contact or its move to another id.
        if snapshot.recorded.is_some() && snapshot.consistency == Consistency::Eventual {
            *snapshot = self.snapshot(target, Consistency::Strong).await?;
        }
        let done = match (once.recall(snapshot, call), snapshot.stored.as_ref().and_then(Stored::moved_to)) {
            // The contact has another number now, and has taken its key along.
            (Err(Error::AnswerGone), Some(id)) => {
                let there = self.snapshot(Target::new(target.tenant, id, None), Consistency::Strong).await?;
                once.recall(&there, call)
            }
            (done, _) => done,
        };
        let Some(done) = done? else { return Ok(None) };
        let tags = target.tags.into_iter().flat_map(|tags| tags.iter());
        self.define(target.tenant, tags.filter(|tag| !snapshot.defined.contains(*tag)).cloned().collect()).await?;
        Ok(Some(done))
    }

    /// Records the result of a call with an idempotency key that changes nothing. `false` if another call with the key was
    /// faster.
    async fn record_unchanged(
        &self,
        target: Target<'_>,
        snapshot: &Snapshot,
        unchanged: &Stored,
        call: &str,
    ) -> Result<bool, Error> {
        let Some(once) = &self.once else { return Ok(true) };
        let result = (target.id(), unchanged, Outcome::Unchanged);
        let put = once.record(&self.name, target.tenant, result, snapshot.answer_key.as_ref(), call)?;
        match self.put_alone(target.tenant, put).await? {
            Attempt::Written => once.carried_out(),
            Attempt::Lost(_) => return Ok(false),
            Attempt::Throttled => return Err(Error::Throttled),
        }
        Ok(true)
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
