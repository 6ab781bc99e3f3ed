//! `airlock export`: images as one archive.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use airlock_content::{Event, GenerationView};
use airlock_export::{Archive, ExportError, Exported, LeftOut, images};
use airlock_types::{ByteSize, Digest};
use anyhow::Context;
use serde::Serialize;

use crate::args::{ExportArgs, Global};
use crate::failure::{Exit, Failure, Result};
use crate::opened::{self, Verify};
use crate::{print, progress};

pub(crate) fn run(args: &ExportArgs, global: &Global) -> Result {
    let view = opened::open(&args.path, &args.bundle, "exported from", Verify::Content(global))?;
    export(args, global, &Arc::new(view))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    id: Digest,
    bytes: u64,
    images: &'a [Exported],
    left_out: &'a [LeftOut],
}

fn export<V: GenerationView + 'static>(args: &ExportArgs, global: &Global, view: &Arc<V>) -> Result {
    let all = args.images.is_empty();
    let wanted = if all {
        images(&**view).map_err(failed)?
    } else {
        args.images.clone()
    };
    let archive = Archive::plan(&**view, &wanted, args.platform.as_ref()).map_err(failed)?;
    // Whoever names an image wants it; of all images, some are for other platforms.
    if !all && !archive.left_out().is_empty() || archive.images().is_empty() {
        return Err(nothing(args, &archive));
    }
    let reporter = progress::reporter(global);
    reporter.event(Event::Phase {
        name: "exporting",
        artifacts: 1,
        bytes: archive.size(),
    });
    let count = |bytes: usize| {
        reporter.event(Event::Progress {
            name: "images",
            bytes: bytes as u64,
        });
    };
    let to_stdout = args.out == Path::new("-");
    if to_stdout {
        copy(&archive, view, &mut io::stdout().lock(), &count)
            .context("the archive could not be written to standard output")?;
    } else {
        write(&archive, view, &args.out, &count)
            .with_context(|| format!("the archive could not be written: {}", args.out.display()))?;
    }
    reporter.event(Event::Done {
        name: "images",
        digest: None,
    });
    for left_out in archive.left_out() {
        print::note(global, &format!("left out: {left_out}"));
    }
    if to_stdout {
        return Ok(());
    }
    let report = Report {
        id: archive.id(),
        bytes: archive.size(),
        images: archive.images(),
        left_out: archive.left_out(),
    };
    print::result(global, &report, || {
        let images = archive.images().len();
        let size = ByteSize(archive.size());
        format!("{}: {images} images, {size}\n", args.out.display())
    })
}

/// The file appears whole or not at all.
fn write<V: GenerationView + 'static>(
    archive: &Archive,
    view: &Arc<V>,
    path: &Path,
    count: &dyn Fn(usize),
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".airlock-").tempfile_in(folder)?;
    copy(archive, view, file.as_file_mut(), count)?;
    file.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn copy<V: GenerationView + 'static>(
    archive: &Archive,
    view: &Arc<V>,
    out: &mut dyn io::Write,
    count: &dyn Fn(usize),
) -> io::Result<()> {
    let mut reader = archive.reader(Arc::clone(view));
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = io::Read::read(&mut reader, &mut buffer)?;
        if read == 0 {
            return out.flush();
        }
        out.write_all(buffer.get(..read).unwrap_or_default())?;
        count(read);
    }
}

fn failed(error: ExportError) -> Failure {
    let hint = error.hint();
    Failure {
        exit: Exit::Trouble,
        error: error.into(),
        hint,
    }
}

fn nothing(args: &ExportArgs, archive: &Archive) -> Failure {
    let mut message = match &args.platform {
        Some(platform) => format!("not every image can be exported for {platform}"),
        None => "not every image can be exported".to_owned(),
    };
    for left_out in archive.left_out() {
        message.push_str(&format!("\n  {left_out}"));
    }
    Failure::no(anyhow::anyhow!(message)).hint("`airlock ls` lists what there is")
}
