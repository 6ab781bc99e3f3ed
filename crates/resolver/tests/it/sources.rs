//! The resolver over HTTP and over the disk: what it pins can be fetched from where it says, and is right.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airlock_content::{
    BlobSource, ByteStream, FetchedManifest, FileFacts, ManifestSelector, MetadataSource, Origin,
    ReferrerFound, Silent, SourceError, Verifier, digest_of,
};
use airlock_local::Local;
use airlock_resolver::{Options, Update, check, origin, resolve};
use airlock_spec::lock::{Artifact, Kind, Lock, Pin};
use airlock_spec::manifest::{Inputs, load};
use airlock_testkit::{self as testkit, Chart, FakeUpstream, tarball};
use airlock_types::{Descriptor, Digest, Repository, Tag, media_type};
use airlock_upstream::{Config, Credentials, NoHelpers, Upstream};
use bytes::Bytes;
use futures::TryStreamExt;
use url::Url;

/// The network and the disk as one.
struct Both {
    upstream: Upstream,
    local: Local,
}

/// Asks the one that an origin belongs to.
macro_rules! either {
    ($self:ident, $origin:expr, $method:ident($($argument:expr),*)) => {
        match $origin {
            Origin::Registry(_) | Origin::Http(_) => $self.upstream.$method($($argument),*).await,
            _ => $self.local.$method($($argument),*).await,
        }
    };
}

impl MetadataSource for Both {
    async fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        either!(self, origin, manifest(origin, selector))
    }

    async fn referrers(&self, origin: &Origin, subject: &Digest) -> Result<Vec<ReferrerFound>, SourceError> {
        either!(self, origin, referrers(origin, subject))
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, SourceError> {
        self.upstream.tags(repository).await
    }

    async fn blob(&self, origin: &Origin, descriptor: &Descriptor, limit: u64) -> Result<Bytes, SourceError> {
        either!(self, origin, blob(origin, descriptor, limit))
    }

    async fn document(&self, url: &Url, limit: u64) -> Result<Bytes, SourceError> {
        self.upstream.document(url, limit).await
    }

    async fn leads_to(&self, url: &Url) -> Result<Url, SourceError> {
        self.upstream.leads_to(url).await
    }

    async fn chart_folder(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.local.chart_folder(path).await
    }

    async fn file(&self, origin: &Origin, expected: Option<&Digest>) -> Result<FileFacts, SourceError> {
        either!(self, origin, file(origin, expected))
    }
}

impl BlobSource for Both {
    async fn open(&self, origin: &Origin, want: &Descriptor, offset: u64) -> Result<ByteStream, SourceError> {
        either!(self, origin, open(origin, want, offset))
    }
}

/// Fetches a pin as a packer would, and checks every byte.
async fn fetch(both: &Both, artifact: &Artifact, pin: &Pin) {
    let mut verifier = Verifier::new(pin.digest, pin.size);
    if let Some(text) = artifact.inline.get(&pin.digest) {
        verifier.update(text.as_bytes()).unwrap();
    } else {
        let origin = origin(pin.source.as_ref().unwrap_or(&artifact.source), Path::new(""));
        let opened = both.open(&origin, &pin.descriptor(), 0).await;
        let mut stream = opened.unwrap_or_else(|error| panic!("{}: {pin:?}: {error}", artifact.reference));
        while let Some(chunk) = stream.try_next().await.unwrap() {
            verifier.update(&chunk).unwrap();
        }
    }
    verifier.finish().unwrap();
}

async fn upstream() -> FakeUpstream {
    let mut content = testkit::Upstream::new();
    let app = testkit::multi_arch("app", &["linux/amd64", "linux/arm64", "linux/s390x"]);
    content.push("acme/app", "1.0", &app);
    content.push_untagged(
        "acme/app",
        &testkit::artifact("application/spdx+json", "sbom", Some(&app.descriptor())),
    );
    let signature = testkit::cosign_signature("acme/app", &app.digest());
    content.push(
        "acme/app",
        &format!("{}.sig", app.digest().referrers_tag()),
        &signature,
    );
    content.push("acme/deep/er/nested", "latest", &testkit::nested_index("nested"));
    let charts = ["1.0.0", "1.2.0", "2.0.0"].map(|version| Chart::new("web", version, "acme/app:1.0"));
    content.chart_repository("/charts", &charts);
    content.push(
        "charts/oci",
        "3.1.0",
        &Chart::new("oci", "3.1.0", "acme/app:1.0").as_oci(),
    );
    content.file_tree("/files", &[("tool", b"a tool"), ("other", b"another")]);
    FakeUpstream::start(content, testkit::Options::default())
        .await
        .unwrap()
}

fn folder(path: &Path) {
    let image = testkit::multi_arch("layout", &["linux/amd64", "linux/arm64"]);
    testkit::write_oci_layout(&path.join("images"), &[(Some("tools"), &image)]).unwrap();
    fs::write(
        path.join("images.tar"),
        testkit::oci_archive(&[(Some("quay.io/acme/archived:2"), &image)]),
    )
    .unwrap();
    let layers = [tarball([("hello", b"hello")])];
    let old = testkit::image_with_layers(testkit::Format::Docker, "linux/amd64", &layers);
    fs::write(
        path.join("old.tar"),
        testkit::docker_archive(&["acme/old:1"], &old, &layers),
    )
    .unwrap();
    fs::create_dir_all(path.join("chart/templates")).unwrap();
    fs::write(
        path.join("chart/Chart.yaml"),
        "apiVersion: v2\nname: site\nversion: 0.1.0\n",
    )
    .unwrap();
    fs::write(path.join("chart/templates/x.yaml"), "kind: List\n").unwrap();
    fs::write(path.join("site.conf"), "answer = 42\n").unwrap();
}

