use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de, ser};

use crate::{Digest, DigestError};

/// Why a string is not a reference, or not a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The registry part is not `host[:port]`.
    #[error("the registry is not a host name with an optional port: {0:?}")]
    Host(String),
    /// The repository path breaks the name grammar.
    #[error("the repository name must be lower-case words separated by '/', '.', '_' or '-': {0:?}")]
    Repository(String),
    /// Host and path together are longer than registries accept.
    #[error("the repository name is longer than 255 characters: {0:?}")]
    TooLong(String),
    /// The tag breaks the tag grammar.
    #[error("a tag is 1 to 128 letters, digits, '.', '_' or '-', not starting with '.' or '-': {0:?}")]
    Tag(String),
    /// What follows `@` is not a digest.
    #[error("what follows '@' is not a digest")]
    Digest(#[from] DigestError),
    /// There is nothing to parse.
    #[error("the reference is empty")]
    Empty,
}

fn clip(text: &str) -> String {
    text.chars().take(300).collect()
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// The text, as checked.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        text_serde!($name);
    };
}

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

/// A registry's `host[:port]`, lower case; `docker.io` stands for Docker Hub under all its names.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Box<str>);
text_newtype!(Host);

impl Host {
    /// Stands for the site itself in references to things that came from no registry; no client asks for it.
    pub const OWN: &'static str = "airlock.local";

    /// Whether it is [`Host::OWN`].
    pub fn is_own(&self) -> bool {
        self.as_str() == Self::OWN
    }

    /// The host without its port.
    pub fn name(&self) -> &str {
        match self.0.rfind(':') {
            Some(colon) if !self.0.ends_with(']') => &self.0[..colon],
            _ => &self.0,
        }
    }

    /// Whether this is the machine itself: `localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let name = self.name();
        name == "localhost"
            || name == "[::1]"
            || name
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, ReferenceError> {
        let error = || ReferenceError::Host(clip(s));
        let text = s.to_ascii_lowercase();
        let (name, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or_else(error)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| error())?;
            (
                "v6",
                if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':').ok_or_else(error)?)
                },
            )
        } else {
            match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text.as_str(), None),
            }
        };
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        };
        let good_port = |port: &str| {
            !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok()
        };
        if text.len() > 255 || !name.split('.').all(label) || !port.is_none_or(good_port) {
            return Err(error());
        }
        Ok(Self(match text.as_str() {
            "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io".into(),
            _ => text.into_boxed_str(),
        }))
    }
}

/// A repository path inside a registry, `library/busybox` (OCI distribution-spec, "Pulling manifests", `<name>`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Box<str>);
text_newtype!(RepositoryName);

impl FromStr for RepositoryName {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, ReferenceError> {
        if s.len() > 255 {
            return Err(ReferenceError::TooLong(clip(s)));
        }
        if s.split('/').all(is_path_component) {
            Ok(Self(s.into()))
        } else {
            Err(ReferenceError::Repository(clip(s)))
        }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric) || !bytes.last().copied().is_some_and(alphanumeric) {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|c| !alphanumeric(**c)).count();
        let separator = &bytes[at..at + run];
        let good = match separator {
            [] | [b'.' | b'_'] | [b'_', b'_'] => true,
            dashes => dashes.iter().all(|c| *c == b'-'),
        };
        if !good {
            return false;
        }
        at += run.max(1);
    }
    true
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution-spec, `<reference>`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Box<str>);
text_newtype!(Tag);

impl Tag {
    /// The tag a reference means when it names none.
    pub fn latest() -> Self {
        Self("latest".into())
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, ReferenceError> {
        let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        let good = s.len() <= 128
            && s.bytes().next().is_some_and(word)
            && s.bytes().all(|c| word(c) || c == b'.' || c == b'-');
        if good {
            Ok(Self(s.into()))
        } else {
            Err(ReferenceError::Tag(clip(s)))
        }
    }
}

/// A repository with the registry that holds it, `ghcr.io/acme/app`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    /// The registry.
    pub host: Host,
    /// The path inside it.
    pub name: RepositoryName,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, ReferenceError> {
        let reference: Reference = s.parse()?;
        if reference.tag.is_some() || reference.digest.is_some() {
            return Err(ReferenceError::Repository(clip(s)));
        }
        Ok(reference.repository)
    }
}

text_serde!(Repository);

/// What a manifest or a person writes to name an image: `[host/]path[:tag][@digest]`.
///
/// Parsing applies the field's defaults: no host means `docker.io`, and a single word there means
/// `library/<word>`. Tag and digest stay as given; [`Reference::tag_or_latest`] applies the last
/// default. With both, the digest decides and the tag is a label.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Registry and path.
    pub repository: Repository,
    /// The tag, where one was written.
    pub tag: Option<Tag>,
    /// The digest, where one was written.
    pub digest: Option<Digest>,
}

