use airlock_types::{Host, ReferenceError, Repository, RepositoryName};

/// Sends requests for one part of the name space to another place: `docker.io` →
/// `mirror.example/dockerhub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    from: Location,
    to: Location,
    origin_too: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Location {
    host: Host,
    path: Option<RepositoryName>,
}

impl Location {
    fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (host, path) = match text.trim_end_matches('/').split_once('/') {
            Some((host, path)) => (host, Some(path.parse()?)),
            None => (text.trim_end_matches('/'), None),
        };
        Ok(Self {
            host: host.parse()?,
            path,
        })
    }
}

impl Mirror {
    /// A rule from `HOST[/PATH]` to `HOST[/PATH]`. With `origin_too`, what no mirror has is asked for at
    /// its origin; without, repositories under this rule are never asked for there.
    pub fn new(from: &str, to: &str, origin_too: bool) -> Result<Self, ReferenceError> {
        Ok(Self {
            from: Location::parse(from)?,
            to: Location::parse(to)?,
            origin_too,
        })
    }

    /// Where `repository` is under this rule.
    fn apply(&self, repository: &Repository) -> Option<Repository> {
        if repository.host != self.from.host {
            return None;
        }
        let name = repository.name.as_str();
        let rest = match &self.from.path {
            None => name,
            Some(path) => {
                let rest = name.strip_prefix(path.as_str())?;
                if rest.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('/')?
                }
            }
        };
        let name = match (&self.to.path, rest) {
            (None, rest) => rest.to_owned(),
            (Some(path), "") => path.to_string(),
            (Some(path), rest) => format!("{path}/{rest}"),
        };
        Some(Repository {
            host: self.to.host.clone(),
            name: name.parse().ok()?,
        })
    }
}

/// Where to ask for a repository, in order. Never empty.
pub(crate) fn candidates(mirrors: &[Mirror], repository: &Repository) -> Vec<Repository> {
    let mut places: Vec<Repository> = Vec::new();
    let mut origin_too = true;
    for mirror in mirrors {
        if let Some(place) = mirror.apply(repository) {
            origin_too &= mirror.origin_too;
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    if (origin_too || places.is_empty()) && !places.contains(repository) {
        places.push(repository.clone());
    }
    places
}

/// The host that answers for a registry's name.
pub(crate) fn api_host(host: &Host) -> &str {
    match host.as_str() {
        "docker.io" => "registry-1.docker.io",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rules: &[(&str, &str, bool)], repository: &str) -> Vec<String> {
        let rules: Vec<Mirror> = rules
            .iter()
            .map(|(from, to, origin)| Mirror::new(from, to, *origin).unwrap())
            .collect();
        candidates(&rules, &repository.parse().unwrap())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn rules_apply_in_order_and_at_slashes() {
        let hub = ("docker.io", "mirror.corp/dockerhub", true);
        let acme = ("docker.io/acme", "acme.corp:5000", false);
        assert_eq!(
            shown(&[hub], "docker.io/library/busybox"),
            [
                "mirror.corp/dockerhub/library/busybox",
                "docker.io/library/busybox"
            ]
        );
        assert_eq!(
            shown(&[acme, hub], "docker.io/acme/app"),
            ["acme.corp:5000/app", "mirror.corp/dockerhub/acme/app"]
        );
        assert_eq!(
            shown(&[acme], "docker.io/acmecorp/app"),
            ["docker.io/acmecorp/app"]
        );
        assert_eq!(shown(&[hub], "ghcr.io/a/b"), ["ghcr.io/a/b"]);
    }

    #[test]
    fn docker_hub_answers_under_another_name() {
        let host = |text: &str| api_host(&text.parse().unwrap()).to_owned();
        assert_eq!(host("docker.io"), "registry-1.docker.io");
        assert_eq!(host("index.docker.io"), "registry-1.docker.io");
        assert_eq!(host("ghcr.io"), "ghcr.io");
    }

    #[test]
    fn rules_are_parsed() {
        assert!(Mirror::new("docker.io/", "mirror.corp", true).is_ok());
        assert!(Mirror::new("docker.io", "https://mirror.corp", true).is_err());
        assert!(Mirror::new("docker.io/A", "mirror.corp", true).is_err());
    }
}
