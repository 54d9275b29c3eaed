//! `tag_contact`: adds tags to a contact and removes tags from it, in one write.

use contacts::model::{ContactId, Tag, Tags};
use contacts::store::ContactsTable;

use super::arguments;
use super::contact::ContactView;
use crate::action::{Action, Call, Reply};
use crate::error::Error;
use crate::input::{Input, Invalid};

pub(super) struct TagContact {
    id: ContactId,
    added: Tags,
    removed: Vec<Tag>,
}

impl Action for TagContact {
    const NAME: &'static str = "tag_contact";
    type Answer = ContactView;

    fn parse(input: &mut Input) -> Result<Self, Invalid> {
        let id = input.required("id");
        let added = arguments::tags(input, "add_tags")
            .and_then(|tags| Tags::try_from(tags).map_err(|violation| input.refuse("add_tags", violation)));
        let removed = arguments::tags(input, "remove_tags");
        Ok(TagContact { id: id?, added: added?, removed: removed? })
    }

    async fn run(self, table: &ContactsTable, call: &Call) -> Result<Reply<ContactView>, Error> {
        if self.added.is_empty() && self.removed.is_empty() {
            return Err(Error::Rule("Neither add_tags nor remove_tags provided"));
        }
        if self.removed.iter().any(|tag| self.added.contains(tag)) {
            return Err(Error::Rule("A tag cannot be in add_tags and in remove_tags."));
        }
        let written = table.update(&call.tenant, self.id, Some(&self.added), |mut contact| {
            self.removed.iter().for_each(|tag| contact.tags.remove(tag));
            for tag in self.added.iter() {
                contact.tags.add(tag).map_err(|_| Error::TOO_MANY_TAGS)?;
            }
            Ok::<_, Error>(contact)
        });
        Ok(Reply::read(ContactView::written(written.await?)))
    }
}
