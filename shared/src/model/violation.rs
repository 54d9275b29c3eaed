//! What can be wrong with a value, and the message that clients read.

use std::fmt;

/// Why a value was refused. It never contains the value, so it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A required value is absent, `null` or empty.
    Required,
    /// Not a JSON string.
    NotString,
    /// Not a JSON object.
    NotObject,
    /// Not a hyphenated UUID.
    NotUuid,
    /// Not an email address.
    NotEmail,
    /// Not a phone number in international format.
    NotPhone,
    /// Begins with `+` as a phone number does, but has too few digits, too many, or other characters.
    NotPhoneLength,
    /// Not a language tag.
    NotLocale,
    /// Not a JSON boolean.
    NotBoolean,
    /// Not `*` or a list of entity tags, in a conditional header.
    NotEntityTags,
    /// Not a JSON number without a fraction from 1 to this one.
    NotCount(u32),
    /// Not a cursor, or one of another tenant, of other filters or of another endpoint.
    NotCursor,
    /// Not a time, or a time before 1970 or more than five minutes in the future.
    NotTime,
    /// Not one of the listed values.
    NotOneOf(&'static [&'static str]),
    /// Not a phone number of 10 to 15 digits with a country code; the `+` may be missing.
    NotFullNumber,
    /// More than this many characters (code points).
    TooLong(usize),
    /// More than this many bytes.
    TooLarge(usize),
    /// A control character, NUL included.
    Control,
    /// An escape for an unpaired surrogate (`\ud800` to `\udfff`), which cannot be decoded.
    LoneSurrogate,
    /// More than this many tags on one contact.
    TooManyTags(usize),
    /// A tag in the list has more than this many characters.
    TagTooLong(usize),
    /// A tag contains a comma, which the comma-separated form cannot express.
    Comma,
    /// Not a list of 1 to this many rows of a file.
    NotRows(usize),
    /// Not a list of JSON strings.
    NotTexts,
    /// Not a list of 1 to this many contacts.
    NotContacts(usize),
    /// Not a country whose phone numbers are known.
    NotCountry,
    /// Not a field of the input, although the caller has asked for strict handling.
    Unknown {
        /// The name of a field of the input that is the most similar to it.
        nearest: &'static str,
    },
    /// Not a tenant's slug. Operators choose slugs; no endpoint sets one.
    NotSlug,
}

impl Violation {
    /// The message that clients read, about the field at this path. Underscores are shown as spaces.
    ///
    /// ```
    /// use contacts::model::Violation;
    /// assert_eq!(Violation::NotUuid.message("contact_id"), "The contact id must be a valid UUID.");
    /// ```
    pub fn message(self, path: &str) -> String {
        let field = path.replace('_', " ");
        match self {
            Violation::Required => format!("The {field} field is required."),
            Violation::NotString => format!("The {field} must be a string."),
            Violation::NotObject => format!("The {field} must be an object."),
            Violation::NotUuid => format!("The {field} must be a valid UUID."),
            Violation::NotEmail => format!("The {field} must be a valid email address."),
            Violation::NotPhone => format!("The {field} must be in international format, starting with +."),
            Violation::NotPhoneLength => format!("The {field} must have 7 to 15 digits, without an extension."),
            Violation::NotLocale => format!("The {field} must be a language, such as fr or pt-BR."),
            Violation::NotBoolean => format!("The {field} must be true or false."),
            Violation::NotEntityTags => {
                format!("The {field} must be * or a list of entity tags in quotes, such as \"7\".")
            }
            Violation::NotCount(max) => format!("The {field} must be a whole number from 1 to {max}."),
            Violation::NotCursor => format!(
                "The {field} must be one that was returned for the same filters; leave it out to start from the beginning."
            ),
            Violation::NotTime => {
                format!("The {field} must be a time, such as 2026-05-07T08:14:23Z, not in the future.")
            }
            Violation::NotOneOf(words) => format!("The {field} must be one of {}.", words.join(", ")),
            Violation::NotFullNumber => format!("The {field} must be 10 to 15 digits, beginning with a country code."),
            Violation::TooLong(max) => format!("The {field} must not be greater than {max} characters."),
            Violation::TooLarge(max) => format!("The {field} must not be greater than {max} bytes."),
            Violation::Control => format!("The {field} must not contain control characters."),
            Violation::LoneSurrogate => format!("The {field} must not contain half characters."),
            Violation::TooManyTags(max) => format!("The {field} must not have more than {max} items."),
            Violation::TagTooLong(max) => {
                format!("The {field} must not have items greater than {max} characters.")
            }
            Violation::Comma => format!("The {field} must not contain a comma."),
            Violation::NotRows(max) => {
                format!("The {field} must be a list of 1 to {max} objects, each with its line and cells.")
            }
            Violation::NotTexts => format!("The {field} must be a list of strings."),
            Violation::NotContacts(max) => format!("The {field} must be a list of 1 to {max} objects."),
            Violation::NotCountry => {
                format!("The {field} must be the two letters of a country whose numbers are known, such as BR.")
            }
            // With the name as the caller has sent it.
            Violation::Unknown { nearest } => {
                format!("The {path} field is unknown; the nearest known name is {nearest}.")
            }
            Violation::NotSlug => {
                format!("The {field} must be 1 to 63 lower-case letters, digits and inner hyphens.")
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message("value"))
    }
}

impl std::error::Error for Violation {}

/// A text without white space and invisible characters (U+200B–U+200F, U+2060, U+FEFF) at its ends, which come with
/// pasted values.
///
/// Inputs are trimmed with this function before they are parsed. Value types themselves trim white space only, because
/// values stored earlier are parsed again and must not change.
///
/// ```
/// use contacts::model::trim;
/// assert_eq!(trim("\u{feff} Jane\u{200b}"), "Jane");
/// ```
pub fn trim(text: &str) -> &str {
    let is_trimmed = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    text.trim_matches(is_trimmed)
}

/// The text that value types parse: trimmed, without control characters, at most `max` code points.
///
/// # Errors
/// [`Violation::Control`], [`Violation::TooLong`].
pub(crate) fn plain(text: &str, max: usize) -> Result<&str, Violation> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        Err(Violation::Control)
    } else if text.chars().count() > max {
        Err(Violation::TooLong(max))
    } else {
        Ok(text)
    }
}

/// Implements the conversions of a value type over a string. All of them go through `FromStr`: values
/// read back from the table are parsed again, so an invalid value cannot be held.
macro_rules! text_value {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = crate::model::violation::Violation;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.0
            }
        }
        impl $type {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use text_value;
