use airlock_types::{Descriptor, Digest, Reference, annotation, json, media_type};
use serde::{Deserialize, Serialize};

use crate::digest_of;

/// One root of a generation: a manifest and the name it is served under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootEntry {
    /// The manifest: type, digest, size; its annotations hold what the index says of it, without the
    /// name and the subject, which stand in the fields below.
    pub descriptor: Descriptor,
    /// The upstream name, with a tag, a digest or both.
    pub reference: Reference,
    /// The manifest that this root is about, when it is a referrer.
    pub subject: Option<Digest>,
}

/// What a store or bundle offers at one moment: an immutable list of roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// SHA-256 of the index that lists the roots.
    pub id: Digest,
    /// The roots, in the index's order.
    pub roots: Vec<RootEntry>,
}

/// Why an `index.json` is not a generation.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// Not JSON, or not of the right shape.
    #[error("the index of roots is not valid")]
    Json(#[from] json::JsonError),
    /// A root has no usable `org.opencontainers.image.ref.name`.
    #[error("a root has no reference: {0}")]
    NoReference(Digest),
    /// A root's reference or subject cannot be parsed.
    #[error("the {what} of a root cannot be read: {digest}")]
    Annotation {
        /// "reference" or "subject".
        what: &'static str,
        /// The root.
        digest: Digest,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexFile {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    schema_version: u32,
}

impl Generation {
    /// Reads an `index.json` of an OCI image layout that Airlock wrote.
    pub fn from_index(bytes: &[u8]) -> Result<Self, GenerationError> {
        let file: IndexFile = json::from_slice(bytes)?;
        let roots = file
            .manifests
            .into_iter()
            .map(root_from)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: digest_of(bytes),
            roots,
        })
    }

    /// The bytes of the `index.json` that lists `roots`: canonical JSON, in order of reference and
    /// digest whatever the order given, so that equal roots are equal bytes.
    pub fn render(roots: &[RootEntry]) -> Vec<u8> {
        let mut sorted: Vec<&RootEntry> = roots.iter().collect();
        sorted.sort_by(|a, b| {
            (&a.reference, a.descriptor.digest, a.subject).cmp(&(
                &b.reference,
                b.descriptor.digest,
                b.subject,
            ))
        });
        let manifests = sorted
            .into_iter()
            .map(|root| {
                let mut descriptor = root.descriptor.clone();
                descriptor
                    .annotations
                    .insert(annotation::REF_NAME.to_owned(), root.reference.to_string());
                if let Some(subject) = root.subject {
                    descriptor
                        .annotations
                        .insert(annotation::SUBJECT.to_owned(), subject.to_string());
                }
                descriptor
            })
            .collect();
        json::to_canonical(&IndexFile {
            manifests,
            media_type: media_type::OCI_INDEX.to_owned(),
            schema_version: 2,
        })
    }
}

fn root_from(mut descriptor: Descriptor) -> Result<RootEntry, GenerationError> {
    let digest = descriptor.digest;
    let reference = descriptor
        .annotations
        .remove(annotation::REF_NAME)
        .ok_or(GenerationError::NoReference(digest))?
        .parse()
        .map_err(|_| GenerationError::Annotation {
            what: "reference",
            digest,
        })?;
    let subject = match descriptor.annotations.remove(annotation::SUBJECT) {
        Some(text) => Some(text.parse().map_err(|_| GenerationError::Annotation {
            what: "subject",
            digest,
        })?),
        None => None,
    };
    Ok(RootEntry {
        descriptor,
        reference,
        subject,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(reference: &str, n: u8) -> RootEntry {
        RootEntry {
            descriptor: Descriptor::new(media_type::OCI_MANIFEST, Digest::sha256([n; 32]), n.into()),
            reference: reference.parse().unwrap(),
            subject: n.is_multiple_of(2).then(|| Digest::sha256([9; 32])),
        }
    }

    #[test]
    fn order_does_not_matter_and_bytes_round_trip() {
        let (a, b) = (root("ghcr.io/a/b:1", 1), root("busybox", 2));
        let bytes = Generation::render(&[a.clone(), b.clone()]);
        assert_eq!(bytes, Generation::render(&[b.clone(), a.clone()]));
        let generation = Generation::from_index(&bytes).unwrap();
        assert_eq!(generation.roots, [b, a]);
        assert_eq!(generation.id, digest_of(&bytes));
    }

    #[test]
    fn a_root_without_a_name_is_refused() {
        let bytes = Generation::render(&[root("busybox", 1)]);
        let text = String::from_utf8(bytes).unwrap().replace("ref.name", "other");
        assert!(matches!(
            Generation::from_index(text.as_bytes()),
            Err(GenerationError::NoReference(_))
        ));
    }
}
