//! Text folding for search: case and accents are removed.

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// Removes case and accents, so that `José`, `JOSE` and `jose` become the same text.
///
/// Folds each character by itself, so the fold of a substring is a substring of the fold.
/// `str::to_lowercase` does not guarantee this: it lower-cases a final sigma differently. Each letter goes
/// through upper case, so that `ς` equals `σ`, `ſ` equals `s` and `ß` equals `ss`. Strokes are removed too
/// (`ł`, `ø`, `đ`, `ħ`, `ŧ`).
///
/// ```
/// use contacts::model::fold;
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

/// Removes the stroke of a letter. Unicode does not decompose these letters, but people type them
/// without the stroke.
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
    fn case_and_accents_are_removed() {
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
        fn a_substring_folds_to_a_substring(before in "\\PC{0,8}", part in "\\PC{0,8}", after in "\\PC{0,8}") {
            let whole = [before, part.clone(), after].concat();
            prop_assert!(fold(&whole).contains(&fold(&part)));
        }

        #[test]
        fn texts_that_ilike_matches_fold_to_the_same(text in "\\PC{0,16}") {
            let lower: String = text.chars().flat_map(char::to_lowercase).collect();
            prop_assert_eq!(fold(&lower), fold(&text));
        }

        #[test]
        fn folding_is_idempotent(text in "\\PC{0,16}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
