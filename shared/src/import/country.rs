//! National phone numbers, made international where the operator names their country.

use std::fmt;
use std::str::FromStr;

/// A country whose national numbers are understood.
///
/// It is used only when an import names one: without it, a number without `+` is refused, because a guessed country code
/// may be another person's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    calling_code: &'static str,
    trunk: &'static str,
    digits: (usize, usize),
}

/// No country that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCountry;

impl fmt::Display for UnknownCountry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<&str> = COUNTRIES.iter().map(|(code, ..)| *code).collect();
        write!(
            f,
            "write one of the countries {}; numbers of other countries need a + and their country code",
            codes.join(", ")
        )
    }
}

impl std::error::Error for UnknownCountry {}

impl FromStr for Country {
    type Err = UnknownCountry;

    /// Parses an ISO 3166-1 code of two letters, in any case: `BR`.
    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        let found = COUNTRIES.iter().find(|(code, ..)| code.eq_ignore_ascii_case(text.trim()));
        let (_, calling_code, trunk, min, max) = found.ok_or(UnknownCountry)?;
        Ok(Country { calling_code, trunk, digits: (*min, *max) })
    }
}

impl Country {
    /// The international form of a number without `+`: `(011) 98765-4321` in Brazil is `+5511987654321`.
    ///
    /// The trunk prefix is dropped. A number that is too long for a national one may begin with the country's own calling
    /// code. `None` if the number of digits is neither, so a number without its area code is not taken for another one.
    pub(super) fn international(self, number: &str) -> Option<String> {
        let digits: String =
            number.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/')).collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (min, max) = self.digits;
        let is_complete = |national: &&str| (min..=max).contains(&national.len());
        let after = |prefix: &str| digits.strip_prefix(prefix).filter(is_complete);
        // Where the trunk prefix is 0, no national number begins with 0.
        let is_national = |number: &&str| self.trunk != "0" || !number.starts_with('0');
        let without_trunk = if self.trunk.is_empty() { None } else { after(self.trunk).filter(is_national) };
        let as_given = Some(&*digits).filter(is_complete).filter(is_national);
        let national = without_trunk.or(as_given).or_else(|| after(self.calling_code))?;
        Some(format!("+{}{national}", self.calling_code))
    }
}

