//! Documents about imports: a folder each, which appears and is replaced as a whole.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use airlock_content::StoreError;

use crate::{Store, files};

const RECORD_LIMIT: u64 = 256 * 1024 * 1024;

impl Store {
    pub(crate) fn write_record(&self, name: &str, documents: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        let target = self.record_folder(name)?;
        // Keeps others from clearing away the folder while it is being filled.
        let _adding = self.adding_lock()?;
        let folder = self.temporaries().join(files::random_name("record-")?);
        let filled = self.fill_record(&folder, documents).and_then(|()| {
            if target.exists() {
                // Two names cannot be swapped everywhere; a record that is replaced is one with the same content
                // or one whose writer was killed, so a moment without it does no harm.
                let old = self.temporaries().join(files::random_name("record-")?);
                files::rename("replacing the record", &target, &old)?;
                files::rename("placing the record", &folder, &target)?;
                fs::remove_dir_all(&old).map_err(StoreError::io("removing the old record", &old))
            } else {
                files::rename("placing the record", &folder, &target)
            }
        });
        if filled.is_err() {
            let _ = fs::remove_dir_all(&folder);
        }
        filled?;
        files::sync_folder(files::parent(&target))
    }

    fn fill_record(
        &self,
        folder: &std::path::Path,
        documents: &[(String, Vec<u8>)],
    ) -> Result<(), StoreError> {
        files::make_folder(folder)?;
        for (name, bytes) in documents {
            let path = folder.join(checked(name)?);
            files::write_file(&self.temporaries(), &path, bytes)?;
        }
        files::sync_folder(folder)
    }

    pub(crate) fn record_file(&self, name: &str, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.record_folder(name)?.join(checked(file)?);
        let Some((file, metadata)) = files::open_regular(&path)? else {
            return Ok(None);
        };
        if metadata.len() > RECORD_LIMIT {
            return Err(StoreError::io("reading the record", path)(
                io::ErrorKind::FileTooLarge.into(),
            ));
        }
        let mut bytes = Vec::new();
        file.take(RECORD_LIMIT)
            .read_to_end(&mut bytes)
            .map_err(StoreError::io("reading the record", path))?;
        Ok(Some(bytes))
    }

    fn record_folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        Ok(self.path("airlock/receipts").join(checked(name)?))
    }
}

/// One path component that is not hidden.
fn checked(name: &str) -> Result<&str, StoreError> {
    let good = !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"._+-".contains(&c));
    if good {
        Ok(name)
    } else {
        Err(StoreError::Format {
            problem: "the name cannot stand in a record".to_owned(),
            path: PathBuf::from(name),
        })
    }
}
