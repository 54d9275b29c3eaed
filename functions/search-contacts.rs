//! `POST /api/v1/actions/search-contacts`: the contacts that match, most recently active first.
//!
//! | field | | |
//! |---|---|---|
//! | `query` | | part of a name, phone or address, without regard to case and accents |
//! | `tag` | | a whole tag, in its own case |
//! | `email` | | a whole address, in any case |
//!
//! All that is given must match; without any, the answer is the 50 most recently active. Never
//! more than 50, as a bare array. However many contacts there are, each that matches is found; one
//! that was written this moment may take another to show, as DynamoDB's indexes do.

use std::str::FromStr;

use contacts::access::Tenant;
use contacts::contact::{Email, Flaw, Query, SearchRow, Tag};
use contacts::table::{Search, Table};
use contacts::{Action, Answer, Error, Fields, Flawed};

struct SearchContacts {
    query: Option<Query>,
    tag: Option<TagName>,
    email: Option<Email>,
}

/// What is asked for as a tag. Any text may be; one that no tag can have is nobody's.
enum TagName {
    Of(Tag),
    Nobodys,
}

impl FromStr for TagName {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        match text.parse() {
            Ok(tag) => Ok(TagName::Of(tag)),
            Err(Flaw::Comma | Flaw::TooLong(_)) => Ok(TagName::Nobodys),
            Err(flaw) => Err(flaw),
        }
    }
}

impl Action for SearchContacts {
    const NAME: &'static str = "search-contacts";
    const CHANGES: bool = false;
    type Answer = Vec<SearchRow>;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let query = fields.optional("query");
        let tag = fields.optional("tag");
        let email = fields.optional("email");
        Ok(SearchContacts { query: query?, tag: tag?, email: email? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Vec<SearchRow>>, Error> {
        let tag = match self.tag {
            Some(TagName::Nobodys) => return Ok(Answer::found(Vec::new())),
            Some(TagName::Of(tag)) => Some(tag),
            None => None,
        };
        let search = Search { query: self.query, tag, email: self.email };
        Ok(Answer::found(table.search(tenant, &search).await?))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<SearchContacts>().await
}
