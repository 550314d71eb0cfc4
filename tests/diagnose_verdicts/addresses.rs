//! Addresses are told with what they are: in the rankings always, in the first lines where it says something.

use conntriage::model::diagnosis::Body;
use conntriage::model::flow::State;
use conntriage::model::signal::Wording;

use crate::cases::{flood, limits};
use crate::table::tcp;
use crate::web8;
use crate::world::{incident, of_incident, snapshot, words};

fn of(source: &str) -> Body {
    let groups = [tcp(source, ("192.0.2.40", 8080), State::TimeWait, 9_000, (0, 119))];
    of_incident(incident(Wording::NfDoubled, 402), vec![snapshot(&groups, limits(9_000, 9_000, 2_250))])
}

#[test]
fn a_source_is_told_with_its_range() {
    for (source, kind) in [
        ("100.64.3.2", "carrier NAT"),
        ("198.18.7.1", "benchmark"),
        ("10.7.0.3", "private"),
        ("8.8.4.4", "public"),
        ("203.0.113.10", "this host"),
    ] {
        let body = of(source);
        assert_eq!(words(body.top_sources[0].note.as_ref().unwrap()), kind);
    }
}

#[test]
fn the_first_lines_say_it_where_it_says_something() {
    let first = |source: &str| of(source).verdict.summary.iter().map(words).collect::<Vec<_>>().join(" / ");
    let carrier = first("100.64.3.2");
    assert_eq!(carrier.matches("100.64.3.2 (carrier NAT)").count(), 1, "{carrier}");
    let private = first("10.7.0.3");
    assert!(!private.contains("(private)"), "{private}");
    // This host is named once in a sentence.
    let own = of_incident(incident(Wording::IpPeriod, 2), vec![web8::table()]);
    let own = own.verdict.summary.iter().map(words).collect::<Vec<_>>().join(" / ");
    assert_eq!(own.matches("this host").count(), 1, "{own}");
    let flooded = of_incident(incident(Wording::NfDoubled, 80), vec![flood()]);
    let flooded = flooded.verdict.summary.iter().map(words).collect::<Vec<_>>().join(" / ");
    assert_eq!(flooded.matches("203.0.113.10:443 (this host)").count(), 1, "{flooded}");
}
