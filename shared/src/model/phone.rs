//! Phone numbers: their spellings, and when two numbers belong to the same person.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, plain, text_value};

/// A phone number in international format: `+` and 7 to 15 digits, of which the first is not 0.
///
/// Parsing accepts separators (white space, `-`, `.`, `(`, `)`, `/`) and a leading `00` (`+1 (415) 555-0123`, `0049 170/1234567`). National
/// numbers are refused, because a guessed country code may be another person's number. Numbers are not
/// checked against numbering plans, because test numbers and WhatsApp's special forms must pass.
///
/// ```
/// use contacts::model::Phone;
/// let phone: Phone = "00 1 (415) 555-0123".parse()?;
/// assert_eq!(phone.as_str(), "+14155550123");
/// # Ok::<(), contacts::model::Violation>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

text_value!(Phone);

impl FromStr for Phone {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        // 255 characters are enough for any number with separators.
        let text = plain(text, 255).map_err(|violation| match violation {
            Violation::TooLong(_) => Violation::NotPhone,
            violation => violation,
        })?;
        let phone = strip(text);
        let digits = phone.strip_prefix('+').ok_or(Violation::NotPhone)?;
        let plausible =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if plausible { Ok(Phone(phone)) } else { Err(Violation::NotPhone) }
    }
}

impl Phone {
    /// Parses a number whose `+` may be missing, as in WhatsApp ids.
    ///
    /// # Errors
    /// [`Violation::NotPhone`], [`Violation::Control`].
    pub fn from_whatsapp(text: &str) -> Result<Self, Violation> {
        // A `+` in a query string arrives as a space, which is trimmed here.
        text.parse().or_else(|_| format!("+{}", text.trim()).parse())
    }

    /// The digits without the `+`: the form of WhatsApp ids.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The digits that identify the person who has this number.
    ///
    /// WhatsApp writes some numbers in two ways: Brazilian mobile numbers with and without the ninth
    /// digit, Mexican ones with and without the 1, Argentinian ones with and without the 9. Both
    /// spellings have the same canonical digits; the canonical digits of any other number are its own.
    ///
    /// ```
    /// use contacts::model::Phone;
    /// let [long, short]: [Phone; 2] = ["+5511987654321".parse()?, "+551187654321".parse()?];
    /// assert_eq!(long.canonical(), short.canonical());
    /// # Ok::<(), contacts::model::Violation>(())
    /// ```
    pub fn canonical(&self) -> Cow<'_, str> {
        let digits = self.digits();
        let (country, extra) = match digits.as_bytes() {
            // +55 AA 9 NNNNNNNN. Only mobile numbers (first N from 6 to 9) exist without the 9.
            [b'5', b'5', _, _, b'9', b'6'..=b'9', ..] if digits.len() == 13 => (4, 1),
            // +52 1 and +54 9 before a ten-digit number.
            [b'5', b'2', b'1', ..] | [b'5', b'4', b'9', ..] if digits.len() == 13 => (2, 1),
            _ => return Cow::Borrowed(digits),
        };
        Cow::Owned([&digits[..country], &digits[country + extra..]].concat())
    }
}

/// Removes separators from a phone number; a leading `00` becomes `+`.
///
/// The text may be a part of a number: search uses this function for partial numbers.
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
    fn separators_and_a_leading_00_are_accepted() {
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
    fn invalid_numbers_are_refused() {
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
            assert_eq!(text.parse::<Phone>(), Err(Violation::NotPhone), "{text:?}");
        }
        assert_eq!("+1415\u{0}5550123".parse::<Phone>(), Err(Violation::Control));
        assert_eq!("+".repeat(5_000_000).parse::<Phone>(), Err(Violation::NotPhone));
    }

    #[test]
    fn numbers_have_7_to_15_digits() {
        assert!("+1234567".parse::<Phone>().is_ok());
        assert!("+123456789012345".parse::<Phone>().is_ok());
    }

    #[test]
    fn two_spellings_of_one_person_have_the_same_canonical_digits() {
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
    fn the_canonical_digits_of_other_numbers_are_their_own() {
        for number in [
            "+551133334444",  // Brazilian landline
            "+5511933334444", // a 9, but without a mobile number behind it
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
        fn canonicalisation_is_idempotent(digits in "[1-9][0-9]{6,14}|5[245][0-9]{5,13}") {
            let phone: Phone = format!("+{digits}").parse().unwrap();
            let canonical: Phone = format!("+{}", phone.canonical()).parse().unwrap();
            prop_assert_eq!(canonical.canonical(), canonical.digits());
        }

        #[test]
        fn separators_do_not_change_the_number(digits in "[1-9][0-9]{6,14}", at in 0usize..7, separator in "[-. ()/]{1,3}") {
            let plain: Phone = format!("+{digits}").parse().unwrap();
            let spelled: Phone = format!("+{}{separator}{}", &digits[..at], &digits[at..]).parse().unwrap();
            prop_assert_eq!(plain, spelled);
        }
    }
}
