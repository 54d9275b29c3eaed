//! Reading all items of a tenant and comparing them with what its contacts say.
//!
//! The pages are eventually consistent, which costs half, and contacts change between them. What differs is therefore
//! only suspicious, and [`inspect`](super::inspect) decides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::sleep;

use super::census::{Census, Match};
use super::finding::{Finding, FindingKind, Place, tag_of};
use super::inspect::{self, Held};
use super::pace::Pace;
use crate::model::{ContactId, Tag, TagDefinition, Tenant};
use crate::store::contacts_table::ContactsTable;
use crate::store::error::Error;
use crate::store::items;
use crate::store::keys::{self, ANSWER, CONTACT, DEFINITION, Item, MEMBERSHIP, sort_key};
use crate::store::query::Range;

/// How many contacts are suspicious before they are inspected. It bounds the memory.
const MAX_SUSPICIOUS: usize = 500;

/// How long the catalogue entry of a tag may be written after the contact with the tag: the time of the retries.
const CATALOGUE_DELAY: Duration = Duration::from_secs(10);

/// The sort keys that no kind of item has: those beside `answer#`, `contact#`, `event#`, `tag#` and `tagdef#`. `$` follows `#`. The
/// upper bounds are included, but no item has them as its key.
const ELSEWHERE: [Range<'_>; 6] = [
    Range::Below(ANSWER),
    Range::Between("answer$", CONTACT),
    Range::Between("contact$", "event#"),
    Range::Between("event$", MEMBERSHIP),
    Range::Between("tag$", DEFINITION),
    Range::From("tagdef$"),
];

/// The result of a verification.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// How many items were read.
    pub counts: Counts,
    /// What is wrong, each once, by kind.
    pub findings: Vec<Finding>,
    /// The memory in bytes that was needed to compare memberships with their contacts, approximately.
    pub bytes: usize,
}

/// How many items were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Contacts, without those deleted.
    pub contacts: u64,
    /// Deleted contacts, of which a tombstone is stored.
    pub tombstones: u64,
    /// Former ids of contacts whose number was changed, of which a redirect is stored.
    pub redirects: u64,
    /// Memberships.
    pub memberships: u64,
    /// Entries of the tag catalogue.
    pub tags: u64,
    /// Contacts in the layout of an earlier version. Functions read them, and write today's when they next change them.
    pub earlier_layout: u64,
    /// Contacts whose items were read again, because they seemed to be wrong or were changed meanwhile.
    pub inspected: u64,
}

/// A verification in progress.
struct Pass<'a> {
    table: &'a ContactsTable,
    tenant: &'a Tenant,
    pace: &'a mut Pace,
    progress: &'a mut (dyn FnMut(&Counts, f64) + Send),
    counts: Counts,
    census: Census,
    /// Contacts that do not seem to be right, with the labels of their suspicious memberships.
    suspicious: BTreeMap<ContactId, BTreeSet<String>>,
    /// Former ids, and the ids to which their redirects lead.
    redirects: Vec<(ContactId, ContactId)>,
    findings: BTreeSet<Finding>,
}

/// A Query whose pages are read one after the other.
struct Pages<'a> {
    range: Range<'a>,
    keys_only: bool,
    /// The key after which the next page begins; `None` for the first page.
    from: Option<Item>,
    /// Whether the last page was read.
    is_over: bool,
}

impl<'a> Pages<'a> {
    fn new(range: Range<'a>) -> Self {
        Pages { range, keys_only: false, from: None, is_over: false }
    }
}

