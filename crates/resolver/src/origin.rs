use std::path::Path;

use airlock_content::Origin;
use airlock_spec::lock::Source;

/// Where a lock's source is, seen from here: its paths are relative to the manifest's `folder`.
pub fn origin(source: &Source, folder: &Path) -> Origin {
    match source {
        Source::Registry { repository } => Origin::Registry(repository.clone()),
        Source::Http { url } => Origin::Http(url.clone()),
        Source::OciLayout { path } => Origin::OciLayout(folder.join(path)),
        Source::OciArchive { path } => Origin::OciArchive(folder.join(path)),
        Source::DockerArchive { path } => Origin::DockerArchive(folder.join(path)),
        Source::ChartFolder { path } => Origin::ChartFolder(folder.join(path)),
        Source::File { path } => Origin::File(folder.join(path)),
    }
}
