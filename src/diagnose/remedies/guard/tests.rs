//! Each test is named by what it forbids.

use super::line::forbidden;
use super::set;
use crate::model::diagnosis::{Command, Effect, Remedy};

fn refused(lines: &[&str]) {
    for line in lines {
        assert!(forbidden(line).is_some(), "{line}");
    }
}

fn allowed(lines: &[&str]) {
    for line in lines {
        assert_eq!(forbidden(line), None, "{line}");
    }
}

/// A remedy of these lines that says it frees entries.
fn remedy(lines: &[&str]) -> Remedy {
    let command =
        |line: &&str| Command { line: (*line).to_owned(), place: "this host".to_owned(), undo: None };
    Remedy {
        id: "test",
        title: "a test".into(),
        commands: lines.iter().map(command).collect(),
        effect: Effect { entries_freed_now: Some(7), ..Effect::default() },
        side_effects: Vec::new(),
        persists: false,
    }
}

const TOO_BIG: &str = "iptables -I INPUT 1 -p icmp --icmp-type fragmentation-needed -j ACCEPT";
const THERE: &str = "iptables -I OUTPUT 1 -p tcp -s 192.0.2.1 -d 192.0.2.2 --dport 80 -j ACCEPT";
const BACK: &str = "iptables -I INPUT 1 -p tcp -s 192.0.2.2 --sport 80 -d 192.0.2.1 ! --syn -j ACCEPT";
const RAW_THERE: &str =
    "iptables -t raw -A OUTPUT -p tcp -s 192.0.2.1 -d 192.0.2.2 --dport 80 -j CT --notrack";
const RAW_BACK: &str =
    "iptables -t raw -A PREROUTING -p tcp -s 192.0.2.2 --sport 80 -d 192.0.2.1 -j CT --notrack";
const DELETE: &str = "conntrack -D -p tcp -s 192.0.2.1 -d 192.0.2.2 --dport 80";

#[test]
fn never_the_whole_table() {
    refused(&[
        "conntrack -F",
        "conntrack -f ipv6 --flush",
        "nsenter --net=/proc/7/ns/net conntrack -F",
        "sh -c 'conntrack -F'",
        "conntrack -D -p tcp -u UNREPLIED",
        "conntrack --delete -u UNREPLIED",
        "conntrack -D -s 192.0.2.1 -u UNREPLIED",
        "modprobe -r nf_conntrack",
        "rmmod ip_conntrack",
        "nft flush ruleset",
        "iptables -F",
        "ip6tables --flush INPUT",
        "/usr/sbin/iptables -w -t nat -F",
        "/usr/sbin/conntrack --flu",
        "conntrack -L -p tcp -s 192.0.2.1 --dport 80 && conntrack -F",
    ]);
}

#[test]
fn never_a_deletion_without_protocol_end_and_port_or_state() {
    refused(&[
        "conntrack -D",
        "conntrack -D -p tcp",
        "conntrack -D -p tcp --state TIME_WAIT",
        "conntrack -D -s 192.0.2.1",
        "conntrack -D -p tcp -s 192.0.2.1",
        "conntrack -D -p udp -d 192.0.2.1",
    ]);
    allowed(&[
        "conntrack -D -p tcp --state TIME_WAIT -s 192.168.1.38 -d 192.168.1.107 --dport 3128",
        "conntrack -D -p tcp --state SYN_SENT -s 192.0.2.1",
        "conntrack -D -p tcp --state ESTABLISHED -r 10.0.0.9 --reply-port-src 8080",
        "conntrack -D -p icmp -s 192.0.2.1",
        // Each line of the list is a whole tuple.
        "xargs -r -a list -L 1 conntrack -D -p tcp",
        "xargs -r -a list -L 1 nsenter --net=/proc/PID/ns/net conntrack -f ipv6 -D -p tcp",
    ]);
}

