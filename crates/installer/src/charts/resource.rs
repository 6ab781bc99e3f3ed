//! The resources that the helm-controller of k3s reads, and the files that hold them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airlock_spec::site::{ChartSource, FailurePolicy, Mirror, Site};
use airlock_types::json as canonical;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::{
    ChartsError, FileContent, Inputs, MAX_TEXT, NAMESPACE, Release, SPEC, ServerFile, Wanted, name, values,
};

/// The Secret with what the mirror wants to see.
const MIRROR: &str = "airlock-mirror";

/// The files of a release, and what to wait for.
pub(super) fn chart(
    inputs: &Inputs<'_>,
    wanted: &Wanted<'_>,
) -> Result<(Vec<ServerFile>, Release), ChartsError> {
    let chart = wanted.chart;
    name::check_release(&chart.release, &inputs.site.cluster.disable)?;
    let namespace = namespace(inputs.site, wanted)?;
    let mut files = Vec::new();
    let mut spec = json!({
        "targetNamespace": namespace,
        "createNamespace": true,
        "failurePolicy": match wanted.site.map(|site| site.failure_policy).unwrap_or_default() {
            FailurePolicy::Abort => "abort",
            FailurePolicy::Reinstall => "reinstall",
        },
    });
    match wanted.source() {
        ChartSource::Static => {
            let file = archive(wanted);
            spec["chart"] = format!("https://%{{KUBERNETES_API}}%/static/charts/{file}").into();
            files.push(ServerFile {
                path: PathBuf::from("server/static/charts").join(file),
                mode: 0o644,
                secret: false,
                content: FileContent::Blob(chart.archive),
            });
        }
        ChartSource::Registry => from_registry(inputs, wanted, &mut spec)?,
    }
    let mut timeout = None;
    if let Some(site) = wanted.site {
        if let Some(limit) = site.back_off_limit {
            let limit = i32::try_from(limit).map_err(|_| ChartsError::BackOffLimit {
                release: chart.release.clone(),
                limit,
            })?;
            spec["backOffLimit"] = limit.into();
        }
        if let Some(text) = &site.timeout {
            timeout = Some(duration(text).ok_or_else(|| ChartsError::Timeout {
                release: chart.release.clone(),
                timeout: text.clone(),
            })?);
            spec["timeout"] = text.as_str().into();
        }
    }
    let secret = put_values(inputs, wanted, &mut spec)?;
    let too_long = |what, size| ChartsError::TooLong {
        release: chart.release.clone(),
        what,
        size,
        limit: MAX_TEXT,
    };
    // As it is kept: with everything escaped that JSON escapes.
    let size = canonical::to_canonical(&spec).len();
    if size > MAX_TEXT {
        return Err(too_long("the HelmChart", size));
    }
    let spec_digest = name::digest(&canonical::to_canonical(&spec));
    let resource = json!({
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChart",
        "metadata": {
            "name": chart.release,
            "namespace": NAMESPACE,
            "annotations": {SPEC: spec_digest.to_string()},
        },
        "spec": spec,
    });
    let mut text = Vec::new();
    if let Some(secret) = &secret {
        text.extend(values::object(secret));
        text.extend(b"---\n");
    }
    text.extend(values::object(&resource));
    let stem = name::file(&["chart", &chart.release]);
    files.push(manifest_file(&stem, "yaml", text.into(), secret.is_some()));
    let release = Release {
        name: chart.release.clone(),
        namespace,
        spec: spec_digest,
        chart: spec["chart"].as_str().unwrap_or_default().to_owned(),
        timeout,
    };
    Ok((files, release))
}

/// Values of the bundle stand in the resource, for everybody to see who sees the bundle; those of the site in a Secret,
/// since that is where passwords are. Helm gets them in this order, so that the site's count.
fn put_values(
    inputs: &Inputs<'_>,
    wanted: &Wanted<'_>,
    spec: &mut Value,
) -> Result<Option<Value>, ChartsError> {
    let chart = wanted.chart;
    let mut of_bundle = Vec::new();
    for file in &chart.values {
        let bytes = (inputs.layer)(&file.digest).ok_or_else(|| ChartsError::NotInBundle {
            component: wanted.component.to_owned(),
            path: file.path.clone(),
            digest: file.digest,
        })?;
        of_bundle.push((file.path.clone(), bytes.to_vec()));
    }
    if let Some(text) = values::merged(&chart.release, of_bundle)? {
        spec["valuesContent"] = text.into();
    }
    // One key for each file: what Helm makes of a list of files is not what it makes of some of them merged, where one
    // has a list or a text and others have a map.
    let mut data = serde_json::Map::new();
    let mut keys = Vec::new();
    let mut size = 0;
    for path in wanted.site.map(|site| site.values.as_slice()).unwrap_or_default() {
        let bytes = inputs.values.get(path).ok_or_else(|| ChartsError::NotRead {
            release: chart.release.clone(),
            path: path.clone(),
        })?;
        let one = vec![(path.display().to_string(), bytes.clone())];
        let Some(text) = values::merged(&chart.release, one)? else {
            continue;
        };
        size += text.len();
        let key = format!("values-{}.yaml", keys.len());
        data.insert(key.clone(), STANDARD.encode(text).into());
        keys.push(key);
    }
    if keys.is_empty() {
        return Ok(None);
    }
    if size > MAX_TEXT {
        return Err(ChartsError::TooLong {
            release: chart.release.clone(),
            what: "what site.yaml gives as values",
            size,
            limit: MAX_TEXT,
        });
    }
    let secret = format!("airlock-values-{}", chart.release);
    spec["valuesSecrets"] = json!([{"name": secret, "keys": keys}]);
    Ok(Some(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": data,
    })))
}

