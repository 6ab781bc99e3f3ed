use serde::Deserialize;

use crate::descriptor::null_is_empty;
use crate::{Annotations, Descriptor, json, media_type};

/// The keys of manifests, indexes and descriptors (OCI image-spec). One that differs by case only is refused.
pub const MANIFEST_KEYS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "digest",
    "size",
    "urls",
    "data",
    "platform",
    "architecture",
    "os",
    "variant",
];

/// What Airlock reads from a manifest: which content it names. The manifest itself stays the exact
/// bytes it was; this view is never written back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// An OCI image manifest or Docker schema 2 manifest.
    Image(Box<ImageManifest>),
    /// An OCI image index or Docker manifest list.
    Index(Box<IndexManifest>),
}

/// The references of an image or artifact manifest (OCI image-spec, "Image Manifest").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// The type of artifact, where it is declared.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// The configuration blob.
    pub config: Descriptor,
    /// The content, in order.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// Free-form facts.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub annotations: Annotations,
}

impl ImageManifest {
    /// The artifact type as the referrers API reports it: declared, else the configuration's media type.
    pub fn effective_artifact_type(&self) -> &str {
        match self.artifact_type.as_deref() {
            Some(declared) if !declared.is_empty() => declared,
            _ => &self.config.media_type,
        }
    }
}

/// The references of an index (OCI image-spec, "Image Index").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexManifest {
    /// The type of artifact, where it is declared.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// The children, in order.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// Free-form facts.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub annotations: Annotations,
}

/// Why bytes are not a manifest that Airlock can carry.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not of the right shape.
    #[error("the manifest is not valid")]
    Json(#[from] json::JsonError),
    /// JSON, but no object.
    #[error("the manifest is not a JSON object")]
    NotAnObject,
    /// A type that is no manifest type; Docker schema 1 among them.
    #[error("the manifest type is not supported: {0:?}")]
    MediaType(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Reads a manifest whose type is known from outside (a descriptor, a `Content-Type`).
    ///
    /// The type given decides; a `mediaType` inside the document is not trusted.
    pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        if !is_object(bytes) {
            return Err(ManifestError::NotAnObject);
        }
        match media_type {
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => Ok(Self::Image(Box::new(
                json::from_slice_named(bytes, MANIFEST_KEYS)?,
            ))),
            media_type::OCI_INDEX | media_type::DOCKER_MANIFEST_LIST => Ok(Self::Index(Box::new(
                json::from_slice_named(bytes, MANIFEST_KEYS)?,
            ))),
            other => Err(ManifestError::MediaType(other.chars().take(200).collect())),
        }
    }

    /// The media type of a manifest that came without one: the document's own word, else its shape.
    /// `None` for what is no manifest.
    pub fn sniff(bytes: &[u8]) -> Option<String> {
        if !is_object(bytes) {
            return None;
        }
        let shape: Shape = json::from_slice(bytes).ok()?;
        match (shape.media_type, shape.manifests, shape.config) {
            (Some(media_type), _, _) if media_type::is_manifest(&media_type) => Some(media_type),
            (None, Some(_), None) => Some(media_type::OCI_INDEX.to_owned()),
            (None, None, Some(_)) => Some(media_type::OCI_MANIFEST.to_owned()),
            _ => None,
        }
    }

    /// The manifest that this one is about.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }

    /// Everything it names downward: an image's configuration and layers, an index's children.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, rest) = match self {
            Self::Image(image) => (Some(&image.config), &image.layers),
            Self::Index(index) => (None, &index.manifests),
        };
        config.into_iter().chain(rest)
    }

    /// Free-form facts.
    pub fn annotations(&self) -> &Annotations {
        match self {
            Self::Image(image) => &image.annotations,
            Self::Index(index) => &index.annotations,
        }
    }
}

/// `serde` would also read a struct from an array of its fields, which no other reader does.
fn is_object(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;

    #[test]
    fn reads_what_go_encoders_write() {
        let text = format!(r#"{{"schemaVersion":2,"config":{EMPTY},"layers":null,"annotations":null}}"#);
        let manifest = Manifest::parse(media_type::OCI_MANIFEST, text.as_bytes()).unwrap();
        assert_eq!(manifest.children().count(), 1);
        assert_eq!(
            Manifest::sniff(text.as_bytes()).as_deref(),
            Some(media_type::OCI_MANIFEST)
        );
    }

    #[test]
    fn the_outer_type_decides() {
        let text = format!(
            r#"{{"mediaType":"{}","config":{EMPTY}}}"#,
            media_type::OCI_MANIFEST
        );
        assert!(matches!(
            Manifest::parse(media_type::OCI_INDEX, text.as_bytes()),
            Ok(Manifest::Index(index)) if index.manifests.is_empty()
        ));
        assert!(Manifest::parse("application/json", text.as_bytes()).is_err());
        assert!(Manifest::parse(media_type::OCI_INDEX, b"[]").is_err());
    }

    #[test]
    fn a_manifest_that_others_read_as_another_is_refused() {
        let layer = |n: u8| EMPTY.replace("44136fa3", &format!("{n:08}"));
        let text = format!(
            r#"{{"schemaVersion":2,"config":{EMPTY},"layers":[{}],"annotations":{{"Layers":"x","layers":"y"}}}}"#,
            layer(1)
        );
        Manifest::parse(media_type::OCI_MANIFEST, text.as_bytes()).unwrap();
        let other = layer(2);
        for changed in [
            text.replacen("\"config\"", &format!("\"layers\":[{other}],\"config\""), 1),
            text.replacen("\"config\"", &format!("\"Layers\":[{other}],\"config\""), 1),
            text.replacen("\"layers\"", "\"LAYERS\"", 1),
            text.replacen("\"layers\"", "\"layer\u{17f}\"", 1),
            text.replacen("\"config\"", &format!("\"\\u004cayers\":[{other}],\"config\""), 1),
            text.replacen("\"digest\"", "\"Digest\":\"x\",\"digest\"", 1),
            text.replacen("\"digest\"", "\"digest\":\"x\",\"digest\"", 1),
            text.replacen("\"size\"", "\"Size\":1,\"size\"", 1),
            text.replacen("\"y\"", "\"y\",\"layers\":\"z\"", 1),
            text.replacen("\"y\"", &"[".repeat(100_000), 1),
            format!("{text}{{}}"),
        ] {
            assert_ne!(changed, text);
            let refused = Manifest::parse(media_type::OCI_MANIFEST, changed.as_bytes());
            assert!(matches!(refused, Err(ManifestError::Json(_))), "{changed:.300}");
        }
        let index = format!(r#"{{"manifests":[{EMPTY}],"Manifests":[]}}"#);
        assert!(Manifest::parse(media_type::OCI_INDEX, index.as_bytes()).is_err());
    }

    #[test]
    fn an_unusable_platform_is_none() {
        let child = EMPTY.replace(
            r#""size":2"#,
            r#""size":2,"platform":{"os":"","architecture":""}"#,
        );
        let text = format!(r#"{{"manifests":[{child}]}}"#);
        let Manifest::Index(index) = Manifest::parse(media_type::OCI_INDEX, text.as_bytes()).unwrap() else {
            panic!("an index");
        };
        assert_eq!(index.manifests[0].platform, None);
    }
}
