use std::collections::BTreeMap;

use crate::{KeyId, PublicKey};

/// Which keys are trusted, and how many of them must have signed.
#[derive(Clone, Debug)]
pub struct Policy {
    keys: BTreeMap<KeyId, PublicKey>,
    threshold: usize,
}

/// Why a policy could never be met, or would always be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// There is nothing to trust.
    #[error("no trusted key is given")]
    NoKeys,
    /// A threshold of none, or of more keys than there are.
    #[error("the threshold must be between 1 and the number of distinct trusted keys ({keys}): {threshold}")]
    Threshold {
        /// How many were to be required.
        threshold: usize,
        /// How many distinct keys there are.
        keys: usize,
    },
}

impl Policy {
    /// Trusts these keys; one of them suffices. A key given twice is one key.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Result<Self, PolicyError> {
        let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.key_id(), key)).collect();
        if keys.is_empty() {
            return Err(PolicyError::NoKeys);
        }
        Ok(Self { keys, threshold: 1 })
    }

    /// Requires signatures of this many distinct keys.
    pub fn with_threshold(self, threshold: usize) -> Result<Self, PolicyError> {
        let keys = self.keys.len();
        if (1..=keys).contains(&threshold) {
            Ok(Self { threshold, ..self })
        } else {
            Err(PolicyError::Threshold { threshold, keys })
        }
    }

    /// How many distinct keys must have signed.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The trusted keys, by identifier.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.values()
    }

    pub(crate) fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    #[test]
    fn a_key_given_twice_is_one_key() {
        let key = SecretKey::generate().unwrap().public().clone();
        let policy = Policy::new([key.clone(), key]).unwrap();
        assert_eq!(
            policy.with_threshold(2).unwrap_err(),
            PolicyError::Threshold {
                threshold: 2,
                keys: 1
            }
        );
    }

    #[test]
    fn a_policy_that_means_nothing_is_refused() {
        assert_eq!(Policy::new([]).unwrap_err(), PolicyError::NoKeys);
        let policy = Policy::new([SecretKey::generate().unwrap().public().clone()]).unwrap();
        assert_eq!(policy.threshold(), 1);
        assert!(policy.with_threshold(0).is_err());
    }
}