fn from_registry(inputs: &Inputs<'_>, wanted: &Wanted<'_>, spec: &mut Value) -> Result<(), ChartsError> {
    let chart = wanted.chart;
    let mirror = inputs.site.mirror.as_ref();
    let mirror = mirror.ok_or_else(|| ChartsError::NoMirror(chart.release.clone()))?;
    let tag = chart.reference.tag.as_ref().ok_or_else(|| ChartsError::NoTag {
        release: chart.release.clone(),
        reference: chart.reference.to_string(),
    })?;
    let repository = &chart.reference.repository;
    // The mirror knows what it holds by the host that it came from as well, where a port is written with `_`.
    let host = repository.host.as_str().replace(':', "_");
    spec["chart"] = format!("oci://{}/{host}/{}", address(&mirror.url), repository.name).into();
    // A tag cannot hold the `+` of a version; Helm puts it back.
    spec["version"] = tag.as_str().replace('_', "+").into();
    if mirror.url.scheme() == "http" {
        spec["plainHTTP"] = true.into();
    }
    if let Some(ca) = inputs.mirror_ca {
        spec["repoCA"] = ca.into();
    }
    if mirror.auth.is_some() {
        spec["dockerRegistrySecret"] = json!({"name": MIRROR});
    }
    Ok(())
}

/// The mirror's host, with its port where that is not the one of its scheme.
fn address(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The Secret for the mirror, where it wants to see one.
pub(super) fn mirror_secret(inputs: &Inputs<'_>) -> Result<Option<ServerFile>, ChartsError> {
    let Some(Mirror {
        url,
        auth: Some(auth),
        ..
    }) = &inputs.site.mirror
    else {
        return Ok(None);
    };
    let password = inputs.mirror_password.ok_or(ChartsError::NoPassword)?;
    let both = STANDARD.encode(format!("{}:{password}", auth.username));
    let entry = json!({"username": auth.username, "password": password, "auth": both});
    let config = json!({"auths": {address(url): entry}});
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": MIRROR, "namespace": NAMESPACE},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": STANDARD.encode(config.to_string())},
    });
    Ok(Some(manifest_file(
        MIRROR,
        "yaml",
        values::object(&secret).into(),
        true,
    )))
}

/// A name of the mirror that only nodes know: Helm runs in a pod, which asks the cluster's DNS.
pub(super) fn unresolved(site: &Site) -> Option<String> {
    let name = site.mirror.as_ref()?.url.domain()?;
    let is_of_hosts = site.hosts.values().flatten().any(|host| host == name);
    let dns = site.services.dns.as_ref();
    let is_served = dns.is_some_and(|dns| dns.records.contains_key(name));
    (is_of_hosts && !is_served).then(|| {
        format!(
            "{name} stands in `hosts`, which pods do not see: charts from the registry need it in the DNS of the site, or the mirror's address in its certificate and in `mirror.url`"
        )
    })
}

/// A file that k3s applies.
pub(super) fn manifest_file(stem: &str, ending: &str, bytes: Arc<[u8]>, secret: bool) -> ServerFile {
    ServerFile {
        path: PathBuf::from(format!("server/manifests/{stem}.{ending}")),
        mode: 0o600,
        secret,
        content: FileContent::Bytes(bytes),
    }
}

/// The file of a packaged chart. Its digest is part of the name: a chart that changes without another version is
/// another address, so that it is installed.
fn archive(wanted: &Wanted<'_>) -> String {
    let reference = &wanted.chart.reference;
    let version = reference.tag.as_ref().map(airlock_types::Tag::as_str);
    let digest = name::short(&wanted.chart.archive);
    // Versions have nothing that an address would have to escape once `+` is `_`, as it is in a tag.
    format!("{}-{}-{digest}.tgz", wanted.chart.name, version.unwrap_or("0"))
}

/// The site's namespace for this release, that of the manifest, or the site's for all that name none.
fn namespace(site: &Site, wanted: &Wanted<'_>) -> Result<String, ChartsError> {
    let of_chart = Some(wanted.chart.namespace.as_str()).filter(|name| *name != "default");
    let of_site = wanted.site.and_then(|site| site.namespace.as_deref());
    let namespace = of_site
        .or(of_chart)
        .or(site.cluster.namespace.as_deref())
        .unwrap_or("default");
    if name::is_label(namespace) {
        Ok(namespace.to_owned())
    } else {
        Err(ChartsError::Namespace {
            release: wanted.chart.release.clone(),
            namespace: namespace.to_owned(),
        })
    }
}

/// A duration as Go reads it (`time.ParseDuration`), longer than nothing.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut all = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let number: f64 = number.parse().ok()?;
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        all = all.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = after;
    }
    // Go counts nanoseconds in 63 bits.
    (!all.is_zero() && i64::try_from(all.as_nanos()).is_ok()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answered by `time.ParseDuration` of Go 1.26.
    #[test]
    fn durations_are_those_of_go() {
        for (text, seconds) in [
            ("10m", Some(600.0)),
            ("1h30m", Some(5400.0)),
            ("1.5h", Some(5400.0)),
            ("90s", Some(90.0)),
            (".5s", Some(0.5)),
            ("1.s", Some(1.0)),
            ("+2ms", Some(0.002)),
            ("", None),
            ("0", None),
            ("0s", None),
            ("10", None),
            ("10 m", None),
            ("1d", None),
            ("-1m", None), // Go reads it; nobody can wait for it
            (".m", None),
            ("1.2.3s", None),
            ("m", None),
            ("300000h", Some(1.08e9)),
            ("2562048h", None),
            ("99999999999999999999999999h", None),
        ] {
            let duration = duration(text).map(|duration| duration.as_secs_f64());
            assert_eq!(duration, seconds, "{text}");
        }
    }
}
