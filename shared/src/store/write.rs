//! Creating and changing contacts: what callers of the store use. A call names the contact and brings a rule, a pure
//! function from what is stored to what is to be stored; `locking.rs` applies it. `delete.rs` deletes contacts, and
//! `change_phone.rs` gives them another number.

use std::collections::HashSet;

use super::contacts_table::ContactsTable;
use super::error::Error;
use super::outcome::Outcome;
use super::prefetch::Basis;
use super::snapshot::{Consistency, EventIds, Target};
use crate::model::{Contact, ContactId, ContactKey, EventId, Stored, Tags, Tenant};

impl ContactsTable {
    /// The maximum number of events of one [`apply`](ContactsTable::apply). A transaction has 100 writes: the
    /// contact, at most 46 memberships and these events. The rule of `apply` must not change tags.
    /// They are read with 2 keys each, and the contact, in one BatchGetItem of 100.
    pub const MAX_EVENTS: usize = 49;

    /// Creates or changes the contact with this id: `rule` returns the new contact for the stored one. The
    /// store sets `version`, and `updated_at` if a field that clients can see differs.
    ///
    /// For a contact that was deleted, or whose number was changed, `rule` gets `None`, and the store restores the opt-out
    /// that its tombstone remembers.
    ///
    /// `tags` are the tags that the rule may add; they are looked up in the tag catalogue together with the contact.
    ///
    /// Cost: one eventually consistent GetItem (BatchGetItem with a non-empty `tags`), then one PutItem, or one
    /// TransactWriteItems if memberships or tag catalogue entries change. If nothing changes, or `rule` fails, the
    /// second request is the same read again, strongly consistent. An outdated read costs one refused write.
    ///
    /// `rule` runs again whenever another writer was faster. After a lost response, the call recognises its own
    /// write, unless 64 others have followed, or five others and 6 s; then `rule` runs on its own result. Counters therefore
    /// need [`apply`](ContactsTable::apply), which is idempotent.
    ///
    /// # Errors
    /// The errors of `rule`; [`Error::Conflict`], [`Error::Throttled`], [`Error::Unavailable`],
    /// [`Error::Unreadable`], [`Error::Internal`].
    pub async fn upsert<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Contact>) -> Result<Contact, E> + Send + Sync,
        E: From<Error> + Send,
    {
        self.upsert_over(tenant, id, tags, |stored| rule(stored.and_then(Stored::into_contact))).await
    }

    /// As [`upsert`](ContactsTable::upsert), without its first read if there is a `basis`, which was read before by
    /// [`prefetch`](ContactsTable::prefetch), with the same tags.
    ///
    /// # Errors
    /// As [`upsert`](ContactsTable::upsert).
    pub async fn upsert_on<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        basis: Option<Basis>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Contact>) -> Result<Contact, E> + Send + Sync,
        E: From<Error> + Send,
    {
        let target = Target::new(tenant, ContactKey::Number(id), tags);
        let rule = |stored: Option<Stored>, _: &_| rule(stored.and_then(Stored::into_contact)).map(Stored::Contact);
        let snapshot = match basis {
            Some(Basis(snapshot)) => snapshot,
            None => self.snapshot(target, Consistency::Eventual).await?,
        };
        self.write_over(target, snapshot, rule).await?.contact().map_err(E::from)
    }

    /// As [`upsert`](ContactsTable::upsert), with a `rule` that also sees the tombstone of a deleted contact.
    ///
    /// # Errors
    /// As [`upsert`](ContactsTable::upsert).
    pub async fn upsert_over<R, E>(
        &self,
        tenant: &Tenant,
        id: ContactId,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Option<Stored>) -> Result<Contact, E> + Send + Sync,
        E: From<Error> + Send,
    {
        let target = Target::new(tenant, ContactKey::Number(id), tags);
        let rule = |stored: Option<Stored>, _: &_| rule(stored).map(Stored::Contact);
        self.write(target, Consistency::Eventual, rule).await?.contact().map_err(E::from)
    }

    /// Changes the contact that a call names: `rule` returns the new contact for the stored one.
    ///
    /// `tags` are the tags that the rule may add; they are looked up in the tag catalogue together with
    /// the contact.
    ///
    /// Cost: one GetItem (BatchGetItem with a non-empty `tags`) and, if something changes, one PutItem, or one
    /// TransactWriteItems if memberships, tag catalogue entries or a field of the search row of a tagged
    /// contact change; one more TransactWriteItems if that many tags change that their catalogue entries do not
    /// fit. Each lost attempt adds one write request, and one read unless the refusal returned the contact.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the contact does not exist or was deleted; otherwise as [`upsert`](ContactsTable::upsert).
    pub async fn update<R, E>(
        &self,
        tenant: &Tenant,
        key: impl Into<ContactKey>,
        tags: Option<&Tags>,
        rule: R,
    ) -> Result<(Contact, Outcome), E>
    where
        R: Fn(Contact) -> Result<Contact, E> + Send + Sync,
        E: From<Error> + Send,
    {
        let target = Target::new(tenant, key, tags);
        let rule = |stored: Option<Stored>, _: &_| {
            rule(stored.and_then(Stored::into_contact).ok_or(Error::NotFound)?).map(Stored::Contact)
        };
        self.write(target, Consistency::Strong, rule).await?.contact().map_err(E::from)
    }

    /// Applies events to the contact that they name. Idempotent: each event id is applied at most once
    /// within 31 days, however often it is delivered and to however many processes.
    ///
    /// `rule` returns what to store for what is stored and the ids that were applied before. It sees the tombstone of a
    /// deleted contact, because an event that occurred before the deletion must not create the contact again; the store
    /// restores the opt-out that a tombstone remembers in a contact that replaces it. `ids` holds at most
    /// [`ContactsTable::MAX_EVENTS`] ids; ids of different kinds are independent. Events whose effect does not depend on
    /// how often they are applied need no ids.
    ///
    /// Cost: one BatchGetItem and one TransactWriteItems; without `ids` one GetItem and what
    /// [`update`](ContactsTable::update) writes; the read alone if `rule` returns what is stored, in which case no event
    /// is recorded.
    ///
    /// # Errors
    /// The errors of `rule`; otherwise as [`upsert`](ContactsTable::upsert).
    pub async fn apply<R, E>(
        &self,
        tenant: &Tenant,
        key: impl Into<ContactKey>,
        kind: &str,
        ids: &[EventId],
        rule: R,
    ) -> Result<(Stored, Outcome), E>
    where
        R: Fn(Option<Stored>, &HashSet<EventId>) -> Result<Stored, E> + Send + Sync,
        E: From<Error> + Send,
    {
        let target = Target { events: EventIds { kind, ids }, ..Target::new(tenant, key, None) };
        let written = self.write(target, Consistency::Strong, rule).await?;
        Ok((written.new, written.outcome))
    }
}
