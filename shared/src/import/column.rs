//! Columns: the fields they can become, and the names by which they are recognised.

use super::cell::unprotect;
use crate::model::fold;

/// What a column becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// A phone number; `whatsapp` if the `+` may be missing, as in WhatsApp ids.
    Phone {
        whatsapp: bool,
    },
    /// The whole name.
    Name,
    /// A part of the name, joined in this order: first, middle, last.
    NamePart(u8),
    Email,
    Tags,
    Source,
    Locale,
    /// Metadata as one JSON object.
    Metadata,
    /// The text under one key of the metadata.
    MetadataKey(String),
    /// Whether the person agrees to be written to.
    Consent,
    /// Whether the person does not agree to be written to.
    OptedOut,
    /// When the person said what [`Field::Consent`] says.
    ConsentAt,
    OptedInAt,
    OptedOutAt,
    ConsentMethod,
    /// A field that only a contact that does not exist yet can take from a file.
    History(History),
}

/// The fields that only new contacts take from a file, and only where the file is an export of Carnet or the operator maps
/// the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    LastMessageAt,
    TotalMessages,
    BotStatus,
    Archived,
    Blocked,
    ActiveStatus,
    HasUnreadMessages,
    Summary,
    SummaryUpdatedAt,
    EventTimes,
    CreatedAt,
    UpdatedAt,
}

/// The columns that the file of failed rows has before those of the imported file. An import leaves them out.
pub const REPORT: [&str; 3] = ["import_line", "import_field", "import_reason"];

/// The field names that operators can map a column to, and the names of Carnet's own columns.
const FIELDS: [(&str, Field); 29] = [
    ("phone", Field::Phone { whatsapp: false }),
    ("whatsapp_id", Field::Phone { whatsapp: true }),
    ("name", Field::Name),
    ("first_name", Field::NamePart(0)),
    ("middle_name", Field::NamePart(1)),
    ("last_name", Field::NamePart(2)),
    ("email", Field::Email),
    ("tags", Field::Tags),
    ("source", Field::Source),
    ("locale", Field::Locale),
    ("metadata", Field::Metadata),
    ("consent", Field::Consent),
    ("opted_out", Field::OptedOut),
    ("consent_at", Field::ConsentAt),
    ("opted_in_at", Field::OptedInAt),
    ("opted_out_at", Field::OptedOutAt),
    ("consent_method", Field::ConsentMethod),
    ("last_message_at", Field::History(History::LastMessageAt)),
    ("total_messages", Field::History(History::TotalMessages)),
    ("bot_status", Field::History(History::BotStatus)),
    ("archived", Field::History(History::Archived)),
    ("blocked", Field::History(History::Blocked)),
    ("active_status", Field::History(History::ActiveStatus)),
    ("has_unread_messages", Field::History(History::HasUnreadMessages)),
    ("contact_summary", Field::History(History::Summary)),
    ("contact_summary_updated_at", Field::History(History::SummaryUpdatedAt)),
    ("event_times", Field::History(History::EventTimes)),
    ("created_at", Field::History(History::CreatedAt)),
    ("updated_at", Field::History(History::UpdatedAt)),
];

/// Other names of columns, in the form of [`normalized`]: those of FlowIQ, Google Contacts, HubSpot and Shopify, and usual
/// ones in English, Portuguese, Spanish, French and German.
const ALIASES: [(&str, &[&str]); 14] = [
    (
        "phone",
        &[
            "whatsapp",
            "whatsapp_number",
            "whatsapp_phone",
            "whatsapp_phone_number",
            "mobile",
            "mobile_number",
            "mobile_phone",
            "mobile_phone_number",
            "cell",
            "cell_phone",
            "cell_phone_number",
            "celular",
            "telefone_celular",
            "telefono_movil",
            "movil",
            "portable",
            "handy",
            "handynummer",
            "mobil",
            "phone_number",
            "telephone",
            "telephone_number",
            "tel",
            "telefone",
            "telefono",
            "telefon",
            "contact_number",
            "home_phone",
            "work_phone",
            "business_phone",
            "default_address_phone",
        ],
    ),
    ("whatsapp_id", &["wa_id"]),
    (
        "name",
        &[
            "full_name",
            "contact_name",
            "customer_name",
            "display_name",
            "nome",
            "nome_completo",
            "nombre_completo",
            "nom",
        ],
    ),
    ("first_name", &["firstname", "given_name", "primeiro_nome", "nombre", "prenom", "vorname"]),
    ("middle_name", &["additional_name"]),
    (
        "last_name",
        &["lastname", "family_name", "surname", "sobrenome", "apellido", "apellidos", "nom_de_famille", "nachname"],
    ),
    (
        "email",
        &["e_mail", "email_address", "e_mail_address", "mail", "correo", "correo_electronico", "endereco_de_email"],
    ),
    ("tags", &["tag", "labels", "group_membership", "etiquetas"]),
    (
        "consent",
        &[
            "consent_status",
            "opt_in",
            "whatsapp_consent",
            "whatsapp_opt_in",
            "accepts_sms_marketing",
            "allow_broadcast",
        ],
    ),
    ("opted_out", &["opt_out", "unsubscribed", "do_not_contact", "do_not_message"]),
    ("consent_at", &["consent_date"]),
    ("opted_in_at", &["opt_in_at", "opt_in_date"]),
    ("opted_out_at", &["opt_out_at", "opt_out_date", "unsubscribed_at"]),
    // Consent to another channel is kept, but it is not consent to be written to on a phone.
    ("metadata.accepts_email_marketing", &["accepts_email_marketing", "accepts_marketing"]),
];

