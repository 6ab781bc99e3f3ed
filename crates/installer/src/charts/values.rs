//! Values files, merged as Helm merges them.

use airlock_helm::call::Budget;
use airlock_helm::chart::Profile;
use airlock_helm::format::{from_json, to_yaml, yaml_documents};
use airlock_helm::render::ValueSources;
use airlock_helm::value::Value;

use super::ChartsError;

/// What reading and writing values may cost.
const STEPS: u64 = 50_000_000;
const MEMORY: u64 = 512 << 20;

fn budget() -> Budget {
    Budget::new(STEPS, MEMORY)
}

/// The files as one, the later ones before the earlier; none where nothing is in them. A null stays: that is how a
/// default of the chart is taken away.
pub(super) fn merged(release: &str, files: Vec<(String, Vec<u8>)>) -> Result<Option<String>, ChartsError> {
    let failed = |problem: String| ChartsError::Values {
        release: release.to_owned(),
        problem,
    };
    let sources = ValueSources {
        files,
        ..ValueSources::default()
    };
    let mut budget = budget();
    let mut none = |name: &str| Err(format!("there is no file {name}"));
    // Several documents in a file are taken together, as Helm 4 does; the result means the same to Helm 3.
    let map = sources
        .merge(Profile::Helm4, &mut budget, &mut none)
        .map_err(|error| failed(error.to_string()))?;
    if map.is_empty() {
        return Ok(None);
    }
    let text = to_yaml(&Value::Map(map), &mut budget).map_err(|error| failed(error.to_string()))?;
    Ok(Some(text))
}

/// An object as YAML; JSON, which is YAML too, where there is something that only JSON can say.
pub(super) fn object(object: &serde_json::Value) -> Vec<u8> {
    let json = object.to_string();
    let mut budget = budget();
    let yaml = from_json(json.as_bytes(), &mut budget).and_then(|value| to_yaml(&value, &mut budget));
    yaml.unwrap_or(json).into_bytes()
}

/// Whether this is a file of kustomize, which a cluster does not know.
pub(super) fn is_kustomization(path: &str, bytes: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name) {
        return true;
    }
    let Ok(documents) = yaml_documents(bytes, &mut budget()) else {
        return false;
    };
    documents.iter().any(|document| {
        let text = |key: &str| match document.get(key.as_bytes()) {
            Some(Value::String(text)) => text.text().into_owned(),
            _ => String::new(),
        };
        text("apiVersion").starts_with("kustomize.config.k8s.io/")
    })
}
