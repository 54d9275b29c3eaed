//! Reading a row: cells become values, or all the reasons why they cannot.

use std::str::FromStr;

use super::cell::{self, answer, unprotect};
use super::column::{self, Field};
use super::history::Restored;
use super::mapping::{Column, Mapping};
use super::outcome::Problem;
use super::row::{OptOut, Row};
use crate::model::{ConsentMethod, Email, Locale, Metadata, Name, Phone, Source, Tags, Timestamp, Violation, fold};

/// The groups that Google Contacts puts every contact into.
const GOOGLE_GROUPS: [&str; 2] = ["* myContacts", "* otherContacts"];

impl Mapping {
    /// The values of a row, whose cells are in the order of the header. Missing cells at the end are empty.
    ///
    /// # Errors
    /// All problems of the row, in the order of the columns' fields; at least one.
    pub fn read<S: AsRef<str>>(&self, cells: &[S]) -> Result<Row, Vec<Problem>> {
        let cells: Vec<&str> = cells.iter().map(|cell| unprotect(cell.as_ref()).trim()).collect();
        Reader { mapping: self, cells: &cells, problems: Vec::new() }.row()
    }
}

/// One row while it is read.
struct Reader<'a> {
    mapping: &'a Mapping,
    cells: &'a [&'a str],
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn row(mut self) -> Result<Row, Vec<Problem>> {
        let phone = self.phone();
        let phone = self.checked("phone", phone);
        let name = self.name();
        let email = self.value("email", &Field::Email, email);
        let tags = self.tags();
        let source = self.word::<Source>("source", &Field::Source);
        let locale = self.word::<Locale>("locale", &Field::Locale);
        let consent_method = self.word::<ConsentMethod>("consent_method", &Field::ConsentMethod);
        let metadata = self.metadata();
        let (opted_in_at, opted_out) = self.consent();
        let mut restored = Restored::default();
        for column in &self.mapping.columns {
            let Field::History(field) = column.field else { continue };
            let text = self.cell(column.index);
            if !text.is_empty()
                && let Err(problem) = restored.read(field, text)
            {
                self.problems.push(problem);
            }
        }
        match phone {
            Some(phone) if self.problems.is_empty() => Ok(Row {
                phone,
                name,
                email,
                tags: tags.unwrap_or_default(),
                source,
                locale,
                metadata,
                opted_in_at,
                opted_out,
                consent_method,
                restored,
            }),
            _ => Err(self.problems),
        }
    }

    /// The cell at a place, without white space around it.
    fn cell(&self, index: usize) -> &'a str {
        self.cells.get(index).copied().unwrap_or_default()
    }

    /// The cells of a field that are not empty, in the order in which its columns are tried.
    fn filled(&self, field: &Field) -> impl Iterator<Item = &'a str> {
        let columns = self.mapping.columns.iter().filter(move |column| column.field == *field);
        columns.map(|column| self.cell(column.index)).filter(|text| !text.is_empty())
    }

    /// The value, or `None` with its problem noted.
    fn checked<T>(&mut self, field: &str, value: Result<T, Problem>) -> Option<T> {
        debug_assert!(value.as_ref().err().is_none_or(|problem| problem.field == field));
        value.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// The value of the first cell of a field that is not empty.
    fn value<T>(&mut self, name: &str, field: &Field, parse: impl FnOnce(&str) -> Result<T, Violation>) -> Option<T> {
        let text = self.filled(field).next()?;
        self.checked(name, parse(text).map_err(|violation| Problem::of(name, violation)))
    }

    fn word<T: FromStr<Err = Violation>>(&mut self, name: &str, field: &Field) -> Option<T> {
        self.value(name, field, str::parse)
    }

    /// The number of the first phone column that is not empty. Later ones do not stand in for one that is invalid: it may
    /// be another person's.
    fn phone(&self) -> Result<Phone, Problem> {
        let phones = self.mapping.columns.iter().filter_map(|column| {
            let Field::Phone { whatsapp } = column.field else { return None };
            let number = cell::list(self.cell(column.index)).next()?;
            Some((self.rank(column), column.index, whatsapp, number))
        });
        let first = phones.min_by_key(|(rank, index, ..)| (*rank, *index));
        let Some((_, _, whatsapp, number)) = first else { return Err(Problem::of("phone", Violation::Required)) };
        // Excel marks text with an apostrophe; Shopify writes it into its files.
        let number = number.trim_start_matches('\'').trim();
        if whatsapp {
            return Phone::from_whatsapp(number).map_err(|violation| Problem::of("phone", violation));
        }
        number.parse::<Phone>().or_else(|violation| {
            let country = self.mapping.country;
            let national = country.and_then(|country| country.international(number)?.parse::<Phone>().ok());
            national.ok_or_else(|| not_phone(number, violation, country.is_some()))
        })
    }

    /// The rank of a phone column in this row: a label of Google Contacts can say that it is a mobile phone.
    fn rank(&self, column: &Column) -> u8 {
        let is_mobile = column.label.is_some_and(|label| column::is_mobile(self.cell(label)));
        if is_mobile { column.rank.min(1) } else { column.rank }
    }

    /// The name: a whole one, or its parts joined.
    fn name(&mut self) -> Option<Name> {
        if self.filled(&Field::Name).next().is_some() {
            return self.word("name", &Field::Name);
        }
        let parts: Vec<&str> = (0..3).filter_map(|part| self.filled(&Field::NamePart(part)).next()).collect();
        let name = parts.join(" ");
        if name.is_empty() {
            return None;
        }
        self.checked("name", name.parse().map_err(|violation| Problem::of("name", violation)))
    }

    /// The tags of all columns.
    fn tags(&mut self) -> Option<Tags> {
        let mut tags = Tags::default();
        let mut add = |list: &str| list.parse::<Tags>().and_then(|list| list.iter().try_for_each(|tag| tags.add(tag)));
        let mut columns = self.mapping.columns.iter().filter(|column| column.field == Field::Tags);
        let added = columns.try_for_each(|column| {
            let cell = self.cell(column.index);
            if column.is_exported {
                return add(cell);
            }
            let mut lists = cell::list(cell).filter(|list| !GOOGLE_GROUPS.contains(list));
            lists.try_for_each(|list| add(list.strip_prefix("* ").unwrap_or(list)))
        });
        self.checked("tags", added.map_err(|violation| Problem::of("tags", violation)))?;
        Some(tags)
    }

    /// The metadata: an object, and the texts of single keys, which replace the object's.
    fn metadata(&mut self) -> Option<Metadata> {
        let whole = self.value("metadata", &Field::Metadata, Metadata::parse);
        let mut keys = serde_json::Map::new();
        for column in &self.mapping.columns {
            let Field::MetadataKey(key) = &column.field else { continue };
            let text = self.cell(column.index);
            if !text.is_empty() {
                keys.entry(key.clone()).or_insert_with(|| text.into());
            }
        }
        if keys.is_empty() {
            return whole;
        }
        let object = serde_json::Value::Object(keys).to_string();
        let given = Metadata::parse(&object).and_then(|given| whole.unwrap_or_default().merged(&given));
        self.checked("metadata", given.map_err(|violation| Problem::of("metadata", violation)))
    }

    /// When the person opted in, and what is known of an opt-out.
    fn consent(&mut self) -> (Option<Timestamp>, OptOut) {
        let at = self.value("consent_at", &Field::ConsentAt, cell::time);
        let in_at = self.value("opted_in_at", &Field::OptedInAt, cell::time);
        let out_at = self.value("opted_out_at", &Field::OptedOutAt, cell::time);
        let consent = self.value("consent", &Field::Consent, consents);
        let yes_or_no = |text: &str| answer(text).ok_or(Violation::NotOneOf(&["yes", "no"]));
        let opted_out = self.value("opted_out", &Field::OptedOut, yes_or_no);
        let is_out = consent == Some(false) || opted_out == Some(true);
        let opted_in_at = in_at.or_else(|| at.filter(|_| consent == Some(true) && !is_out));
        let opted_out = match out_at.or_else(|| at.filter(|_| is_out)) {
            Some(time) => OptOut::At(time),
            None if is_out => OptOut::Undated,
            None => OptOut::None,
        };
        (opted_in_at, opted_out)
    }
}

