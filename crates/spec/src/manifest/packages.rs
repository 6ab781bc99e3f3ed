//! `packages`: OS packages, as they are wanted.

use std::path::{Path, PathBuf};

use serde::Serialize;
use url::Url;

use super::read::{address, known, path};
use crate::yaml::Place;
use crate::yaml::{Decoder, Fields};
use crate::yaml::{Node, Value};

/// An entry of `packages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackagesRequest {
    /// The distribution, `debian-12`.
    pub distro: String,
    /// The packages wanted: `nginx`, `nginx=1.22.1-9`, `nginx/bookworm-backports`, `curl:arm64`, `task^`.
    pub names: Vec<String>,
    /// The distribution's names of the architectures; empty stands for those of the manifest's platforms.
    pub architectures: Vec<String>,
    /// Whether packages that are only recommended come along, as they do by default with apt.
    pub recommends: bool,
    /// The release whose packages are preferred, as apt's `--target-release`.
    pub target: Option<String>,
    /// Which versions are preferred, as in apt's preferences.
    pub pins: Vec<PackagePin>,
    /// What the nodes already have.
    pub base: PackageBase,
    /// Where packages come from; empty stands for the builder's own configuration, if it is the same distribution.
    pub repos: Vec<PackageRepository>,
    /// OpenPGP keys that are trusted to sign repositories which name none.
    pub keyrings: Vec<PathBuf>,
    /// What is otherwise refused.
    pub allow: Vec<PackageException>,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// An entry of `packages[].pins`: a paragraph of apt's preferences (apt_preferences(5)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackagePin {
    /// The packages it is about, with `*`.
    pub package: String,
    /// Which versions: `release n=bookworm-backports`, `version 1.2*`, `origin example.org`.
    pub pin: String,
    /// How much they are preferred; below 0 never.
    pub priority: i32,
}

/// What a node already has before packages are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum PackageBase {
    /// Nothing at all: everything comes along.
    Empty,
    /// The distribution's minimal installation.
    Minimal,
    /// A `dpkg` status file of a node.
    Status {
        /// The file.
        path: PathBuf,
    },
    /// A list of installed packages.
    Installed {
        /// The file.
        path: PathBuf,
    },
}

/// An entry of `packages[].repos`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum PackageRepository {
    /// A repository for apt.
    Apt {
        /// Its address; below it are `dists` and `pool`.
        uri: Url,
        /// Its suites: `bookworm`, `bookworm-updates`; one that ends with `/` is a folder without components.
        suites: Vec<String>,
        /// The components: `main`.
        components: Vec<String>,
        /// The OpenPGP keys that may sign it.
        #[serde(rename = "signedBy")]
        signed_by: Option<PathBuf>,
    },
    /// A file as in `/etc/apt/sources.list.d` (sources.list(5)).
    Sources {
        /// The file.
        path: PathBuf,
    },
    /// A repository for dnf.
    Yum {
        /// Its name.
        id: String,
        /// Its address.
        baseurl: Url,
        /// The OpenPGP key that signs it.
        gpgkey: Option<PathBuf>,
    },
}

/// What is refused unless it is named in `packages[].allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageException {
    /// A release file whose `Valid-Until` is over.
    ExpiredRelease,
    /// Signatures and checksums by algorithms that are broken.
    WeakDigest,
    /// Keys that are too short.
    WeakKey,
}

const EXCEPTIONS: [(&str, PackageException); 3] = [
    ("expired-release", PackageException::ExpiredRelease),
    ("weak-digest", PackageException::WeakDigest),
    ("weak-key", PackageException::WeakKey),
];

/// Reads an entry of `packages`.
pub(crate) fn packages(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<PackagesRequest> {
    let fields = decoder.fields(node, "packages", known::PACKAGES)?;
    let distro = decoder
        .required(&fields, "distro", "debian-12")
        .and_then(|node| decoder.text(node));
    let names = decoder.required(&fields, "names", "[chrony]");
    let names = decoder.texts(names);
    let items = |name: &str| match fields.get(name).map(|node| (node, &node.value)) {
        Some((_, Value::List(items))) => items.iter().collect(),
        Some((node, _)) => vec![node],
        None => Vec::new(),
    };
    let repos = items("repos")
        .into_iter()
        .filter_map(|node| repository(decoder, node, base))
        .collect();
    let pins = items("pins")
        .into_iter()
        .filter_map(|node| pin(decoder, node))
        .collect();
    let keyrings = items("keyrings")
        .into_iter()
        .filter_map(|node| path(decoder, node, base))
        .collect();
    let allow = items("allow")
        .into_iter()
        .filter_map(|node| {
            let word = decoder.word(node, "exception", &EXCEPTIONS.map(|(word, _)| word))?;
            EXCEPTIONS
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, exception)| *exception)
        })
        .collect();
    let recommends = match fields.get("recommends") {
        None => true,
        Some(node) => decoder.word(node, "value of recommends", &["true", "false"])? == "true",
    };
    let target = fields.get("target").and_then(|node| decoder.text(node));
    Some(PackagesRequest {
        distro: distro?.to_owned(),
        names,
        architectures: decoder.texts(fields.get("architectures")),
        recommends,
        target: target.map(str::to_owned),
        pins,
        base: installed(decoder, &fields, base)?,
        repos,
        keyrings,
        allow,
        place: decoder.place(node.start()),
    })
}

