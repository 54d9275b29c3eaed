//! `list_contacts`: contacts, the most recently active first, page by page.
//!
//! A page is found by reading all contacts before it, in the order of search-contacts: an index has no page numbers. A page
//! number is therefore refused where more than [`DEEPEST`] contacts would have to be read. How many contacts there are in all
//! is known only where the last page has been reached; before, it would cost reading all of them.

use contacts::model::{ContactId, Email, Name, Phone, SearchQuery, SearchRow, Source, Tags, Timestamp};
use contacts::store::{ContactsTable, Search, Window};
use serde::Serialize;

use crate::action::{Action, Call, Reply};
use crate::error::Error;
use crate::input::{Input, Invalid};
use crate::tag_filter::TagFilter;

/// The number of the last contact that can be on a page. It bounds the cost of a page, some 230 read units, and what the
/// function holds in memory.
const DEEPEST: u32 = 5_000;

pub(super) struct ListContacts {
    search: Option<SearchQuery>,
    tag: Option<TagFilter>,
    opted_in_only: bool,
    page: u32,
    per_page: u32,
}

#[derive(Serialize)]
pub(super) struct Answer {
    data: Vec<Listed>,
    meta: Meta,
}

#[derive(Serialize)]
struct Listed {
    id: ContactId,
    phone: Phone,
    name: Option<Name>,
    email: Option<Email>,
    source: Source,
    tags: Tags,
    opted_out_at: Option<Timestamp>,
    last_message_at: Option<Timestamp>,
    created_at: Timestamp,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Meta {
    current_page: u32,
    last_page: Option<u32>,
    per_page: u32,
    total: Option<u32>,
    has_more: bool,
}

impl From<SearchRow> for Listed {
    fn from(row: SearchRow) -> Self {
        Listed {
            id: row.id,
            phone: row.phone,
            name: row.name,
            email: row.email,
            source: row.source,
            tags: row.tags,
            opted_out_at: row.opted_out_at,
            last_message_at: row.last_message_at,
            created_at: row.created_at,
        }
    }
}

impl Action for ListContacts {
    const NAME: &'static str = "list_contacts";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let search = input.optional("search");
        let tag = input.optional("tag");
        let opted_in_only = input.boolean("opted_in_only");
        let page = input.count("page", DEEPEST);
        let per_page = input.count("per_page", 100);
        Ok(ListContacts {
            search: search?,
            tag: tag?,
            opted_in_only: opted_in_only?.unwrap_or(true),
            page: page?.unwrap_or(1),
            per_page: per_page?.unwrap_or(25),
        })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let ListContacts { search, tag, opted_in_only, page, per_page } = self;
        let end = page.saturating_mul(per_page);
        if end > DEEPEST {
            return Err(Error::Rule(
                "Pages go as far as the first 5,000 contacts. Narrow the list with search or tag.",
            ));
        }
        let Ok(tag) = TagFilter::tag(tag) else {
            return Ok(Reply::read(Answer { data: Vec::new(), meta: meta(page, per_page, 0, false) }));
        };
        let search = Search { query: search, tag, opted_in_only, ..Search::default() };
        let window = Window { limit: end as usize, ..Window::default() };
        let found = table.search(&call.tenant, &search, window).await?;
        let count = u32::try_from(found.rows.len()).unwrap_or(u32::MAX);
        let meta = meta(page, per_page, count, found.next.is_some());
        let page = found.rows.into_iter().skip((end - per_page) as usize).take(per_page as usize);
        Ok(Reply::read(Answer { data: page.map(Listed::from).collect(), meta }))
    }
}

/// What is known about the pages after the first `found` contacts.
fn meta(page: u32, per_page: u32, found: u32, has_more: bool) -> Meta {
    let total = (!has_more).then_some(found);
    let last_page = total.map(|total| total.div_ceil(per_page).max(1));
    Meta { current_page: page, last_page, per_page, total, has_more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_known_at_the_end_only() {
        for (page, per_page, found, last_page, total, has_more) in [
            (1, 25, 0, Some(1), Some(0), false),
            (1, 25, 25, Some(1), Some(25), false),
            (1, 25, 25, None, None, true),
            (2, 25, 26, Some(2), Some(26), false),
            (7, 10, 21, Some(3), Some(21), false),
            (50, 100, 5_000, None, None, true),
        ] {
            let expected = Meta { current_page: page, last_page, per_page, total, has_more };
            assert_eq!(meta(page, per_page, found, has_more), expected);
        }
    }
}
