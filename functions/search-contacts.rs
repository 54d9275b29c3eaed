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

use contacts::access::Tenant;
use contacts::contact::SearchRow;
use contacts::table::{Search, Table};
use contacts::{Action, Answer, Error, Fields, Flawed};

struct SearchContacts(Search);

impl Action for SearchContacts {
    const NAME: &'static str = "search-contacts";
    type Answer = Vec<SearchRow>;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let query = fields.optional("query");
        let tag = fields.optional("tag");
        let email = fields.optional("email");
        Ok(SearchContacts(Search { query: query?, tag: tag?, email: email? }))
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Vec<SearchRow>>, Error> {
        Ok(Answer::found(table.search(tenant, &self.0).await?))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<SearchContacts>().await
}
