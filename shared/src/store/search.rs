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
//!    active first, filtered by DynamoDB, until there are enough matches or the index ends.
//!
//! In plans 2 and 3, and when plan 1 uses the walk, a query of 7 to 15 digits also looks up the contact with that number (one GetItem),
//! because WhatsApp writes some numbers in two ways, and the stored spelling can differ from that of the query.
//!
//! Every plan returns the contacts that follow a position in the order of the results. A position says nothing about the
//! plan, so each page of a search can use another one. A plan looks for one contact more than a page has: only then does the page
//! have a next one, which is therefore not empty.

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
use super::keys::{self, ACTIVE_AT, ID, Item, Label, PHONE_INDEX, PHONE_KEY, SEARCH_TEXT, TAG, TAG_INDEX, s};
use super::query::Range;
use super::search_request::{Search, SearchPage, Window};
use crate::backoff::Backoff;
use crate::model::{Contact, ContactKey, Email, Position, SearchQuery, SearchRow, Tenant, email_line};

/// An upper bound of a contact's search text in bytes: name and email address have at most 255 characters
/// each, and folding can lengthen a character. A longer query cannot match, so it costs no request.
const MAX_TEXT: usize = 16_384;

/// The maximum numbers of entries of the phone and of the email index whose contacts are fetched. The walk is cheap
/// when many contacts match. The memory of a search does not grow beyond these numbers.
const MAX_FETCH_BY_PHONE: i32 = 100;
const MAX_FETCH_BY_EMAIL: i32 = 500;

/// The time after which a throttled walk is given up: less than API Gateway waits for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(25);
/// The time after which a walk that may return a short page does so. One pause and one request can follow.
const SHORT_PAGE_AFTER: Duration = Duration::from_secs(20);
/// The pauses of a walk that is throttled after its first page, each after four throttled requests of the SDK.
const LATE_PAUSES: Backoff = Backoff::new(Duration::from_millis(400), Duration::from_secs(3));

/// How many rows the first page of a filtered walk examines. Each further page examines four times as
/// many, up to the 1 MB that DynamoDB reads per request: frequent matches cost few read units, rare ones
/// few requests.
const FIRST_PAGE: i32 = 250;

/// What a plan is to find.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    tenant: &'a Tenant,
    search: &'a Search,
    window: Window,
    /// When the search began.
    began: Instant,
}

/// The matches that a plan has found, in any order.
struct Found {
    rows: Vec<SearchRow>,
    /// The position up to which all matches are in `rows`. `None` if there are no matches after these.
    end: Option<Position>,
}

