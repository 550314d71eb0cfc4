//! What a piece may hold, whoever wrote it: the bounds that the fold keeps. A line beyond them is none of ours.

use crate::model::piece::{
    BLEMISH_BYTES_MAX, DOUBLINGS_MAX, HEAD_REPETITIONS_MAX, HOST_BYTES_MAX, HeadRepetition, KEYS_MAX,
    LOSSES_MAX, MARKS_MAX, NAMED_MAX, Piece, RUN_BYTES_MAX, RUNS_PER_KEY_MAX, RUNS_PER_STREAM_MAX,
};
use crate::model::run::{
    BINS_MAX, KeptLine, LINE_BYTES_MAX, LINES_KEPT, Run, SUBJECTS_MAX, Stretch, TOKENS_KEPT,
};

use crate::model::packets::{PACKET_CLOCKS_MAX, PACKET_ROWS, PACKET_SLOTS_MAX, Packets, SLOT_DOUBLINGS_MAX};
use crate::model::signal::NAME_BYTES_MAX;

/// Counts kept of the last windows.
const RECENT_MAX: usize = 3;
/// Bins of 2^43 s hold all of time.
const EXPONENT_MAX: u8 = 43;

/// Refuses a piece that no fold makes.
pub(super) fn check(piece: &Piece) -> Result<(), String> {
    let marks: usize = piece.marks.values().map(Vec::len).sum();
    let runs: usize = piece.runs.values().map(Vec::len).sum();
    let doublings = piece.link_doublings.max(piece.mark_doublings);
    within("doublings", usize::from(doublings), usize::from(DOUBLINGS_MAX))?;
    within("losses", piece.losses.len(), LOSSES_MAX)?;
    within("marks", marks, MARKS_MAX)?;
    within("keys", piece.runs.len(), KEYS_MAX)?;
    within("runs", runs, RUNS_PER_STREAM_MAX)?;
    if usize::from(piece.link_doublings) < usize::from(DOUBLINGS_MAX) {
        let bytes = piece.runs.values().flatten().fold(0_usize, |sum, run| sum.saturating_add(run.bytes()));
        within("bytes of runs", bytes, RUN_BYTES_MAX)?;
    }
    within("head_repetitions", piece.head_repetitions.len(), HEAD_REPETITIONS_MAX)?;
    for HeadRepetition { raw, .. } in &piece.head_repetitions {
        within("bytes of a line", raw.len(), LINE_BYTES_MAX)?;
    }
    for blemish in piece.malformed.values() {
        within("bytes of a damaged line", blemish.first_raw.len(), BLEMISH_BYTES_MAX)?;
    }
    for (key, list) in &piece.runs {
        let host = key.host.as_ref().map_or(0, |host| host.len());
        within("bytes of a host word", host, 3 * HOST_BYTES_MAX)?;
        within("runs of one key", list.len(), RUNS_PER_KEY_MAX)?;
        list.iter().try_for_each(check_run)?;
    }
    for mark in piece.marks.values().flatten() {
        within("names of a mark", mark.about.len(), NAMED_MAX)?;
        for about in mark.about.keys() {
            within("bytes of a name", about.name.as_ref().map_or(0, |name| name.len()), NAME_BYTES_MAX)?;
        }
    }
    check_packets(&piece.packets)?;
    if piece.runs.values().any(Vec::is_empty) || piece.marks.values().any(Vec::is_empty) {
        return Err("a key without runs or marks".to_owned());
    }
    if piece.range.0 > piece.range.1 {
        return Err("a range that ends before it begins".to_owned());
    }
    Ok(())
}

fn check_packets(packets: &Packets) -> Result<(), String> {
    within("doublings of slots", usize::from(packets.doublings), usize::from(SLOT_DOUBLINGS_MAX))?;
    within("clocks of packets", packets.held, PACKET_CLOCKS_MAX)?;
    within("slots of packets", packets.slots, PACKET_SLOTS_MAX)?;
    for key in packets.keys() {
        let host = key.host.as_ref().map_or(0, |host| host.len());
        within("bytes of a host word", host, 3 * HOST_BYTES_MAX)?;
    }
    for tally in packets.tallies() {
        within("rows of packets", tally.rows().len(), 2 * PACKET_ROWS)?;
    }
    Ok(())
}

fn check_run(run: &Run) -> Result<(), String> {
    within("subjects of a run", run.visible.len(), SUBJECTS_MAX)?;
    within("recent counts", run.recent.len(), RECENT_MAX)?;
    within("bins", run.bins.counts.len(), BINS_MAX)?;
    within("exponent of bins", usize::from(run.bins.exponent), usize::from(EXPONENT_MAX))?;
    within("first lines", run.first_lines.len(), LINES_KEPT)?;
    within("last lines", run.last_lines.len(), LINES_KEPT)?;
    for KeptLine { raw, .. } in run.first_lines.iter().chain(&run.last_lines) {
        within("bytes of a line", raw.len(), LINE_BYTES_MAX)?;
    }
    for Stretch { first, last, .. } in [Some(&run.lead), run.trail.as_ref()].into_iter().flatten() {
        within("tokens", first.len().max(last.len()), TOKENS_KEPT)?;
    }
    Ok(())
}

fn within(what: &str, found: usize, most: usize) -> Result<(), String> {
    if found <= most { Ok(()) } else { Err(format!("{what}: {found}, at most {most}")) }
}
