//! Contact ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Flaw, Phone};

/// The id of a contact, derived from its tenant and its phone.
///
/// All spellings of one person's number give one id, so an upsert by phone is a write to a known
/// key and two contacts of one person can't come about. The tenant's namespace is secret: an id
/// in a log can't be turned back into a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContactId(Uuid);

impl ContactId {
    /// The id of the person behind `phone` in the tenant with this namespace.
    pub(crate) fn derive(namespace: &Uuid, phone: &Phone) -> Self {
        ContactId(Uuid::new_v5(namespace, phone.canonical().as_bytes()))
    }
}

impl ContactId {
    /// The id of something that has happened to this contact, by a name that nothing else has.
    pub(crate) fn event_id(self, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, name.as_bytes())
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for ContactId {
    type Err = Flaw;

    /// Takes the hyphenated form, in any case.
    fn from_str(text: &str) -> Result<Self, Flaw> {
        match text.trim() {
            // The parser knows more spellings (braces, URNs, bare hex) than the contract.
            text if text.len() == 36 => Uuid::try_parse(text).map(ContactId).map_err(|_| Flaw::NotUuid),
            _ => Err(Flaw::NotUuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_in_lower_case_out() {
        let id: ContactId = "8C1D5F5E-3B0A-5C8E-9D5A-0A1B2C3D4E5F".parse().unwrap();
        assert_eq!(id.to_string(), "8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5f");
    }

    #[test]
    fn what_is_no_id() {
        for text in [
            "",
            "01J1Y...",
            "8c1d5f5e3b0a5c8e9d5a0a1b2c3d4e5f",
            "{8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5}",
            "8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5g",
            "urn:uuid:8c1d5f5e-3b0a-5c8e-9d5a-0a1b2c3d4e5f",
        ] {
            assert_eq!(text.parse::<ContactId>(), Err(Flaw::NotUuid), "{text:?}");
        }
    }

    #[test]
    fn a_person_is_another_contact_in_another_tenant() {
        let phone: Phone = "+14155550123".parse().unwrap();
        assert_ne!(ContactId::derive(&Uuid::from_u128(1), &phone), ContactId::derive(&Uuid::from_u128(2), &phone));
    }
}
