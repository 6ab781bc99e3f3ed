use pgp::packet::{Packet, PacketTrait as _, PublicKey, PublicSubkey, Signature, UserId};
use pgp::types::{KeyDetails, KeyVersion, Tag};

use super::certificate::issued_by;
use super::packets::{self, Framed, SplitError};
use super::verify::KeyHandle;
use super::{KeyringError, armor, hex};

/// The most bytes of one keyring; Debian's own is 200 KiB.
const MAX_SIZE: usize = 16 << 20;
/// The most packets of one keyring, and so the most signatures that are ever looked at.
const MAX_PACKETS: usize = 20_000;

/// Public keys to check signatures with: what `Signed-By:` names.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    pub(super) certificates: Vec<Certificate>,
    pub(super) skipped: Vec<Skipped>,
}

/// Something in a keyring that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What it is, as far as that can be told.
    pub what: String,
    /// Why it is not used.
    pub why: String,
}

/// A primary key with its names and subkeys: what GnuPG calls a key.
///
/// Reading establishes nothing; what its self-signatures are worth is decided when it is used.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) primary: PublicKey,
    /// Direct-key signatures and revocations.
    pub(super) direct: Vec<Signature>,
    pub(super) users: Vec<(UserId, Vec<Signature>)>,
    pub(super) subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
}

impl Certificate {
    /// The fingerprint of the primary key, in upper-case hex digits.
    pub fn fingerprint(&self) -> String {
        hex(self.primary.fingerprint().as_bytes())
    }

    /// The names that the certificate claims, unchecked.
    pub fn user_ids(&self) -> impl Iterator<Item = String> + '_ {
        self.users.iter().map(|(user, _)| printable(user))
    }

    /// The fingerprints of its subkeys.
    pub fn subkeys(&self) -> impl Iterator<Item = String> + '_ {
        self.subkeys
            .iter()
            .map(|(key, _)| hex(key.fingerprint().as_bytes()))
    }

    /// Its packets, with those of the signatures on its names that are wanted.
    pub(super) fn write(
        &self,
        bytes: &mut Vec<u8>,
        on_names: impl Fn(&Signature) -> bool,
    ) -> Result<(), pgp::errors::Error> {
        self.primary.to_writer_with_header(bytes)?;
        for signature in &self.direct {
            signature.to_writer_with_header(bytes)?;
        }
        for (user, signatures) in &self.users {
            user.to_writer_with_header(bytes)?;
            for signature in signatures.iter().filter(|signature| on_names(signature)) {
                signature.to_writer_with_header(bytes)?;
            }
        }
        for (key, signatures) in &self.subkeys {
            key.to_writer_with_header(bytes)?;
            for signature in signatures {
                signature.to_writer_with_header(bytes)?;
            }
        }
        Ok(())
    }
}

/// A user id for one line of a message: no control characters, of bounded length.
pub(super) fn printable(user: &UserId) -> String {
    String::from_utf8_lossy(user.id())
        .chars()
        .take(200)
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}

