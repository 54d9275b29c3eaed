//! What can be wrong with a value, in the words the contract gives it.

use std::fmt;

/// Why a value was refused. The value itself is never part of it: a flaw may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Absent, `null` or empty where something is needed.
    Required,
    /// Another JSON type where a string is expected.
    NotString,
    /// Another JSON type where an object is expected.
    NotObject,
    /// No hyphenated UUID.
    NotUuid,
    /// No e-mail address.
    NotEmail,
    /// No phone number in international format.
    NotPhone,
    /// No language tag.
    NotLocale,
    /// Another JSON type where `true` or `false` is expected.
    NotBoolean,
    /// No moment, or one too far away to be meant.
    NotTime,
    /// None of the words that are known.
    NotOneOf(&'static [&'static str]),
    /// No phone number with country code, where the `+` may be missing.
    NotFullNumber,
    /// More than this many characters (code points).
    TooLong(usize),
    /// More than this many bytes.
    TooLarge(usize),
    /// A control character, NUL included.
    Control,
    /// Half a character (a lone surrogate), which no text can have.
    HalfCharacter,
    /// More than this many tags on one contact.
    TooManyTags(usize),
    /// One of several tags has more than this many characters.
    TagTooLong(usize),
    /// A comma in a single tag, which the comma-separated form could never say.
    Comma,
}

impl Flaw {
    /// The sentence a client reads, about the field named `field`.
    ///
    /// ```
    /// use contacts::contact::Flaw;
    /// assert_eq!(Flaw::NotUuid.about("contact_id"), "The contact id must be a valid UUID.");
    /// ```
    pub fn about(self, field: &str) -> String {
        let field = field.replace('_', " ");
        match self {
            Flaw::Required => format!("The {field} field is required."),
            Flaw::NotString => format!("The {field} must be a string."),
            Flaw::NotObject => format!("The {field} must be an object."),
            Flaw::NotUuid => format!("The {field} must be a valid UUID."),
            Flaw::NotEmail => format!("The {field} must be a valid email address."),
            Flaw::NotPhone => format!("The {field} must be in international format, starting with +."),
            Flaw::NotLocale => format!("The {field} must be a language, such as fr or pt-BR."),
            Flaw::NotBoolean => format!("The {field} must be true or false."),
            Flaw::NotTime => format!("The {field} must be a time, such as 2026-05-07T08:14:23Z, not in the future."),
            Flaw::NotOneOf(words) => format!("The {field} must be one of {}.", words.join(", ")),
            Flaw::NotFullNumber => format!("The {field} must be 10 to 15 digits, beginning with a country code."),
            Flaw::TooLong(max) => format!("The {field} must not be greater than {max} characters."),
            Flaw::TooLarge(max) => format!("The {field} must not be greater than {max} bytes."),
            Flaw::Control => format!("The {field} must not contain control characters."),
            Flaw::HalfCharacter => format!("The {field} must not contain half characters."),
            Flaw::TooManyTags(max) => format!("The {field} must not have more than {max} items."),
            Flaw::TagTooLong(max) => {
                format!("The {field} must not have items greater than {max} characters.")
            }
            Flaw::Comma => format!("The {field} must not contain a comma."),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.about("value"))
    }
}

impl std::error::Error for Flaw {}

/// The text every value starts from: trimmed, no control characters, at most `max` code points.
///
/// # Errors
/// [`Flaw::Control`], [`Flaw::TooLong`].
pub(crate) fn plain(text: &str, max: usize) -> Result<&str, Flaw> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        Err(Flaw::Control)
    } else if text.chars().count() > max {
        Err(Flaw::TooLong(max))
    } else {
        Ok(text)
    }
}

/// Gives a value type over a string its conversions, all of which go through `FromStr`:
/// what is read back from the table is parsed again, so an invalid value can't be held.
macro_rules! text_value {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = crate::contact::Flaw;
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