impl Reference {
    /// The tag to ask for when no digest is given.
    pub fn tag_or_latest(&self) -> Tag {
        self.tag.clone().unwrap_or_else(Tag::latest)
    }

    /// The same with `:latest` written out where there was neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(Tag::latest());
        }
        self
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, ReferenceError> {
        if s.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = match s.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (s, None),
        };
        // A first component is a host only if it could not be a path: the rule docker and containerd use.
        let (host, path) = match rest.split_once('/') {
            Some((first, path))
                if first.contains(['.', ':', '['])
                    || first == "localhost"
                    || first != first.to_lowercase() =>
            {
                let host: Host = first.parse()?;
                // In lower case, as it is shown and kept, a bare word is read as a path of another registry.
                if !host.as_str().contains(['.', ':', '[']) && host.as_str() != "localhost" {
                    return Err(ReferenceError::Host(clip(first)));
                }
                (host, path)
            }
            _ => (Host("docker.io".into()), rest),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag.parse()?)),
            None => (path, None),
        };
        let name: RepositoryName = if host.as_str() == "docker.io" && !path.contains('/') {
            path.parse::<RepositoryName>()?;
            format!("library/{path}").parse()?
        } else {
            path.parse()?
        };
        if host.as_str().len() + 1 + name.as_str().len() > 255 {
            return Err(ReferenceError::TooLong(clip(s)));
        }
        Ok(Self {
            repository: Repository { host, name },
            tag,
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

text_serde!(Reference);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn shown(text: &str) -> String {
        text.parse::<Reference>()
            .map_or_else(|error| format!("error: {error}"), |r| r.to_string())
    }

    #[test]
    fn defaults_of_the_field() {
        assert_eq!(shown("busybox"), "docker.io/library/busybox");
        assert_eq!(shown("busybox:1.36"), "docker.io/library/busybox:1.36");
        assert_eq!(shown("acme/app"), "docker.io/acme/app");
        assert_eq!(shown("docker.io/busybox"), "docker.io/library/busybox");
        assert_eq!(shown("index.docker.io/busybox:1"), "docker.io/library/busybox:1");
        assert_eq!(shown("localhost/app"), "localhost/app");
        assert_eq!(shown("localhost:5000/app"), "localhost:5000/app");
        assert_eq!(shown("[::1]:5000/app:v1"), "[::1]:5000/app:v1");
        assert_eq!(shown("GHCR.io/a/b:C"), "ghcr.io/a/b:C");
        let both = format!("ghcr.io/a/b:1@{DIGEST}");
        assert_eq!(shown(&both), both);
    }

    #[test]
    fn refuses_what_a_registry_would() {
        for bad in [
            "",
            ":tag",
            "a/",
            "/a",
            "ghcr.io/",
            "ghcr.io/A/b",
            "ghcr.io/a//b",
            "ghcr.io/a/..",
            "ghcr.io/a/b:",
            "ghcr.io/a/b:-x",
            "ghcr.io/a/b@sha256:1",
            "ghcr.io/a.-b/c",
            "ghcr.io/a___b/c",
            "ho st.io/a",
            "host:99999/a",
            "busybox@latest",
        ] {
            assert!(
                bad.parse::<Reference>().is_err(),
                "{bad:?} parsed as {}",
                shown(bad)
            );
        }
        assert!(
            format!("ghcr.io/{}", "a".repeat(250))
                .parse::<Reference>()
                .is_err()
        );
    }

    #[test]
    fn a_host_that_would_be_a_path_the_next_time_is_refused() {
        for text in ["Registry/app:1", "MIRROR/team/app"] {
            assert!(
                matches!(text.parse::<Reference>(), Err(ReferenceError::Host(_))),
                "{text}"
            );
        }
        for text in ["LOCALHOST/app", "Registry:5000/app", "Registry.Example/app"] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string().parse(), Ok(reference), "{text}");
        }
    }

    #[test]
    fn separators_of_path_components() {
        for good in ["a", "a.b", "a_b", "a__b", "a---b", "0a", "a/b-c/d.e"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in ["a..b", "a_-b", ".a", "a-", "A", "a b", "a/", "ä"] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(
            host in "[a-z]{1,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?",
            path in "[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,2}(/[a-z0-9]{1,6}){0,3}",
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9._-]{0,20}"),
            digest in proptest::option::of(any::<[u8; 32]>()),
        ) {
            let reference = Reference {
                repository: Repository { host: host.parse().unwrap(), name: path.parse().unwrap() },
                tag: tag.map(|tag| tag.parse().unwrap()),
                digest: digest.map(Digest::sha256),
            };
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }

        #[test]
        fn any_string_is_parsed_without_panic_and_normal_forms_are_stable(text in "\\PC{0,60}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }
    }
}
