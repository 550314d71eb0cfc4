//! Where the lines of a remedy are to be typed when the full table is not that of the initial network namespace.
//! Entries, rules, counts and timeouts belong to one namespace; the limit and the buckets are numbers of the whole
//! machine, which a child may read and not write (`nf_conntrack_standalone.c`: mode 0444 from 5.12 on; before, a write
//! in a child changed them for all).

use crate::model::diagnosis::{Command, Remedy};
use crate::model::incident::Namespace;

use super::HERE;

/// Programs that see the namespace they run in.
const INSIDE: [&str; 11] = [
    "conntrack",
    "iptables",
    "iptables-save",
    "ip6tables",
    "nft",
    "ss",
    "ip",
    "nc",
    "nstat",
    "tcpdump",
    "bpftool",
];
/// Bare names of settings that are one for all namespaces.
const GLOBAL: [&str; 3] = ["max", "buckets", "expect_max"];

/// The way into a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// A network namespace, by inode.
    Netns(u64),
    /// A container of `OpenVZ`, by its id. It has a limit of its own.
    Container(Box<str>),
}

impl Way {
    /// None: no way is needed, or none is known.
    pub(crate) fn into(namespace: &Namespace) -> Option<Self> {
        match namespace {
            Namespace::Netns(inode) => Some(Self::Netns(*inode)),
            // The id was written by whoever wrote the log: into a shell it goes only as a bare number.
            Namespace::Container(id) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
                Some(Self::Container(id.clone()))
            }
            Namespace::Container(_) | Namespace::Initial | Namespace::Unknown => None,
        }
    }

    /// A command line as it is typed outside.
    pub(crate) fn enter(&self, line: &str) -> String {
        match self {
            Self::Netns(_) => format!("nsenter --net=/proc/PID/ns/net {line}"),
            Self::Container(id) => format!("vzctl exec {id} {line}"),
        }
    }

    /// Either, as the line needs. (What has a pipe has no quotes of the one kind.)
    fn enter_any(&self, line: &str) -> String {
        if line.contains(['|', '>']) && !line.contains('\'') {
            self.enter_shell(line)
        } else {
            self.enter(line)
        }
    }

    /// A line for the shell that has pipes or redirections, as it is typed outside.
    pub(crate) fn enter_shell(&self, line: &str) -> String {
        self.enter(&format!("sh -c '{line}'"))
    }

    /// Where that is.
    pub(crate) fn inside(&self, rest: &str) -> String {
        match self {
            Self::Netns(inode) => format!(
                "{HERE}{rest}, in network namespace {inode} (PID of one of its processes: lsns -t net -o NS,PID,COMMAND; for a named one --net=/run/netns/NAME)"
            ),
            Self::Container(id) => format!("{HERE}{rest}, inside container {id}"),
        }
    }
}

/// The same remedies, each line with its place.
pub(crate) fn within(namespace: &Namespace, remedies: Vec<Remedy>) -> Vec<Remedy> {
    let Some(way) = Way::into(namespace) else { return remedies };
    remedies.into_iter().map(|remedy| placed(&way, remedy)).collect()
}

fn placed(way: &Way, mut remedy: Remedy) -> Remedy {
    let before = remedy.commands.len();
    remedy.commands =
        remedy.commands.into_iter().filter_map(|command| command_placed(way, command)).collect();
    if remedy.commands.len() < before {
        remedy.persists = false;
        remedy.side_effects.push(
            "settings files reach the initial network namespace only: this one must be set again whenever the namespace is made anew (container runtime, unit, script)".into(),
        );
    }
    remedy
}

/// None: the line does nothing for that namespace.
fn command_placed(way: &Way, command: Command) -> Option<Command> {
    let is_setting = setting(&command.line).is_some();
    let global = setting(&command.line).is_some_and(|bare| GLOBAL.contains(&bare));
    let Some(rest) = command.place.strip_prefix(HERE).map(ToOwned::to_owned) else {
        return in_a_file(way, command, is_setting, global);
    };
    let acts_inside = command.line.split(' ').next().is_some_and(|program| INSIDE.contains(&program));
    Some(match way {
        Way::Netns(_) if global => {
            let place =
                format!("{HERE}{rest}, in its initial network namespace: this number is one for all of them");
            Command { place, ..command }
        }
        _ if acts_inside || is_setting => Command {
            line: way.enter_any(&command.line),
            undo: command.undo.map(|undo| way.enter_any(&undo)),
            place: way.inside(&rest),
        },
        _ => command,
    })
}

/// A line of a settings file. Those of the host are read in the initial namespace.
fn in_a_file(way: &Way, command: Command, is_setting: bool, global: bool) -> Option<Command> {
    match way {
        _ if !is_setting => Some(command),
        Way::Netns(_) => global.then_some(command),
        Way::Container(id) => Some(Command {
            place: format!("{}, inside container {id}", command.place),
            undo: command.undo.map(|undo| way.enter(&format!("\"{undo}\""))),
            ..command
        }),
    }
}

/// The bare name of the tracker's setting that a line sets: `sysctl -w KEY=…`, or `KEY = …` in a file.
fn setting(line: &str) -> Option<&str> {
    let line = line.strip_prefix("sysctl -w ").unwrap_or(line);
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    let bare = crate::model::era::bare_key(key);
    (bare != key && key.contains("conntrack_") && !key.contains(' ')).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_from_other_lines() {
        assert_eq!(setting("sysctl -w net.netfilter.nf_conntrack_max=65536"), Some("max"));
        assert_eq!(
            setting("net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait = 30"),
            Some("tcp_timeout_time_wait")
        );
        assert_eq!(setting("options nf_conntrack hashsize=65536"), None);
        assert_eq!(setting("nf_conntrack"), None);
        assert_eq!(setting("conntrack -D -p tcp --state TIME_WAIT -s 192.0.2.1"), None);
    }

    #[test]
    fn an_id_that_is_no_number_never_reaches_a_shell() {
        assert_eq!(Way::into(&Namespace::Container("101".into())), Some(Way::Container("101".into())));
        assert_eq!(Way::into(&Namespace::Container("$(reboot)".into())), None);
        assert_eq!(Way::into(&Namespace::Container("".into())), None);
    }
}
