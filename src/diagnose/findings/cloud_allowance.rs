//! L4: the cloud tracks connections, too, outside of the machine, and drops packets when the instance's share is full.
//! No setting of this kernel changes that, and no line of its log says it.

use crate::model::diagnosis::{Command, Effect, Finding, Remedy};
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::causes::CLOUD_ALLOWANCE;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::remedies::here;

/// Allowances beside that of connections, with what they limit.
const OTHERS: [(&str, &str); 4] = [
    ("bw_in_allowance_exceeded", "incoming bandwidth"),
    ("bw_out_allowance_exceeded", "outgoing bandwidth"),
    ("pps_allowance_exceeded", "packets a second"),
    ("linklocal_allowance_exceeded", "packets a second to the cloud's own resolver, clock and metadata"),
];

pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    let counter = |name: &str| case.counters.allowances.get(name).copied();
    let dropped = counter("conntrack_allowance_exceeded").filter(|dropped| *dropped > 0)?;
    let mut evidence = vec![
        supports(
            "allowance-exceeded",
            sentence![
                Word::Code(format!("conntrack_allowance_exceeded: {dropped}")),
                "in the card's counters, since it came up"
            ],
        )
        .value("dropped", dropped as f64)
        .read_in_table(case),
    ];
    if let Some(left) = counter("conntrack_allowance_available") {
        evidence.push(
            context(
                "allowance-left",
                if left == 0 {
                    "no further connection was allowed when the counters were read".into()
                } else {
                    sentence![
                        "when the counters were read",
                        Word::Count(left, noun::CONNECTION),
                        "more were allowed"
                    ]
                },
            )
            .value("left", left as f64)
            .read_in_table(case),
        );
    }
    for (name, what) in OTHERS {
        if let Some(dropped) = counter(name).filter(|dropped| *dropped > 0) {
            evidence.push(
                context(
                    "other-allowance",
                    sentence![
                        Word::Count(dropped, noun::PACKET),
                        "were held back or dropped for",
                        Word::Text(what)
                    ],
                )
                .value("dropped", dropped as f64)
                .read_in_table(case),
            );
        }
    }
    if let Some(usage) = case.usage.share() {
        evidence.push(context(
            "kernel-table",
            sentence!["the kernel's own table is at", Word::Share(usage), "of its limit"],
        ));
    }
    evidence.push(context(
        "idle-timeout",
        "on instances of Nitro v6 the cloud forgets an idle TCP connection after 350 s unless told otherwise; on others it keeps it for five days".into(),
    ));
    Some(Finding {
        host: None,
        cause: CLOUD_ALLOWANCE,
        summary: vec![
            sentence![
                "the cloud dropped",
                Word::Count(dropped, noun::PACKET),
                ": the instance's share of tracked connections was full"
            ],
            sentence![
                "take a larger instance, untracked security group rules or shorter timeouts; no sysctl helps"
            ],
        ],
        evidence,
        remedies: vec![remedy()],
    })
}

fn remedy() -> Remedy {
    let aws = |line: &str| Command {
        line: line.to_owned(),
        place: "a machine with the cloud's command line (ENI: id of the network interface)".to_owned(),
        undo: None,
    };
    Remedy {
        id: "cloud-tracking",
        title: "let the cloud track less or forget sooner: rules that let everything in and out on a port are not tracked; else a larger instance".into(),
        commands: vec![
            here("for card in /sys/class/net/*; do ethtool -S ${card##*/}; done 2>/dev/null | grep allowance".to_owned(), None),
            aws("aws ec2 modify-network-interface-attribute --network-interface-id ENI --connection-tracking-specification TcpEstablishedTimeout=7440,UdpStreamTimeout=120,UdpTimeout=30"),
        ],
        effect: Effect {
            note: "frees nothing in the kernel's own table, which is another one".into(),
            ..Effect::default()
        },
        side_effects: vec![
            "a connection that is idle for longer than the cloud's timeout is cut without a word: keepalives must come sooner".into(),
            "on instances of Nitro v6, which forget an idle TCP connection after 350 s by themselves, leave TcpEstablishedTimeout out: there it would keep them longer".into(),
        ],
        persists: true,
    }
}
