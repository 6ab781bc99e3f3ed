//! Renders charts for the questions on standard input, a JSON object a line, with the words of
//! `tests/oracle.py`; what `cargo xtask helm-corpus` and `helm-fuzz` compare with Helm.
#![allow(clippy::print_stdout, reason = "an example for the command line")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use airlock_helm::call::World;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::render::{KubeVersion, Options, Renderer, ValueSources};
use airlock_helm::{ChartFile, IgnoreRules};
use mimalloc::MiMalloc;
use serde_json::{Value, json};

/// Made for many small values: with the allocator of the C library everything takes about a fifth longer. The program
/// `airlock` keeps that one, since with this one large buffers take twice the memory while they grow.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut renderer = Renderer::default();
    for line in std::io::stdin().lock().lines() {
        println!("{}", answer(&serde_json::from_str(&line?)?, &mut renderer));
    }
    Ok(())
}

fn answer(question: &Value, renderer: &mut Renderer) -> Value {
    let mut best = f64::MAX;
    let mut reply = Value::Null;
    if question["keep"] == Value::Bool(false) {
        *renderer = Renderer::default();
    }
    let repeat = question["repeat"].as_u64().unwrap_or(1);
    // Each repetition knows what the charts before this one have left, and nothing of this one.
    let before = (repeat > 1).then(|| renderer.clone());
    for repetition in 0..repeat {
        if let Some(before) = &before {
            *renderer = before.clone();
        }
        let start = Instant::now();
        let done = rendered(question, repetition, renderer);
        best = best.min(start.elapsed().as_secs_f64());
        reply = match done {
            Ok((files, keys)) => json!({ "files": files, "keys": keys }),
            Err(error) => json!({ "error": error.to_string() }),
        };
    }
    reply["seconds"] = best.into();
    reply
}

type Files = BTreeMap<String, String>;

/// The files, and whether keys were made for them. Each repetition draws other random values, as Helm does.
fn rendered(
    question: &Value,
    repetition: u64,
    renderer: &mut Renderer,
) -> Result<(Files, bool), Box<dyn Error>> {
    let profile = Profile::Helm4;
    let chart = match (&question["files"], question["chart"].as_str()) {
        (Value::Object(files), _) => {
            let files = files.iter().map(|(path, text)| ChartFile {
                path: path.clone(),
                bytes: text.as_str().unwrap_or_default().as_bytes().to_vec(),
            });
            Chart::from_files(files, profile)?
        }
        (_, Some(path)) if Path::new(path).is_file() => Chart::from_archive(&fs::read(path)?, profile)?,
        (_, Some(path)) => {
            let mut files = Vec::new();
            let rules = match fs::read(Path::new(path).join(".helmignore")) {
                Ok(bytes) => IgnoreRules::parse(&bytes)?,
                Err(_) => IgnoreRules::default(),
            };
            walk(Path::new(path), "", &rules, &mut files)?;
            Chart::from_files(files, profile)?
        }
        _ => return Err("the question names no chart".into()),
    };
    let mut options = Options::new(profile);
    let given = &question["options"];
    if let Some(name) = given["name"].as_str() {
        name.clone_into(&mut options.name);
    }
    if let Some(namespace) = given["namespace"].as_str() {
        namespace.clone_into(&mut options.namespace);
    }
    if let Some(revision) = given["revision"].as_i64() {
        options.revision = revision;
    }
    if let Some(upgrade) = given["is_upgrade"].as_bool() {
        options.is_upgrade = upgrade;
    }
    if let Some(version) = given["kube_version"].as_str() {
        options.capabilities.kube = KubeVersion::parse(version, profile)?;
    }
    for version in given["api_versions"].as_array().into_iter().flatten() {
        let version = version.as_str().unwrap_or_default().to_owned();
        options.capabilities.api_versions.push(version);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = question["seed"].as_u64().unwrap_or(1).wrapping_add(repetition);
    options.world = World::new((i64::try_from(now.as_secs())?, now.subsec_nanos()), seed);
    let texts = question["values"].as_array().into_iter().flatten();
    let values = ValueSources {
        files: texts
            .map(|text| {
                let text = text.as_str().unwrap_or_default().as_bytes().to_vec();
                ("values.yaml".to_owned(), text)
            })
            .collect(),
        ..ValueSources::default()
    };
    let done = renderer.render(&chart, &values, &options, &mut |_| Err("no files".to_owned()))?;
    Ok((done.into_texts(), !options.world.keys.is_empty()))
}

/// The files of a folder that are not ignored; links are followed, as Helm follows them.
fn walk(
    folder: &Path,
    prefix: &str,
    rules: &IgnoreRules,
    files: &mut Vec<ChartFile>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() || kind.is_symlink() && fs::metadata(entry.path())?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), rules, files)?;
        } else if !rules.ignores(&path) {
            files.push(ChartFile {
                path,
                bytes: fs::read(entry.path())?,
            });
        }
    }
    Ok(())
}
