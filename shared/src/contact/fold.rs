//! Text as search sees it: without case and without accents.

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// Folds `text` so that spellings a person takes for the same become the same.
///
/// Goes character by character, so the fold of a part is a part of the fold of the whole: whatever
/// contains a query still contains it when both are folded. `str::to_lowercase` alone breaks that
/// (a final sigma lower-cases differently). Going through upper case and back makes one letter of
/// those that lower-casing keeps apart (`ς` and `σ`, `ſ` and `s`, `ß` and `ss`).
///
/// ```
/// use contacts::contact::fold;
/// assert_eq!(fold("José"), fold("JOSE\u{301}"));
/// assert_eq!(fold("José"), "jose");
/// ```
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            folded.push(c.to_ascii_lowercase());
            continue;
        }
        let upper = c.to_lowercase().flat_map(char::to_uppercase);
        for lower in upper.flat_map(char::to_lowercase) {
            // Marks on a letter have a combining class. Vowel signs of Indian scripts, which make
            // another word, have none and stay.
            decompose_canonical(lower, |part| {
                if canonical_combining_class(part) == 0 {
                    folded.push(without_stroke(part));
                }
            });
        }
    }
    folded
}

/// A stroke through a letter is an accent to those who type without it, but not to Unicode.
fn without_stroke(letter: char) -> char {
    match letter {
        'ł' => 'l',
        'ø' => 'o',
        'đ' => 'd',
        'ħ' => 'h',
        'ŧ' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_take_for_the_same() {
        for (one, other) in [
            ("É", "é"),
            ("é", "e"),
            ("e\u{301}", "é"),
            ("ÀÇÑÖŠ", "acnos"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("STRASSE", "straße"),
            ("İstanbul", "istanbul"),
            ("Ⅷ", "ⅷ"),
            ("Ångström", "angstrom"),
            ("ЙОЖ", "йож"),
            ("Łukasz Đặng", "lukasz dang"),
            ("Ørsted", "orsted"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("😀", "😁"), ("कि", "क"), ("%", "_")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn a_part_stays_a_part(before in "\\PC{0,8}", part in "\\PC{0,8}", after in "\\PC{0,8}") {
            let whole = [before, part.clone(), after].concat();
            prop_assert!(fold(&whole).contains(&fold(&part)));
        }

        #[test]
        fn what_ilike_takes_for_the_same_is_the_same(text in "\\PC{0,16}") {
            let lower: String = text.chars().flat_map(char::to_lowercase).collect();
            prop_assert_eq!(fold(&lower), fold(&text));
        }

        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,16}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
