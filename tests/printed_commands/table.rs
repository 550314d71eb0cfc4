//! A case's table as lines of `conntrack -R`.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::flow::{Flags, Flow, SCTP, TCP, UDP, Way};
use crate::scene::Scene;

/// A table of more entries is not put into the kernel: the limit is one for the whole machine, and stays as it is.
const ENTRIES_MAX: usize = 60_000;
/// Nothing runs out while it is looked at, seconds.
const REMAINING: u64 = 3_000;

/// Entries of TCP, UDP and SCTP, which are all that is ever deleted; none where there are too many of them, or the table
/// has entries that no program can put in.
pub(crate) fn restorable(scene: &Scene) -> Option<String> {
    let mut out = String::new();
    let flows: Vec<&Flow> = scene.flows.iter().filter(|flow| matches!(flow.l4, TCP | UDP | SCTP)).collect();
    if flows.len() > ENTRIES_MAX
        || flows.iter().any(|flow| matches!(flow.flags, Flags::Offload | Flags::HwOffload))
    {
        return None;
    }
    let mut answered: HashSet<(u8, Way)> = HashSet::new();
    for flow in flows {
        let mut flow = flow.clone();
        // Two answers never look alike in a kernel: translating, it takes another port for the second.
        while !answered.insert((flow.l4, flow.reply)) {
            flow.reply.dport = flow.reply.dport.wrapping_add(1).max(1_024);
        }
        line(&flow, &mut out);
    }
    Some(out)
}

fn line(flow: &Flow, out: &mut String) {
    let (there, back) = (flow.original, flow.reply);
    let protocol = match flow.l4 {
        TCP => "tcp",
        UDP => "udp",
        _ => "sctp",
    };
    let _ = write!(
        out,
        "-A -p {protocol} -s {} -d {} -r {} -q {} --sport {} --dport {} --reply-port-src {} --reply-port-dst {} -t {REMAINING}",
        there.source,
        there.target,
        back.source,
        back.target,
        there.sport,
        there.dport,
        back.sport,
        back.dport
    );
    if flow.l4 == SCTP {
        out.push_str(" --orig-vtag 1 --reply-vtag 2");
    }
    if let Some(state) = flow.state {
        let _ = write!(out, " --state {state}");
    }
    out.push_str(match flow.flags {
        Flags::Assured => " -u SEEN_REPLY,ASSURED",
        Flags::Replied => " -u SEEN_REPLY",
        _ => "",
    });
    if flow.zone > 0 {
        let _ = write!(out, " -w {}", flow.zone);
    }
    out.push('\n');
}
