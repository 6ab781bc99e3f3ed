//! From a registry to something that can be carried: `airlock build` and `skopeo sync`.

use std::fs;

use airlock_tests::memory::cost_of;

use crate::table::{Runner, SECONDS, Table, versioned};
use crate::world::{IMAGES, LIMIT, World, image};

pub(crate) fn measure(world: &World, table: &mut Table) {
    let out = world.airlock.path("measured");
    let host = world.registry.host();
    let mut list = format!("{host}:\n  tls-verify: false\n  images:\n");
    for number in 0..IMAGES {
        list.push_str(&format!("    {}: ['1']\n", image(number)));
    }
    let list = world.airlock.write("sync.yaml", list);
    let synced = world.airlock.path("synced");
    table.compare(
        &format!("Build of {IMAGES} images"),
        SECONDS,
        vec![
            Runner::new("airlock build", || {
                // The lock is made anew as well.
                let _ = fs::remove_file(world.airlock.path("thirty/airlock.lock"));
                let _ = fs::remove_dir_all(&out);
                cost_of(&mut world.build_command("thirty", &out), LIMIT).into()
            }),
            Runner::new(versioned("skopeo sync", "skopeo", "--version"), || {
                let _ = fs::remove_dir_all(&synced);
                fs::create_dir(&synced).unwrap();
                let mut command = world.skopeo.command("sync");
                command
                    .args(["--src", "yaml", "--dest", "dir"])
                    .arg(&list)
                    .arg(&synced);
                cost_of(&mut command, LIMIT).into()
            }),
        ],
    );
    let _ = fs::remove_dir_all(&out);
    let _ = fs::remove_dir_all(&synced);
}
