//! The password for the relay: a file that only its owner can read, or a credential that systemd hands over. Never an
//! argument, never the environment.

use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use zeroize::Zeroizing;

/// Bytes of a password file.
const BYTES_MAX: usize = 4_096;
/// What `LoadCredential=` of the unit is to call it.
const CREDENTIAL: &str = "smtp-password";

/// The file that holds the password: the configured one, else systemd's credential, if it is there.
pub fn file(configured: Option<&Path>) -> Option<PathBuf> {
    configured.map(Path::to_owned).or_else(|| credential().filter(|path| path.is_file()))
}

fn credential() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(|directory| PathBuf::from(directory).join(CREDENTIAL))
}

/// Whether this path is systemd's credential: it stands in a directory that only the unit sees, and its group bits are
/// the mask of an access list.
pub fn is_credential(path: &Path) -> bool {
    path.starts_with("/run/credentials/") && path.file_name().is_some_and(|name| name == CREDENTIAL)
}

/// Reads a password: the first line of its file. What is refused is said with what to change, and never with a byte of
/// what the file holds. It is wiped from memory when it is let go.
pub fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let wrong = |why: &str| format!("{}: {why}", path.display());
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
        .map_err(|error| wrong(&why_not_opened(&error)))?;
    let meta = file.metadata().map_err(|error| wrong(&error.to_string()))?;
    if !meta.is_file() {
        return Err(wrong("is no regular file"));
    }
    if !is_credential(path) {
        let me = rustix::process::geteuid().as_raw();
        if meta.uid() != 0 && meta.uid() != me {
            return Err(wrong(&format!(
                "belongs to user {}: it must be root's, or this program's (user {me})",
                meta.uid()
            )));
        }
        if meta.nlink() != 1 {
            return Err(wrong("has a second name (a hard link): copy it to a file of its own"));
        }
        if meta.mode() & 0o077 != 0 {
            let mode = meta.mode() & 0o7777;
            return Err(wrong(&format!("can be read by others (mode {mode:04o}): chmod 600 it")));
        }
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX.saturating_add(1)));
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    Read::by_ref(&mut file).take(limit).read_to_end(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
    if bytes.len() > BYTES_MAX {
        return Err(wrong("is longer than a password file may be"));
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    match std::str::from_utf8(first) {
        Ok("") => Err(wrong("its first line, which should be the password, is empty")),
        Ok(password) if password.contains('\0') => Err(wrong("its first line holds a NUL")),
        Ok(password) => Ok(Zeroizing::new(password.to_owned())),
        Err(_) => Err(wrong("its first line is not UTF-8")),
    }
}

fn why_not_opened(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP) => "is a symbolic link, which is not followed: name the file itself".to_owned(),
        Some(Errno::NOENT) => "is not there".to_owned(),
        Some(Errno::ACCESS) => "may not be read by this user".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn m10_only_a_file_of_ones_own_is_taken_for_a_password() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let said = |path: &Path| read(path).unwrap_err();
        assert!(said(&path).ends_with("is not there"), "{}", said(&path));
        std::fs::write(&path, "geheim\r\nmore\n").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o660, 0o601] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let said = said(&path);
            assert!(said.contains(&format!("(mode {mode:04o}): chmod 600 it")), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(*read(&path).unwrap(), "geheim");
        }
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(said(&link).contains("symbolic link"), "{}", said(&link));
        std::fs::hard_link(&path, directory.path().join("second")).unwrap();
        assert!(said(&path).contains("hard link"), "{}", said(&path));
        assert!(said(directory.path()).contains("no regular file"), "{}", said(directory.path()));
        let made = |bytes: &[u8]| {
            let path = directory.path().join("other");
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            read(&path)
        };
        for bad in [&b"\nsecond"[..], b"", b"\xff\n", b"a\0b\n", &[b'x'; 5_000]] {
            assert!(made(bad).is_err(), "{bad:?}");
        }
        assert_eq!(*made("p\u{e4}ss w\u{f6}rd".as_bytes()).unwrap(), "p\u{e4}ss w\u{f6}rd");
    }
}
