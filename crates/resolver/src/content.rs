//! The bytes of small things that a lock pins: charts, values, manifests.

use airlock_content::{MetadataSource, Origin, digest_of};
use airlock_spec::lock::{Artifact, Pin};
use airlock_types::media_type;
use bytes::Bytes;

use crate::ask::Asker;
use crate::chart::MAX_CHART;
use crate::error::Cause;

/// The packaged chart of a chart's artifact.
pub(crate) async fn archive<S: MetadataSource>(
    asker: &Asker<'_, S>,
    artifact: &Artifact,
) -> Result<Bytes, Cause> {
    let mut blobs = artifact.blobs.iter();
    let Some(pin) = blobs.find(|pin| pin.media_type == media_type::HELM_CHART) else {
        return Err(Cause::NotAChart(artifact.root.media_type.clone()));
    };
    pinned(asker, artifact, pin, MAX_CHART).await
}

/// What a pin of an artifact names.
pub(crate) async fn pinned<S: MetadataSource>(
    asker: &Asker<'_, S>,
    artifact: &Artifact,
    pin: &Pin,
    limit: u64,
) -> Result<Bytes, Cause> {
    let source = pin.source.as_ref().unwrap_or(&artifact.source);
    let origin = crate::origin(source, asker.folder);
    let Origin::Http(url) = &origin else {
        return Ok(asker.blob(&origin, &pin.descriptor(), limit).await?);
    };
    // Most charts were fetched a moment ago, when they were pinned.
    let bytes = asker.shared_document(url, limit).await?;
    let actual = digest_of(&bytes);
    if actual != pin.digest {
        return Err(Cause::Digest {
            expected: pin.digest,
            announced_by: "lock".to_owned(),
            actual,
        });
    }
    Ok(bytes)
}
