use std::fmt;

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::crypto::{ed25519, eddsa_legacy};
use pgp::packet::{
    KeyFlags, Packet, PacketTrait, PubKeyInner, PublicKey, SecretKey, SecretSubkey, Signature,
    SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{
    EddsaLegacyPublicParams, KeyDetails, KeyVersion, PacketHeaderVersion, Password, PlainSecretParams,
    PublicParams, S2kParams, SecretParams, SigningKey, StringToKey, Tag,
};
use zeroize::Zeroizing;

use super::certificate::Usable;
use super::packets::{self, SplitError};
use super::{Certificate, KeyHandle, Keyring, KeyringError, Policy, Problem, armor, cleartext, hex};

/// More than any private key takes.
const MAX_SIZE: usize = 1 << 20;
const MAX_PACKETS: usize = 200;
/// 2^16 KiB is what RFC 9106 recommends where memory is short; this is four times as much.
const MAX_ARGON2_MEMORY: u8 = 18;
const MAX_ARGON2_PASSES: u8 = 16;

/// Why a repository's private key cannot be read, made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// More bytes than any key has.
    #[error("the private key is larger than 1 MiB: {0} bytes")]
    TooLarge(usize),
    /// Neither OpenPGP packets nor their armour.
    #[error("the private key is damaged: {0}")]
    Malformed(String),
    /// The public half, or something else.
    #[error("the file holds no OpenPGP private key")]
    NotPrivate,
    /// Several keys, of which none is meant more than another.
    #[error("the file holds several private keys")]
    Several,
    /// It is encrypted and no password was given.
    #[error("the private key is encrypted and needs a password")]
    PasswordNeeded,
    /// The password is wrong (or the encrypted part is damaged, which looks the same).
    #[error("the password does not open the private key")]
    WrongPassword,
    /// Encryption under an empty password was asked for.
    #[error("an empty password protects nothing")]
    EmptyPassword,
    /// Opening the key would take more memory or time than any honest key does.
    #[error("the private key asks for too much work to be opened: {0}")]
    TooCostly(String),
    /// Nothing in it may sign at this time.
    #[error("the private key cannot sign: {0}")]
    Unusable(#[source] Problem),
    /// A name that cannot stand in a key.
    #[error("the name of a key is one line of up to 200 characters: {0:?}")]
    Name(String),
    /// A time before 1970 or after 2106.
    #[error("OpenPGP has no such time: {0}")]
    Time(Timestamp),
    /// Text whose lines end with white space, which a cleartext signature does not cover.
    #[error("line {0} of the text ends with white space, which a signature would not cover")]
    Text(usize),
    /// The library refused.
    #[error("the private key could not be used: {0}")]
    Failed(String),
}

impl SecretKeyError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotPrivate => {
                Some("export it: `gpg --armor --export-secret-keys KEY > FILE`, or let Airlock make one")
            }
            Self::Several => Some("export just one: `gpg --armor --export-secret-keys KEY > FILE`"),
            _ => None,
        }
    }
}

impl From<pgp::errors::Error> for SecretKeyError {
    fn from(error: pgp::errors::Error) -> Self {
        Self::Failed(error.to_string().chars().take(200).collect())
    }
}

/// What a new key is made from.
#[derive(Clone, Copy)]
pub struct NewKey<'a> {
    /// The private value: 32 bytes of the operating system's randomness, for this key alone.
    pub seed: &'a [u8; 32],
    /// Whose key it is, as `Edge site packages <ops@site.example>`; apt shows it.
    pub user_id: &'a str,
    /// When it is made. Clients whose clock is behind this refuse what it signs.
    pub created: Timestamp,
}

/// The key that signs a site's repositories.
///
/// New ones are Ed25519 in the form of version 4 (`EdDSALegacy`), which GnuPG has read since 2.1 and Sequoia
/// since its beginning; RSA and ECDSA keys that GnuPG made can be used as well. `Debug` shows the public half.
pub struct RepositoryKey {
    pub(super) primary: SecretKey,
    subkeys: Vec<(SecretSubkey, Vec<Signature>)>,
    pub(super) public: Certificate,
}

