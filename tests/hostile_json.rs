//! Whatever bytes a log in JSON, a verbose journal or a container's log holds: nothing panics, chunks change nothing, and
//! what stands around the damage is read.

mod records;

use conntriage::model::fold::RecordSink;
use conntriage::parse::log::journal_verbose::VerboseParser;
use conntriage::parse::log::json_lines::JsonParser;
use conntriage::parse::log::wrapped_lines::WrappedParser;
use conntriage::parse::sniff;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use records::{Collector, Seen};

/// Values; `{}` takes a number.
const VALUES: &[&str] = &[
    r#"{"__REALTIME_TIMESTAMP":"17000000{}","_BOOT_ID":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","_TRANSPORT":"kernel","_HOSTNAME":"a","MESSAGE":"nf_conntrack: table full, dropping packet"}"#,
    r#"{"__REALTIME_TIMESTAMP":"17000000{}","_BOOT_ID":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","_TRANSPORT":"kernel","MESSAGE":"net_ratelimit: {} callbacks suppressed"}"#,
    r#"{"_TRANSPORT":"syslog","_BOOT_ID":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","MESSAGE":[104,105,{}],"E":["a","b"],"N":null}"#,
    r#"{"log":"May  1 12:00:00 web8 kernel: nf_conntrack: table full, dropping packet\n","stream":"stdout","time":"2024-05-01T04:00:{}Z"}"#,
    r#"{"log":"piece {} \u00e9\ud83d\ude00","stream":"stderr","time":"2024-05-01T04:00:00Z"}"#,
    r#"{"stream":{"host":"web8"},"values":[["17145360001234560{}","[12345.678901] nf_conntrack: table full, dropping packet"],["1714535999123456000","x"]]}"#,
    r#"{"took":3,"hits":{"hits":[{"_source":{"@timestamp":"2024-05-01T04:00:00.{}Z","message":"kernel: x"}},{"_source":{}}]}}"#,
    r#"{"events":[{"timestamp":17145360001{},"message":"{\"MESSAGE\":\"x\"}"}]}"#,
    r#"[17145360{}.5, {"host":"web8","message":"nf_conntrack: table full, dropping packet"}]"#,
    r#"{"a":{"b":[{"c":["nf_conntrack: table full, dropping packet",{},true,{}]}]}}"#,
];

const LINES: &[&str] = &[
    "Wed 2024-05-01 12:00:00.123456 CST [s=0bf1;i={};b=0a1b2c3d4e5f60718293a4b5c6d7e8f9;m=5ccbdf{};t=660f94bcc7d{};x=b3]",
    "    _TRANSPORT=kernel",
    "    SYSLOG_FACILITY={}",
    "    MESSAGE=nf_conntrack: table full, dropping packet",
    "    MESSAGE=net_ratelimit: {} callbacks suppressed",
    "            more {}",
    "-- Boot 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --",
    "2024-05-01T12:00:{}+08:00 stdout F nf_conntrack: table full, dropping packet",
    "2024-05-01T12:00:{}+08:00 stdout P [{}.5] nf_conntrack: ",
    "2024-05-01T12:00:{}+08:00 stderr F {\"MESSAGE\":\"x\"}",
    "2024-05-01T12:00:{}+08:00 {host=\"a\\\"}\", b=\"{}\"} x",
    "2024-05-01T12:00:{}+00:00 stream May  1 12:00:{} web8 kernel: nf_conntrack: table full, dropping packet",
    "[{}] tag: [17145360{}.5, {\"log\"=>\"x\"}]",
    "tag.{}: [[17145360{}.5, {}], {\"message\":\"nf_conntrack: table full, dropping packet\"}]",
    "May  1 12:00:00 web8 kernel: message repeated {} times: [ nf_conntrack: table full, dropping packet]",
    "",
];

fn json(stream: &[u8], size: usize) -> Vec<Seen> {
    let mut seen = Collector::default();
    let mut parser = JsonParser::default();
    for chunk in stream.chunks(size) {
        parser.push(chunk, &mut seen);
    }
    parser.finish(&mut seen);
    assert_in_order(&seen.0);
    seen.0
}

/// Records come in the order of their bytes: a piece of them could not be joined otherwise, nor read again once written.
fn assert_in_order(seen: &[Seen]) {
    assert!(seen.is_sorted_by_key(|record| record.offset), "out of order: {seen:#?}");
}

/// What a parser of blocks sees: all in one, and line by line.
fn blocks<P: Default>(
    text: &[u8],
    block: fn(&mut P, &[u8], u64, &mut Collector),
    finish: fn(P, &mut Collector),
) -> Vec<Seen> {
    let read = |blocks: &mut dyn Iterator<Item = &[u8]>| {
        let (mut parser, mut seen, mut offset) = (P::default(), Collector::default(), 0);
        for part in blocks {
            block(&mut parser, part, offset, &mut seen);
            offset += part.len() as u64;
        }
        finish(parser, &mut seen);
        seen.finish().0
    };
    let whole = read(&mut std::iter::once(text));
    assert_eq!(whole, read(&mut text.split_inclusive(|byte| *byte == b'\n')));
    assert_in_order(&whole);
    whole
}

fn verbose(text: &[u8]) -> Vec<Seen> {
    blocks(
        text,
        |parser: &mut VerboseParser, part, offset, seen| parser.block(part, offset, seen),
        VerboseParser::finish,
    )
}

fn wrapped(text: &[u8]) -> Vec<Seen> {
    blocks(
        text,
        |parser: &mut WrappedParser, part, offset, seen| parser.block(part, offset, seen),
        WrappedParser::finish,
    )
}

