//! Under which names containerd keeps an image.

use airlock_types::Reference;

/// The names of a reference: with its tag, and with its digest.
///
/// The CRI plug-in drops the tag of a reference that has a digest as well before it looks for the image, so both are
/// needed for such.
pub(crate) struct Names {
    /// `docker.io/library/busybox:1.36`
    pub(crate) tagged: Option<String>,
    /// `docker.io/library/busybox@sha256:…`
    pub(crate) pinned: Option<String>,
}

impl Names {
    pub(crate) fn of(reference: &Reference) -> Self {
        let repository = &reference.repository;
        let tag = match (&reference.tag, &reference.digest) {
            (None, None) => Some(reference.tag_or_latest()),
            (tag, _) => tag.clone(),
        };
        Self {
            tagged: tag.map(|tag| format!("{repository}:{tag}")),
            pinned: reference.digest.map(|digest| format!("{repository}@{digest}")),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        self.tagged.iter().chain(&self.pinned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_with_tag_and_digest_has_two_names() {
        let digest = airlock_types::Digest::sha256([1; 32]);
        let names = |text: &str| -> Vec<String> {
            let reference = text.parse().unwrap();
            Names::of(&reference).all().cloned().collect()
        };
        assert_eq!(names("busybox"), ["docker.io/library/busybox:latest"]);
        assert_eq!(names("a.example/b:1"), ["a.example/b:1"]);
        assert_eq!(
            names(&format!("a.example/b@{digest}")),
            [format!("a.example/b@{digest}")]
        );
        assert_eq!(
            names(&format!("a.example/b:1@{digest}")),
            ["a.example/b:1".to_owned(), format!("a.example/b@{digest}")]
        );
    }
}
