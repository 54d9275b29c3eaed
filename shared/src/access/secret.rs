//! Secrets: the random text of a token.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which clients a secret is for. Both kinds are accepted by Qyvo's actions; FlowIQ's endpoints accept only its own.
/// Stored as `bearer` and `flowiq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretKind {
    /// A bearer token, which begins with `carnet_`.
    Bearer,
    /// A FlowIQ key, which begins with `fiq_`.
    FlowIq,
}

/// A new secret: the prefix of its kind and 64 hex digits, of which 244 bits are random. Secret scanners can recognise
/// it by its prefix. It is not part of any debug output.
#[derive(Clone)]
pub struct Secret(String);

impl SecretKind {
    /// What secrets of this kind begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            SecretKind::Bearer => "carnet_",
            SecretKind::FlowIq => "fiq_",
        }
    }

    /// The kind of an existing token.
    pub fn of(token: &str) -> Self {
        if token.starts_with(SecretKind::FlowIq.prefix()) { SecretKind::FlowIq } else { SecretKind::Bearer }
    }
}

impl Secret {
    /// A random secret from the operating system's random numbers.
    pub fn generate(kind: SecretKind) -> Self {
        // Two random UUIDs: 122 random bits each.
        Secret(format!("{}{}{}", kind.prefix(), Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// The secret as text, to be shown once and to be hashed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_the_prefix_of_their_kind_differ_and_are_not_in_debug_output() {
        for (kind, prefix) in [(SecretKind::Bearer, "carnet_"), (SecretKind::FlowIq, "fiq_")] {
            let [one, other] = [Secret::generate(kind), Secret::generate(kind)];
            assert_ne!(one.reveal(), other.reveal());
            let digits = one.reveal().strip_prefix(prefix).unwrap();
            assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digits}");
            assert_eq!((SecretKind::of(one.reveal()), &*format!("{one:?}")), (kind, "Secret"));
        }
    }
}
