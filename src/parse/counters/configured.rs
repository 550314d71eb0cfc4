//! Settings that a file sets when the machine starts or a module is loaded: they are wanted, and need not be in force.
//! Kept apart from running ones, each with the file that says so.

use super::boot::assignment;
use super::{Head, Line, Reading, sysctl};
use crate::model::blemish::BlemishKind;

/// Settings with a bearing on the tracker in `/etc/sysconfig/iptables-config`, `/etc/sysconfig/nf_conntrack`,
/// `/etc/default/ufw`.
const ASSIGNED: [&str; 12] = [
    "IPTABLES_MODULES",
    "IPTABLES_MODULES_UNLOAD",
    "IPTABLES_SYSCTL_LOAD_LIST",
    "IPTABLES_SAVE_ON_STOP",
    "IPTABLES_SAVE_ON_RESTART",
    "IP6TABLES_MODULES",
    "IP6TABLES_MODULES_UNLOAD",
    "IP6TABLES_SYSCTL_LOAD_LIST",
    "IPT_SYSCTL",
    "IPT_MODULES",
    "NF_CONNTRACK_MAX",
    "NF_CONNTRACK_HASHSIZE",
];
/// First words of the lines of `modprobe.d`.
const MODPROBE: [&str; 7] = ["options", "alias", "install", "remove", "blacklist", "softdep", "include"];

/// Settings in a file that is read at boot: its path says so, or its own remarks do.
pub(super) fn is_sysctl(head: &Head<'_>) -> bool {
    let path = head.path;
    let placed = path.ends_with("sysctl.conf")
        || (path.contains("sysctl.d/") && path.rsplit_once('.').is_some_and(|(_, kind)| kind == "conf"));
    let remarked = head.lines.iter().filter(|line| line.starts_with(['#', ';'])).any(|line| {
        ["sysctl.conf", "sysctl.d", "sysctl configuration"].iter().any(|name| line.contains(name))
    });
    // A file that says nothing but remarks sets nothing: that is known of it.
    let only_remarks = || head.lines.iter().all(|line| line.trim_start().starts_with(['#', ';']));
    (placed || remarked) && sysctl::looks_like(head) || placed && only_remarks()
}

/// Reads them as `sysctl` would, and keeps them as wanted.
pub(super) fn read_sysctl(text: &[u8], reading: &mut Reading<'_>) {
    sysctl::read(text, reading);
    sysctl::wanted(reading);
}

/// Lines of `modprobe.d`, one of them about the tracker; any in a directory that is called so.
pub(super) fn is_modprobe(head: &Head<'_>) -> bool {
    let mut ours = head.path.contains("modprobe.d/") || head.path.ends_with("modprobe.conf");
    head.lines.iter().all(|line| {
        let word = line.split_whitespace().next().unwrap_or_default();
        ours |= option(line).is_some();
        word.starts_with('#') || MODPROBE.contains(&word)
    }) && ours
}

/// Every line that is no remark is a record; options of the tracker are kept under the key that shows them.
pub(super) fn read_modprobe(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        let word = text.split_whitespace().next().unwrap_or_default();
        if word.starts_with('#') {
            return;
        }
        if !MODPROBE.contains(&word) {
            return reading.damage(BlemishKind::Unrecognised, line);
        }
        reading.records += 1;
        let Some((prefix, options)) = option(text) else { return };
        for (name, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
            let bare = match name {
                "hashsize" => "buckets",
                "nf_conntrack_helper" => "helper",
                "tstamp" => "timestamp",
                other => other,
            };
            want(format!("{prefix}{bare}"), value, line, reading);
        }
    });
}

/// Prefix of the keys, and the options: `options nf_conntrack hashsize=131072`.
fn option(line: &str) -> Option<(&'static str, &str)> {
    let rest = line.trim_start().strip_prefix("options")?.trim_start();
    let (module, options) = rest.split_once([' ', '\t'])?;
    match module {
        "nf_conntrack" => Some(("net.netfilter.nf_conntrack_", options)),
        "ip_conntrack" => Some(("net.ipv4.netfilter.ip_conntrack_", options)),
        _ => None,
    }
}

/// Assignments, one of those that matter among them (or remarked out).
pub(super) fn is_firewall(head: &Head<'_>) -> bool {
    let matters =
        |line: &&str| assignment(line.trim_start_matches('#')).is_some_and(|(n, _)| ASSIGNED.contains(&n));
    let fits = |line: &&str| line.starts_with('#') || assignment(line).is_some();
    head.lines.iter().any(matters) && head.lines.iter().all(fits)
}

/// Every assignment is a record.
pub(super) fn read_firewall(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| match assignment(text) {
        _ if text.trim_start().starts_with('#') => {}
        Some((name, value)) => {
            reading.records += 1;
            if ASSIGNED.contains(&name) {
                want(name.to_owned(), value, line, reading);
            }
        }
        None => reading.damage(BlemishKind::Unrecognised, line),
    });
}

fn want(key: String, value: &str, line: &Line<'_>, reading: &mut Reading<'_>) {
    let file: Box<str> = reading.path.into();
    let wanted = &mut reading.counters.configured;
    let fits = key.len() <= sysctl::KEY_BYTES_MAX && value.len() <= sysctl::VALUE_BYTES_MAX;
    if fits && wanted.len() < sysctl::KEYS_MAX {
        wanted.insert(key.into(), (value.into(), file));
    } else {
        reading.damage(BlemishKind::LineTooLong, line);
    }
}
