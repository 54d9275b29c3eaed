//! Phone numbers: how they are written, and when two of them are one person.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Flaw;
use super::flaw::{plain, text_value};

/// A phone number in international format: `+`, then 7 to 15 digits, the first of them not 0.
///
/// Parsing takes human spellings (`+1 (415) 555-0123`, `0049 170/1234567`) but not national
/// numbers: guessing a country makes wrong people. Numbering plans are not consulted, because
/// test numbers and WhatsApp's own oddities must pass.
///
/// ```
/// use contacts::contact::Phone;
/// let phone: Phone = "00 1 (415) 555-0123".parse()?;
/// assert_eq!(phone.as_str(), "+14155550123");
/// # Ok::<(), contacts::contact::Flaw>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

text_value!(Phone);

impl FromStr for Phone {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        // Long enough for any number with separators; what is longer is no number either.
        let text = plain(text, 255).map_err(|flaw| match flaw {
            Flaw::TooLong(_) => Flaw::NotPhone,
            flaw => flaw,
        })?;
        let phone = strip(text);
        let digits = phone.strip_prefix('+').ok_or(Flaw::NotPhone)?;
        let plausible =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if plausible { Ok(Phone(phone)) } else { Err(Flaw::NotPhone) }
    }
}

impl Phone {
    /// A number as WhatsApp writes its ids: the `+` may be missing.
    ///
    /// # Errors
    /// [`Flaw::NotPhone`], [`Flaw::Control`].
    pub fn from_whatsapp(text: &str) -> Result<Self, Flaw> {
        // White space may stand for the `+`: that is what a `+` in a query string arrives as.
        text.parse().or_else(|_| format!("+{}", text.trim()).parse())
    }

    /// The number without its `+`, as WhatsApp writes its ids.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The digits that stand for the person behind this number.
    ///
    /// WhatsApp spells some people's numbers in two ways: Brazilian mobiles with and without the
    /// ninth digit, Mexican ones with and without the 1, Argentinian ones with and without the 9.
    /// Every spelling has the same canonical digits; any other number is its own.
    ///
    /// ```
    /// use contacts::contact::Phone;
    /// let [long, short]: [Phone; 2] = ["+5511987654321".parse()?, "+551187654321".parse()?];
    /// assert_eq!(long.canonical(), short.canonical());
    /// # Ok::<(), contacts::contact::Flaw>(())
    /// ```
    pub fn canonical(&self) -> Cow<'_, str> {
        let digits = self.digits();
        let (country, extra) = match digits.as_bytes() {
            // +55 AA 9 NNNNNNNN, where only mobiles (first N from 6 to 9) ever lacked the 9.
            [b'5', b'5', _, _, b'9', b'6'..=b'9', ..] if digits.len() == 13 => (4, 1),
            // +52 1 and +54 9 before a ten-digit number.
            [b'5', b'2', b'1', ..] | [b'5', b'4', b'9', ..] if digits.len() == 13 => (2, 1),
            _ => return Cow::Borrowed(digits),
        };
        Cow::Owned([&digits[..country], &digits[country + extra..]].concat())
    }
}

/// Takes the separators people write out of a number; a leading `00` becomes `+`.
///
/// The result need not be a whole number: search uses it for parts of one.
pub(super) fn strip(text: &str) -> String {
    let bare: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/')).collect();
    match bare.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => bare,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn human_spellings_of_one_number() {
        for spelling in [
            "+14155550123",
            " +1 415 555 0123 ",
            "+1 (415) 555-0123",
            "+1.415.555.0123",
            "0014155550123",
            "00 1 415/555-0123",
            "+1\u{a0}415\u{202f}5550123",
        ] {
            assert_eq!(spelling.parse::<Phone>().unwrap().as_str(), "+14155550123", "{spelling:?}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "+",
            "14155550123",
            "4155550123",
            "+0155550123",
            "+123456",
            "+1234567890123456",
            "+1415555o123",
            "++14155550123",
            "+1415+5550123",
            "+١٤١٥٥٥٥٠١٢٣",
            "whatsapp",
            "000155550123",
        ] {
            assert_eq!(text.parse::<Phone>(), Err(Flaw::NotPhone), "{text:?}");
        }
        assert_eq!("+1415\u{0}5550123".parse::<Phone>(), Err(Flaw::Control));
        assert_eq!("+".repeat(5_000_000).parse::<Phone>(), Err(Flaw::NotPhone));
    }

    #[test]
    fn shortest_and_longest_number() {
        assert!("+1234567".parse::<Phone>().is_ok());
        assert!("+123456789012345".parse::<Phone>().is_ok());
    }

    #[test]
    fn one_person_in_two_spellings() {
        for (one, other) in [
            ("+55 11 98765-4321", "+551187654321"),
            ("+5511961234567", "+551161234567"),
            ("+5215512345678", "+525512345678"),
            ("+5491123456789", "+541123456789"),
        ] {
            let [one, other]: [Phone; 2] = [one.parse().unwrap(), other.parse().unwrap()];
            assert_eq!(one.canonical(), other.canonical());
        }
    }

    #[test]
    fn other_numbers_stand_for_themselves() {
        for number in [
            "+551133334444",  // Brazilian landline
            "+5511933334444", // a 9, but no short form behind it
            "+551191234567",  // short form that begins with 9
            "+52155123456",   // Mexican prefix, wrong length
            "+521551234567890",
            "+549112345678",
            "+14155550123",
            "+4915112345678",
        ] {
            let phone: Phone = number.parse().unwrap();
            assert_eq!(phone.canonical(), phone.digits(), "{number}");
        }
    }

    proptest! {
        #[test]
        fn canonical_digits_are_their_own_canonical_form(digits in "[1-9][0-9]{6,14}|5[245][0-9]{5,13}") {
            let phone: Phone = format!("+{digits}").parse().unwrap();
            let canonical: Phone = format!("+{}", phone.canonical()).parse().unwrap();
            prop_assert_eq!(canonical.canonical(), canonical.digits());
        }

        #[test]
        fn separators_never_matter(digits in "[1-9][0-9]{6,14}", at in 0usize..7, separator in "[-. ()/]{1,3}") {
            let plain: Phone = format!("+{digits}").parse().unwrap();
            let spelled: Phone = format!("+{}{separator}{}", &digits[..at], &digits[at..]).parse().unwrap();
            prop_assert_eq!(plain, spelled);
        }
    }
}
