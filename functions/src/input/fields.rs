//! The fields of a JSON object, and which of them were asked for.

use contacts::model::Violation;
use indexmap::IndexMap;
use serde_json::value::RawValue;

/// The maximum number of unknown fields that are reported, and of characters of their names. Both come from the caller,
/// and an answer has a maximum size.
const MAX_UNKNOWN: usize = 20;
const MAX_NAME: usize = 100;

/// The fields of a JSON object. The known ones are those that have been asked for, so there is no list of them that
/// could differ from what a function reads.
pub(super) struct Fields {
    values: IndexMap<String, Box<RawValue>>,
    known: Vec<&'static str>,
}

impl Fields {
    pub(super) fn new(values: IndexMap<String, Box<RawValue>>) -> Self {
        Fields { values, known: Vec::new() }
    }

    /// The value of a field, which is known from now on.
    pub(super) fn ask(&mut self, name: &'static str) -> Option<&RawValue> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.values.get(name).map(AsRef::as_ref)
    }

    /// Sets the value of a field.
    pub(super) fn set(&mut self, name: &str, value: Box<RawValue>) {
        self.values.insert(name.to_owned(), value);
    }

    /// The first 20 fields that are not known, by their names of at most 100 characters.
    pub(super) fn unknown(&self) -> Vec<(String, Violation)> {
        let names = self.values.keys().filter(|name| !self.known.contains(&name.as_str()));
        let cut = |name: &String| match name.char_indices().nth(MAX_NAME) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.clone(),
        };
        let unknown = names.take(MAX_UNKNOWN).map(cut).filter_map(|name| {
            let nearest = self.known.iter().min_by_key(|known| difference(&letters(&name), &letters(known)))?;
            Some((name, Violation::Unknown { nearest }))
        });
        unknown.collect()
    }
}

/// A name as it is compared: without regard to case, `_` and `-`, so that `contactId` is `contact_id`.
fn letters(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// How different two names are. Names of which one contains the other are the most similar ones: `phone` is nearer to
/// `phone_number` than to `name`.
fn difference(one: &str, other: &str) -> (bool, usize) {
    (!one.contains(other) && !other.contains(one), distance(one, other))
}

/// How many letters have to be inserted, removed or replaced to make one text of the other (Levenshtein distance).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], n + 1);
        for (m, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[m + 1];
            row[m + 1] = replaced.min(row[m] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(json: &str) -> Vec<(String, Violation)> {
        let mut fields = Fields::new(serde_json::from_str(json).unwrap());
        for name in ["contact_id", "phone", "name", "email", "tags", "metadata"] {
            fields.ask(name);
        }
        fields.unknown()
    }

    #[test]
    fn the_nearest_name_is_found() {
        for (name, nearest) in [
            ("contactId", "contact_id"),
            ("id", "contact_id"),
            ("Phone", "phone"),
            ("fone", "phone"),
            ("phone_number", "phone"),
            ("first_name", "name"),
            ("e-mail", "email"),
            ("tag", "tags"),
            ("meta", "metadata"),
        ] {
            let found = unknown(&format!(r#"{{"phone":1,"{name}":null}}"#));
            assert_eq!(found, [(name.to_owned(), Violation::Unknown { nearest })]);
        }
    }

    #[test]
    fn distances_are_counted() {
        for (one, other, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("été", "ete", 2)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn what_is_reported_is_bounded() {
        let many: Vec<String> = (0..1_000).map(|n| format!(r#""x{n}":{n}"#)).collect();
        let found = unknown(&format!("{{{}}}", many.join(",")));
        assert_eq!((found.len(), found[19].0.as_str()), (20, "x19"));
        let long = unknown(&format!(r#"{{"{}":1}}"#, "é".repeat(1_000_000)));
        assert_eq!(long[0].0, format!("{}…", "é".repeat(100)));
    }
}