impl ContactsTable {
    /// Compares all items of a tenant with what its contacts say. The tenant may be in use: what is reported was wrong
    /// at one instant, and nothing is reported because of a change. Recorded events are not read, because functions
    /// only ask whether one exists.
    ///
    /// `progress` is called after each page with the counts and the read units so far.
    ///
    /// Cost: one Query for each 250 contacts, memberships and tags, and five for all other keys, eventually consistent:
    /// 0.5 read units for each 4 KB, and one or two TransactGetItems for each contact that is inspected. The memory is
    /// 32 bytes for each contact, and for each redirect while contacts are read, 4 for each membership, some 200 for each
    /// finding, and the tags.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Conflict`] when a request fails for a minute;
    /// [`Error::Internal`].
    pub async fn verify(
        &self,
        tenant: &Tenant,
        pace: &mut Pace,
        progress: &mut (dyn FnMut(&Counts, f64) + Send),
    ) -> Result<Verification, Error> {
        let mut pass = Pass {
            table: self,
            tenant,
            pace,
            progress,
            counts: Counts::default(),
            census: Census::default(),
            suspicious: BTreeMap::new(),
            redirects: Vec::new(),
            findings: BTreeSet::new(),
        };
        pass.contacts().await?;
        pass.redirects().await?;
        pass.memberships().await?;
        pass.catalogue().await?;
        pass.elsewhere().await?;
        let bytes = pass.census.bytes();
        Ok(Verification { counts: pass.counts, findings: pass.findings.into_iter().collect(), bytes })
    }
}

