//! Reading every byte of a bundle: `airlock verify` and what only hashes.

use std::process::Command;

use airlock_tests::memory::cost_of;
use airlock_tests::peer;

use crate::table::{Runner, SECONDS, Table, versioned};
use crate::world::{LIMIT, World};

pub(crate) fn measure(world: &World, table: &mut Table) {
    for (what, bundle) in [
        ("Verify, many blobs", &world.bundle),
        ("Verify, one large blob", &world.large_bundle),
    ] {
        let key = world.key();
        let mut runners = vec![Runner::new("airlock verify", || {
            let mut command = world.airlock.command(["verify", "--quiet"]);
            command.arg(bundle).arg("--key").arg(&key);
            cost_of(&mut command, LIMIT).into()
        })];
        for (program, arguments, version) in [
            ("openssl", &["dgst", "-sha256"][..], "version"),
            ("sha256sum", &[], "--version"),
        ] {
            if peer::find(program).is_none() {
                table.skip(&format!("verify against {program}: it is not installed"));
                continue;
            }
            runners.push(Runner::new(versioned(program, program, version), move || {
                cost_of(Command::new(program).args(arguments).arg(bundle), LIMIT).into()
            }));
        }
        table.compare(what, SECONDS, runners);
    }
}
