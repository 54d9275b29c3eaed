//! What is asked of searches and of the tag catalogue, and what they return: criteria, windows, and cursors of positions.

use crate::model::{Cursor, CursorKey, Email, Position, SearchQuery, SearchRow, Tag, TagDefinition, Tenant, Violation};

/// The search criteria. All that are given must match.
#[derive(Debug, Default)]
pub struct Search {
    /// A substring of name, phone number or email address.
    pub query: Option<SearchQuery>,
    /// An exact tag.
    pub tag: Option<Tag>,
    /// An exact email address, ignoring case.
    pub email: Option<Email>,
    /// Whether contacts that have opted out are left out.
    pub opted_in_only: bool,
}

/// Which of the matching contacts to return.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The contacts after this position; `None` for the first ones.
    pub after: Option<Position>,
    /// How many contacts at most; at least 1.
    pub limit: usize,
    /// Whether to return fewer contacts than there are, or none, when the search takes longer than 20 s. The caller has to
    /// continue at [`SearchPage::next`]. Otherwise such a search goes on and fails if DynamoDB throttles it for 25 s.
    pub may_be_short: bool,
}

/// Matching contacts, most recently active first.
#[derive(Debug, Default)]
pub struct SearchPage {
    /// The contacts.
    pub rows: Vec<SearchRow>,
    /// Where to continue. `None` if there are no more.
    pub next: Option<Position>,
}

/// The criteria for tags of the catalogue.
#[derive(Debug, Default)]
pub struct TagSearch {
    /// A substring of the tag.
    pub part: Option<SearchQuery>,
}

/// Tags of the catalogue, sorted by name without regard to case; those that differ only in case by the name itself.
#[derive(Debug)]
pub struct TagPage {
    /// The tags.
    pub tags: Vec<TagDefinition>,
    /// The last tag of the page, after which to continue. `None` if there are no more.
    pub next: Option<Tag>,
}

impl Default for Window {
    /// The first 50 contacts.
    fn default() -> Self {
        Window { after: None, limit: 50, may_be_short: false }
    }
}

impl Search {
    /// Whether a contact matches all criteria.
    pub(super) fn matches(&self, row: &SearchRow) -> bool {
        !(self.opted_in_only && row.opted_out_at.is_some())
            && self.tag.as_ref().is_none_or(|tag| row.tags.contains(tag))
            && self.email.as_ref().is_none_or(|email| row.email.as_ref().is_some_and(|stored| stored.same_as(email)))
            && self.query.as_ref().is_none_or(|query| query.matches(row))
    }

    /// The text of a position in the results of this search, for clients.
    pub fn cursor(&self, tenant: &Tenant, position: &Position) -> Cursor {
        self.cursor_key(tenant).seal(&position.bytes())
    }

    /// The position that a cursor stands for.
    ///
    /// # Errors
    /// [`Violation::NotCursor`] if [`cursor`](Self::cursor) has not made it for this tenant and these criteria.
    pub fn position(&self, tenant: &Tenant, cursor: &Cursor) -> Result<Position, Violation> {
        Position::from_bytes(&self.cursor_key(tenant).open(cursor)?).ok_or(Violation::NotCursor)
    }

    fn cursor_key(&self, tenant: &Tenant) -> CursorKey {
        let email = self.email.as_ref().map(Email::key);
        let filters = [
            self.query.as_ref().map(SearchQuery::text),
            self.query.as_ref().and_then(SearchQuery::digits),
            self.tag.as_ref().map(Tag::as_str),
            email.as_deref(),
            self.opted_in_only.then_some("opted in"),
        ];
        tenant.cursor_key("contacts", &filters)
    }
}

impl TagSearch {
    /// The text of a position in the tags of this search, for clients: after `tag`.
    pub fn cursor(&self, tenant: &Tenant, tag: &Tag) -> Cursor {
        self.cursor_key(tenant).seal(tag.as_str().as_bytes())
    }

    /// The tag after which a cursor continues.
    ///
    /// # Errors
    /// [`Violation::NotCursor`] if [`cursor`](Self::cursor) has not made it for this tenant and these criteria.
    pub fn position(&self, tenant: &Tenant, cursor: &Cursor) -> Result<Tag, Violation> {
        let tag = String::from_utf8(self.cursor_key(tenant).open(cursor)?);
        tag.ok().and_then(|tag| tag.parse().ok()).ok_or(Violation::NotCursor)
    }

    fn cursor_key(&self, tenant: &Tenant) -> CursorKey {
        tenant.cursor_key("tags", &[self.part.as_ref().map(SearchQuery::text)])
    }
}
