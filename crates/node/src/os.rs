//! Which distribution a machine has.

use crate::PackageManager;

/// `os-release(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `debian`, `rocky`, `sles`.
    pub id: String,
    /// What it is like: `rhel fedora`.
    pub like: Vec<String>,
    /// `12`, `9.4`.
    pub version: String,
    /// `bookworm`; empty where there is none.
    pub codename: String,
    /// `coreos`, `iot`; empty where there is none.
    pub variant: String,
    /// Whether its files come as one tree (`OSTREE_VERSION`), so that packages are layered on it.
    pub is_ostree: bool,
}

impl OsRelease {
    /// Reads the text of `/etc/os-release`.
    pub fn parse(text: &str) -> Self {
        let mut os = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            match name.trim() {
                "ID" => value.clone_into(&mut os.id),
                "ID_LIKE" => os.like = value.split_whitespace().map(str::to_owned).collect(),
                "VERSION_ID" => value.clone_into(&mut os.version),
                "VERSION_CODENAME" => value.clone_into(&mut os.codename),
                "VARIANT_ID" => value.clone_into(&mut os.variant),
                "OSTREE_VERSION" => os.is_ostree = !value.is_empty(),
                _ => {}
            }
        }
        os
    }

    fn is_like(&self, names: &[&str]) -> bool {
        names.contains(&self.id.as_str()) || self.like.iter().any(|like| names.contains(&like.as_str()))
    }

    /// The part of the version before the first dot.
    pub fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    /// As manifests name a distribution: `debian-12`, `ubuntu-24.04`; `debian-forky` where there is no number yet.
    pub fn distro(&self) -> Option<String> {
        let version = [&self.version, &self.codename]
            .into_iter()
            .find(|text| !text.is_empty())?;
        (!self.id.is_empty()).then(|| format!("{}-{version}", self.id))
    }

    /// As k3s names the distribution of its SELinux policy: `el9`, `sle`, `coreos`. A Fedora after 36 takes the one of
    /// `el8`, as does Amazon Linux 2023 (k3s, `install.sh`, `setup_selinux`); `el10` is a folder of k3s-selinux's own.
    pub fn selinux(&self) -> Option<String> {
        if self.is_like(&["suse", "sles", "opensuse"]) {
            return Some("sle".to_owned());
        }
        if !self.is_like(&["rhel", "centos", "fedora", "coreos"]) {
            return None;
        }
        let is_fedora = self.id == "fedora" || self.like == ["fedora"];
        if self.like == ["coreos"]
            || ["coreos", "iot"].contains(&self.variant.as_str())
            || (is_fedora && self.is_ostree)
        {
            return Some("coreos".to_owned());
        }
        let distro = match (self.id.as_str(), self.major()) {
            (_, "7") | ("amzn", "2") => "el7",
            (_, "8" | "V10") => "el8",
            (_, "10") => "el10",
            (_, major) if major.parse::<u32>().is_ok_and(|major| major > 36) => "el8",
            _ => "el9",
        };
        Some(distro.to_owned())
    }

    /// What installs packages.
    pub fn packages(&self) -> Option<PackageManager> {
        if self.is_like(&["debian", "ubuntu"]) {
            Some(PackageManager::Apt)
        } else if self.is_like(&["rhel", "centos", "fedora"]) {
            Some(PackageManager::Dnf)
        } else if self.is_like(&["suse", "sles", "opensuse"]) {
            Some(PackageManager::Zypper)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_apart() {
        let read = |text: &str| {
            let os = OsRelease::parse(text);
            (os.distro().unwrap_or_default(), os.selinux(), os.packages())
        };
        assert_eq!(
            read("ID=debian\nVERSION_ID=\"12\"\n"),
            ("debian-12".into(), None, Some(PackageManager::Apt))
        );
        assert_eq!(
            read("NAME=x\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID='9.4'"),
            ("rocky-9.4".into(), Some("el9".into()), Some(PackageManager::Dnf))
        );
        assert_eq!(
            read("ID=sles\nID_LIKE=suse\nVERSION_ID=15.6"),
            (
                "sles-15.6".into(),
                Some("sle".into()),
                Some(PackageManager::Zypper)
            )
        );
        assert_eq!(read("garbage"), (String::new(), None, None));
        assert_eq!(read("ID=debian\nVERSION_CODENAME=forky\n").0, "debian-forky");
        assert_eq!(read("ID=rhel\nVERSION_ID=../../x\n").1, Some("el9".into()));
    }

    #[test]
    fn policies_of_selinux_are_those_that_the_installer_of_k3s_takes() {
        let policy = |text: &str| OsRelease::parse(text).selinux().unwrap_or_default();
        for (text, wanted) in [
            ("ID=fedora\nVERSION_ID=41\nVARIANT_ID=server\n", "el8"),
            ("ID=fedora\nVERSION_ID=36\n", "el9"),
            (
                "ID=fedora\nVERSION_ID=41\nVARIANT_ID=coreos\nOSTREE_VERSION='41.2'\n",
                "coreos",
            ),
            ("ID=fedora\nVERSION_ID=41\nOSTREE_VERSION='41.2'\n", "coreos"),
            ("ID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n", "el8"),
            (
                "ID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\nVERSION_ID=\"2\"\n",
                "el7",
            ),
            (
                "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"10.0\"\n",
                "el10",
            ),
            (
                "ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\nVERSION_ID=15.6\n",
                "sle",
            ),
            ("ID=debian\nVERSION_ID=12\n", ""),
        ] {
            assert_eq!(policy(text), wanted, "{text}");
        }
    }
}
