//! `delete_contact`: deletes a contact, as delete-contact does.

use contacts::model::ContactId;
use contacts::store::ContactsTable;
use serde::Serialize;

use crate::action::{Action, Call, Reply};
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct DeleteContact {
    id: ContactId,
}

#[derive(Serialize)]
pub(super) struct Answer {
    id: ContactId,
    deleted: bool,
}

impl Action for DeleteContact {
    const NAME: &'static str = "delete_contact";
    type Answer = Answer;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        Ok(DeleteContact { id: input.required("id")? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<Answer>, Error> {
        let deletion = table.delete(&call.tenant, self.id).await?;
        Ok(Reply::read(Answer { id: deletion.id, deleted: true }))
    }
}
