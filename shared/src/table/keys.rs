//! Keys: where things are in the table, and what the indexes are called.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::access::Tenant;
use crate::contact::{ContactId, EventId, Tag};

/// An item, or its key, as DynamoDB has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Partition key of the table and of every index.
pub(super) const TENANT_ID: &str = "tenant_id";
/// Sort key of the table.
pub(super) const ITEM: &str = "item";

/// Second since 1970 from which DynamoDB removes an item.
pub(super) const EXPIRES_AT: &str = "expires_at";

/// What the sort keys of contacts begin with.
pub(super) const CONTACT: &str = "contact#";

/// What the sort keys of definitions begin with.
pub(super) const DEFINITION: &str = "tagdef#";

/// Random, another one for every call that writes a contact: tells its write from others' like it.
pub(super) const WRITE_ID: &str = "write_id";

/// Contacts by number: `(tenant_id, phone_key)`, keys only.
pub(super) const PHONE_INDEX: &str = "phone";
pub(super) const PHONE_KEY: &str = "phone_key";

/// Contacts by address: `(tenant_id, email_key)`, keys only.
pub(super) const EMAIL_INDEX: &str = "email";
pub(super) const EMAIL_KEY: &str = "email_key";

/// Contacts by tag, in order of activity: `(tenant_id, tag)` / `(active_at, id)`, the search row.
pub(super) const TAG_INDEX: &str = "tag";
pub(super) const TAG: &str = "tag";
pub(super) const ACTIVE_AT: &str = "active_at";
pub(super) const SEARCH_TEXT: &str = "search_text";

/// What the tag index knows a contact under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label<'a> {
    /// Every contact. On the contact itself, no membership needed.
    Everyone,
    /// A tag the contact has.
    Tag(&'a Tag),
    /// Name or address could be taken for the start of a number: see [`search`](super::search).
    LooksLikeNumber,
}

impl<'a> Label<'a> {
    /// The text in keys and in the index. A tag that begins with `*` gets another one, so that no
    /// tag of a tenant's is taken for one of ours.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Label::Everyone => "*".into(),
            Label::LooksLikeNumber => "*+".into(),
            Label::Tag(tag) if tag.as_str().starts_with('*') => format!("*{}", tag.as_str()).into(),
            Label::Tag(tag) => tag.as_str().into(),
        }
    }
}

/// `contact#<id>`: a contact.
pub(super) fn contact(tenant: &Tenant, id: ContactId) -> Item {
    key(tenant, format!("{CONTACT}{id}"))
}

/// `tag#<label>#<id>`: that the index knows a contact under a label. The id has a fixed length, so
/// a `#` in a tag leaves no doubt.
pub(super) fn membership(tenant: &Tenant, label: Label<'_>, id: ContactId) -> Item {
    key(tenant, format!("tag#{}#{id}", label.text()))
}

/// `tagdef#<tag>`: a tag the tenant has used.
pub(super) fn definition(tenant: &Tenant, tag: &Tag) -> Item {
    key(tenant, format!("{DEFINITION}{}", tag.as_str()))
}

/// `event#<kind>#<id>`: an event that was applied.
pub(super) fn event(tenant: &Tenant, kind: &str, id: &EventId) -> Item {
    key(tenant, format!("event#{kind}#{}", id.as_str()))
}

/// A string attribute.
pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn key(tenant: &Tenant, item: String) -> Item {
    HashMap::from([(TENANT_ID.to_owned(), s(tenant.id().to_string())), (ITEM.to_owned(), s(item))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tag_is_taken_for_a_label_of_ours() {
        let texts: Vec<Tag> = ["*", "*+", "**", "**+", "+"].map(|tag| tag.parse().unwrap()).into();
        let mut labels: Vec<Cow<str>> = texts.iter().map(|tag| Label::Tag(tag).text()).collect();
        labels.extend([Label::Everyone.text(), Label::LooksLikeNumber.text()]);
        let all = labels.len();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), all);
    }
}
