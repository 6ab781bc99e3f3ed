use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Platform};

/// Free-form facts about content, in key order.
pub type Annotations = BTreeMap<String, String>;

/// Annotation keys with a meaning here.
pub mod annotation {
    /// The name under which a root stands in an `index.json` (OCI image-spec, "Annotations").
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// The file name of a layer that is a plain file.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// The version of what is described.
    pub const VERSION: &str = "org.opencontainers.image.version";
    /// What sort of thing a root is: `image`, `chart`, `files`.
    pub const KIND: &str = "dev.airlock.kind";
    /// The digest that a root is about, when it is a referrer.
    pub const SUBJECT: &str = "dev.airlock.subject";
    /// The name of the bundle that brought a root to this store.
    pub const BUNDLE: &str = "dev.airlock.bundle";
    /// The version of that bundle.
    pub const BUNDLE_VERSION: &str = "dev.airlock.bundle.version";
}

/// Names content exactly: type, digest and size (OCI image-spec, "Content Descriptors").
///
/// Fields of the specification that Airlock gives no meaning to (`urls`, `data`) are not kept: foreign
/// manifests are carried as their exact bytes and never written again from this view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What it runs on, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "oci_platform")]
    pub platform: Option<Platform>,
    /// The kind of artifact behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Free-form facts.
    #[serde(
        default,
        skip_serializing_if = "Annotations::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub annotations: Annotations,
}

impl Descriptor {
    /// A descriptor without platform, artifact type or annotations.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            artifact_type: None,
            annotations: Annotations::new(),
        }
    }
}

/// Go encoders write `null` for an absent map or list.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The object form that OCI documents use for a platform.
mod oci_platform {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::Platform;

    #[derive(Serialize, Deserialize)]
    struct Object {
        #[serde(default)]
        architecture: String,
        #[serde(default)]
        os: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variant: Option<String>,
    }

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(platform: &Option<Platform>, s: S) -> Result<S::Ok, S::Error> {
        platform
            .as_ref()
            .map(|platform| Object {
                architecture: platform.architecture().to_owned(),
                os: platform.os().to_owned(),
                variant: platform.variant().map(str::to_owned),
            })
            .serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Platform>, D::Error> {
        // A platform that says nothing usable (buildkit writes `unknown/unknown`, others empty strings)
        // is kept as "none" when it cannot be parsed: it can then never be chosen by mistake.
        Ok(Option::<Object>::deserialize(d)?.and_then(|object| {
            Platform::new(&object.os, &object.architecture, object.variant.as_deref()).ok()
        }))
    }
}