fn installed(decoder: &mut Decoder<'_>, fields: &Fields<'_>, folder: &Path) -> Option<PackageBase> {
    let Some(node) = fields.get("base") else {
        return Some(PackageBase::Minimal);
    };
    if !matches!(node.value, Value::Map(_)) {
        return Some(match decoder.word(node, "base", &["minimal", "empty"])? {
            "empty" => PackageBase::Empty,
            _ => PackageBase::Minimal,
        });
    }
    let fields = decoder.fields(node, "base", known::PACKAGE_BASE)?;
    match (fields.get("status"), fields.get("installed")) {
        (Some(file), None) => Some(PackageBase::Status {
            path: path(decoder, file, folder)?,
        }),
        (None, Some(file)) => Some(PackageBase::Installed {
            path: path(decoder, file, folder)?,
        }),
        _ => {
            decoder.problem(node.start(), "base needs either `status` or `installed`");
            None
        }
    }
}

fn repository(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<PackageRepository> {
    let fields = decoder.fields(node, "the repository", known::PACKAGE_REPOSITORY)?;
    let kinds = ["uri", "sources", "baseurl"];
    let given: Vec<&str> = kinds
        .into_iter()
        .filter(|name| fields.get(name).is_some())
        .collect();
    let belongs: &[&str] = match given[..] {
        ["uri"] => &["uri", "suites", "components", "signed-by"],
        ["sources"] => &["sources"],
        ["baseurl"] => &["baseurl", "id", "gpgkey"],
        _ => {
            let span = given.get(1).map_or(node.start(), |name| fields.key_span(name));
            decoder
                .problem(span, "a repository needs one of `uri`, `sources` and `baseurl`")
                .help = Some(
                "for example {uri: \"https://deb.example.org/debian\", suites: [bookworm], components: [main]}"
                    .to_owned(),
            );
            return None;
        }
    };
    for name in known::PACKAGE_REPOSITORY {
        if fields.get(name).is_some() && !belongs.contains(name) {
            decoder.problem(
                fields.key_span(name),
                format!("`{name}` does not go with `{}`", given[0]),
            );
        }
    }
    match given[0] {
        "uri" => {
            let uri = fields.get("uri").and_then(|node| address(decoder, node));
            let suites = decoder.required(&fields, "suites", "[bookworm]");
            let suites = decoder.texts(suites);
            let components = decoder.texts(fields.get("components"));
            let flat = suites.iter().filter(|suite| suite.ends_with('/')).count();
            if flat != 0 && flat != suites.len() || (flat == 0) == components.is_empty() {
                decoder.problem(
                    fields.key_span("suites"),
                    "suites that end with `/` have no components, all others need them",
                );
                return None;
            }
            let signed_by = fields.get("signed-by").and_then(|node| path(decoder, node, base));
            Some(PackageRepository::Apt {
                uri: uri?,
                suites,
                components,
                signed_by,
            })
        }
        "sources" => {
            let path = fields.get("sources").and_then(|node| path(decoder, node, base))?;
            Some(PackageRepository::Sources { path })
        }
        _ => {
            let id = decoder
                .required(&fields, "id", "baseos")
                .and_then(|node| decoder.text(node));
            let baseurl = fields.get("baseurl").and_then(|node| address(decoder, node));
            let gpgkey = fields.get("gpgkey").and_then(|node| path(decoder, node, base));
            Some(PackageRepository::Yum {
                id: id?.to_owned(),
                baseurl: baseurl?,
                gpgkey,
            })
        }
    }
}

fn pin(decoder: &mut Decoder<'_>, node: &Node) -> Option<PackagePin> {
    let fields = decoder.fields(node, "the pin", known::PACKAGE_PIN)?;
    let package = decoder
        .required(&fields, "package", "\"nginx*\"")
        .and_then(|node| decoder.text(node));
    let pin = decoder
        .required(&fields, "pin", "release n=bookworm-backports")
        .and_then(|node| decoder.text(node));
    let priority = decoder
        .required(&fields, "priority", "700")
        .and_then(|node| decoder.parse(node));
    Some(PackagePin {
        package: package?.to_owned(),
        pin: pin?.to_owned(),
        priority: priority?,
    })
}
