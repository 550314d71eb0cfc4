//! Look-alikes and warnings that are not a full table: settings that hurt on their own, lines of another table, entries
//! that hold on to what is gone.

mod stale_nat;
mod timeout_too_low;

use crate::model::census::Census;
use crate::model::counters::Counters;
use crate::model::diagnosis::{Cause, Effect, Finding, Remedy};
use crate::model::incident::{Around, Host, Incident};
use crate::model::sentence::{Word, noun};
use crate::model::signal::Table;
use crate::sentence;

mod cloud_allowance;
mod ebpf_map;
mod gc_lag;
mod hidden_client;
mod insert_race;
mod ipvs_ports;
mod other_tables;
mod snat_ports;

pub(crate) use hidden_client::of_table;
pub(crate) use other_tables::of_lines;

use super::causes::{
    CLOUD_ALLOWANCE, EBPF_MAP, EXPECTATION_TABLE, GC_LAG, INSERT_RACE, IPVS_PORT_REUSE, OTHER_KERNEL_TABLE,
    SNAT_PORT_EXHAUSTION, STALE_NAT, TIMEOUT_TOO_LOW, TW_RECYCLE,
};
use super::evidence::{context, supports};
use super::facts::Case;
use super::kernel::Kernel;
use super::remedies::{here, in_file};

/// What lost packets or cut connections though the table was not full, by how plainly the inputs tell it: counters and
/// lines that count what was lost, entries that nothing answers, settings that only may.
const COST: [Cause; 10] = [
    CLOUD_ALLOWANCE,
    SNAT_PORT_EXHAUSTION,
    INSERT_RACE,
    OTHER_KERNEL_TABLE,
    EBPF_MAP,
    STALE_NAT,
    GC_LAG,
    IPVS_PORT_REUSE,
    TIMEOUT_TOO_LOW,
    TW_RECYCLE,
];

/// What stands beside the settings of one host and says more of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// Its table.
    pub(crate) census: Option<&'a Census>,
    /// Lines about packets that fit no entry, near an incident of that host.
    pub(crate) invalid: Option<&'a Around>,
}

/// What looks like a full table and is another one, as the counters and the table of a case show it: those that lose
/// packets first. Without a host.
pub(crate) fn of_case(case: &Case<'_>) -> Vec<Finding> {
    let rules: [fn(&Case<'_>) -> Option<Finding>; 7] = [
        cloud_allowance::find,
        snat_ports::find,
        insert_race::find,
        other_tables::find,
        ebpf_map::find,
        gc_lag::find,
        ipvs_ports::find,
    ];
    rules.iter().filter_map(|find| find(case)).collect()
}

/// Of everything found of a case, what lost packets or cut connections, the plainest first: what is not the full table
/// that was looked for, and what the reader has come for.
pub(crate) fn that_cost(case: &Case<'_>) -> Option<Finding> {
    let place = |finding: &Finding| COST.iter().position(|cause| *cause == finding.cause);
    let found = of_case(case).into_iter().chain(case.found.iter().map(|finding| (*finding).clone()));
    found.filter(|finding| place(finding).is_some()).min_by_key(place)
}

/// Adds a finding, or what it has more to say than the one of the same host and cause that is there.
pub(crate) fn add(to: &mut Vec<Finding>, finding: Finding) {
    let same = |other: &&mut Finding| other.host == finding.host && other.cause == finding.cause;
    let Some(there) = to.iter_mut().find(same) else {
        to.push(finding);
        return;
    };
    // Only of tables of several kinds one says more than the other; else it is the same, read another time.
    for (remedy, evidence) in finding.remedies.into_iter().zip(finding.evidence) {
        if finding.cause != super::causes::OTHER_KERNEL_TABLE
            || there.remedies.iter().any(|r| r.id == remedy.id)
        {
            continue;
        }
        there.remedies.push(remedy);
        there.evidence.push(evidence);
    }
    for sentence in finding.summary {
        if finding.cause == super::causes::OTHER_KERNEL_TABLE && !there.summary.contains(&sentence) {
            there.summary.push(sentence);
        }
    }
}

/// What the settings of one host show, and its table.
pub(crate) fn of_host(
    host: Option<&str>,
    counters: &Counters,
    inputs: &[Box<str>],
    beside: Beside<'_>,
) -> Vec<Finding> {
    let kernel = Kernel::of(counters, None);
    let mut out = Vec::new();
    out.extend(recycle(counters));
    out.extend(timeout_too_low::of(counters, &kernel, beside));
    out.extend(beside.census.and_then(stale_nat::of));
    for finding in &mut out {
        finding.host = host.map(Into::into);
        for evidence in &mut finding.evidence {
            evidence.from = inputs.to_vec();
        }
    }
    out
}

fn recycle(counters: &Counters) -> Option<Finding> {
    let key = "net.ipv4.tcp_tw_recycle";
    let runs = counters.number(key);
    let configured = counters.configured.get(key).and_then(|(value, _)| value.trim().parse().ok());
    runs.or(configured).filter(|value| *value != 0)?;
    let where_from: &'static str = if runs.is_some() { "is set" } else { "stands in a settings file" };
    // What runs is taken back to what ran, and the file to what it said, if it said anything.
    let undo = runs.map(|was| format!("sysctl -w {key}={was}"));
    Some(Finding {
        host: None,
        cause: TW_RECYCLE,
        summary: vec![
            sentence![
                Word::Code(format!("{key} = 1")),
                "is a danger of its own: some visitors behind NAT are refused"
            ],
            sentence!["switch it off: it does nothing for the connection table"],
        ],
        evidence: vec![supports("tcp-tw-recycle", sentence![Word::Code(format!("{key} = 1")), where_from])],
        remedies: vec![Remedy {
            id: "tw-recycle-off",
            title: "switch it off, now and in the file it is kept in".into(),
            commands: vec![
                here(format!("sysctl -w {key}=0"), undo),
                in_file(&format!("{key} = 0"), "/etc/sysctl.conf"),
            ],
            effect: Effect { note: "does not change the number of entries".into(), ..Effect::default() },
            side_effects: Vec::new(),
            persists: true,
        }],
    })
}

/// Lines of the expectation table, once for each host.
pub(crate) fn of_expectations(hosts: &[Host], incidents: &[Incident]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (index, host) in hosts.iter().enumerate() {
        let of = |incident: &&Incident| incident.host == index && incident.table == Table::Expectation;
        let times = incidents.iter().filter(of).count();
        let lines = incidents.iter().filter(of).fold(0u64, |sum, i| sum.saturating_add(i.drops.visible));
        if times == 0 {
            continue;
        }
        out.push(Finding {
            host: Some(host.name.clone()),
            cause: EXPECTATION_TABLE,
            summary: vec![
                sentence![
                    Word::Count(lines, noun::LINE),
                    "say that the table of expectations was full, which is not the connection table"
                ],
                "raise its own limit or remove an unneeded helper: a larger nf_conntrack_max does not help"
                    .into(),
            ],
            evidence: vec![context(
                "expectation-lines",
                sentence![Word::Count(times as u64, noun::INCIDENT), "of that kind"],
            )],
            remedies: Vec::new(),
        });
    }
    out
}
