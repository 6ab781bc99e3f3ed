//! `/proc/mounts` and its kind.

use std::path::{Path, PathBuf};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is.
    pub(crate) place: PathBuf,
    /// The type of file system.
    pub(crate) kind: String,
    /// Its options.
    pub(crate) options: Vec<String>,
}

impl Mount {
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|it| it == option)
    }
}

/// Reads `/proc/mounts`, in which space, tab, line feed and backslash are octal.
pub(crate) fn read(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let place = PathBuf::from(unescape(fields.next()?));
            let kind = fields.next()?.to_owned();
            let options = fields.next()?.split(',').map(str::to_owned).collect();
            Some(Mount { place, kind, options })
        })
        .collect()
}

/// The mount that a path is on: the last of the deepest ones.
pub(crate) fn of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.place))
        .max_by_key(|mount| mount.place.components().count())
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let code = after
            .get(1..4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            out.push(char::from(code));
            rest = after.get(4..).unwrap_or("");
        } else {
            out.push('\\');
            rest = after.get(1..).unwrap_or("");
        }
    }
    out.push_str(rest);
    out
}
