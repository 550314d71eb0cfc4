//! A scene as a bundle on disk: a manifest and captures, or what an administrator saved by hand in one directory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use conntriage::model::era::Era;

use crate::draw::Draw;
use crate::flow::{Flags, Look, TCP};
use crate::kernel::Names;
use crate::scene::{Line, Scene, Stat};

/// How often a capture holds what no case depends on.
const WITH_STAT: f64 = 0.8;
const WITH_SLABINFO: f64 = 0.6;
const WITH_SOCKSTAT: f64 = 0.7;
const WITH_MEMINFO: f64 = 0.6;
const WITH_UPTIME: f64 = 0.5;
const WITH_LSMOD: f64 = 0.4;
/// Modules of any host with a packet filter.
const MODULES: &str = "Module                  Size  Used by
nf_conntrack          172032  2 nf_nat,xt_conntrack
nf_defrag_ipv6         24576  1 nf_conntrack
nf_defrag_ipv4         16384  1 nf_conntrack
ip_tables              32768  1 iptable_filter
";

/// Writes a scene and the machines beside it.
pub(crate) fn bundle(scene: &mut Scene, root: &Path) {
    let mut others = std::mem::take(&mut scene.others);
    if others.is_empty() {
        one(scene, root);
    } else {
        let all = others.iter_mut().chain(std::iter::once(&mut *scene));
        for machine in all {
            let below = root.join(machine.host.clone());
            one(machine, &below);
        }
    }
    scene.others = others;
}

fn one(scene: &mut Scene, root: &Path) {
    scene.mix();
    let taken = i64::try_from(scene.time).unwrap() + scene.taken;
    let files = capture(scene);
    let by_hand = scene.by_hand && scene.moments.is_empty();
    let mut moments: Vec<(String, &str, i64, BTreeMap<String, String>)> = Vec::new();
    for (number, moment) in scene.moments.iter().enumerate() {
        let at = i64::try_from(scene.time).unwrap() + moment.at;
        moments.push((
            format!("capture/{}-{}", number + 1, moment.role),
            moment.role,
            at,
            moment.files.clone(),
        ));
    }
    let last = format!("capture/{}-at", moments.len() + 1);
    moments.push((last, "at", taken, files));
    for (directory, _, at, files) in &moments {
        let below = if by_hand { root.to_owned() } else { root.join(directory) };
        for (name, text) in files {
            put(&below.join(name), text, *at);
        }
    }
    if !by_hand {
        put(&root.join("manifest.json"), &manifest(scene, &moments), taken);
    }
    if scene.with_log {
        let text = log(scene);
        let name = if by_hand { "messages" } else { "log/messages" };
        put(&root.join(name), &text, taken.max(i64::try_from(scene.time + scene.log_seconds + 30).unwrap()));
    }
    for (name, text) in &scene.beside {
        put(&root.join(name), text, taken);
    }
}

