//! The certificate that `serve` uses when the site has given none.
//!
//! A small certificate authority is made once and kept beside the store; each start issues a new leaf
//! from it. Its validity is unbounded on purpose: clocks behind an air gap are wrong, and a mirror that
//! stops on a date nobody remembers helps no one. Sites with an authority of their own use `--tls-cert`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::failure::{Failure, Result};
use crate::files;

/// More than any certificate chain needs.
const LIMIT: u64 = 1024 * 1024;

/// What a server with a certificate made here needs, and what its clients need.
pub(crate) struct Made {
    /// For the server.
    pub(crate) config: Arc<rustls::ServerConfig>,
    /// The certificate authority's certificate, for clients.
    pub(crate) ca: PathBuf,
    /// The names that the certificate holds.
    pub(crate) names: Vec<String>,
}

/// Reads a certificate chain and key given by the site.
pub(crate) fn given(cert: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>> {
    let chain = files::read("the certificate", cert, LIMIT)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<std::result::Result<_, _>>()
        .with_context(|| format!("the certificate is not PEM: {}", cert.display()))?;
    let secret = zeroize::Zeroizing::new(files::read("the certificate's key", key, LIMIT)?);
    let secret = PrivateKeyDer::from_pem_slice(&secret)
        .with_context(|| format!("the certificate's key is not PEM: {}", key.display()))?;
    server_config(chain, secret).map_err(|failure| {
        failure.hint(format!(
            "check that {} belongs to {}",
            key.display(),
            cert.display()
        ))
    })
}

/// Issues a certificate for `listen` and `extra` names from the authority in `dir`, made where there is none.
pub(crate) fn made(dir: &Path, listen: SocketAddr, extra: &[String]) -> Result<Made> {
    let (ca, authority_key) = authority(dir)?;
    let issuer = Issuer::new(authority_params(), authority_key);
    let names = names(listen, extra);
    let mut params = CertificateParams::new(names.clone())
        .context("a name for the certificate is neither a host name nor an address")?;
    params
        .distinguished_name
        .push(DnType::CommonName, "airlock mirror");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().context("the certificate's key could not be made")?;
    let leaf = params
        .signed_by(&key, &issuer)
        .context("the certificate could not be issued")?;
    let secret = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|reason| anyhow::anyhow!("the certificate's key could not be used: {reason}"))?;
    Ok(Made {
        config: server_config(vec![leaf.der().clone()], secret)?,
        ca,
        names,
    })
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<rustls::ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| {
            Failure::from(anyhow::Error::new(error).context("the certificate cannot be used"))
        })?;
    Ok(Arc::new(config))
}

/// The authority's name and rights: fixed, so that its certificate need not be read back.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "airlock site CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The authority's certificate and key, made where they are missing.
///
/// The key comes first. Any certificate made from it serves clients as well as any other, since name and key are what
/// they compare; so a kill in between, or two servers that start at once, do no harm.
fn authority(dir: &Path) -> Result<(PathBuf, KeyPair)> {
    let hint = "name another folder with --tls-dir, or use --tls-cert and --tls-key";
    let (ca, secret) = (dir.join("ca.pem"), dir.join("ca.key"));
    if !secret.exists() {
        make_authority_key(dir, &ca, &secret).map_err(|failure| failure.hint(hint))?;
    }
    let pem =
        files::read_text("the authority's key", &secret, LIMIT).map_err(|failure| failure.hint(hint))?;
    let pem = zeroize::Zeroizing::new(pem);
    let key = KeyPair::from_pem(&pem)
        .with_context(|| format!("the authority's key could not be read: {}", secret.display()))?;
    if !ca.exists() {
        let certificate = authority_params()
            .self_signed(&key)
            .context("the authority could not be made")?;
        files::replace("the authority's certificate", &ca, certificate.pem().as_bytes())
            .map_err(|failure| failure.hint(hint))?;
    }
    Ok((ca, key))
}

fn make_authority_key(dir: &Path, ca: &Path, secret: &Path) -> Result {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("the folder for certificates could not be made: {}", dir.display()))?;
    // A certificate of a key that was taken away.
    match std::fs::remove_file(ca) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
            .with_context(|| format!("the old certificate could not be removed: {}", ca.display()))?,
        _ => {}
    }
    let key = KeyPair::generate().context("the authority's key could not be made")?;
    let pem = zeroize::Zeroizing::new(key.serialize_pem());
    files::create_private("the authority's key", secret, pem.as_bytes())
}

/// Loopback, this machine's name, the address listened on, and what the admin added.
fn names(listen: SocketAddr, extra: &[String]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(name.trim().to_owned());
    }
    let unspecified = match listen.ip() {
        IpAddr::V4(address) => address.is_unspecified(),
        IpAddr::V6(address) => address.is_unspecified(),
    };
    if !unspecified {
        names.push(listen.ip().to_string());
    }
    names.extend(extra.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| !name.is_empty() && seen.insert(name.clone()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_once_whatever_a_kill_left_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("tls");
        let (ca, first) = authority(&dir).unwrap();
        let certificate = std::fs::read(&ca).unwrap();
        let (_, again) = authority(&dir).unwrap();
        assert_eq!(first.serialize_pem(), again.serialize_pem());
        assert_eq!(std::fs::read(&ca).unwrap(), certificate);
        // Killed between the two files.
        std::fs::remove_file(&ca).unwrap();
        let (_, again) = authority(&dir).unwrap();
        assert_eq!(first.serialize_pem(), again.serialize_pem());
        assert!(ca.exists());
        // A certificate of another key does not stay.
        std::fs::remove_file(dir.join("ca.key")).unwrap();
        let stale = std::fs::read(&ca).unwrap();
        authority(&dir).unwrap();
        assert!(std::fs::read(&ca).unwrap() != stale);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2);
    }
}
