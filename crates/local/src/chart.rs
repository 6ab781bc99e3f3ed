use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use airlock_content::{SourceError, SourceErrorKind};
use airlock_helm::{ChartError, ChartFile, IgnoreRules};
use airlock_types::ByteSize;

use crate::error::{corrupt, local, unsupported};
use crate::region::Region;

/// Bytes of all files; what Helm itself accepts of an unpacked chart.
const MAX_BYTES: u64 = 100 * 1024 * 1024;
/// Files of a chart.
const MAX_FILES: usize = 20_000;
/// Files and folders looked at, ignored ones included.
const MAX_SEEN: usize = 200_000;
/// Folders inside folders.
const MAX_DEPTH: usize = 64;
const IGNORE_FILE: &str = ".helmignore";
const UNREADABLE: &str = "the chart folder cannot be read";

/// Where symbolic links in a chart folder may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// To what is in the folder as well: a chart that came from somewhere else carries no file of this machine.
    #[default]
    Inside,
    /// Anywhere, as with Helm.
    Anywhere,
}

/// Reads the files of a chart folder that its `.helmignore` leaves in, in order of their paths.
///
/// A link that `links` does not allow is an error of [`SourceErrorKind::LinkLeaves`].
pub fn chart_files(path: &Path, links: Links) -> Result<Vec<ChartFile>, SourceError> {
    let root = path.canonicalize().map_err(local(UNREADABLE, path))?;
    if !root.is_dir() {
        return Err(SourceError::new(
            SourceErrorKind::Local,
            "a chart folder is needed, and this is none",
            path.display(),
        )
        .hint("a packaged chart (.tgz) is named by its address, or unpacked first"));
    }
    let rules = match fs::symlink_metadata(root.join(IGNORE_FILE)) {
        Ok(_) => {
            let bytes = real_path(&root, &root.join(IGNORE_FILE), links)
                .and_then(|real| Region::open(&real)?.read_all(MAX_BYTES))?;
            IgnoreRules::parse(&bytes).map_err(|error| {
                corrupt("the .helmignore file cannot be used", path.display()).caused_by(error)
            })?
        }
        Err(_) => IgnoreRules::default(),
    }
    .with_defaults();
    let mut walk = Walk {
        root: &root,
        links,
        rules,
        files: Vec::new(),
        bytes: 0,
        seen: 0,
    };
    walk.folder(&root, "", &mut vec![root.clone()])?;
    Ok(walk.files)
}

/// Packages a chart folder, deterministically.
pub(crate) fn package(path: &Path) -> Result<Vec<u8>, SourceError> {
    airlock_helm::package(chart_files(path, Links::Inside)?).map_err(|error| {
        let hint = match &error {
            ChartError::NoMetadata => Some("name the folder that holds Chart.yaml"),
            ChartError::MissingDependencies(_) => {
                Some("run helm dependency build in the chart's folder first")
            }
            _ => None,
        };
        let outer = corrupt("the chart folder cannot be packaged", path.display()).caused_by(error);
        match hint {
            Some(hint) => outer.hint(hint),
            None => outer,
        }
    })
}

struct Walk<'a> {
    root: &'a Path,
    links: Links,
    rules: IgnoreRules,
    files: Vec<ChartFile>,
    bytes: u64,
    seen: usize,
}

impl Walk<'_> {
    /// Takes in what is in `real`, which the chart knows as `prefix`. `above` are the folders that it is in.
    fn folder(&mut self, real: &Path, prefix: &str, above: &mut Vec<PathBuf>) -> Result<(), SourceError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(real).map_err(local(UNREADABLE, real))? {
            let entry = entry.map_err(local(UNREADABLE, real))?;
            self.seen += 1;
            if self.seen > MAX_SEEN {
                return Err(self.too_much(&format!("the {MAX_SEEN} files and folders allowed")));
            }
            names.push(entry.file_name().into_string().map_err(|_| {
                unsupported("a name in the chart folder is not UTF-8", entry.path().display())
            })?);
        }
        names.sort_unstable();
        for name in names {
            let chart_path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}/{name}")
            };
            // Rules are asked about files only, with their folders: a negated rule can let a folder in again.
            let real = match real_path(self.root, &real.join(&name), self.links) {
                Ok(real) if real.is_dir() => real,
                _ if self.rules.ignores(&chart_path) => continue,
                other => other?,
            };
            if real.is_dir() {
                if above.contains(&real) {
                    return Err(corrupt(
                        "a symbolic link in the chart folder leads in a circle",
                        self.root.join(&chart_path).display(),
                    ));
                }
                if above.len() >= MAX_DEPTH {
                    return Err(self.too_much(&format!("the {MAX_DEPTH} levels of folders allowed")));
                }
                above.push(real.clone());
                self.folder(&real, &chart_path, above)?;
                above.pop();
            } else {
                self.file(&real, chart_path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, real: &Path, path: String) -> Result<(), SourceError> {
        let region = Region::open(real)?;
        self.bytes += region.len();
        if self.bytes > MAX_BYTES {
            return Err(self.too_much(&format!("the {} allowed", ByteSize(MAX_BYTES))));
        }
        if self.files.len() == MAX_FILES {
            return Err(self.too_much(&format!("the {MAX_FILES} files allowed")));
        }
        let bytes = region.read_all(MAX_BYTES)?;
        self.files.push(ChartFile { path, bytes });
        Ok(())
    }

    fn too_much(&self, of_what: &str) -> SourceError {
        unsupported(
            format!("the chart folder holds more than {of_what}"),
            self.root.display(),
        )
        .hint("name what does not belong to the chart in its .helmignore file")
    }
}

/// The real path of what may be a symbolic link, if it may lead there.
fn real_path(root: &Path, path: &Path, links: Links) -> Result<PathBuf, SourceError> {
    let real = path.canonicalize().map_err(|cause| {
        let nowhere = cause.kind() == ErrorKind::NotFound;
        let error = local("the file cannot be read", path)(cause);
        if nowhere {
            // Its folder has just listed it.
            error.hint("it is a symbolic link that leads nowhere: take it away, or name it in .helmignore")
        } else {
            error
        }
    })?;
    if links == Links::Anywhere || real.starts_with(root) {
        return Ok(real);
    }
    Err(SourceError::new(
        SourceErrorKind::LinkLeaves,
        "a symbolic link leads out of the chart folder",
        path.display(),
    )
    .hint("put the file itself into the chart, or name the link in .helmignore"))
}
