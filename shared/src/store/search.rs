//! Search by the cheapest of three plans that applies. Apart from the delay of the indexes, plans 1 and 2
//! return the matches that plan 3, a walk over the tag index, would find.
//!
//! 1. **By email**, if one is given: a Query of the email index, then BatchGetItem. If 500 or more contacts have
//!    the address, the walk is used.
//! 2. **By the beginning of a phone number** (`+1 (415) 555`): a Query of the phone index, then a
//!    BatchGetItem. The same text may occur in a name or an email address (`jane+1@example.com`); such
//!    contacts have a label of their own, which is walked too. If the beginning matches 100 or
//!    more contacts, the walk is used, which is cheap when many contacts match.
//! 3. **The walk**: pages of the tag index under the tag asked for, or under all contacts, most recently
//!    active first, filtered by DynamoDB, until 50 matches are found or the index ends.
//!
//! In plans 2 and 3, and when plan 1 uses the walk, a query of 7 to 15 digits also looks up the contact with that number (one GetItem),
//! because WhatsApp writes some numbers in two ways and the stored spelling may be the other one.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::{QueryError, QueryOutput};
use tokio::time::Instant;

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::read_or_skip;
use super::keys::{Item, Label, PHONE_INDEX, PHONE_KEY, SEARCH_TEXT, TAG, TAG_INDEX, TENANT_ID, s};
use crate::backoff::Backoff;
use crate::model::{Contact, Email, SearchQuery, SearchRow, Tag, Tenant, email_line};

/// The maximum number of results of [`search`](ContactsTable::search).
const MAX_RESULTS: usize = 50;

/// An upper bound of a contact's search text in bytes: name and email address have at most 255 characters
/// each, and folding can lengthen a character. A longer query cannot match, so it costs no request.
const MAX_TEXT: usize = 16_384;

/// The maximum numbers of entries of the phone and of the email index whose contacts are fetched. The walk is cheap
/// when many contacts match. The memory of a search does not grow beyond these numbers.
const MAX_FETCH_BY_PHONE: i32 = 100;
const MAX_FETCH_BY_EMAIL: i32 = 500;

/// The time after which a throttled walk is given up: less than API Gateway waits for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(25);
/// The pauses of a walk that is throttled after its first page, each after four throttled requests of the SDK.
const LATE_PAUSES: Backoff = Backoff::new(Duration::from_millis(400), Duration::from_secs(3));

/// How many rows the first page of a filtered walk examines. Each further page examines four times as
/// many, up to the 1 MB that DynamoDB reads per request: frequent matches cost few read units, rare ones
/// few requests.
const FIRST_PAGE: i32 = 250;

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

impl Search {
    fn matches(&self, row: &SearchRow) -> bool {
        !(self.opted_in_only && row.opted_out_at.is_some())
            && self.tag.as_ref().is_none_or(|tag| row.tags.contains(tag))
            && self.email.as_ref().is_none_or(|email| row.email.as_ref().is_some_and(|stored| stored.same_as(email)))
            && self.query.as_ref().is_none_or(|query| query.matches(row))
    }
}

