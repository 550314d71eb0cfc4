//! Tables, in every dialect: no line is lost or counted twice; a table cut at a line end, and stretches that say that
//! they stand alone, give what the whole gives; the census accounts for every item.

use conntriage::census::{HowSink, WhoSink, census, leaders};
use conntriage::model::blemish::BlemishKind;
use conntriage::model::fold::{FlowSink, Part, TableItem};
use conntriage::parse::table::{self, TableDialect, TableReader};

use crate::dice::Dice;

/// Where the text begins in its stream.
const OFFSET: u64 = 1_000;

/// Items by what they are, and the lines of damage.
#[derive(Debug, Default, PartialEq)]
struct Count {
    flows: u64,
    expectations: u64,
    others: u64,
    listings: u64,
    shown: Vec<u64>,
    damaged: Vec<(BlemishKind, u64, usize)>,
}

impl Count {
    fn items(&self) -> u64 {
        self.flows + self.expectations + self.others + self.damaged.len() as u64
    }
}

impl Part for Count {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl FlowSink for Count {
    type Part = Self;

    fn take(&mut self, item: &TableItem) {
        match item {
            TableItem::Flow(_) => self.flows += 1,
            TableItem::Expectation => self.expectations += 1,
            TableItem::Other => self.others += 1,
            TableItem::Listing => self.listings += 1,
            TableItem::Shown(count) => self.shown.push(*count),
            TableItem::Damaged { kind, offset, raw } => self.damaged.push((*kind, *offset, raw.len())),
        }
    }

    fn finish(self) -> Self {
        self
    }
}

/// Holds the properties against one text: in the dialect that it looks like, and in some other one.
pub fn hold(text: &[u8]) {
    let mut dice = Dice::of(text);
    let other = TableDialect::ALL[dice.below(TableDialect::ALL.len())];
    let told = table::sniff(text);
    for dialect in told.into_iter().chain([other]) {
        hold_in(dialect, text, &mut dice);
    }
}

/// Holds the properties against one document.
pub fn hold_xml(text: &[u8]) {
    let mut dice = Dice::of(text);
    let _ = table::sniff(text);
    hold_in(TableDialect::ConntrackXml, text, &mut dice);
}

fn hold_in(dialect: TableDialect, text: &[u8], dice: &mut Dice) {
    let whole = read(dialect, text);
    accounts_for_every_line(dialect, text, &whole);
    let at = dice.line_begin(text);
    assert_eq!(whole, cut(dialect, text, at), "{dialect:?} cut at {at}");
    let head = dice.line_begin(&text[..at]);
    if let Some(parts) = in_stretches(dialect, text, head, at) {
        assert_eq!(whole, parts, "{dialect:?} in stretches, head {head}, cut at {at}");
    }
    if dice.below(8) == 0 {
        census_accounts_for_every_item(dialect, text, &whole);
    }
}

fn read(dialect: TableDialect, text: &[u8]) -> Count {
    let mut count = Count::default();
    table::block(dialect, text, OFFSET, &mut count);
    count
}

/// No line gives two items; damage has its place.
fn accounts_for_every_line(dialect: TableDialect, text: &[u8], count: &Count) {
    let of_lines = dialect != TableDialect::ConntrackXml;
    if of_lines {
        let blank = |line: &&[u8]| line.iter().any(|byte| !b" \t\r".contains(byte));
        let lines = text.split(|byte| *byte == b'\n').filter(blank).count() as u64;
        assert!(count.items() <= lines, "{dialect:?}: {count:?} in {lines} lines");
    }
    for (_, offset, length) in &count.damaged {
        let place = usize::try_from(offset - OFFSET).unwrap();
        assert!(place < text.len() && *length <= 200, "{dialect:?}: {place}, {length}");
        assert!(!of_lines || place == 0 || text[place - 1] == b'\n', "{dialect:?}: {place}");
    }
}

/// Read by one reader in two blocks.
fn cut(dialect: TableDialect, text: &[u8], at: usize) -> Count {
    let (mut reader, mut parts) = (TableReader::new(dialect), Count::default());
    reader.block(&text[..at], OFFSET, &mut parts);
    reader.block(&text[at..], OFFSET + at as u64, &mut parts);
    reader.finish(&mut parts);
    parts
}

/// Read as a big file is, by readers beside one that has seen its beginning; none where they say that they depend on
/// one another.
fn in_stretches(dialect: TableDialect, text: &[u8], head: usize, at: usize) -> Option<Count> {
    let mut first = TableReader::new(dialect);
    first.block(&text[..head], OFFSET, &mut Count::default());
    let (mut parts, mut depends) = (Count::default(), first.depends());
    for (stretch, offset) in [(&text[..at], OFFSET), (&text[at..], OFFSET + at as u64)] {
        let mut reader = first.beside();
        reader.block(stretch, offset, &mut parts);
        reader.finish(&mut parts);
        depends |= reader.depends();
    }
    (!depends).then_some(parts)
}

fn census_accounts_for_every_item(dialect: TableDialect, text: &[u8], count: &Count) {
    let mut sink = WhoSink::default();
    table::block(dialect, text, 0, &mut sink);
    let who = sink.finish();
    let mut sink = HowSink::new(&leaders(&who, &[])).of_listing(who.listing());
    table::block(dialect, text, 0, &mut sink);
    let census = census(who, sink.finish());
    let who = &census.who;
    let damaged: u64 = who.damaged.values().map(|blemish| blemish.count).sum();
    let seen = who.entries + who.duplicates + who.expectations + who.others + damaged;
    let all = count.items();
    assert!(seen == all || who.listings > 0 && seen < all, "{dialect:?}: {seen} of {all}");
    let of_classes: u64 = who.classes.values().sum();
    assert_eq!(of_classes, who.entries, "{dialect:?}");
}
