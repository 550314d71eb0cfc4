//! Reading the small files of a running kernel, and saying in words a person can act on why one could not be read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::io::Errno;

/// Reads a file, at most so many bytes of it. An error is a sentence that says what to do.
pub fn read(path: &str, bytes_max: usize) -> Result<Vec<u8>, String> {
    let opened = open(path).map_err(|error| why(path, &error))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    opened.take(limit).read_to_end(&mut bytes).map_err(|error| why(path, &error))?;
    if bytes.len() > bytes_max {
        return Err(format!("{path} is longer than the {bytes_max} bytes that are kept of such a file"));
    }
    Ok(bytes)
}

/// Opens a file for reading, never waiting for a FIFO's writer, and takes nothing but regular files (those of `/proc`
/// are).
pub fn open(path: &str) -> io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Why this path could not be read.
pub fn why(path: &str, error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => absent(path),
        Some(Errno::ACCESS) => refused_by_mode(path),
        Some(Errno::PERM) => format!(
            "{path}: the kernel refuses it to this process (EPERM): run as root, or grant the capability that it wants"
        ),
        Some(Errno::MFILE | Errno::NFILE) => {
            format!("{path}: too many open files (EMFILE): raise LimitNOFILE= of the unit")
        }
        _ => format!("{path}: {}", words(error)),
    }
}

/// What a path that is not there means.
fn absent(path: &str) -> String {
    if path.starts_with("/proc/sys/") && !Path::new("/proc/sys/net").exists() {
        return format!(
            "{path} is hidden: /proc/sys is not there at all (ProcSubset=pid of the unit, or a /proc of its own)"
        );
    }
    if path.contains("conntrack") {
        return format!(
            "{path} does not exist: nf_conntrack is not loaded, or this kernel is built without this file"
        );
    }
    format!("{path} does not exist")
}

fn refused_by_mode(path: &str) -> String {
    match std::fs::metadata(path) {
        Ok(metadata) => format!(
            "{path}: permission denied by its mode ({:04o}, owner {}): run as root, or with CAP_DAC_READ_SEARCH",
            metadata.mode() & 0o7777,
            metadata.uid()
        ),
        Err(_) => {
            format!("{path}: permission denied on the way to it: run as root, or with CAP_DAC_READ_SEARCH")
        }
    }
}

/// An error in words, without its number.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// An error number in words.
pub fn errno(number: i32) -> String {
    words(&io::Error::from_raw_os_error(number))
}

/// Why there is no netlink socket.
pub fn no_netlink(error: Errno) -> String {
    match error {
        Errno::AFNOSUPPORT => "address family not supported: RestrictAddressFamilies= of the unit must list \
                               AF_NETLINK"
            .to_owned(),
        Errno::PROTONOSUPPORT => {
            "this kernel has no netlink for netfilter: load nfnetlink and nf_conntrack_netlink".to_owned()
        }
        Errno::PERM | Errno::ACCESS => format!(
            "{}: a system call filter (SystemCallFilter=) or a security module forbids it",
            errno(error.raw_os_error())
        ),
        Errno::MFILE | Errno::NFILE => "too many open files: raise LimitNOFILE= of the unit".to_owned(),
        other => errno(other.raw_os_error()),
    }
}

/// Why the kernel refuses to list its table.
pub fn refusal(number: i32) -> String {
    match Errno::from_raw_os_error(number) {
        Errno::PERM => "not permitted (EPERM): needs CAP_NET_ADMIN in the user namespace that the network namespace \
                        belongs to (root has it; AmbientCapabilities=CAP_NET_ADMIN of a unit gives it, PrivateUsers=yes \
                        takes it away)"
            .to_owned(),
        Errno::INVAL | Errno::OPNOTSUPP => {
            "nf_conntrack_netlink is not loaded, and was not loaded for this question: modprobe nf_conntrack_netlink"
                .to_owned()
        }
        _ => errno(number),
    }
}
