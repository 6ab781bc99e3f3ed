//! Certificates that the site's own authority issues to a node.
//!
//! A certificate that is there already stays as long as it is what the site asks for, so that a second run changes
//! nothing; it is issued anew in the last third of its validity.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_node::{Node, NodeError};
use airlock_spec::site::{Leaf, Site};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, PublicKeyData};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;
use zeroize::Zeroizing;

use crate::{Secret, Secrets};

/// How far a certificate is dated back: more than the clock of a client is ever late.
const BACKDATED: i64 = 36 * 3600;
const DAY: i64 = 24 * 3600;
/// The largest certificate or key that is looked at.
const MAX_FILE: u64 = 1 << 20;
/// The longest common name (RFC 5280, appendix A.1, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;

/// A certificate with its key, as they go onto a node.
#[derive(Clone, Debug)]
pub struct IssuedLeaf {
    /// Where the certificate goes.
    pub certificate: PathBuf,
    /// Where its key goes.
    pub key: PathBuf,
    /// The certificate in PEM, and behind it that of the authority where others vouch for it in turn.
    pub chain: String,
    /// The key in PEM, as PKCS #8.
    pub secret: Secret,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// The certificate of the authority cannot be read.
    #[error("the certificate of the site's authority is not one in PEM: {0}")]
    Certificate(String),
    /// It is a certificate for something else.
    #[error("the certificate of `services.ca` is not that of an authority: {0}")]
    NotAuthority(String),
    /// The key of the authority cannot be read.
    #[error("the key of the site's authority cannot be used")]
    Key(#[source] rcgen::Error),
    /// There is none.
    #[error("the key of the site's authority is not given")]
    NoKey,
    /// Key and certificate are not of one pair.
    #[error("the key of the site's authority does not belong to its certificate: {0}")]
    Pair(String),
    /// The clock, or the authority, is wrong.
    #[error(
        "by the clock of this machine ({now}) the site's authority is valid only from {from} until {until}"
    )]
    Time {
        /// What the clock says.
        now: String,
        /// The first moment of the authority.
        from: String,
        /// The last one.
        until: String,
    },
    /// The files of the node cannot be read.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A certificate could not be made.
    #[error("the certificate for {name} could not be issued")]
    Issue {
        /// Its first name.
        name: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

impl LeafError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Certificate(_) | Self::NotAuthority(_) => {
                "`services.ca.certificate` names the certificate of an authority, in PEM"
            }
            Self::Key(_) | Self::NoKey | Self::Pair(_) => {
                "`services.ca.keyFile` names the key of that certificate, in PEM and without a password"
            }
            Self::Node(_) => "remove the file if it is none of a certificate or its key",
            Self::Time { .. } => "set the clock (`airlock preflight` compares it), or renew the authority",
            Self::Issue { .. } => "check the names of `services.ca.leaves`",
        }
    }
}

/// The certificates that the site asks for: those that the node has, where they are right, and new ones.
pub fn leaves(
    site: &Site,
    secrets: &Secrets,
    node: &Node,
    now: SystemTime,
) -> Result<Vec<IssuedLeaf>, LeafError> {
    let wanted: Vec<&Leaf> = site.services.ca.iter().flat_map(|ca| &ca.leaves).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let now = seconds(now);
    let authority = Authority::read(secrets, now)?;
    let mut issued = Vec::new();
    for leaf in wanted {
        let held = (text(node, &leaf.certificate)?, text(node, &leaf.key)?);
        let (chain, secret) = match held {
            (Some(chain), Some(key)) if authority.stands_by(leaf, &chain, &key, now) => {
                (chain.to_string(), Secret::whole(&key))
            }
            _ => authority.issue(leaf, now)?,
        };
        issued.push(IssuedLeaf {
            certificate: leaf.certificate.clone(),
            key: leaf.key.clone(),
            chain,
            secret,
        });
    }
    Ok(issued)
}

/// A file of the node; what is no text is none of ours.
fn text(node: &Node, path: &Path) -> Result<Option<Zeroizing<String>>, NodeError> {
    let Some(bytes) = node.read(path, MAX_FILE)? else {
        return Ok(None);
    };
    let bytes = Zeroizing::new(bytes);
    Ok(std::str::from_utf8(&bytes)
        .ok()
        .map(|text| Zeroizing::new(text.to_owned())))
}

/// The site's authority, ready to issue.
struct Authority {
    certificate: Pem,
    issuer: Issuer<'static, KeyPair>,
    /// Whether others vouch for it, so that its certificate belongs into chains.
    is_intermediate: bool,
    from: i64,
    until: i64,
}

