//! What is remembered of each contact until its memberships are read.
//!
//! Contacts are stored in the order of their ids, memberships in the order of their labels, so both cannot be read side
//! by side. Of a contact, its id and a hash of its search row are kept, and of each of its labels a number: 32 bytes, and
//! 4 for each label. The names of the labels are kept once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::mem::size_of;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::model::ContactId;
use crate::store::keys::{ITEM, Item, TAG, TENANT_ID};

/// Attributes of a search row that memberships of earlier layouts do not have.
pub(super) const LATER: [&str; 4] = ["opted_out_at", "bot_status", "archived", "blocked"];

/// Attributes of a membership that its contact's other memberships do not share.
const OWN: [&str; 3] = [TENANT_ID, ITEM, TAG];

/// Marks a label whose membership has been read and is correct.
const SEEN: u32 = 1 << 31;

/// The contacts that have been read so far, in the order of their ids.
#[derive(Default)]
pub(super) struct Census {
    contacts: Vec<Known>,
    /// The numbers of the labels of all contacts, in the order of the contacts.
    labels: Vec<u32>,
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    /// Hashes of the search rows of contacts of earlier layouts, without the attributes of [`LATER`].
    earlier: HashMap<ContactId, u64>,
    hashes: RandomState,
}

/// A contact.
struct Known {
    id: ContactId,
    /// The hash of its search row.
    row: u64,
    /// Where its labels begin.
    labels: u32,
    /// Whether nothing can be said about its memberships, because it cannot be read.
    is_opaque: bool,
}

/// What a membership is, compared with its contact.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// As it has to be.
    Same,
    /// Not what the contact was when it was read. The contact may have changed since.
    Suspicious,
}

impl Census {
    /// Adds a contact, its labels and its search row. Ids have to ascend.
    pub(super) fn add(&mut self, id: ContactId, labels: &[&str], row: &Item, is_current: bool) {
        debug_assert!(self.contacts.last().is_none_or(|last| last.id < id));
        if !is_current {
            self.earlier.insert(id, self.hash(row, &LATER));
        }
        let known = Known { id, row: self.hash(row, &[]), labels: self.labels.len() as u32, is_opaque: false };
        self.contacts.push(known);
        for label in labels {
            let number = match self.numbers.get(*label) {
                Some(number) => *number,
                None => {
                    let (name, number): (Arc<str>, _) = ((*label).into(), self.names.len() as u32);
                    self.names.push(Arc::clone(&name));
                    self.numbers.insert(name, number);
                    number
                }
            };
            self.labels.push(number);
        }
    }

    /// Adds a contact that cannot be read, so that its memberships are not reported as well.
    pub(super) fn add_opaque(&mut self, id: ContactId) {
        self.contacts.push(Known { id, row: 0, labels: self.labels.len() as u32, is_opaque: true });
    }

    /// Whether there is a contact with this id.
    pub(super) fn has(&self, id: ContactId) -> bool {
        self.contacts.binary_search_by_key(&id, |known| known.id).is_ok()
    }

    /// Compares a membership with its contact, and remembers that it exists if it is right.
    pub(super) fn compare(&mut self, id: ContactId, label: &str, membership: &Item) -> Match {
        let Ok(place) = self.contacts.binary_search_by_key(&id, |known| known.id) else { return Match::Suspicious };
        let known = &self.contacts[place];
        if known.is_opaque {
            return Match::Same;
        }
        let number = self.numbers.get(label);
        let of_contact = self.labels_of(place);
        let slot = of_contact.clone().find(|slot| number == Some(&(self.labels[*slot] & !SEEN)));
        let Some(slot) = slot else { return Match::Suspicious };
        let hash = self.hash(membership, &[]);
        let is_label = membership.get(TAG).and_then(|tag| tag.as_s().ok()).is_some_and(|tag| tag == label);
        if is_label && (hash == known.row || self.earlier.get(&id) == Some(&hash)) {
            self.labels[slot] |= SEEN;
            Match::Same
        } else {
            Match::Suspicious
        }
    }

    /// The contacts with labels for which no right membership has been read, with those labels.
    pub(super) fn unseen(&self) -> impl Iterator<Item = (ContactId, Vec<String>)> {
        self.contacts.iter().enumerate().filter_map(|(place, known)| {
            let numbers = self.labels_of(place).map(|slot| self.labels[slot]).filter(|number| number & SEEN == 0);
            let labels: Vec<String> = numbers.map(|number| self.names[number as usize].to_string()).collect();
            (!labels.is_empty()).then_some((known.id, labels))
        })
    }

