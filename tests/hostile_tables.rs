//! Tables and counters that were written by an enemy or by a broken disk: whatever the bytes are, nothing panics,
//! every line gives one item, and what is kept is bounded.

use conntriage::census::{HowSink, WhoSink, census, leaders};
use conntriage::model::blemish::BlemishKind;
use conntriage::model::fold::{FlowSink, Part, TableItem};
use conntriage::parse::counters::{self, CounterDialect};
use conntriage::parse::table::{self, LINE_BYTES_MAX, TableDialect, TableReader};
use proptest::prelude::*;

const TABLES: [TableDialect; 7] = TableDialect::ALL;

/// Lines that are right, to be broken.
const LINES: [&str; 16] = [
    "tcp      6 97 TIME_WAIT src=10.1.0.9 dst=192.0.2.7 sport=40001 dport=3128 src=192.0.2.7 dst=10.1.0.9 sport=3128 \
     dport=40001 [ASSURED] use=1 ",
    "EXPECTING: - use=1 proto=6 src=10.1.0.9 dst=192.0.2.7 sport=0 dport=2021 ",
    "ipv4     2 tcp      6 431999 ESTABLISHED src=10.1.0.9 dst=192.0.2.7 sport=40001 dport=80 packets=3 bytes=180 \
     src=192.0.2.7 dst=10.1.0.9 sport=80 dport=40001 packets=2 bytes=120 [ASSURED] mark=0 zone=0 use=2",
    "ipv4     2 gre      47 179 timeout=600, stream_timeout=10800 src=10.1.0.9 dst=192.0.2.7 srckey=0x0 dstkey=0x8a2f \
     src=192.0.2.7 dst=10.1.0.9 srckey=0x8a2f dstkey=0x0 [ASSURED] mark=0 use=1",
    "ipv6     10 icmpv6   58 20 src=fe80:0000:0000:0000:0000:0000:0000:0001 dst=2001:db8::5 type=128 code=0 id=5 \
     [UNREPLIED] src=2001:db8::5 dst=fe80::1 type=129 code=0 id=5 mark=0 use=2",
    "tcp      6 97 TIME_WAIT src=10.1.0.9 dst=192.0.2.7 sport=1 dport=2 src=192.0.2.7 dst=10.1.0.9 sport=2 dport=1 \
     [ASSURED] mark=0 delta-time=9 [start=Thu Nov 26 23:50:42 2026] use=1 id=594825766 labels=bulk",
    "-A -t 9 -u SEEN_REPLY -s 10.0.0.1 -d 192.0.2.7 -g 10.9.9.9 -q 10.0.0.1 -p tcp --sport 1 --dport 2 --reply-port-src 2 \
     --reply-port-dst 1 --state CLOSE_WAIT",
    "[1795737069.910668]\t    [NEW] tcp      6 120 SYN_SENT src=1.2.3.4 dst=1.2.3.5 sport=1 dport=2 [UNREPLIED] src=1.2.3.5",
    "conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.",
    "297 l3proto = 2 proto=6 src=10.0.0.1 dst=192.0.2.7 sport=0 dport=2021 ftp",
    "[root@gw ~]# conntrack -L dying",
    "> 12\tudp      17 9 src=10.1.0.9 dst=192.0.2.7 sport=1 dport=2 src=192.0.2.7 dst=10.1.0.9 sport=2",
    "dport=1 mark=0 use=1",
    "<flow><meta direction=\"original\"><layer3 protonum=\"2\"><src>1.2.3.4</src><dst>1.2.3.5</dst></layer3><layer4 \
     protonum=\"99\"></layer4></meta><meta direction=\"reply\"><layer3><src>1.2.3.5</src><dst>1.2.3.4</dst></layer3></meta>\
     <meta direction=\"independent\"><timeout>9</timeout></meta></flow>",
    "net.netfilter.nf_conntrack_max = 65536",
    "nf_conntrack 51 102 320 51 4 : tunables 0 0 0 : slabdata 2 2 0",
];

