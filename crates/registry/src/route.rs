/// What an address means. Parts are as decoded, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// The page for people.
    Page,
    Health,
    Ready,
    Metrics,
    /// `/v2/`: whether there is a registry here.
    Base,
    Catalog,
    Manifest {
        name: &'p str,
        reference: &'p str,
    },
    Blob {
        name: &'p str,
        digest: &'p str,
    },
    Tags {
        name: &'p str,
    },
    Referrers {
        name: &'p str,
        digest: &'p str,
    },
    /// Below `/files/`; the path may be empty.
    File(&'p str),
    /// Below `/k3s/`; the path may be empty.
    K3s(&'p str),
    /// Below `/charts/`.
    Chart(&'p str),
    /// Below `/apt/`; the path may be empty.
    Apt(&'p str),
    Nothing,
}

impl<'p> Route<'p> {
    pub(crate) fn of(path: &'p str) -> Self {
        match path {
            "/" => return Self::Page,
            "/healthz" => return Self::Health,
            "/readyz" => return Self::Ready,
            "/metrics" => return Self::Metrics,
            "/v2" | "/v2/" => return Self::Base,
            "/v2/_catalog" => return Self::Catalog,
            "/files" => return Self::File(""),
            "/apt" => return Self::Apt(""),
            "/k3s" => return Self::K3s(""),
            "/charts" | "/charts/" => return Self::Chart("index.yaml"),
            _ => {}
        }
        if let Some(path) = path.strip_prefix("/files/") {
            return Self::File(path);
        }
        if let Some(path) = path.strip_prefix("/k3s/") {
            return Self::K3s(path);
        }
        if let Some(path) = path.strip_prefix("/apt/") {
            return Self::Apt(path);
        }
        if let Some(file) = path.strip_prefix("/charts/") {
            return Self::Chart(file);
        }
        path.strip_prefix("/v2/")
            .and_then(Self::of_repository)
            .unwrap_or(Self::Nothing)
    }

    /// Names hold slashes, so an address is read from its end.
    fn of_repository(path: &'p str) -> Option<Self> {
        if let Some(name) = path.strip_suffix("/tags/list") {
            return (!name.is_empty()).then_some(Self::Tags { name });
        }
        let (rest, last) = path.rsplit_once('/')?;
        let (name, kind) = rest.rsplit_once('/')?;
        if name.is_empty() || last.is_empty() {
            return None;
        }
        match kind {
            "manifests" => Some(Self::Manifest {
                name,
                reference: last,
            }),
            "blobs" if last != "uploads" => Some(Self::Blob { name, digest: last }),
            "referrers" => Some(Self::Referrers { name, digest: last }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (path, route) in [
            ("/v2/", Route::Base),
            ("/v2", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/tags/list", Route::Tags { name: "a" }),
            (
                "/v2/a/b/manifests/latest",
                Route::Manifest {
                    name: "a/b",
                    reference: "latest",
                },
            ),
            // A repository may be called like an endpoint.
            (
                "/v2/manifests/blobs/manifests/tags",
                Route::Manifest {
                    name: "manifests/blobs",
                    reference: "tags",
                },
            ),
            (
                "/v2/a/blobs/sha256:0",
                Route::Blob {
                    name: "a",
                    digest: "sha256:0",
                },
            ),
            (
                "/v2/h:5000/a/referrers/sha256:0",
                Route::Referrers {
                    name: "h:5000/a",
                    digest: "sha256:0",
                },
            ),
            ("/files/a/b", Route::File("a/b")),
            ("/charts/", Route::Chart("index.yaml")),
            ("/apt/", Route::Apt("")),
            ("/k3s/v1.34.5+k3s1/k3s", Route::K3s("v1.34.5+k3s1/k3s")),
            (
                "/apt/debian-12/dists/bookworm/InRelease",
                Route::Apt("debian-12/dists/bookworm/InRelease"),
            ),
            ("/v2/a/manifests/", Route::Nothing),
            ("/v2/manifests/latest", Route::Nothing),
            ("/v2//manifests/latest", Route::Nothing),
            ("/v2/a/blobs/uploads/", Route::Nothing),
            ("/v2/a/blobs/uploads", Route::Nothing),
            ("/v2//tags/list", Route::Nothing),
            ("/v1/", Route::Nothing),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
