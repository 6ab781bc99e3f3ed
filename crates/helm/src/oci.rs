//! A chart as an OCI artifact, as `helm push` makes it (Helm, "Use OCI-based registries").

use std::collections::BTreeMap;

use airlock_types::{Descriptor, media_type};
use serde::Serialize;

use crate::ChartMetadata;

/// The bytes of the configuration blob: the metadata as Go's encoder writes Helm's type.
pub fn config_json(metadata: &ChartMetadata) -> Vec<u8> {
    let mut out = Vec::new();
    // Strings, lists and string-keyed maps: this cannot fail, and an empty configuration would be refused later.
    if serde_json::to_writer(&mut out, metadata).is_err() {
        out.clear();
    }
    escape_html(&out)
}

/// Go's encoder escapes what could end a script element; outside of strings these bytes never occur.
fn escape_html(json: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(json);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            _ => out.push(c),
        }
    }
    out.into_bytes()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestJson<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: Vec<&'a Descriptor>,
    annotations: BTreeMap<String, String>,
}

/// The bytes of the manifest, with Helm's annotations but for the time of its making, so that the same
/// chart always gives the same digest.
///
/// `chart` and `provenance` name the archive and, where there is one, its `.prov` file, in Helm's media types.
pub fn manifest_json(
    metadata: &ChartMetadata,
    config: &Descriptor,
    chart: &Descriptor,
    provenance: Option<&Descriptor>,
) -> Vec<u8> {
    let manifest = ManifestJson {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST,
        config,
        layers: std::iter::once(chart).chain(provenance).collect(),
        annotations: annotations(metadata),
    };
    airlock_types::json::to_canonical(&manifest)
}

fn annotations(metadata: &ChartMetadata) -> BTreeMap<String, String> {
    const TITLE: &str = "org.opencontainers.image.title";
    const VERSION: &str = "org.opencontainers.image.version";
    let mut out = BTreeMap::new();
    let mut set = |key: &str, value: &str| {
        if !value.trim().is_empty() {
            out.insert(key.to_owned(), value.to_owned());
        }
    };
    // The chart's own annotations come along, but may not change what it is.
    for (key, value) in &metadata.annotations {
        if key != TITLE && key != VERSION {
            set(key, value);
        }
    }
    set("org.opencontainers.image.description", &metadata.description);
    set(TITLE, &metadata.name);
    set(VERSION, &metadata.version);
    set("org.opencontainers.image.url", &metadata.home);
    if let Some(source) = metadata.sources.first() {
        set("org.opencontainers.image.source", source);
    }
    let authors: Vec<String> = metadata
        .maintainers
        .iter()
        .filter(|maintainer| !maintainer.name.is_empty())
        .map(|maintainer| match maintainer.email.as_str() {
            "" => maintainer.name.clone(),
            email => format!("{} ({email})", maintainer.name),
        })
        .collect();
    set("org.opencontainers.image.authors", &authors.join(", "));
    out
}

#[cfg(test)]
mod tests {
    use airlock_types::Digest;

    use super::*;

    fn chart() -> ChartMetadata {
        ChartMetadata::parse(
            br#"
apiVersion: v2
type: application
name: site
version: 1.2.3+b1
appVersion: "2"
description: fast & <safe>
home: https://example.org
sources: [https://example.org/src, https://example.org/other]
maintainers: [{name: Ann, email: ann@example.org}, {name: Bob}]
annotations: {org.opencontainers.image.title: other, note: x}
dependencies: [{name: db, version: 1.x, repository: "https://example.org/charts", import-values: [{child: a, parent: b}]}]
"#,
        )
        .unwrap()
    }

    #[test]
    fn the_configuration_is_that_of_helm() {
        // Field by field in the order of Helm's type, and with Go's escapes.
        let expected = r#"{"name":"site","home":"https://example.org","sources":["https://example.org/src","https://example.org/other"],"version":"1.2.3+b1","description":"fast \u0026 \u003csafe\u003e","maintainers":[{"name":"Ann","email":"ann@example.org"},{"name":"Bob"}],"apiVersion":"v2","appVersion":"2","annotations":{"note":"x","org.opencontainers.image.title":"other"},"dependencies":[{"name":"db","version":"1.x","repository":"https://example.org/charts","import-values":[{"child":"a","parent":"b"}]}],"type":"application"}"#;
        assert_eq!(String::from_utf8(config_json(&chart())).unwrap(), expected);
        assert_eq!(chart().tag(), "1.2.3_b1");
    }

    #[test]
    fn the_manifest_names_configuration_chart_and_provenance() {
        let descriptor = |kind: &str, n: u8| Descriptor::new(kind, Digest::sha256([n; 32]), n.into());
        let config = descriptor(media_type::HELM_CONFIG, 1);
        let layer = descriptor(media_type::HELM_CHART, 2);
        let provenance = descriptor(media_type::HELM_PROVENANCE, 3);
        let bytes = manifest_json(&chart(), &config, &layer, Some(&provenance));
        let manifest = airlock_types::Manifest::parse(media_type::OCI_MANIFEST, &bytes).unwrap();
        assert_eq!(
            manifest.children().collect::<Vec<_>>(),
            [&config, &layer, &provenance]
        );
        let annotations: Vec<String> = manifest
            .annotations()
            .iter()
            .map(|(key, value)| format!("{}={value}", key.trim_start_matches("org.opencontainers.image.")))
            .collect();
        assert_eq!(
            annotations,
            [
                "note=x",
                "authors=Ann (ann@example.org), Bob",
                "description=fast & <safe>",
                "source=https://example.org/src",
                "title=site",
                "url=https://example.org",
                "version=1.2.3+b1",
            ]
        );
    }
}
