//! Sealing of results: ChaCha20-Poly1305 with a random key and a random nonce.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::error::Error;

/// A random key.
pub(super) type Key = [u8; 32];

/// A new key from the operating system's random numbers.
///
/// # Errors
/// [`Error::Internal`] if the operating system has none.
pub(super) fn new_key() -> Result<Key, Error> {
    random()
}

/// Seals `plain`, which can be opened with the same key and for the same `purpose` only.
///
/// # Errors
/// [`Error::Internal`].
pub(super) fn seal(key: &Key, purpose: &[u8], mut plain: Vec<u8>) -> Result<Vec<u8>, Error> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let nonce_of_key = Nonce::assume_unique_for_key(nonce);
    cipher(key)
        .and_then(|key| key.seal_in_place_append_tag(nonce_of_key, Aad::from(purpose), &mut plain))
        .map_err(failed)?;
    Ok([&nonce[..], &plain].concat())
}

/// Opens what [`seal`] has made; `None` with another key or for another purpose.
pub(super) fn open(key: &Key, purpose: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
    let (nonce, mut sealed) = (Nonce::try_assume_unique_for_key(nonce).ok()?, sealed.to_vec());
    let opened = cipher(key)
        .and_then(|key| key.open_in_place(nonce, Aad::from(purpose), &mut sealed).map(|opened| opened.len()));
    sealed.truncate(opened.ok()?);
    Some(sealed)
}

fn cipher(key: &Key) -> Result<LessSafeKey, ring::error::Unspecified> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn failed(_: ring::error::Unspecified) -> Error {
    Error::Internal("a result could not be sealed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_for_its_purpose_only() {
        let (key, other) = (new_key().unwrap(), new_key().unwrap());
        let mut sealed = seal(&key, b"call", b"Jane".to_vec()).unwrap();
        assert_eq!(open(&key, b"call", &sealed).as_deref(), Some(&b"Jane"[..]));
        assert_eq!((open(&other, b"call", &sealed), open(&key, b"other", &sealed)), (None, None));
        assert!(!sealed.windows(4).any(|part| part == b"Jane"));
        assert_ne!(sealed, seal(&key, b"call", b"Jane".to_vec()).unwrap());
        for byte in 0..sealed.len() {
            sealed[byte] ^= 1;
            assert_eq!(open(&key, b"call", &sealed), None, "{byte}");
            sealed[byte] ^= 1;
        }
        assert_eq!(open(&key, b"call", b"short"), None);
    }
}
