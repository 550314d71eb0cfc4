//! How a limit stays: across a boot, a reload of the module, a restart of the firewall, and beside others who set it.

use crate::model::diagnosis::Command;
use crate::model::era::Names;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::facts::Case;
use super::super::platform;
use super::limit::systemd;
use super::{IPTABLES_CONFIG, here, in_file, kube_proxy};

/// The most that kube-proxy computes from the processors, from 1.36 on (kubernetes#137002).
const KUBE_PROXY_MOST: u64 = 1_048_576;
/// Loads the tracker before the settings are read at boot.
pub(super) const MODULES_LOAD: &str = "/etc/modules-load.d/nf_conntrack.conf";
/// Reads the settings again whenever the module is loaded (sysctl.d(5) gives the form).
pub(super) const UDEV_RULES: &str = "/etc/udev/rules.d/90-conntrack.rules";
pub(super) const UDEV_RULE: &str = "ACTION==\"add\", SUBSYSTEM==\"module\", KERNEL==\"nf_conntrack\", RUN+=\"/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter --prefix=/net/nf_conntrack_max\"";

/// Sets the limit now and keeps it.
pub(super) fn limit(case: &Case<'_>, limit: u64) -> Vec<Command> {
    let mut commands = super::set(&case.kernel, "max", limit, case.usage.max);
    if platform::of(case).kube_proxy {
        // kube-proxy writes its own number at every start: a settings file is overwritten by it.
        commands.truncate(1);
        commands.extend(kube_proxy::keys(case, limit));
        commands.push(kube_proxy::restart());
    } else if systemd(&case.kernel) {
        commands.extend(with_systemd(case));
    } else {
        commands.extend(without_systemd(case, limit));
    }
    commands
}

fn with_systemd(case: &Case<'_>) -> Vec<Command> {
    if built_in(case) == Some(true) {
        return vec![here("systemctl restart systemd-sysctl".to_owned(), None)];
    }
    let mut commands = vec![
        in_file(case.kernel.names.module(), MODULES_LOAD),
        in_file(UDEV_RULE, UDEV_RULES),
        here("udevadm control --reload".to_owned(), None),
        here("systemctl restart systemd-modules-load systemd-sysctl".to_owned(), None),
    ];
    if case.kernel.enterprise == Some(7) {
        commands.push(in_file("IPTABLES_MODULES_UNLOAD=\"no\"", IPTABLES_CONFIG));
    }
    commands
}

/// `max = 8 × hashsize` at every load, in every version: this is what a reload cannot undo.
fn without_systemd(case: &Case<'_>, limit: u64) -> Vec<Command> {
    let names = case.kernel.names;
    let place = if names == Names::Ip { "/etc/modprobe.conf" } else { "/etc/modprobe.d/nf_conntrack.conf" };
    vec![
        in_file("IPTABLES_MODULES_UNLOAD=\"no\"", IPTABLES_CONFIG),
        in_file(&format!("options {} hashsize={}", names.module(), limit / 8), place),
    ]
}

/// The tracker is part of the kernel and no module; none: no list of modules was read.
pub(super) fn built_in(case: &Case<'_>) -> Option<bool> {
    let modules = case.counters.machine.modules.as_ref()?;
    let is_tracker = |name: &str| name == "nf_conntrack" || name == "ip_conntrack";
    Some(!modules.iter().any(|module| is_tracker(&module.name)))
}

/// What a keeper of the limit has to know.
pub(super) fn said(case: &Case<'_>, limit: u64) -> Vec<Sentence> {
    let platform = platform::of(case);
    let mut out = Vec::new();
    if platform.kube_proxy {
        out.push("kube-proxy sets the limit at its start, to the larger of min and maxPerCore for each processor: a settings file is overwritten by it".into());
        out.push(kube_proxy::EVERY_NODE.into());
        if limit > KUBE_PROXY_MOST {
            out.push(sentence![
                "from 1.36 on kube-proxy computes no more than",
                Word::Number(KUBE_PROXY_MOST),
                "from the processors: look at what it sets"
            ]);
        }
        return out;
    }
    if !systemd(&case.kernel) {
        out.push("hashsize counts when the module is loaded; one in the initial ramdisk or built into the kernel does not read that file (mkinitrd anew, or the kernel's command line)".into());
        return out;
    }
    if built_in(case) != Some(true) {
        out.push("a settings file that is read before the module is loaded sets nothing: the first file loads it first, the rule of udev reads the settings again after each load".into());
    }
    if platform.firewalld {
        out.push("firewalld older than 1.0 may unload the modules when it stops (CleanupModulesOnExit=no forbids it); its reload does not".into());
    } else if platform.containers {
        out.push("a restart of the container engine writes its rules anew and leaves the limit; what it starts with rights of its own may set another".into());
    } else {
        out.push("on a Kubernetes node kube-proxy sets the limit itself: there its conntrack min and maxPerCore count".into());
    }
    out
}
