//! Tables in which every key occurs once: which keys are left in a ranking is an accident of where a bounded tally was
//! last cut, and nothing said may follow it.

use conntriage::model::census::{Ranking, Row, TALLY_KEYS};
use conntriage::model::diagnosis::Body;
use conntriage::model::flow::State;
use conntriage::model::report::Snapshot;
use conntriage::model::signal::Wording;

use crate::table::{Group, tcp};
use crate::world::{counters, incident, of_incident, snapshot, words};

/// So many clients with one connection each, to a server of their own or to one of them all.
fn once(clients: u32, state: State, one_server: bool) -> Vec<Group> {
    let address = |number: u32, first: u32| std::net::Ipv4Addr::from_bits((first << 24) + number).to_string();
    (0..clients)
        .map(|number| {
            let server = if one_server { "198.51.100.7".to_owned() } else { address(number, 80) };
            let left = if state == State::Established { 431_000 + number % 1_000 } else { 50 };
            tcp(&address(number, 100), (&server, 443), state, 1, (left, left))
        })
        .collect()
}

fn full(groups: &[Group]) -> Snapshot {
    let entries = groups.len() as u64;
    let settings = [
        ("net.netfilter.nf_conntrack_max", entries),
        ("net.netfilter.nf_conntrack_count", entries),
        ("net.netfilter.nf_conntrack_buckets", entries),
    ];
    snapshot(groups, counters(&settings, &["203.0.113.1"]))
}

/// The same table where the last cut left nothing, or some other keys.
fn otherwise<K: Copy>(ranking: &mut Ranking<K>, rows: Vec<Row<K>>) {
    assert!(ranking.rows.iter().all(|row| row.count <= 1));
    ranking.rows = rows;
}

fn judged(snapshot: Snapshot) -> Body {
    of_incident(incident(Wording::NfDoubled, 402), vec![snapshot])
}

fn told(body: &Body) -> Vec<String> {
    body.verdict.summary.iter().map(words).collect()
}

#[test]
fn where_every_key_occurs_once_the_verdict_does_not_follow_the_cut_of_a_tally() {
    let clients = u32::try_from(2 * TALLY_KEYS + 7_000).unwrap();
    for state in [State::Established, State::TimeWait, State::SynSent] {
        let table = full(&once(clients, state, false));
        let census = table.census.as_ref().expect("a census");
        assert_eq!(census.who.sources.distinct, None);
        let left = judged(table.clone());
        let mut cut = table.clone();
        let who = &mut cut.census.as_mut().unwrap().who;
        otherwise(&mut who.sources, Vec::new());
        otherwise(&mut who.peers, Vec::new());
        otherwise(&mut who.pairs, Vec::new());
        let cut = judged(cut);
        assert_eq!((left.verdict.cause, told(&left)), (cut.verdict.cause, told(&cut)), "{state:?}");
        assert!(left.top_sources.is_empty() && left.top_peers.is_empty() && left.top_pairs.is_empty());
        let said = told(&left).join("\n");
        assert!(!said.contains("100.0."), "{said}");
        let crowd = said.contains("more than 32,768 sources, none with more than 2 entries");
        assert!(crowd || state != State::Established, "{said}");
    }
}

#[test]
fn where_every_key_is_counted_and_occurs_once_none_leads_either() {
    let table = full(&once(9_000, State::Established, false));
    assert_eq!(table.census.as_ref().unwrap().who.sources.distinct, Some(9_000));
    let body = judged(table);
    assert!(body.top_sources.is_empty());
    let said = told(&body).join("\n");
    assert!(said.contains("9000 sources, none with more than 1 entry"), "{said}");
}

#[test]
fn a_server_of_them_all_still_leads() {
    let body = judged(full(&once(u32::try_from(2 * TALLY_KEYS + 7_000).unwrap(), State::Established, true)));
    assert!(body.top_sources.is_empty());
    assert_eq!(body.top_peers.len(), 1);
}