/// An address, or the first of a list. The whole text comes first, because `":::"@example.com` is an address.
fn email(text: &str) -> Result<Email, Violation> {
    text.parse().or_else(|_| cell::list(text).next().unwrap_or(text).parse())
}

/// Why a text is not a phone number, and what to do.
fn not_phone(number: &str, violation: Violation, has_country: bool) -> Problem {
    let reason = match violation {
        Violation::NotPhone | Violation::NotPhoneLength if is_rounded(number) => {
            "A spreadsheet program has rounded the phone; take it from the original file, as text."
        }
        Violation::NotPhone if has_country => {
            "The phone must be a complete number of the country, with its area code, or start with +."
        }
        Violation::NotPhone => {
            "The phone must be in international format, starting with +; for national numbers, name their country in the option country."
        }
        violation => return Problem::of("phone", violation),
    };
    Problem::new("phone", reason)
}

/// What a word of consent says.
fn consents(text: &str) -> Result<bool, Violation> {
    let known = match fold(text).replace([' ', '-'], "_").as_str() {
        "opt_in" | "opted_in" | "in" | "subscribed" | "granted" => Some(true),
        "opt_out" | "opted_out" | "out" | "unsubscribed" | "not_subscribed" | "denied" => Some(false),
        _ => answer(text),
    };
    known.ok_or(Violation::NotOneOf(&["opt_in", "opt_out", "yes", "no"]))
}

