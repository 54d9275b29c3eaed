//! `POST /api/v1/actions/list-tags`: the tags the tenant has used, in the order of their names.
//!
//! | field | | |
//! |---|---|---|
//! | `name` | | part of a tag, without regard to case and accents |
//!
//! At most 1,000, as a bare array. A tag is there from the moment a contact first has it, and
//! stays when no contact has it any more.

use contacts::access::Tenant;
use contacts::contact::{Query, TagDefinition};
use contacts::table::Table;
use contacts::{Action, Answer, Error, Fields, Flawed};

struct ListTags {
    name: Option<Query>,
}

impl Action for ListTags {
    const NAME: &'static str = "list-tags";
    const CHANGES: bool = false;
    type Answer = Vec<TagDefinition>;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let name = fields.optional("name");
        Ok(ListTags { name: name? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Vec<TagDefinition>>, Error> {
        Ok(Answer::found(table.tags(tenant, self.name.as_ref()).await?))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<ListTags>().await
}
