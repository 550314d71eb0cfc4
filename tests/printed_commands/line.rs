//! What is done with a printed line: typed, put into a file, or only read by the shell.

use crate::collect::Line;

/// Programs whose lines are typed as they stand. None of them reaches out of the namespaces that it is typed in.
const TYPED: [&str; 9] =
    ["iptables", "ip6tables", "iptables-save", "ip6tables-save", "nft", "conntrack", "ss", "ip", "sed"];
/// Programs that are not here, that act on services and clusters, that listen, or that only show what there is: their
/// lines are read by the shell and not run.
const READ: [&str; 33] = [
    "for",
    "awk",
    "bpftool",
    "cat",
    "cilium",
    "cilium-dbg",
    "conntriage",
    "curl",
    "docker",
    "ethtool",
    "dmesg",
    "echo",
    "grep",
    "ipvsadm",
    "kubectl",
    "ls",
    "lsmod",
    "lsns",
    "nc",
    "nstat",
    "ovn-nbctl",
    "ovs-appctl",
    "systemctl",
    "udevadm",
    "uname",
    "vzctl",
    "conntrackd",
    "aws",
    "ps",
    "pgrep",
    "getent",
    "journalctl",
    "tc",
];
/// Settings that are one for all namespaces of the machine: it is looked whether they are there, and no more.
const OF_THE_MACHINE: [&str; 7] = [
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_mem",
    "net.netfilter.nf_conntrack_max",
    "net.nf_conntrack_max",
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_expect_max",
    "net.ipv4.neigh.",
];
/// Settings that this kernel need not have, and since or until when kernels have them.
const OF_ANOTHER_KERNEL: [(&str, &str); 6] = [
    ("net.ipv4.ip_conntrack_max", "until 2.6.31: the names of ip_conntrack"),
    ("net.ipv4.netfilter.ip_conntrack_", "until 2.6.31: the names of ip_conntrack"),
    ("net.ipv4.tcp_tw_recycle", "until 4.11"),
    ("net.ipv4.vs.", "while the module ip_vs is loaded"),
    ("net.bridge.", "while the module br_netfilter is loaded"),
    ("net.netfilter.nf_flowtable_", "from 5.14 on, while the module nf_flow_table is loaded"),
];
/// The table that distributions ship for nftables, with its chains.
const THEIR_CHAINS: &str = "nft 'table inet filter {
chain input { type filter hook input priority 0; }
chain forward { type filter hook forward priority 0; }
chain output { type filter hook output priority 0; }
}'";
/// The file that Red Hat's systems ship, with its line.
const SHIPPED: (&str, &str) = ("/etc/sysconfig/iptables-config", "IPTABLES_MODULES_UNLOAD=\"yes\"");

/// What the shell does with a line.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// As it is printed.
    pub(crate) printed: String,
    /// What is run.
    pub(crate) shell: String,
    /// Only read by the shell.
    pub(crate) read: bool,
}

impl Step {
    fn typed(printed: &str, shell: impl Into<String>) -> Self {
        Self { printed: printed.to_owned(), shell: shell.into(), read: false }
    }

    fn read(line: &str) -> Self {
        Self { printed: line.to_owned(), shell: line.to_owned(), read: true }
    }

    /// It deletes entries.
    pub(crate) fn deletes(&self) -> bool {
        !self.read && self.shell.contains("conntrack") && self.shell.contains("-D ")
    }
}

/// What is done with a line; nothing with a line of another program's configuration, or of another machine.
pub(crate) fn step(line: &Line) -> Result<Option<Step>, String> {
    if line.place.starts_with("/etc/") {
        return Ok(Some(into_file(&line.text, &line.place)));
    }
    if line.place.contains("filter chains of nft") {
        return Ok(Some(into_chain(&line.text)));
    }
    let here = line.place.starts_with("this host") || line.place.contains(": names the program");
    if here { of_shell(&line.text) } else { Ok(None) }
}

/// What takes it back.
pub(crate) fn undo(line: &Line) -> Result<Option<Step>, String> {
    match &line.undo {
        Some(undo) => of_shell(undo),
        None => Ok(None),
    }
}

