//! Rendered manifests in files (`--output-dir`).

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use airlock_helm::render::{TemplateOptions, Templated};
use anyhow::Context;

use crate::failure::{Failure, Result};
use crate::print;

/// Writes every manifest into a file below `folder`, as Helm lays them out.
///
/// What is installed and hooks go into a folder `below` that one, if there is to be one.
pub(super) fn write(
    templated: &Templated,
    folder: &Path,
    below: Option<&str>,
    options: &TemplateOptions,
) -> Result {
    let mut writer = Writer {
        written: HashSet::new(),
        lines: String::new(),
    };
    if options.include_crds {
        for (path, file) in &templated.crds {
            writer.write(folder, path, &file.bytes)?;
        }
    }
    let below = below.map_or_else(|| folder.to_owned(), |name| folder.join(name));
    let hooks = templated.printed_hooks(options).map(|hook| &hook.manifest);
    for manifest in templated.manifests.iter().chain(hooks) {
        writer.write(&below, &manifest.path, &manifest.text)?;
    }
    // What Helm would print otherwise is empty, and ends with its line.
    writer.lines.push('\n');
    print::out(&writer.lines)
}

struct Writer {
    written: HashSet<PathBuf>,
    lines: String,
}

impl Writer {
    fn write(&mut self, folder: &Path, path: &str, text: &[u8]) -> Result {
        // The names of charts are part of it, and a chart may be hostile.
        let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        if !Path::new(path).components().all(plain) {
            return Err(Failure::no(anyhow::anyhow!(
                "the path of a template leaves its folder: {path:?}"
            )));
        }
        let file = folder.join(path);
        let about = || format!("the manifest could not be written: {}", file.display());
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(about)?;
        }
        let again = !self.written.insert(file.clone());
        let mut open = fs::OpenOptions::new();
        open.create(true).write(true).append(again).truncate(!again);
        let mut out = open.open(&file).with_context(about)?;
        let head = format!("---\n# Source: {path}\n");
        out.write_all(head.as_bytes())
            .and_then(|()| out.write_all(text))
            .and_then(|()| out.write_all(b"\n"))
            .with_context(about)?;
        self.lines.push_str(&format!("wrote {}\n", file.display()));
        Ok(())
    }
}
