//! What each kind of object says of images.

use airlock_helm::images::{Class, Finder, Finding, Limits, Rule, Source};
use airlock_types::Reference;
use serde_json::{Map, Value};

use super::dump::DumpError;
use super::pods::Owner;
use super::{Place, Running, Standing, Use};

/// Lists in lists.
const MAX_LISTS: usize = 8;
/// What is searched of one object.
const OBJECT_STEPS: u64 = 2_000_000;
/// The longest object that is searched; etcd takes none that is longer than 1.5 MiB.
const OBJECT_BYTES: u64 = 8 << 20;

/// Kinds that hold what is past, secret, or a description of others.
const NOT_SEARCHED: &[&str] = &[
    "ControllerRevision",
    "CustomResourceDefinition",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "Lease",
    "Node",
    "Secret",
];

/// The text at a path; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The value at a path.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The list at a path; empty where there is none.
pub(super) fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The path to the pod spec of what makes pods.
fn template(api_version: &str, kind: &str) -> Option<&'static [&'static str]> {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let (group_of_it, path): (&[&str], &'static [&'static str]) = match kind {
        "Pod" => (&[""], &["spec"]),
        "PodTemplate" => (&[""], &["template", "spec"]),
        "ReplicationController" => (&[""], &["spec", "template", "spec"]),
        "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet" => {
            (&["apps", "extensions"], &["spec", "template", "spec"])
        }
        "Job" => (&["batch"], &["spec", "template", "spec"]),
        "CronJob" => (&["batch"], &["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => return None,
    };
    // Lists whose items do not say it are of Kubernetes itself.
    (api_version.is_empty() || group_of_it.contains(&group)).then_some(path)
}

impl Running {
    /// One object. Objects of typed lists name neither kind nor version, so that those of the list are given.
    pub(super) fn object(
        &mut self,
        object: &Value,
        kind: &str,
        api_version: &str,
        depth: usize,
    ) -> Result<(), DumpError> {
        let own = |key: &str, of_list: &str| match text(object, &[key]) {
            "" => of_list.to_owned(),
            own => own.to_owned(),
        };
        let (kind, api_version) = (own("kind", kind), own("apiVersion", api_version));
        // Programs print `null` for the items of an empty list.
        if kind.ends_with("List")
            && depth < MAX_LISTS
            && let Some(items) = object
                .get("items")
                .filter(|items| items.is_array() || items.is_null())
        {
            for item in items.as_array().into_iter().flatten() {
                let below = kind.strip_suffix("List").unwrap_or_default();
                self.object(item, below, &api_version, depth + 1)?;
            }
            return Ok(());
        }
        self.objects += 1;
        if self.objects > self.limits.objects {
            return Err(DumpError::TooMany {
                what: "objects",
                limit: self.limits.objects,
            });
        }
        if kind.is_empty() {
            self.note(format!("object {} has no kind", self.objects));
            return Ok(());
        }
        let owner = Owner {
            namespace: text(object, &["metadata", "namespace"]),
            kind: &kind,
            name: text(object, &["metadata", "name"]),
        };
        if kind == "Node" && matches!(api_version.as_str(), "" | "v1") {
            self.nodes += 1;
            return self.node(object);
        }
        let path = template(&api_version, &kind);
        if let Some(path) = path {
            self.runners += 1;
            let standing = standing(object, &kind);
            if let Some(spec) = at(object, path) {
                let status = (kind == "Pod").then(|| object.get("status")).flatten();
                self.pod(owner, spec, status, standing)?;
            }
            // An old revision names nothing that its successor does not.
            if standing == Standing::Ended {
                return Ok(());
            }
        }
        if NOT_SEARCHED.contains(&kind.as_str()) || !self.is_new(object, owner) {
            return Ok(());
        }
        self.search(object, owner, path)
    }

    /// Whether nothing of the same controller was searched: the pods of one differ in names alone.
    fn is_new(&mut self, object: &Value, owner: Owner<'_>) -> bool {
        let owners = list(object, &["metadata", "ownerReferences"]);
        let Some(by) = owners
            .iter()
            .find(|by| by.get("controller").and_then(Value::as_bool) == Some(true))
        else {
            return true;
        };
        let by = (text(by, &["kind"]), text(by, &["name"]));
        self.searched
            .insert(format!("{}/{}/{}/{}", owner.namespace, owner.kind, by.0, by.1))
    }

    /// What lies on a node.
    fn node(&mut self, node: &Value) -> Result<(), DumpError> {
        for image in list(node, &["status", "images"]) {
            let names: Vec<Reference> = list(image, &["names"])
                .iter()
                .filter_map(Value::as_str)
                .filter_map(|name| name.parse().ok())
                .collect();
            let has_tag = names.iter().any(|name| name.tag.is_some());
            for name in names {
                if name.tag.is_some() || !has_tag {
                    self.on_nodes.insert(name);
                }
            }
            if self.on_nodes.len() > self.limits.uses {
                return Err(DumpError::TooMany {
                    what: "images on nodes",
                    limit: self.limits.uses,
                });
            }
        }
        Ok(())
    }

    /// Searches an object for images outside of the pod spec that is known.
    fn search(&mut self, object: &Value, owner: Owner<'_>, known: Option<&[&str]>) -> Result<(), DumpError> {
        if self.steps >= self.limits.steps {
            self.unsearched += 1;
            return Ok(());
        }
        let bytes = serde_json::to_vec(&bare(object)).unwrap_or_default();
        let mut finder = Finder::new(Limits {
            bytes: OBJECT_BYTES,
            steps: OBJECT_STEPS.min(self.limits.steps - self.steps),
            findings: 10_000,
        });
        finder.manifest(&Source::default(), &bytes);
        // Reading costs as well, even where nothing is found.
        self.steps += finder.cost().steps + bytes.len() as u64 / 64;
        for finding in finder.finish().findings {
            let Some(standing) = judged(&finding, known.is_some()) else {
                continue;
            };
            let by = Use {
                standing,
                namespace: owner.namespace.to_owned(),
                kind: owner.kind.to_owned(),
                name: owner.name.to_owned(),
                place: Place::Path(finding.place.path),
                digest: None,
            };
            self.use_of(finding.reference, by)?;
        }
        Ok(())
    }
}

/// What a finding says of a cluster; nothing where it stands in a pod spec that was read already, or is only possible.
fn judged(finding: &Finding, has_pod: bool) -> Option<Standing> {
    match (finding.class, finding.rule) {
        (_, Rule::Operator) | (Class::Possible, _) => None,
        (_, Rule::PodSpec | Rule::PodVolume | Rule::Container) if has_pod => None,
        (Class::Sure, _) => Some(Standing::Wanted),
        (Class::Probable, _) => Some(Standing::Named),
    }
}

/// The object without what a cluster adds to it, and without a copy of itself.
fn bare(object: &Value) -> Value {
    let Some(fields) = object.as_object() else {
        return Value::Null;
    };
    let mut out = Map::new();
    for (key, value) in fields {
        match key.as_str() {
            "status" => {}
            "metadata" => {
                let mut metadata = Map::new();
                for key in ["name", "namespace", "annotations"] {
                    if let Some(value) = value.get(key) {
                        metadata.insert(key.to_owned(), value.clone());
                    }
                }
                if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
                }
                out.insert(key.clone(), metadata.into());
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out.into()
}

/// What an object has to do with the images of its pod spec.
fn standing(object: &Value, kind: &str) -> Standing {
    let ended = match kind {
        "Pod" => matches!(text(object, &["status", "phase"]), "Succeeded" | "Failed"),
        "Job" => list(object, &["status", "conditions"]).iter().any(|condition| {
            matches!(text(condition, &["type"]), "Complete" | "Failed")
                && text(condition, &["status"]) == "True"
        }),
        // What a deployment keeps to go back to.
        "ReplicaSet" => {
            at(object, &["spec", "replicas"]).and_then(Value::as_u64) == Some(0)
                && !list(object, &["metadata", "ownerReferences"]).is_empty()
        }
        _ => false,
    };
    if ended { Standing::Ended } else { Standing::Wanted }
}
