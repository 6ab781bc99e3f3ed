use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use airlock_content::{BlobRead, Generation, GenerationView, RootEntry};
use airlock_types::{Digest, Host, Repository, Tag};

use crate::config::KeySource;
use crate::extras::Extras;
use crate::manifests::ReadError;
use crate::reach::Reach;

/// One generation, arranged for answering requests. Building it reads no manifest.
pub(crate) struct Catalog {
    pub(crate) generation: Arc<Generation>,
    /// In order of `address`.
    pub(crate) repositories: Vec<Repo>,
    /// Host → path → repository. A host with a port also stands here with `_` for `:`, since a client
    /// that puts the host into the path cannot write a colon there.
    hosts: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    /// Path → the repositories of that path, on whichever host.
    paths: HashMap<Box<str>, Vec<usize>>,
    extras: Lazy<Extras>,
}

/// One repository of a generation.
pub(crate) struct Repo {
    pub(crate) repository: Repository,
    /// Host and path as they can stand in an address here.
    pub(crate) address: Box<str>,
    /// Indices into the generation's roots.
    roots: Vec<usize>,
    /// In order of the tag's bytes, with the root behind each.
    tags: Vec<(Tag, usize)>,
    reach: Lazy<Reach>,
}

/// Why a name means no repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// There is none.
    Unknown,
    /// Several could be meant; their addresses.
    Ambiguous(Vec<String>),
}

impl Catalog {
    pub(crate) fn new(generation: Arc<Generation>) -> Self {
        let mut by_repository: HashMap<&Repository, Vec<usize>> = HashMap::new();
        for (at, root) in generation.roots.iter().enumerate() {
            by_repository
                .entry(&root.reference.repository)
                .or_default()
                .push(at);
        }
        let mut repositories: Vec<Repo> = by_repository
            .into_iter()
            .map(|(repository, roots)| Repo::new(repository.clone(), roots, &generation.roots))
            .collect();
        repositories.sort_by(|a, b| a.address.cmp(&b.address));

        let mut hosts: HashMap<Box<str>, HashMap<Box<str>, usize>> = HashMap::new();
        let mut paths: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (at, repo) in repositories.iter().enumerate() {
            let Repository { host, name } = &repo.repository;
            hosts
                .entry(host.as_str().into())
                .or_default()
                .insert(name.as_str().into(), at);
            paths.entry(name.as_str().into()).or_default().push(at);
        }
        for (at, repo) in repositories.iter().enumerate() {
            let Repository { host, name } = &repo.repository;
            if host.as_str().contains(':') {
                hosts
                    .entry(host_in_path(host).into())
                    .or_default()
                    .entry(name.as_str().into())
                    .or_insert(at);
            }
        }
        Self {
            generation,
            repositories,
            hosts,
            paths,
            extras: Lazy::default(),
        }
    }

    /// The repository that a request means.
    ///
    /// `namespace` is the registry that the client believes it talks to (`?ns=`), without the names of
    /// this server itself. Then only that registry's repository will do, or one that the name itself
    /// spells out: `ghcr.io/acme/app` must never be answered with `docker.io/acme/app`.
    pub(crate) fn resolve(&self, namespace: Option<&str>, name: &str) -> Result<usize, Miss> {
        if let Some(namespace) = namespace {
            return self
                .on_host(namespace, name)
                .or_else(|| self.spelled_out(name))
                .ok_or(Miss::Unknown);
        }
        if let Some(at) = self.spelled_out(name) {
            return Ok(at);
        }
        match self.paths.get(name).map(Vec::as_slice) {
            Some([only]) => return Ok(*only),
            Some(several) => {
                return self.on_host("docker.io", name).ok_or_else(|| {
                    Miss::Ambiguous(
                        several
                            .iter()
                            .map(|at| self.repositories[*at].address.to_string())
                            .collect(),
                    )
                });
            }
            None => {}
        }
        self.on_host("docker.io", name).ok_or(Miss::Unknown)
    }

    /// A name whose first component is a host that is held here.
    fn spelled_out(&self, name: &str) -> Option<usize> {
        let (host, path) = name.split_once('/')?;
        self.on_host(host, path)
    }

