//! What failed, in words, and what a person can do.

use std::io;

use rustix::fs::FileType;

use super::Follower;

/// Something that failed, and is tried again with the next look.
#[derive(Debug)]
pub struct Failure {
    /// What, and what the system said.
    pub words: String,
    /// What a person can do.
    pub hint: Option<&'static str>,
}

impl Follower {
    pub(super) fn failed(&self, what: &str, error: &io::Error) -> Failure {
        let errno = rustix::io::Errno::from_io_error(error);
        let hint = match errno {
            Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
                Some("let the user that conntriage runs as read it (group adm, or CAP_DAC_READ_SEARCH)")
            }
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
                Some("too many open files: raise LimitNOFILE= of the unit")
            }
            Some(rustix::io::Errno::IO | rustix::io::Errno::STALE) => {
                Some("the disk or the network file system fails; the place is held")
            }
            _ => None,
        };
        self.failure(&format!("{what}: {}", crate::edge::read::open::words(error)), hint)
    }

    pub(super) fn failure(&self, what: &str, hint: Option<&'static str>) -> Failure {
        Failure { words: format!("{} {what}", self.path.display()), hint }
    }

    pub(super) fn not_a_file(&self, kind: FileType) -> Failure {
        let what = match kind {
            FileType::Directory => "is a directory",
            FileType::Fifo => "became a FIFO; start again to read it as one",
            FileType::Socket => "is a socket",
            _ => "is a device",
        };
        self.failure(&format!("{what}, not a file; nothing of it is read"), None)
    }
}
