//! Step 3: the zone of stamps that name none: `--tz`, else the reader's zone, else UTC.

use super::civil::Zone;
use super::notes::{Notes, quoted};
use crate::model::input::LogStream;
use crate::model::report::Settings;
use crate::model::time::StampKind;
use crate::sentence;

/// The zone of each stream.
pub(super) fn choose(streams: &[LogStream], settings: &Settings, notes: &mut Notes) -> Vec<Zone> {
    let given = settings.zone.as_deref().map(|name| (name, Zone::named(name)));
    streams.iter().map(|stream| zone_of(stream, given, notes)).collect()
}

fn zone_of(stream: &LogStream, given: Option<(&str, Option<Zone>)>, notes: &mut Notes) -> Zone {
    let needed =
        [StampKind::Local, StampKind::Yearless].iter().any(|kind| stream.piece.anchors.contains_key(kind));
    let mut notes = needed.then_some(notes);
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
    let reader = stream.hints.reader_zone.as_deref();
    let zone = reader.and_then(Zone::named);
    if let Some(notes) = notes {
        let text = match reader.filter(|_| zone.is_some()) {
            Some(name) => sentence![
                "times in",
                quoted(&stream.hints.path),
                "that name no zone are those of",
                quoted(name),
                ", the zone of this machine"
            ],
            None => sentence!["times in", quoted(&stream.hints.path), "that name no zone are UTC"],
        };
        notes.assume("zone", text, Some(&stream.id));
    }
    zone.unwrap_or(Zone::Fixed(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::input::Hints;
    use crate::model::piece::{Anchors, Piece};
    use crate::model::time::{Moment, Stamp};

    fn stream(stamp: Stamp, reader: Option<&str>) -> LogStream {
        let moment =
            Moment { offset: 0, stamp: Some(stamp), precision_us: 1, since_boot_us: None, seq: None };
        let mut piece = Piece::default();
        piece.anchors.insert(stamp.kind(), Anchors { first: moment, last: moment });
        let hints = Hints { path: "m".into(), reader_zone: reader.map(Into::into), ..Hints::default() };
        LogStream { id: "a".into(), hints, dialect: "syslog", piece }
    }

    fn chosen(stream: &LogStream, tz: Option<&str>) -> (Zone, usize, usize) {
        let mut notes = Notes::default();
        let settings = Settings { zone: tz.map(Into::into), ..Settings::default() };
        let zones = choose(std::slice::from_ref(stream), &settings, &mut notes);
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
