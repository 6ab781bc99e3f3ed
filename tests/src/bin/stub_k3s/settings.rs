//! The options of k3s: command line, environment, `config.yaml` and `config.yaml.d` (docs.k3s.io, "Configuration Options").
//!
//! What k3s does not know in a file it passes over with a warning (`pkg/configfilearg`, "Unknown flag … found in config.yaml,
//! skipping"). Here it is a mistake, since what Airlock writes has to have an effect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use airlock_spec::k3s::{Flag, FlagKind};
use serde_json::Value;

const CONFIG: &str = "/etc/rancher/k3s/config.yaml";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Agent,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Settings {
    /// Every option with its values.
    pub(crate) options: BTreeMap<String, Vec<String>>,
    /// The files that were read.
    pub(crate) files: BTreeSet<PathBuf>,
    pub(crate) data: PathBuf,
    pub(crate) registries: PathBuf,
    pub(crate) token: Option<String>,
    pub(crate) agent_token: Option<String>,
}

impl Settings {
    pub(crate) fn read(role: Role, words: &[String]) -> Result<Self, String> {
        let mut options = BTreeMap::new();
        let mut files = BTreeSet::new();
        for path in config_files()? {
            let text =
                fs::read_to_string(&path).map_err(|error| format!("open {}: {error}", path.display()))?;
            let document: Value = serde_saphyr::from_str(&text)
                .map_err(|error| format!("failed to parse {}: {error}", path.display()))?;
            let Value::Object(entries) = document else {
                if document.is_null() {
                    continue;
                }
                return Err(format!("{} is no mapping", path.display()));
            };
            for (name, value) in entries {
                let plain = name.strip_suffix('+').unwrap_or(&name).to_owned();
                let values = values(&value);
                if name.ends_with('+') {
                    options.entry(plain).or_insert_with(Vec::new).extend(values);
                } else {
                    options.insert(plain, values);
                }
            }
            files.insert(path);
        }
        command_line(words, &mut options)?;
        for (name, values) in &options {
            let known = Flag::named(name).filter(|flag| match role {
                Role::Server => flag.server,
                Role::Agent => flag.agent,
            });
            let Some(flag) = known else {
                return Err(format!("flag provided but not defined: -{name}"));
            };
            if flag.kind == FlagKind::Switch
                && !values
                    .iter()
                    .all(|value| ["true", "false"].contains(&value.as_str()))
            {
                return Err(format!(
                    "invalid boolean value {values:?} for -{name}: parse error"
                ));
            }
        }
        for (name, variable) in [("token", "K3S_TOKEN"), ("server", "K3S_URL")] {
            if let (false, Ok(value)) = (options.contains_key(name), std::env::var(variable)) {
                options.insert(name.to_owned(), vec![value]);
            }
        }
        let one = |name: &str| options.get(name).and_then(|values| values.last()).cloned();
        let token = |name: &str| -> Result<Option<String>, String> {
            if let Some(token) = options.get(name).and_then(|values| values.last()) {
                return Ok(Some(token.clone()));
            }
            let Some(file) = one(&format!("{name}-file")) else {
                return Ok(None);
            };
            let text = fs::read_to_string(&file).map_err(|error| format!("open {file}: {error}"))?;
            Ok(Some(text.trim().to_owned()))
        };
        let settings = Self {
            data: one("data-dir")
                .unwrap_or_else(|| "/var/lib/rancher/k3s".to_owned())
                .into(),
            registries: one("private-registry")
                .unwrap_or_else(|| "/etc/rancher/k3s/registries.yaml".to_owned())
                .into(),
            token: token("token")?,
            agent_token: token("agent-token")?,
            options,
            files,
        };
        if role == Role::Agent {
            if settings.token.is_none() {
                return Err("--token is required".to_owned());
            }
            if settings.one("server").is_none() {
                return Err("--server is required".to_owned());
            }
        }
        if settings
            .one("server")
            .is_some_and(|server| !server.starts_with("https://"))
        {
            return Err("the server's address is not a valid https URL".to_owned());
        }
        Ok(settings)
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.last().map(String::as_str)
    }

    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.options.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// `config.yaml`, then what is in `config.yaml.d`, in order.
fn config_files() -> Result<Vec<PathBuf>, String> {
    let main = std::env::var("K3S_CONFIG_FILE").unwrap_or_else(|_| CONFIG.to_owned());
    let mut files: Vec<PathBuf> = Path::new(&main)
        .exists()
        .then(|| main.clone().into())
        .into_iter()
        .collect();
    if let Ok(entries) = fs::read_dir(format!("{main}.d")) {
        let more: BTreeSet<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()).map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let is_yaml = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        files.extend(more.into_iter().filter(is_yaml));
    }
    Ok(files)
}

fn values(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(values).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn command_line(words: &[String], options: &mut BTreeMap<String, Vec<String>>) -> Result<(), String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, given) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let flag = Flag::of_word(option).ok_or_else(|| format!("flag provided but not defined: {option}"))?;
        let value = match (flag.kind, given) {
            (FlagKind::Switch, given) => given.unwrap_or_else(|| "true".to_owned()),
            (_, Some(value)) => value,
            (_, None) => words
                .next()
                .cloned()
                .ok_or_else(|| format!("flag needs an argument: {option}"))?,
        };
        options.entry(flag.name.to_owned()).or_default().push(value);
    }
    Ok(())
}
