use airlock_types::Digest;

use super::super::chain::SignedPackage;
use super::super::control::Paragraph;
use super::super::release::check_path;
use super::super::version::Version;
use super::pool_path;
use crate::deb::archive::is_package_name;

/// A package as an index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    name: String,
    version: String,
    architecture: String,
    source: String,
    component: String,
    size: u64,
    digest: Digest,
    /// What stands in the index besides where and what its file is.
    fields: String,
}

/// Why a package cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the package {package} cannot be listed: {why}")]
pub struct EntryError {
    /// Which, as far as that can be told.
    package: String,
    /// Why not.
    why: String,
}

/// Fields that are about the file, and so the repository's to write; and those that only weak readers need.
const OWN: [&str; 9] = [
    "Filename",
    "Size",
    "SHA256",
    "SHA512",
    "SHA1",
    "MD5sum",
    "Description-md5",
    "Status",
    "Conffiles",
];

impl Entry {
    /// From the paragraph of an index or of a control file, with what its file is.
    pub fn new(
        paragraph: Paragraph<'_>,
        component: &str,
        size: u64,
        digest: Digest,
    ) -> Result<Self, EntryError> {
        let text = |field: &str| {
            paragraph
                .get(field)
                .and_then(|value| std::str::from_utf8(value).ok())
        };
        let wrong = |why: String| EntryError {
            package: text("Package").unwrap_or("?").chars().take(100).collect(),
            why,
        };
        if let Some(name) = paragraph.duplicate() {
            return Err(wrong(format!("it has {name} twice")));
        }
        let needed = |field: &str| text(field).ok_or_else(|| wrong(format!("it has no {field}")));
        let (name, version, architecture) = (needed("Package")?, needed("Version")?, needed("Architecture")?);
        version
            .parse::<Version>()
            .map_err(|error| wrong(error.to_string()))?;
        // `Source: name (version)` where the two differ.
        let source = text("Source").and_then(|source| source.split_whitespace().next());
        let source = source.unwrap_or(name);
        for plain in [name, architecture, source] {
            if !is_package_name(plain) {
                return Err(wrong(format!("{plain:?} is no name")));
            }
        }
        check_path(component).map_err(|error| wrong(error.to_string()))?;
        let path = pool_path(component, source, name, version, architecture);
        check_path(&path).map_err(|error| wrong(error.to_string()))?;
        let mut fields = String::new();
        for field in paragraph.fields() {
            if OWN.iter().any(|own| field.is(own)) {
                continue;
            }
            fields.push_str(field.name());
            fields.push(':');
            for (number, line) in field.value().split(|&byte| byte == b'\n').enumerate() {
                if number > 0 && line.first() == Some(&b'#') {
                    continue;
                }
                let line = std::str::from_utf8(line)
                    .map_err(|_| wrong(format!("its field {} is not UTF-8", field.name())))?;
                let line = line.trim_end();
                // A line after the first begins with white space, which stays: descriptions have meaning in it.
                if number == 0 && !line.is_empty() {
                    fields.push(' ');
                }
                fields.push_str(line);
                fields.push('\n');
            }
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            source: source.to_owned(),
            component: component.to_owned(),
            size,
            digest,
            fields,
        })
    }

    /// From a signed index. Needs its SHA-256, which is what files are kept under.
    pub fn from_signed(package: &SignedPackage<'_>, component: &str) -> Result<Self, EntryError> {
        let digest = package.checksum().as_sha256().ok_or_else(|| EntryError {
            package: package.name.to_owned(),
            why: "its index gives no SHA256".to_owned(),
        })?;
        Self::new(package.paragraph(), component, package.size, digest)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its architecture.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Its component.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// The length of its file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of its file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Where its file lies below the repository's root.
    pub fn pool_path(&self) -> String {
        pool_path(
            &self.component,
            &self.source,
            &self.name,
            &self.version,
            &self.architecture,
        )
    }

    /// Which of two descriptions of one file is taken: any, as long as it is always the same.
    pub(super) fn rank(&self) -> (&str, &str) {
        (&self.component, &self.fields)
    }

    /// Its paragraph in the index.
    pub(super) fn paragraph(&self) -> String {
        format!(
            "{}Filename: {}\nSize: {}\nSHA256: {}\n\n",
            self.fields,
            self.pool_path(),
            self.size,
            self.digest.hex()
        )
    }
}