/// How a byte string is broken: at a place, by one of these means.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let piece: Vec<&'static [u8]> = vec![
        b"\0\0\0",
        b"\xff\xfe",
        b"99999999999999999999999",
        b"-",
        b"=",
        b"[",
        b"src=",
        b"\r",
        b" ",
        b":",
        b"\n",
        b"0x",
        b"EXPECTING:",
        b"use=",
        b"4294967296",
        b"id=",
        b"conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.",
        b"<flow>",
        b"</flow>",
        b"> ",
        b"7\t",
    ];
    let edit = (0usize..400, 0usize..12, prop::sample::select(piece));
    (prop::sample::select(LINES.to_vec()), prop::collection::vec(edit, 0..5)).prop_map(|(line, edits)| {
        let mut bytes = line.as_bytes().to_vec();
        for (place, length, piece) in edits {
            let from = place.min(bytes.len());
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, piece.iter().copied());
        }
        bytes
    })
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let random = prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::vec(prop_oneof![3 => broken(), 1 => random], 0..12).prop_map(|lines| lines.join(&b'\n'))
}

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

fn read(dialect: TableDialect, text: &[u8]) -> Count {
    let mut count = Count::default();
    table::block(dialect, text, 1_000, &mut count);
    count
}

fn lines_with_text(text: &[u8]) -> u64 {
    let blank = |line: &&[u8]| line.iter().any(|byte| !b" \t\r".contains(byte));
    text.split(|byte| *byte == b'\n').filter(blank).count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_line_of_a_table_gives_two_items_and_none_is_lost_but_headings_and_pieces(text in hostile()) {
        for dialect in TABLES {
            let count = read(dialect, &text);
            let found = count.flows + count.expectations + count.others + count.damaged.len() as u64;
            if dialect != TableDialect::ConntrackXml {
                prop_assert!(found <= lines_with_text(&text));
            }
            for (_, offset, raw) in count.damaged {
                let place = usize::try_from(offset - 1_000).unwrap();
                prop_assert!(place < text.len() && raw <= 200);
                prop_assert!(
                    dialect == TableDialect::ConntrackXml || place == 0 || text[place - 1] == b'\n'
                );
            }
        }
        table::sniff(&text);
    }

    #[test]
    fn lines_that_neither_break_nor_head_give_one_item_each(lines in prop::collection::vec(broken(), 0..8)) {
        // Damage that has an entry's end stands alone, and so does every entry.
        let mut text = Vec::new();
        for line in lines.iter().filter(|line| !line.contains(&b'\n')) {
            text.extend_from_slice(b"ipv4 2 tcp 6 9 ");
            text.extend(line.iter().filter(|byte| **byte != b'v'));
            text.extend_from_slice(b" use=1\n");
        }
        let count = read(TableDialect::ProcNfConntrack, &text);
        let found = count.flows + count.expectations + count.others + count.damaged.len() as u64;
        prop_assert_eq!(found, lines_with_text(&text));
    }

    #[test]
    fn a_table_cut_at_any_line_end_gives_the_same_items(text in hostile(), cut in 0usize..12) {
        let ends: Vec<usize> = text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
        let at = ends.get(cut).copied().unwrap_or(0);
        for dialect in TABLES {
            let whole = read(dialect, &text);
            let (mut reader, mut parts) = (TableReader::new(dialect), Count::default());
            reader.block(&text[..at], 1_000, &mut parts);
            reader.block(&text[at..], 1_000 + at as u64, &mut parts);
            reader.finish(&mut parts);
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn stretches_that_say_they_stand_alone_give_what_the_whole_gives(
        text in hostile(), head in 0usize..12, cut in 0usize..12,
    ) {
        let ends: Vec<usize> = text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
        let end = |line: usize| ends.get(line).copied().unwrap_or(0);
        let (head, at) = (end(head.min(cut)), end(cut));
        for dialect in TABLES {
            // As a big file is read: one reader has seen its beginning, and each stretch is read by one beside it.
            let mut first = TableReader::new(dialect);
            first.block(&text[..head], 1_000, &mut Count::default());
            let (mut parts, mut depends) = (Count::default(), first.depends());
            for (stretch, offset) in [(&text[..at], 1_000), (&text[at..], 1_000 + at as u64)] {
                let mut reader = first.beside();
                reader.block(stretch, offset, &mut parts);
                reader.finish(&mut parts);
                depends |= reader.depends();
            }
            if !depends {
                prop_assert_eq!(read(dialect, &text), parts);
            }
        }
    }

    #[test]
    fn the_census_accounts_for_every_item_of_the_list_it_counts(text in hostile()) {
        for dialect in TABLES {
            let mut sink = WhoSink::default();
            table::block(dialect, &text, 0, &mut sink);
            let who = sink.finish();
            let mut sink = HowSink::new(&leaders(&who, &[])).of_listing(who.listing());
            table::block(dialect, &text, 0, &mut sink);
            let census = census(who, sink.finish());
            let damaged: u64 = census.who.damaged.values().map(|blemish| blemish.count).sum();
            let seen = census.who.entries + census.who.duplicates + census.who.expectations + census.who.others + damaged;
            let count = read(dialect, &text);
            let all = count.flows + count.expectations + count.others + count.damaged.len() as u64;
            prop_assert!(seen == all || census.who.listings > 0 && seen < all, "{} {}", seen, all);
        }
    }

    #[test]
    fn counters_take_any_bytes(text in hostile()) {
        counters::sniff(&text, "input");
        for dialect in CounterDialect::all() {
            let (read, records, damaged) = counters::parse(dialect, "input", &text);
            prop_assert!(records <= lines_with_text(&text));
            for (_, blemish) in damaged {
                prop_assert!(blemish.count > 0 && blemish.first_raw.len() <= 200);
                prop_assert!(usize::try_from(blemish.first_offset).unwrap() <= text.len());
            }
            for (key, value) in &read.sysctl {
                prop_assert!(key.len() <= 256 && value.len() <= 1_024);
            }
        }
    }
}

#[test]
fn a_line_of_a_megabyte_is_damage_and_the_next_line_is_read() {
    for filler in [&b"x"[..], b"0", b" src=", b"\0", b"\xff", b"[", b"1.", b"ffff:"] {
        let mut text = b"ipv4     2 tcp      6 9 CLOSE ".to_vec();
        text.extend(filler.iter().cycle().take(1 << 20));
        text.push(b'\n');
        assert!(text.len() > LINE_BYTES_MAX);
        text.extend(LINES[2].as_bytes());
        text.push(b'\n');
        let count = read(TableDialect::ProcNfConntrack, &text);
        assert_eq!((count.flows, count.damaged.len()), (1, 1));
        assert_eq!(count.damaged[0].0, BlemishKind::LineTooLong);
        table::sniff(&text);
        for dialect in CounterDialect::all() {
            let (_, _, damaged) = counters::parse(dialect, "input", &text);
            assert!(damaged.iter().all(|(_, blemish)| blemish.first_raw.len() <= 200));
        }
    }
}

#[test]
fn huge_numbers_never_become_small_ones() {
    let line = |time: &str, port: &str, mark: &str| {
        format!(
            "ipv4 2 tcp 6 {time} CLOSE src=1.2.3.4 dst=1.2.3.5 sport={port} dport=2 src=1.2.3.5 dst=1.2.3.4 sport=2 \
             dport=1 mark={mark} use=1\n"
        )
    };
    for (time, port, mark) in [
        ("99999999999999999999", "1", "0"),
        ("9223372036854775808", "1", "0"),
        ("--1", "1", "0"),
        ("9", "65536", "0"),
        ("9", "18446744073709551617", "0"),
        ("9", "1", "4294967296"),
        ("9", "-1", "0"),
    ] {
        let count = read(TableDialect::ProcNfConntrack, line(time, port, mark).as_bytes());
        assert_eq!(
            count.damaged.first().map(|damage| damage.0),
            Some(BlemishKind::ImpossibleNumber),
            "{time} {port}"
        );
    }
    assert_eq!(
        read(TableDialect::ProcNfConntrack, line("9223372036854775807", "1", "0").as_bytes()).flows,
        1
    );
}