impl Authority {
    fn read(secrets: &Secrets, now: i64) -> Result<Self, LeafError> {
        let text = secrets.site_ca.as_deref().unwrap_or_default();
        let certificate = first_certificate(text).map_err(LeafError::Certificate)?;
        let key = secrets.site_ca_key.as_ref().ok_or(LeafError::NoKey)?;
        let key = KeyPair::from_pem(key.expose()).map_err(LeafError::Key)?;
        let (is_intermediate, from, until) = {
            let read = parsed(&certificate).map_err(LeafError::Certificate)?;
            if !read.is_ca() {
                return Err(LeafError::NotAuthority(read.subject().to_string()));
            }
            if read.public_key().raw != key.subject_public_key_info() {
                return Err(LeafError::Pair(read.subject().to_string()));
            }
            let validity = read.validity();
            (
                read.subject().as_raw() != read.issuer().as_raw(),
                validity.not_before.timestamp(),
                validity.not_after.timestamp(),
            )
        };
        if !(from..=until).contains(&now) {
            let shown = |seconds| {
                OffsetDateTime::from_unix_timestamp(seconds)
                    .map_or_else(|_| "?".into(), |at| at.date().to_string())
            };
            return Err(LeafError::Time {
                now: shown(now),
                from: shown(from),
                until: shown(until),
            });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate.contents.as_slice().into(), key)
            .map_err(|error| LeafError::Certificate(error.to_string()))?;
        Ok(Self {
            certificate,
            issuer,
            is_intermediate,
            from,
            until,
        })
    }

    /// A new certificate, no longer valid than the authority itself.
    fn issue(&self, leaf: &Leaf, now: i64) -> Result<(String, Secret), LeafError> {
        let name = leaf.names.first().cloned().unwrap_or_default();
        let failed = |source| LeafError::Issue {
            name: name.clone(),
            source,
        };
        let mut params = CertificateParams::new(leaf.names.clone()).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        let common: String = name.chars().take(MAX_COMMON_NAME).collect();
        params.distinguished_name.push(DnType::CommonName, common);
        let moment = |seconds: i64| {
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| failed(rcgen::Error::Time))
        };
        params.not_before = moment(now.saturating_sub(BACKDATED).max(self.from))?;
        params.not_after = moment(now.saturating_add(i64::from(leaf.days) * DAY).min(self.until))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let mut chain = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        if self.is_intermediate {
            chain.push_str(&pem(&self.certificate));
        }
        Ok((chain, Secret::whole(&Zeroizing::new(key.serialize_pem()))))
    }

    /// Whether a certificate that is there is what would be issued, and is for some time yet.
    fn stands_by(&self, leaf: &Leaf, chain: &str, key: &str, now: i64) -> bool {
        let Ok(held) = first_certificate(chain) else {
            return false;
        };
        let (Ok(held), Ok(authority)) = (parsed(&held), parsed(&self.certificate)) else {
            return false;
        };
        let is_pair =
            KeyPair::from_pem(key).is_ok_and(|key| key.subject_public_key_info() == held.public_key().raw);
        let is_ours = held.issuer().as_raw() == authority.subject().as_raw()
            && held.verify_signature(Some(authority.public_key())).is_ok();
        let (from, until) = (
            held.validity().not_before.timestamp(),
            held.validity().not_after.timestamp(),
        );
        // One that ends with the authority would end no later if it was issued again.
        let renewed = now.saturating_add(i64::from(leaf.days) * DAY / 3).min(self.until);
        let is_in_time = from <= now && now < until && renewed <= until;
        // A shorter validity than before is wished for, and not by waiting for the longer one to pass.
        let is_as_long = until.saturating_sub(now) <= i64::from(leaf.days) * DAY;
        is_pair && is_ours && is_in_time && is_as_long && names(&held) == leaf.names.iter().cloned().collect()
    }
}

/// The names and addresses that a certificate is valid for.
fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return BTreeSet::new();
    };
    let listed = names.value.general_names.iter();
    listed
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn first_certificate(text: &str) -> Result<Pem, String> {
    let mut all = Pem::iter_from_buffer(text.as_bytes());
    let found = all.find(|one| one.as_ref().map_or(true, |pem| pem.label == "CERTIFICATE"));
    match found {
        Some(Ok(pem)) => Ok(pem),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("no certificate is in it".to_owned()),
    }
}

fn parsed(pem: &Pem) -> Result<X509Certificate<'_>, String> {
    pem.parse_x509().map_err(|error| error.to_string())
}

/// RFC 7468, section 2.
fn pem(certificate: &Pem) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&certificate.contents);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
