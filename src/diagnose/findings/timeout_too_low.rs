//! L9: connections that are silent for a while lose their entry, and their next packet fits none: because the established
//! timeout was cut to minutes, or, with a timeout of days, because the provider's network forgets them earlier.

use crate::model::census::Census;
use crate::model::counters::Counters;
use crate::model::diagnosis::{Effect, Evidence, Finding, Remedy};
use crate::model::flow::L4;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::causes::TIMEOUT_TOO_LOW;
use super::super::cloud::Cloud;
use super::super::evidence::{Cited, context, supports};
use super::super::kernel::Kernel;
use super::super::mix::Mix;
use super::super::remedies::{here, in_file, set};
use super::Beside;

/// An established timeout up to this many seconds cuts pools and load balancers (idle for 240 to 600 s).
const TOO_LOW_SECONDS: u64 = 600;
/// RFC 5382: two hours and four minutes at least.
const FLOOR_SECONDS: u64 = 7_440;
/// What kube-proxy sets.
const DAY_SECONDS: u64 = 86_400;
/// Turned-around entries, of TCP: from this share and number on they are more than a few strays.
const TURNED: f64 = 0.05;
const TURNED_MIN: u64 = 50;
/// The kernel's own keepalive time.
const KEEPALIVE_SECONDS: u64 = 7_200;
/// Keepalive probes begin this much before the provider forgets.
const BEFORE_SECONDS: u64 = 50;

pub(super) fn of(counters: &Counters, kernel: &Kernel, beside: Beside<'_>) -> Option<Finding> {
    setting(counters, kernel, beside).or_else(|| provider(counters, kernel, beside))
}

/// The kernel's own timeout is too short.
fn setting(counters: &Counters, kernel: &Kernel, beside: Beside<'_>) -> Option<Finding> {
    let name = "tcp_timeout_established";
    let runs = counters.setting(name);
    let (key, seconds) =
        runs.or(counters.configured(name)).filter(|(_, seconds)| *seconds <= TOO_LOW_SECONDS)?;
    let where_from: &'static str = if runs.is_some() { "is set" } else { "stands in a settings file" };
    let mut evidence = vec![supports(
        "established-timeout",
        sentence![Word::Code(format!("{key} = {seconds}")), where_from],
    )];
    evidence.extend(signs(beside));
    Some(Finding {
        host: None,
        cause: TIMEOUT_TOO_LOW,
        summary: vec![
            sentence![
                Word::Code(format!("{key} = {seconds}")),
                "cuts what is silent for",
                Word::Duration(seconds as f64)
            ],
            sentence![
                "set it to a day, and for other people's connections not below",
                Word::Duration(FLOOR_SECONDS as f64),
                "(RFC 5382)"
            ],
        ],
        evidence,
        remedies: vec![Remedy {
            id: "established-timeout",
            title: sentence!["set it to", Word::Duration(DAY_SECONDS as f64)],
            commands: set(kernel, "tcp_timeout_established", DAY_SECONDS, Some(seconds)),
            effect: Effect {
                entries_freed_now: Some(0),
                steady_state_entries: None,
                note: "connections that are in use keep their entries longer, from their next packet on"
                    .into(),
            },
            side_effects: vec!["entries of connections whose ends vanish stay as long".into()],
            persists: true,
        }],
    })
}

/// The kernel's timeout is long, and connections are cut all the same: the network around it forgets them.
fn provider(counters: &Counters, kernel: &Kernel, beside: Beside<'_>) -> Option<Finding> {
    let cloud = Cloud::of(counters)?;
    let forgets = cloud.forgets_after_seconds();
    let signs = signs(beside);
    let set = counters.setting("tcp_timeout_established").map(|(_, seconds)| seconds);
    let seconds = set.or_else(|| kernel.default_timeout("tcp_timeout_established"))?;
    if signs.is_empty() || seconds <= forgets {
        return None;
    }
    let mut evidence = signs;
    evidence.push(context(
        "provider-forgets",
        sentence![
            Word::Text(cloud.forgetful()),
            "forget a silent connection after",
            Word::Duration(forgets as f64),
            "by default, this kernel after",
            Word::Duration(seconds as f64)
        ],
    ));
    Some(Finding {
        host: None,
        cause: TIMEOUT_TOO_LOW,
        summary: vec![
            sentence![
                "connections are met in their middle here although this kernel keeps them for",
                Word::Duration(seconds as f64)
            ],
            sentence![
                Word::Text(cloud.name()),
                "may forget what is silent for",
                Word::Duration(forgets as f64),
                ": let programs speak more often than that"
            ],
        ],
        evidence,
        remedies: vec![keepalive(counters, forgets)],
    })
}

fn keepalive(counters: &Counters, forgets_seconds: u64) -> Remedy {
    let seconds = forgets_seconds.saturating_sub(BEFORE_SECONDS);
    let key = "net.ipv4.tcp_keepalive_time";
    let now = counters.number(key).unwrap_or(KEEPALIVE_SECONDS);
    Remedy {
        id: "keepalive-below",
        title: sentence![
            "let idle connections speak every",
            Word::Duration(seconds as f64),
            ": keepalive in the programs' own settings, where they have one"
        ],
        commands: vec![
            here(format!("sysctl -w {key}={seconds}"), Some(format!("sysctl -w {key}={now}"))),
            in_file(&format!("{key} = {seconds}"), "/etc/sysctl.conf"),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "does not change the number of entries".into(),
        },
        side_effects: vec!["the setting works only on sockets of programs that ask for keepalive".into()],
        persists: true,
    }
}

/// What shows that connections are met in their middle.
fn signs(beside: Beside<'_>) -> Vec<Evidence> {
    let mut out = Vec::new();
    out.extend(beside.census.and_then(turned_around));
    if let Some(around) = beside.invalid {
        let said = around.fact.clone().with(": packets of connections whose entry is gone");
        out.push(supports("packets-invalid", said).value("packets", around.count as f64));
    }
    out
}

fn turned_around(census: &Census) -> Option<Evidence> {
    let tcp = Mix(&census.who.classes).count(|class| class.l4 == L4::TCP);
    let turned = census.who.reversed;
    (turned >= TURNED_MIN && share(turned, tcp) >= TURNED).then(|| {
        supports(
            "turned-around",
            sentence![
                Word::Count(turned, noun::ENTRY),
                "are turned around: an end that answers spoke first, after its entry was gone"
            ],
        )
        .value("reversed", turned as f64)
    })
}
