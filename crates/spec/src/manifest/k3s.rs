//! `k3s`: a release of k3s, and what comes along with it.

use std::collections::BTreeMap;

use airlock_types::{Digest, Reference, Repository};
use serde::Serialize;
use url::Url;

use super::model::{Checksum, FileSource};
use super::read::{address, checksum, known, reference};
use crate::k3s::{CHANNELS, RELEASES, UPGRADE_IMAGE, is_release};
use crate::yaml::{Decoder, Fields, Node, Place, Value};

/// `k3s`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct K3sRequest {
    /// A release, `v1.34.5+k3s1`.
    pub version: Option<String>,
    /// A release channel, `stable`, when no version is given.
    pub channel: Option<String>,
    /// How its own images are carried.
    pub images: ImageForm,
    /// The SELinux policy packages, with what they need.
    pub selinux: Vec<SelinuxPackage>,
    /// What upgrades by the system-upgrade-controller need.
    pub upgrade: Option<UpgradeRequest>,
    /// The address that releases are below.
    pub releases: Url,
    /// The address that channels are below.
    pub channels: Url,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// How the images of a release are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageForm {
    /// Each by itself, so that it is there once whoever else needs it, and is served as any other.
    #[default]
    Each,
    /// As upstream's archives, one for each architecture.
    Archive,
    /// In both ways.
    Both,
}

impl ImageForm {
    /// Whether they are artifacts of their own.
    pub const fn is_each(self) -> bool {
        matches!(self, Self::Each | Self::Both)
    }

    /// Whether upstream's archives are carried.
    pub const fn is_archive(self) -> bool {
        matches!(self, Self::Archive | Self::Both)
    }
}

/// An entry of `k3s.selinux`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SelinuxPackage {
    /// The distribution, `el9`.
    pub distro: String,
    /// The address of the package.
    pub url: Url,
    /// What it must hash to.
    pub sha256: Digest,
}

/// `k3s.upgrade`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeRequest {
    /// Where the image is that replaces the binary on a node; its tag is the release.
    pub image: Repository,
    /// The manifests of the controller.
    pub manifests: Vec<UpgradeManifest>,
    /// Images of the controller besides those in its manifests.
    pub images: Vec<Reference>,
}

/// An entry of `k3s.upgrade.manifests`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeManifest {
    /// Its address.
    pub url: Url,
    /// What it must hash to.
    pub checksum: Checksum,
}

/// The distributions that k3s publishes policies for.
const DISTROS: [&str; 5] = ["el8", "el9", "el10", "sle", "coreos"];
/// What the packages of policies look like in a manifest.
const SELINUX: &str =
    "for example {distro: el9, url: \"https://example.org/k3s-selinux-1.6-1.el9.noarch.rpm\", sha256: …}";

/// Reads `k3s`.
pub(crate) fn k3s(decoder: &mut Decoder<'_>, node: &Node) -> Option<K3sRequest> {
    let fields = decoder.fields(node, "k3s", known::K3S)?;
    let version = fields.get("version").map(|node| release(decoder, node));
    let channel = fields.get("channel").map(|node| word(decoder, node));
    if version.is_some() == channel.is_some() {
        let span = if version.is_some() {
            fields.key_span("channel")
        } else {
            node.start()
        };
        decoder
            .problem(span, "k3s needs either `version` or `channel`")
            .help = Some("for example {version: v1.34.5+k3s1}, or {channel: stable}".to_owned());
        return None;
    }
    let images = match fields.get("images") {
        None => ImageForm::Each,
        Some(node) => match decoder.word(node, "form of images", &["each", "archive", "both"])? {
            "archive" => ImageForm::Archive,
            "both" => ImageForm::Both,
            _ => ImageForm::Each,
        },
    };
    let selinux = selinux(decoder, &fields);
    let upgrade = fields.get("upgrade").and_then(|node| upgrade(decoder, node));
    let mut base = |name: &str, default: &str| match fields.get(name) {
        Some(node) => address(decoder, node),
        None => Url::parse(default).ok(),
    };
    let (releases, channels) = (base("releases", RELEASES), base("channels", CHANNELS));
    Some(K3sRequest {
        version: match version {
            Some(version) => Some(version?),
            None => None,
        },
        channel: match channel {
            Some(channel) => Some(channel?),
            None => None,
        },
        images,
        selinux,
        upgrade,
        releases: releases?,
        channels: channels?,
        place: decoder.place(node.start()),
    })
}

fn release(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = decoder.text(node)?;
    if is_release(text) {
        return Some(text.to_owned());
    }
    let problem = decoder.problem(node.span, format!("this is not a release of k3s: {text:?}"));
    let meant = format!("v{}", text.trim_start_matches('v'));
    let meant = [
        meant.clone(),
        meant.replace("-k3s", "+k3s"),
        format!("{meant}+k3s1"),
    ];
    problem.label = meant
        .iter()
        .find(|meant| is_release(meant))
        .map(|meant| format!("did you mean `{meant}`?"));
    problem.help = Some("for example v1.34.5+k3s1; `channel: stable` takes the newest stable one".to_owned());
    None
}