impl Pass<'_> {
    /// Reads all contacts.
    async fn contacts(&mut self) -> Result<(), Error> {
        let mut pages = Pages::new(Range::Prefix(CONTACT));
        while let Some(items) = self.page(&mut pages).await? {
            for item in items {
                match keys::contact_of(sort_key(&item)) {
                    Some(id) => self.contact(id, item)?,
                    None => self.unknown(&item),
                }
            }
            self.inspect_if(MAX_SUSPICIOUS).await?;
        }
        Ok(())
    }

    fn contact(&mut self, id: ContactId, item: Item) -> Result<(), Error> {
        let (stored, problem) = inspect::read(self.tenant, id, Some(item))?;
        if problem.is_some() {
            self.suspicious.entry(id).or_default();
        }
        match stored {
            Held::Absent => {}
            // Its memberships are those of a contact that does not exist.
            Held::Tombstone(tombstone) => match tombstone.moved_to {
                None => self.counts.tombstones += 1,
                Some(to) => {
                    self.counts.redirects += 1;
                    self.redirects.push((id, to));
                }
            },
            Held::Unusable => {
                self.counts.contacts += 1;
                self.census.add_opaque(id);
            }
            Held::Contact { contact, is_current, .. } => {
                self.counts.contacts += 1;
                self.counts.earlier_layout += u64::from(!is_current);
                let labels = items::labels(&contact);
                let labels: Vec<_> = labels.iter().map(|label| label.text()).collect();
                let labels: Vec<&str> = labels.iter().map(|label| &**label).collect();
                self.census.add(id, &labels, &items::search_row(&contact)?, is_current);
            }
        }
        Ok(())
    }

    /// Finds the redirects that lead to no contact.
    async fn redirects(&mut self) -> Result<(), Error> {
        for (id, to) in std::mem::take(&mut self.redirects) {
            if !self.census.has(to) {
                self.counts.inspected += 1;
                self.findings.extend(self.table.inspect_redirect(self.tenant, id, self.pace).await?);
            }
        }
        Ok(())
    }

    /// Reads all memberships, and finds those that are missing.
    async fn memberships(&mut self) -> Result<(), Error> {
        let mut pages = Pages::new(Range::Prefix(MEMBERSHIP));
        while let Some(items) = self.page(&mut pages).await? {
            self.counts.memberships += items.len() as u64;
            for item in items {
                let Some((label, id)) = keys::membership_of(sort_key(&item)) else {
                    self.unknown(&item);
                    continue;
                };
                if self.census.compare(id, label, &item) == Match::Suspicious {
                    self.suspicious.entry(id).or_default().insert(label.to_owned());
                }
            }
            self.inspect_if(MAX_SUSPICIOUS).await?;
        }
        self.inspect_if(1).await?;
        let unseen: Vec<(ContactId, Vec<String>)> = self.census.unseen().collect();
        for (id, labels) in unseen {
            self.suspicious.entry(id).or_default().extend(labels);
            self.inspect_if(MAX_SUSPICIOUS).await?;
        }
        self.inspect_if(1).await
    }

    /// Reads the tag catalogue, and finds the tags of contacts that are not in it.
    async fn catalogue(&mut self) -> Result<(), Error> {
        let mut undefined: BTreeSet<String> = self.census.label_names().filter_map(tag_of).map(str::to_owned).collect();
        let mut suspicious = Vec::new();
        let mut pages = Pages::new(Range::Prefix(DEFINITION));
        while let Some(items) = self.page(&mut pages).await? {
            self.counts.tags += items.len() as u64;
            for item in items {
                let name = sort_key(&item).strip_prefix(DEFINITION).unwrap_or_default();
                // The parser trims; the key of another spelling is that of another item.
                let Some(tag) = name.parse().ok().filter(|tag: &Tag| tag.as_str() == name) else {
                    self.unknown(&item);
                    continue;
                };
                undefined.remove(name);
                if !is_defined(self.tenant, &tag, &item) {
                    suspicious.push(tag);
                }
            }
        }
        for tag in suspicious {
            if let Some(item) = self.definition(&tag).await?
                && !is_defined(self.tenant, &tag, &item)
            {
                self.find(FindingKind::WrongTag, Place::Tag(tag.as_str().to_owned()));
            }
        }
        let mut waited = false;
        for name in undefined {
            // Every tag of a contact can be parsed, because the contact could be read.
            let Ok(tag) = name.parse::<Tag>() else { continue };
            if self.definition(&tag).await?.is_some() {
                continue;
            }
            if !waited {
                sleep(CATALOGUE_DELAY).await;
                waited = true;
            }
            if self.definition(&tag).await?.is_none() {
                self.find(FindingKind::MissingTag, Place::Tag(name));
            }
        }
        Ok(())
    }

    /// Reads the keys of items of unknown kinds.
    async fn elsewhere(&mut self) -> Result<(), Error> {
        for range in ELSEWHERE {
            let mut pages = Pages { keys_only: true, ..Pages::new(range) };
            while let Some(items) = self.page(&mut pages).await? {
                for item in items {
                    self.unknown(&item);
                }
            }
        }
        Ok(())
    }

    /// Inspects the suspicious contacts, if there are that many.
    async fn inspect_if(&mut self, at_least: usize) -> Result<(), Error> {
        if self.suspicious.len() < at_least {
            return Ok(());
        }
        for (id, labels) in std::mem::take(&mut self.suspicious) {
            let labels: Vec<String> = labels.into_iter().collect();
            self.counts.inspected += 1;
            self.findings.extend(self.table.inspect(self.tenant, id, &labels, self.pace).await?);
            (self.progress)(&self.counts, self.pace.units());
        }
        Ok(())
    }

    /// The next page of a Query; `None` after the last one.
    async fn page(&mut self, pages: &mut Pages<'_>) -> Result<Option<Vec<Item>>, Error> {
        if pages.is_over {
            return Ok(None);
        }
        let Pages { range, keys_only, .. } = *pages;
        let (items, next) = self.table.items_of(self.tenant, range, pages.from.take(), keys_only, self.pace).await?;
        pages.is_over = next.is_none();
        pages.from = next;
        (self.progress)(&self.counts, self.pace.units());
        Ok(Some(items))
    }

    /// The catalogue entry of a tag, strongly consistent.
    async fn definition(&mut self, tag: &Tag) -> Result<Option<Item>, Error> {
        let key = keys::definition(self.tenant, tag);
        Ok(self.table.at_once(&[key], self.pace).await?.pop().flatten())
    }

    fn unknown(&mut self, item: &Item) {
        self.find(FindingKind::UnknownItem, Place::Item(sort_key(item).to_owned()));
    }

    fn find(&mut self, kind: FindingKind, place: Place) {
        self.findings.insert(Finding::new(kind, place));
    }
}

/// Whether an item is the catalogue entry of a tag.
pub(super) fn is_defined(tenant: &Tenant, tag: &Tag, item: &Item) -> bool {
    items::read::<TagDefinition>(item.clone())
        .is_ok_and(|stored| stored.name == *tag && stored.id == tenant.tag_id(tag))
}
