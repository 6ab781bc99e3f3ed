//! `registries.yaml`, as k3s reads it: fields that it does not know are mistakes here, since they would do nothing.

use std::path::Path;

use serde_json::Value;

pub(crate) fn check(path: &Path) -> Result<(), String> {
    let Ok(text) = std::fs::read_to_string(path) else {
        return Ok(());
    };
    let document: Value =
        serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let shown = path.display();
    only(&document, &["mirrors", "configs", "auths"], &format!("{shown}"))?;
    for (host, mirror) in entries(&document["mirrors"]) {
        only(
            mirror,
            &["endpoint", "rewrite"],
            &format!("{shown}: mirrors.{host}"),
        )?;
        for endpoint in mirror["endpoint"].as_array().into_iter().flatten() {
            let text = endpoint.as_str().unwrap_or_default();
            if !text.starts_with("https://") && !text.starts_with("http://") {
                return Err(format!(
                    "{shown}: mirrors.{host}: this is no endpoint: {endpoint}"
                ));
            }
        }
    }
    for (host, config) in entries(&document["configs"]) {
        only(config, &["auth", "tls"], &format!("{shown}: configs.{host}"))?;
        let fields = ["username", "password", "auth", "identity_token"];
        only(&config["auth"], &fields, &format!("{shown}: configs.{host}.auth"))?;
        let fields = ["ca_file", "cert_file", "key_file", "insecure_skip_verify"];
        only(&config["tls"], &fields, &format!("{shown}: configs.{host}.tls"))?;
        for file in ["ca_file", "cert_file", "key_file"] {
            if let Some(file) = config["tls"][file].as_str() {
                std::fs::read(file).map_err(|error| format!("open {file}: {error}"))?;
            }
        }
        let used = |(_, mirror): (&String, &Value)| {
            let endpoints = mirror["endpoint"].as_array().into_iter().flatten();
            endpoints
                .filter_map(Value::as_str)
                .any(|endpoint| endpoint.ends_with(&format!("//{host}")))
        };
        if !entries(&document["mirrors"]).any(used) {
            return Err(format!(
                "{shown}: configs.{host} is the configuration of no endpoint"
            ));
        }
    }
    Ok(())
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn only(value: &Value, known: &[&str], place: &str) -> Result<(), String> {
    match entries(value).find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("{place}: unknown field {name:?}")),
        None => Ok(()),
    }
}