#[test]
fn never_a_deletion_that_hides_in_a_pipe_a_loop_a_list_or_a_shell() {
    refused(&[
        "/usr/sbin/conntrack -D -s 192.0.2.1",
        "conntrack --delete -s 192.0.2.1",
        "conntrack --del -s 192.0.2.1",
        "ip netns exec blue conntrack -D",
        "sh -c 'conntrack -D -p tcp -s 192.0.2.1'",
        "for ip in 192.0.2.1 192.0.2.2; do conntrack -D -s $ip; done",
        "conntrack -L -p tcp -s 192.0.2.1 --dport 80; conntrack -D",
        "conntrack -L -p tcp --state TIME_WAIT -s 192.0.2.1 | wc -l && conntrack -D -p tcp",
        // An empty list runs it once, without a selection; and words are no lines.
        "xargs -a list -L 1 conntrack -D -p tcp",
        "xargs -r -a list conntrack -D -p tcp",
        "cat list | xargs -r -L 1 conntrack -D",
    ]);
}

#[test]
fn a_deletion_is_seen_wherever_it_stands_and_nothing_else_is_taken_for_one() {
    for line in [
        "xargs -r -a list -L 1 conntrack -D -p tcp",
        "conntrack --delete -p tcp -s 192.0.2.1 --dport 80",
        "/sbin/conntrack -f ipv6 -D -p icmpv6 -s 2001:db8::1",
        "while read s d; do conntrack -D -p icmp -s $s -d $d; done < list",
        "sh -c 'conntrack -L | head; conntrack -D -p icmp -s 192.0.2.1'",
        "vzctl exec 101 conntrack -D -p icmp -s 192.0.2.1",
    ] {
        assert!(super::deletes(&remedy(&[line])), "{line}");
    }
    for line in [
        "conntrack -L -p tcp -d 192.0.2.1",
        "iptables -D INPUT -m conntrack --ctstate INVALID -j DROP",
        "iptables -D INPUT -p tcp --dport 80 -j ACCEPT; conntrack -L",
        "nft delete table inet conntriage",
    ] {
        assert!(!super::deletes(&remedy(&[line])), "{line}");
    }
}

#[test]
fn one_service_of_the_host_itself_is_narrow_over_any_protocol_and_of_another_machine_over_udp() {
    use super::rule::Rule;
    let own = |machine: std::net::IpAddr| machine.to_string() == "192.0.2.1";
    for (line, narrow) in [
        ("iptables -t raw -A PREROUTING -p tcp -d 192.0.2.1 --dport 80 -j CT --notrack", true),
        ("iptables -t raw -A OUTPUT -p tcp -s 192.0.2.1 --sport 80 -j CT --notrack", true),
        ("iptables -t raw -A PREROUTING -p tcp -d 192.0.2.9 --dport 80 -j CT --notrack", false),
        ("iptables -t raw -A OUTPUT -p tcp -s 192.0.2.1 --dport 80 -j CT --notrack", false),
        ("iptables -t raw -A PREROUTING -p udp -d 192.0.2.9 --dport 53 -j CT --notrack", true),
        ("iptables -t raw -A PREROUTING -p udp -d 192.0.2.0/24 --dport 53 -j CT --notrack", false),
        ("iptables -t raw -A PREROUTING -p udp -d 239.255.255.250 --dport 1900 -j CT --notrack", true),
        ("iptables -t raw -A PREROUTING -p tcp -d 127.0.0.1 --dport 80 -j CT --notrack", false),
    ] {
        assert_eq!(Rule::of(line).unwrap().too_wide(own).is_none(), narrow, "{line}");
    }
}

#[test]
fn never_an_ipv6_address_where_ipv4_is_looked_for() {
    refused(&[
        "conntrack -D -p tcp -s 2001:db8::1 -d 2001:db8::2 --dport 80",
        "conntrack -f ipv6 -D -p tcp -s 192.0.2.1 -d 192.0.2.2 --dport 80",
    ]);
    allowed(&["conntrack -f ipv6 -D -p tcp -s 2001:db8::1 -d 2001:db8::2 --dport 80"]);
}

