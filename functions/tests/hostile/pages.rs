//! Lists in pages: callers that follow `X-Next-Cursor` to the end while others write.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::caller::Caller;
use super::client::{Answer, Client, Headers};
use super::history::Outcome;
use super::operation::Operation;

/// The largest pages.
const LIMIT: usize = 6;
/// More pages than any list has here.
const PAGES: usize = 400;
/// How often a page is asked for that is not answered.
const ATTEMPTS: usize = 6;
/// A search that takes this long may return a part of a page, which is documented for 20 s.
const LONG: Duration = Duration::from_secs(15);

impl Caller {
    /// Follows the cursors of a list to its end.
    pub(super) async fn all_pages(&mut self, customer: usize) {
        let (person, mark) = (self.person(customer), self.mark());
        let (function, criteria) = match self.generator.0.u32(..3) {
            0 => ("list-tags", json!({})),
            _ => ("search-contacts", self.generator.criteria(&person)),
        };
        let operation = Operation::Pages { function, criteria, limit: self.generator.0.usize(1..=LIMIT) };
        let uses_cursor_of_other = self.generator.0.u32(..8) == 0;
        let index = {
            self.add(mark, "http pages", operation.clone(), &person);
            self.calls.len() - 1
        };
        let (mut rows, mut cursor, mut pages) = (Vec::new(), None, 0);
        let outcome = loop {
            let Answer { outcome, next, .. } = self.page(customer, &operation, cursor.clone()).await;
            let Outcome::Read(Value::Array(page)) = outcome else { break outcome };
            rows.extend(page);
            pages += 1;
            if pages == PAGES {
                self.client.violate("following the cursors of a list ends", format!("{operation:?} has {pages} pages"));
                break Outcome::Unknown("too many pages".to_owned());
            }
            if next.is_none() {
                break Outcome::Read(Value::Array(rows));
            }
            cursor = next;
        };
        let call = &mut self.calls[index];
        (call.outcome, call.ended) = (outcome, Instant::now());
        if cursor.is_some() && uses_cursor_of_other {
            self.page_of_other(customer, &operation, cursor).await;
        }
    }

    /// A page, which is asked for until it is answered.
    async fn page(&mut self, customer: usize, operation: &Operation, cursor: Option<String>) -> Answer {
        let mut attempt = 1;
        loop {
            let (url, began) = (self.url().await, Instant::now());
            let credentials = &self.population.customers[customer];
            let headers = Headers { cursor: cursor.clone(), ..Headers::default() };
            let answer = self.client.call(&url, credentials, &credentials.token, operation, &headers).await;
            if attempt < ATTEMPTS && matches!(answer.outcome, Outcome::Unknown(_)) {
                attempt += 1;
                continue;
            }
            if began.elapsed() < LONG {
                check(&self.client, operation, &answer);
            }
            return answer;
        }
    }

    /// A cursor belongs to the tenant that it was made for.
    async fn page_of_other(&mut self, customer: usize, operation: &Operation, cursor: Option<String>) {
        let url = self.url().await;
        let other = &self.population.customers[(customer + 1) % self.population.customers.len()];
        let headers = Headers { cursor, ..Headers::default() };
        let outcome = self.client.call(&url, other, &other.token, operation, &headers).await.outcome;
        let is_invalid = matches!(&outcome, Outcome::Refused(given) if given == "422");
        if !is_invalid && !matches!(outcome, Outcome::Unknown(_)) {
            let sentence = format!("another tenant's cursor of {operation:?}: {outcome:?}");
            self.client.violate("no tenant sees another tenant's contact", sentence);
        }
    }
}

/// Checks the form of one page.
fn check(client: &Client, operation: &Operation, answer: &Answer) {
    let (Operation::Pages { limit, .. }, Outcome::Read(Value::Array(rows))) = (operation, &answer.outcome) else {
        return;
    };
    let ids: HashSet<String> = rows.iter().map(|row| row["id"].to_string()).collect();
    let problem = match rows.len() {
        count if count > *limit => "has more rows than its limit",
        count if count < *limit && answer.next.is_some() => "is not full, although another one follows",
        // The last page is empty if what followed the page before is gone meanwhile.
        count if ids.len() < count => "repeats a row",
        _ => return,
    };
    client.violate(
        "pages that another one follows are full, and no page repeats a row",
        format!("a page of {operation:?} {problem}: {rows:?}"),
    );
}
