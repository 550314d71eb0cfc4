//! The line family, and `dmesg -e`: every line has its record; neither blocks nor parts change what is read.

use conntriage::parse::log::lines::{self, LOOK_BACK_BYTES, LineParser};

use crate::dice::Dice;
use crate::records::{Collector, Owned, laws_of_pieces, same};

/// Holds the properties against one text.
pub fn hold(text: &[u8]) {
    let mut dice = Dice::of(text);
    let cuts = [dice.line_begin(text), dice.line_begin(text)];
    let (first, second) = (cuts[0].min(cuts[1]), cuts[0].max(cuts[1]));
    let blocks = [&text[..first], &text[first..second], &text[second..]];

    let whole = read(LineParser::default(), &[text]);
    same(&whole, &read(LineParser::default(), &blocks), "in blocks");
    same(&whole, &in_parts(text, &[0, first, second]), "in parts");
    every_line_is_accounted_for(text, &whole);
    laws_of_pieces(&whole, &mut dice);

    let deltas = read(LineParser::reading_deltas(), &[text]);
    same(&deltas, &read(LineParser::reading_deltas(), &blocks), "deltas in blocks");
    every_line_is_accounted_for(text, &deltas);
    let _ = (lines::looks_like(text), lines::are_deltas(text));
}

fn read(mut parser: LineParser, blocks: &[&[u8]]) -> Vec<Owned> {
    let (mut seen, mut offset) = (Collector::default(), 0);
    for block in blocks {
        parser.block(block, offset, &mut seen);
        offset += block.len() as u64;
    }
    seen.0
}

/// Each part by a parser of its own that has seen what stands before it.
fn in_parts(text: &[u8], begins: &[usize]) -> Vec<Owned> {
    let mut seen = Collector::default();
    let ends = begins.iter().skip(1).copied().chain([text.len()]);
    for (begin, end) in begins.iter().copied().zip(ends) {
        let mut parser = LineParser::default();
        let back = begin.saturating_sub(LOOK_BACK_BYTES);
        parser.warm_up(&text[back..begin], back as u64);
        parser.block(&text[begin..end], begin as u64, &mut seen);
    }
    seen.0
}

/// Every line that is not blank has a record at its place (one that was glued together has several), and nothing else
/// has one.
fn every_line_is_accounted_for(text: &[u8], seen: &[Owned]) {
    // A mark in front of a text is taken off where the text begins.
    if text.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    let (mut expected, mut start) = (Vec::new(), 0);
    for line in text.split(|byte| *byte == b'\n') {
        let padding = line.iter().take_while(|byte| **byte == 0).count();
        if !line[padding..].trim_ascii().is_empty() {
            expected.push(start);
        }
        start += line.len() as u64 + 1;
    }
    let mut found: Vec<u64> = seen.iter().map(|record| record.moment.offset).collect();
    found.dedup();
    assert_eq!(found, expected, "places of records and of lines");
}