/// Whether [`RepositoryKey::read`] needs a password for this file. Does not decrypt.
pub fn needs_password(bytes: &[u8]) -> Result<bool, SecretKeyError> {
    Ok(RepositoryKey::parse(bytes)?.is_locked())
}

impl RepositoryKey {
    /// Makes a new key. Equal arguments give equal keys.
    pub fn generate(new: NewKey<'_>) -> Result<Self, SecretKeyError> {
        if new.user_id.is_empty()
            || new.user_id.chars().count() > 200
            || new.user_id.chars().any(char::is_control)
        {
            return Err(SecretKeyError::Name(new.user_id.chars().take(200).collect()));
        }
        let created = time(new.created)?;
        let secret = ed25519::SecretKey::try_from_bytes(*new.seed, ed25519::Mode::EdDSALegacy)?;
        let public = PubKeyInner::new(
            KeyVersion::V4,
            PublicKeyAlgorithm::EdDSALegacy,
            created,
            None,
            PublicParams::EdDSALegacy(EddsaLegacyPublicParams::from(&secret)),
        )?;
        let public = PublicKey::from_inner(public)?;
        let plain = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret));
        let primary = SecretKey::new(public.clone(), SecretParams::Plain(plain))?;

        let user = UserId::from_str(PacketHeaderVersion::New, new.user_id)?;
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut config = config(SignatureType::CertPositive, &primary, created)?;
        config.hashed_subpackets.extend([
            Subpacket::regular(SubpacketData::KeyFlags(flags))?,
            Subpacket::regular(SubpacketData::IsPrimary(true))?,
            Subpacket::regular(SubpacketData::PreferredHashAlgorithms(
                [HashAlgorithm::Sha512, HashAlgorithm::Sha256]
                    .into_iter()
                    .collect(),
            ))?,
        ]);
        let signature =
            config.sign_certification(&primary, &public, &Password::empty(), Tag::UserId, &user)?;
        Ok(Self {
            primary,
            subkeys: Vec::new(),
            public: Certificate {
                primary: public,
                direct: Vec::new(),
                users: vec![(user, vec![signature])],
                subkeys: Vec::new(),
            },
        })
    }

    /// Reads a private key, armoured or binary: what [`to_armored`](Self::to_armored) or
    /// `gpg --export-secret-keys` writes. Tells beside the key whether the file is encrypted.
    ///
    /// The work that a file asks for is bounded before it is done. Parts of the key that do not open (a
    /// primary key that is kept elsewhere) do not matter as long as one does.
    pub fn read(bytes: &[u8], password: Option<&[u8]>) -> Result<(Self, bool), SecretKeyError> {
        let mut key = Self::parse(bytes)?;
        let locked = key.is_locked();
        if locked {
            let password = Password::from(password.ok_or(SecretKeyError::PasswordNeeded)?);
            bounded(key.primary.secret_params())?;
            let mut opened = key.primary.remove_password(&password).is_ok();
            for (subkey, _) in &mut key.subkeys {
                bounded(subkey.secret_params())?;
                opened |= subkey.remove_password(&password).is_ok();
            }
            if !opened {
                return Err(SecretKeyError::WrongPassword);
            }
        }
        Ok((key, locked))
    }

    fn parse(bytes: &[u8]) -> Result<Self, SecretKeyError> {
        if bytes.len() > MAX_SIZE {
            return Err(SecretKeyError::TooLarge(bytes.len()));
        }
        let contents = if armor::is_armored(bytes) {
            let block = armor::only_block(bytes).map_err(|why| SecretKeyError::Malformed(why.to_owned()))?;
            if block.label != armor::PRIVATE {
                return Err(SecretKeyError::NotPrivate);
            }
            block.contents
        } else {
            bytes.to_vec()
        };
        let contents = Zeroizing::new(contents);
        let packets = packets::split(&contents, MAX_PACKETS).map_err(|error| match error {
            SplitError::TooMany => SecretKeyError::Malformed(format!("more than {MAX_PACKETS} packets")),
            SplitError::Malformed(why) => SecretKeyError::Malformed(why),
        })?;
        let mut primary = None;
        let mut subkeys: Vec<SecretSubkey> = Vec::new();
        let mut public = Vec::new();
        for framed in packets {
            match framed.packet {
                Ok(Packet::SecretKey(key)) => {
                    if primary.is_some() {
                        return Err(SecretKeyError::Several);
                    }
                    append(&mut public, key.public_key())?;
                    primary = Some(key);
                }
                Ok(Packet::SecretSubkey(key)) => {
                    append(&mut public, key.public_key())?;
                    subkeys.push(key);
                }
                Ok(Packet::UserId(user)) => append(&mut public, &user)?,
                Ok(Packet::Signature(signature)) => append(&mut public, &signature)?,
                Err(why) if matches!(framed.tag, Tag::SecretKey) => {
                    return Err(SecretKeyError::Malformed(why));
                }
                _ => {}
            }
        }
        let primary = primary.ok_or(SecretKeyError::NotPrivate)?;
        if primary.version() != KeyVersion::V4 {
            let why = format!(
                "keys of version {} are not read by apt",
                u8::from(primary.version())
            );
            return Err(SecretKeyError::Malformed(why));
        }
        let certificates = Keyring::read(&public)
            .map_err(|error: KeyringError| SecretKeyError::Malformed(error.to_string()))?
            .certificates;
        let [public] = <[Certificate; 1]>::try_from(certificates).map_err(|_| SecretKeyError::Several)?;
        let subkeys = subkeys
            .into_iter()
            .filter_map(|key| {
                let found = public
                    .subkeys
                    .iter()
                    .find(|(public, _)| public.fingerprint() == key.fingerprint());
                found.map(|(_, signatures)| (key, signatures.clone()))
            })
            .collect();
        Ok(Self {
            primary,
            subkeys,
            public,
        })
    }

    fn is_locked(&self) -> bool {
        let subkeys = self.subkeys.iter().map(|(key, _)| key.secret_params());
        std::iter::once(self.primary.secret_params())
            .chain(subkeys)
            .any(is_locked)
    }

    /// The public half.
    pub fn certificate(&self) -> &Certificate {
        &self.public
    }

    /// The fingerprint of the primary key, in upper-case hex digits.
    pub fn fingerprint(&self) -> String {
        self.public.fingerprint()
    }

    /// When it was made. What it signs is signed later, or no good.
    pub fn created(&self) -> Timestamp {
        let seconds = self.public.primary.created_at().as_secs();
        Timestamp::from_second(seconds.into()).unwrap_or_default()
    }

    /// The public half in packets, for a keyring file `*.gpg`.
    pub fn public_keyring(&self) -> Result<Vec<u8>, SecretKeyError> {
        let mut bytes = Vec::new();
        self.public.write(&mut bytes, |_| true)?;
        Ok(bytes)
    }

    /// The public half in armour, for a keyring file `*.asc` or a `Signed-By:` field.
    pub fn public_armored(&self) -> Result<String, SecretKeyError> {
        Ok(armor::write(armor::PUBLIC, &self.public_keyring()?))
    }

    /// The private key in armour without encryption: whoever reads the file can sign.
    pub fn to_armored(&self) -> Result<Zeroizing<String>, SecretKeyError> {
        let mut bytes = Zeroizing::new(Vec::new());
        append(&mut bytes, &self.primary)?;
        self.append_rest(&mut bytes, |bytes| {
            for (key, signatures) in &self.subkeys {
                append(bytes, key)?;
                append_all(bytes, signatures)?;
            }
            Ok(())
        })?;
        Ok(Zeroizing::new(armor::write(armor::PRIVATE, &bytes)))
    }

    /// The private key in armour, encrypted under a password (AES-256, the key from 64 MiB of SHA-256), as
    /// GnuPG reads it. `random` is fresh randomness of the operating system.
    pub fn to_encrypted(
        &self,
        password: &[u8],
        random: &[u8; 24],
    ) -> Result<Zeroizing<String>, SecretKeyError> {
        if password.is_empty() {
            return Err(SecretKeyError::EmptyPassword);
        }
        let password = Password::from(password);
        let mut primary = self.primary.clone();
        if !primary.secret_params().is_encrypted() {
            primary.set_password_with_s2k(&password, protection(random, 0))?;
        }
        let mut bytes = Vec::new();
        append(&mut bytes, &primary)?;
        self.append_rest(&mut bytes, |bytes| {
            for (number, (key, signatures)) in (1..).zip(&self.subkeys) {
                let mut key = key.clone();
                if !key.secret_params().is_encrypted() {
                    key.set_password_with_s2k(&password, protection(random, number))?;
                }
                append(bytes, &key)?;
                append_all(bytes, signatures)?;
            }
            Ok(())
        })?;
        Ok(Zeroizing::new(armor::write(armor::PRIVATE, &bytes)))
    }

    fn append_rest(
        &self,
        bytes: &mut Vec<u8>,
        subkeys: impl FnOnce(&mut Vec<u8>) -> Result<(), SecretKeyError>,
    ) -> Result<(), SecretKeyError> {
        append_all(bytes, &self.public.direct)?;
        for (user, signatures) in &self.public.users {
            append(bytes, user)?;
            append_all(bytes, signatures)?;
        }
        subkeys(bytes)
    }

    /// Signs text within itself, as `InRelease` is: the text is what a reader sees, and a line feed at its
    /// end is not covered. Equal keys, texts and times give equal bytes.
    pub fn sign_cleartext(&self, text: &str, at: Timestamp) -> Result<String, SecretKeyError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        for (number, line) in (1..).zip(text.split('\n')) {
            if line.ends_with([' ', '\t', '\r']) || line.contains(['\r', '\0']) {
                return Err(SecretKeyError::Text(number));
            }
        }
        let signature = self.sign(SignatureType::Text, text.as_bytes(), at)?;
        Ok(cleartext::write(text, &DIGEST.to_string(), &signature))
    }

    /// Signs bytes beside them, in armour, as `Release.gpg` is.
    pub fn sign_detached(&self, contents: &[u8], at: Timestamp) -> Result<String, SecretKeyError> {
        let signature = self.sign(SignatureType::Binary, contents, at)?;
        Ok(armor::write(armor::SIGNATURE, &signature))
    }

    /// Signs with the first part of the key that a verifier would accept at this time: subkeys, which are
    /// made for daily use, before the primary key.
    fn sign(&self, kind: SignatureType, contents: &[u8], at: Timestamp) -> Result<Vec<u8>, SecretKeyError> {
        let policy = Policy::at(at);
        let made = at.as_second();
        let mut problem = None;
        for (key, _) in self.subkeys.iter().rev() {
            let public = self
                .public
                .subkeys
                .iter()
                .find(|(public, _)| public.fingerprint() == key.fingerprint());
            if let (false, Some(public)) = (key.secret_params().is_encrypted(), public) {
                match Usable::subkey(&self.public, public, made, &policy) {
                    Ok(_) => return sign_with(key, kind, contents, at),
                    Err(found) => {
                        problem.get_or_insert(found);
                    }
                }
            }
        }
        let handle = KeyHandle::of(&self.public.primary);
        if self.primary.secret_params().is_encrypted() {
            let problem = problem.unwrap_or(Problem::NotForSigning(handle));
            return Err(SecretKeyError::Unusable(problem));
        }
        Usable::primary(&self.public, made, &policy)
            .map_err(|found| SecretKeyError::Unusable(problem.unwrap_or(found)))?;
        sign_with(&self.primary, kind, contents, at)
    }
}

