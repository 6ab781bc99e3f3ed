//! What the target has before anything is installed, as a dpkg status file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::sources::Root;
use super::{PYTHON, ask, by_question, command, script};

/// The status file that an option names.
pub(super) fn prepare(root: &Root, base: &str) -> Result<PathBuf> {
    match base {
        "empty" => Ok(root.folder.join("empty")),
        "minimal" => minimal(root),
        file => fs::canonicalize(file).with_context(|| format!("cannot read {file}")),
    }
}

fn value<'a>(paragraph: &'a str, field: &str) -> &'a str {
    let line = paragraph
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim()
}

/// What is essential or required, and what that needs, as apt chooses it.
fn minimal(root: &Root) -> Result<PathBuf> {
    let mut wanted = Vec::new();
    let mut paragraphs = BTreeMap::new();
    for index in &root.indexes {
        for paragraph in fs::read_to_string(&index.packages)?.split("\n\n") {
            let name = value(paragraph, "Package");
            let is_needed =
                value(paragraph, "Essential") == "yes" || value(paragraph, "Priority") == "required";
            if is_needed && !wanted.iter().any(|it| it == name) {
                wanted.push(name.to_owned());
            }
            paragraphs.insert(
                (name.to_owned(), value(paragraph, "Version").to_owned()),
                paragraph.to_owned(),
            );
        }
    }
    let mut python = command("nice");
    python.args([PYTHON.as_ref(), script().as_os_str()]);
    python.env(
        "APT_CONFIG",
        root.configuration(Path::new(&root.folder.join("empty")))?,
    );
    let (answers, _) = by_question(&ask(&mut python, &[wanted.join(" ")])?);
    let answer = answers.values().next().context("apt gave no answer")?;
    let Some(packages) = answer["packages"].as_array() else {
        bail!("apt cannot make a minimal system: {}", answer["error"]);
    };
    let mut status = String::new();
    for package in packages {
        let text = |at: usize| package[at].as_str().unwrap_or_default().to_owned();
        let paragraph = paragraphs
            .get(&(text(0), text(1)))
            .context("apt chose a package of no index")?;
        status.push_str(&paragraph.replacen('\n', "\nStatus: install ok installed\n", 1));
        status.push_str("\n\n");
    }
    let path = root.folder.join("minimal");
    fs::write(&path, status)?;
    Ok(path)
}
