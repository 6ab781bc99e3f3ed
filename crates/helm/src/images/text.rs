//! Which strings are references, and how much each tells by itself.

use airlock_types::Reference;

/// How much of a reference is written, which is how much it tells by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// `busybox`.
    Word,
    /// `acme/app`.
    Path,
    /// `busybox:1.36`, `acme/app@sha256:…`.
    Tagged,
    /// `registry.example/app`.
    Hosted,
    /// `registry.example/app:1`: nothing else looks like this.
    Full,
}

/// A string that can be read as a reference.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// With the default tag.
    pub(super) reference: Reference,
    pub(super) strength: Strength,
}

/// The longest that a reference can be, digest included.
pub(super) const LONGEST: usize = 512;

/// Hosts of code, of names and of types, which are no registries.
const NO_REGISTRIES: &[&str] = &[
    "github.com",
    "raw.githubusercontent.com",
    "gitlab.com",
    "bitbucket.org",
    "gopkg.in",
    "golang.org",
    "google.golang.org",
    "go.uber.org",
    "go.opentelemetry.io",
    "type.googleapis.com",
    "helm.sh",
    "k8s.io",
    "kubernetes.io",
];

/// Names of what is below these are labels, taints, API groups and packages; images are in `registry.k8s.io`.
const NO_REGISTRIES_BELOW: &[&str] = &[".kubernetes.io", ".k8s.io"];

/// Ends of names of files. What ends like this has no registry before it and is no image.
const FILES: &[&str] = &[
    "png",
    "svg",
    "jpg",
    "yaml",
    "yml",
    "json",
    "txt",
    "conf",
    "toml",
    "ini",
    "cfg",
    "xml",
    "html",
    "gz",
    "tgz",
    "tar",
    "jar",
    "log",
    "pem",
    "crt",
    "key",
    "sock",
    "properties",
    "tmpl",
    "tpl",
    "lua",
    "sql",
];

/// More of them, with which names of hosts may end as well.
const FILES_OR_HOSTS: &[&str] = &[
    "jpeg", "gif", "ico", "webp", "css", "js", "sh", "py", "zip", "war", "md", "qcow2", "img", "iso", "raw",
    "vmdk", "go",
];

/// Words that stand for a choice rather than for an image.
const CHOICES: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "null",
    "none",
    "nil",
    "auto",
    "default",
    "latest",
    "always",
    "never",
    "ifnotpresent",
    "enabled",
    "disabled",
    "image",
    "string",
    "stable",
    "unknown",
    "changeme",
];

/// What a string says where an image is expected.
pub(super) fn read(text: &str) -> Option<Read> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_part) {
        return None;
    }
    let first = text.split('/').next().unwrap_or_default();
    let hosted = first.len() < text.len()
        && (first.contains(['.', ':']) || first == "localhost" || first.starts_with('['));
    let reference: Reference = text.parse().ok()?;
    let tagged = reference.tag.is_some() || reference.digest.is_some();
    let host = reference.repository.host.name();
    if hosted && !is_registry(host) {
        return None;
    }
    if let Some(tag) = &reference.tag
        && matches!(tag.as_str(), "NoSchedule" | "NoExecute" | "PreferNoSchedule")
    {
        return None;
    }
    let strength = match (hosted, tagged) {
        (true, true) => Strength::Full,
        (true, false) => Strength::Hosted,
        (false, true) => Strength::Tagged,
        (false, false) if text.contains('/') => Strength::Path,
        (false, false) => Strength::Word,
    };
    if !hosted && is_no_name(text, strength) {
        return None;
    }
    let reference = reference.with_default_tag();
    Some(Read { reference, strength })
}

/// Reads a string that is a reference without anything around it that says so.
pub(super) fn read_full(text: &str) -> Option<Read> {
    // Most strings are told apart by this alone.
    if !text.contains('/') || !text.contains([':', '@']) {
        return None;
    }
    let text = text.strip_prefix("docker://").unwrap_or(text);
    let read = read(text)?;
    let host = &read.reference.repository.host;
    (read.strength == Strength::Full && is_address(host.name(), host.as_str().len() > host.name().len()))
        .then_some(read)
}

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b':' | b'@' | b'[' | b']')
}

fn is_registry(host: &str) -> bool {
    !NO_REGISTRIES.contains(&host)
        && (host == "registry.k8s.io" || !NO_REGISTRIES_BELOW.iter().any(|below| host.ends_with(below)))
        && !FILES.contains(&host.rsplit('.').next().unwrap_or_default())
}

/// Whether a host is one that can be looked up: `ghcr.io`, `10.0.0.1`, `registry:5000`.
fn is_address(host: &str, has_port: bool) -> bool {
    if host == "localhost" || host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    match host.rsplit_once('.') {
        Some((_, last)) => last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()),
        None => has_port && host.bytes().any(|byte| byte.is_ascii_alphabetic()),
    }
}

