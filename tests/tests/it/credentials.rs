//! A registry that wants a password gets the one that podman or docker would send, and nobody else does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use airlock_tests::{Airlock, BASIC, CREDENTIALS, Registry, Run, images, peer};

struct Private {
    registry: Registry,
    airlock: Airlock,
    digest: String,
}

impl Private {
    fn new() -> Option<Self> {
        if !peer::require(&["docker-registry"]) {
            return None;
        }
        let registry = Registry::with_password();
        let digest = images::push_minimal(&registry, "private/image", "1").digest;
        let airlock = Airlock::new();
        let host = registry.host();
        airlock.write(
            "airlock.yaml",
            format!(
                "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: private, version: 1.0.0}}\n\
                 platforms: [linux/amd64]\ncomponents:\n- {{name: app, images: [\"{host}/private/image:1\"]}}\n"
            ),
        );
        Some(Self {
            registry,
            airlock,
            digest,
        })
    }

    fn authfile(&self, secret: &str) {
        let host = self.registry.host();
        let text = format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{secret}\"}}}}}}");
        self.airlock.write("auth.json", text);
    }

    fn lock(&self, more: &[&str]) -> Run {
        let host = self.registry.host();
        let mut command = self
            .airlock
            .command(["lock", "airlock.yaml", "--insecure", &host]);
        let path =
            std::env::join_paths([self.airlock.path("bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
        command.args(more).env("PATH", path);
        self.airlock.finish(&mut command, Stdio::null())
    }

    fn is_refused(&self, run: &Run) {
        assert!(matches!(run.code, Some(2 | 3)), "{}", run.render());
        for word in ["error:", "hint:", &self.registry.host()] {
            assert!(run.stderr.contains(word), "no {word:?} in\n{}", run.render());
        }
        assert!(
            !run.stderr.contains(CREDENTIALS.1),
            "the password is shown\n{}",
            run.render()
        );
        assert!(!self.airlock.path("airlock.lock").exists());
    }

    fn is_locked(&self, run: &Run) {
        run.succeeds();
        let lock = fs::read_to_string(self.airlock.path("airlock.lock")).unwrap();
        assert!(lock.contains(&self.digest), "{lock}");
        assert!(
            !lock.contains(CREDENTIALS.1) && !lock.contains(secret()),
            "{lock}"
        );
    }
}

fn secret() -> &'static str {
    BASIC.split(' ').next_back().unwrap_or_default()
}

#[test]
fn without_or_with_wrong_credentials_the_lock_fails_and_says_where() {
    let Some(private) = Private::new() else { return };
    private.is_refused(&private.lock(&[]));
    private.authfile("YWlybG9jazp3cm9uZw==");
    private.is_refused(&private.lock(&["--authfile", "auth.json"]));
}

#[test]
fn the_authfile_of_podman_opens_it() {
    let Some(private) = Private::new() else { return };
    private.authfile(secret());
    private.is_locked(&private.lock(&["--authfile", "auth.json"]));
}

#[test]
fn the_configuration_of_docker_opens_it() {
    let Some(private) = Private::new() else { return };
    private.authfile(secret());
    let docker = private.airlock.path(".home/.docker");
    fs::create_dir_all(&docker).unwrap();
    fs::rename(private.airlock.path("auth.json"), docker.join("config.json")).unwrap();
    private.is_locked(&private.lock(&[]));
}

#[test]
fn a_credential_helper_opens_it() {
    let Some(private) = Private::new() else { return };
    let (user, password) = CREDENTIALS;
    // Answers only for the host it is asked about on standard input, as helpers do.
    let script = format!(
        "#!/bin/sh\nread -r host\n[ \"$1\" = get ] || exit 1\n[ \"$host\" = \"{}\" ] || exit 1\n\
         echo '{{\"ServerURL\":\"x\",\"Username\":\"{user}\",\"Secret\":\"{password}\"}}'\n",
        private.registry.host()
    );
    let helper = private.airlock.write("bin/docker-credential-oracle", script);
    fs::set_permissions(helper, fs::Permissions::from_mode(0o755)).unwrap();
    let helpers = format!(
        "{{\"credHelpers\": {{\"{}\": \"oracle\"}}}}",
        private.registry.host()
    );
    private.airlock.write("auth.json", helpers);
    private.is_locked(&private.lock(&["--authfile", "auth.json"]));
}