/// Whether a number was written as `5.51199E+12`, which has lost its last digits.
fn is_rounded(number: &str) -> bool {
    let number = number.to_ascii_lowercase().replace(',', ".");
    let Some((mantissa, exponent)) = number.split_once("e+") else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits(mantissa) && digits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Options;

    fn mapping(header: &[&str], country: Option<&str>) -> Mapping {
        let country = country.map(|country| country.parse().unwrap());
        Mapping::new(header, &Options { country, ..Options::default() }).unwrap()
    }

    fn phone(header: &[&str], cells: &[&str], country: Option<&str>) -> Result<String, String> {
        let row = mapping(header, country).read(cells);
        row.map(|row| row.phone().as_str().to_owned()).map_err(|problems| problems[0].reason.clone())
    }

    #[test]
    fn the_first_filled_phone_column_decides() {
        let header = ["Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Label", "Phone 2 - Value", "WhatsApp"];
        for (cells, expected) in [
            (["Home", "+14155550101", "Mobile", "+14155550102", ""], "+14155550102"),
            (["Home", "+14155550101", "Work", "+14155550102", ""], "+14155550101"),
            (["Home", "", "Work", "+1 415 555 0102 ::: +14155550103", ""], "+14155550102"),
            (["Home", "+14155550101", "Mobile", "+14155550102", "'+1 415 555 0104"], "+14155550104"),
        ] {
            assert_eq!(phone(&header, &cells, None).as_deref(), Ok(expected), "{cells:?}");
        }
        // A landline is not used in place of a broken mobile number.
        assert!(phone(&header, &["Home", "+14155550101", "Mobile", "n/a", ""], None).is_err());
        assert!(phone(&header, &["Home"], None).unwrap_err().contains("required"));
    }

    #[test]
    fn national_numbers_need_a_country() {
        let header = ["phone"];
        for (number, country, expected) in [
            ("(11) 98765-4321", Some("BR"), Ok("+5511987654321")),
            ("+1 415 555 0123", Some("BR"), Ok("+14155550123")),
            ("00 65 6123 4567", Some("ID"), Ok("+6561234567")),
            ("'5511987654321", Some("BR"), Ok("+5511987654321")),
            ("(11) 98765-4321", None, Err("name their country in the option country")),
            ("98765-4321", Some("BR"), Err("with its area code")),
            ("5.51199E+12", None, Err("rounded")),
            ("5,51199E+12", Some("BR"), Err("rounded")),
            ("+1 415 555 0123 ext. 5", None, Err("without an extension")),
            ("+1415\u{0}5550123", None, Err("control characters")),
        ] {
            match (phone(&header, &[number], country), expected) {
                (Ok(phone), Ok(expected)) => assert_eq!(phone, expected, "{number}"),
                (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{number}: {reason}"),
                (found, expected) => panic!("{number}: {found:?} instead of {expected:?}"),
            }
        }
        assert_eq!(phone(&["whatsapp_id"], &["5511987654321"], None).as_deref(), Ok("+5511987654321"));
    }

    #[test]
    fn all_problems_of_a_row_are_found_and_none_quotes_a_cell() {
        let header = ["phone", "email", "tags", "metadata", "source", "consent", "opted_in_at", "name"];
        let long = "x".repeat(101);
        let cells = ["x-secret", "x-secret", &long, "x-secret", "x-secret", "x-secret", "x-secret", "x-secret\u{1}"];
        let problems = mapping(&header, None).read(&cells).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| &*problem.field).collect();
        assert_eq!(fields, ["phone", "name", "email", "tags", "source", "metadata", "opted_in_at", "consent"]);
        assert!(problems.iter().all(|problem| !problem.reason.contains("x-secret")), "{problems:?}");
    }

    #[test]
    fn columns_become_values() {
        let header = [
            "First Name",
            "Last Name",
            "Phone",
            "E-mail",
            "Labels",
            "metadata",
            "metadata.city",
            "Opt-out",
            "consent_at",
            "Accepts Email Marketing",
        ];
        let cells = [
            "'=José",
            "da Silva",
            "+5511987654321",
            "Ana@Example.com ::: b@example.com",
            "* myContacts ::: vip ::: a, vip",
            r#"{"n": 8742.00, "city": "x"}"#,
            "00123",
            "yes",
            "2026-05-07",
            "no",
        ];
        let row = mapping(&header, None).read(&cells).unwrap();
        assert_eq!(row.name.as_ref().map(Name::as_str), Some("=José da Silva"));
        assert_eq!(row.email.as_ref().map(Email::as_str), Some("Ana@Example.com"));
        assert_eq!(row.tags, "vip,a".parse().unwrap());
        let metadata = r#"{"n":8742.00,"city":"00123","accepts_email_marketing":"no"}"#;
        assert_eq!(serde_json::to_string(&row.metadata).unwrap(), metadata);
        assert_eq!((row.opted_in_at, row.opted_out), (None, OptOut::At(cell::time("2026-05-07").unwrap())));
    }
}
