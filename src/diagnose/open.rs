//! Facts that would decide and are in none of the inputs: what they would tell, and the one command that tells it.

use std::net::IpAddr;

use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::facts::Case;
use super::remedies::place::Way;

/// A fact that would be weighed if it were known.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    /// The field or fact that is missing: `is_local`.
    pub(crate) what: &'static str,
    /// Why it is not known, and what it would tell.
    pub(crate) why: Sentence,
    /// The one command that would tell.
    pub(crate) command: Option<String>,
}

/// A command that tells about the namespace of the case, as it is typed on the host.
pub(crate) fn inside(case: &Case<'_>, line: String) -> String {
    let Some(way) = Way::into(case.namespace()) else { return line };
    if line.contains(['>', '|']) { way.enter_shell(&line) } else { way.enter(&line) }
}

/// Whether an address is this host's own.
pub(crate) fn is_local(case: &Case<'_>, address: IpAddr) -> Open {
    Open {
        what: "is_local",
        why: sentence!["whether", address, "is this host or a client behind it is not known"],
        command: Some(inside(case, "ip -o addr".to_owned())),
    }
}

/// The limit.
pub(crate) fn limit(case: &Case<'_>) -> Open {
    Open {
        what: "max",
        why: "the limit is in none of the inputs: it decides whether demand is above it".into(),
        command: Some(format!("sysctl {}", case.kernel.key("max"))),
    }
}

/// The program behind connections of this host.
pub(crate) fn program(case: &Case<'_>, address: IpAddr) -> Open {
    Open {
        what: "top_sources[].owner",
        why: sentence!["which program opens the connections of", address, "is not known"],
        command: Some(inside(case, "ss -tanp".to_owned())),
    }
}

/// The packet filter's rules, where they would tell `what`.
pub(crate) fn rules(case: &Case<'_>, what: &'static str) -> Open {
    Open {
        what: "rules",
        why: sentence!["no rules of the packet filter were given:", Word::Text(what)],
        command: Some(inside(case, "nft list ruleset || iptables-save".to_owned())),
    }
}

/// The tracker's statistics, where they would tell `what`.
pub(crate) fn statistics(case: &Case<'_>, what: &'static str) -> Open {
    let file = case.kernel.names.stat_file();
    Open {
        what: "counters",
        why: sentence!["the kernel's counters were not given:", Word::Text(what)],
        command: Some(inside(case, format!("cat {file} || conntrack -S"))),
    }
}

/// Packets and bytes of each direction.
pub(crate) fn volumes(case: &Case<'_>) -> Open {
    Open {
        what: "volumes",
        why: "the table has no packets and bytes: whether answers are far longer than questions is not known; accounting counts entries that are made from then on".into(),
        command: Some(inside(case, "sysctl -w net.netfilter.nf_conntrack_acct=1".to_owned())),
    }
}

/// What a client is whose connections look like those of several kinds of programs.
pub(crate) fn who_is(case: &Case<'_>, address: IpAddr) -> Open {
    if case.locals.is_local(address) == Some(true) {
        return program(case, address);
    }
    Open {
        what: "client",
        why: sentence![
            "what",
            address,
            "is (a load balancer, a test, a server) is not known; the command is to be typed there"
        ],
        command: Some("ss -tanp".to_owned()),
    }
}

/// The remaining times of entries, which show a timer.
pub(crate) fn remaining(case: &Case<'_>) -> Open {
    Open {
        what: "remaining",
        why: "the remaining times of these entries are too few, or not known: whether a timer opens them cannot be told".into(),
        command: Some(inside(case, format!("cat {} || conntrack -L", case.kernel.names.table_file()))),
    }
}

/// Whether IPVS has its connections tracked.
pub(crate) fn ipvs(case: &Case<'_>) -> Open {
    Open {
        what: "net.ipv4.vs.conntrack",
        why: "IPVS is loaded, and whether it has its connections tracked is not known".into(),
        command: Some(inside(case, "sysctl net.ipv4.vs.conntrack net.ipv4.vs.conn_reuse_mode".to_owned())),
    }
}