    fn on_host(&self, host: &str, path: &str) -> Option<usize> {
        let parsed: Host;
        let (paths, host) = if let Some(paths) = self.hosts.get(host) {
            (paths, host)
        } else {
            // Other spellings of the host: upper case, the other names of Docker Hub.
            parsed = host.parse().ok()?;
            (self.hosts.get(parsed.as_str())?, parsed.as_str())
        };
        paths
            .get(path)
            .or_else(|| {
                (host == "docker.io" && !path.contains('/'))
                    .then(|| paths.get(format!("library/{path}").as_str()))
                    .flatten()
            })
            .copied()
    }

    /// What is reachable in a repository. Reads manifests the first time: for blocking threads.
    pub(crate) fn reach<V: BlobRead + ?Sized>(&self, at: usize, view: &V) -> Result<&Reach, ReadError> {
        let repo = &self.repositories[at];
        repo.reach.get_or_init(|| {
            let roots = repo
                .roots
                .iter()
                .map(|root| &self.generation.roots[*root].descriptor);
            Reach::walk(view, roots)
        })
    }

    /// The same where it is known already.
    pub(crate) fn known_reach(&self, at: usize) -> Option<&Reach> {
        self.repositories[at].reach.get()
    }

    /// File trees, charts and packages. Reads manifests the first time: for blocking threads.
    pub(crate) fn extras<V: GenerationView + ?Sized>(
        &self,
        view: &V,
        key: Option<&KeySource>,
    ) -> Result<&Extras, ReadError> {
        self.extras
            .get_or_init(|| Extras::read(view, &self.generation, key))
    }

    /// The same where they are known already.
    pub(crate) fn known_extras(&self) -> Option<&Extras> {
        self.extras.get()
    }

    /// The root behind a tag.
    pub(crate) fn tagged(&self, at: usize, tag: &str) -> Option<&RootEntry> {
        let tags = &self.repositories[at].tags;
        let found = tags.binary_search_by(|(known, _)| known.as_str().cmp(tag)).ok()?;
        Some(&self.generation.roots[tags[found].1])
    }

    /// The root of a repository with this digest, known without reading any manifest.
    pub(crate) fn root(&self, at: usize, digest: &Digest) -> Option<&RootEntry> {
        self.repositories[at]
            .roots
            .iter()
            .map(|root| &self.generation.roots[*root])
            .find(|root| root.descriptor.digest == *digest)
    }
}

impl Repo {
    fn new(repository: Repository, roots: Vec<usize>, all: &[RootEntry]) -> Self {
        let mut tags: Vec<(Tag, usize)> = roots
            .iter()
            .filter_map(|root| Some((all[*root].reference.tag.clone()?, *root)))
            .collect();
        // A tag that stands twice means the root that is about nothing else, then the first.
        tags.sort_by(|(a, x), (b, y)| {
            (a.as_str(), all[*x].subject.is_some(), x).cmp(&(b.as_str(), all[*y].subject.is_some(), y))
        });
        tags.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Self {
            address: format!("{}/{}", host_in_path(&repository.host), repository.name).into(),
            repository,
            roots,
            tags,
            reach: Lazy::default(),
        }
    }

    /// The tags in order.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.tags.iter().map(|(tag, _)| tag)
    }
}

/// A host as it can stand as the first component of a repository path.
pub(crate) fn host_in_path(host: &Host) -> String {
    host.as_str().replace(':', "_")
}

/// Computed at the first use by one thread while others wait; a failure is not remembered.
struct Lazy<T> {
    value: OnceLock<T>,
    computing: Mutex<()>,
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self {
            value: OnceLock::new(),
            computing: Mutex::new(()),
        }
    }
}

impl<T> Lazy<T> {
    fn get(&self) -> Option<&T> {
        self.value.get()
    }

    fn get_or_init<E>(&self, compute: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let _computing = self.computing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = compute()?;
        Ok(self.value.get_or_init(|| value))
    }
}

#[cfg(test)]
mod tests {
    use airlock_types::{Descriptor, media_type};

    use super::*;

