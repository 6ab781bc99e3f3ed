//! What GnuPG will not make: subkeys that somebody else's key claims.

use pgp::packet::{KeyFlags, Notation, PubKeyInner, Subpacket};
use pgp::types::{Password, Timestamp};

use super::*;
use crate::openpgp::secret::config;
use crate::openpgp::{Keyring, NewKey, OpenPgpError, RepositoryKey, verify_cleartext};

const MADE: u32 = 1_735_000_000;

fn key(seed: u8) -> RepositoryKey {
    let created = jiff::Timestamp::from_second(MADE.into()).unwrap();
    let (seed, user_id) = (&[seed; 32], "Somebody");
    RepositoryKey::generate(NewKey {
        seed,
        user_id,
        created,
    })
    .unwrap()
}

/// The primary key of one certificate as it would be as a subkey of another.
fn as_subkey(key: &PublicKey) -> PublicSubkey {
    let inner = PubKeyInner::new(
        key.version(),
        key.algorithm(),
        key.created_at(),
        None,
        key.public_params().clone(),
    );
    PublicSubkey::from_inner(inner.unwrap()).unwrap()
}

/// The signature by which the owner claims the subkey, with these parts besides.
fn binding(owner: &RepositoryKey, subkey: &PublicSubkey, signs: bool, more: Vec<SubpacketData>) -> Signature {
    let mut flags = KeyFlags::default();
    flags.set_sign(signs);
    flags.set_authentication(!signs);
    let at = Timestamp::from_secs(MADE + 1);
    let mut config = config(SignatureType::SubkeyBinding, &owner.primary, at).unwrap();
    let all = std::iter::once(SubpacketData::KeyFlags(flags)).chain(more);
    config
        .hashed_subpackets
        .extend(all.map(|data| Subpacket::regular(data).unwrap()));
    config
        .sign_subkey_binding(&owner.primary, &owner.public.primary, &Password::empty(), subkey)
        .unwrap()
}

/// The signature by which the subkey says whose it is.
fn confirmation(member: &RepositoryKey, owner: &RepositoryKey) -> SubpacketData {
    let at = Timestamp::from_secs(MADE + 1);
    let config = config(SignatureType::KeyBinding, &member.primary, at).unwrap();
    let signature = config.sign_primary_key_binding(
        &member.primary,
        &as_subkey(&member.public.primary),
        &Password::empty(),
        &owner.public.primary,
    );
    SubpacketData::EmbeddedSignature(Box::new(signature.unwrap()))
}

/// Whether the member's signature counts for the owner, who claims it so.
fn judge(owner: &RepositoryKey, member: &RepositoryKey, claims: Vec<Signature>) -> Result<(), Problem> {
    let mut certificate = owner.public.clone();
    certificate
        .subkeys
        .push((as_subkey(&member.public.primary), claims));
    let keyring = Keyring {
        certificates: vec![certificate],
        ..Keyring::default()
    };
    let at = jiff::Timestamp::from_second(i64::from(MADE) + 100).unwrap();
    let message = member.sign_cleartext("text", at).unwrap();
    match verify_cleartext(message.as_bytes(), &keyring, &Policy::at(at)) {
        Ok(verified) => {
            assert_eq!(verified.signers()[0].certificate, owner.fingerprint());
            assert_eq!(verified.signers()[0].key, member.fingerprint());
            Ok(())
        }
        Err(OpenPgpError::NotEstablished(findings)) => Err(findings[0].problem.clone().unwrap()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_both_together_make_a_subkey() {
    let (owner, member, other) = (key(1), key(2), key(3));
    let subkey = as_subkey(&member.public.primary);
    let good = || binding(&owner, &subkey, true, vec![confirmation(&member, &owner)]);
    judge(&owner, &member, vec![good()]).unwrap();

    let bare = binding(&owner, &subkey, true, Vec::new());
    let of_other = binding(&owner, &subkey, true, vec![confirmation(&other, &owner)]);
    let for_other = binding(&owner, &subkey, true, vec![confirmation(&member, &other)]);
    for claim in [bare, of_other, for_other] {
        let problem = judge(&owner, &member, vec![claim]).unwrap_err();
        assert!(matches!(problem, Problem::NoCrossSignature(_)), "{problem}");
    }
    let foreign = binding(&other, &subkey, true, vec![confirmation(&member, &owner)]);
    for claims in [vec![], vec![foreign]] {
        let problem = judge(&owner, &member, claims).unwrap_err();
        assert!(matches!(problem, Problem::NotBound(_)), "{problem}");
    }
    let purpose = binding(&owner, &subkey, false, vec![confirmation(&member, &owner)]);
    let problem = judge(&owner, &member, vec![purpose]).unwrap_err();
    assert!(matches!(problem, Problem::NotForSigning(_)), "{problem}");

    let unknown = SubpacketData::Notation(Notation {
        readable: true,
        name: b"x@example.org"[..].into(),
        value: b"1"[..].into(),
    });
    let mut critical = config(
        SignatureType::SubkeyBinding,
        &owner.primary,
        Timestamp::from_secs(MADE + 2),
    )
    .unwrap();
    critical
        .hashed_subpackets
        .push(Subpacket::critical(unknown).unwrap());
    let critical =
        critical.sign_subkey_binding(&owner.primary, &owner.public.primary, &Password::empty(), &subkey);
    let problem = judge(&owner, &member, vec![critical.unwrap()]).unwrap_err();
    assert!(matches!(problem, Problem::Critical { .. }), "{problem}");
}

#[test]
fn a_key_that_nobody_vouches_for_is_none() {
    let own = key(1);
    let at = jiff::Timestamp::from_second(i64::from(MADE) + 100).unwrap();
    let message = own.sign_cleartext("text", at).unwrap();
    let mut bare = own.public.clone();
    bare.users.clear();
    let mut borrowed = own.public.clone();
    borrowed.users = key(2).public.users;
    for certificate in [bare, borrowed] {
        let keyring = Keyring {
            certificates: vec![certificate],
            ..Keyring::default()
        };
        let error = verify_cleartext(message.as_bytes(), &keyring, &Policy::at(at)).unwrap_err();
        assert!(
            error.to_string().contains("has no valid self-signature"),
            "{error}"
        );
    }
}
