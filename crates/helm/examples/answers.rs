//! Renders charts for the questions on standard input, a JSON object a line, with the words of
//! `tests/oracle.py`; what `cargo xtask helm-corpus` and `helm-fuzz` compare with Helm.
#![allow(clippy::print_stdout, reason = "an example for the command line")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use airlock_helm::ChartFile;
use airlock_helm::call::World;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::render::{KubeVersion, Options, ValueSources, render};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        println!("{}", answer(&serde_json::from_str(&line?)?));
    }
    Ok(())
}

fn answer(question: &Value) -> Value {
    let mut best = f64::MAX;
    let mut reply = Value::Null;
    for _ in 0..question["repeat"].as_u64().unwrap_or(1) {
        let start = Instant::now();
        let done = rendered(question);
        best = best.min(start.elapsed().as_secs_f64());
        reply = match done {
            Ok(files) => json!({ "files": files }),
            Err(error) => json!({ "error": error.to_string() }),
        };
    }
    reply["seconds"] = best.into();
    reply
}

fn rendered(question: &Value) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
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
            walk(Path::new(path), "", &mut files)?;
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
    options.world = World::new((i64::try_from(now.as_secs())?, now.subsec_nanos()), 1);
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
    let done = render(&chart, &values, &options, &mut |_| Err("no files".to_owned()))?;
    Ok(done.into_texts())
}

/// The files of a folder; links are followed, as Helm follows them.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<ChartFile>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        if fs::metadata(entry.path())?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(ChartFile {
                path,
                bytes: fs::read(entry.path())?,
            });
        }
    }
    Ok(())
}
