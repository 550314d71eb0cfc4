//! Look-alikes and warnings that are not a full table: settings that hurt on their own, and lines of another table.

use crate::model::counters::Counters;
use crate::model::diagnosis::{Effect, Finding, Remedy};
use crate::model::incident::{Host, Incident};
use crate::model::sentence::{Word, noun};
use crate::model::signal::Table;
use crate::sentence;

use super::causes::{EXPECTATION_TABLE, TIMEOUT_TOO_LOW, TW_RECYCLE};
use super::evidence::{context, supports};
use super::kernel::Kernel;
use super::remedies::{here, in_file};

mod hidden_client;

pub(crate) use hidden_client::of_table;

/// An established timeout up to this many seconds cuts pools and load balancers (idle for 240 to 600 s).
const TOO_LOW_SECONDS: u64 = 600;
/// RFC 5382: two hours and four minutes at least.
const FLOOR_SECONDS: u64 = 7_440;
/// What kube-proxy sets.
const DAY_SECONDS: u64 = 86_400;

/// What the settings of one host show.
pub(crate) fn of_settings(host: Option<&str>, counters: &Counters, inputs: &[Box<str>]) -> Vec<Finding> {
    let kernel = Kernel::of(counters, None);
    let mut out = Vec::new();
    out.extend(recycle(counters));
    out.extend(too_low(counters, &kernel));
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
    Some(Finding {
        host: None,
        cause: TW_RECYCLE,
        summary: vec![
            sentence![
                Word::Code(format!("{key} = 1")),
                "is a separate danger for visitors behind NAT: of several who share an address, those whose clocks are behind are refused"
            ],
            sentence!["it does nothing for the connection table; switch it off"],
        ],
        evidence: vec![supports("tcp-tw-recycle", sentence![Word::Code(format!("{key} = 1")), where_from])],
        remedies: vec![Remedy {
            id: "tw-recycle-off",
            title: "switch it off, now and in the file it is kept in".into(),
            commands: vec![
                here(format!("sysctl -w {key}=0"), None),
                in_file(&format!("{key} = 0"), "/etc/sysctl.conf"),
            ],
            effect: Effect { note: "does not change the number of entries".into(), ..Effect::default() },
            side_effects: Vec::new(),
            persists: true,
        }],
    })
}

fn too_low(counters: &Counters, kernel: &Kernel) -> Option<Finding> {
    let name = "tcp_timeout_established";
    let runs = counters.setting(name);
    let (key, seconds) =
        runs.or(counters.configured(name)).filter(|(_, seconds)| *seconds <= TOO_LOW_SECONDS)?;
    let where_from: &'static str = if runs.is_some() { "is set" } else { "stands in a settings file" };
    Some(Finding {
        host: None,
        cause: TIMEOUT_TOO_LOW,
        summary: vec![
            sentence![
                Word::Code(format!("{key} = {seconds}")),
                "cuts connections that are silent for",
                Word::Duration(seconds as f64),
                ": idle pools, sessions and load balancers lose theirs"
            ],
            sentence![
                "not below",
                Word::Duration(FLOOR_SECONDS as f64),
                "for other people's connections (RFC 5382); a day is safe"
            ],
        ],
        evidence: vec![supports(
            "established-timeout",
            sentence![Word::Code(format!("{key} = {seconds}")), where_from],
        )],
        remedies: vec![Remedy {
            id: "established-timeout",
            title: sentence!["set it to", Word::Duration(DAY_SECONDS as f64)],
            commands: super::remedies::set(kernel, "tcp_timeout_established", DAY_SECONDS, Some(seconds)),
            effect: Effect {
                entries_freed_now: Some(0),
                steady_state_entries: None,
                note: "connections that are in use keep their entries longer; those of the next packet on"
                    .into(),
            },
            side_effects: vec!["entries of connections whose ends vanish stay as long".into()],
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
            summary: vec![sentence![
                Word::Count(lines, noun::LINE),
                "say that the table of expectations was full: that is not the connection table, and a larger nf_conntrack_max does not help"
            ]],
            evidence: vec![context("expectation-lines", sentence![Word::Count(times as u64, noun::INCIDENT), "of that kind"])],
            remedies: Vec::new(),
        });
    }
    out
}