fn of_shell(line: &str) -> Result<Option<Step>, String> {
    // Inside a namespace that a process of somebody else holds, here it is the test's own.
    if let Some(rest) = line.strip_prefix("nsenter --net=/proc/PID/ns/net ") {
        return of_shell(rest);
    }
    if let Some(rest) = line.strip_prefix("sh -c '").and_then(|rest| rest.strip_suffix('\'')) {
        return of_shell(rest);
    }
    // A word in capitals is to be filled in by hand.
    if line.split_whitespace().any(|word| matches!(word, "SERVER" | "PID" | "NAME")) {
        return Ok(Some(Step::read(line)));
    }
    // A file beside whoever types it is not written.
    if line.contains(" > ") {
        return Ok(Some(Step::read(line)));
    }
    let program = line.split_whitespace().next().unwrap_or_default();
    if program == "sysctl" {
        return of_settings(line).map(Some);
    }
    // Nothing is listened to: the filter alone is compiled.
    if let Some((_, filter)) = line.strip_prefix("tcpdump -nni any -c ").and_then(|rest| rest.split_once(' '))
    {
        return Ok(Some(Step::typed(line, format!("tcpdump -d -y EN10MB {filter}"))));
    }
    // The chains that such a line is for are those of whoever types it.
    if line.starts_with("nft") && line.contains("inet filter ") {
        return Ok(Some(Step::typed(line, format!("{THEIR_CHAINS}\n{line}"))));
    }
    if TYPED.contains(&program) {
        return Ok(Some(Step::typed(line, line)));
    }
    if READ.contains(&program) {
        return Ok(Some(Step::read(line)));
    }
    Err(format!("nobody says how `{line}` is to be looked at"))
}

/// `sysctl -w KEY=VALUE` writes and reads back what belongs to the namespace; the rest must be there, or is of another kernel.
fn of_settings(line: &str) -> Result<Step, String> {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let is_plain =
        words.iter().all(|word| *word == "-w" || (!word.starts_with('-') && !word.contains(['|', '\''])));
    if !is_plain {
        return Ok(Step::read(line));
    }
    let mut shell = Vec::new();
    for word in words.iter().filter(|word| **word != "-w") {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let of_machine = OF_THE_MACHINE
            .iter()
            .any(|known| key == *known || known.ends_with('.') && key.starts_with(known));
        if OF_ANOTHER_KERNEL.iter().any(|(known, _)| key.starts_with(known)) {
            continue;
        }
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        if of_machine {
            // A namespace of one's own need not show them.
            if !std::path::Path::new(&path).exists() {
                return Err(format!("there is no setting {key}"));
            }
            continue;
        }
        shell.push(format!("test -e {path} || {{ echo no such setting: {key}; exit 1; }}"));
        let of_tracker = key.starts_with("net.netfilter.nf_conntrack_");
        if !value.is_empty() {
            if !of_tracker {
                return Err(format!("nobody says whether {key} is of the namespace"));
            }
            shell.push(format!("sysctl -w {word} && test \"$(cat {path})\" = {value}"));
        }
    }
    Ok(if shell.is_empty() { Step::read(line) } else { Step::typed(line, shell.join("\n")) })
}

/// A line of a file, added where it is read; in the place of the shipped one where that says the opposite.
fn into_file(line: &str, file: &str) -> Step {
    let quoted = format!("'{}'", line.replace('\'', r"'\''"));
    let (name, shipped) = SHIPPED;
    let shell = if file == name {
        format!(
            "mkdir -p $(dirname {file}); echo '{shipped}' > {file}; cp {file} {file}.before; sed -i 's/^.*$/'{quoted}'/' {file}"
        )
    } else {
        format!("mkdir -p $(dirname {file}); touch {file}; cp {file} {file}.before; echo {quoted} >> {file}")
    };
    Step::typed(line, shell)
}

/// A line for a chain of the user's own.
fn into_chain(line: &str) -> Step {
    let family = if line.contains("ip6 ") || line.contains("icmpv6") { "ip6" } else { "ip" };
    let chain = "{ type filter hook input priority 0; }";
    let shell = format!(
        "nft add table {family} theirs && nft 'add chain {family} theirs input {chain}' && nft 'add rule {family} theirs input {line}' && nft delete table {family} theirs"
    );
    Step::typed(line, shell)
}
