//! Every digest in the lock is what skopeo says it is.

use airlock_tests::{Skopeo, digest};
use serde_json::Value;

use crate::world::World;

#[test]
fn every_root_and_manifest_is_what_skopeo_says() {
    let Some(world) = World::full() else { return };
    let skopeo = Skopeo::new();
    let host = world.suite.registry.host();
    assert_eq!(world.artifacts("image").len(), world.images.len());
    for image in &world.images {
        let artifact = world.artifact(image);
        // Asked for by tag where there is one, as a person would.
        let raw = skopeo.raw(&image.at(&host));
        assert_pin(&artifact["root"], &raw, image.form);
        assert_eq!(
            artifact["root"]["mediaType"],
            image.root.media_type.as_str(),
            "{}",
            image.form
        );
        for pin in list(&artifact["manifests"]) {
            let reference = format!("{host}/{}@{}", image.repository, text(&pin["digest"]));
            assert_pin(pin, &skopeo.raw(&reference), image.form);
        }
    }
}

#[test]
fn the_wanted_platforms_are_carried_and_the_others_named() {
    let Some(world) = World::full() else { return };
    for (repository, carried, left_out) in [
        ("built/multi", &["linux/amd64", "linux/arm64"][..], 0),
        ("built/multi-docker", &["linux/amd64", "linux/arm64"], 0),
        ("hand/nested", &["linux/amd64", "linux/arm64"], 1),
        ("hand/variant", &["linux/amd64", "linux/arm64"], 0),
        ("hand/signed", &["linux/amd64", "linux/arm64"], 0),
    ] {
        let artifact = world.artifact(world.suite.image(repository));
        let mut platforms: Vec<&str> = list(&artifact["platforms"])
            .map(|pin| text(&pin["platform"]))
            .collect();
        platforms.sort_unstable();
        assert_eq!(platforms, carried, "{repository}");
        assert_eq!(list(&artifact["leftOut"]).count(), left_out, "{repository}");
    }
    let multi = world.artifact(world.suite.image("hand/multi"));
    let left_out: Vec<&Value> = list(&multi["leftOut"]).collect();
    assert!(
        left_out.iter().any(|child| child["platform"] == "linux/arm/v7"),
        "{left_out:?}"
    );
}

/// Nothing that an image needs is missing: the lock pins exactly the blobs that the manifests name.
#[test]
fn every_config_and_layer_is_pinned_with_its_size() {
    let Some(world) = World::full() else { return };
    for image in &world.images {
        let artifact = world.artifact(image);
        let mut wanted: Vec<(String, u64)> = Vec::new();
        for pin in std::iter::once(&artifact["root"]).chain(list(&artifact["manifests"])) {
            let (_, bytes) = world
                .suite
                .registry
                .manifest(&image.repository, text(&pin["digest"]))
                .unwrap();
            let manifest: Value = serde_json::from_slice(&bytes).unwrap();
            let config = manifest.get("config").into_iter();
            for descriptor in config.chain(list(&manifest["layers"])) {
                wanted.push((
                    text(&descriptor["digest"]).to_owned(),
                    descriptor["size"].as_u64().unwrap(),
                ));
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut pinned: Vec<(String, u64)> = list(&artifact["blobs"])
            .map(|pin| (text(&pin["digest"]).to_owned(), pin["size"].as_u64().unwrap()))
            .collect();
        pinned.sort_unstable();
        assert_eq!(pinned, wanted, "{}", image.form);
    }
}

#[test]
fn signatures_and_referrers_travel_along() {
    let Some(world) = World::full() else { return };
    for companion in &world.suite.companions {
        let artifact = world.artifact(world.suite.image(&companion.repository));
        let found = list(&artifact["referrers"])
            .find(|referrer| referrer["root"]["digest"] == companion.root.digest.as_str())
            .unwrap_or_else(|| panic!("{} stays behind: {:#}", companion.tag, artifact["referrers"]));
        assert_eq!(found["subject"], companion.subject.as_str(), "{}", companion.tag);
        assert_eq!(found["root"]["size"], companion.root.size, "{}", companion.tag);
    }
}

#[test]
fn charts_are_locked_as_they_are_in_the_registry() {
    let Some(world) = World::full() else { return };
    let chart = world.suite.image("charts/hello");
    let charts = world.artifacts("chart");
    assert_eq!(charts.len(), 1, "{charts:#?}");
    assert_eq!(charts[0]["root"]["digest"], chart.root.digest.as_str());
    assert_eq!(charts[0]["version"], "1.2.3");
}

#[test]
fn a_second_look_changes_nothing() {
    let Some(world) = World::small() else { return };
    let mut arguments = vec!["lock".to_owned(), "airlock.yaml".to_owned(), "--check".to_owned()];
    arguments.extend(world.upstream());
    world.airlock.run(&arguments).succeeds();
    let lock = std::fs::read_to_string(world.airlock.path("airlock.lock")).unwrap();
    let folder = world.airlock.path("");
    assert!(
        !lock.contains(&*folder.to_string_lossy()),
        "the lock names this machine's folders"
    );
    assert!(
        !lock.contains(&world.suite.registry.host()),
        "the lock names the mirror, not what was asked for"
    );
}

fn assert_pin(pin: &Value, raw: &[u8], form: &str) {
    assert_eq!(text(&pin["digest"]), digest(raw), "{form}");
    assert_eq!(pin["size"], raw.len(), "{form}");
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}
