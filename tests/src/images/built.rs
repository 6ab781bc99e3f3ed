//! Images that buildah, umoci and skopeo make from files on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Suite;
use crate::Pushed;
use crate::command::succeed;
use crate::containers::Configuration;

pub(super) fn push(suite: &mut Suite, scratch: &Path, hello: &[u8]) {
    let host = suite.registry.host();
    let tools = Tools {
        configuration: Configuration::write(scratch, &[]),
        scratch: scratch.to_owned(),
        host,
    };

    let one = tools.build("one", hello, &[]);
    tools.push(one, "built/oci:1", &["--format=oci"]);
    suite
        .add(
            "OCI image (buildah)",
            "built/oci",
            "1",
            tools.pushed(suite, "built/oci"),
        )
        .runs();
    tools.push(one, "built/docker:1", &["--format=v2s2"]);
    suite
        .add(
            "Docker schema 2 image (buildah)",
            "built/docker",
            "1",
            tools.pushed(suite, "built/docker"),
        )
        .runs();
    // Content of its own: buildah would reuse the gzip layer it knows the registry to have.
    let two = tools.build("two", hello, &[]);
    tools.push(
        two,
        "built/zstd:1",
        &["--format=oci", "--compression-format=zstd"],
    );
    suite
        .add(
            "zstd layer (buildah)",
            "built/zstd",
            "1",
            tools.pushed(suite, "built/zstd"),
        )
        .runs();

    for on in ["linux/amd64", "linux/arm64"] {
        tools.build("three", hello, &["--manifest=multi", &format!("--platform={on}")]);
    }
    for (repository, format, form) in [
        (
            "built/multi",
            "--format=oci",
            "multi-architecture OCI index (buildah)",
        ),
        (
            "built/multi-docker",
            "--format=v2s2",
            "multi-architecture Docker manifest list (buildah)",
        ),
    ] {
        let mut command = tools.buildah("manifest");
        command.args([
            "push",
            "--all",
            "--quiet",
            "--tls-verify=false",
            format,
            "--signature-policy",
        ]);
        command.arg(tools.configuration.policy());
        succeed(command.args(["multi", &format!("docker://{}/{repository}:1", tools.host)]));
        suite
            .add(form, repository, "1", tools.pushed(suite, repository))
            .runs();
    }

    tools.umoci_image(hello);
    tools.copy("umoci:plain", "built/umoci:v1.0");
    suite
        .add(
            "image without mediaType (umoci)",
            "built/umoci",
            "v1.0",
            tools.pushed(suite, "built/umoci"),
        )
        .runs();
    tools.copy("umoci:layered", "built/umoci-layers:v1.0");
    suite
        .add(
            "layers with a whiteout, manifest annotations (umoci)",
            "built/umoci-layers",
            "v1.0",
            tools.pushed(suite, "built/umoci-layers"),
        )
        .runs();
}

struct Tools {
    configuration: Configuration,
    scratch: PathBuf,
    host: String,
}

impl Tools {
    fn buildah(&self, verb: &str) -> Command {
        let mut command = self.configuration.storage_command("buildah");
        command.arg(verb).current_dir(&self.scratch);
        command
    }

    /// Builds an image with a file that makes it differ from others, and names it `name`.
    fn build(&self, name: &'static str, hello: &[u8], arguments: &[&str]) -> &'static str {
        let context = self.scratch.join(name);
        fs::create_dir_all(&context).unwrap();
        fs::write(context.join("hello"), hello).unwrap();
        succeed(Command::new("chmod").arg("755").arg(context.join("hello")));
        fs::write(context.join("note"), name).unwrap();
        let file = "FROM scratch\nCOPY hello note /\nENTRYPOINT [\"/hello\"]\n";
        fs::write(context.join("Containerfile"), file).unwrap();
        let mut command = self.buildah("build");
        command.args([
            "--quiet",
            "--isolation=chroot",
            "--timestamp=0",
            "--signature-policy",
        ]);
        command.arg(self.configuration.policy()).args(arguments);
        if arguments.is_empty() {
            command.args(["--tag", name]);
        }
        succeed(command.arg(&context));
        name
    }

    fn push(&self, image: &str, name: &str, arguments: &[&str]) {
        let mut command = self.buildah("push");
        command.args(["--quiet", "--tls-verify=false", "--signature-policy"]);
        command.arg(self.configuration.policy()).args(arguments);
        succeed(command.args([image, &format!("docker://{}/{name}", self.host)]));
    }

    /// Two images in an OCI layout: one layer, and one with more layers and a removed file.
    fn umoci_image(&self, hello: &[u8]) {
        let umoci = |arguments: &[&str]| {
            let mut command = self.configuration.command("umoci");
            succeed(command.args(arguments).current_dir(&self.scratch));
        };
        let (bundle, added) = (self.scratch.join("bundle"), self.scratch.join("added"));
        umoci(&["init", "--layout", "umoci"]);
        umoci(&["new", "--image", "umoci:plain"]);
        umoci(&["unpack", "--rootless", "--image", "umoci:plain", "bundle"]);
        fs::write(bundle.join("rootfs/hello"), hello).unwrap();
        succeed(Command::new("chmod").arg("755").arg(bundle.join("rootfs/hello")));
        umoci(&["repack", "--no-history", "--image", "umoci:plain", "bundle"]);
        let created = "--created=2026-01-01T00:00:00Z";
        umoci(&[
            "config",
            "--no-history",
            created,
            "--image",
            "umoci:plain",
            "--config.entrypoint",
            "/hello",
        ]);
        fs::write(&added, "layered").unwrap();
        umoci(&["tag", "--image", "umoci:plain", "layered"]);
        umoci(&[
            "insert",
            "--no-history",
            "--rootless",
            "--image",
            "umoci:layered",
            "added",
            "/etc/added",
        ]);
        umoci(&[
            "insert",
            "--no-history",
            "--rootless",
            "--image",
            "umoci:layered",
            "added",
            "/etc/kept",
        ]);
        umoci(&[
            "insert",
            "--no-history",
            "--rootless",
            "--image",
            "umoci:layered",
            "--whiteout",
            "/etc/added",
        ]);
        umoci(&[
            "config",
            "--no-history",
            created,
            "--image",
            "umoci:layered",
            "--manifest.annotation",
            "org.example.team=edge",
        ]);
    }

    fn copy(&self, layout: &str, name: &str) {
        let mut command = self.configuration.command("skopeo");
        command.arg("--policy").arg(self.configuration.policy());
        command.args(["copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"]);
        command.current_dir(&self.scratch);
        succeed(command.args([
            &format!("oci:{layout}"),
            &format!("docker://{}/{name}", self.host),
        ]));
    }

    /// What the registry says it got under the only tag of a repository.
    fn pushed(&self, suite: &Suite, repository: &str) -> Pushed {
        let tag = if repository.starts_with("built/umoci") {
            "v1.0"
        } else {
            "1"
        };
        let (pushed, bytes) = suite
            .registry
            .manifest(repository, tag)
            .expect("it was pushed just now");
        assert_eq!(pushed.digest, crate::digest(&bytes), "{}/{repository}", self.host);
        pushed
    }
}
