//! One look at all tables of this machine, for a monitoring system: how full the fullest is, and whether it refuses.

use std::time::Duration;

use super::clock;
use super::namespaces::{Place, Sampler};
use crate::model::live::sample::Sample;

/// From so many hundredths of the limit on a table is filling, and full.
const FILLING_PERCENT: u64 = 90;
const FULL_PERCENT: u64 = 98;
/// Between two looks at what was refused.
const BETWEEN: Duration = Duration::from_secs(1);

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Below 90 % of the limit.
    Fine,
    /// From 90 % on.
    Filling,
    /// From 98 % on, or packets were refused while it was looked at.
    Full,
    /// No count or no limit could be read.
    Unknown,
}

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How it is.
    pub state: State,
    /// One line, with the figures behind a bar as Nagios takes them.
    pub line: String,
}

/// Looks twice, a second apart.
pub fn look() -> Found {
    let sampler = Sampler::new();
    let before = sampler.samples(clock::now());
    std::thread::sleep(BETWEEN);
    let after = sampler.samples(clock::now());
    let places = &sampler.known().places;
    let looks = places.iter().zip(before.into_iter().zip(after));
    let rows: Vec<Row> = looks.filter_map(|(place, looks)| row(place, looks)).collect();
    judge(&rows, places.len())
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    count: u64,
    max: u64,
    refused: Option<u64>,
}

fn row(place: &Place, (before, after): (Sample, Sample)) -> Option<Row> {
    let refused = before.drop.zip(after.drop).map(|(before, after)| after.saturating_sub(before));
    let name = if place.netns.initial { "the initial namespace".to_owned() } else { place.name()? };
    Some(Row { name, count: after.count?, max: after.max?, refused })
}

fn judge(rows: &[Row], places: usize) -> Found {
    // Where packets are refused, that table is the one to speak of.
    let Some(worst) = rows.iter().max_by_key(|row| (row.refused.unwrap_or(0) > 0, row.count)) else {
        return Found {
            state: State::Unknown,
            line: "conntrack UNKNOWN - neither count nor limit of any table can be read: nf_conntrack is not loaded, or \
                   /proc/sys is hidden"
                .to_owned(),
        };
    };
    let Row { name, count, max, refused } = worst;
    // A limit of 0 is none.
    let percent = if *max == 0 { 0 } else { count.saturating_mul(100) / max };
    let refused_some = refused.is_some_and(|refused| refused > 0);
    let (state, word) = match percent {
        _ if refused_some => (State::Full, "CRITICAL"),
        FULL_PERCENT.. => (State::Full, "CRITICAL"),
        FILLING_PERCENT.. => (State::Filling, "WARNING"),
        _ => (State::Fine, "OK"),
    };
    let of = if *max == 0 { "without limit".to_owned() } else { format!("of {max} entries ({percent} %)") };
    let drops = refused
        .map_or("refused packets cannot be read".to_owned(), |n| format!("{n} packets refused in 1 s"));
    let drop = refused.map(|refused| format!(" drop={refused}")).unwrap_or_default();
    let (warn, full) = (max.saturating_mul(FILLING_PERCENT) / 100, max.saturating_mul(FULL_PERCENT) / 100);
    let line = format!(
        "conntrack {word} - {count} {of} in {name}, the fullest of {places}; {drops} | count={count};{warn};{full};0;{max}{drop}"
    );
    Found { state, line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, count: u64, max: u64, refused: Option<u64>) -> Row {
        Row { name: name.to_owned(), count, max, refused }
    }

    #[test]
    fn the_fullest_table_speaks_unless_another_refuses() {
        let said = |rows: &[Row]| judge(rows, rows.len());
        let fine = said(&[row("a", 10, 100, Some(0)), row("b", 89, 100, Some(0))]);
        assert_eq!(fine.state, State::Fine);
        assert!(
            fine.line.starts_with("conntrack OK - 89 of 100 entries (89 %) in b, the fullest of 2; "),
            "{fine:?}"
        );
        assert!(fine.line.ends_with("| count=89;90;98;0;100 drop=0"), "{fine:?}");
        assert_eq!(said(&[row("a", 90, 100, None)]).state, State::Filling);
        assert_eq!(said(&[row("a", 98, 100, Some(0))]).state, State::Full);
        let refusing = said(&[row("a", 70, 100, Some(3)), row("b", 80, 100, Some(0))]);
        assert_eq!(refusing.state, State::Full);
        assert!(refusing.line.contains(" in a, "), "{refusing:?}");
        assert_eq!(said(&[]).state, State::Unknown);
    }

    #[test]
    fn no_limit_is_never_full() {
        let found = judge(&[row("a", 1_000_000, 0, Some(0))], 1);
        assert_eq!(found.state, State::Fine);
        assert!(found.line.contains("1000000 without limit"), "{found:?}");
    }
}
