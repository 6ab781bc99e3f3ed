//! The inventory of a node: which OS packages it has, for manifests whose packages are to fit it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use airlock_types::json;
use serde::{Deserialize, Serialize};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// What a node has. It says nothing of who the node is, so that one file can stand for many alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inventory {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// The distribution, `debian-12`.
    pub distro: String,
    /// The distribution's name of the architecture, `amd64`.
    pub architecture: String,
    /// Other architectures that it installs packages of.
    #[serde(default)]
    pub foreign_architectures: Vec<String>,
    /// The packages that are installed, in the order of the system's own list.
    pub packages: Vec<InventoryPackage>,
}

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InventoryPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// What else of it matters to what can be installed beside it: `Provides`, `Depends` and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Why bytes are no inventory.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// Not JSON, or not of the right shape.
    #[error("the inventory is not valid")]
    Json(#[from] json::JsonError),
    /// Written by a later version.
    #[error("the inventory has a format that this version cannot read: {0}")]
    Format(u32),
    /// A value that would not stay on its line.
    #[error("the inventory says of a package what cannot be: {0}")]
    Package(String),
}

impl Inventory {
    /// Whether bytes may be an inventory, rather than a dpkg status file: that begins with the name of a field.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.trim_ascii_start().starts_with(b"{")
    }

    /// Reads an inventory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InventoryError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = json::from_slice(bytes)?;
        if head.format != FORMAT {
            return Err(InventoryError::Format(head.format));
        }
        let inventory: Self = json::from_slice(bytes)?;
        let damaged = inventory.packages.iter().find(|package| !package.is_sound());
        match damaged {
            Some(package) => {
                let name = package.name.chars().filter(|letter| !letter.is_control());
                Err(InventoryError::Package(name.take(100).collect()))
            }
            None => Ok(inventory),
        }
    }

    /// JSON with a line for each value, for people who compare two of them.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The same as a dpkg status file.
    pub fn to_status(&self) -> String {
        let mut text = String::new();
        for package in &self.packages {
            let InventoryPackage {
                name,
                version,
                architecture,
                fields,
            } = package;
            let _ = write!(
                text,
                "Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: {architecture}\n"
            );
            for (field, value) in fields {
                let _ = writeln!(text, "{field}: {value}");
            }
            text.push('\n');
        }
        text
    }
}

/// Fields that are told apart from the others.
const OWN: [&str; 4] = ["Package", "Status", "Version", "Architecture"];

impl InventoryPackage {
    /// Whether it makes one paragraph, and each of its fields one line.
    fn is_sound(&self) -> bool {
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let field = |name: &str| {
            let own = OWN.iter().any(|own| own.eq_ignore_ascii_case(name));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !own && !name.is_empty() && !name.starts_with('-') && name.bytes().all(plain)
        };
        word(&self.name)
            && word(&self.version)
            && word(&self.architecture)
            && self
                .fields
                .iter()
                .all(|(name, value)| field(name) && !value.chars().any(char::is_control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        Inventory {
            format: FORMAT,
            distro: "debian-12".into(),
            architecture: "amd64".into(),
            foreign_architectures: Vec::new(),
            packages: vec![InventoryPackage {
                name: "exim4".into(),
                version: "4.96-15".into(),
                architecture: "all".into(),
                fields: [("Provides".to_owned(), "default-mta".to_owned())].into(),
            }],
        }
    }

    #[test]
    fn round_trip_and_status() {
        let text = inventory().to_text().unwrap();
        assert!(Inventory::is_one(text.as_bytes()) && !Inventory::is_one(b"Package: x\n"));
        assert_eq!(Inventory::from_bytes(text.as_bytes()).unwrap(), inventory());
        assert_eq!(
            inventory().to_status(),
            "Package: exim4\nStatus: install ok installed\nVersion: 4.96-15\nArchitecture: all\nProvides: default-mta\n\n"
        );
    }

    #[test]
    fn a_value_cannot_leave_its_line() {
        let refused = |change: fn(&mut InventoryPackage)| {
            let mut inventory = inventory();
            change(&mut inventory.packages[0]);
            let text = inventory.to_text().unwrap();
            matches!(
                Inventory::from_bytes(text.as_bytes()),
                Err(InventoryError::Package(_))
            )
        };
        assert!(refused(|package| package.version = "1\nEssential: yes".into()));
        assert!(refused(|package| package.name.clear()));
        assert!(refused(|package| {
            package.fields.insert("Depends".into(), "a\n\nPackage: b".into());
        }));
        assert!(refused(|package| {
            package
                .fields
                .insert("status".into(), "deinstall ok config-files".into());
        }));
        assert!(refused(|package| {
            package.fields.insert("a: b\nc".into(), String::new());
        }));
        let later = inventory()
            .to_text()
            .unwrap()
            .replace("\"format\": 1", "\"format\": 2");
        assert!(matches!(
            Inventory::from_bytes(later.as_bytes()),
            Err(InventoryError::Format(2))
        ));
    }
}
