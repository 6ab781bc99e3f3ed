//! What a key is worth at a time: self-signatures, bindings, revocations, expiry (RFC 9580, section 5.2.3.10).

use pgp::packet::{
    PublicKey, PublicSubkey, RevocationCode, Signature, SignatureConfig, SignatureType, SubpacketData, UserId,
};
use pgp::types::{KeyDetails, Tag};

use super::keyring::{Certificate, printable};
use super::{KeyHandle, Override, Policy, Problem, judge};

/// A key that may have made the signature in question.
pub(super) struct Usable {
    pub(super) user_id: Option<String>,
}

impl Usable {
    /// The primary key, for a signature made at `made`.
    pub(super) fn primary(certificate: &Certificate, made: i64, policy: &Policy) -> Result<Self, Problem> {
        let own = Own::of(certificate, made, policy)?;
        // Old keys say nothing about their use; for a primary key that means every use.
        if own.signs == Some(false) {
            return Err(Problem::NotForSigning(own.handle));
        }
        Ok(Self { user_id: own.user_id })
    }

    /// A subkey, for a signature made at `made`.
    pub(super) fn subkey(
        certificate: &Certificate,
        subkey: &(PublicSubkey, Vec<Signature>),
        made: i64,
        policy: &Policy,
    ) -> Result<Self, Problem> {
        let primary = &certificate.primary;
        let (key, signatures) = subkey;
        let handle = KeyHandle::of(key);
        let own = Own::of(certificate, made, policy)?;
        existed(key, made, policy)?;
        judge::strength(key, policy)?;
        let revocations = signatures.iter().filter(|signature| {
            signature.typ() == Some(SignatureType::SubkeyRevocation)
                && signature.verify_subkey_binding(primary, key).is_ok()
        });
        revoked(revocations, &handle, made)?;
        let binding = newest(
            signatures
                .iter()
                .filter(|signature| signature.typ() == Some(SignatureType::SubkeyBinding)),
            "binding",
            &handle,
            policy,
            |signature| signature.verify_subkey_binding(primary, key).is_ok(),
        )?
        .ok_or_else(|| Problem::NotBound(handle.clone()))?;
        expired(&handle, key, lifetime(binding.config), made, policy)?;
        if flags(binding.config) != Some(true) {
            return Err(Problem::NotForSigning(handle));
        }
        cross_signed(primary, key, binding.config, &handle, policy)?;
        Ok(Self { user_id: own.user_id })
    }
}

/// What a primary key says of itself.
struct Own {
    handle: KeyHandle,
    user_id: Option<String>,
    /// Whether it is for signing, if it says so.
    signs: Option<bool>,
}

impl Own {
    fn of(certificate: &Certificate, made: i64, policy: &Policy) -> Result<Self, Problem> {
        let key = &certificate.primary;
        let handle = KeyHandle::of(key);
        existed(key, made, policy)?;
        judge::strength(key, policy)?;
        let direct = newest(
            certificate
                .direct
                .iter()
                .filter(|signature| signature.typ() == Some(SignatureType::Key) && issued_by(signature, key)),
            "self-signature",
            &handle,
            policy,
            |signature| signature.verify_key(key).is_ok(),
        );
        revoked(revocations(certificate).into_iter(), &handle, made)?;
        let user = user(certificate, &handle, policy);
        // One good self-signature is enough; where there is none, why not is worth knowing.
        let (direct, user) = match (direct, user) {
            (Ok(None), Ok(None)) => return Err(Problem::NoSelfSignature(handle)),
            (Err(problem), Ok(None) | Err(_)) | (Ok(None), Err(problem)) => return Err(problem),
            (direct, user) => (direct.ok().flatten(), user.ok().flatten()),
        };
        let configs = [
            direct.as_ref().map(|signature| signature.config),
            user.as_ref().map(|(_, signature)| signature.config),
        ];
        let seconds = configs.into_iter().flatten().find_map(lifetime);
        expired(&handle, key, seconds, made, policy)?;
        Ok(Self {
            handle,
            user_id: user.map(|(user, _)| printable(user)),
            signs: configs.into_iter().flatten().find_map(flags),
        })
    }
}

/// A signature that verified.
struct Valid<'a> {
    config: &'a SignatureConfig,
    made: i64,
}

