//! What fixes it, as values. Every number is computed from the table at hand; every command carries the key names of
//! that kernel. What must never be printed is in [`guard`].

mod accounting;
mod buckets;
mod churn;
mod closing;
mod connections;
pub(crate) mod datagrams;
mod delete;
mod established;
mod expectations;
mod flowtable;
pub(crate) mod guard;
mod handshakes;
mod in_force;
mod kube_proxy;
mod limit;
mod log_only;
mod loopback;
pub(crate) mod notrack;
mod pair;
mod path;
mod persist;
mod pickups;
pub(crate) mod place;
mod scan;
mod shorter;
mod syn;
mod time_wait;
pub(crate) mod untracked;
pub(crate) mod zones;

pub(crate) use accounting::{
    every_namespace, find_module, find_namespace, reboot_later, upgrade_kernel, wake_listener,
};
pub(crate) use buckets::enough_buckets;
pub(crate) use churn::{
    check_less, close_by_reset, limit_one_client, newer_kernel_for_ipvs, pool, reuse_in_front,
    server_keep_alive, stop_the_replay, stop_the_test, untracked_ipvs,
};
pub(crate) use closing::{close_connections, close_wait_timeout, delete_closing, shorter_fin_wait};
pub(crate) use connections::{open_fewer, reuse_connections};
pub(crate) use delete::{delete_established_to, delete_time_wait};
pub(crate) use established::established_timeout;
pub(crate) use expectations::expectation_limit;
pub(crate) use flowtable::{flowtable_timeouts, offload_less};
pub(crate) use handshakes::{delete_syns_to, newer_kernel, refuse_at_once, shorter_syn_sent};
pub(crate) use in_force::{keep_containers_off, put_back, put_in_force};
pub(crate) use kube_proxy::{kube_proxy_limit, spread};
pub(crate) use limit::{more_buckets, raise_limit};
pub(crate) use log_only::{find_out, gain_time};
pub(crate) use loopback::notrack_loopback;
pub(crate) use notrack::{Refusal, notrack, notrack_network};
pub(crate) use pair::{commit_less, purge_backup};
pub(crate) use path::{
    both_directions, find_lost_ends, keep_entries, mirror_untracking, reach_upstream, without_state,
};
pub(crate) use pickups::delete_pickups;
pub(crate) use scan::{drop_before_tracking, find_scanner};
pub(crate) use syn::{shorter_handshake, stop_before_tracking, synproxy};
pub(crate) use time_wait::shorter_time_wait;

use std::net::IpAddr;

use crate::model::diagnosis::Command;

/// Place of a command that is typed on the host itself.
pub(crate) const HERE: &str = "this host";
/// Where the firewall's start script of old Red Hat systems is told what to do with the modules.
pub(crate) const IPTABLES_CONFIG: &str = "/etc/sysconfig/iptables-config";

/// A command on the host itself.
pub(crate) fn here(line: String, undo: Option<String>) -> Command {
    Command { line, place: HERE.to_owned(), undo }
}

/// A line of a file or of a program's configuration. A line of a file of ours is taken back by deleting exactly it:
/// the file may have existed before, and may hold other lines by then.
pub(crate) fn in_file(line: &str, place: &str) -> Command {
    Command { line: line.to_owned(), place: place.to_owned(), undo: taken_out(line, place) }
}

/// The command that takes a line out of a file; none for places that are no files.
fn taken_out(line: &str, place: &str) -> Option<String> {
    if !place.starts_with("/etc/") {
        return None;
    }
    let pattern: String = line
        .chars()
        .flat_map(|c| {
            let escaped = r".[]*^$\/".contains(c);
            escaped.then_some('\\').into_iter().chain(std::iter::once(c))
        })
        .collect();
    // This setting stands in that file as it is shipped, with the other value.
    if place == IPTABLES_CONFIG && line.contains("\"no\"") {
        let shipped = line.replace("\"no\"", "\"yes\"");
        return Some(format!("sed -i 's/^{pattern}$/{shipped}/' {place}"));
    }
    Some(format!("sed -i '/^{pattern}$/d' {place}"))
}

/// An address where a port may follow: `ss` takes the last group of a bare one of IPv6 for a port.
pub(crate) fn bracketed(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// `conntrack` selects IPv4 unless told otherwise.
pub(crate) fn family(address: IpAddr) -> &'static str {
    match address.to_canonical() {
        IpAddr::V4(_) => "",
        IpAddr::V6(_) => "-f ipv6 ",
    }
}

/// Writes a setting now and keeps it, in the way of that kernel: (now, kept).
pub(crate) fn set(kernel: &super::kernel::Kernel, bare: &str, value: u64, old: Option<u64>) -> Vec<Command> {
    let key = kernel.key(bare);
    let undo = old.map(|old| format!("sysctl -w {key}={old}"));
    let mut commands = vec![here(format!("sysctl -w {key}={value}"), undo)];
    let file = limit::settings_file(kernel);
    commands.push(in_file(&format!("{key} = {value}"), file));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_file_is_taken_out_again_and_no_other() {
        let undo = |line: &str, place: &str| in_file(line, place).undo;
        assert_eq!(
            undo("net.netfilter.nf_conntrack_max = 65536", "/etc/sysctl.d/90-conntrack.conf").as_deref(),
            Some(r"sed -i '/^net\.netfilter\.nf_conntrack_max = 65536$/d' /etc/sysctl.d/90-conntrack.conf")
        );
        assert_eq!(
            undo("IPTABLES_MODULES_UNLOAD=\"no\"", IPTABLES_CONFIG).as_deref(),
            Some(
                "sed -i 's/^IPTABLES_MODULES_UNLOAD=\"no\"$/IPTABLES_MODULES_UNLOAD=\"yes\"/' /etc/sysconfig/iptables-config"
            )
        );
        assert_eq!(undo("keepalive 32;", "nginx, in the upstream block, if nginx opens them"), None);
    }
}
