//! The charts of a generation as a classic chart repository, for Helm clients that speak no OCI.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use airlock_content::{BlobRead, GenerationView, RootEntry};
use airlock_types::{Digest, ImageManifest, json, media_type, yaml};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Map, Value};

use crate::app::{App, Request};
use crate::catalog::Catalog;
use crate::error::{ApiError, Code};
use crate::manifests::{ReadError, read_whole};
use crate::query::encode;
use crate::reply::{self, Reply};

/// `Chart.yaml` is a page of text; a configuration beyond this is no chart's.
const CONFIG_LIMIT: u64 = 4 << 20;

/// A chart repository.
pub(crate) struct Charts {
    /// `index.yaml`.
    index: Bytes,
    /// Archives and their provenance files, by file name.
    files: BTreeMap<String, Digest>,
}

impl Charts {
    /// Reads the configurations of charts, which hold their `Chart.yaml` as JSON (Helm, "Registries").
    pub(crate) fn read<V: BlobRead + ?Sized>(
        view: &V,
        charts: &[(&RootEntry, ImageManifest)],
    ) -> Result<Self, ReadError> {
        let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for (root, image) in charts {
            let Some(archive) = image
                .layers
                .iter()
                .find(|layer| layer.media_type == media_type::HELM_CHART)
            else {
                continue;
            };
            let Some(mut chart) = read_config(view, &image.config.digest)? else {
                tracing::warn!(reference = %root.reference, "the configuration of a chart cannot be read; it is not in the chart index");
                continue;
            };
            let (Some(name), Some(version)) = (text(&chart, "name"), text(&chart, "version")) else {
                tracing::warn!(reference = %root.reference, "a chart has no usable name and version; it is not in the chart index");
                continue;
            };
            let file = format!("{name}-{version}.tgz");
            match files.entry(file.clone()) {
                Entry::Vacant(free) => free.insert(archive.digest),
                Entry::Occupied(taken) => {
                    if *taken.get() != archive.digest {
                        tracing::warn!(reference = %root.reference, file, "another chart has this name and version; this one is offered at its OCI reference only");
                    }
                    continue;
                }
            };
            if let Some(provenance) = image
                .layers
                .iter()
                .find(|layer| layer.media_type == media_type::HELM_PROVENANCE)
            {
                files.insert(format!("{file}.prov"), provenance.digest);
            }
            chart.insert("digest".into(), archive.digest.hex().into());
            chart.insert("urls".into(), Value::Array(vec![encode(&file, "+").into()]));
            chart.remove("created");
            entries.entry(name).or_default().push(Value::Object(chart));
        }
        let mut index = Map::new();
        index.insert("apiVersion".into(), "v1".into());
        index.insert(
            "entries".into(),
            Value::Object(
                entries
                    .into_iter()
                    .map(|(name, versions)| (name, versions.into()))
                    .collect(),
            ),
        );
        Ok(Self {
            index: yaml::render(&Value::Object(index)).into(),
            files,
        })
    }
}

fn read_config<V: BlobRead + ?Sized>(
    view: &V,
    digest: &Digest,
) -> Result<Option<Map<String, Value>>, ReadError> {
    let bytes = read_whole(view, digest, CONFIG_LIMIT)?;
    Ok(bytes.and_then(|bytes| json::from_slice(&bytes).ok()))
}

/// A field that can be part of a file name.
fn text(chart: &Map<String, Value>, field: &str) -> Option<String> {
    let text = chart.get(field)?.as_str()?;
    let good = !text.is_empty()
        && text.len() <= 250
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-._+".contains(&c));
    good.then(|| text.to_owned())
}

impl<V: GenerationView + 'static> App<V> {
    pub(crate) async fn chart(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        file: &str,
    ) -> Result<Reply, ApiError> {
        let charts = &self.extras(catalog).await?.charts;
        if file == "index.yaml" {
            let mut reply = reply::ok(HeaderValue::from_static("application/yaml"), charts.index.clone());
            reply
                .headers_mut()
                .insert(header::CACHE_CONTROL, reply::REVALIDATE);
            return Ok(reply);
        }
        let unknown = || {
            ApiError::new(
                Code::NameUnknown,
                format!("there is no such chart (`/charts/index.yaml` lists them): {file}"),
            )
        };
        let digest = *charts.files.get(file).ok_or_else(unknown)?;
        let content_type = match file.rsplit_once('.') {
            Some((_, "prov")) => reply::TEXT,
            _ => HeaderValue::from_static("application/gzip"),
        };
        let mut reply = self
            .content(request, digest, content_type)
            .await?
            .ok_or_else(unknown)?;
        reply
            .headers_mut()
            .insert(header::CACHE_CONTROL, reply::REVALIDATE);
        Ok(reply)
    }
}
