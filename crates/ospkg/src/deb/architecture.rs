//! Debian's names of machine architectures.

use airlock_types::Platform;

/// The architecture of packages that run on any machine.
pub const ALL: &str = "all";

/// What Debian calls a platform of containers, `arm64` for `linux/arm64`; none where Debian has no such port.
///
/// Source: dpkg-architecture(1), `dpkg-architecture -L`.
pub fn of_platform(platform: &Platform) -> Option<&'static str> {
    if platform.os() != "linux" {
        return None;
    }
    Some(match (platform.architecture(), platform.variant()) {
        ("amd64", _) => "amd64",
        ("arm64", _) => "arm64",
        ("386", _) => "i386",
        ("arm", Some("v7") | None) => "armhf",
        ("arm", Some("v5" | "v6")) => "armel",
        ("ppc64le", _) => "ppc64el",
        ("s390x", _) => "s390x",
        ("riscv64", _) => "riscv64",
        ("mips64le", _) => "mips64el",
        ("loong64", _) => "loong64",
        _ => return None,
    })
}

/// Whether an architecture is the one named, or one that the wildcard (`any`, `linux-any`, `any-amd64`) stands
/// for (Policy 11.1). Of systems, only Linux is known.
pub fn matches(wanted: &str, architecture: &str) -> bool {
    wanted == architecture
        || matches!(wanted, "any" | "linux-any")
        || wanted.strip_prefix("any-") == Some(architecture)
        || wanted.strip_prefix("linux-") == Some(architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_debian_names() {
        let name = |text: &str| of_platform(&text.parse().unwrap());
        assert_eq!(name("linux/amd64"), Some("amd64"));
        assert_eq!(name("linux/arm64/v8"), Some("arm64"));
        assert_eq!(name("linux/arm/v7"), Some("armhf"));
        assert_eq!(name("linux/386"), Some("i386"));
        assert_eq!(name("windows/amd64"), None);
    }

    #[test]
    fn wildcards_stand_for_architectures() {
        for wanted in ["amd64", "any", "linux-any", "any-amd64", "linux-amd64"] {
            assert!(matches(wanted, "amd64"), "{wanted}");
        }
        for wanted in ["arm64", "any-arm64", "hurd-any", "kfreebsd-amd64"] {
            assert!(!matches(wanted, "amd64"), "{wanted}");
        }
    }
}