fn put(path: &Path, text: &str, at: i64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap());
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn stamp(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn manifest(scene: &Scene, moments: &[(String, &str, i64, BTreeMap<String, String>)]) -> String {
    let captures: Vec<serde_json::Value> = moments
        .iter()
        .map(|(directory, role, at, _)| {
            serde_json::json!({
                "dir": directory, "role": role, "trigger": "kernel-line", "taken_at": stamp(*at),
                "namespace": { "kind": scene.namespace }, "complete": true,
            })
        })
        .collect();
    let manifest = serde_json::json!({
        "schema": "conntriage.bundle/1", "host_names": [scene.host], "kernel": scene.kernel.release,
        "captures": captures,
    });
    format!("{manifest:#}\n")
}

/// The files of the capture at the incident.
fn capture(scene: &mut Scene) -> BTreeMap<String, String> {
    let old = scene.kernel.era == Era::A;
    let mut files = std::mem::take(&mut scene.files);
    let table = match (old, scene.by_tool) {
        (true, _) => "ip_conntrack",
        (false, true) => "conntrack-L",
        (false, false) => "nf_conntrack",
    };
    let add = |files: &mut BTreeMap<String, String>, name: &str, text: String| {
        files.entry(name.to_owned()).or_insert(text);
    };
    if !scene.without.contains("table") {
        add(&mut files, table, self::table(scene));
    }
    add(
        &mut files,
        "uname",
        format!("Linux {} {} {}\n", scene.host, scene.kernel.release, scene.kernel.build),
    );
    add(&mut files, "ip-addr", addresses(scene));
    add(&mut files, "sysctl", settings(scene));
    let shares = [WITH_STAT, WITH_SLABINFO, WITH_SOCKSTAT, WITH_MEMINFO, WITH_UPTIME, WITH_LSMOD];
    let with = shares.map(|share| scene.dice.chance(share));
    let stat_name = if old { "stat_ip_conntrack" } else { "stat_nf_conntrack" };
    if let Some(before) = scene.stat_before {
        add(&mut files, &format!("{stat_name}.before"), statistics(scene, &before));
        add(&mut files, &format!("{stat_name}.after"), statistics(scene, &scene.stat));
    } else if with[0] {
        add(&mut files, stat_name, statistics(scene, &scene.stat));
    }
    if with[1] {
        add(&mut files, "slabinfo", slabs(scene));
    }
    if with[2] || scene.sockets.is_some() {
        add(&mut files, "sockstat", sockets(scene));
    }
    if let Some(mebibytes) = scene.memory_mebibytes.filter(|_| with[3]) {
        add(&mut files, "meminfo", memory(mebibytes));
    }
    if with[4] {
        add(&mut files, "uptime", format!("{}.12 {}.48\n", scene.uptime_seconds, scene.uptime_seconds * 3));
    }
    if with[5] && !old {
        add(&mut files, "lsmod", MODULES.to_owned());
    }
    if scene.with_configured {
        let key = if old { "net.ipv4.netfilter.ip_conntrack_max" } else { "net.netfilter.nf_conntrack_max" };
        let text = format!("# limit of the tracker\n{key} = {}\n", scene.limit());
        add(&mut files, "sysctl.d/90-conntrack.conf", text);
    }
    files.retain(|name, _| !scene.without.contains(name.as_str()));
    scene.files = files.clone();
    files
}

/// The table as its file has it.
pub(crate) fn table(scene: &Scene) -> String {
    let (names, layer3) = match (scene.kernel.names(), scene.by_tool) {
        (Names::Ip, _) => (Names::Ip, false),
        (_, true) => (Names::Plain, false),
        (names, false) => (names, true),
    };
    let look = Look { names, layer3, accounts: scene.accounts };
    let mut text = String::with_capacity(scene.flows.len() * 190);
    for flow in &scene.flows {
        flow.print(look, &mut text);
    }
    if scene.by_tool {
        let shown = scene.flows.len();
        let _ = writeln!(text, "conntrack v1.4.6 (conntrack-tools): {shown} flow entries have been shown.");
    }
    text
}

fn addresses(scene: &Scene) -> String {
    let mut text = String::from(
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n\
         1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever\n",
    );
    let mut number = 1;
    let mut before = "";
    for (interface, address, prefix) in &scene.local {
        number += u32::from(interface != before);
        before = interface;
        let family = if address.is_ipv4() { "inet" } else { "inet6" };
        let _ = writeln!(
            text,
            "{number}: {interface}    {family} {address}/{prefix} scope global {interface}\\       valid_lft forever preferred_lft forever"
        );
    }
    text
}

fn settings(scene: &Scene) -> String {
    let prefix = scene.kernel.prefix();
    let listed = i64::try_from(scene.flows.len()).unwrap();
    let limit = i64::try_from(scene.limit()).unwrap();
    // Entries that are being made, or are dead and not yet freed, are counted and not listed.
    let count =
        scene.count.unwrap_or(if listed >= limit { listed } else { (listed + listed / 1_000).min(limit) });
    let times = &scene.times;
    let mut all: BTreeMap<String, String> = [
        ("buckets", scene.buckets().to_string()),
        ("count", count.to_string()),
        ("max", limit.to_string()),
        ("generic_timeout", "600".to_owned()),
        ("icmp_timeout", "30".to_owned()),
        ("log_invalid", "0".to_owned()),
        ("tcp_be_liberal", "0".to_owned()),
        ("tcp_loose", "1".to_owned()),
        ("tcp_max_retrans", "3".to_owned()),
        ("tcp_timeout_close", "10".to_owned()),
        ("tcp_timeout_close_wait", times.close_wait.to_string()),
        ("tcp_timeout_established", times.established.to_string()),
        ("tcp_timeout_fin_wait", times.fin_wait.to_string()),
        ("tcp_timeout_last_ack", "30".to_owned()),
        ("tcp_timeout_max_retrans", "300".to_owned()),
        ("tcp_timeout_syn_recv", times.syn_recv.to_string()),
        ("tcp_timeout_syn_sent", times.syn_sent.to_string()),
        ("tcp_timeout_time_wait", times.time_wait.to_string()),
        ("udp_timeout", times.udp.to_string()),
        ("udp_timeout_stream", times.udp_stream.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (format!("{prefix}{name}"), value))
    .collect();
    if scene.kernel.era == Era::A {
        all.insert("net.ipv4.ip_conntrack_max".to_owned(), limit.to_string());
    } else {
        all.insert("net.nf_conntrack_max".to_owned(), limit.to_string());
        all.insert("net.netfilter.nf_conntrack_acct".to_owned(), u8::from(scene.accounts).to_string());
    }
    let (low, high) = crate::scene::EPHEMERAL;
    all.insert("net.ipv4.ip_local_port_range".to_owned(), format!("{low}\t{high}"));
    all.insert("net.ipv4.tcp_fin_timeout".to_owned(), "60".to_owned());
    all.insert("net.ipv4.tcp_tw_reuse".to_owned(), "0".to_owned());
    for (key, value) in &scene.settings {
        all.insert(key.clone(), value.clone());
    }
    all.iter().fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key} = {value}");
        text
    })
}

