//! Event `record-consent`: a person has said whether they want to be written to.
//!
//! | field | | |
//! |---|---|---|
//! | `phone` | one of the two | international format, any spelling; makes a contact where there is none |
//! | `contact_id` | one of the two | UUID of a contact; decides when both are given |
//! | `consent` | required | `opt_in` or `opt_out` |
//! | `at` | required | when they said so: RFC 3339, or seconds since 1970 |
//! | `method` | | how: a keyword, a form, by telephone |
//! | `source` | | where a contact that is made came from; `api` when left out |
//!
//! What was said last counts, by its own time, in whichever order events arrive and however often. A
//! refusal of somebody unknown is kept too: who is imported later stays out.

use contacts::access::Tenant;
use contacts::contact::{Consent, Contact, ContactId, EventTime, Phone, Source, Wish};
use contacts::table::Table;
use contacts::time::Timestamp;
use contacts::{Action, Answer, Error, Fields, Flawed, Who};
use serde::Serialize;

struct RecordConsent {
    who: Who,
    consent: Consent,
    source: Option<Source>,
}

#[derive(Serialize)]
struct Recorded {
    id: ContactId,
    phone: Phone,
    opted_in_at: Option<Timestamp>,
    opted_out_at: Option<Timestamp>,
}

impl Action for RecordConsent {
    const NAME: &'static str = "record-consent";
    const CHANGES: bool = true;
    type Answer = Recorded;

    fn parse(fields: &mut Fields) -> Result<Self, Flawed> {
        let who = fields.who();
        let wish = fields.required::<Wish>("consent");
        let at = fields.required::<EventTime>("at");
        let method = fields.optional("method");
        let source = fields.optional("source");
        let consent = Consent { wish: wish?, at: at?.0, method: method? };
        Ok(RecordConsent { who: who?, consent, source: source? })
    }

    async fn run(self, table: &Table, tenant: &Tenant) -> Result<Answer<Recorded>, Error> {
        let noted = |mut contact: Contact| {
            self.consent.apply(&mut contact);
            Ok(contact)
        };
        let id = self.who.id(tenant)?;
        let (contact, outcome) = match self.who.new_phone() {
            None => table.update(tenant, id, None, noted).await?,
            Some(phone) => {
                let source = self.source.unwrap_or(Source::Api);
                let new = || Contact::new(id, phone.clone(), source, Timestamp::now());
                table.upsert(tenant, id, None, |stored| noted(stored.unwrap_or_else(new))).await?
            }
        };
        let recorded = Recorded {
            id: contact.id,
            phone: contact.phone,
            opted_in_at: contact.opted_in_at,
            opted_out_at: contact.opted_out_at,
        };
        Ok(Answer::changed(recorded, outcome))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), contacts::StartError> {
    contacts::serve::<RecordConsent>().await
}
