//! Cursors: the position at which a list continues, as a text that only the same list can read.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::violation::Violation;

/// The length of the authentication tag in bytes.
const TAG: usize = 16;

/// What keys of this construction are derived for. Another construction needs another text.
const PURPOSE: &[u8] = b"carnet cursor 1";

/// Where a list continues. Clients send it back as they got it: base64 without padding, safe in URLs.
///
/// It is encrypted, so that clients cannot depend on its content and nothing in it can be read, and authenticated, so that
/// one of another tenant or of other filters, or with a changed bit, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

/// The key of the cursors of one list. It is derived from the tenant's secret namespace, the name of the list and its
/// filters, so that it need not be stored, and a cursor of another list fails its authentication.
pub(crate) struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// The key for the list with this name and these filters, all of them in the same order, `None` for one that is not
    /// given.
    pub(crate) fn derive(namespace: &Uuid, list: &str, filters: &[Option<&str>]) -> Self {
        let mut derived = hmac(namespace.as_bytes());
        derived.update(PURPOSE);
        for part in [Some(list)].iter().chain(filters) {
            // With its length in front, no part can be mistaken for a piece of its neighbour.
            derived.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            derived.update(part.unwrap_or_default().as_bytes());
        }
        CursorKey(hmac(&derived.finalize().into_bytes()))
    }

    /// The cursor of a position. Equal positions have equal cursors.
    ///
    /// The construction is SIV: the tag, a keyed hash of the position, is also what the key stream is computed from, so no
    /// random number is needed that must never repeat.
    pub(crate) fn seal(&self, position: &[u8]) -> Cursor {
        let tag = self.tag(position).finalize().into_bytes();
        let tag = &tag[..TAG];
        Cursor([tag, &self.encrypt(tag, position)].concat())
    }

    /// The position of a cursor.
    ///
    /// # Errors
    /// [`Violation::NotCursor`] if [`seal`](Self::seal) has not made the cursor with this key.
    pub(crate) fn open(&self, cursor: &Cursor) -> Result<Vec<u8>, Violation> {
        let (tag, encrypted) = cursor.0.split_at_checked(TAG).ok_or(Violation::NotCursor)?;
        let position = self.encrypt(tag, encrypted);
        // Compares in constant time.
        self.tag(&position).verify_truncated_left(tag).map_err(|_| Violation::NotCursor)?;
        Ok(position)
    }

    fn tag(&self, position: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update([0]).chain_update(position)
    }

    /// Encrypts or decrypts: exclusive or with the key stream that the tag selects.
    fn encrypt(&self, tag: &[u8], bytes: &[u8]) -> Vec<u8> {
        let block = |number: u32| {
            let block = self.0.clone().chain_update([1]).chain_update(tag).chain_update(number.to_be_bytes());
            block.finalize().into_bytes()
        };
        bytes.iter().zip((0..).flat_map(block)).map(|(byte, key)| byte ^ key).collect()
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length: this cannot fail.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

impl FromStr for Cursor {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        BASE64_URL_SAFE_NO_PAD.decode(text).map(Cursor).map_err(|_| Violation::NotCursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(namespace: u128, list: &str, filters: &[Option<&str>]) -> CursorKey {
        CursorKey::derive(&Uuid::from_u128(namespace), list, filters)
    }

    #[test]
    fn a_cursor_is_read_only_by_the_list_that_made_it() {
        let cursor = key(1, "contacts", &[Some("ab"), None]).seal(b"position");
        assert_eq!(key(1, "contacts", &[Some("ab"), None]).open(&cursor).unwrap(), b"position");
        for other in [
            key(2, "contacts", &[Some("ab"), None]),
            key(1, "tags", &[Some("ab"), None]),
            key(1, "contacts", &[None, Some("ab")]),
            key(1, "contacts", &[Some("ab"), Some("")]),
            key(1, "contacts", &[Some("a"), Some("b")]),
            key(1, "contacts", &[Some("ab")]),
            key(1, "contactsab", &[None]),
            key(1, "contacts", &[]),
        ] {
            assert_eq!(other.open(&cursor), Err(Violation::NotCursor));
        }
    }

    #[test]
    fn texts_that_are_no_cursor_are_refused() {
        let key = key(1, "contacts", &[]);
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA", "not base64!", "AAAA=", "+/+/", &"A".repeat(10_000)] {
            let opened = text.parse::<Cursor>().and_then(|cursor| key.open(&cursor));
            assert_eq!(opened, Err(Violation::NotCursor), "{text}");
        }
    }

    proptest! {
        /// Also in its text: no two texts are the same cursor.
        #[test]
        fn positions_come_back_and_no_bit_can_be_changed(position: Vec<u8>, character: usize, bit in 0..7u8) {
            let key = key(1, "contacts", &[]);
            let cursor = key.seal(&position);
            let text = cursor.to_string();
            prop_assert_eq!(key.open(&text.parse().unwrap()).unwrap(), position);
            let mut changed = text.into_bytes();
            let index = character % changed.len();
            changed[index] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(changed) {
                let opened = changed.parse::<Cursor>().and_then(|cursor| key.open(&cursor));
                prop_assert_eq!(opened, Err(Violation::NotCursor));
            }
        }

        #[test]
        fn nothing_of_a_position_can_be_read(position in "[a-z]{8,60}") {
            let Cursor(bytes) = key(1, "contacts", &[]).seal(position.as_bytes());
            let shared = bytes[TAG..].iter().zip(position.bytes()).filter(|(sealed, plain)| **sealed == *plain).count();
            prop_assert!(shared < 6, "{} bytes are unchanged", shared);
        }
    }
}