fn some(templates: &'static [&'static str]) -> impl Strategy<Value = String> {
    (0..templates.len(), 0..60_u32)
        .prop_map(|(at, number)| templates[at].replace("{}", &format!("{number:02}")))
}

fn framed() -> impl Strategy<Value = String> {
    let frames = prop_oneof![
        6 => Just(("", "\n")), 1 => Just(("data: ", "\n\n")), 1 => Just(("\x1e", "\n")), 1 => Just(("[\n", "\n]\n")), 1 => Just(("", ",")),
        1 => Just(("-- No entries --\n", "\n")),
    ];
    (some(VALUES), frames).prop_map(|(value, (before, behind))| format!("{before}{value}{behind}"))
}

fn mutate(text: &mut [u8], mutations: &[(prop::sample::Index, u8)]) {
    for (index, byte) in mutations {
        let at = index.index(text.len());
        text[at] = *byte;
    }
}

/// Bytes that mean something to a reader of JSON, more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\":,\\\n\x1e0d".to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(20_081_106), ..ProptestConfig::default() })]

    #[test]
    fn damaged_json_in_any_chunks_is_the_same(
        values in prop::collection::vec(framed(), 1..12),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), byte()), 0..12),
        end in any::<prop::sample::Index>(),
        size in 1..90_usize,
    ) {
        let mut stream = values.concat().into_bytes();
        mutate(&mut stream, &mutations);
        stream.truncate(end.index(stream.len()) + 1);
        let whole = json(&stream, usize::MAX);
        prop_assert_eq!(&whole, &json(&stream, size));
        prop_assert!(whole.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
        let _ = sniff::sniff(&stream, "");
    }

    #[test]
    fn a_damaged_line_of_json_costs_no_other_line(
        numbers in prop::collection::vec(10..60_u32, 2..8),
        line in any::<prop::sample::Index>(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), byte()), 1..4),
    ) {
        let mut lines: Vec<Vec<u8>> = numbers.iter().map(|number| VALUES[0].replace("{}", &number.to_string()).into_bytes()).collect();
        let line = line.index(lines.len());
        mutate(&mut lines[line], &mutations);
        let mut stream = lines.join(&b'\n');
        stream.push(b'\n');
        let seen = json(&stream, usize::MAX);
        let mut offset = 0;
        for (at, text) in lines.iter().enumerate() {
            if at != line {
                let found = seen.iter().filter(|seen| seen.offset == offset && seen.printed.ends_with("full:Conntrack:NfPlain"));
                prop_assert_eq!(found.count(), 1, "line {} of {}", at, String::from_utf8_lossy(&stream));
            }
            offset += text.len() as u64 + 1;
        }
    }

    #[test]
    fn damaged_lines_do_not_panic_and_blocks_do_not_matter(
        lines in prop::collection::vec(some(LINES), 1..30),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), byte()), 0..12),
    ) {
        let mut text = lines.join("\n").into_bytes();
        text.push(b'\n');
        mutate(&mut text, &mutations);
        verbose(&text);
        wrapped(&text);
        let _ = sniff::sniff(&text, "");
    }

    #[test]
    fn random_bytes_do_not_panic(text in prop::collection::vec(byte(), 0..3_000), size in 1..50_usize) {
        prop_assert_eq!(json(&text, usize::MAX), json(&text, size));
        verbose(&text);
        wrapped(&text);
        let _ = sniff::sniff(&text, "");
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_one_blemish_and_the_rest_is_read() {
    let good = VALUES[0].replace("{}", "10");
    for (giant, kind) in [
        (format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20)), "LineTooLong"),
        (format!("{{\"a\":{}1{}}}", "[".repeat(3 << 20), "]".repeat(3 << 20)), "LineTooLong"),
        (format!("{{\"a\":{}1{}}}", "[".repeat(1000), "]".repeat(1000)), "BrokenFraming"),
        (format!("{{\"a\":[{}]}}", vec!["\"x\""; 9_000].join(",")), "Unrecognised"),
    ] {
        let seen = json(format!("{good}\n{giant}\n{good}\n").as_bytes(), 65_536);
        let printed: Vec<_> = seen.iter().map(|seen| seen.printed.as_str()).collect();
        assert_eq!(printed.len(), 3);
        assert!(printed[0].ends_with("full:Conntrack:NfPlain") && printed[2] == printed[0]);
        assert_eq!(printed[1], format!("malformed:{kind}"));
        assert_eq!(seen[1].offset, good.len() as u64 + 1);
        assert!(seen[1].raw.len() <= 512);
    }
}

#[test]
fn a_line_of_endless_pieces_is_one_blemish() {
    let mut text = Vec::new();
    for _ in 0..1_000 {
        text.extend_from_slice(b"2024-05-01T12:00:00Z stdout P ");
        text.resize(text.len() + 16_384, b'x');
        text.push(b'\n');
    }
    text.extend_from_slice(b"2024-05-01T12:00:00Z stdout F x\n2024-05-01T12:00:00Z stdout F nf_conntrack: table full, dropping packet\n");
    let printed: Vec<_> = wrapped(&text).into_iter().map(|seen| seen.printed).collect();
    assert_eq!(
        printed,
        ["2024-05-01T12:00:00Z malformed:LineTooLong", "2024-05-01T12:00:00Z full:Conntrack:NfPlain"]
    );
}

#[test]
fn fields_without_a_header_stand_where_they_begin() {
    let seen = verbose(
        b"-- Reboot --\n    _TRANSPORT=kernel\n    MESSAGE=nf_conntrack: table full, dropping packet\n",
    );
    assert_eq!(seen.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 13]);
}
