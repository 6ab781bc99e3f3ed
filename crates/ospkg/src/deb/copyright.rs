//! The licences of a package, as its `copyright` file names them.
//!
//! Many files have the machine-readable form (DEP-5, Policy 12.5); its short names are translated into SPDX
//! identifiers where there is an exact one. Of the others only what cannot be mistaken is recognised.

use std::collections::BTreeSet;

use super::control::paragraphs;

/// What a copyright file says about licences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licences {
    /// Whether the file has the machine-readable form.
    pub machine_readable: bool,
    /// The short names as they stand there: `GPL-2+`, `Expat`.
    pub names: BTreeSet<String>,
    /// SPDX expressions, one for each way in which parts of the package are licensed:
    /// `GPL-2.0-or-later`, `Artistic-2.0 OR MIT`.
    pub spdx: BTreeSet<String>,
    /// Names that no SPDX identifier is exactly the same as.
    pub unknown: BTreeSet<String>,
}

impl Licences {
    /// For an SPDX document: the expressions joined, if everything in the package is known; `NOASSERTION`
    /// otherwise, which is what honesty has.
    pub fn expression(&self) -> String {
        if self.spdx.is_empty() || !self.unknown.is_empty() {
            return "NOASSERTION".to_owned();
        }
        let several = self.spdx.len() > 1;
        let known: Vec<String> = self
            .spdx
            .iter()
            .map(|one| {
                if several && one.contains(" OR ") {
                    format!("({one})")
                } else {
                    one.clone()
                }
            })
            .collect();
        known.join(" AND ")
    }
}

/// Where the machine-readable form says that it is one.
const FORMAT: &str = "copyright-format/1";
/// More names than any file has.
const MAX_NAMES: usize = 5000;

/// Reads a copyright file. Never fails: from what cannot be read, nothing is concluded.
pub fn read(text: &[u8]) -> Licences {
    let mut all = paragraphs(text);
    let is_format = |value: &[u8]| String::from_utf8_lossy(value).contains(FORMAT);
    let first = all.next().and_then(Result::ok);
    let head = first.filter(|first| {
        first
            .get("Format")
            .or(first.get("Format-Specification"))
            .is_some_and(is_format)
    });
    let Some(head) = head else {
        return free_form(&String::from_utf8_lossy(text));
    };
    let mut licences = Licences {
        machine_readable: true,
        ..Licences::default()
    };
    let mut damaged = false;
    for paragraph in std::iter::once(Ok(head)).chain(all) {
        let Ok(paragraph) = paragraph else {
            damaged = true;
            break;
        };
        let Some(line) = paragraph.field("License").and_then(|field| field.lines().next()) else {
            continue;
        };
        if licences.names.len() >= MAX_NAMES {
            damaged = true;
            break;
        }
        licences.add(&String::from_utf8_lossy(line));
    }
    if damaged {
        licences
            .unknown
            .insert("(the rest of the file is damaged)".to_owned());
    }
    licences
}

impl Licences {
    /// Adds a synopsis: `GPL-2+ or Artistic-2.0`, `BSD-3-clause and Expat`, `GPL-2+ with OpenSSL exception`.
    fn add(&mut self, synopsis: &str) {
        let mut names: Vec<String> = Vec::new();
        let mut current: Vec<&str> = Vec::new();
        let (mut all, mut any) = (false, false);
        let spaced = synopsis.replace(',', " , ").replace('|', " or ");
        for word in spaced.split_whitespace().take(200) {
            match word.to_ascii_lowercase().as_str() {
                "and" => all = true,
                "or" | "and/or" => any = true,
                "," => {}
                _ => {
                    current.push(word);
                    continue;
                }
            }
            names.push(std::mem::take(&mut current).join(" "));
        }
        names.push(current.join(" "));
        names.retain(|name| !name.is_empty());
        let known: Option<Vec<String>> = names.iter().map(|name| spdx(name)).collect();
        let comma = synopsis.contains(',');
        match known {
            // Which of `and` and `or` comes first is a matter of commas that few set as the format says.
            Some(known) if !(any && (all || comma)) && !known.is_empty() => {
                self.spdx.insert(known.join(if any { " OR " } else { " AND " }));
            }
            _ => {
                self.unknown.insert(synopsis.chars().take(100).collect());
            }
        }
        self.names.extend(
            names
                .into_iter()
                .map(|name| name.chars().take(100).collect::<String>()),
        );
    }
}