/// The name of a column without what a program may put before it: a byte order mark, and the apostrophe that protects a
/// cell.
pub(super) fn name(header: &str) -> &str {
    unprotect(header.trim_start_matches('\u{feff}'))
}

/// The name of a column in lower case, without accents, and with `_` for everything but letters and digits.
pub(super) fn normalized(header: &str) -> String {
    let mut normal = String::with_capacity(header.len());
    for c in fold(name(header)).chars() {
        if c.is_alphanumeric() {
            normal.push(c);
        } else if !normal.is_empty() && !normal.ends_with('_') {
            normal.push('_');
        }
    }
    normal.truncate(normal.trim_end_matches('_').len());
    normal
}

/// The field of this name, as an operator writes it: `phone`, `metadata.city`.
pub(super) fn field(name: &str) -> Option<Field> {
    if let Some(key) = name.strip_prefix("metadata.").filter(|key| !key.is_empty()) {
        return Some(Field::MetadataKey(key.to_owned()));
    }
    FIELDS.iter().find(|(field, _)| *field == name).map(|(_, field)| field.clone())
}

/// The names that [`field`] knows.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}

/// The field that a column is recognised as.
pub(super) fn recognized(header: &str) -> Option<Field> {
    let header = name(header.trim());
    if header.starts_with("metadata.") {
        return field(header);
    }
    let name = normalized(header);
    if let Some(found) = field(&name) {
        return Some(found);
    }
    // Google Contacts numbers its columns: `Phone 1 - Value`, `E-mail 2 - Value`.
    if numbered(&name, "phone_", "_value").is_some() {
        return field("phone");
    }
    if numbered(&name, "e_mail_", "_value").is_some() {
        return field("email");
    }
    let alias = ALIASES.iter().find(|(_, names)| names.contains(&&*name));
    alias.and_then(|(found, _)| field(found))
}

/// The number of a column of Google Contacts that says what kind of phone the one with the same number is:
/// `Phone 1 - Label`, earlier `Phone 1 - Type`.
pub(super) fn phone_label(header: &str) -> Option<String> {
    let name = normalized(header);
    numbered(&name, "phone_", "_label").or_else(|| numbered(&name, "phone_", "_type")).map(str::to_owned)
}

/// The number of a column of Google Contacts that holds a phone.
pub(super) fn phone_number_column(header: &str) -> Option<String> {
    numbered(&normalized(header), "phone_", "_value").map(str::to_owned)
}

fn numbered<'a>(name: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let number = name.strip_prefix(before)?.strip_suffix(after)?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// The order in which the phone columns of a row are tried: WhatsApp, mobile, any, and those of a company or an address.
pub(super) fn phone_rank(header: &str) -> u8 {
    let name = normalized(header);
    if name.contains("whatsapp") || name == "wa_id" {
        0
    } else if is_mobile(&name) {
        1
    } else if ["home_phone", "work_phone", "business_phone", "default_address_phone"].contains(&&*name) {
        3
    } else {
        2
    }
}

/// Whether a column or a label of Google Contacts names a mobile phone.
pub(super) fn is_mobile(text: &str) -> bool {
    let text = fold(text);
    ["mobil", "cell", "celular", "movil", "handy", "portable", "whatsapp"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised_in_any_case_with_any_separator() {
        for (header, expected) in [
            ("Phone", "phone"),
            (" PHONE_NUMBER ", "phone"),
            ("\u{feff}phone", "phone"),
            ("Phone 12 - Value", "phone"),
            ("Mobile Phone Number", "phone"),
            ("Teléfono", "phone"),
            ("WhatsApp ID", "whatsapp_id"),
            ("First Name", "first_name"),
            ("E-mail 1 - Value", "email"),
            ("E-Mail", "email"),
            ("Labels", "tags"),
            ("Accepts SMS Marketing", "consent"),
            ("Opted-out at", "opted_out_at"),
            ("Accepts Email Marketing", "metadata.accepts_email_marketing"),
            ("metadata.Straße 1", "metadata.Straße 1"),
        ] {
            assert_eq!(recognized(header), field(expected), "{header}");
            assert!(field(expected).is_some());
        }
        for header in
            ["", "Phone x - Value", "Phone 1 - Label", "Company", "Phonetic First Name", "Record ID", "metadata."]
        {
            assert_eq!(recognized(header), None, "{header}");
        }
    }

    #[test]
    fn aliases_are_normalized_and_lead_to_fields() {
        for (found, names) in ALIASES {
            assert!(field(found).is_some(), "{found}");
            assert!(names.iter().all(|name| normalized(name) == *name && field(name).is_none()), "{names:?}");
        }
    }
}
