//! More than twenty real images in a real registry: the forms that upstreams really publish.
//!
//! What Debian's tools can make, they make (`built`); the rest is written by hand after the OCI image
//! specification (`hand`). Programs inside are real: the amd64 `/hello` of a runnable image prints
//! [`GREETING`] and nothing else.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::command::succeed;
use crate::{Pushed, Registry, peer};

mod built;
mod hand;
mod oci;

/// What the `/hello` of every runnable image prints.
pub const GREETING: &str = "hello from the other side\n";
/// The size of the large image's large layer.
pub const LARGE: u64 = 1 << 30;
/// What the suite needs to be built.
pub const PEERS: [&str; 5] = ["docker-registry", "skopeo", "buildah", "umoci", "gcc"];

/// An image as the suite pushed it.
#[derive(Clone, Debug)]
pub struct Image {
    /// What is special about it.
    pub form: &'static str,
    /// Its repository, without the registry.
    pub repository: String,
    /// Its tag; without one it can only be named by digest.
    pub tag: Option<String>,
    /// What the registry was given.
    pub root: Pushed,
    /// Whether a client on linux/amd64 can run it and read [`GREETING`].
    pub runs: bool,
    /// Whether it has to be asked for by tag and digest, because the tag alone means another image.
    pub pinned: bool,
}

impl Image {
    /// The name that every client takes, in the registry at `host`: `host/repository:tag`, or
    /// `host/repository@digest` where the tag will not do.
    pub fn at(&self, host: &str) -> String {
        match &self.tag {
            Some(tag) if !self.pinned => format!("{host}/{}:{tag}", self.repository),
            _ => format!("{host}/{}@{}", self.repository, self.root.digest),
        }
    }

    /// What a manifest asks for: the same, but a pinned image with its tag as well.
    pub fn requested(&self, host: &str) -> String {
        match &self.tag {
            Some(tag) if self.pinned => format!("{host}/{}:{tag}@{}", self.repository, self.root.digest),
            _ => self.at(host),
        }
    }

    /// Whether it exists for linux/amd64 alone.
    pub fn is_amd64_only(&self) -> bool {
        let is_index = self.root.media_type.contains("index") || self.root.media_type.contains("list");
        !is_index && !["hand/artifact", "charts/hello"].contains(&self.repository.as_str())
    }

    /// Whether podman can run it.
    pub fn runs_in_podman(&self) -> bool {
        self.runs && self.skopeo_copies()
    }

    /// Whether containers/image (skopeo, podman) can copy it: it chooses from an index once, and takes
    /// no index within it.
    pub fn skopeo_copies(&self) -> bool {
        self.repository != "hand/nested"
    }

    /// Whether it is one of the big ones that quick tests leave out.
    pub fn is_large(&self) -> bool {
        self.repository == "hand/large"
    }
}

/// A manifest that refers to an image and has to travel with it.
#[derive(Clone, Debug)]
pub struct Companion {
    /// The image's repository.
    pub repository: String,
    /// The image.
    pub subject: String,
    /// The companion.
    pub root: Pushed,
    /// The tag it is found behind: cosign's, or the fallback tag of the referrers API.
    pub tag: String,
}

/// The registry with everything in it.
#[derive(Debug)]
pub struct Suite {
    /// Where it all is.
    pub registry: Registry,
    /// The images, in the order in which they were pushed.
    pub images: Vec<Image>,
    /// What has to travel along.
    pub companions: Vec<Companion>,
}

impl Suite {
    /// The suite that all tests of a process share, built by the first; `None` (and a report) when a
    /// program for building it is missing.
    pub fn shared() -> Option<&'static Self> {
        static SUITE: OnceLock<Option<Suite>> = OnceLock::new();
        peer::require(&PEERS).then(|| crate::shared(&SUITE, "the suite of images", Self::build))
    }

    fn build() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut suite = Self {
            registry: Registry::start(),
            images: Vec::new(),
            companions: Vec::new(),
        };
        let hello = compile_hello(scratch.path());
        built::push(&mut suite, scratch.path(), &hello);
        hand::push(&mut suite, &hello);
        suite
    }

    /// The image of that repository.
    pub fn image(&self, repository: &str) -> &Image {
        self.images
            .iter()
            .find(|image| image.repository == repository)
            .unwrap_or_else(|| panic!("the suite has no image in {repository}"))
    }

    fn add(
        &mut self,
        form: &'static str,
        repository: &str,
        tag: impl Into<Option<&'static str>>,
        root: Pushed,
    ) -> &mut Image {
        self.images.push(Image {
            form,
            repository: repository.to_owned(),
            tag: tag.into().map(str::to_owned),
            root,
            runs: false,
            pinned: false,
        });
        self.images.last_mut().expect("pushed just now")
    }
}

impl Image {
    fn runs(&mut self) {
        self.runs = true;
    }

    fn pinned(&mut self) -> &mut Self {
        self.pinned = true;
        self
    }
}

/// Pushes the smallest image there is, for tests that need one and no suite.
pub fn push_minimal(registry: &Registry, repository: &str, tag: &str) -> Pushed {
    let repository = oci::Repository {
        registry,
        name: repository,
    };
    let layer = oci::Layer::gzip(&[("file", b"content\n")]);
    let manifest = repository.image("linux/amd64", &[layer]);
    repository.manifest(Some(tag), &manifest)
}

/// A static program of a few hundred kilobytes, so that an image needs nothing else to run.
fn compile_hello(folder: &Path) -> Vec<u8> {
    let (source, program) = (folder.join("hello.c"), folder.join("hello"));
    let text = format!(
        "#include <unistd.h>\n\
         int main(void) {{\n  static const char text[] = {GREETING:?};\n  \
         return write(1, text, sizeof text - 1) == sizeof text - 1 ? 0 : 1;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    succeed(
        Command::new("gcc")
            .args(["-static", "-O1", "-s", "-o"])
            .arg(&program)
            .arg(&source),
    );
    std::fs::read(&program).unwrap()
}
