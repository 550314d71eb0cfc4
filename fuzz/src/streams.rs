//! Logs that are read from their beginning: wrapped lines, `journalctl -o verbose`, JSON in every form, the journal's
//! export. Cut anywhere (those of lines: at a line end), they give the same records.

use conntriage::parse::log::dmesg_json::{self, DmesgJsonParser};
use conntriage::parse::log::export::{self, ExportParser};
use conntriage::parse::log::journal_verbose::{self, VerboseParser};
use conntriage::parse::log::json_lines::{self, JsonParser};
use conntriage::parse::log::wrapped_lines::{self, WrappedParser};

use crate::dice::Dice;
use crate::records::{Collector, Owned, laws_of_pieces, same};

/// Holds the properties of dialects by lines against one text.
pub fn hold_wrapped(text: &[u8]) {
    let mut dice = Dice::of(text);
    let at = dice.line_begin(text);
    let blocks = [&text[..at], &text[at..]];
    let whole = wrapped(&[text]);
    same(&whole, &wrapped(&blocks), "wrapped lines");
    laws_of_pieces(&whole, &mut dice);
    let whole = verbose(&[text]);
    same(&whole, &verbose(&blocks), "verbose");
    laws_of_pieces(&whole, &mut dice);
    let _ = (wrapped_lines::looks_like(text), journal_verbose::looks_like(text));
}

/// Holds the properties of JSON against one text.
pub fn hold_json(text: &[u8]) {
    let mut dice = Dice::of(text);
    let chunks = chunks(text, &mut dice);
    let whole = json(&[text]);
    same(&whole, &json(&chunks), "JSON");
    in_the_text(&whole, text);
    laws_of_pieces(&whole, &mut dice);
    let whole = document(&[text]);
    same(&whole, &document(&chunks), "dmesg -J");
    in_the_text(&whole, text);
    laws_of_pieces(&whole, &mut dice);
    let _ = (json_lines::looks_like(text), dmesg_json::looks_like(text));
}

/// Holds the properties of the journal's export against one stream.
pub fn hold_export(bytes: &[u8]) {
    let mut dice = Dice::of(bytes);
    let chunks = chunks(bytes, &mut dice);
    let whole = exported(&[bytes]);
    same(&whole, &exported(&chunks), "export");
    in_the_text(&whole, bytes);
    laws_of_pieces(&whole, &mut dice);
    let _ = export::looks_like(bytes);
}

/// A text in pieces of one length, or in two.
fn chunks<'a>(text: &'a [u8], dice: &mut Dice) -> Vec<&'a [u8]> {
    if dice.below(2) == 0 {
        let (left, right) = text.split_at(dice.below(text.len() + 1));
        return vec![left, right];
    }
    text.chunks(1 + dice.below(64)).collect()
}

/// Records stand where there is text, one behind another.
fn in_the_text(seen: &[Owned], text: &[u8]) {
    let places = || seen.iter().map(|record| record.moment.offset);
    assert!(places().is_sorted(), "places of records are out of order");
    assert!(places().all(|place| place <= text.len() as u64), "a record behind the end");
}

/// The records of an export.
pub fn exported(chunks: &[&[u8]]) -> Vec<Owned> {
    let (mut parser, mut seen) = (ExportParser::default(), Collector::default());
    chunks.iter().for_each(|chunk| parser.push(chunk, &mut seen));
    parser.finish(&mut seen);
    seen.0
}

fn json(chunks: &[&[u8]]) -> Vec<Owned> {
    let (mut parser, mut seen) = (JsonParser::default(), Collector::default());
    chunks.iter().for_each(|chunk| parser.push(chunk, &mut seen));
    parser.finish(&mut seen);
    seen.0
}

fn document(chunks: &[&[u8]]) -> Vec<Owned> {
    let (mut parser, mut seen) = (DmesgJsonParser::default(), Collector::default());
    chunks.iter().for_each(|chunk| parser.push(chunk, &mut seen));
    parser.finish(&mut seen);
    seen.0
}

fn wrapped(blocks: &[&[u8]]) -> Vec<Owned> {
    let (mut parser, mut seen, mut offset) = (WrappedParser::default(), Collector::default(), 0);
    for block in blocks {
        parser.block(block, offset, &mut seen);
        offset += block.len() as u64;
    }
    parser.finish(&mut seen);
    seen.0
}

fn verbose(blocks: &[&[u8]]) -> Vec<Owned> {
    let (mut parser, mut seen, mut offset) = (VerboseParser::default(), Collector::default(), 0);
    for block in blocks {
        parser.block(block, offset, &mut seen);
        offset += block.len() as u64;
    }
    parser.finish(&mut seen);
    seen.0
}