/// `/proc/net/stat/nf_conntrack`: two processors, hexadecimal.
fn statistics(scene: &Scene, stat: &Stat) -> String {
    let columns = scene.kernel.columns();
    let mut text = columns.join(" ") + "\n";
    for half in [0, 1] {
        let split = |value: u64| if half == 0 { value / 3 } else { value - value / 3 };
        let row: Vec<String> = columns
            .iter()
            .map(|column| {
                let value = match *column {
                    "entries" => {
                        scene.count.map_or(scene.flows.len() as u64, i64::cast_unsigned) & 0xffff_ffff
                    }
                    "found" => split(stat.found),
                    "invalid" => split(stat.invalid),
                    "insert" => split(stat.insert),
                    "insert_failed" => split(stat.insert_failed),
                    "drop" => split(stat.drop),
                    "early_drop" => split(stat.early_drop),
                    "search_restart" => split(stat.search_restart),
                    "chainlength" => split(stat.chain_too_long),
                    _ => 0,
                };
                format!("{value:08x}")
            })
            .collect();
        text.push_str(&row.join(" "));
        text.push('\n');
    }
    text
}

fn slabs(scene: &Scene) -> String {
    let counted = scene.count.map_or(scene.flows.len() as u64, |count| u64::try_from(count).unwrap_or(0));
    let active = counted + counted / 200 + 16;
    let name = match scene.kernel.era {
        Era::A => "ip_conntrack",
        Era::B => "nf_conntrack_ffffffff81b1b780",
        Era::C => "nf_conntrack_1",
        Era::D | Era::E => "nf_conntrack",
    };
    format!(
        "slabinfo - version: 2.1\n\
         # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n\
         {name} {active} {} 320 25 2 : tunables 0 0 0 : slabdata {} {} 0\n",
        active + 40,
        active / 25 + 1,
        active / 25 + 2
    )
}

fn sockets(scene: &Scene) -> String {
    let own = |address| scene.local.iter().any(|(_, local, _)| *local == address);
    let sockets = scene.sockets.unwrap_or_else(|| {
        let mine = || scene.flows.iter().filter(|flow| flow.l4 == TCP && own(flow.original.source));
        let open =
            |flow: &&crate::flow::Flow| flow.state == Some("ESTABLISHED") && flow.flags == Flags::Assured;
        let inuse = mine().filter(open).count() as u64 + 12;
        // A socket waits for 60 s, an entry for 120: the younger half of them still has one.
        let time_wait =
            mine().filter(|flow| flow.state == Some("TIME_WAIT") && flow.remaining > 60).count() as u64;
        crate::scene::Sockets { inuse, orphan: 0, time_wait, alloc: inuse + 14 }
    });
    format!(
        "sockets: used {}\nTCP: inuse {} orphan {} tw {} alloc {} mem 9\nUDP: inuse 7 mem 2\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n",
        sockets.alloc + 120,
        sockets.inuse,
        sockets.orphan,
        sockets.time_wait,
        sockets.alloc
    )
}

/// `/proc/meminfo`, its first lines.
pub(crate) fn memory(mebibytes: u64) -> String {
    let kibibytes = mebibytes * 1_024;
    format!(
        "MemTotal:       {kibibytes:>8} kB\nMemFree:        {:>8} kB\nMemAvailable:   {:>8} kB\n",
        kibibytes / 5,
        kibibytes / 2
    )
}

/// The log: what the case says, and what any machine writes beside it.
fn log(scene: &mut Scene) -> String {
    let mut lines = scene.lines.clone();
    let passing = scene.dice.whole((6, 30));
    for _ in 0..passing {
        let seconds = scene.dice.between(-900.0, scene.log_seconds as f64 + 20.0);
        let pid = scene.dice.whole((300, 30_000));
        let (tag, text) = *scene.dice.one(&[
            ("CRON", "(root) CMD (run-parts /etc/cron.hourly)"),
            ("systemd", "Started Session 412 of user root."),
            ("systemd", "Starting Cleanup of Temporary Directories..."),
            ("sshd", "Accepted publickey for admin from 10.255.0.9 port 51514 ssh2"),
            ("rsyslogd", "action 'action-1-builtin:omfile' resumed (module 'builtin:omfile')"),
        ]);
        lines.push(Line {
            at: crate::scene::micros(seconds),
            tag: format!("{tag}[{pid}]"),
            text: text.to_owned(),
        });
    }
    lines.sort_by_key(|line| line.at);
    let old = matches!(scene.kernel.era, Era::A | Era::B);
    let zero = i64::try_from(scene.time).unwrap() * 1_000_000;
    lines.iter().fold(String::new(), |mut text, line| {
        let at = DateTime::<Utc>::from_timestamp_micros(zero + line.at).unwrap();
        let head = if old {
            at.format("%b %e %H:%M:%S").to_string()
        } else {
            at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
        };
        let _ = writeln!(text, "{head} {} {}: {}", scene.host, line.tag, line.text);
        text
    })
}
