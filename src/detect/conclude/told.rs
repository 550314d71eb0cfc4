//! Step 9: what has to be said of the incidents and streams as a whole: copies, clocks that nothing ties, eras, bounds.

use std::collections::{BTreeMap, BTreeSet};

use super::incidents::{Case, Known, telling};
use super::notes::{Notes, quoted};
use super::place::{Placed, Scale};
use super::successors::Track;
use super::topics::Topic;
use crate::model::era::{Era, era};
use crate::model::incident::{Incident, TimeBasis};
use crate::model::piece::LINK_US;
use crate::model::sentence::Word;
use crate::model::time::SECOND_US;
use crate::sentence;

/// Says it.
pub(super) fn say(cases: &[Case<'_>], incidents: &[Incident], known: &Known<'_>, notes: &mut Notes) {
    for case in cases {
        say_copies(case, known, notes);
    }
    say_relative(cases, known, notes);
    say_doubtful_hours(known.runs, known.tracks, notes);
    for incident in incidents {
        say_era(incident, known, notes);
    }
    say_bounds(known.tracks, notes);
}

/// Files that go on where another ends: their ids, and the path of the one before. It concerns the inputs alone, since
/// one log says the same however it is cut into files.
pub(super) fn successors(tracks: &[Track]) -> Vec<(Box<str>, Box<str>)> {
    let pairs = tracks.iter().flat_map(|track| track.members.iter().zip(track.members.iter().skip(1)));
    pairs.map(|(early, late)| (late.id.clone(), early.hints.path.clone())).collect()
}

fn say_copies(case: &Case<'_>, known: &Known<'_>, notes: &mut Notes) {
    let leading: BTreeSet<usize> = case.counted.iter().map(|counted| known.runs[counted.run].track).collect();
    let copies: BTreeSet<usize> = telling(case, known)
        .into_iter()
        .map(|at| known.runs[at].track)
        .filter(|track| !leading.contains(track))
        .collect();
    let Some(leader) = leading.first().and_then(|track| known.tracks.get(*track)) else { return };
    for track in copies.iter().filter_map(|track| known.tracks.get(*track)) {
        let text = sentence![
            "lines in",
            quoted(track.path()),
            "are copies of those in",
            quoted(leader.path()),
            "at the same time; they are not added up"
        ];
        notes.assume("copies", text, None);
    }
}

/// Incidents whose wall time is not known may be the same as others of their host.
fn say_relative(cases: &[Case<'_>], known: &Known<'_>, notes: &mut Notes) {
    let mut scales: BTreeMap<(usize, &Topic), BTreeSet<Scale>> = BTreeMap::new();
    for case in cases {
        scales.entry((case.host, case.topic)).or_default().insert(case.scale);
    }
    for case in cases.iter().filter(|case| case.scale != Scale::Wall) {
        let others = scales.get(&(case.host, case.topic)).is_some_and(|scales| scales.len() > 1);
        let runs = case.counted.iter().map(|counted| &known.runs[counted.run]);
        let tracks: BTreeSet<usize> = runs.map(|run| run.track).collect();
        for track in tracks.iter().filter_map(|track| known.tracks.get(*track)) {
            let why = match case.scale {
                Scale::Boot(_) => {
                    Some("its lines count seconds since boot, and no log of that boot ties them to the clock")
                }
                Scale::Untimed => Some("its lines carry no time"),
                // That the year is not known was said where it was looked for.
                Scale::Yearless | Scale::Wall => None,
            };
            if let Some(why) = why {
                let what = sentence!["wall time of lines in", quoted(track.path())];
                notes.gap(what, why.into(), Some("journalctl -k -o export --since=-30days".into()));
            }
            if others {
                let text = sentence![
                    "lines in",
                    quoted(track.path()),
                    "may be copies of those in other logs of the host; they are shown apart and not added up"
                ];
                notes.assume("copies", text, None);
            }
        }
    }
}

fn say_doubtful_hours(runs: &[Placed], tracks: &[Track], notes: &mut Notes) {
    for run in runs.iter().filter(|run| run.doubt_us > 0 && run.basis != TimeBasis::BootTied) {
        let Some(track) = tracks.get(run.track) else { continue };
        let text = sentence![
            "some lines in",
            quoted(track.path()),
            "stand in an hour that a clock change skips or repeats; they may be off by an hour"
        ];
        notes.assume("zone", text, None);
    }
}

fn say_era(incident: &Incident, known: &Known<'_>, notes: &mut Notes) {
    let Some(host) = known.hosts.list.get(incident.host) else { return };
    let name = quoted(&host.name);
    match era(&incident.wordings, &incident.limiters) {
        Some(era) => {
            let text = sentence![
                "by its wording the kernel of",
                name,
                "limits messages as kernels",
                kernels(era),
                "do"
            ];
            notes.assume("era", text, None);
        }
        None => notes.gap(
            sentence!["how the kernel of", name, "limits messages"],
            "its lines fit several eras of kernels".into(),
            Some("uname -r".into()),
        ),
    }
}

fn kernels(era: Era) -> Word {
    Word::Text(match era {
        Era::A => "2.4.21 to 2.6.18",
        Era::B => "2.6.26 to 2.6.32",
        Era::C => "2.6.33 to 4.9",
        Era::D => "4.10 to 6.17",
        Era::E => "from 6.18 on",
    })
}

fn say_bounds(tracks: &[Track], notes: &mut Notes) {
    for track in tracks {
        let piece = &track.piece;
        if piece.keys_left_out > 0 {
            notes.gap(
                sentence!["signals of further hosts in", quoted(track.path())],
                sentence![
                    Word::Number(piece.keys_left_out),
                    "of them are of more hosts and boots than are kept apart"
                ],
                None,
            );
        }
        if piece.link_doublings > 0 {
            let link_us = LINK_US.saturating_mul(1 << piece.link_doublings.min(30));
            notes.gap(
                sentence!["incidents in", quoted(track.path()), "one by one"],
                sentence![
                    "there are too many: those closer than",
                    Word::Duration(link_us as f64 / SECOND_US as f64),
                    "are shown as one"
                ],
                None,
            );
        }
        if piece.losses_left_out > 0 {
            notes.gap(
                sentence!["when lines were lost in", quoted(track.path())],
                sentence![Word::Number(piece.losses_left_out), "more losses than are kept one by one"],
                None,
            );
        }
    }
}