/// Countries: ISO 3166-1 code, calling code, trunk prefix (dialled before a national number inside the country), and the
/// least and greatest number of digits of a national number without it, landlines and mobiles together.
///
/// Sources: ITU-T Recommendation E.164, list of assigned country codes; ITU-T list of dialling procedures (national
/// prefixes); the national numbering plans that ITU-T publishes. Where a plan has shorter numbers for services, they are
/// left out.
#[rustfmt::skip]
const COUNTRIES: [(&str, &str, &str, usize, usize); 130] = [
    ("AE", "971", "0", 8, 9), ("AL", "355", "0", 8, 9), ("AM", "374", "0", 8, 8), ("AO", "244", "", 9, 9),
    ("AR", "54", "0", 10, 10), ("AT", "43", "0", 7, 13), ("AU", "61", "0", 9, 9), ("AZ", "994", "0", 9, 9),
    ("BA", "387", "0", 8, 8), ("BB", "1", "1", 10, 10), ("BD", "880", "0", 8, 10), ("BE", "32", "0", 8, 9),
    ("BG", "359", "0", 7, 9), ("BH", "973", "", 8, 8), ("BO", "591", "0", 8, 8), ("BR", "55", "0", 10, 11),
    ("BS", "1", "1", 10, 10), ("BW", "267", "", 7, 8), ("BY", "375", "8", 9, 9), ("CA", "1", "1", 10, 10),
    ("CD", "243", "0", 9, 9), ("CH", "41", "0", 9, 9), ("CI", "225", "", 10, 10), ("CL", "56", "", 9, 9),
    ("CM", "237", "", 9, 9), ("CN", "86", "0", 10, 11), ("CO", "57", "", 10, 10), ("CR", "506", "", 8, 8),
    ("CU", "53", "0", 8, 8), ("CY", "357", "", 8, 8), ("CZ", "420", "", 9, 9), ("DE", "49", "0", 6, 11),
    ("DK", "45", "", 8, 8), ("DO", "1", "1", 10, 10), ("DZ", "213", "0", 8, 9), ("EC", "593", "0", 8, 9),
    ("EE", "372", "", 7, 8), ("EG", "20", "0", 8, 10), ("ES", "34", "", 9, 9), ("ET", "251", "0", 9, 9),
    ("FI", "358", "0", 6, 11), ("FJ", "679", "", 7, 7), ("FR", "33", "0", 9, 9), ("GB", "44", "0", 9, 10),
    ("GE", "995", "0", 9, 9), ("GH", "233", "0", 9, 9), ("GR", "30", "", 10, 10), ("GT", "502", "", 8, 8),
    ("HK", "852", "", 8, 8), ("HN", "504", "", 8, 8), ("HR", "385", "0", 8, 9), ("HT", "509", "", 8, 8),
    ("HU", "36", "06", 8, 9), ("ID", "62", "0", 8, 12), ("IE", "353", "0", 7, 9), ("IL", "972", "0", 8, 9),
    ("IN", "91", "0", 10, 10), ("IQ", "964", "0", 8, 10), ("IR", "98", "0", 10, 10), ("IS", "354", "", 7, 7),
    ("IT", "39", "", 6, 11), ("JM", "1", "1", 10, 10), ("JO", "962", "0", 8, 9), ("JP", "81", "0", 9, 10),
    ("KE", "254", "0", 9, 9), ("KH", "855", "0", 8, 9), ("KR", "82", "0", 8, 10), ("KW", "965", "", 8, 8),
    ("KZ", "7", "8", 10, 10), ("LB", "961", "0", 7, 8), ("LK", "94", "0", 9, 9), ("LT", "370", "0", 8, 8),
    ("LU", "352", "", 5, 11), ("LV", "371", "", 8, 8), ("MA", "212", "0", 9, 9), ("MD", "373", "0", 8, 8),
    ("ME", "382", "0", 8, 8), ("MK", "389", "0", 8, 8), ("MM", "95", "0", 7, 10), ("MO", "853", "", 8, 8),
    ("MT", "356", "", 8, 8), ("MU", "230", "", 7, 8), ("MX", "52", "", 10, 10), ("MY", "60", "0", 8, 10),
    ("MZ", "258", "", 8, 9), ("NA", "264", "0", 8, 9), ("NG", "234", "0", 8, 10), ("NI", "505", "", 8, 8),
    ("NL", "31", "0", 9, 9), ("NO", "47", "", 8, 8), ("NP", "977", "0", 8, 10), ("NZ", "64", "0", 8, 10),
    ("OM", "968", "", 8, 8), ("PA", "507", "", 7, 8), ("PE", "51", "0", 8, 9), ("PH", "63", "0", 8, 10),
    ("PK", "92", "0", 9, 10), ("PL", "48", "", 9, 9), ("PR", "1", "1", 10, 10), ("PT", "351", "", 9, 9),
    ("PY", "595", "0", 7, 9), ("QA", "974", "", 8, 8), ("RO", "40", "0", 9, 9), ("RS", "381", "0", 7, 9),
    ("RU", "7", "8", 10, 10), ("RW", "250", "0", 9, 9), ("SA", "966", "0", 8, 9), ("SE", "46", "0", 7, 10),
    ("SG", "65", "", 8, 8), ("SI", "386", "0", 8, 8), ("SK", "421", "0", 9, 9), ("SN", "221", "", 9, 9),
    ("SV", "503", "", 8, 8), ("TH", "66", "0", 8, 9), ("TN", "216", "", 8, 8), ("TR", "90", "0", 10, 10),
    ("TT", "1", "1", 10, 10), ("TW", "886", "0", 8, 9), ("TZ", "255", "0", 9, 9), ("UA", "380", "0", 9, 9),
    ("UG", "256", "0", 9, 9), ("US", "1", "1", 10, 10), ("UY", "598", "0", 8, 8), ("UZ", "998", "", 9, 9),
    ("VE", "58", "0", 10, 10), ("VN", "84", "0", 9, 10), ("XK", "383", "0", 8, 8), ("ZA", "27", "0", 9, 9),
    ("ZM", "260", "0", 9, 9), ("ZW", "263", "0", 9, 9),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phone;

    fn international(country: &str, number: &str) -> Option<String> {
        country.parse::<Country>().unwrap().international(number)
    }

    #[test]
    fn national_numbers_get_their_calling_code() {
        for (country, number, expected) in [
            ("BR", "(11) 98765-4321", "+5511987654321"),
            ("br", "011 98765-4321", "+5511987654321"),
            ("BR", "11 3333-4444", "+551133334444"),
            ("BR", "5511987654321", "+5511987654321"),
            ("GB", "07700 900123", "+447700900123"),
            ("DE", "0170/1234567", "+491701234567"),
            ("DE", "491701234567", "+491701234567"),
            ("IT", "06 12345678", "+390612345678"),
            ("US", "(415) 555-0123", "+14155550123"),
            ("US", "1-415-555-0123", "+14155550123"),
            ("RU", "8 912 345-67-89", "+79123456789"),
            ("HU", "06 20 123 4567", "+36201234567"),
            ("ES", "612 34 56 78", "+34612345678"),
            ("CI", "07 12 34 56 78", "+2250712345678"),
            ("CN", "13812345678", "+8613812345678"),
            ("IN", "098765 43210", "+919876543210"),
        ] {
            assert_eq!(international(country, number).as_deref(), Some(expected), "{country} {number}");
        }
    }

    #[test]
    fn incomplete_numbers_are_not_guessed() {
        for (country, number) in [
            ("BR", "98765-4321"),
            ("BR", "0 98765"),
            ("BR", "551198765"),
            ("US", "555-0123"),
            ("GB", "0"),
            ("FR", "0 0612345678"),
            ("AR", "011 15 1234-5678"),
            ("BR", "11 98765-432x"),
            ("BR", "+5511987654321"),
            ("BR", "11 ٩٨٧٦٥-٤٣٢١"),
            ("BR", ""),
        ] {
            assert_eq!(international(country, number), None, "{country} {number}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_gives_phone_numbers() {
        assert!(COUNTRIES.is_sorted_by(|one, other| one.0 < other.0));
        for (code, calling_code, _, min, max) in COUNTRIES {
            for digits in min..=max {
                let number = international(code, &"2".repeat(digits));
                let phone: Phone = number.unwrap_or_else(|| panic!("{code} {digits}")).parse().unwrap();
                assert!(phone.digits().len() == calling_code.len() + digits, "{code}");
            }
        }
        assert_eq!("Brazil".parse::<Country>(), Err(UnknownCountry));
        assert!(UnknownCountry.to_string().contains("BR, "));
    }
}
