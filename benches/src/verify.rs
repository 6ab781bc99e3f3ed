//! Reading every byte of a bundle: `airlock verify` and what only hashes.

use std::process::Command;

use airlock_hash::Engine;
use airlock_tests::memory::cost_of;
use airlock_tests::peer;

use crate::table::{Runner, SECONDS, Table, versioned};
use crate::world::{LIMIT, World};

/// What the processor may use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Processor {
    /// All that it has.
    AsItIs,
    /// What one without SHA-NI has. The variable is OpenSSL's and AWS-LC's: it takes the instructions out of what
    /// they see, for which Airlock's choice of engine does not look.
    WithoutSha,
}

impl Processor {
    fn prepare(self, command: &mut Command) {
        if self == Self::WithoutSha {
            command.env("OPENSSL_ia32cap", ":~0x20000000");
        }
    }

    fn engine(self) -> &'static str {
        let lanes = Engine::available().pop();
        match (self, lanes) {
            (Self::AsItIs, _) => "auto",
            (Self::WithoutSha, Some(Engine::Avx512)) => "avx512",
            (Self::WithoutSha, Some(Engine::Avx2)) => "avx2",
            (Self::WithoutSha, _) => "lone",
        }
    }
}

pub(crate) fn measure(world: &World, table: &mut Table) {
    for (what, bundle, processor) in [
        ("Verify, many blobs", &world.bundle, Processor::AsItIs),
        (
            "Verify, many blobs, without SHA-NI",
            &world.bundle,
            Processor::WithoutSha,
        ),
        ("Verify, one large blob", &world.large_bundle, Processor::AsItIs),
    ] {
        let key = world.key();
        let name = format!("airlock verify --hash {}", processor.engine());
        let mut runners = vec![Runner::new(name, || {
            let mut command = world.airlock.command(["verify", "--quiet"]);
            command.args(["--hash", processor.engine()]);
            command.arg(bundle).arg("--key").arg(&key);
            processor.prepare(&mut command);
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
                let mut command = Command::new(program);
                command.args(arguments).arg(bundle);
                processor.prepare(&mut command);
                cost_of(&mut command, LIMIT).into()
            }));
        }
        table.compare(what, SECONDS, runners);
    }
}
