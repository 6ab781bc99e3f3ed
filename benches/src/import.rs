//! Into a site's mirror: `airlock import` and `skopeo copy` into docker-registry.

use std::fs;

use airlock_tests::Registry;
use airlock_tests::memory::cost_of;

use crate::table::{Runner, SECONDS, Sample, Table, versioned};
use crate::world::{IMAGES, LIMIT, World, image};

pub(crate) fn measure(world: &World, table: &mut Table) {
    let store = world.airlock.path("import-store");
    let peer = versioned("skopeo copy", "skopeo", "--version");
    let into = versioned("docker-registry", "docker-registry", "--version");
    table.compare(
        &format!("Import of {IMAGES} images"),
        SECONDS,
        vec![
            Runner::new("airlock import", || {
                let _ = fs::remove_dir_all(&store);
                cost_of(&mut world.import_command(&world.bundle, &store), LIMIT).into()
            }),
            Runner::new(format!("{peer} to {into}"), || {
                let registry = Registry::start();
                let mut sum = Sample { value: 0.0, peak: 0 };
                for number in 0..IMAGES {
                    let mut command = world.skopeo.command("copy");
                    command
                        .args(["--quiet", "--preserve-digests", "--dest-tls-verify=false"])
                        .arg(format!("oci:{}:image-{number:02}", world.layout.display()))
                        .arg(format!("docker://{}/{}:1", registry.host(), image(number)));
                    let cost = cost_of(&mut command, LIMIT);
                    sum.value += cost.time.as_secs_f64();
                    sum.peak = sum.peak.max(cost.peak);
                }
                sum.peak = sum.peak.max(registry.peak_memory().unwrap_or_default());
                sum
            }),
        ],
    );
    let _ = fs::remove_dir_all(&store);
}
