//! Charts at the site: as OCI artifacts, and as a classic repository, with the provenance that their author signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_testkit::{Chart, Options, Upstream, multi_arch};
use airlock_tests::{Airlock, http, peer};

use crate::guarded::Session;

/// A home of GnuPG with one key.
struct Signer(PathBuf);

impl Signer {
    fn new(home: PathBuf) -> Self {
        fs::create_dir_all(&home).unwrap();
        // GnuPG refuses homes that others can read.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&home, private).unwrap();
        let signer = Self(home);
        signer.gpg(&[
            "--quick-gen-key",
            "Charts <charts@example.org>",
            "rsa3072",
            "sign",
            "never",
        ]);
        signer
    }

    fn gpg(&self, words: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", &self.0).args([
            "--batch",
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
        ]);
        let output = command.args(words).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// What `helm package --sign` puts beside an archive (Helm, "Provenance and Integrity").
    fn provenance(&self, chart: &Chart) -> Vec<u8> {
        let message = self.0.join("message");
        let text = format!(
            "apiVersion: v2\nname: {}\nversion: {}\n\n...\nfiles:\n  {}: sha256:{}\n",
            chart.name,
            chart.version,
            chart.file_name(),
            chart.digest().hex()
        );
        fs::write(&message, text).unwrap();
        self.gpg(&["--clearsign", "--output", "-", message.to_str().unwrap()])
    }

    fn keyring(&self) -> PathBuf {
        let path = self.0.join("keyring.gpg");
        fs::write(&path, self.gpg(&["--export"])).unwrap();
        path
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // Its agent would outlive the folder.
        let mut command = Command::new("gpgconf");
        let _ = command.env("GNUPGHOME", &self.0).args(["--kill", "all"]).status();
    }
}

/// The real helm, if there is one: `AIRLOCK_HELM`, or on PATH.
fn helm() -> Option<PathBuf> {
    let given = std::env::var_os("AIRLOCK_HELM").map(PathBuf::from);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join("helm"))
            .find(|file| file.is_file())
    };
    given.or_else(on_path)
}

fn run_helm(helm: &Path, home: &Path, words: &[&str]) -> String {
    let mut command = Command::new(helm);
    command
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .args(words);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(output.status.success(), "helm {words:?}\n{said}");
    said
}

#[test]
fn charts_are_served_with_their_provenance() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(folder.path().join("gnupg"));
    let mut content = Upstream::new();
    content.push("acme/web", "1", &multi_arch("web", &["linux/amd64"]));
    let session = Session::new(content, Options::default());
    let host = session.server.host();
    let chart = Chart::new("web", "1.2.0", &format!("{host}/acme/web:1"));
    let provenance = signer.provenance(&chart);
    session.server.update(|content| {
        content.chart_repository("/charts", std::slice::from_ref(&chart));
        content.file(&format!("/charts/{}.prov", chart.file_name()), provenance.clone());
    });
    session.write(
        "airlock.yaml",
        &crate::desk::manifest(&format!(
            "- {{name: web, charts: [{{name: web, repo: \"http://{host}/charts\"}}]}}\n"
        )),
    );
    let (code, said) = session.lock(&[]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = session.build(&[]);
    assert_eq!(code, 0, "{said}");
    let bundle = session.bundles().remove(0);
    let words = [
        "import",
        bundle.to_str().unwrap(),
        "--store",
        "store",
        "--key",
        "airlock.pub",
    ];
    let (code, said) = session.run(&words);
    assert_eq!(code, 0, "{said}");

    let airlock = Airlock::within(session.folder());
    let served = airlock.serve(&session.path("store"), [""; 0]);
    let get = |path: &str| {
        let answer = http::get(served.address(), path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    };
    assert_eq!(get("/charts/web-1.2.0.tgz"), chart.archive);
    assert_eq!(get("/charts/web-1.2.0.tgz.prov"), provenance);
    let index = String::from_utf8(get("/charts/index.yaml")).unwrap();
    assert!(index.contains(&chart.digest().hex()), "{index}");

    let Some(helm) = helm() else {
        peer::not_asked("helm (AIRLOCK_HELM, or on PATH), which pulls from repository and registry");
        return;
    };
    let address = served.address();
    let keyring = signer.keyring();
    let verify = [
        "--verify",
        "--keyring",
        keyring.to_str().unwrap(),
        "--destination",
    ];
    let repository = format!("http://{address}/charts");
    let (classic, oci) = (folder.path().join("classic"), folder.path().join("oci"));
    for out in [&classic, &oci] {
        fs::create_dir(out).unwrap();
    }
    let pull = |what: &[&str], out: &Path| {
        let words = [&["pull"], what, &verify, &[out.to_str().unwrap()]].concat();
        let said = run_helm(&helm, folder.path(), &words);
        assert!(said.contains("Signed by: Charts <charts@example.org>"), "{said}");
        assert_eq!(fs::read(out.join("web-1.2.0.tgz")).unwrap(), chart.archive);
    };
    pull(&["web", "--repo", &repository, "--version", "1.2.0"], &classic);
    let reference = format!("oci://{address}/charts/web");
    pull(&[&reference, "--version", "1.2.0", "--plain-http"], &oci);
}