#[test]
fn never_settings_that_break_others() {
    refused(&[
        "sysctl -w net.ipv4.tcp_tw_recycle=1",
        "net.ipv4.tcp_tw_recycle = 1",
        "hping3 -R -p 80 192.0.2.1",
        "echo 'options use-vc' >> /etc/resolv.conf",
    ]);
    allowed(&["sysctl -w net.ipv4.tcp_tw_recycle=0", "sysctl -w net.netfilter.nf_conntrack_max=65536"]);
}

#[test]
fn never_bridge_nf_call_off() {
    refused(&[
        "sysctl -w net.bridge.bridge-nf-call-iptables=0",
        "net.bridge.bridge-nf-call-ip6tables = 0",
        "sysctl -w net.bridge.bridge-nf-call-arptables=0",
    ]);
}

#[test]
fn never_no_limit_and_never_connections_to_servers_that_are_gone() {
    refused(&[
        "sysctl -w net.netfilter.nf_conntrack_max=0",
        "net.ipv4.ip_conntrack_max = 0",
        "sysctl -w net.ipv4.vs.conn_reuse_mode=0",
    ]);
}

#[test]
fn a_resize_of_the_running_table_is_told_from_a_file_that_is_read_at_boot() {
    for line in [
        "sysctl -w net.netfilter.nf_conntrack_buckets=65536",
        "echo 65536 > /sys/module/nf_conntrack/parameters/hashsize",
    ] {
        assert!(super::line::resizes(line), "{line}");
    }
    for line in ["options nf_conntrack hashsize=65536", "net.netfilter.nf_conntrack_buckets = 65536"] {
        assert!(!super::line::resizes(line), "{line}");
        allowed(&[line]);
    }
}

#[test]
fn what_is_sent_to_a_group_has_no_answers_from_it() {
    let group = remedy(&[
        TOO_BIG,
        "iptables -I INPUT 1 -p udp -d 239.255.255.250 --dport 1900 -j ACCEPT",
        "iptables -t raw -A PREROUTING -p udp -d 239.255.255.250 --dport 1900 -j CT --notrack",
    ]);
    assert_eq!(set::incomplete(&group), None);
}

#[test]
fn never_a_udp_timeout_below_its_floor() {
    refused(&[
        "sysctl -w net.netfilter.nf_conntrack_udp_timeout=10",
        "net.netfilter.nf_conntrack_udp_timeout = 15",
        "sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=60",
    ]);
    allowed(&[
        "sysctl -w net.netfilter.nf_conntrack_udp_timeout=30",
        "sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=120",
    ]);
}

#[test]
fn never_an_established_timeout_that_cuts_idle_pools_nor_closing_ones_that_cut_late_packets() {
    refused(&[
        "sysctl -w net.ipv4.netfilter.ip_conntrack_tcp_timeout_established=180",
        "net.netfilter.nf_conntrack_tcp_timeout_established = 3600",
        "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=10",
        "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_close_wait=10",
    ]);
    allowed(&["sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=86400"]);
}

#[test]
fn never_untracking_without_addresses() {
    refused(&[
        "iptables -t raw -A PREROUTING -p tcp --dport 80 -j CT --notrack",
        "iptables -t raw -A PREROUTING -p tcp -d 192.0.2.1 --dport 80 -j NOTRACK",
        "nft add rule inet raw prerouting tcp dport 80 notrack",
        "nft add rule inet raw prerouting ip daddr 192.0.2.0/24 udp dport 53 notrack",
        "iptables -t raw -A PREROUTING -p udp -d 0.0.0.0/0 --dport 53 -j CT --notrack",
        "iptables -t raw -A PREROUTING -p udp -d 192.0.2.1 -j CT --notrack",
        "iptables -t raw -A OUTPUT -p udp -s 192.0.2.1 --dport 53 -j CT --notrack",
    ]);
    allowed(&[
        RAW_THERE,
        "iptables -t raw -A PREROUTING -p tcp -d 192.0.2.1 --dport 443 --syn -j CT --notrack",
        "nft add rule inet raw output ip saddr 192.0.2.1 ip daddr 192.0.2.2 tcp dport 80 notrack",
    ]);
}