/// A name that stands in an address as it is.
fn word(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = decoder.text(node)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.chars().all(plain) && !text.starts_with('.') {
        return Some(text.to_owned());
    }
    let message = format!("a channel is called with letters, digits, '.', '-' and '_': {text:?}");
    decoder.problem(node.span, message).help = Some("for example stable, latest or v1.34".to_owned());
    None
}

fn selinux(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Vec<SelinuxPackage> {
    let Some(node) = fields.get("selinux") else {
        return Vec::new();
    };
    let mut seen = BTreeMap::new();
    let mut out = Vec::new();
    for item in decoder.list(node) {
        let Some(package) = selinux_package(decoder, item) else {
            continue;
        };
        let file = file_name(&package.url).to_owned();
        let line = seen.insert((package.distro.clone(), file.clone()), item.span.line);
        if let Some(line) = line {
            decoder
                .problem(item.start(), format!("two packages are called `{file}`"))
                .label = Some(format!("the first one is on line {line}"));
        }
        out.push(package);
    }
    out
}

fn selinux_package(decoder: &mut Decoder<'_>, node: &Node) -> Option<SelinuxPackage> {
    if let Value::Text(distro) = &node.value {
        // Policies have versions of their own, so that no address follows from the release.
        let message = format!("the policy package of {distro} needs an address and a checksum");
        decoder.problem(node.span, message).help = Some(SELINUX.to_owned());
        return None;
    }
    let fields = decoder.fields(node, "the policy package", known::SELINUX)?;
    let distro = decoder
        .required(&fields, "distro", "el9")
        .and_then(|node| decoder.word(node, "distribution", &DISTROS));
    let url = decoder
        .required(
            &fields,
            "url",
            "\"https://example.org/k3s-selinux-1.6-1.el9.noarch.rpm\"",
        )
        .and_then(|node| file_address(decoder, node));
    decoder.required(&fields, "sha256", "64 hex digits")?;
    let source = FileSource::Url { url: url.clone()? };
    let Checksum::Sha256 { digest } = checksum(decoder, &fields, &source)? else {
        let span = fields.key_span("sha256");
        decoder.problem(
            span,
            "the checksum of a policy package is written in the manifest",
        );
        return None;
    };
    Some(SelinuxPackage {
        distro: distro?.to_owned(),
        url: url?,
        sha256: digest,
    })
}

fn upgrade(decoder: &mut Decoder<'_>, node: &Node) -> Option<UpgradeRequest> {
    let mut request = UpgradeRequest {
        image: UPGRADE_IMAGE.parse().ok()?,
        manifests: Vec::new(),
        images: Vec::new(),
    };
    if !matches!(node.value, Value::Map(_)) {
        let wanted = decoder.word(node, "value of upgrade", &["true", "false"])? == "true";
        return wanted.then_some(request);
    }
    let fields = decoder.fields(node, "upgrade", known::UPGRADE)?;
    if let Some(node) = fields.get("image") {
        let image = reference(decoder, node)?;
        if image.tag.is_some() || image.digest.is_some() {
            let message = "the image for upgrades is named without a tag, which is that of the release";
            decoder.problem(node.span, message);
        }
        request.image = image.repository;
    }
    if let Some(node) = fields.get("manifests") {
        for item in decoder.list(node) {
            request.manifests.extend(upgrade_manifest(decoder, item));
        }
    }
    if let Some(node) = fields.get("images") {
        for item in decoder.list(node) {
            let image = reference(decoder, item);
            request.images.extend(image.map(Reference::with_default_tag));
        }
    }
    Some(request)
}

fn upgrade_manifest(decoder: &mut Decoder<'_>, node: &Node) -> Option<UpgradeManifest> {
    let fields = decoder.fields(node, "the manifest of the controller", known::UPGRADE_MANIFEST)?;
    let url = decoder
        .required(
            &fields,
            "url",
            "\"https://example.org/system-upgrade-controller.yaml\"",
        )
        .and_then(|node| file_address(decoder, node))?;
    let source = FileSource::Url { url: url.clone() };
    let checksum = checksum(decoder, &fields, &source)?;
    Some(UpgradeManifest { url, checksum })
}

/// An address whose last word is the name of a file.
fn file_address(decoder: &mut Decoder<'_>, node: &Node) -> Option<Url> {
    let url = address(decoder, node)?;
    let name = file_name(&url);
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._+-~".contains(c))
    {
        let message = format!("the address does not end with the plain name of a file: {name:?}");
        decoder.problem(node.span, message);
        return None;
    }
    Some(url)
}

/// The last word of an address.
pub(crate) fn file_name(url: &Url) -> &str {
    url.path_segments()
        .and_then(|mut parts| parts.next_back())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Effective, Inputs, load};
    use super::*;

    fn read(k3s: &str) -> Result<Effective, String> {
        let text = format!(
            "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: edge, version: 1}}\nplatforms: [linux/amd64]\n\
             components:\n  - name: cluster\n    k3s: {k3s}\n"
        );
        let path = Path::new("airlock.yaml");
        load(path, &Inputs::default(), &mut |_| Ok(text.clone())).map_err(|errors| errors.render())
    }

    fn request(k3s: &str) -> K3sRequest {
        let effective = read(k3s).unwrap_or_else(|text| panic!("{text}"));
        effective.components[0].k3s.clone().unwrap()
    }

    #[test]
    fn little_is_enough() {
        let least = request("{version: v1.34.5+k3s1}");
        assert_eq!(least.images, ImageForm::Each);
        assert_eq!(least.releases.as_str(), RELEASES);
        assert!(least.upgrade.is_none() && least.selinux.is_empty());
        assert_eq!(request("{channel: stable}").channel.as_deref(), Some("stable"));
        let upgrade = request("{channel: v1.34, upgrade: true, images: both}");
        assert!(upgrade.images.is_each() && upgrade.images.is_archive());
        let image = upgrade.upgrade.unwrap().image;
        assert_eq!(image.to_string(), "docker.io/rancher/k3s-upgrade");
        assert!(request("{channel: v1.34, upgrade: false}").upgrade.is_none());
    }

    #[test]
    fn everything_is_read() {
        let sum = "ab".repeat(32);
        let all = request(&format!(
            "\n      version: v1.34.5-rc1+k3s2\n      images: archive\n      selinux: [{{distro: el9, url: \"https://example.org/p/k3s-selinux-1.6-1.el9.noarch.rpm\", sha256: {sum}}}]\n      \
             releases: \"https://mirror.example/k3s/\"\n      channels: \"https://mirror.example/channels\"\n      \
             upgrade:\n        image: mirror.example/k3s-upgrade\n        images: [rancher/kubectl:v1.30.3]\n        manifests: [{{url: \"https://example.org/suc.yaml\", checksums: SHA256SUMS}}]"
        ));
        assert_eq!(all.selinux[0].sha256.hex(), sum);
        assert_eq!(all.releases.as_str(), "https://mirror.example/k3s/");
        let upgrade = all.upgrade.unwrap();
        assert_eq!(upgrade.images[0].to_string(), "docker.io/rancher/kubectl:v1.30.3");
        let expected = Checksum::Published {
            url: "https://example.org/SHA256SUMS".parse().unwrap(),
        };
        assert_eq!(upgrade.manifests[0].checksum, expected);
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        for (k3s, expected) in [
            ("{versoin: v1.34.5+k3s1}", "did you mean `version`?"),
            ("{}", "k3s needs either `version` or `channel`"),
            (
                "{version: v1.34.5+k3s1, channel: stable}",
                "k3s needs either `version` or `channel`",
            ),
            ("{version: 1.34.5+k3s1}", "did you mean `v1.34.5+k3s1`?"),
            ("{version: v1.34.5-k3s1}", "did you mean `v1.34.5+k3s1`?"),
            ("{version: v1.34.5}", "did you mean `v1.34.5+k3s1`?"),
            ("{version: v1.34}", "this is not a release of k3s: \"v1.34\""),
            ("{version: ../x}", "this is not a release of k3s"),
            ("{channel: a/b}", "a channel is called with letters"),
            ("{channel: stable, images: eech}", "did you mean `each`?"),
            (
                "{channel: stable, selinux: [el9]}",
                "the policy package of el9 needs an address and a checksum",
            ),
            (
                "{channel: stable, selinux: [{distro: el99, url: \"https://e.org/a.rpm\", sha256: x}]}",
                "unknown distribution `el99`",
            ),
            (
                "{channel: stable, selinux: [{distro: el9, url: \"https://e.org/a.rpm\"}]}",
                "missing field `sha256`",
            ),
            (
                "{channel: stable, selinux: [{distro: el9, url: \"https://e.org/\", sha256: x}]}",
                "the plain name of a file",
            ),
            (
                "{channel: stable, upgrade: yes}",
                "unknown value of upgrade `yes`",
            ),
            (
                "{channel: stable, upgrade: {image: a.example/b:1}}",
                "is named without a tag",
            ),
            (
                "{channel: stable, releases: ftp://x}",
                "an address starts with https://",
            ),
            (
                "{channel: stable, releases: \"https://u:hunter2@e.org/\"}",
                "credentials do not belong into a manifest",
            ),
        ] {
            let text = read(k3s).expect_err(k3s);
            assert!(text.contains(expected), "{k3s}\n{text}");
            assert!(
                text.contains("airlock.yaml:7:") && !text.contains("hunter2"),
                "{text}"
            );
        }
    }
}
