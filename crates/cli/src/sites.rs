//! `site.yaml` as a file.

use std::path::Path;

use airlock_spec::site::Site;

use crate::failure::{Failure, Result};
use crate::files;

/// More than any site needs.
const LIMIT: u64 = 4 << 20;

/// Reads a `site.yaml`.
pub(crate) fn load(path: &Path) -> Result<Site> {
    let text = files::read_text("the site", path, LIMIT)?;
    Site::read(&text, path).map_err(|errors| {
        let count = errors.0.len();
        let what = if count == 1 {
            "a mistake".to_owned()
        } else {
            format!("{count} mistakes")
        };
        Failure::from(anyhow::anyhow!(
            "the site has {what}\n\n{}",
            errors.render().trim_end()
        ))
    })
}
