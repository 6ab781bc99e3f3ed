//! What hostile bytes are thrown at.
//!
//! Each target takes any bytes, must return quickly whatever they are, and asserts what must hold when they are
//! accepted. `cargo fuzz run NAME` searches for bytes that break one; the workspace's tests replay all that is kept in
//! `corpus/` and `regressions/`.
//!
//! ```
//! for (_, target) in airlock_fuzz::TARGETS {
//!     target(b"no document of any kind");
//! }
//! ```

mod archives;
mod bundles;
mod charts;
mod documents;
mod formats;
mod images;
mod mirror;
mod packages;
mod repositories;

pub use archives::{docker_archive, oci_archive, oci_layout};
pub use bundles::{bundle, tar};
pub use charts::{helm_load, helm_render};
pub use documents::{
    auth_file, challenge, chart, chart_index, chart_yaml, digest, index, lock, manifest, oci_manifest,
    reference, signature, site,
};
pub use formats::{helm_toml, helm_yaml};
pub use images::helm_images;
pub use mirror::registry;
pub use packages::{deb_control, deb_packages, deb_relation, deb_version};
pub use repositories::{apt_index, apt_sources, deb, openpgp, release};

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name, which is also the name of their folder of inputs.
pub const TARGETS: [(&str, Target); 33] = [
    ("apt_index", apt_index),
    ("apt_sources", apt_sources),
    ("auth_file", auth_file),
    ("bundle", bundle),
    ("challenge", challenge),
    ("chart", chart),
    ("chart_index", chart_index),
    ("chart_yaml", chart_yaml),
    ("deb", deb),
    ("deb_control", deb_control),
    ("deb_packages", deb_packages),
    ("deb_relation", deb_relation),
    ("deb_version", deb_version),
    ("digest", digest),
    ("docker_archive", docker_archive),
    ("helm_images", helm_images),
    ("helm_load", helm_load),
    ("helm_render", helm_render),
    ("helm_toml", helm_toml),
    ("helm_yaml", helm_yaml),
    ("index", index),
    ("lock", lock),
    ("manifest", manifest),
    ("oci_archive", oci_archive),
    ("oci_layout", oci_layout),
    ("oci_manifest", oci_manifest),
    ("openpgp", openpgp),
    ("reference", reference),
    ("registry", registry),
    ("release", release),
    ("signature", signature),
    ("site", site),
    ("tar", tar),
];

/// The parts of an input that stands for several files.
fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    const CUT: &[u8] = b"\n--\n";
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let bytes = rest?;
        match bytes.windows(CUT.len()).position(|window| window == CUT) {
            Some(at) => {
                rest = Some(&bytes[at + CUT.len()..]);
                Some(&bytes[..at])
            }
            None => rest.take(),
        }
    })
}