/// The newest of the signatures that counts; none if there is none, an error if all that fit were refused.
fn newest<'a>(
    signatures: impl Iterator<Item = &'a Signature>,
    what: &'static str,
    key: &KeyHandle,
    policy: &Policy,
    verifies: impl Fn(&Signature) -> bool,
) -> Result<Option<Valid<'a>>, Problem> {
    let mut best: Option<Valid<'a>> = None;
    let mut problem = None;
    for signature in signatures {
        let Ok(config) = judge::known(signature) else {
            continue;
        };
        let sound = judge::digest(config.hash_alg, what, key, policy)
            .and_then(|()| judge::critical(config, what, key))
            .and_then(|()| judge::made(config, what, key));
        let made = match sound {
            Ok(made) => made,
            Err(found) => {
                problem.get_or_insert(found);
                continue;
            }
        };
        let expired = judge::expiry(signature, made).is_some_and(|on| on <= policy.now());
        if made > policy.latest() || expired && !policy.allows(Override::ExpiredKey) {
            continue;
        }
        if best.as_ref().is_none_or(|best| best.made <= made) && verifies(signature) {
            best = Some(Valid { config, made });
        }
    }
    match (best, problem) {
        (None, Some(problem)) => Err(problem),
        (best, _) => Ok(best),
    }
}

/// The user id to name, with its newest self-signature: the one marked as primary, or the newest.
fn user<'a>(
    certificate: &'a Certificate,
    handle: &KeyHandle,
    policy: &Policy,
) -> Result<Option<(&'a UserId, Valid<'a>)>, Problem> {
    let key = &certificate.primary;
    let mut best: Option<(&UserId, Valid<'_>, (bool, i64))> = None;
    let mut problem = None;
    for (user, signatures) in &certificate.users {
        let verifies = |signature: &Signature| signature.verify_certification(key, Tag::UserId, user).is_ok();
        let own = || signatures.iter().filter(|signature| issued_by(signature, key));
        let certification = newest(
            own().filter(|signature| {
                signature.is_certification() && signature.typ() != Some(SignatureType::CertRevocation)
            }),
            "self-signature",
            handle,
            policy,
            verifies,
        );
        let valid = match certification {
            Ok(Some(valid)) => valid,
            Ok(None) => continue,
            Err(found) => {
                problem.get_or_insert(found);
                continue;
            }
        };
        let taken_back = own().any(|signature| {
            signature.typ() == Some(SignatureType::CertRevocation)
                && signature
                    .created()
                    .is_some_and(|at| i64::from(at.as_secs()) >= valid.made)
                && verifies(signature)
        });
        if taken_back {
            continue;
        }
        let is_primary = valid
            .config
            .hashed_subpackets()
            .any(|subpacket| matches!(subpacket.data, SubpacketData::IsPrimary(true)));
        let rank = (is_primary, valid.made);
        if best.as_ref().is_none_or(|(_, _, best)| *best < rank) {
            best = Some((user, valid, rank));
        }
    }
    match (best, problem) {
        (Some((user, valid, _)), _) => Ok(Some((user, valid))),
        (None, Some(problem)) => Err(problem),
        (None, None) => Ok(None),
    }
}

pub(super) fn issued_by(signature: &Signature, key: &PublicKey) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    let ids = signature.issuer_key_id();
    fingerprints.contains(&&key.fingerprint())
        || fingerprints.is_empty() && (ids.is_empty() || ids.contains(&&key.legacy_key_id()))
}

/// Revocations of the primary key: its own, of whatever digest, and any in the name of a key that it lets
/// revoke it. The latter are believed unchecked, for want of that key: a key that may be revoked is not used.
fn revocations(certificate: &Certificate) -> Vec<&Signature> {
    let key = &certificate.primary;
    let own_words = certificate
        .direct
        .iter()
        .chain(certificate.users.iter().flat_map(|(_, signatures)| signatures));
    let revokers: Vec<&[u8]> = own_words
        .filter(|signature| issued_by(signature, key))
        .filter_map(Signature::revocation_key)
        .map(|revoker| revoker.fingerprint.as_slice())
        .collect();
    let by_revoker = |signature: &Signature| {
        let fingerprints = signature.issuer_fingerprint();
        let ids = signature.issuer_key_id();
        revokers.iter().any(|revoker| {
            fingerprints.iter().any(|own| own.as_bytes() == *revoker)
                || ids.iter().any(|id| revoker.ends_with(id.as_ref()))
        })
    };
    let of_key = certificate
        .direct
        .iter()
        .filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation));
    of_key
        .filter(|signature| {
            issued_by(signature, key) && signature.verify_key(key).is_ok() || by_revoker(signature)
        })
        .collect()
}

