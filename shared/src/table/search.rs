//! Search: the plan is chosen from what the request names, the cheapest first, and every plan
//! finds exactly what the walk would.
//!
//! 1. **By address**, when one is given: the email index, then the few contacts themselves.
//! 2. **By number**, when the query is the start of one (`+1 (415) 555`): the phone index, then the
//!    contacts. The same text may stand in a name or an address (`jane+1@example.com`); such
//!    contacts have a label of their own, and a walk of that label finds them. When a start fits
//!    more contacts than one batch holds, it is no plan: where many match, the walk is quick.
//! 3. **The walk**: the tag index, under the tag asked for or under everyone, most recently active
//!    first, filtered by DynamoDB, until there are enough or the index ends.
//!
//! A query that is a whole number also asks for the person behind it, whose number may be stored
//! in another spelling.

use std::cmp::Reverse;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::Table;
use super::fault::fault;
use super::items::read;
use super::keys::{Item, Label, PHONE_INDEX, PHONE_KEY, SEARCH_TEXT, TAG, TAG_INDEX, TENANT_ID, s};
use super::retry::Retry;
use crate::access::Tenant;
use crate::contact::{Contact, Email, Query, SearchRow, Tag};
use crate::error::Error;

/// How many contacts a search shows at most.
const SHOWN: usize = 50;

/// No contact has so much to search in, in bytes: a name and an address of 255 characters, folded.
const LONGEST_TEXT: usize = 16_384;

/// Up to how many contacts a number may be the start of, to be looked up one by one.
const FEW: i32 = 100;

/// How many rows the first page of a filtered walk looks at. Each further page looks at four times
/// as many, up to the megabyte that DynamoDB reads at once: a filter that lets much through costs
/// little, one that lets little through takes few requests.
const FIRST_PAGE: i32 = 250;

/// What to search for; all of it must match.
#[derive(Debug, Default)]
pub struct Search {
    /// A part of a name, phone or address.
    pub query: Option<Query>,
    /// A tag.
    pub tag: Option<Tag>,
    /// A whole address.
    pub email: Option<Email>,
}

impl Search {
    fn finds(&self, row: &SearchRow) -> bool {
        self.tag.as_ref().is_none_or(|tag| row.tags.contains(tag))
            && self.email.as_ref().is_none_or(|email| row.email.as_ref().is_some_and(|stored| stored.same_as(email)))
            && self.query.as_ref().is_none_or(|query| query.finds(row))
    }
}