/// Words, numbers, versions and names of files that the grammar of references lets pass.
fn is_no_name(text: &str, strength: Strength) -> bool {
    let last = text.rsplit('/').next().unwrap_or_default();
    if let Some((name, tag)) = last.split_once(':') {
        // `localhost:8080`, `10.0.0.1:80`: an address, not a name with a tag.
        let port = tag.parse::<u16>().is_ok() && !text.contains('/');
        return port && (name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok());
    }
    if text.contains('@') {
        return false;
    }
    let digits = last
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    // A number, a version, or a time or size with its unit: `24h`, `10Mi`.
    let number =
        digits > 0 && last.len() - digits <= 2 || !last.bytes().any(|byte| byte.is_ascii_alphabetic());
    let file = last
        .rsplit_once('.')
        .is_some_and(|(_, end)| FILES.contains(&end) || FILES_OR_HOSTS.contains(&end));
    file || (strength == Strength::Word && (number || CHOICES.contains(&last)))
}

/// Whether a program is to put something into a text: `{{ … }}`, `${…}`, `$(…)`.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "${", "$("].iter().any(|opening| text.contains(opening))
}

/// The pieces of a text that could be references, with where each begins and what stands before it.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_end = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\''
                    | '`'
                    | ','
                    | ';'
                    | '('
                    | ')'
                    | '{'
                    | '}'
                    | '<'
                    | '>'
                    | '|'
                    | '='
                    | '\\'
                    | '$'
                    | '&'
                    | '*'
                    | '#'
                    | '!'
            )
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let start = at + rest.find(|c| !is_end(c))?;
            let rest = text.get(start..)?;
            let end = start + rest.find(is_end).unwrap_or(rest.len());
            at = end;
            let token = text.get(start..end)?.trim_end_matches(['.', ':']);
            // A list in brackets; an address in brackets is too rare to be looked for in free text.
            let token = token.trim_matches(['[', ']']);
            if !token.is_empty() {
                return Some((start, token));
            }
        }
    })
}

/// The whole references in a text, with the places where they begin.
pub(super) fn references(text: &str) -> impl Iterator<Item = (usize, &str, Read)> {
    tokens(text).filter_map(|(at, token)| {
        let token = token.strip_prefix("docker://").unwrap_or(token);
        Some((at, token, read_full(token)?))
    })
}

/// Tells of places of a text, asked for from the first to the last, in which line each is.
pub(super) struct Lines<'t> {
    text: &'t str,
    at: usize,
    number: usize,
    comment: bool,
    several: bool,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            number: 1,
            comment: is_comment(text),
            several: text.contains('\n'),
        }
    }

    /// The number of the line of a place, if there are several, and whether it is a comment.
    pub(super) fn line(&mut self, at: usize) -> (Option<usize>, bool) {
        while let Some(end) = self.text.get(self.at..at).and_then(|between| between.find('\n')) {
            self.at += end + 1;
            self.number += 1;
            self.comment = is_comment(self.text.get(self.at..).unwrap_or_default());
        }
        self.at = self.at.max(at);
        (self.several.then_some(self.number), self.comment)
    }
}

/// Whether a text begins with a comment.
fn is_comment(text: &str) -> bool {
    text.trim_start_matches([' ', '\t']).starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strength(text: &str) -> Option<Strength> {
        read(text).map(|read| read.strength)
    }

    #[test]
    fn references_tell_as_much_as_is_written() {
        assert_eq!(strength("busybox"), Some(Strength::Word));
        assert_eq!(strength("acme/app"), Some(Strength::Path));
        assert_eq!(strength("busybox:1.36"), Some(Strength::Tagged));
        assert_eq!(strength("acme/app:1"), Some(Strength::Tagged));
        assert_eq!(strength("quay.io/acme/app"), Some(Strength::Hosted));
        assert_eq!(strength("quay.io/acme/app:1"), Some(Strength::Full));
        assert_eq!(strength("localhost:5000/app:1"), Some(Strength::Full));
        assert_eq!(strength(" quay.io/acme/app:1 "), Some(Strength::Full));
    }

    #[test]
    fn what_is_no_image_is_not_read() {
        for text in [
            "true",
            "auto",
            "10m",
            "1.2.3",
            "logo.png",
            "static/logo.svg",
            "https://example.com/logo.png",
            "IfNotPresent",
            "github.com/acme/app:v1",
            "node-role.kubernetes.io/control-plane:NoSchedule",
            "gpu.example.com/class:NoSchedule",
            "localhost:8080",
            "10.0.0.1:80",
            "{{ .Values.image }}",
            "$(IMAGE)",
            "sigs.k8s.io/yaml",
            "values.yaml/x:1",
            "/bin/sh",
        ] {
            assert!(strength(text).is_none(), "{text}");
        }
    }

    #[test]
    fn whole_references_are_found_in_text() {
        let found = |text: &str| {
            references(text)
                .map(|(_, token, _)| token.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found("4.0.0=quay.io/a/kafka:1\n4.1.0=quay.io/a/kafka:2"),
            ["quay.io/a/kafka:1", "quay.io/a/kafka:2"]
        );
        assert_eq!(
            found("docker pull 'ghcr.io/a/b:1'; x=[\"quay.io/c:2\"]."),
            ["ghcr.io/a/b:1", "quay.io/c:2"]
        );
        assert!(found("see https://example.com/a/b:1 or web.svc:8080/path, apps/v1:2").is_empty());
        assert_eq!(found("url: docker://quay.io/a/disk:1"), ["quay.io/a/disk:1"]);
    }
}
