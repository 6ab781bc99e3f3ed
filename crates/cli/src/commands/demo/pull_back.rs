//! Pulls from the mirror with `oci-client`, an implementation that is not ours, and compares digests.

use airlock_content::digest_of;
use airlock_spec::lock::{Lock, Pin};
use airlock_types::media_type;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Pulled {
    /// Roots pulled by tag.
    pub(super) tags: u64,
    /// Manifests pulled by digest.
    pub(super) manifests: u64,
    /// Blobs pulled.
    pub(super) blobs: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// What did not come back as the lock says.
    pub(super) wrong: Vec<String>,
}

const ACCEPT: [&str; 4] = [
    media_type::OCI_MANIFEST,
    media_type::OCI_INDEX,
    media_type::DOCKER_MANIFEST,
    media_type::DOCKER_MANIFEST_LIST,
];

/// Pulls every artifact of the lock, by tag where it has one, and everything below by digest.
pub(super) async fn everything(mirror: &str, lock: &Lock) -> Pulled {
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let mut pulled = Pulled::default();
    for artifact in &lock.artifacts {
        let path = artifact.reference.repository.name.to_string();
        if let Some(tag) = &artifact.reference.tag {
            let reference = Reference::with_tag(mirror.to_owned(), path.clone(), tag.to_string());
            pulled.manifest(&client, &reference, &artifact.root).await;
            pulled.tags += 1;
        }
        for pin in artifact.pins() {
            let reference = Reference::with_digest(mirror.to_owned(), path.clone(), pin.digest.to_string());
            if media_type::is_manifest(&pin.media_type) {
                pulled.manifest(&client, &reference, pin).await;
                pulled.manifests += 1;
            } else {
                pulled.blob(&client, &reference, pin).await;
                pulled.blobs += 1;
            }
        }
    }
    pulled
}

impl Pulled {
    async fn manifest(&mut self, client: &Client, reference: &Reference, pin: &Pin) {
        match client
            .pull_manifest_raw(reference, &RegistryAuth::Anonymous, &ACCEPT)
            .await
        {
            Ok((bytes, _)) => self.compare(reference, &bytes, pin),
            Err(error) => self.wrong.push(format!("{reference}: {error}")),
        }
    }

    async fn blob(&mut self, client: &Client, reference: &Reference, pin: &Pin) {
        let mut bytes = Vec::new();
        match client
            .pull_blob(reference, pin.digest.to_string().as_str(), &mut bytes)
            .await
        {
            Ok(()) => self.compare(reference, &bytes, pin),
            Err(error) => self.wrong.push(format!("{reference}: {error}")),
        }
    }

    fn compare(&mut self, reference: &Reference, bytes: &[u8], pin: &Pin) {
        self.bytes += bytes.len() as u64;
        if digest_of(bytes) != pin.digest || bytes.len() as u64 != pin.size {
            self.wrong
                .push(format!("{reference}: other bytes than the lock says"));
        }
    }
}