impl fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryKey")
            .field("public", &hex(self.public.primary.fingerprint().as_bytes()))
            .finish_non_exhaustive()
    }
}

/// Accepted by everything that reads Ed25519, and by apt since its beginning.
const DIGEST: HashAlgorithm = HashAlgorithm::Sha512;

fn sign_with(
    key: &impl SigningKey,
    kind: SignatureType,
    contents: &[u8],
    at: Timestamp,
) -> Result<Vec<u8>, SecretKeyError> {
    let signature = config(kind, key, time(at)?)?.sign(key, &Password::empty(), contents)?;
    let mut bytes = Vec::new();
    append(&mut bytes, &signature)?;
    Ok(bytes)
}

/// Says when and by whom, as GnuPG does: the fingerprint protected, the key id for readers of old.
pub(super) fn config(
    kind: SignatureType,
    key: &impl KeyDetails,
    at: pgp::types::Timestamp,
) -> Result<SignatureConfig, SecretKeyError> {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), DIGEST);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        Subpacket::regular(SubpacketData::SignatureCreationTime(at))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(
        key.legacy_key_id(),
    ))?];
    Ok(config)
}

fn time(at: Timestamp) -> Result<pgp::types::Timestamp, SecretKeyError> {
    u32::try_from(at.as_second())
        .map(pgp::types::Timestamp::from_secs)
        .map_err(|_| SecretKeyError::Time(at))
}

