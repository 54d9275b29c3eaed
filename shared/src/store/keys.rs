//! Keys of the items, and names of attributes and indexes.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::model::{ContactId, EventId, Tag, Tenant};

/// A DynamoDB item, or the key of one.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Partition key of the table and of the indexes `phone` and `email`, and the first attribute of the
/// two-attribute partition key of the index `tag`.
pub(super) const TENANT_ID: &str = "tenant_id";
/// Sort key of the table.
pub(super) const ITEM: &str = "item";

/// The id of a contact or a tag.
pub(super) const ID: &str = "id";

/// TTL attribute: Unix time in seconds; DynamoDB deletes the item within days after it.
pub(super) const EXPIRES_AT: &str = "expires_at";

/// Prefix of the sort keys of contacts.
pub(super) const CONTACT: &str = "contact#";

/// Prefix of the sort keys of results of calls with an idempotency key.
pub(super) const ANSWER: &str = "answer#";

/// Prefix of the sort keys of memberships.
pub(super) const MEMBERSHIP: &str = "tag#";

/// Prefix of the sort keys of tag catalogue entries.
pub(super) const DEFINITION: &str = "tagdef#";

/// The last writes of a contact, the latest first: the random ids of the calls, with times. After a lost response, a call
/// finds out whether its own write was applied, even if other writers have followed.
pub(super) const WRITE_IDS: &str = "write_ids";

/// The random key with which the results of calls about a contact are sealed: 32 bytes. It is deleted with the contact,
/// which makes them unreadable, and moves with it to another id. Contacts that no call with an idempotency key has been
/// about have none.
pub(super) const ANSWER_KEY: &str = "answer_key";

/// When a contact was deleted or left its id. Only tombstones and redirects have it.
pub(super) const DELETED_AT: &str = "deleted_at";

/// The id from which a contact has moved here, and the names of the fields that the same write has changed. Only the write
/// that moves a contact stores them; the next one leaves them out. The change feed reads them.
pub(super) const MOVED_FROM: &str = "moved_from";
pub(super) const MOVED_FIELDS: &str = "moved_fields";

/// Contacts by phone number: `tenant_id` / `phone_key`, keys only.
pub(super) const PHONE_INDEX: &str = "phone";
pub(super) const PHONE_KEY: &str = "phone_key";

/// Contacts by email address, the oldest first: `tenant_id` / `(email_key, created_at, id)`, keys only.
pub(super) const EMAIL_INDEX: &str = "email";
pub(super) const EMAIL_KEY: &str = "email_key";

/// Contacts by label in order of activity: `(tenant_id, tag)` / `(active_at, id)`, with the search row.
pub(super) const TAG_INDEX: &str = "tag";
pub(super) const TAG: &str = "tag";
pub(super) const ACTIVE_AT: &str = "active_at";
pub(super) const SEARCH_TEXT: &str = "search_text";

/// What the tag index lists a contact under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label<'a> {
    /// All contacts of the tenant. Stored on the contact item itself, so it needs no membership.
    AllContacts,
    /// A tag of the contact.
    Tag(&'a Tag),
    /// Contacts whose name or email address contains the beginning of a phone number: see
    /// [`search`](super::search).
    LooksLikeNumber,
}

impl<'a> Label<'a> {
    /// The text used in keys and in the index. A tag that begins with `*` gets a second `*`, so that it
    /// differs from the built-in labels.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Label::AllContacts => "*".into(),
            Label::LooksLikeNumber => "*+".into(),
            Label::Tag(tag) if tag.as_str().starts_with('*') => format!("*{}", tag.as_str()).into(),
            Label::Tag(tag) => tag.as_str().into(),
        }
    }
}

/// `contact#<id>`: a contact, the tombstone of a deleted one, or the redirect of one that has another id now.
pub(super) fn contact(tenant: &Tenant, id: ContactId) -> Item {
    key(tenant, format!("{CONTACT}{id}"))
}

/// `tag#<label>#<id>`: a membership. The id has a fixed length, so a `#` in a tag is unambiguous.
pub(super) fn membership(tenant: &Tenant, label: Label<'_>, id: ContactId) -> Item {
    key(tenant, format!("{MEMBERSHIP}{}#{id}", label.text()))
}