/// Short names of DEP-5 and of common use, in lower case, with the identifier that is exactly the same.
const SAME: [(&str, &str); 49] = [
    ("expat", "MIT"),
    ("mit", "MIT"),
    ("mit/x11", "MIT"),
    ("isc", "ISC"),
    ("zlib", "Zlib"),
    ("cc0", "CC0-1.0"),
    ("cc0-1.0", "CC0-1.0"),
    ("unlicense", "Unlicense"),
    ("wtfpl", "WTFPL"),
    ("wtfpl-2", "WTFPL"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-2-clauses", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-3-clauses", "BSD-3-Clause"),
    ("bsd-4-clause", "BSD-4-Clause"),
    ("bsd-4-clause-uc", "BSD-4-Clause-UC"),
    ("0bsd", "0BSD"),
    ("apache-1", "Apache-1.0"),
    ("apache-1.0", "Apache-1.0"),
    ("apache-1.1", "Apache-1.1"),
    ("apache-2", "Apache-2.0"),
    ("apache-2.0", "Apache-2.0"),
    ("artistic-1", "Artistic-1.0"),
    ("artistic-1.0", "Artistic-1.0"),
    ("artistic-2", "Artistic-2.0"),
    ("artistic-2.0", "Artistic-2.0"),
    ("mpl-1.1", "MPL-1.1"),
    ("mpl-2", "MPL-2.0"),
    ("mpl-2.0", "MPL-2.0"),
    ("cddl-1", "CDDL-1.0"),
    ("cddl-1.0", "CDDL-1.0"),
    ("epl-1", "EPL-1.0"),
    ("epl-1.0", "EPL-1.0"),
    ("epl-2.0", "EPL-2.0"),
    ("cpl-1.0", "CPL-1.0"),
    ("python-2.0", "Python-2.0"),
    ("psf-2", "PSF-2.0"),
    ("psf-2.0", "PSF-2.0"),
    ("openssl", "OpenSSL"),
    ("curl", "curl"),
    ("bsl-1.0", "BSL-1.0"),
    ("ofl-1.1", "OFL-1.1"),
    ("sil-ofl-1.1", "OFL-1.1"),
    ("postgresql", "PostgreSQL"),
    ("ntp", "NTP"),
    ("qpl-1.0", "QPL-1.0"),
    ("zpl-2.1", "ZPL-2.1"),
    ("vim", "Vim"),
    ("ruby", "Ruby"),
];

/// The SPDX identifier that a short name is exactly the same as.
pub fn spdx(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, id)) = SAME.iter().find(|(own, _)| *own == lower) {
        return Some((*id).to_owned());
    }
    family(&lower, "agpl", "AGPL", &["3"])
        .or_else(|| family(&lower, "lgpl", "LGPL", &["2", "2.1", "3"]))
        .or_else(|| family(&lower, "gfdl", "GFDL", &["1.1", "1.2", "1.3"]))
        .or_else(|| family(&lower, "gpl", "GPL", &["1", "2", "3"]))
        .or_else(|| creative_commons(&lower))
}

/// `gpl-2+` and `gpl-2.0-or-later` are the same, as are `gpl-2` and `gpl-2.0-only`.
fn family(name: &str, prefix: &str, id: &str, versions: &[&str]) -> Option<String> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('-')?;
    let later = ["+", "-or-later"].iter().find_map(|end| rest.strip_suffix(end));
    let version = later.or_else(|| rest.strip_suffix("-only")).unwrap_or(rest);
    let version = version.strip_suffix(".0").unwrap_or(version);
    if !versions.contains(&version) {
        return None;
    }
    let point = if version.contains('.') { "" } else { ".0" };
    let end = if later.is_some() { "or-later" } else { "only" };
    Some(format!("{id}-{version}{point}-{end}"))
}

fn creative_commons(name: &str) -> Option<String> {
    let (kind, version) = name.strip_prefix("cc-")?.rsplit_once('-')?;
    let kinds = ["by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd"];
    let version = match version {
        "2" | "2.0" => "2.0",
        "2.5" => "2.5",
        "3" | "3.0" => "3.0",
        "4" | "4.0" => "4.0",
        "1" | "1.0" => "1.0",
        _ => return None,
    };
    kinds
        .contains(&kind)
        .then(|| format!("CC-{}-{version}", kind.to_ascii_uppercase()))
}

/// Texts that Debian keeps once for all packages (Policy 12.5), as free-form files refer to them.
const COMMON: [&str; 15] = [
    "Apache-2.0",
    "Artistic",
    "BSD",
    "CC0-1.0",
    "GFDL-1.2",
    "GFDL-1.3",
    "GPL",
    "GPL-1",
    "GPL-2",
    "GPL-3",
    "LGPL-2",
    "LGPL-2.1",
    "LGPL-3",
    "MPL-1.1",
    "MPL-2.0",
];

/// A file that only people can read: the common licences that it refers to are named, and nothing is said of
/// the package as a whole.
fn free_form(text: &str) -> Licences {
    const FOLDER: &str = "/usr/share/common-licenses/";
    let mut licences = Licences::default();
    for (at, _) in text.match_indices(FOLDER).take(MAX_NAMES) {
        let rest = &text[at + FOLDER.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.'))
            .unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches('.');
        if COMMON.contains(&name) {
            licences.names.insert(name.to_owned());
        }
    }
    licences.unknown.insert("(not machine-readable)".to_owned());
    licences
}

#[cfg(test)]
mod tests;
