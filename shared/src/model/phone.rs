//! Phone numbers: their spellings, and when two numbers belong to the same person.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::{Violation, plain, text_value};

/// A phone number in international format: `+` and 7 to 15 digits, of which the first is not 0.
///
/// Parsing accepts separators (white space, `-`, `.`, `(`, `)`, `/`) and a leading `00` (`+1 (415) 555-0123`, `0049 170/1234567`), and
/// drops a `(0)` after the country code, which is dialled only within the country (`+44 (0)20 7946 0018`). National
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
        let text = plain(text, usize::MAX)?;
        let phone = strip(text);
        let digits = phone.strip_prefix('+').ok_or(Violation::NotPhone)?;
        // 255 characters are enough for any number with separators.
        let is_whole = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_whole || text.chars().count() > 255 {
            return Err(Violation::NotPhoneLength);
        }
        if digits.starts_with('0') { Err(Violation::NotPhone) } else { Ok(Phone(phone)) }
    }
}

impl Phone {
    /// Parses a number whose `+` may be missing, as in WhatsApp ids.
    ///
    /// # Errors
    /// [`Violation::NotPhone`], [`Violation::NotPhoneLength`], [`Violation::Control`].
    pub fn from_whatsapp(text: &str) -> Result<Self, Violation> {
        text.parse().or_else(|_| format!("+{}", text.trim()).parse())
    }

    /// Parses the number that the digits of any text are: everything else is dropped, such as the `whatsapp:` of
    /// messaging services. A leading `00`, and a `(0)` after the country code, are dropped too.
    ///
    /// ```
    /// use contacts::model::Phone;
    /// assert_eq!(Phone::from_digits_of("whatsapp:+27 12 345-6789")?.as_str(), "+27123456789");
    /// # Ok::<(), contacts::model::Violation>(())
    /// ```
    ///
    /// # Errors
    /// [`Violation::NotPhone`] if the first digit is 0, [`Violation::NotPhoneLength`] unless there are 7 to 15.
    pub fn from_digits_of(text: &str) -> Result<Self, Violation> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let international = |text: &str| {
            let all = digits(text);
            all.strip_prefix("00").map(str::to_owned).unwrap_or(all)
        };
        let spaceless: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let parts = spaceless.split_once("(0)").map(|(before, after)| (international(before), digits(after)));
        let number = match parts {
            Some((code, rest)) if (1..=3).contains(&code.len()) => code + &rest,
            _ => international(&spaceless),
        };
        format!("+{number}").parse()
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

/// Removes separators from a phone number; a leading `00` becomes `+`, and a `(0)` after the country code is dropped.
///
/// The text may be a part of a number: search uses this function for partial numbers.
pub(super) fn strip(text: &str) -> String {
    let spaceless: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some((before, after)) = spaceless.split_once("(0)") {
        let code = international(before);
        if is_country_code(&code) {
            return code + &unseparated(after);
        }
    }
    international(&spaceless)
}

/// Whether the text is `+` and one to three digits.
fn is_country_code(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The text without separators; a leading `00` becomes `+`.
fn international(text: &str) -> String {
    let bare = unseparated(text);
    match bare.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => bare,
    }
}

fn unseparated(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | '/')).collect()
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
            "+1 (0) 415 555 0123",
        ] {
            assert_eq!(spelling.parse::<Phone>().unwrap().as_str(), "+14155550123", "{spelling:?}");
        }
    }

    #[test]
    fn a_zero_in_parentheses_after_the_country_code_is_dropped() {
        for (spelling, number) in [
            ("+44 (0)20 7946 0018", "+442079460018"),
            ("0044(0)20/7946.0018", "+442079460018"),
            ("+44-( 0 )-20 7946 0018", "+442079460018"),
            ("+358 (0)9 1234567", "+35891234567"),
            // Not after the country code, or the second one: it is part of the number.
            ("+4420 (0)7946 001", "+442007946001"),
            ("+44 (0)20 (0)946 001", "+44200946001"),
            ("+44 (020) 7946 001", "+440207946001"),
        ] {
            assert_eq!(spelling.parse::<Phone>().unwrap().as_str(), number, "{spelling:?}");
        }
        assert_eq!("(0)20 7946 0018".parse::<Phone>(), Err(Violation::NotPhone));
        assert_eq!("+44 (0)20 79".parse::<Phone>(), Err(Violation::NotPhoneLength), "six digits");
    }

    #[test]
    fn the_digits_of_any_text_are_a_number() {
        for text in [
            "442079460018",
            "+442079460018",
            " 442079460018",
            "00442079460018",
            "+44 (0)20 7946 0018",
            "44 (0)20 7946 0018",
            "whatsapp:+442079460018",
            "442079460018@s.whatsapp.net",
            "tel:+44-20-7946-0018 ☎\u{0}",
        ] {
            assert_eq!(Phone::from_digits_of(text).unwrap().as_str(), "+442079460018", "{text:?}");
        }
        for (text, violation) in [
            ("020 7946 0018", Violation::NotPhone),
            ("whatsapp", Violation::NotPhoneLength),
            ("", Violation::NotPhoneLength),
            ("44-2079", Violation::NotPhoneLength),
            ("1234567890123456", Violation::NotPhoneLength),
        ] {
            assert_eq!(Phone::from_digits_of(text), Err(violation), "{text:?}");
        }
    }

    #[test]
    fn invalid_numbers_are_refused() {
        for text in ["", "14155550123", "4155550123", "+0155550123", "whatsapp", "000155550123"] {
            assert_eq!(text.parse::<Phone>(), Err(Violation::NotPhone), "{text:?}");
        }
        for text in [
            "+",
            "+123456",
            "+1234567890123456",
            "001234567890123456",
            "+1415555o123",
            "+14155550123 ext. 4",
            "++14155550123",
            "+1415+5550123",
            "+١٤١٥٥٥٥٠١٢٣",
        ] {
            assert_eq!(text.parse::<Phone>(), Err(Violation::NotPhoneLength), "{text:?}");
        }
        assert_eq!("+1415\u{0}5550123".parse::<Phone>(), Err(Violation::Control));
        assert_eq!("+".repeat(5_000_000).parse::<Phone>(), Err(Violation::NotPhoneLength));
        assert_eq!("x".repeat(5_000_000).parse::<Phone>(), Err(Violation::NotPhone));
        assert_eq!(format!("+14155550123{}", "-".repeat(250)).parse::<Phone>(), Err(Violation::NotPhoneLength));
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