const MANIFEST: &str = r#"
apiVersion: airlock.dev/v1
kind: Manifest
metadata: {name: edge, version: 1.0}
platforms: [linux/amd64, linux/arm64]
variables: {host: none}
components:
  - name: images
    images:
      - ${host}/acme/app:1.0
      - {ref: "${host}/acme/deep/er/nested", platforms: [linux/amd64]}
      - oci-layout:./images:tools
      - oci-archive:images.tar
      - {ref: "docker-archive:old.tar", platforms: [linux/amd64]}
  - name: charts
    charts:
      - {name: web, repo: "http://${host}/charts", version: ^1}
      - {oci: "oci://${host}/charts/oci", version: ~3}
      - {path: chart}
    images: {upstream: {docker.io: "${host}"}}
  - name: files
    files:
      - {url: "http://${host}/files/tool", checksums: SHA256SUMS, path: bin/tool, mode: "0755"}
      - {url: "http://${host}/files/other"}
      - {path: site.conf}
"#;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one world, looked at from all sides")]
async fn everything_pinned_can_be_fetched_and_is_right() {
    let server = upstream().await;
    let disk = tempfile::tempdir().unwrap();
    folder(disk.path());
    let config = Config {
        retry_delay: Duration::from_millis(1),
        ..Config::default()
    };
    let both = Both {
        upstream: Upstream::new(
            config,
            Credentials::new(Vec::new(), Arc::new(NoHelpers)),
            Arc::new(Silent),
        )
        .unwrap(),
        local: Local::new(disk.path()),
    };
    let inputs = Inputs {
        variables: [("host".to_owned(), server.host())].into(),
        ..Inputs::default()
    };
    let manifest = load(Path::new("airlock.yaml"), &inputs, &mut |_| {
        Ok(MANIFEST.to_owned())
    })
    .unwrap_or_else(|errors| panic!("{}", errors.render()));
    let options = Options::default();
    let lock = resolve(&manifest, None, &Update::None, &options, &both, &Silent)
        .await
        .unwrap_or_else(|errors| {
            panic!(
                "{:#?}",
                errors
                    .failures
                    .iter()
                    .map(|failure| format!("{failure}: {}", failure.cause))
                    .collect::<Vec<_>>()
            )
        });
    assert_eq!(Lock::from_bytes(&lock.to_bytes()).unwrap(), lock);
    for artifact in &lock.artifacts {
        for pin in artifact.pins() {
            fetch(&both, artifact, pin).await;
        }
        // The manifests name nothing that is not pinned, but what is left out.
        assert!(
            artifact
                .inline
                .iter()
                .all(|(digest, text)| digest_of(text.as_bytes()) == *digest)
        );
    }
    let host = server.host();
    let references: Vec<String> = lock
        .artifacts
        .iter()
        .map(|artifact| artifact.reference.to_string().replace(&host, "HOST"))
        .collect();
    let mut expected = [
        "HOST/acme/app:1.0",
        "HOST/acme/deep/er/nested:latest",
        "airlock.local/images/images:tools",
        "docker.io/acme/app:1.0",
        "docker.io/acme/old:1",
        "quay.io/acme/archived:2",
        "HOST/charts/oci:3.1.0",
        "HOST/charts/web:1.2.0",
        "airlock.local/charts/site:0.1.0",
        "airlock.local/files/files:1.0",
        "airlock.local/deployments/charts:1.0",
    ];
    expected[..6].sort_unstable();
    let (images, rest) = references.split_at(6);
    assert_eq!(
        (images, rest),
        (
            &expected.map(str::to_owned)[..6],
            &expected.map(str::to_owned)[6..]
        )
    );
    let app = lock
        .artifacts
        .iter()
        .find(|artifact| artifact.reference.to_string().ends_with("acme/app:1.0"))
        .unwrap();
    assert_eq!(
        app.referrers.len(),
        2,
        "the SBOM through the API, the signature behind its tag"
    );
    assert_eq!(app.platforms.len(), 2);
    assert!(
        lock.artifacts
            .iter()
            .filter(|artifact| artifact.kind == Kind::Chart)
            .all(|chart| {
                chart
                    .blobs
                    .iter()
                    .any(|pin| pin.media_type == media_type::HELM_CHART)
                    && chart.blobs.len() == 2
            })
    );

    // The same again, with a lock to start from: nothing moves, and the network is left alone.
    let before = server.log().len();
    let again = resolve(&manifest, Some(&lock), &Update::None, &options, &both, &Silent)
        .await
        .unwrap();
    assert_eq!(again.to_bytes(), lock.to_bytes());
    assert_eq!(server.log().len(), before);
    // And compared with what lies on this disk alone.
    check(&manifest, &lock, &options, &both.local).await.unwrap();
    fs::write(disk.path().join("site.conf"), "answer = 43\n").unwrap();
    assert!(
        check(&manifest, &lock, &options, &Local::new(disk.path()))
            .await
            .is_err()
    );
}
