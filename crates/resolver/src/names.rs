//! The references under which things without one are served.

use std::path::Path;

use airlock_spec::manifest::ImageSource;
use airlock_types::{Host, Reference, Repository, RepositoryName, Tag};
use url::Url;

use crate::error::Cause;

/// An image of a folder or archive: its own full name where it has one, else `airlock.local/images/…`.
pub(crate) fn of_local_image(image: &ImageSource, known: Option<&str>) -> Result<Reference, Cause> {
    let (path, asked) = match image {
        ImageSource::Registry { reference } => return Ok(reference.clone()),
        ImageSource::OciLayout { path, image }
        | ImageSource::OciArchive { path, image }
        | ImageSource::DockerArchive { path, image } => (path, image.as_deref()),
    };
    let names = [asked, known];
    if let Some(reference) = names
        .iter()
        .flatten()
        .find_map(|name| full_reference(name, image))
    {
        return Ok(reference);
    }
    let stem = file_stem(path);
    let tag = asked.or(known).unwrap_or("latest");
    make(Host::OWN, &["images", &stem], tag)
}

/// A name that is a reference with a registry. `docker save` leaves out `docker.io`, others do not.
fn full_reference(name: &str, image: &ImageSource) -> Option<Reference> {
    let reference: Reference = name.parse().ok()?;
    let has_host = name
        .split_once('/')
        .is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost");
    let has_tag = reference.tag.is_some() || reference.digest.is_some();
    (has_tag && (has_host || matches!(image, ImageSource::DockerArchive { .. }))).then_some(reference)
}

fn file_stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".tar").unwrap_or(&name);
    if name.is_empty() {
        "local".to_owned()
    } else {
        name.to_owned()
    }
}

/// A chart of a classic repository: the repository's address, the chart's name, its version as a tag.
pub(crate) fn of_repository_chart(repo: &Url, name: &str, tag: &str) -> Result<Reference, Cause> {
    let host = match (repo.host_str(), repo.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(Cause::Reference(repo.to_string())),
    };
    let mut parts: Vec<&str> = repo.path_segments().into_iter().flatten().collect();
    parts.push(name);
    // A bare word would read as a path below docker.io.
    if host.contains(['.', ':']) || host == "localhost" {
        make(&host, &parts, tag)
    } else {
        let mut local = vec!["charts", host.as_str()];
        local.append(&mut parts);
        make(Host::OWN, &local, tag)
    }
}

/// A chart from a folder.
pub(crate) fn of_local_chart(name: &str, tag: &str) -> Result<Reference, Cause> {
    make(Host::OWN, &["charts", name], tag)
}

/// The files of a component.
pub(crate) fn of_files(component: &str, version: &str) -> Result<Reference, Cause> {
    let mut parts = vec!["files"];
    parts.extend(component.split('/'));
    make(Host::OWN, &parts, version)
}

/// What a component installs.
pub(crate) fn of_deployment(component: &str, version: &str) -> Result<Reference, Cause> {
    let mut parts = vec!["deployments"];
    parts.extend(component.split('/'));
    make(Host::OWN, &parts, version)
}

/// A k3s release of a component.
pub(crate) fn of_k3s(component: &str, release: &str) -> Result<Reference, Cause> {
    let mut parts = vec!["k3s"];
    parts.extend(component.split('/'));
    make(Host::OWN, &parts, release)
}

/// Packages: the component and the distribution.
pub(crate) fn of_packages(name: &str) -> Result<Reference, Cause> {
    let mut parts = vec!["packages"];
    parts.extend(name.split('/'));
    make(Host::OWN, &parts, "latest")
}

/// A reference from parts that are made to fit: lower case, everything unusual replaced by `-`.
fn make(host: &str, parts: &[&str], tag: &str) -> Result<Reference, Cause> {
    let bad = || Cause::Reference(format!("{host}/{}:{tag}", parts.join("/")));
    let name: Vec<String> = parts
        .iter()
        .map(|part| path_component(part))
        .filter(|part| !part.is_empty())
        .collect();
    let tag: String = tag
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => c,
            '+' => '_',
            _ => '-',
        })
        .take(128)
        .collect();
    let tag = tag.trim_start_matches(['.', '-']);
    Ok(Reference {
        repository: Repository {
            host: host.parse::<Host>().map_err(|_| bad())?,
            name: name.join("/").parse::<RepositoryName>().map_err(|_| bad())?,
        },
        tag: Some(tag.parse::<Tag>().map_err(|_| bad())?),
        digest: None,
    })
}

fn path_component(text: &str) -> String {
    let mut out = String::new();
    for c in text.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            // Separators stand alone between letters and digits.
            _ if out.is_empty() || out.ends_with(['.', '_', '-']) => {}
            '.' | '_' => out.push(c),
            _ => out.push('-'),
        }
    }
    out.trim_end_matches(['.', '_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_to_fit() {
        let chart = |repo: &str, name: &str, tag: &str| {
            of_repository_chart(&repo.parse().unwrap(), name, tag)
                .unwrap()
                .to_string()
        };
        assert_eq!(
            chart("https://example.org/Charts/~me/", "Web_App", "1.0.0_b"),
            "example.org/charts/me/web_app:1.0.0_b"
        );
        assert_eq!(
            chart("http://127.0.0.1:8080", "web", "1.0.0"),
            "127.0.0.1:8080/web:1.0.0"
        );
        assert_eq!(
            chart("http://charts/x", "web", "1.0.0"),
            "airlock.local/charts/charts/x/web:1.0.0"
        );
        assert_eq!(
            of_files("base/tools", "1.0+x").unwrap().to_string(),
            "airlock.local/files/base/tools:1.0_x"
        );
    }

    #[test]
    fn local_images_keep_a_full_name() {
        let layout = |path: &str, image: Option<&str>| {
            let source = ImageSource::OciLayout {
                path: path.into(),
                image: image.map(str::to_owned),
            };
            of_local_image(&source, None).unwrap().to_string()
        };
        assert_eq!(layout("images", Some("quay.io/acme/app:1")), "quay.io/acme/app:1");
        assert_eq!(
            layout("My Images", Some("tools")),
            "airlock.local/images/my-images:tools"
        );
        assert_eq!(
            layout("images", Some("acme/app:1")),
            "airlock.local/images/images:acme-app-1"
        );
        assert_eq!(layout("../x/images", None), "airlock.local/images/images:latest");
        let unnamed = ImageSource::OciArchive {
            path: "images.tar".into(),
            image: None,
        };
        let known = of_local_image(&unnamed, Some("quay.io/acme/app:2")).unwrap();
        assert_eq!(known.to_string(), "quay.io/acme/app:2");
        let archive = ImageSource::DockerArchive {
            path: "old.tar".into(),
            image: Some("busybox:1.36".into()),
        };
        assert_eq!(
            of_local_image(&archive, None).unwrap().to_string(),
            "docker.io/library/busybox:1.36"
        );
    }
}
