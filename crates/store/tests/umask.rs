//! The modes of files do not depend on the umask. Alone in its process, since the umask is the process's.
#![allow(clippy::unwrap_used)]

mod common;

use airlock_content::{BlobStore, PublishStore};
use airlock_store::Store;
use common::{image, picture, publish, root};

#[test]
fn others_can_read_the_store_whatever_the_umask() {
    for umask in [0o000, 0o022, 0o077] {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("mirror")).unwrap();
        let image = image(&store, &["a", "b"], None);
        publish(&store, vec![root("a:1", &image)]).unwrap();
        store.keep_record("r", &[("f".to_owned(), vec![1])]).unwrap();
        store.sync().unwrap();
        for (path, (mode, content)) in picture(folder.path()) {
            let expected = if content.is_some() { 0o644 } else { 0o755 };
            assert_eq!(mode, expected, "{} with umask {umask:o}", path.display());
        }
    }
}
