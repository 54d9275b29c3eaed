//! Contact ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::phone::Phone;
use super::violation::Violation;

/// The id of a contact: UUIDv5 of the tenant's secret namespace and the canonical phone digits.
///
/// All spellings of a number ([`Phone::canonical`]) give the same id, so an upsert by phone writes to a
/// known key, and a tenant cannot have two contacts with one number. Because the namespace is secret, an id in a log
/// cannot be turned back into a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContactId(Uuid);

impl ContactId {
    /// The id of the contact with `phone` in the tenant with this namespace.
    pub(crate) fn derive(namespace: &Uuid, phone: &Phone) -> Self {
        ContactId(Uuid::new_v5(namespace, phone.canonical().as_bytes()))
    }

    /// The first 96 bits, of which six are the same in all ids: a digest of the phone number that only the tenant's secret
    /// can compute.
    pub(crate) fn digest(self) -> [u32; 3] {
        let bits = self.0.as_u128();
        [96, 64, 32].map(|shift| (bits >> shift) as u32)
    }

    /// The 16 bytes of the id. They sort as its text does.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id with these bytes.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        ContactId(Uuid::from_bytes(bytes))
    }

    /// The id of an event about this contact, derived from a name that is unique among the contact's
    /// events.
    pub fn event_id(self, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, name.as_bytes())
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for ContactId {
    type Err = Violation;

    /// Parses the hyphenated form, in any case.
    fn from_str(text: &str) -> Result<Self, Violation> {
        match text.trim() {
            // The UUID parser also accepts braces, URNs and bare hex, which clients must not rely on.
            text if text.len() == 36 => Uuid::try_parse(text).map(ContactId).map_err(|_| Violation::NotUuid),
            _ => Err(Violation::NotUuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_any_case_and_shown_in_lower_case() {
        let id: ContactId = "8C1D5F5E-3B0A-5C8E-9D5A-0A1B2C3D4E5F".parse().unwrap();
        assert_eq!(id.to_string(), "8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5f");
    }

    #[test]
    fn invalid_ids_are_refused() {
        for text in [
            "",
            "01J1Y...",
            "8c1d5f5e3b0a5c8e9d5a0a1b2c3d4e5f",
            "{8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5}",
            "8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5g",
            "urn:uuid:8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5f",
        ] {
            assert_eq!(text.parse::<ContactId>(), Err(Violation::NotUuid), "{text:?}");
        }
    }

    #[test]
    fn one_phone_has_different_ids_in_different_tenants() {
        let phone: Phone = "+14155550123".parse().unwrap();
        assert_ne!(ContactId::derive(&Uuid::from_u128(1), &phone), ContactId::derive(&Uuid::from_u128(2), &phone));
    }
}
