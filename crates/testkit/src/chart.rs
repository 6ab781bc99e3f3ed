use std::fmt::Write as _;

use airlock_types::{Digest, media_type};
use bytes::Bytes;
use serde_json::json;

use crate::{Blob, Image, gzip, tarball};

/// A Helm chart, packaged as `helm package` lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The `.tgz`.
    pub archive: Bytes,
}

impl Chart {
    /// A chart of one Deployment whose image comes from its values.
    pub fn new(name: &str, version: &str, image: &str) -> Self {
        let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
        let archive = gzip(&tarball([
            (
                format!("{name}/Chart.yaml"),
                format!(
                    "apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"{tag}\"\ndescription: A generated chart\ntype: application\n"
                ),
            ),
            (
                format!("{name}/values.yaml"),
                format!("replicas: 1\nimage:\n  repository: {repository}\n  tag: \"{tag}\"\n"),
            ),
            (
                format!("{name}/templates/deployment.yaml"),
                DEPLOYMENT.replace("NAME", name),
            ),
        ]))
        .into();
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            archive,
        }
    }

    /// `NAME-VERSION.tgz`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.tgz", self.name, self.version)
    }

    /// SHA-256 of the archive.
    pub fn digest(&self) -> Digest {
        Digest::Sha256(airlock_hash::sha256(&self.archive))
    }

    /// The chart as `helm push` stores it in a registry.
    pub fn as_oci(&self) -> Image {
        let config = Blob::json(
            media_type::HELM_CONFIG,
            &json!({"apiVersion": "v2", "name": self.name, "version": self.version, "type": "application"}),
        );
        let layer = Blob::new(media_type::HELM_CHART, self.archive.clone());
        let root = Blob::json(
            media_type::OCI_MANIFEST,
            &json!({
                "schemaVersion": 2, "config": config.descriptor(), "layers": [layer.descriptor()],
                "annotations": {
                    "org.opencontainers.image.title": self.name, "org.opencontainers.image.version": self.version,
                },
            }),
        );
        Image {
            root,
            manifests: Vec::new(),
            blobs: vec![config, layer],
        }
    }
}

/// The `index.yaml` of a chart repository that holds `charts`, with addresses relative to it.
pub fn chart_index(charts: &[Chart]) -> String {
    let mut sorted: Vec<&Chart> = charts.iter().collect();
    // Stable, so that the versions of one chart stay in the order given.
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::from("apiVersion: v1\nentries:\n");
    let mut current = None;
    for chart in sorted {
        if current != Some(&chart.name) {
            let _ = writeln!(out, "  {}:", chart.name);
            current = Some(&chart.name);
        }
        let _ = write!(
            out,
            "  - apiVersion: v2\n    name: {}\n    version: {}\n    type: application\n    digest: {}\n    created: \"1970-01-01T00:00:00Z\"\n    urls:\n    - {}\n",
            chart.name,
            chart.version,
            chart.digest().hex(),
            chart.file_name()
        );
    }
    out.push_str("generated: \"1970-01-01T00:00:00Z\"\n");
    out
}

const DEPLOYMENT: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-NAME
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: NAME}
  template:
    metadata:
      labels: {app: NAME}
    spec:
      containers:
      - name: NAME
        image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
";