impl ContactsTable {
    /// The matching contacts of a window, most recently active first.
    ///
    /// Eventually consistent: for a moment after a write, a contact may be missing or be shown with its
    /// old values. A contact that becomes active during a search of several pages may be missed.
    ///
    /// Windows that follow each other contain every contact that matches and whose activity does not change meanwhile
    /// exactly once, whatever else is written.
    ///
    /// Cost: one Query if the first page has enough matches; by email address one Query and one BatchGetItem per
    /// 100 contacts with it, for fewer than 500 contacts; by the beginning of a number two Query and one BatchGetItem. A
    /// text without matches reads all rows of the tag or the tenant (measured: 4,437 read units at 100,000 contacts).
    /// A later window reads nothing in front of it, except by email address and by number.
    /// A search of several pages that is throttled keeps the pages it has and continues, for up to 25 s. An item that
    /// cannot be read is skipped and logged by its id.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn search(&self, tenant: &Tenant, search: &Search, window: Window) -> Result<SearchPage, Error> {
        if search.query.as_ref().is_some_and(|query| query.text().len() > MAX_TEXT) {
            return Ok(SearchPage::default());
        }
        let wanted = Wanted { tenant, search, window, began: Instant::now() };
        let found = match &search.email {
            Some(email) => self.by_email(wanted, email).await?,
            None => self.with_person(wanted, self.by_text(wanted)).await?,
        };
        Ok(found.into_page(window))
    }

    async fn by_email(&self, wanted: Wanted<'_>, email: &Email) -> Result<Found, Error> {
        let entries = self.email_entries(wanted.tenant, email).limit(MAX_FETCH_BY_EMAIL).send().await;
        match self.fetch_all(wanted.tenant, entries, "Query of index email").await? {
            Some(rows) => Ok(merge(wanted, rows, Found { rows: Vec::new(), end: None })),
            None => self.with_person(wanted, self.walk(wanted, label(wanted.search))).await,
        }
    }

    async fn by_text(&self, wanted: Wanted<'_>) -> Result<Found, Error> {
        if let Some(start) = wanted.search.query.as_ref().and_then(SearchQuery::start_of_number) {
            let others = self.walk(wanted, Label::LooksLikeNumber);
            let (contacts, others) = tokio::try_join!(self.with_number(wanted.tenant, start), others)?;
            if let Some(contacts) = contacts {
                return Ok(merge(wanted, contacts, others));
            }
        }
        self.walk(wanted, label(wanted.search)).await
    }

    /// What was found, and the contact with the phone number that the query is, if it is a complete one and its stored
    /// spelling is another.
    async fn with_person(
        &self,
        wanted: Wanted<'_>,
        found: impl Future<Output = Result<Found, Error>>,
    ) -> Result<Found, Error> {
        let (found, person) = tokio::try_join!(found, self.person(wanted.tenant, wanted.search))?;
        Ok(match person {
            Some(contact) => merge(wanted, vec![SearchRow::from(&contact)], found),
            None => found,
        })
    }

    /// The contact with the phone number that the query is, if it is a complete one.
    async fn person(&self, tenant: &Tenant, search: &Search) -> Result<Option<Contact>, Error> {
        match search.query.as_ref().and_then(SearchQuery::phone) {
            Some(phone) => self.get(tenant, ContactKey::Number(tenant.contact_id(&phone))).await,
            None => Ok(None),
        }
    }

    /// The contacts whose phone number begins with `start`, or `None` if there are too many to fetch.
    async fn with_number(&self, tenant: &Tenant, start: &str) -> Result<Option<Vec<SearchRow>>, Error> {
        let query = self.query(tenant, PHONE_KEY, Range::Prefix(start)).index_name(PHONE_INDEX);
        let entries = query.limit(MAX_FETCH_BY_PHONE).send().await;
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

    /// The first matching contacts under a label that follow the window's position: one more than the window has, or all.
    async fn walk(&self, wanted: Wanted<'_>, label: Label<'_>) -> Result<Found, Error> {
        let Wanted { tenant, search, window, began } = wanted;
        let enough = window.limit + 1;
        let rows_of_page = i32::try_from(enough).unwrap_or(i32::MAX);
        let request = self.labelled(tenant, label);
        let (request, mut page_size) = match filtered(request.clone(), label, search) {
            // Few contacts have opted out, so a page that is a little larger nearly always suffices.
            Some(filtered) if search.query.is_none() && search.email.is_none() => {
                (filtered, rows_of_page.saturating_add(rows_of_page / 4))
            }
            Some(filtered) => (filtered, FIRST_PAGE.max(rows_of_page)),
            None => (request, rows_of_page),
        };
        let mut from: Option<Item> = window.after.map(|position| index_key(tenant, label, position));
        // How far the index has been examined.
        let mut end: Option<Position> = None;
        let mut rows: Vec<SearchRow> = Vec::new();
        let mut seen = HashSet::new();
        let mut backoff = LATE_PAUSES;
        loop {
            if window.may_be_short && end.is_some() && began.elapsed() >= SHORT_PAGE_AFTER {
                return Ok(Found { rows, end });
            }
            // `Limit` counts examined rows, not matches: a page with few matches need not be the last.
            let page = request.clone().limit(page_size).set_exclusive_start_key(from.clone()).send().await;
            let page = match page.map_err(map_sdk_error("Query of index tag")) {
                // A long walk may exceed the throughput of the index partition. It keeps what it has read.
                Err(Error::Throttled | Error::Unavailable(_)) if end.is_some() && began.elapsed() < TIME_LIMIT => {
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
                    end = Some(row.position());
                    rows.push(row);
                }
                if rows.len() == enough {
                    return Ok(Found { rows, end });
                }
            }
            let Some(examined) = page.last_evaluated_key else { return Ok(Found { rows, end: None }) };
            end = position_of(&examined);
            from = Some(examined);
            page_size = page_size.saturating_mul(4);
        }
    }

    /// A Query of the contacts under a label, most recently active first.
    fn labelled(&self, tenant: &Tenant, label: Label<'_>) -> QueryFluentBuilder {
        self.query(tenant, TAG, Range::Only(&label.text())).index_name(TAG_INDEX).scan_index_forward(false)
    }
}

/// The key of the tag index at a position. There need not be a row with it.
fn index_key(tenant: &Tenant, label: Label<'_>, position: Position) -> Item {
    let mut key = match label {
        Label::AllContacts => keys::contact(tenant, position.id()),
        label => keys::membership(tenant, label, position.id()),
    };
    key.insert(TAG.to_owned(), s(label.text()));
    key.insert(ACTIVE_AT.to_owned(), s(position.active_at()));
    key.insert(ID.to_owned(), s(position.id().to_string()));
    key
}

/// The position in a key of the tag index. `None` if the key cannot be read.
fn position_of(key: &Item) -> Option<Position> {
    let text = |name| key.get(name).and_then(|value| value.as_s().ok());
    Position::parse(text(ACTIVE_AT)?, text(ID)?.parse().ok()?)
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

/// Merges rows read from the table, all that there are, with those found in the index, each contact once; the table takes
/// precedence.
fn merge(wanted: Wanted<'_>, mut rows: Vec<SearchRow>, others: Found) -> Found {
    for other in others.rows {
        if !rows.iter().any(|row| row.id == other.id) {
            rows.push(other);
        }
    }
    let is_in_window = |position: Position| {
        wanted.window.after.is_none_or(|after| position < after) && others.end.is_none_or(|end| position >= end)
    };
    rows.retain(|row| wanted.search.matches(row) && is_in_window(row.position()));
    Found { rows, end: others.end }
}

impl Found {
    /// The page of the window.
    fn into_page(mut self, window: Window) -> SearchPage {
        self.rows.sort_by_key(|row| Reverse(row.position()));
        let next = match self.rows.len() {
            found if found > window.limit => {
                self.rows.truncate(window.limit);
                self.rows.last().map(SearchRow::position)
            }
            _ => self.end,
        };
        SearchPage { rows: self.rows, next }
    }
}
