use std::collections::{BTreeMap, BTreeSet};

use airlock_content::{MetadataSource, Origin, ReferrerFound, ReferrerVia};
use airlock_spec::lock::{Pin, Referrer};
use airlock_types::{Descriptor, Digest, Manifest};
use futures::future::try_join_all;

use crate::ask::Asker;
use crate::error::Cause;
use crate::image;
use crate::pins::{Found, sorted};

/// How far referrers of referrers are followed (a signature over an SBOM is the second step).
const MAX_STEPS: usize = 3;

/// Everything that refers to `subjects`, directly or through other referrers, in order of digest.
pub(crate) async fn of<S: MetadataSource>(
    asker: &Asker<'_, S>,
    origin: &Origin,
    subjects: Vec<Digest>,
) -> Result<Vec<Referrer>, Cause> {
    let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
    let mut frontier = subjects;
    let mut out = Vec::new();
    for _ in 0..MAX_STEPS {
        let answers = try_join_all(frontier.iter().map(async |subject| {
            let found = asker.referrers(origin, subject).await?;
            Ok::<_, Cause>(
                found
                    .into_iter()
                    .map(|found| (*subject, found))
                    .collect::<Vec<_>>(),
            )
        }))
        .await?;
        // One referrer may be found on several ways; the best one is kept, whichever came first.
        let mut next: BTreeMap<Digest, (Digest, ReferrerFound)> = BTreeMap::new();
        for (subject, found) in answers.into_iter().flatten() {
            let digest = found.descriptor.digest;
            if seen.contains(&digest) {
                continue;
            }
            let known = next.get(&digest).map(|(subject, known)| (rank(known), *subject));
            if known.is_none_or(|known| (rank(&found), subject) < known) {
                next.insert(digest, (subject, found));
            }
        }
        if next.is_empty() {
            break;
        }
        seen.extend(next.keys());
        frontier = next.keys().copied().collect();
        out.extend(
            try_join_all(
                next.into_values()
                    .map(|(subject, found)| pin(asker, origin, subject, found)),
            )
            .await?,
        );
    }
    out.sort_by_key(|referrer| referrer.root.digest);
    Ok(out)
}

fn rank(found: &ReferrerFound) -> u8 {
    match found.via {
        // A cosign client looks behind the tag and nowhere else.
        ReferrerVia::CosignTag(_) => 0,
        ReferrerVia::Api => 1,
        ReferrerVia::FallbackTag(_) => 2,
    }
}

async fn pin<S: MetadataSource>(
    asker: &Asker<'_, S>,
    origin: &Origin,
    subject: Digest,
    found: ReferrerFound,
) -> Result<Referrer, Cause> {
    let descriptor: &Descriptor = &found.descriptor;
    let (_, manifest) = asker.named(origin, descriptor).await?;
    let below: Found = match &manifest {
        Manifest::Index(index) => image::below_index(asker, origin, index, None, 1).await?,
        Manifest::Image(_) => {
            let mut whole = image::whole(asker, origin, descriptor).await?;
            whole.manifests.retain(|pin| pin.digest != descriptor.digest);
            whole
        }
    };
    let declared = match &manifest {
        Manifest::Image(image) => Some(image.effective_artifact_type().to_owned()),
        Manifest::Index(index) => index.artifact_type.clone(),
    };
    Ok(Referrer {
        root: Pin::of(descriptor),
        subject,
        artifact_type: declared.filter(|kind| !kind.is_empty()),
        tag: match found.via {
            ReferrerVia::Api => None,
            ReferrerVia::FallbackTag(tag) | ReferrerVia::CosignTag(tag) => Some(tag),
        },
        manifests: sorted(below.manifests)?,
        blobs: sorted(below.blobs)?,
    })
}