/// `tagdef#<tag>`: an entry of the tag catalogue.
pub(super) fn definition(tenant: &Tenant, tag: &Tag) -> Item {
    key(tenant, format!("{DEFINITION}{}", tag.as_str()))
}

/// `event#<kind>#<keyed hash of the id>`: an applied event. The id itself is not stored, because it can contain personal
/// data: WhatsApp's message ids contain the phone number in base64.
pub(super) fn event(tenant: &Tenant, kind: &str, id: &EventId) -> Item {
    key(tenant, format!("event#{kind}#{}", tenant.event_id(kind, id)))
}

/// `event#<kind>#<id>`: an applied event, as versions before the layout `09` recorded it.
pub(super) fn event_by_plain_id(tenant: &Tenant, kind: &str, id: &EventId) -> Item {
    key(tenant, format!("event#{kind}#{}", id.as_str()))
}

/// `answer#<keyed hash of the call>`: the result of a call with an idempotency key.
pub(super) fn answer(tenant: &Tenant, call: Uuid) -> Item {
    key(tenant, format!("{ANSWER}{call}"))
}

/// A string attribute.
pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// The sort key of an item of the contacts table, all of which have one; empty for any other item.
pub(super) fn sort_key(item: &Item) -> &str {
    item.get(ITEM).and_then(|key| key.as_s().ok()).map_or("", String::as_str)
}

/// The contact that the sort key of a contact's item names; `None` for any other sort key.
pub(super) fn contact_of(sort_key: &str) -> Option<ContactId> {
    canonical(sort_key.strip_prefix(CONTACT)?)
}

/// The label and the contact that the sort key of a membership names; `None` for any other sort key.
pub(super) fn membership_of(sort_key: &str) -> Option<(&str, ContactId)> {
    let (label, id) = sort_key.strip_prefix(MEMBERSHIP)?.rsplit_once('#')?;
    Some((label, canonical(id)?))
}

/// An id in the spelling of keys. Other spellings are keys of other items.
fn canonical(text: &str) -> Option<ContactId> {
    text.parse().ok().filter(|id: &ContactId| id.to_string() == text)
}

fn key(tenant: &Tenant, item: String) -> Item {
    HashMap::from([(TENANT_ID.to_owned(), s(tenant.id().to_string())), (ITEM.to_owned(), s(item))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_never_collide_with_built_in_labels() {
        let texts: Vec<Tag> = ["*", "*+", "**", "**+", "+"].map(|tag| tag.parse().unwrap()).into();
        let mut labels: Vec<Cow<str>> = texts.iter().map(|tag| Label::Tag(tag).text()).collect();
        labels.extend([Label::AllContacts.text(), Label::LooksLikeNumber.text()]);
        let all = labels.len();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), all);
    }

    const CONTACT_ID: &str = "d6f0d85e-0a0b-5c1d-9e2f-3a4b5c6d7e8f";

    #[test]
    fn keys_are_parsed_in_the_spelling_of_functions_only() {
        let id: ContactId = CONTACT_ID.parse().unwrap();
        let upper = CONTACT_ID.to_uppercase();
        for (key, expected) in [
            (format!("tag#vip#{CONTACT_ID}"), Some(("vip", id))),
            (format!("tag#a#b#{CONTACT_ID}"), Some(("a#b", id))),
            (format!("tag#*+#{CONTACT_ID}"), Some(("*+", id))),
            (format!("tag##{CONTACT_ID}"), Some(("", id))),
            (format!("tag#vip#{upper}"), None),
            (format!("tag#vip#{CONTACT_ID} "), None),
            (format!("tag#{CONTACT_ID}"), None),
            ("tag#vip#".to_owned(), None),
            ("tag#é#é".to_owned(), None),
        ] {
            assert_eq!(membership_of(&key), expected, "{key}");
        }
        assert_eq!(contact_of(&format!("contact#{CONTACT_ID}")), Some(id));
        for key in ["contact#", "contact#x", &format!("contact#{upper}"), &format!("contact#{CONTACT_ID}#x")] {
            assert_eq!(contact_of(key), None, "{key}");
        }
    }
}