#[test]
fn never_loopback() {
    refused(&[
        "iptables -t raw -A OUTPUT -o lo -j CT --notrack",
        "iptables -t raw -A OUTPUT -p tcp -s 127.0.0.1 -d 127.0.0.1 --dport 6379 -j CT --notrack",
        "nft add rule inet raw output ip6 saddr ::1 ip6 daddr ::1 tcp dport 6379 notrack",
    ]);
}

#[test]
fn never_a_door_for_whoever_sends_from_a_port() {
    refused(&[
        "iptables -I INPUT 1 -p tcp -s 192.0.2.2 --sport 80 -d 192.0.2.1 -j ACCEPT",
        "iptables -I INPUT 1 -p udp --sport 53 -j ACCEPT",
        "nft insert rule inet filter input ip saddr 192.0.2.2 ip daddr 192.0.2.1 tcp sport 80 accept",
    ]);
    allowed(&[BACK]);
}

#[test]
fn never_one_direction_alone() {
    let one = remedy(&[TOO_BIG, THERE, BACK, RAW_THERE, DELETE]);
    assert!(set::incomplete(&one).is_some_and(|why| why.contains("one direction")));
    assert_eq!(set::incomplete(&remedy(&[TOO_BIG, THERE, BACK, RAW_THERE, RAW_BACK, DELETE])), None);
}

#[test]
fn never_untracked_without_errors_about_large_packets_let_through_first() {
    for lines in
        [[THERE, BACK, RAW_THERE, RAW_BACK, DELETE, ""], [THERE, BACK, RAW_THERE, TOO_BIG, RAW_BACK, DELETE]]
    {
        assert!(set::incomplete(&remedy(&lines)).is_some_and(|why| why.contains("too large")), "{lines:?}");
    }
}

#[test]
fn on_loopback_no_packet_is_too_large() {
    let lo = remedy(&[
        "iptables -I OUTPUT 1 -o lo -p tcp -s 127.0.0.1 -d 127.0.0.1 --dport 6379 -j ACCEPT",
        "iptables -I OUTPUT 1 -o lo -p tcp -s 127.0.0.1 --sport 6379 -d 127.0.0.1 ! --syn -j ACCEPT",
        "iptables -t raw -A OUTPUT -o lo -p tcp -s 127.0.0.1 -d 127.0.0.1 --dport 6379 -j CT --notrack",
        "iptables -t raw -A OUTPUT -o lo -p tcp -s 127.0.0.1 --sport 6379 -d 127.0.0.1 -j CT --notrack",
        "conntrack -D -p tcp -s 127.0.0.1 -d 127.0.0.1 --dport 6379",
    ]);
    assert_eq!(set::incomplete(&lo), None);
}

#[test]
fn never_untracked_before_it_is_accepted_without_a_state() {
    let late = remedy(&[TOO_BIG, THERE, RAW_THERE, RAW_BACK, BACK, DELETE]);
    assert!(set::incomplete(&late).is_some_and(|why| why.contains("accepted")));
}

#[test]
fn never_untracked_while_the_old_entries_stay() {
    let old = remedy(&[TOO_BIG, THERE, BACK, RAW_THERE, RAW_BACK]);
    assert!(set::incomplete(&old).is_some_and(|why| why.contains("old entries")));
}

#[test]
fn never_a_deletion_that_does_not_say_how_many_go() {
    let mut silent = remedy(&[DELETE]);
    assert_eq!(set::incomplete(&silent), None);
    for unknown in [None, Some(0)] {
        silent.effect.entries_freed_now = unknown;
        assert!(set::incomplete(&silent).is_some(), "{unknown:?}");
    }
}

#[test]
fn never_hashsize_without_its_conditions() {
    let mut bare = remedy(&["options nf_conntrack hashsize=131072"]);
    assert!(set::incomplete(&bare).is_some());
    bare.side_effects.push("no effect where it is built in".into());
    assert_eq!(set::incomplete(&bare), None);
}

#[test]
fn what_takes_a_line_back_restores_what_was_there() {
    assert_eq!(
        super::line::destructive("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=180"),
        None
    );
    assert!(super::line::destructive("conntrack -F").is_some());
}
