//! Step 3: the zone of stamps that name none: `--tz`, else the reader's zone, else UTC. Which it is, is said when it is
//! known which files are one log: once for all logs, where it is the same for all.

use super::civil::Zone;
use super::notes::{Notes, quoted};
use super::successors::Track;
use crate::model::input::{Hints, LogStream};
use crate::model::piece::Piece;
use crate::model::report::Settings;
use crate::model::time::StampKind;
use crate::sentence;

/// The zone of each stream.
pub(super) fn choose(streams: &[LogStream], settings: &Settings, notes: &mut Notes) -> Vec<Zone> {
    let given = settings.zone.as_deref().map(|name| (name, Zone::named(name)));
    streams.iter().map(|stream| zone_of(stream, given, notes)).collect()
}

fn zone_of(stream: &LogStream, given: Option<(&str, Option<Zone>)>, notes: &mut Notes) -> Zone {
    let mut notes = names_no_zone(&stream.piece).then_some(notes);
    if let Some((name, zone)) = given {
        match zone {
            Some(zone) => {
                if let Some(notes) = &mut notes {
                    let text =
                        sentence!["times that name no zone are those of", quoted(name), "as --tz says"];
                    notes.assume("zone", text, Some("--tz"));
                }
                return zone;
            }
            None => {
                if let Some(notes) = &mut notes {
                    let why = sentence!["no zone is called", quoted(name)];
                    notes.gap("zone".into(), why, Some("timedatectl list-timezones".into()));
                }
            }
        }
    }
    named_by_reader(&stream.hints).map_or(Zone::Fixed(0), |(_, zone)| zone)
}

fn named_by_reader(hints: &Hints) -> Option<(&str, Zone)> {
    let name = hints.reader_zone.as_deref()?;
    Some((name, Zone::named(name)?))
}

/// Says which zone was taken, where `--tz` does not say it.
pub(super) fn say(tracks: &[Track], settings: &Settings, notes: &mut Notes) {
    if settings.zone.as_deref().and_then(Zone::named).is_some() {
        return;
    }
    let needed = tracks.iter().filter(|track| names_no_zone(&track.piece));
    let rows: Vec<(Option<&str>, &str)> = needed
        .map(|track| {
            let reader = track.members.last().and_then(|member| named_by_reader(&member.hints));
            (reader.map(|(name, _)| name), track.path())
        })
        .collect();
    let same = rows.windows(2).all(|pair| pair.first().map(|row| row.0) == pair.last().map(|row| row.0));
    for (name, path) in rows {
        let mut text = if same { sentence!["times"] } else { sentence!["times in", quoted(path)] };
        text.0.extend(match name {
            Some(name) => {
                sentence!["that name no zone are those of", quoted(name), ", the zone of this machine"].0
            }
            None => sentence!["that name no zone are UTC"].0,
        });
        notes.assume("zone", text, None);
    }
}

fn names_no_zone(piece: &Piece) -> bool {
    [StampKind::Local, StampKind::Yearless].iter().any(|kind| piece.anchors.contains_key(kind))
}

#[cfg(test)]
mod tests {
    use super::super::testing::track;
    use super::*;
    use crate::model::piece::Anchors;
    use crate::model::time::{Moment, Stamp};

    fn stream(stamp: Stamp, reader: Option<&str>) -> LogStream {
        let moment =
            Moment { offset: 0, stamp: Some(stamp), precision_us: 1, since_boot_us: None, seq: None };
        let mut piece = Piece::default();
        piece.anchors.insert(
            stamp.kind(),
            Anchors { first: moment, first_told: Some((moment, 0)), last: moment, last_told: None },
        );
        let hints = Hints { path: "m".into(), reader_zone: reader.map(Into::into), ..Hints::default() };
        LogStream { id: "a".into(), hints, dialect: "syslog", piece }
    }

    fn chosen(stream: &LogStream, tz: Option<&str>) -> (Zone, usize, usize) {
        let mut notes = Notes::default();
        let settings = Settings { zone: tz.map(Into::into), ..Settings::default() };
        let zones = choose(std::slice::from_ref(stream), &settings, &mut notes);
        // Two files of one log, and another log of the same reader.
        let mut log = track("m", 0, 1);
        log.piece = stream.piece.clone();
        log.members[0].hints = stream.hints.clone();
        log.members.push(log.members[0].clone());
        say(&[log.clone(), log], &settings, &mut notes);
        let (assumptions, gaps) = notes.into_lists();
        (zones[0], assumptions.len(), gaps.len())
    }

    #[test]
    fn the_given_zone_wins_over_the_readers_and_each_is_said() {
        let local = stream(Stamp::Local(0), Some("Europe/Berlin"));
        assert_eq!(chosen(&local, Some("+01:00")), (Zone::Fixed(3_600), 1, 0));
        let berlin = Zone::named("Europe/Berlin").expect("known");
        assert_eq!(chosen(&local, None), (berlin, 1, 0));
        assert_eq!(chosen(&stream(Stamp::Yearless(0), None), None), (Zone::Fixed(0), 1, 0));
    }

    #[test]
    fn a_wrong_zone_is_a_gap_and_the_readers_zone_is_used() {
        let local = stream(Stamp::Local(0), Some("UTC"));
        assert_eq!(chosen(&local, Some("Mars/Olympus")), (Zone::Fixed(0), 1, 1));
    }

    #[test]
    fn absolute_stamps_need_no_zone_and_no_assumption() {
        assert_eq!(chosen(&stream(Stamp::Absolute(0), Some("Europe/Berlin")), None).1, 0);
    }
}