impl Keyring {
    /// Reads a keyring: packets or armour, any number of keys (`/usr/share/keyrings/*.gpg`, `*.asc`,
    /// `gpg --export`, or the block that a `.sources` file carries).
    ///
    /// Keys of kinds that are not supported are skipped and told by [`skipped`](Self::skipped), as gpgv
    /// does; damage is an error.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() > MAX_SIZE {
            return Err(KeyringError::TooLarge(bytes.len()));
        }
        let mut keyring = Self::default();
        if armor::is_armored(bytes) {
            if bytes.get(8..12) == Some(b"KBXf") {
                return Err(KeyringError::Keybox);
            }
            let blocks = armor::blocks(bytes).map_err(|why| KeyringError::Malformed(why.to_owned()))?;
            for block in blocks {
                match block.label.as_str() {
                    armor::PUBLIC => keyring.read_packets(&block.contents)?,
                    armor::PRIVATE => return Err(KeyringError::Private),
                    _ => {
                        let label = block.label.chars().take(60).collect();
                        keyring.skip(label, "it is no public key");
                    }
                }
            }
        } else {
            keyring.read_packets(bytes)?;
        }
        if keyring.certificates.is_empty() {
            let why = keyring.skipped.first().map_or_else(String::new, |skipped| {
                format!(": {}, {}", skipped.what, skipped.why)
            });
            return Err(KeyringError::Empty(why));
        }
        Ok(keyring)
    }

    /// Adds the keys of another keyring.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.skipped.extend(other.skipped);
    }

    /// Leaves only the certificates with these fingerprints (of a primary key or a subkey), as a
    /// `Signed-By:` with fingerprints asks for.
    #[must_use]
    pub fn only(mut self, fingerprints: &[String]) -> Self {
        self.certificates.retain(|certificate| {
            let mut own = std::iter::once(certificate.fingerprint()).chain(certificate.subkeys());
            own.any(|own| {
                fingerprints
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(&own))
            })
        });
        self
    }

    /// The keys in armour, to be carried along. What others have signed about their names is left out: it is most of the
    /// bytes, and no signature is judged by it.
    pub fn to_armored(&self) -> Result<String, KeyringError> {
        let mut bytes = Vec::new();
        for certificate in &self.certificates {
            let own = |signature: &Signature| issued_by(signature, &certificate.primary);
            certificate
                .write(&mut bytes, own)
                .map_err(|error| KeyringError::Malformed(error.to_string()))?;
        }
        Ok(armor::write(armor::PUBLIC, &bytes))
    }

    /// The keys.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// What could not be used.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn skip(&mut self, what: String, why: &str) {
        self.skipped.push(Skipped {
            what,
            why: why.to_owned(),
        });
    }

    fn read_packets(&mut self, bytes: &[u8]) -> Result<(), KeyringError> {
        let packets = packets::split(bytes, MAX_PACKETS).map_err(|error| match error {
            SplitError::TooMany => KeyringError::TooMany(MAX_PACKETS),
            SplitError::Malformed(why) => KeyringError::Malformed(why),
        })?;
        let mut reader = Reader {
            keyring: self,
            certificate: None,
            place: Place::Nowhere,
        };
        for packet in packets {
            reader.packet(packet)?;
        }
        reader.finish();
        Ok(())
    }
}

/// What the next signature is about.
#[derive(Clone, Copy)]
enum Place {
    /// A packet that was skipped, or none yet.
    Nowhere,
    Primary,
    User,
    Subkey,
}

/// Groups packets into certificates (RFC 9580, section 10.1).
struct Reader<'a> {
    keyring: &'a mut Keyring,
    certificate: Option<Certificate>,
    place: Place,
}

impl Reader<'_> {
    fn packet(&mut self, framed: Framed) -> Result<(), KeyringError> {
        match (framed.tag, framed.packet) {
            (Tag::SecretKey | Tag::SecretSubkey, _) => return Err(KeyringError::Private),
            (_, Ok(Packet::PublicKey(key))) => {
                self.finish();
                if matches!(key.version(), KeyVersion::V4 | KeyVersion::V6) {
                    self.place = Place::Primary;
                    self.certificate = Some(Certificate {
                        primary: key,
                        direct: Vec::new(),
                        users: Vec::new(),
                        subkeys: Vec::new(),
                    });
                } else {
                    let why = format!("keys of version {} are not supported", u8::from(key.version()));
                    self.keyring.skip(KeyHandle::of(&key).to_string(), &why);
                }
            }
            (Tag::PublicKey, Err(why)) => {
                self.finish();
                self.keyring.skip("a primary key".to_owned(), &why);
            }
            (tag, packet) => {
                if let Some(certificate) = &mut self.certificate {
                    self.place = add(certificate, self.place, tag, packet, &mut self.keyring.skipped);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.keyring.certificates.extend(self.certificate.take());
        self.place = Place::Nowhere;
    }
}

fn add(
    certificate: &mut Certificate,
    place: Place,
    tag: Tag,
    packet: Result<Packet, String>,
    skipped: &mut Vec<Skipped>,
) -> Place {
    match packet {
        Ok(Packet::UserId(user)) => {
            certificate.users.push((user, Vec::new()));
            Place::User
        }
        Ok(Packet::PublicSubkey(key)) => {
            certificate.subkeys.push((key, Vec::new()));
            Place::Subkey
        }
        Ok(Packet::Signature(signature)) => {
            let signatures = match place {
                Place::Nowhere => None,
                Place::Primary => Some(&mut certificate.direct),
                Place::User => certificate.users.last_mut().map(|(_, list)| list),
                Place::Subkey => certificate.subkeys.last_mut().map(|(_, list)| list),
            };
            if let Some(signatures) = signatures {
                signatures.push(signature);
            }
            place
        }
        // Pictures; their signatures must not be taken for those of the user id before.
        _ if tag == Tag::UserAttribute => Place::Nowhere,
        Err(why) if matches!(tag, Tag::PublicSubkey | Tag::UserId) => {
            let what = format!("a part of {}", certificate.fingerprint());
            skipped.push(Skipped { what, why });
            Place::Nowhere
        }
        // Signatures that do not decode are worth nothing; trust and marker packets never are.
        _ => place,
    }
}
