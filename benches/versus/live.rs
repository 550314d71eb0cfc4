//! A live table, in a network namespace of its own, and a peer that only receives what the kernel says of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::{RECEIVE, Row};

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// A namespace with a table that is filled; the machine's one limit is put back.
pub(super) struct Filled {
    name: String,
    limit: String,
    _lock: File,
}

impl Filled {
    pub(super) fn new(entries: u64) -> Result<Self, String> {
        let words = |error: io::Error| error.to_string();
        if !rustix::process::geteuid().is_root() {
            return Err("needs root".to_owned());
        }
        // The tests that lower or raise the limit hold the same lock.
        let lock = std::env::temp_dir().join("conntriage-nf_conntrack_max.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(lock).map_err(words)?;
        lock.lock().map_err(words)?;
        let limit = std::fs::read_to_string(MAX).map_err(words)?;
        let filled = Self { name: format!("versus-{}", std::process::id()), limit, _lock: lock };
        std::fs::write(MAX, (entries + 60_000).to_string()).map_err(words)?;
        let made = Command::new("ip").args(["netns", "add", &filled.name]).status().map_err(words)?;
        let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/ct_fill.py");
        let [program, before @ ..] = &filled.enter()[..] else { unreachable!("a program") };
        let full = Command::new(program)
            .args(before)
            .args(["python3", tool, "fill", &entries.to_string()])
            .stdout(Stdio::null())
            .status()
            .map_err(words)?;
        if made.success() && full.success() {
            Ok(filled)
        } else {
            Err("the table could not be filled".to_owned())
        }
    }

    fn enter(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec()
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        let _ = std::fs::write(MAX, &self.limit);
    }
}

/// The dump beside a loop that only receives, and beside the tool that everybody has.
pub(super) fn rows(filled: &Filled, directory: &Path) -> Vec<Row> {
    let inside = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        filled.enter().into_iter().chain(words).collect::<Vec<String>>()
    };
    let out = directory.join("bundle");
    let capture = format!(
        "rm -rf '{out}'; exec '{program}' capture -o '{out}'",
        out = out.display(),
        program = env!("CARGO_BIN_EXE_conntriage")
    );
    let this = std::env::current_exe().unwrap_or_default();
    let this = this.to_string_lossy();
    let row = |work, bound, peer| Row {
        work,
        bound: Some(bound),
        memory: 64.0,
        ours: inside(&["sh", "-c", &capture]),
        peer,
    };
    vec![
        row("live dump, against a loop that only receives", 1.25, inside(&[&this, RECEIVE])),
        row("live dump, against conntrack -L", 0.5, inside(&["conntrack", "-L"])),
    ]
}

/// Asks for the table as `capture` does, and throws it away; how many bytes came.
pub(super) fn receive() -> io::Result<u64> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(NETFILTER),
    )?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    // `nlmsghdr` (IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP) and `nfgenmsg`, every family.
    let mut request = Vec::new();
    request.extend(20_u32.to_ne_bytes());
    request.extend(0x0101_u16.to_ne_bytes());
    request.extend(0x0301_u16.to_ne_bytes());
    request.extend([0; 12]);
    rustix::net::send(&socket, &request, SendFlags::empty())?;
    let mut buffer = vec![0; 32 * 1024];
    let mut received = 0;
    loop {
        let (count, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        received += count as u64;
        // NLMSG_DONE (3) or NLMSG_ERROR (2) stands alone in the last buffer.
        if buffer.get(4..6).is_some_and(|kind| matches!(u16::from_ne_bytes([kind[0], kind[1]]), 2 | 3)) {
            return Ok(received);
        }
    }
}