/// Refuses what these revocations take back. One that says that a key was replaced or laid aside leaves
/// alone what was signed before; any other may mean that the key was stolen, at an unknown time.
fn revoked<'a>(
    revocations: impl Iterator<Item = &'a Signature>,
    key: &KeyHandle,
    made: i64,
) -> Result<(), Problem> {
    for revocation in revocations {
        let on = revocation.created().map_or(0, |at| i64::from(at.as_secs()));
        let code = revocation.config().and_then(|config| {
            config
                .hashed_subpackets()
                .find_map(|subpacket| match subpacket.data {
                    SubpacketData::RevocationReason(code, _) => Some(code),
                    _ => None,
                })
        });
        let (soft, why) = match code {
            Some(RevocationCode::KeySuperseded) => (true, "it was replaced"),
            Some(RevocationCode::KeyRetired) => (true, "it is no longer used"),
            Some(RevocationCode::KeyCompromised) => (false, "it was compromised"),
            _ => (false, "no reason was given"),
        };
        if !soft || made >= on {
            return Err(Problem::KeyRevoked {
                key: key.clone(),
                on,
                why: why.to_owned(),
            });
        }
    }
    Ok(())
}

/// Refuses keys that are younger than what they signed, or than now.
fn existed(key: &impl KeyDetails, made: i64, policy: &Policy) -> Result<(), Problem> {
    let created = i64::from(key.created_at().as_secs());
    if created > policy.latest() {
        return Err(Problem::KeyFromFuture {
            key: KeyHandle::of(key),
            made: created,
        });
    }
    if made < created {
        return Err(Problem::SignatureBeforeKey {
            key: KeyHandle::of(key),
            made,
        });
    }
    Ok(())
}

fn expired(
    handle: &KeyHandle,
    key: &impl KeyDetails,
    lifetime: Option<i64>,
    made: i64,
    policy: &Policy,
) -> Result<(), Problem> {
    let Some(lifetime) = lifetime.filter(|&lifetime| lifetime != 0) else {
        return Ok(());
    };
    let on = i64::from(key.created_at().as_secs()).saturating_add(lifetime);
    let key = handle.clone();
    if made >= on {
        return Err(Problem::SignedAfterExpiry { key, on });
    }
    if on <= policy.now() && !policy.allows(Override::ExpiredKey) {
        return Err(Problem::KeyExpired { key, on });
    }
    Ok(())
}

/// How long the key lives, in seconds from its creation; the shortest, should it say so twice.
fn lifetime(config: &SignatureConfig) -> Option<i64> {
    config
        .hashed_subpackets()
        .filter_map(|subpacket| match subpacket.data {
            SubpacketData::KeyExpirationTime(after) => Some(i64::from(after.as_secs())),
            _ => None,
        })
        .min_by_key(|&after| if after == 0 { i64::MAX } else { after })
}

/// Whether the key is for signing, if the signature says so.
fn flags(config: &SignatureConfig) -> Option<bool> {
    config
        .hashed_subpackets()
        .filter_map(|subpacket| match &subpacket.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        })
        .reduce(|all, one| all && one)
}

/// Looks for the subkey's own signature within its binding. It may stand in the part that the binding does
/// not cover, for it vouches for itself.
fn cross_signed(
    primary: &PublicKey,
    subkey: &PublicSubkey,
    binding: &SignatureConfig,
    handle: &KeyHandle,
    policy: &Policy,
) -> Result<(), Problem> {
    let embedded = binding
        .hashed_subpackets()
        .chain(binding.unhashed_subpackets())
        .filter_map(|subpacket| match &subpacket.data {
            SubpacketData::EmbeddedSignature(signature) => Some(&**signature),
            _ => None,
        })
        .filter(|signature| signature.typ() == Some(SignatureType::KeyBinding));
    newest(embedded, "cross-signature", handle, policy, |signature| {
        signature.verify_primary_key_binding(subkey, primary).is_ok()
    })?
    .map(|_| ())
    .ok_or_else(|| Problem::NoCrossSignature(handle.clone()))
}

#[cfg(test)]
mod tests;
