//! What disks answer when they cannot, and what an admin can do about it.

use std::fmt;
use std::io::{self, ErrorKind};

use airlock_types::ByteSize;

/// The room that a file system or a store still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many bytes can still be added.
    pub bytes: u64,
    /// How many files can still be added, where that is limited.
    pub files: Option<u64>,
}

/// What there is too little of where something did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Bytes; so many are free.
    Bytes(u64),
    /// Files: the file system has no inode left, however many bytes are free.
    Files,
    /// The quota of this user, group or folder.
    Quota,
}

impl Shortage {
    /// What a failed write came from. `room` is what the file system says about itself, if it does.
    pub fn of(error: &io::Error, room: Option<Room>) -> Self {
        match (error.kind(), room) {
            (ErrorKind::QuotaExceeded, _) => Self::Quota,
            (_, Some(Room { files: Some(0), .. })) => Self::Files,
            (_, room) => Self::Bytes(room.map_or(0, |room| room.bytes)),
        }
    }

    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Bytes(_) => {
                "free some space (`airlock gc` removes what no kept generation of a store needs) and run the same command again"
            }
            Self::Files => {
                "`df -i` shows the inodes; remove small files that nobody needs, or use a file system with more, and run the same command again"
            }
            Self::Quota => "free some space or have the quota raised, and run the same command again",
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(free) => write!(f, "{} are free", ByteSize(*free)),
            Self::Files => f.write_str("the file system has no inodes left"),
            Self::Quota => f.write_str("the quota is used up"),
        }
    }
}

/// Whether something did not fit.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What to do about a file operation that failed, where there is something to do.
pub fn io_hint(error: &io::Error) -> Option<&'static str> {
    // Linux, errno(3), the same number on every architecture: EIO, ENXIO, ENODEV. They have no kind.
    const GONE: [i32; 3] = [5, 6, 19];
    if error.raw_os_error().is_some_and(|code| GONE.contains(&code)) {
        return Some(
            "the disk failed or was pulled out: plug it in again, look at the kernel's messages (`dmesg`), then run the same command again",
        );
    }
    Some(match error.kind() {
        ErrorKind::StorageFull => "free some space and run the same command again",
        ErrorKind::QuotaExceeded => Shortage::Quota.hint(),
        ErrorKind::ReadOnlyFilesystem => "mount the file system for writing, or name a place on another one",
        ErrorKind::PermissionDenied => "run as the user that owns it, or give this user access to it",
        ErrorKind::FileTooLarge => {
            "the file system does not take files of this size (FAT32 ends at 4 GiB): use one with exFAT or ext4"
        }
        ErrorKind::StaleNetworkFileHandle => {
            "the network file system went away: mount it again, then run the same command again"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_apart() {
        let full = io::Error::from_raw_os_error(28);
        assert!(is_full(&full));
        let room = |bytes, files| Some(Room { bytes, files });
        assert_eq!(Shortage::of(&full, room(7, None)), Shortage::Bytes(7));
        assert_eq!(Shortage::of(&full, room(7, Some(3))), Shortage::Bytes(7));
        assert_eq!(Shortage::of(&full, room(7, Some(0))), Shortage::Files);
        assert_eq!(Shortage::of(&full, None), Shortage::Bytes(0));
        let quota = io::Error::from_raw_os_error(122);
        assert_eq!(Shortage::of(&quota, room(7, Some(3))), Shortage::Quota);
    }

    #[test]
    fn what_an_admin_can_do_something_about_has_a_hint() {
        for code in [5, 13, 19, 27, 28, 30, 116, 122] {
            let error = io::Error::from_raw_os_error(code);
            assert!(io_hint(&error).is_some(), "{error}");
        }
        assert!(io_hint(&io::Error::from_raw_os_error(2)).is_none());
    }
}