fn append(bytes: &mut Vec<u8>, packet: &impl PacketTrait) -> Result<(), SecretKeyError> {
    packet.to_writer_with_header(bytes)?;
    Ok(())
}

fn append_all(bytes: &mut Vec<u8>, signatures: &[Signature]) -> Result<(), SecretKeyError> {
    signatures
        .iter()
        .try_for_each(|signature| append(bytes, signature))
}

/// Salt and initial vector for the part of the key with this number. One block of randomness serves all
/// parts, each with a vector of its own.
fn protection(random: &[u8; 24], number: u8) -> S2kParams {
    let (salt, iv) = random.split_at(8);
    let mut vector = iv.to_vec();
    if let Some(last) = vector.last_mut() {
        *last ^= number;
    }
    let mut own_salt = [0; 8];
    own_salt.copy_from_slice(salt);
    S2kParams::Cfb {
        sym_alg: SymmetricKeyAlgorithm::AES256,
        s2k: StringToKey::IteratedAndSalted {
            hash_alg: HashAlgorithm::Sha256,
            salt: own_salt,
            // 65,011,712 bytes, the most that the format has.
            count: 255,
        },
        iv: vector.into(),
    }
}

/// Whether a password opens it. GnuPG writes a stub, in an encoding of its own, for what is kept elsewhere.
fn is_locked(params: &SecretParams) -> bool {
    let SecretParams::Encrypted(params) = params else {
        return false;
    };
    let (S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. }) =
        params.string_to_key_params()
    else {
        return true;
    };
    !matches!(s2k, StringToKey::Private { .. })
}

/// Refuses parameters from a file that would take memory or time without bound.
fn bounded(params: &SecretParams) -> Result<(), SecretKeyError> {
    let SecretParams::Encrypted(params) = params else {
        return Ok(());
    };
    let (S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. }) =
        params.string_to_key_params()
    else {
        return Ok(());
    };
    if let StringToKey::Argon2 { t, p, m_enc, .. } = s2k
        && (*m_enc > MAX_ARGON2_MEMORY || *t > MAX_ARGON2_PASSES || *p > MAX_ARGON2_PASSES)
    {
        return Err(SecretKeyError::TooCostly(format!(
            "Argon2 with t={t}, p={p}, m=2^{m_enc} KiB"
        )));
    }
    Ok(())
}
