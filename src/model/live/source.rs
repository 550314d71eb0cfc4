//! What can be followed, as a person writes it: `kmsg`, `journal`, `file:PATH`, `journal-export:PATH`.

use std::fmt;
use std::path::PathBuf;

/// A source to follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The kernel's ring, `/dev/kmsg`.
    Kmsg,
    /// The journal of this machine, or the one in a directory: the kernel's records.
    Journal(Option<PathBuf>),
    /// A log file, a FIFO into which a log daemon writes, or standard input (`-`).
    File(PathBuf),
    /// A journal export stream: a FIFO, standard input (`-`), or a file that grows.
    JournalExport(PathBuf),
}

/// It is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No such kind.
    #[error(
        "`{0}` is no source; sources are kmsg, journal, journal:DIRECTORY, file:PATH, journal-export:PATH"
    )]
    Unknown(String),
    /// A kind without its path.
    #[error("`{0}` needs a path, or - for standard input")]
    NoPath(String),
}

impl std::str::FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let path = |path: &str| match path {
            "" => Err(SourceError::NoPath(text.to_owned())),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            None if text == "kmsg" => Ok(Self::Kmsg),
            None if text == "journal" => Ok(Self::Journal(None)),
            Some(("journal", directory)) => Ok(Self::Journal(Some(path(directory)?))),
            Some(("file", file)) => Ok(Self::File(path(file)?)),
            Some(("journal-export", file)) => Ok(Self::JournalExport(path(file)?)),
            None if matches!(text, "file" | "journal-export") => Err(SourceError::NoPath(text.to_owned())),
            _ => Err(SourceError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kmsg => into.write_str("kmsg"),
            Self::Journal(None) => into.write_str("journal"),
            Self::Journal(Some(directory)) => write!(into, "journal:{}", directory.display()),
            Self::File(path) => write!(into, "file:{}", path.display()),
            Self::JournalExport(path) => write!(into, "journal-export:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in
            ["kmsg", "journal", "journal:/j", "file:/var/log/messages", "file:-", "journal-export:a:b"]
        {
            assert_eq!(text.parse::<Source>().map(|source| source.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "Kmsg", "kmsg:/dev/kmsg", "files:/x", "/var/log/messages"] {
            assert_eq!(text.parse::<Source>(), Err(SourceError::Unknown(text.to_owned())), "{text}");
        }
        for text in ["file", "file:", "journal:", "journal-export"] {
            assert_eq!(text.parse::<Source>(), Err(SourceError::NoPath(text.to_owned())), "{text}");
        }
    }
}