impl Table {
    /// The contacts that match, most recently active first, at most 50.
    ///
    /// All of the tenant's contacts are looked at, if need be: a query that matches nothing reads
    /// them all, 4,437 units at 100,000 contacts. Found through indexes, so for a moment after it
    /// was written a contact may be missing, or be shown as it was.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn search(&self, tenant: &Tenant, search: &Search) -> Result<Vec<SearchRow>, Error> {
        if search.query.as_ref().is_some_and(|query| query.text().len() > LONGEST_TEXT) {
            return Ok(Vec::new());
        }
        if let Some(email) = &search.email {
            return Ok(best(search, self.with_email(tenant, email).await?, Vec::new()));
        }
        let (rows, person) = tokio::try_join!(self.by_text(tenant, search), self.person(tenant, search))?;
        match person {
            Some(contact) => Ok(best(search, vec![contact], rows)),
            None => Ok(rows),
        }
    }

    async fn by_text(&self, tenant: &Tenant, search: &Search) -> Result<Vec<SearchRow>, Error> {
        if let Some(start) = search.query.as_ref().and_then(Query::start_of_number) {
            let (contacts, others) =
                tokio::try_join!(self.with_number(tenant, start), self.walk(tenant, Label::LooksLikeNumber, search))?;
            if let Some(contacts) = contacts {
                return Ok(best(search, contacts, others));
            }
        }
        let label = search.tag.as_ref().map_or(Label::Everyone, Label::Tag);
        self.walk(tenant, label, search).await
    }

    /// The contact behind a query that is a whole number.
    async fn person(&self, tenant: &Tenant, search: &Search) -> Result<Option<Contact>, Error> {
        match search.query.as_ref().and_then(Query::phone) {
            Some(phone) => self.get(tenant, tenant.contact_id(&phone)).await,
            None => Ok(None),
        }
    }

    /// The contacts whose number starts like this, if they are few.
    async fn with_number(&self, tenant: &Tenant, start: &str) -> Result<Option<Vec<Contact>>, Error> {
        let query = self.client.0.query().table_name(&self.name).index_name(PHONE_INDEX);
        let page = query
            .key_condition_expression("#tenant = :tenant AND begins_with(#phone, :start)")
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_names("#phone", PHONE_KEY)
            .expression_attribute_values(":tenant", s(tenant.id().to_string()))
            .expression_attribute_values(":start", s(start))
            .limit(FEW)
            .send()
            .await
            .map_err(fault("Query of index phone"))?;
        if page.last_evaluated_key.is_some() {
            return Ok(None);
        }
        self.fetch(tenant, &page.items.unwrap_or_default()).await.map(Some)
    }

    /// The first contacts under a label that match.
    async fn walk(&self, tenant: &Tenant, label: Label<'_>, search: &Search) -> Result<Vec<SearchRow>, Error> {
        let request = self.labelled(tenant, label);
        let (request, mut page_size) = match filtered(request.clone(), label, search) {
            Some(filtered) => (filtered, FIRST_PAGE),
            None => (request, SHOWN as i32),
        };
        let mut from: Option<Item> = None;
        let mut rows: Vec<SearchRow> = Vec::new();
        let mut retry = Retry::new();
        loop {
            // A page counts what was looked at, not what was found: a short one is not the last.
            let page = request.clone().limit(page_size).set_exclusive_start_key(from.clone()).send().await;
            let page = match page.map_err(fault("Query of index tag")) {
                // A long walk may be faster than the index gives; what it has is not thrown away.
                Err(Error::Throttled) => {
                    retry.pause(Error::Throttled).await?;
                    continue;
                }
                page => page?,
            };
            for item in page.items.unwrap_or_default() {
                let row: SearchRow = read(item)?;
                // A contact that became active meanwhile is met again where it was before.
                if !rows.iter().any(|known| known.id == row.id) {
                    rows.push(row);
                }
                if rows.len() == SHOWN {
                    return Ok(rows);
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(rows);
            }
            page_size = page_size.saturating_mul(4);
        }
    }

    /// The contacts under a label, most recently active first.
    fn labelled(&self, tenant: &Tenant, label: Label<'_>) -> QueryFluentBuilder {
        let query = self.client.0.query().table_name(&self.name).index_name(TAG_INDEX).scan_index_forward(false);
        query
            .key_condition_expression("#tenant = :tenant AND #tag = :tag")
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_names("#tag", TAG)
            .expression_attribute_values(":tenant", s(tenant.id().to_string()))
            .expression_attribute_values(":tag", s(label.text()))
    }
}

/// What the label does not say of the search, as a filter: [`Search::finds`] in DynamoDB's words.
/// `None` when the label says it all.
fn filtered(mut request: QueryFluentBuilder, label: Label<'_>, search: &Search) -> Option<QueryFluentBuilder> {
    let mut filter = Vec::new();
    if let Some(tag) = search.tag.as_ref().filter(|tag| label != Label::Tag(tag)) {
        filter.push("contains(#tags, :has)");
        request =
            request.expression_attribute_names("#tags", "tags").expression_attribute_values(":has", s(tag.as_str()));
    }
    // Every text contains the empty one, but DynamoDB won't be asked about it.
    if let Some(query) = search.query.as_ref().filter(|query| !query.text().is_empty()) {
        request = request
            .expression_attribute_names("#text", SEARCH_TEXT)
            .expression_attribute_values(":text", s(query.text()));
        if let Some(digits) = query.digits() {
            filter.push("(contains(#text, :text) OR contains(#phone, :digits))");
            request =
                request.expression_attribute_names("#phone", "phone").expression_attribute_values(":digits", s(digits));
        } else {
            filter.push("contains(#text, :text)");
        }
    }
    (!filter.is_empty()).then(|| request.filter_expression(filter.join(" AND ")))
}

/// The best of two finds, each contact once: as the table has it rather than as an index does.
fn best(search: &Search, contacts: Vec<Contact>, others: Vec<SearchRow>) -> Vec<SearchRow> {
    let mut rows: Vec<SearchRow> = contacts.iter().map(SearchRow::from).collect();
    for other in others {
        if !rows.iter().any(|row| row.id == other.id) {
            rows.push(other);
        }
    }
    rows.retain(|row| search.finds(row));
    rows.sort_by_cached_key(|row| Reverse((row.active_at(), row.id)));
    rows.truncate(SHOWN);
    rows
}