impl ContactsTable {
    /// The matching contacts, most recently active first, at most 50.
    ///
    /// Eventually consistent: for a moment after a write, a contact may be missing or be shown with its
    /// old values. A contact that becomes active during a search of several pages may be missed.
    ///
    /// Cost: one Query if the first page has 50 matches; by email address one Query and one BatchGetItem per
    /// 100 contacts with it, for fewer than 500 contacts; by the beginning of a number two Query and one BatchGetItem. A
    /// text without matches reads all rows of the tag or the tenant (measured: 4,437 read units at 100,000 contacts).
    /// A search of several pages that is throttled keeps the pages it has and continues, for up to 25 s. An item that
    /// cannot be read is skipped and logged by its id.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn search(&self, tenant: &Tenant, search: &Search) -> Result<Vec<SearchRow>, Error> {
        self.first(tenant, search, MAX_RESULTS).await
    }

    /// As [`search`](ContactsTable::search), at most `limit` contacts instead of 50.
    ///
    /// Cost: without text, one Query per MB of rows, some 44–47 read units per 1,000 contacts of 350 bytes; otherwise as
    /// [`search`](ContactsTable::search). All contacts are held in memory, some 500 bytes each, more with many tags.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn first(&self, tenant: &Tenant, search: &Search, limit: usize) -> Result<Vec<SearchRow>, Error> {
        if search.query.as_ref().is_some_and(|query| query.text().len() > MAX_TEXT) {
            return Ok(Vec::new());
        }
        if let Some(email) = &search.email {
            return self.by_email(tenant, email, search, limit).await;
        }
        self.with_person(tenant, search, limit, self.by_text(tenant, search, limit)).await
    }

    async fn by_email(
        &self,
        tenant: &Tenant,
        email: &Email,
        search: &Search,
        limit: usize,
    ) -> Result<Vec<SearchRow>, Error> {
        let entries = self.email_entries(tenant, email).limit(MAX_FETCH_BY_EMAIL).send().await;
        match self.fetch_all(tenant, entries, "Query of index email").await? {
            Some(rows) => Ok(merge(search, limit, rows, Vec::new())),
            None => self.with_person(tenant, search, limit, self.walk(tenant, label(search), search, limit)).await,
        }
    }

    async fn by_text(&self, tenant: &Tenant, search: &Search, limit: usize) -> Result<Vec<SearchRow>, Error> {
        if let Some(start) = search.query.as_ref().and_then(SearchQuery::start_of_number) {
            let (contacts, others) = tokio::try_join!(
                self.with_number(tenant, start),
                self.walk(tenant, Label::LooksLikeNumber, search, limit)
            )?;
            if let Some(contacts) = contacts {
                return Ok(merge(search, limit, contacts, others));
            }
        }
        self.walk(tenant, label(search), search, limit).await
    }

    /// The rows, and the contact with the phone number that the query is, if it is a complete one and its stored spelling
    /// is another.
    async fn with_person(
        &self,
        tenant: &Tenant,
        search: &Search,
        limit: usize,
        rows: impl Future<Output = Result<Vec<SearchRow>, Error>>,
    ) -> Result<Vec<SearchRow>, Error> {
        let (rows, person) = tokio::try_join!(rows, self.person(tenant, search))?;
        match person {
            Some(contact) => Ok(merge(search, limit, vec![SearchRow::from(&contact)], rows)),
            None => Ok(rows),
        }
    }

    /// The contact with the phone number that the query is, if it is a complete one.
    async fn person(&self, tenant: &Tenant, search: &Search) -> Result<Option<Contact>, Error> {
        match search.query.as_ref().and_then(SearchQuery::phone) {
            Some(phone) => self.get(tenant, tenant.contact_id(&phone)).await,
            None => Ok(None),
        }
    }

    /// The contacts whose phone number begins with `start`, or `None` if there are too many to fetch.
    async fn with_number(&self, tenant: &Tenant, start: &str) -> Result<Option<Vec<SearchRow>>, Error> {
        let query = self.client.0.query().table_name(&self.name).index_name(PHONE_INDEX);
        let entries = query
            .key_condition_expression("#tenant = :tenant AND begins_with(#phone, :start)")
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_names("#phone", PHONE_KEY)
            .expression_attribute_values(":tenant", s(tenant.id().to_string()))
            .expression_attribute_values(":start", s(start))
            .limit(MAX_FETCH_BY_PHONE)
            .send()
            .await;
        self.fetch_all(tenant, entries, "Query of index phone").await
    }

    /// The rows of all contacts that the first page of a keys-only index lists, or `None` if there may be another
    /// page: DynamoDB returns a `LastEvaluatedKey` for a page of exactly its limit too.
    async fn fetch_all(
        &self,
        tenant: &Tenant,
        entries: Result<QueryOutput, SdkError<QueryError>>,
        request: &'static str,
    ) -> Result<Option<Vec<SearchRow>>, Error> {
        let page = entries.map_err(map_sdk_error(request))?;
        if page.last_evaluated_key.is_some() {
            return Ok(None);
        }
        self.fetch(tenant, &page.items.unwrap_or_default()).await.map(Some)
    }

    /// The first matching contacts under a label.
    async fn walk(
        &self,
        tenant: &Tenant,
        label: Label<'_>,
        search: &Search,
        limit: usize,
    ) -> Result<Vec<SearchRow>, Error> {
        let request = self.labelled(tenant, label);
        let wanted = i32::try_from(limit).unwrap_or(i32::MAX);
        let (request, mut page_size) = match filtered(request.clone(), label, search) {
            // Few contacts have opted out, so a page that is a little larger nearly always suffices.
            Some(filtered) if search.query.is_none() && search.email.is_none() => {
                (filtered, wanted.saturating_add(wanted / 4))
            }
            Some(filtered) => (filtered, FIRST_PAGE.max(wanted)),
            None => (request, wanted),
        };
        let mut from: Option<Item> = None;
        let mut rows: Vec<SearchRow> = Vec::new();
        let mut seen = HashSet::new();
        let until = Instant::now() + TIME_LIMIT;
        let mut backoff = LATE_PAUSES;
        loop {
            // `Limit` counts examined rows, not matches: a page with few matches need not be the last.
            let page = request.clone().limit(page_size).set_exclusive_start_key(from.clone()).send().await;
            let page = match page.map_err(map_sdk_error("Query of index tag")) {
                // A long walk may exceed the throughput of the index partition. It keeps what it has read.
                Err(Error::Throttled | Error::Unavailable(_)) if from.is_some() && Instant::now() < until => {
                    backoff.pause().await;
                    continue;
                }
                page => page?,
            };
            backoff = LATE_PAUSES;
            for item in page.items.unwrap_or_default() {
                let Some(row) = read_or_skip::<SearchRow>(item) else { continue };
                // The index is eventually consistent: a contact that has just become active can appear under
                // its new and its old sort key.
                if search.matches(&row) && seen.insert(row.id) {
                    rows.push(row);
                }
                if rows.len() == limit {
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

    /// A Query of the contacts under a label, most recently active first.
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

/// Adds the criteria that the label does not cover as a filter expression: the rule of
/// [`Search::matches`], but without other spellings of a complete number, for which `search` sends a request of its own,
/// and with email addresses compared after folding. `None` if no filter is needed.
fn filtered(mut request: QueryFluentBuilder, label: Label<'_>, search: &Search) -> Option<QueryFluentBuilder> {
    let mut filter = Vec::new();
    if search.opted_in_only {
        filter.push("attribute_not_exists(#opted_out)");
        request = request.expression_attribute_names("#opted_out", "opted_out_at");
    }
    if let Some(tag) = search.tag.as_ref().filter(|tag| label != Label::Tag(tag)) {
        filter.push("contains(#tags, :has)");
        request =
            request.expression_attribute_names("#tags", "tags").expression_attribute_values(":has", s(tag.as_str()));
    }
    if let Some(email) = &search.email {
        filter.push("contains(#text, :email)");
        request = request
            .expression_attribute_names("#text", SEARCH_TEXT)
            .expression_attribute_values(":email", s(email_line(email)));
    }
    // Every text contains the empty one, but DynamoDB refuses an empty operand.
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

/// The label under which a search walks.
fn label(search: &Search) -> Label<'_> {
    search.tag.as_ref().map_or(Label::AllContacts, Label::Tag)
}

/// Merges rows read from the table with rows of the index, each contact once; the table takes
/// precedence.
fn merge(search: &Search, limit: usize, mut rows: Vec<SearchRow>, others: Vec<SearchRow>) -> Vec<SearchRow> {
    for other in others {
        if !rows.iter().any(|row| row.id == other.id) {
            rows.push(other);
        }
    }
    rows.retain(|row| search.matches(row));
    rows.sort_by_cached_key(|row| Reverse((row.active_at(), row.id)));
    rows.truncate(limit);
    rows
}
