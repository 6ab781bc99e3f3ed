//! What the names of keys, flags and variables say.

/// The part that a key plays in naming an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    /// `registry`, `hub`.
    Registry,
    /// `repository`, `imageRepository`.
    Repository,
    /// `image`, `imageName`, `helperImage`.
    Image,
    /// `images`, `imageList`: many of them.
    Images,
    /// `tag`, `imageTag`.
    Tag,
    /// `digest`, `sha`.
    Digest,
    /// `version`.
    Version,
    /// `name`.
    Name,
}

/// A key taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// What stands before the role, in lower case: `trivy` of `trivy.repository`.
    pub(super) prefix: String,
    pub(super) role: Role,
}

impl Key {
    /// `image`.
    pub(super) const fn image() -> Self {
        Self {
            prefix: String::new(),
            role: Role::Image,
        }
    }
}

/// The most of a key that is looked at.
const LONGEST: usize = 128;

/// What a key says, if it says anything about images.
pub(super) fn key(name: &[u8]) -> Option<Key> {
    if name.len() > LONGEST || !may_say_something(name) {
        return None;
    }
    let words = words(name);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let role = match words.pop()? {
        "registry" | "hub" => Role::Registry,
        "repository" | "repo" => Role::Repository,
        "tag" => Role::Tag,
        "digest" | "sha" | "sha256" => Role::Digest,
        "version" => Role::Version,
        "image" | "img" | "dockerimage" => Role::Image,
        "images" => Role::Images,
        "list" if words.last() == Some(&"image") => {
            words.pop();
            Role::Images
        }
        "name" | "ref" | "reference" | "url" | "uri" if words.last() == Some(&"image") => {
            words.pop();
            Role::Image
        }
        "name" if words.is_empty() => Role::Name,
        // `IMAGE_KUBE_PROXY`, `RELATED_IMAGE_FOO`: variables put the word first.
        _ if is_variable(name) && !names_a_policy(name) => {
            let words = self::words(name);
            let said = words.iter().any(|word| word == "image");
            return said.then(|| Key {
                prefix: words.join(" "),
                role: Role::Image,
            });
        }
        _ => return None,
    };
    if !matches!(role, Role::Image | Role::Images) && words.last() == Some(&"image") {
        words.pop();
    }
    if words.last() == Some(&"docker") || words.last() == Some(&"container") {
        words.pop();
    }
    Some(Key {
        prefix: words.join(" "),
        role,
    })
}

/// A cheap look, since nearly every key says nothing.
fn may_say_something(name: &[u8]) -> bool {
    const LAST: &[&[u8]] = &[
        b"registry",
        b"hub",
        b"repository",
        b"repo",
        b"tag",
        b"digest",
        b"sha",
        b"sha256",
        b"version",
        b"image",
        b"images",
        b"img",
        b"list",
        b"name",
        b"ref",
        b"reference",
        b"url",
        b"uri",
    ];
    let ends = |end: &&[u8]| {
        name.len()
            .checked_sub(end.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    LAST.iter().any(ends) || (is_variable(name) && name.windows(5).any(|window| window == b"IMAGE"))
}

/// `UPPER_CASE`.
fn is_variable(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Things about images that are no images.
fn names_a_policy(name: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "policy",
        "secret",
        "secrets",
        "path",
        "dir",
        "format",
        "size",
        "type",
        "timeout",
        "prefix",
        "suffix",
        "id",
        "registry",
        "tag",
        "repository",
        "enabled",
        "interval",
        "limit",
        "count",
        "regex",
        "user",
        "password",
        "service",
        "port",
        "host",
        "platform",
        "os",
        "arch",
        "name",
        "disable",
        "enable",
        "mode",
    ];
    words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The words of a name in lower case: of `kubeRBACProxy_image` they are kube, rbac, proxy, image.
pub(super) fn words(name: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = b' ';
    for (at, byte) in name.iter().copied().enumerate() {
        let after = name.get(at + 1).copied().unwrap_or(b' ');
        let starts = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_ascii_lowercase() && after != b's'));
        if (starts || !byte.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if byte.is_ascii_alphanumeric() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        before = byte;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether the words of a key say something.
pub(super) fn say(name: &[u8], something: fn(&str) -> bool) -> bool {
    name.len() <= LONGEST && something(&words(name).join(" "))
}

/// Whether a flag or a variable names an image, wherever in its name: `--sidecar-image-ref`, `IMAGE_CSI`.
pub(super) fn mentions_image(name: &[u8]) -> bool {
    let words = words(name);
    let said = |word: &String| word == "image" || word == "images" || word == "img";
    words.iter().any(said) && !names_a_policy(name)
}

/// Prefixes of repositories that hold something else.
pub(super) fn holds_no_images(prefix: &str) -> bool {
    const WORDS: &[&str] = &[
        "git", "chart", "charts", "helm", "source", "backup", "restic", "maven", "npm", "go",
    ];
    prefix.split(' ').any(|word| WORDS.contains(&word))
}

/// Prefixes of images that are pictures, disks or machines.
pub(super) fn shows_no_container(prefix: &str) -> bool {
    const WORDS: &[&str] = &[
        "os",
        "machine",
        "disk",
        "vm",
        "background",
        "logo",
        "icon",
        "cover",
        "hero",
        "avatar",
        "banner",
        "boot",
        "ami",
        "splash",
        "favicon",
        "backing",
    ];
    prefix.split(' ').any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart() {
        let shown = |name: &str| key(name.as_bytes()).map(|key| (key.role, key.prefix));
        let some = |role, prefix: &str| Some((role, prefix.to_owned()));
        assert_eq!(shown("image"), some(Role::Image, ""));
        assert_eq!(shown("imageName"), some(Role::Image, ""));
        assert_eq!(shown("imageTag"), some(Role::Tag, ""));
        assert_eq!(shown("helper_image"), some(Role::Image, "helper"));
        assert_eq!(shown("trivy.repository"), some(Role::Repository, "trivy"));
        assert_eq!(shown("kubeRBACProxyImage"), some(Role::Image, "kube rbac proxy"));
        assert_eq!(shown("docker_image"), some(Role::Image, ""));
        assert_eq!(shown("AGENT_IMAGE_REPOSITORY"), some(Role::Repository, "agent"));
        assert_eq!(
            shown("RELATED_IMAGE_KAFKA"),
            some(Role::Image, "related image kafka")
        );
        for nothing in [
            "imagePullPolicy",
            "IMAGE_PULL_SECRETS",
            "images_dir",
            "stage",
            "tags",
            "names",
        ] {
            assert_eq!(shown(nothing), None, "{nothing}");
        }
    }
}