    /// The labels of all contacts, each once.
    pub(super) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The memory of what is remembered, in bytes, approximately.
    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| name.len() + 16).sum();
        self.contacts.capacity() * size_of::<Known>()
            + self.labels.capacity() * size_of::<u32>()
            + names
            + self.names.capacity() * size_of::<Arc<str>>()
            + self.numbers.capacity() * size_of::<(Arc<str>, u32)>()
            + self.earlier.capacity() * size_of::<(ContactId, u64)>()
    }

    /// Where the labels of a contact are.
    fn labels_of(&self, place: usize) -> std::ops::Range<usize> {
        let end = self.contacts.get(place + 1).map_or(self.labels.len(), |next| next.labels as usize);
        self.contacts[place].labels as usize..end
    }

    /// The hash of the attributes that all memberships of a contact share, without some of them.
    fn hash(&self, item: &Item, without: &[&str]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        let is_part = |name: &&String| !OWN.contains(&name.as_str()) && !without.contains(&name.as_str());
        let mut names: Vec<&String> = item.keys().filter(is_part).collect();
        names.sort_unstable();
        for name in names {
            name.hash(&mut hasher);
            hash_value(&item[name], &mut hasher);
        }
        hasher.finish()
    }
}

/// Values of different types have different hashes.
fn hash_value(value: &AttributeValue, hasher: &mut impl Hasher) {
    match value {
        AttributeValue::S(text) => (0_u8, text).hash(hasher),
        AttributeValue::N(number) => (1_u8, number).hash(hasher),
        AttributeValue::Bool(is) => (2_u8, is).hash(hasher),
        AttributeValue::L(values) => {
            (3_u8, values.len()).hash(hasher);
            values.iter().for_each(|value| hash_value(value, hasher));
        }
        // No search row has a value of another type.
        other => (4_u8, format!("{other:?}")).hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::s;

    fn row(attributes: &[(&str, &str)]) -> Item {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), s(*value))).collect()
    }

    fn id(n: u8) -> ContactId {
        format!("00000000-0000-5000-8000-0000000000{n:02x}").parse().unwrap()
    }

    #[test]
    fn memberships_are_compared_with_their_contacts() {
        let mut census = Census::default();
        let jane = row(&[("name", "Jane"), ("blocked", "yes")]);
        census.add(id(1), &["a", "b"], &jane, true);
        census.add_opaque(id(2));
        census.add(id(3), &["b", "c"], &jane, false);
        let membership = |label: &str, mut row: Item| {
            row.extend([(TAG.to_owned(), s(label)), (ITEM.to_owned(), s("any")), (TENANT_ID.to_owned(), s("any"))]);
            row
        };
        let earlier = row(&[("name", "Jane")]);
        let cases = [
            (1, "a", membership("a", jane.clone()), Match::Same),
            (1, "a", membership("a", row(&[("name", "Jane")])), Match::Suspicious),
            (1, "b", membership("a", jane.clone()), Match::Suspicious),
            (1, "c", membership("c", jane.clone()), Match::Suspicious),
            (1, "z", membership("z", jane.clone()), Match::Suspicious),
            (2, "z", membership("z", jane.clone()), Match::Same),
            (3, "b", membership("b", jane.clone()), Match::Same),
            (3, "c", membership("c", earlier.clone()), Match::Same),
            (4, "a", membership("a", jane.clone()), Match::Suspicious),
        ];
        for (n, label, item, expected) in cases {
            assert_eq!(census.compare(id(n), label, &item), expected, "{n} {label} {item:?}");
        }
        assert_eq!(census.unseen().collect::<Vec<_>>(), [(id(1), vec!["b".to_owned()])]);
        assert_eq!(census.label_names().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_contact_takes_few_bytes() {
        let mut census = Census::default();
        let jane = row(&[("name", "Jane")]);
        for n in 0..10_000_u32 {
            let id = format!("00000000-0000-5000-8000-0000{n:08x}").parse().unwrap();
            census.add(id, &["vip", "newsletter"], &jane, true);
        }
        assert_eq!(size_of::<Known>(), 32);
        // Vectors grow by doubling.
        assert!(census.bytes() < 10_000 * 2 * 40 + 1_000, "{}", census.bytes());
    }
}
