//! Arguments of types that the inputs of the HTTP endpoints do not have.

use contacts::model::{Patch, Tag, Tags, Violation, trim};

use crate::contact_fields::ContactFields;
use crate::input::{Input, Invalid};

/// A list of tags. Texts are trimmed, and empty ones left out.
pub(super) fn tags(input: &mut Input, name: &'static str) -> Result<Vec<Tag>, Invalid> {
    let texts: Vec<String> = input.json(name, Violation::NotTexts)?.unwrap_or_default();
    let texts = texts.iter().map(|text| trim(text)).filter(|text| !text.is_empty());
    let tags: Result<Vec<Tag>, Violation> = texts.map(str::parse).collect();
    tags.map_err(|violation| match violation {
        Violation::TooLong(max) => input.refuse(name, Violation::TagTooLong(max)),
        violation => input.refuse(name, violation),
    })
}

/// A contact to create, or to change if its number exists.
pub(super) fn new_contact(input: &mut Input) -> Result<ContactFields, Invalid> {
    let fields = ContactFields::parse_with(input, |input| {
        let tags = tags(input, "tags")?;
        // An agent that has no tags to give often gives an empty list, which must not remove those that the contact has.
        if tags.is_empty() {
            return Ok(Patch::Keep);
        }
        Tags::try_from(tags).map(Patch::Set).map_err(|violation| input.refuse("tags", violation))
    });
    let locale = input.patch_unless_null("locale");
    let source = input.optional("source");
    let (fields, locale, source) = (fields?, locale?, source?);
    Ok(ContactFields { locale, source: source.unwrap_or(fields.source), ..fields })
}
