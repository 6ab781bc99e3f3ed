//! Images in manifests.

use airlock_helm::ChartFile;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::images::{Class, Finder, Found, Limits, Source};

use super::parts;

/// What finding may cost a fuzzer: little, so that whatever does not end soon is seen.
const LIMITS: Limits = Limits {
    bytes: 4 << 20,
    steps: 100_000,
    findings: 1_000,
};

fn found(manifest: &[u8], chart: Option<&Chart>) -> Found {
    let mut finder = Finder::new(LIMITS);
    finder.manifest(&Source::rendered("fuzz/templates/a.yaml"), manifest);
    if let Some(chart) = chart {
        finder.chart(chart);
    }
    finder.finish()
}

/// A manifest, and the `Chart.yaml` and the values of a chart that it might come from.
pub fn helm_images(input: &[u8]) {
    let mut parts = parts(input);
    let manifest = parts.next().unwrap_or_default();
    let files = ["Chart.yaml", "values.yaml", "Images.lock"]
        .into_iter()
        .zip(parts);
    let files = files.map(|(path, bytes)| ChartFile {
        path: path.to_owned(),
        bytes: bytes.to_vec(),
    });
    let chart = Chart::from_files(files, Profile::Helm4).ok();
    let once = found(manifest, chart.as_ref());
    assert_eq!(once, found(manifest, chart.as_ref()), "the second answer differs");
    assert!(once.findings.len() <= LIMITS.findings);
    for finding in &once.findings {
        // What is found is what can be pulled: a reference with a tag or a digest, whose text means the same.
        assert!(finding.reference.tag.is_some() || finding.reference.digest.is_some());
        assert_eq!(
            finding.reference.to_string().parse(),
            Ok(finding.reference.clone())
        );
        assert_eq!(finding.class, finding.rule.class());
    }
    let images = once.images();
    assert_eq!(
        images.iter().map(|image| image.findings.len()).sum::<usize>(),
        once.findings.len()
    );
    assert!(
        images
            .iter()
            .all(|image| image.findings.iter().all(|one| one.class >= image.class))
    );
    // A document more takes nothing away.
    let mut more = manifest.to_vec();
    more.extend_from_slice(
        b"\n---\napiVersion: v1\nkind: Pod\nspec: {containers: [{image: quay.io/fuzz/fuzz:1}]}\n",
    );
    if once.findings.len() < LIMITS.findings / 2
        && once.notices.iter().all(|one| !one.text.contains("allowed"))
    {
        let more = found(&more, chart.as_ref());
        let sure = |found: &Found| {
            found
                .findings
                .iter()
                .filter(|one| one.class == Class::Sure)
                .count()
        };
        assert!(sure(&more) > sure(&once), "{more:?}");
    }
}
