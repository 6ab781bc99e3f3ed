use super::super::archive::is_package_name;
use super::super::control::{Paragraph, paragraphs};
use super::super::release::{Algorithm, Checksum, check_path, decimal};
use super::super::version::Version;
use super::{ChainError, PackageCheck};

/// A list of packages that a signed release lists.
#[derive(Clone, Debug)]
pub struct SignedIndex {
    path: String,
    text: Vec<u8>,
}

/// A package that a signed index lists.
#[derive(Clone, Copy, Debug)]
pub struct SignedPackage<'a> {
    paragraph: Paragraph<'a>,
    /// `Package`.
    pub name: &'a str,
    /// `Version`, of the form that Policy gives it.
    pub version: &'a str,
    /// `Architecture`.
    pub architecture: &'a str,
    /// `Filename`: where it lies below the repository's root; below the folder of a flat one.
    pub path: &'a str,
    /// `Size` in bytes.
    pub size: u64,
    checksum: (Algorithm, &'a str),
}

impl SignedIndex {
    pub(super) fn new(path: String, text: Vec<u8>) -> Self {
        Self { path, text }
    }

    /// Its path below the release.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its text, decompressed.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its packages. An entry that cannot be used is an error in its place; after damage to the form of the
    /// whole there are no more.
    pub fn packages(&self) -> impl Iterator<Item = Result<SignedPackage<'_>, ChainError>> {
        paragraphs(&self.text).map(|paragraph| {
            let paragraph = paragraph.map_err(|source| ChainError::Control {
                path: self.path.clone(),
                source,
            })?;
            SignedPackage::read(paragraph)
        })
    }
}

impl<'a> SignedPackage<'a> {
    fn read(paragraph: Paragraph<'a>) -> Result<Self, ChainError> {
        let text = |field: &str| {
            paragraph
                .get(field)
                .and_then(|value| std::str::from_utf8(value).ok())
        };
        let wrong = |why: String| ChainError::Entry {
            package: text("Package").unwrap_or("?").chars().take(100).collect(),
            why,
        };
        let needed = |field: &str| text(field).ok_or_else(|| wrong(format!("it has no {field}")));
        if let Some(name) = paragraph.duplicate() {
            return Err(wrong(format!("it has {name} twice")));
        }
        let name = needed("Package")?;
        if !is_package_name(name) {
            return Err(wrong("its name is none".to_owned()));
        }
        let version = needed("Version")?;
        version
            .parse::<Version>()
            .map_err(|error| wrong(error.to_string()))?;
        let architecture = needed("Architecture")?;
        if !is_package_name(architecture) {
            return Err(wrong("its architecture is none".to_owned()));
        }
        let path = needed("Filename")?;
        let path = path.strip_prefix("./").unwrap_or(path);
        check_path(path).map_err(|error| wrong(error.to_string()))?;
        let size = needed("Size")?;
        let size = decimal(size).ok_or_else(|| wrong(format!("its size is {size:?}")))?;
        let checksum = [Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find_map(|algorithm| Some((algorithm, text(algorithm.section())?)))
            .ok_or_else(|| wrong("it has neither SHA256 nor SHA512".to_owned()))?;
        Checksum::from_hex(checksum.0, checksum.1)
            .ok_or_else(|| wrong(format!("its {} is damaged", checksum.0)))?;
        Ok(Self {
            paragraph,
            name,
            version,
            architecture,
            path,
            size,
            checksum,
        })
    }

    /// All that the index says of it.
    pub fn paragraph(&self) -> Paragraph<'a> {
        self.paragraph
    }

    /// Its checksum.
    pub fn checksum(&self) -> Checksum {
        Checksum::from_hex(self.checksum.0, self.checksum.1).unwrap_or_else(|| Checksum::sha256(b""))
    }

    /// A check of its file.
    pub fn check(&self) -> PackageCheck {
        PackageCheck::new(self.path.to_owned(), self.size, self.checksum())
    }
}