    fn catalog(references: &[&str]) -> Catalog {
        let roots = references
            .iter()
            .enumerate()
            .map(|(n, reference)| RootEntry {
                descriptor: Descriptor::new(
                    media_type::OCI_MANIFEST,
                    Digest::sha256([u8::try_from(n).unwrap(); 32]),
                    1,
                ),
                reference: reference.parse().unwrap(),
                subject: None,
            })
            .collect();
        Catalog::new(Arc::new(Generation {
            id: Digest::sha256([0; 32]),
            roots,
        }))
    }

    fn found(catalog: &Catalog, namespace: Option<&str>, name: &str) -> String {
        match catalog.resolve(namespace, name) {
            Ok(at) => catalog.repositories[at].repository.to_string(),
            Err(miss) => format!("{miss:?}"),
        }
    }

    #[test]
    fn names_are_resolved_without_guessing() {
        let catalog = catalog(&[
            "busybox:1",
            "acme/app:1",
            "ghcr.io/acme/app:1",
            "ghcr.io/only/here:1",
            "quay.io/two/hosts:1",
            "ghcr.io/two/hosts:1",
            "registry.site:5000/tools:1",
        ]);
        for (namespace, name, expected) in [
            // As containerd asks.
            (Some("docker.io"), "library/busybox", "docker.io/library/busybox"),
            (Some("docker.io"), "busybox", "docker.io/library/busybox"),
            (
                Some("index.docker.io"),
                "library/busybox",
                "docker.io/library/busybox",
            ),
            (Some("ghcr.io"), "acme/app", "ghcr.io/acme/app"),
            (Some("GHCR.io"), "acme/app", "ghcr.io/acme/app"),
            (Some("registry.site:5000"), "tools", "registry.site:5000/tools"),
            // Another registry's repository of the same path is another thing.
            (Some("quay.io"), "acme/app", "Unknown"),
            (Some("registry.k8s.io"), "only/here", "Unknown"),
            (Some("not a host"), "only/here", "Unknown"),
            // As podman asks.
            (None, "docker.io/library/busybox", "docker.io/library/busybox"),
            (None, "docker.io/busybox", "docker.io/library/busybox"),
            (None, "ghcr.io/acme/app", "ghcr.io/acme/app"),
            (None, "registry.site_5000/tools", "registry.site:5000/tools"),
            (None, "registry.site:5000/tools", "registry.site:5000/tools"),
            (
                Some("mirror.site"),
                "docker.io/library/busybox",
                "docker.io/library/busybox",
            ),
            // As Docker and people ask.
            (None, "library/busybox", "docker.io/library/busybox"),
            (None, "busybox", "docker.io/library/busybox"),
            (None, "only/here", "ghcr.io/only/here"),
            (None, "acme/app", "docker.io/acme/app"),
            (None, "library/tools", "Unknown"),
            (None, "nothing", "Unknown"),
        ] {
            assert_eq!(found(&catalog, namespace, name), expected, "{namespace:?} {name}");
        }
        assert_eq!(
            catalog.resolve(None, "two/hosts"),
            Err(Miss::Ambiguous(vec![
                "ghcr.io/two/hosts".into(),
                "quay.io/two/hosts".into()
            ]))
        );
    }

    #[test]
    fn tags_are_sorted_by_bytes_and_found() {
        let catalog = catalog(&["a.b/c:b", "a.b/c:B", "a.b/c:10", "a.b/c:9"]);
        let tags: Vec<_> = catalog.repositories[0].tags().map(Tag::as_str).collect();
        assert_eq!(tags, ["10", "9", "B", "b"]);
        assert_eq!(
            catalog.tagged(0, "B").unwrap().descriptor.digest,
            Digest::sha256([1; 32])
        );
        assert!(catalog.tagged(0, "c").is_none());
    }

    #[test]
    fn a_failure_to_compute_is_not_remembered() {
        let lazy = Lazy::default();
        assert_eq!(lazy.get_or_init(|| Err::<u8, _>("no")), Err("no"));
        assert_eq!(lazy.get_or_init(|| Ok::<_, ()>(1)), Ok(&1));
        assert_eq!(lazy.get_or_init(|| Ok::<_, ()>(2)), Ok(&1));
    }
}
