//! Settings of the running kernel as `sysctl -a` prints them, and `key = value` in general: `key=value`, `key: value`,
//! keys with slashes, `grep . /proc/sys/net/netfilter/*`. Settings files (`sysctl.conf`, `sysctl.d`) have the same
//! lines, and say what is meant to run.
//!
//! Kept are the keys that a full table can depend on, in dotted form: `net.` (without the settings of single
//! interfaces, of which a container host has a hundred thousand) and the few names of the kernel itself.

use super::{Head, Line, Reading, lines};
use crate::model::blemish::BlemishKind;

/// Keys that are kept.
pub(super) const KEYS_MAX: usize = 4_096;
/// Bytes of a key, and of a value, that are kept.
pub(super) const KEY_BYTES_MAX: usize = 256;
pub(super) const VALUE_BYTES_MAX: usize = 1_024;
/// First segments of the keys of a kernel.
const ROOTS: [&str; 10] = ["abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm"];
/// Keys outside `net.` that are kept.
const KERNEL_KEYS: [&str; 4] =
    ["kernel.hostname", "kernel.osrelease", "kernel.random.boot_id", "kernel.pid_max"];
/// What `sysctl` says of keys that it may not read.
const COMPLAINTS: [&str; 3] = ["sysctl: ", "error: ", "warning: "];

/// Most lines are settings.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let lines: Vec<_> = head.lines.iter().filter(|line| !is_remark(line)).collect();
    let settings = lines.iter().filter(|line| setting(line).is_some()).count();
    settings > 0 && settings * 10 >= lines.len() * 8
}

/// Reads the settings; of a key that stands twice the last value holds. What has the shape of a settings file is kept
/// as configured: it does not say what runs.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut shape = Shape::default();
    for line in lines(text) {
        match line.text.map(|text| (text.trim_start(), setting(text.trim_start()))) {
            Ok(("", _)) => {}
            Ok((text, _)) if is_remark(text) => shape.remark(text),
            Ok((text, Some((key, value)))) => {
                shape.setting(text, &key);
                keep(key, value, &line, reading);
            }
            Ok((_, None)) => reading.damage(BlemishKind::Unrecognised, &line),
            Err(kind) => reading.damage(kind, &line),
        }
    }
    if shape.is_file() {
        wanted(reading);
    }
    conclude(reading);
}

/// What was read is what a file wants, not what runs.
pub(super) fn wanted(reading: &mut Reading<'_>) {
    let file: Box<str> = reading.path.into();
    let counters = &mut reading.counters;
    counters.release = None;
    for (key, value) in std::mem::take(&mut counters.sysctl) {
        counters.configured.insert(key, (value, file.clone()));
    }
}

/// What the settings say beside themselves: which kernel it is.
pub(super) fn conclude(reading: &mut Reading<'_>) {
    let counters = &mut reading.counters;
    counters.release = counters.sysctl.get("kernel.osrelease").cloned();
}

/// What tells a settings file (sysctl.conf(5)) from what a kernel answered.
#[derive(Debug, Default)]
struct Shape {
    /// A comment, or a key with `-` in front (errors are ignored): no kernel prints them.
    written: bool,
    /// A key nobody can set, a path below `/proc/sys`, a complaint of `sysctl`: no file holds them.
    answered: bool,
}

/// Keys that a kernel only tells.
const TOLD_ONLY: [&str; 9] = [
    "kernel.osrelease",
    "kernel.ostype",
    "kernel.version",
    "kernel.random.boot_id",
    "kernel.random.uuid",
    "kernel.random.entropy_avail",
    "fs.file-nr",
    "fs.inode-nr",
    "fs.dentry-state",
];

impl Shape {
    fn remark(&mut self, text: &str) {
        let comment = text.starts_with(['#', ';']);
        self.written |= comment;
        self.answered |= !comment;
    }

    fn setting(&mut self, text: &str, key: &str) {
        self.written |= text.starts_with('-');
        self.answered |=
            key.ends_with("_conntrack_count") || TOLD_ONLY.contains(&key) || text.starts_with("/proc/sys/");
    }

    fn is_file(&self) -> bool {
        self.written && !self.answered
    }
}

/// Keeps a setting if it is one of ours. What the tracker is told is always a number.
pub(super) fn keep(key: String, value: &str, line: &Line<'_>, reading: &mut Reading<'_>) {
    reading.records += 1;
    if !is_kept(&key) {
        return;
    }
    let settings = &mut reading.counters.sysctl;
    let full = settings.len() >= KEYS_MAX && !settings.contains_key(key.as_str());
    if full || key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
        reading.damage(BlemishKind::LineTooLong, line);
    } else if key.contains("conntrack_") && value.parse::<i64>().is_err() {
        reading.damage(BlemishKind::ImpossibleNumber, line);
    } else {
        settings.insert(key.into(), value.into());
    }
}

/// Key in dotted form, and value.
pub(super) fn setting(line: &str) -> Option<(String, &str)> {
    let line = line.strip_prefix('-').unwrap_or(line);
    let line = line.strip_prefix("/proc/sys/").unwrap_or(line);
    let end = line.find(['=', ':', ' ', '\t'])?;
    let (key, rest) = line.split_at_checked(end)?;
    let value = rest.trim_start().strip_prefix(['=', ':'])?;
    let key = dotted(key)?;
    let root = key.split('.').next()?;
    ROOTS.contains(&root).then(|| (key, value.trim()))
}

/// A key with dots between its segments. Where slashes separate, dots belong to names (`eth0.100`) and become slashes:
/// the rule of sysctl(8).
pub(super) fn dotted(key: &str) -> Option<String> {
    let separator = key.find(['.', '/'])?;
    let with_slashes = key.get(separator..)?.starts_with('/');
    let clean = |c: char| c.is_ascii_alphanumeric() || "._-/@+*".contains(c);
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.chars().all(clean) {
        return None;
    }
    let turned = |c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    Some(if with_slashes { key.chars().map(turned).collect() } else { key.to_owned() })
}

/// A comment, or what `sysctl` complains about.
pub(super) fn is_remark(line: &str) -> bool {
    line.starts_with(['#', ';']) || COMPLAINTS.iter().any(|complaint| line.starts_with(complaint))
}

/// Settings of single interfaces are not kept, those of all and of new ones are.
pub(super) fn is_kept(key: &str) -> bool {
    const PER_INTERFACE: [&str; 5] =
        ["net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh.", "net.mpls.conf."];
    match PER_INTERFACE.iter().find_map(|prefix| key.strip_prefix(prefix)) {
        Some(rest) => rest.starts_with("all.") || rest.starts_with("default."),
        None => key.starts_with("net.") || KERNEL_KEYS.contains(&key),
    }
}
