//! What can be wrong with the items of a tenant.

use crate::model::ContactId;

/// An item that is not what the tenant's contacts say it has to be, or that should not exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// With what.
    pub place: Place,
}

/// What is wrong with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A contact has a tag, and no membership for it: searches by the tag do not find the contact.
    MissingMembership,
    /// A membership differs from its contact: searches by the tag show or match old values.
    StaleMembership,
    /// A membership of a contact that does not have the tag: searches by the tag find the contact.
    ExtraMembership,
    /// A membership of a contact that does not exist or has been deleted: searches by the tag show what it was.
    OrphanedMembership,
    /// Index attributes of a contact differ from its fields: look-ups by address and searches miss it, find it by
    /// old values, or list it in the wrong place.
    WrongIndexAttributes,
    /// The item of a deleted contact still has attributes of the contact. Searches list it if they are index attributes.
    TombstoneWithData,
    /// The redirect of a former id leads to no contact: look-ups by the id find nothing.
    DanglingRedirect,
    /// A contact whose id is not the one of its phone number, or not the one of its key.
    WrongId,
    /// A contact that functions cannot read. Calls about it fail with 500, and searches leave it out.
    UnreadableContact,
    /// A contact has a tag that is not in the tag catalogue: `list-tags` does not show it.
    MissingTag,
    /// An entry of the tag catalogue that cannot be read, or whose id or name is not that of its tag.
    WrongTag,
    /// An item that no function writes. Functions do not read it.
    UnknownItem,
}

/// What a finding is about. It names no person, but a tag is data of the tenant, and the key of an unknown item is
/// whatever its writer chose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A contact.
    Contact(ContactId),
    /// A membership.
    Membership {
        /// The id in its key.
        contact: ContactId,
        /// The label in its key.
        label: String,
    },
    /// An entry of the tag catalogue, by the tag.
    Tag(String),
    /// Any other item, by its sort key.
    Item(String),
}

impl Finding {
    pub(super) fn new(kind: FindingKind, place: Place) -> Self {
        Finding { kind, place }
    }

    /// The contact that it is about, if it is about one.
    pub fn contact(&self) -> Option<ContactId> {
        match &self.place {
            Place::Contact(contact) | Place::Membership { contact, .. } => Some(*contact),
            Place::Tag(_) | Place::Item(_) => None,
        }
    }

    /// The tag that it is about. `None` also for the membership that lists a contact whose name or address looks like a
    /// number, because that one has no tag.
    pub fn tag(&self) -> Option<&str> {
        match &self.place {
            Place::Membership { label, .. } => tag_of(label),
            Place::Tag(tag) => Some(tag),
            Place::Contact(_) | Place::Item(_) => None,
        }
    }
}

impl FindingKind {
    /// All kinds.
    pub const ALL: [FindingKind; 12] = [
        FindingKind::MissingMembership,
        FindingKind::StaleMembership,
        FindingKind::ExtraMembership,
        FindingKind::OrphanedMembership,
        FindingKind::WrongIndexAttributes,
        FindingKind::TombstoneWithData,
        FindingKind::DanglingRedirect,
        FindingKind::WrongId,
        FindingKind::UnreadableContact,
        FindingKind::MissingTag,
        FindingKind::WrongTag,
        FindingKind::UnknownItem,
    ];

    /// The name in documents: `missing_membership`.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::MissingMembership => "missing_membership",
            FindingKind::StaleMembership => "stale_membership",
            FindingKind::ExtraMembership => "extra_membership",
            FindingKind::OrphanedMembership => "orphaned_membership",
            FindingKind::WrongIndexAttributes => "wrong_index_attributes",
            FindingKind::TombstoneWithData => "tombstone_with_data",
            FindingKind::DanglingRedirect => "dangling_redirect",
            FindingKind::WrongId => "wrong_id",
            FindingKind::UnreadableContact => "unreadable_contact",
            FindingKind::MissingTag => "missing_tag",
            FindingKind::WrongTag => "wrong_tag",
            FindingKind::UnknownItem => "unknown_item",
        }
    }

    /// Whether [`repair`](crate::store::ContactsTable::repair) can put it right. The rest needs a decision about data
    /// that is stored nowhere else.
    pub fn is_repairable(self) -> bool {
        !matches!(self, FindingKind::WrongId | FindingKind::UnreadableContact | FindingKind::UnknownItem)
    }
}

/// The tag that a label stands for; `None` for a built-in label.
pub(super) fn tag_of(label: &str) -> Option<&str> {
    match label.strip_prefix('*') {
        None => Some(label),
        Some("" | "+") => None,
        Some(tag) => Some(tag),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::keys::Label;
    use super::*;
    use crate::model::Tag;

    #[test]
    fn labels_are_the_tags_that_they_were_made_of() {
        for text in ["vip", "*", "*+", "**", "+", "a#b"] {
            let tag: Tag = text.parse().unwrap();
            assert_eq!(tag_of(&Label::Tag(&tag).text()), Some(text));
        }
        for label in [Label::AllContacts, Label::LooksLikeNumber] {
            assert_eq!(tag_of(&label.text()), None);
        }
    }
}
