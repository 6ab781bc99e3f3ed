//! The fields of a manifest, one function for each of its mappings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlock_types::{Digest, Platform, Reference, RepositoryName};
use url::Url;

use super::deploy::{self, Discover, KubernetesRequest};
use super::k3s;
use super::model::{
    ChartRequest, ChartSource, Checksum, Component, FileRequest, FileSource, ImageRequest, ImageSource,
    Metadata, PolicyRule,
};
use super::packages;
use crate::yaml::{Decoder, Fields, Node, Span, Value, below};
use crate::{Channel, secret_in};

/// The fields of every mapping; a test holds them against the JSON Schema.
pub(crate) mod known {
    pub(crate) const MANIFEST: &[&str] = &[
        "apiVersion",
        "kind",
        "metadata",
        "platforms",
        "variables",
        "components",
        "policy",
        "kubernetes",
    ];
    pub(crate) const KUBERNETES: &[&str] = &["version", "apiVersions"];
    pub(crate) const METADATA: &[&str] = &["name", "version", "channel", "sequence"];
    pub(crate) const COMPONENT: &[&str] = &[
        "name",
        "when",
        "import",
        "images",
        "charts",
        "manifests",
        "files",
        "k3s",
        "packages",
    ];
    pub(crate) const IMAGES: &[&str] = &["add", "ignore", "confirm", "upstream"];
    pub(crate) const IGNORE: &[&str] = &["match", "gap", "reason"];
    pub(crate) const IMAGE: &[&str] = &["ref", "platforms"];
    pub(crate) const CHART: &[&str] = &[
        "name",
        "repo",
        "oci",
        "path",
        "version",
        "release",
        "values",
        "namespace",
        "discover",
    ];
    pub(crate) const DISCOVER: &[&str] = &["values", "toggles"];
    pub(crate) const FILE: &[&str] = &["url", "path", "to", "sha256", "checksums", "mode"];
    pub(crate) const PUBLISHED: &[&str] = &["url"];
    pub(crate) const K3S: &[&str] = &[
        "version", "channel", "selinux", "images", "upgrade", "releases", "channels",
    ];
    pub(crate) const SELINUX: &[&str] = &["distro", "url", "sha256"];
    pub(crate) const UPGRADE: &[&str] = &["image", "manifests", "images"];
    pub(crate) const UPGRADE_MANIFEST: &[&str] = &["url", "sha256", "checksums"];
    pub(crate) const PACKAGES: &[&str] = &[
        "distro",
        "names",
        "architectures",
        "recommends",
        "target",
        "pins",
        "base",
        "repos",
        "keyrings",
        "allow",
    ];
    pub(crate) const PACKAGE_PIN: &[&str] = &["package", "pin", "priority"];
    pub(crate) const PACKAGE_BASE: &[&str] = &["status", "installed"];
    pub(crate) const PACKAGE_REPOSITORY: &[&str] = &[
        "uri",
        "suites",
        "components",
        "signed-by",
        "sources",
        "id",
        "baseurl",
        "gpgkey",
    ];
    pub(crate) const POLICY: &[&str] = &["require"];
    pub(crate) const REQUIRE: &[&str] = &["match", "key"];
}

/// What one file says, its imports not yet followed.
pub(crate) struct FileContent {
    pub(crate) metadata: Option<Metadata>,
    pub(crate) platforms: Vec<Platform>,
    pub(crate) components: Vec<Entry>,
    pub(crate) policy: Vec<PolicyRule>,
    pub(crate) kubernetes: Option<KubernetesRequest>,
}

/// One entry of `components`.
pub(crate) enum Entry {
    Component(Box<Component>),
    Import { name: String, path: String, span: Span },
}

