//! Where the configuration and the state of this user are.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The administrator's.
const SYSTEM: &str = "/etc/conntriage/config.toml";

/// The configuration: the file that was named, else the administrator's, else none (the defaults hold). An error names
/// the file.
pub fn read(named: Option<&Path>, bytes_max: usize) -> io::Result<Option<(PathBuf, String)>> {
    let path = named.unwrap_or(Path::new(SYSTEM));
    let text = std::fs::File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(bytes_max as u64 + 1).read_to_string(&mut text).map(|_| text)
    });
    match text {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// Where the state is if nobody says: `otherwise` for root, the user's own place for anybody else (XDG).
pub fn state_directory(otherwise: &Path) -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return otherwise.to_owned();
    }
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")));
    base.map_or_else(|| otherwise.to_owned(), |base| base.join("conntriage"))
}