/// Reads a file to which variables have been applied. `wanted` decides the conditions.
pub(crate) fn file(
    decoder: &mut Decoder<'_>,
    root: &Node,
    base: &Path,
    wanted: &mut dyn FnMut(&mut Decoder<'_>, &Node) -> bool,
) -> Option<FileContent> {
    let fields = decoder.fields(root, "the manifest", known::MANIFEST)?;
    if let Some(node) = decoder.required(&fields, "apiVersion", "airlock.dev/v1") {
        decoder.word(node, "apiVersion", &["airlock.dev/v1"]);
    }
    if let Some(node) = decoder.required(&fields, "kind", "Manifest") {
        decoder.word(node, "kind", &["Manifest"]);
    }
    let metadata = decoder
        .required(&fields, "metadata", "{name: edge-site, version: 2026.11.0}")
        .and_then(|node| self::metadata(decoder, node));
    let platforms = decoder
        .required(&fields, "platforms", "[linux/amd64]")
        .map(|node| self::platforms(decoder, node))
        .unwrap_or_default();
    let mut components = Vec::new();
    if let Some(node) = decoder.required(&fields, "components", "[{name: tools, images: [busybox]}]") {
        let mut seen = BTreeMap::new();
        for item in decoder.list(node) {
            components.extend(component(decoder, item, base, &mut seen, wanted));
        }
    }
    let policy = fields
        .get("policy")
        .map(|node| self::policy(decoder, node, base))
        .unwrap_or_default();
    let kubernetes = fields
        .get("kubernetes")
        .and_then(|node| deploy::kubernetes(decoder, node));
    Some(FileContent {
        metadata,
        platforms,
        components,
        policy,
        kubernetes,
    })
}

fn metadata(decoder: &mut Decoder<'_>, node: &Node) -> Option<Metadata> {
    let fields = decoder.fields(node, "metadata", known::METADATA)?;
    let name = decoder
        .required(&fields, "name", "edge-site")
        .and_then(|node| decoder.parse(node));
    let version = decoder
        .required(&fields, "version", "2026.11.0")
        .and_then(|node| decoder.parse(node));
    let channel = match fields.get("channel") {
        Some(node) => decoder.parse(node)?,
        None => Channel::default(),
    };
    let sequence = match fields.get("sequence") {
        Some(node) => {
            let text = decoder.text(node)?;
            let Ok(sequence) = text.parse() else {
                decoder.problem(node.span, format!("a sequence is a whole number: {text:?}"));
                return None;
            };
            sequence
        }
        None => 0,
    };
    Some(Metadata {
        name: name?,
        version: version?,
        channel,
        sequence,
    })
}

fn platforms(decoder: &mut Decoder<'_>, node: &Node) -> Vec<Platform> {
    let mut out = Vec::new();
    let items = decoder.list(node);
    if items.is_empty() && matches!(node.value, Value::List(_)) {
        decoder.problem(node.span, "the list of platforms is empty");
    }
    for item in items {
        if let Some(platform) = decoder.parse::<Platform>(item)
            && !out.contains(&platform)
        {
            out.push(platform);
        }
    }
    out
}

fn component(
    decoder: &mut Decoder<'_>,
    node: &Node,
    base: &Path,
    seen: &mut BTreeMap<String, usize>,
    wanted: &mut dyn FnMut(&mut Decoder<'_>, &Node) -> bool,
) -> Option<Entry> {
    let before = decoder.problems.len();
    let fields = decoder.fields(node, "the component", known::COMPONENT)?;
    let name_node = decoder.required(&fields, "name", "monitoring")?;
    let name = decoder.text(name_node)?.to_owned();
    // The name becomes a part of references, so it has their grammar.
    if name.contains('/') || name.parse::<RepositoryName>().is_err() {
        decoder.problem(
            name_node.span,
            format!(
                "a component's name is lower-case letters and digits with '-', '.' or '_' between: {name:?}"
            ),
        );
    }
    if let Some(line) = seen.insert(name.clone(), name_node.span.line) {
        decoder
            .problem(name_node.span, format!("two components are called `{name}`"))
            .label = Some(format!("the first one is on line {line}"));
    }
    let wanted = fields.get("when").is_none_or(|node| wanted(decoder, node));
    let entry = if let Some(import) = fields.get("import") {
        for other in ["images", "charts", "manifests", "files", "k3s", "packages"] {
            if fields.get(other).is_some() {
                decoder
                    .problem(
                        fields.key_span(other),
                        format!("a component with `import` holds no `{other}`"),
                    )
                    .help = Some("write a component of its own for it".to_owned());
            }
        }
        Entry::Import {
            name,
            path: decoder.text(import)?.to_owned(),
            span: import.span,
        }
    } else {
        {
            let component = content(decoder, &fields, name, name_node.span, base);
            if component.is_empty() && decoder.problems.len() == before {
                decoder
                    .problem(
                        name_node.span,
                        format!("the component holds nothing: `{}`", component.name),
                    )
                    .help =
                    Some("give it images, charts, manifests, files, k3s, packages or import".to_owned());
            }
            Entry::Component(Box::new(component))
        }
    };
    wanted.then_some(entry)
}

fn content(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    name: String,
    span: Span,
    base: &Path,
) -> Component {
    let mut items = |field: &str| match fields.get(field) {
        Some(node) => decoder.list(node),
        None => &[],
    };
    let (charts, manifests, files, packages) = (
        items("charts"),
        items("manifests"),
        items("files"),
        items("packages"),
    );
    let (images, decisions) = match fields.get("images") {
        Some(node) => deploy::images(decoder, node, base),
        None => Default::default(),
    };
    let manifests = deploy::manifests(decoder, manifests, base);
    let charts = charts
        .iter()
        .filter_map(|node| chart(decoder, node, base))
        .collect();
    let files = self::files(decoder, files, base);
    let packages = packages
        .iter()
        .filter_map(|node| packages::packages(decoder, node, base))
        .collect();
    let k3s = fields.get("k3s").and_then(|node| k3s::k3s(decoder, node));
    Component {
        name,
        images,
        decisions,
        charts,
        manifests,
        files,
        k3s,
        packages,
        place: decoder.place(span),
    }
}

pub(crate) fn image(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<ImageRequest> {
    let (name_node, platforms) = match &node.value {
        Value::Map(_) => {
            let fields = decoder.fields(node, "the image", known::IMAGE)?;
            let platforms = fields.get("platforms").map(|node| platforms(decoder, node));
            (
                decoder.required(&fields, "ref", "docker.io/library/busybox:1.36")?,
                platforms.unwrap_or_default(),
            )
        }
        _ => (node, Vec::new()),
    };
    let text = decoder.text(name_node)?;
    let local = |rest: &str| {
        let (path, image) = match rest.split_once(':') {
            Some((path, image)) => (path, Some(image.to_owned()).filter(|image| !image.is_empty())),
            None => (rest, None),
        };
        (below(base, Path::new(path)), image)
    };
    let source = if let Some(rest) = text.strip_prefix("oci-layout:") {
        let (path, image) = local(rest);
        ImageSource::OciLayout { path, image }
    } else if let Some(rest) = text.strip_prefix("oci-archive:") {
        let (path, image) = local(rest);
        ImageSource::OciArchive { path, image }
    } else if let Some(rest) = text.strip_prefix("docker-archive:") {
        let (path, image) = local(rest);
        ImageSource::DockerArchive { path, image }
    } else {
        ImageSource::Registry {
            reference: reference(decoder, name_node)?.with_default_tag(),
        }
    };
    Some(ImageRequest {
        name: text.to_owned(),
        source,
        platforms,
        place: decoder.place(name_node.span),
    })
}

pub(crate) fn reference(decoder: &mut Decoder<'_>, node: &Node) -> Option<Reference> {
    let text = decoder.text(node)?;
    let found = decoder.parse::<Reference>(node);
    if found.is_none()
        && let Some(problem) = decoder.problems.last_mut()
    {
        if text.contains("://") && text.contains('@') && !secret_part(text).is_empty() {
            "an image is named without scheme and credentials".clone_into(&mut problem.message);
            problem.mask(secret_part(text));
        } else if let Some((scheme, rest)) = text.split_once("://") {
            problem.help = Some(format!("leave out `{scheme}://` and write {rest}"));
        } else {
            "for example docker.io/library/busybox:1.36, oci-layout:PATH, oci-archive:PATH or docker-archive:PATH"
                .clone_into(problem.help.get_or_insert_default());
        }
    }
    found
}

pub(crate) fn address(decoder: &mut Decoder<'_>, node: &Node) -> Option<Url> {
    let text = decoder.text(node)?;
    checked_url(decoder, node.span, Url::parse(text), text)
}

fn checked_url(
    decoder: &mut Decoder<'_>,
    span: Span,
    parsed: Result<Url, url::ParseError>,
    text: &str,
) -> Option<Url> {
    let secret = secret_part(text);
    // What is no address may still hold a password.
    let shown = if secret.is_empty() {
        format!(": {text:?}")
    } else {
        String::new()
    };
    let mut help = None;
    let message = match parsed {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            format!("an address starts with https:// or http://{shown}")
        }
        Ok(url) => match secret_in(&url) {
            Some(found) => {
                help = Some(found.hint().to_owned());
                format!("{found} do not belong into a manifest")
            }
            None => return Some(url),
        },
        Err(error) => format!("this is not an address ({error}){shown}"),
    };
    let problem = decoder.problem(span, message);
    problem.help = help;
    problem.mask(secret);
    None
}

/// Everything of an address that may be secret: what stands before the host, else the query.
fn secret_part(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    match (rest.rsplit_once('@'), rest.split_once('?')) {
        (Some((secret, _)), _) => secret,
        (None, Some((_, query))) => query,
        (None, None) => "",
    }
}

pub(crate) fn path(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<PathBuf> {
    decoder.text(node).map(|text| below(base, Path::new(text)))
}

fn chart(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<ChartRequest> {
    let fields = decoder.fields(node, "the chart", known::CHART)?;
    let given = |name: &str| fields.get(name).is_some();
    let places = ["repo", "oci", "path"];
    if places.iter().filter(|name| given(name)).count() != 1 {
        let message = "a chart needs one of `repo`, `oci` and `path`";
        let second = places.iter().filter(|name| given(name)).nth(1);
        let span = second.map_or(node.start(), |name| fields.key_span(name));
        decoder.problem(span, message).help = Some(
            "for example {name: app, repo: \"https://charts.example.org\", version: \"~1.2\"}".to_owned(),
        );
        return None;
    }
    let version = fields
        .get("version")
        .and_then(|node| decoder.text(node))
        .map(str::to_owned);
    let name = fields
        .get("name")
        .and_then(|node| decoder.text(node))
        .map(str::to_owned);
    let source = if let Some(repo) = fields.get("repo") {
        let repo = address(decoder, repo);
        decoder.required(&fields, "name", "kube-prometheus-stack")?;
        ChartSource::Repository {
            repo: repo?,
            name: name?,
            version,
        }
    } else if let Some(oci) = fields.get("oci") {
        let text = decoder.text(oci)?;
        let Ok(reference) = text.strip_prefix("oci://").unwrap_or(text).parse::<Reference>() else {
            decoder
                .problem(
                    oci.span,
                    format!("this is not the address of a chart in a registry: {text:?}"),
                )
                .help = Some("for example oci://registry.example/charts/app".to_owned());
            return None;
        };
        let last = reference
            .repository
            .name
            .as_str()
            .rsplit('/')
            .next()
            .unwrap_or_default();
        if name.as_deref().is_some_and(|name| name != last) {
            decoder.problem(
                fields.key_span("name"),
                format!("the chart's name is the last part of its address, `{last}`"),
            );
        }
        if version.is_some() && (reference.tag.is_some() || reference.digest.is_some()) {
            decoder.problem(
                fields.key_span("version"),
                "the version is in the address already",
            );
        }
        ChartSource::Oci { reference, version }
    } else {
        for field in ["name", "version"] {
            if given(field) {
                let message = format!("a chart folder has its {field} in its Chart.yaml");
                decoder.problem(fields.key_span(field), message);
            }
        }
        ChartSource::Folder {
            path: path(decoder, fields.get("path")?, base)?,
        }
    };
    let values = decoder.texts(fields.get("values"));
    let discover = match fields.get("discover") {
        Some(node) => deploy::discover(decoder, node, base)?,
        None => Discover::default(),
    };
    let release = match fields.get("release") {
        Some(node) => Some(decoder.release(node)?),
        None => None,
    };
    Some(ChartRequest {
        source,
        release,
        discover,
        values: values.iter().map(|text| below(base, Path::new(text))).collect(),
        namespace: fields
            .get("namespace")
            .and_then(|node| decoder.text(node))
            .map(str::to_owned),
        place: decoder.place(node.start()),
    })
}

fn files(decoder: &mut Decoder<'_>, items: &[Node], base: &Path) -> Vec<FileRequest> {
    let mut seen = BTreeMap::new();
    let mut out = Vec::new();
    for node in items {
        let Some(request) = file_request(decoder, node, base) else {
            continue;
        };
        if let Some(line) = seen.insert(request.path.clone(), request.place.line) {
            decoder
                .problem(
                    node.start(),
                    format!("two files of the component are served as `{}`", request.path),
                )
                .label = Some(format!("the first one is on line {line}"));
        }
        out.push(request);
    }
    out
}

fn file_request(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<FileRequest> {
    let fields = decoder.fields(node, "the file", known::FILE)?;
    let to = fields
        .get("to")
        .and_then(|node| Some((decoder.text(node)?, node.span)));
    let path_node = fields.get("path");
    let (source, target, span) = if let Some(url_node) = fields.get("url") {
        let url = address(decoder, url_node)?;
        if to.is_some() {
            decoder.problem(
                fields.key_span("to"),
                "a file with `url` says with `path` where it is served",
            );
        }
        let (target, span) = if let Some(node) = path_node {
            (decoder.text(node)?.to_owned(), node.span)
        } else {
            let last = url.path_segments().and_then(|mut segments| segments.next_back());
            (last.unwrap_or_default().to_owned(), url_node.span)
        };
        (FileSource::Url { url }, target, span)
    } else {
        let Some(node) = path_node else {
            decoder.problem(node.start(), "a file needs `url` or `path`").help =
                Some("for example {path: ./site.conf} or {url: \"https://example.org/kubectl\", path: bin/kubectl}".to_owned());
            return None;
        };
        let local = path(decoder, node, base)?;
        let (target, span) = match to {
            Some((text, span)) => (text.to_owned(), span),
            None => (
                local
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                node.span,
            ),
        };
        (FileSource::Path { path: local }, target, span)
    };
    let plain = !target.contains(['\\', ':'])
        && !target.chars().any(char::is_control)
        && target.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !plain {
        decoder.problem(
            span,
            format!("the path that it is served under must be plain and relative: {target:?}"),
        );
    }
    let mode = fields
        .get("mode")
        .map_or(Some(0o644), |node| mode(decoder, node))?;
    let checksum = checksum(decoder, &fields, &source)?;
    Some(FileRequest {
        source,
        path: target,
        mode,
        checksum,
        place: decoder.place(node.start()),
    })
}

fn mode(decoder: &mut Decoder<'_>, node: &Node) -> Option<u32> {
    let text = decoder.text(node)?;
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o777 && (3..=4).contains(&digits.len()));
    if mode.is_none() {
        decoder.problem(
            node.span,
            format!("a mode is three or four octal digits up to 0777: {text:?}"),
        );
    }
    mode
}

/// What a file must hash to: `sha256` or `checksums`.
pub(crate) fn checksum(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    source: &FileSource,
) -> Option<Checksum> {
    let published = |decoder: &mut Decoder<'_>, node: &Node| {
        let text = decoder.text(node)?;
        // The file of checksums usually lies beside the file: `SHA256SUMS` alone is enough then.
        let parsed = match source {
            FileSource::Url { url } => url.join(text),
            FileSource::Path { .. } => Url::parse(text),
        };
        checked_url(decoder, node.span, parsed, text).map(|url| Checksum::Published { url })
    };
    match (fields.get("sha256"), fields.get("checksums")) {
        (Some(_), Some(_)) => {
            decoder.problem(
                fields.key_span("checksums"),
                "`sha256` and `checksums` are both given",
            );
            None
        }
        (None, None) => Some(Checksum::Unknown),
        (None, Some(node)) => published(decoder, node),
        (Some(node), None) if matches!(node.value, Value::Map(_)) => {
            let inner = decoder.fields(node, "sha256", known::PUBLISHED)?;
            let node = decoder.required(&inner, "url", "https://example.org/SHA256SUMS")?;
            published(decoder, node)
        }
        (Some(node), None) => {
            let text = decoder.text(node)?;
            let hex = text.strip_prefix("sha256:").unwrap_or(text);
            match format!("sha256:{hex}").parse::<Digest>() {
                Ok(digest) => Some(Checksum::Sha256 { digest }),
                Err(error) => {
                    decoder.problem(node.span, error.to_string());
                    None
                }
            }
        }
    }
}

fn policy(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Vec<PolicyRule> {
    let mut out = Vec::new();
    let Some(fields) = decoder.fields(node, "policy", known::POLICY) else {
        return out;
    };
    for node in fields
        .get("require")
        .map(|node| decoder.list(node))
        .unwrap_or_default()
    {
        let Some(fields) = decoder.fields(node, "the rule", known::REQUIRE) else {
            continue;
        };
        let pattern = decoder
            .required(&fields, "match", "\"docker.io/acme/*\"")
            .and_then(|node| decoder.text(node));
        let key = decoder
            .required(&fields, "key", "keys/acme.pub")
            .and_then(|node| path(decoder, node, base));
        if let (Some(pattern), Some(key)) = (pattern, key) {
            out.push(PolicyRule {
                pattern: pattern.to_owned(),
                key,
                place: decoder.place(node.start()),
            });
        }
    }
    out
}
