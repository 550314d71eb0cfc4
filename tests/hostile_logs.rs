//! Whatever bytes a log holds: nothing panics, every line is accounted for, and neither parts nor chunks change what
//! is read.

mod records;

use conntriage::parse::kernel;
use conntriage::parse::log::dmesg_json::{self, DmesgJsonParser};
use conntriage::parse::log::export::{self, ExportParser};
use conntriage::parse::log::lines::{self, LINE_BYTES_MAX, LOOK_BACK_BYTES, LineParser};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use records::{Collector, Seen};

/// Lines that the parser reads with most of its grammars; `{}` takes a number.
const TEMPLATES: &[&str] = &[
    "Nov  6 02:39:55 a kernel: nf_conntrack: table full, dropping packet",
    "Nov  6 02:39:55 a kernel: net_ratelimit: {} callbacks suppressed",
    "Nov  6 02:39:56 a kernel: martian source 10.0.0.1",
    "Nov  6 02:39:56 a last message repeated {} times",
    "Nov  6 02:39:56 a sshd[{}]: Accepted password",
    "Nov  6 02:39:56 b kernel: [{}.000001] ip_conntrack: CT {}: table full, dropping packet.",
    "Nov  6 02:39:56 b kernel: [{}.000002] net_ratelimit: 3 callbacks suppressed",
    "Nov  6 02:39:56 b kernel: [{}.000003] eth0: link up",
    "Nov  6 02:39:56 b last message repeated {} times",
    "Nov  6 02:39:57 b kernel: message repeated {} times: [ nf_conntrack: table full, dropping packet.]",
    "Nov  6 02:39:57 a kernel: Last message 'nf_conntrack: table ' repeated {} times, suppressed by syslog-ng on a",
    "2024-05-01T12:00:00.{}+08:00 b kernel: nf_conntrack: nf_conntrack: table full in netns {}, dropping packet",
    "<4>1 2024-05-01T12:00:00Z c kernel - - - nf_conntrack version 0.5.0 ({} buckets, 5 max)",
    "2024-05-01T12:00:00Z c systemd-journald[{}]: Missed {} kernel messages",
    "[{}.000004] printk: {} messages suppressed.",
    "Nov  6 02:39:56 b kernel: [{}.000005] [UFW BLOCK] IN=eth0 OUT= MAC= SRC=203.0.113.{} DST=10.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=9 ID=1 PROTO=TCP SPT=1 DPT={} WINDOW=1 RES=0x00 SYN URGP=0 ",
    "Nov  6 02:39:56 a nginx: 2026/11/27 03:12:01 [crit] 8#8: *{} connect() to 192.0.2.{}:3128 failed (99: Cannot assign requested address) while connecting to upstream",
    "Nov  6 02:39:56 a kernel: docker0: port {}(veth1a2b3c4) entered forwarding state",
    "[{}.000004] TCP: Possible SYN flooding on port {}. Dropping request.  Check SNMP counters.",
    "4,{},1000,-;nf_conntrack: table full, dropping packet",
    "6,{},2000,-;usb 1-1: new device",
    " SUBSYSTEM=usb",
    "-- Reboot --",
    "Feb 31 02:39:55 a kernel: x",
    "last message repeated {} times",
    "nf_conntrack: table full, dropping packet",
    "",
    "\0\0Nov  6 02:39:55 a kernel: x\r",
    "Jan 18 00:11:22.{} kern.warn kernel: nf_conntrack: table full, dropping packet",
    "Sat Sep  9 16:28:18 2017 [{}.123] kern.warn kernel: [65503.710000] nf_conntrack: table full, dropping packet",
    "2026 May 14 05:41:28.{} b WARNING kernel: [{}.5] net_ratelimit: {} callbacks suppressed",
    "Nov 24 11:52:55 [UTM] [kernel] nf_conntrack: table full, dropping packet",
    "Mar  4 19:26:07 b user.warn kernel: [ {}.134675] nf_conntrack: table full, dropping packet",
    "Jan 15 22:27:39 b 6.7.0,4,{},194879739,-,ncfrag=0/{};nf_conntrack: table full, dropping packet",
    "6.7.0-rc1,4,{},{},-,caller=T1;nf_conntrack: table full, dropping packet",
    "[Fri Nov 27 02:15:44 20{} < 9999.{}>] nf_conntrack: table full, dropping packet",
    "[ven. févr. {} 02:15:44 2026] nf_conntrack: table full, dropping packet",
    "[Nov{} 02:15] nf_conntrack: table full, dropping packet",
    "[  +{}.000098] net_ratelimit: {} callbacks suppressed",
    "[<    {}.000098>] nf_conntrack: table full, dropping packet",
    "kern  :warn  : [12345.{}] nf_conntrack: table full, dropping packet",
    "2026-11-27T02:15:44,6789{}+00:00 [  T{}] nf_conntrack: table full, dropping packet",
    "\x1b[32m[{}.5] \x1b[0m\x1b[33mnf_conntrack: \x1b[0m\x1b[1mtable full, dropping packet\x1b[0m",
    "Nov  6 02:39:55 a kernel: nf_\x1b[01;{}m\x1b[Kconntrack\x1b[m\x1b[K: table full, dropping packet",
    "inputname: imudp rawmsg: '<{}>Nov  6 02:39:55 a kernel: nf_conntrack: table full, dropping packet'",
    "inputname: imklog rawmsg: '[{}.5] nf_conntrack: table full, dropping packet'",
    "{\"message\":\" nf_conntrack\\u003a table full, dropping packet\",\"fromhost\":\"b{}\",\"facility\":\"kern\",\"timereported\":\"2026-11-06T02:39:55.{}Z\"}",
    "> > Nov  6 02:39:55 a kernel: nf_conntrack: table full, dropping packet",
    "&lt;{}&gt;[{}.5] nf_conntrack: table full, dropping packet",
    "** {} printk messages dropped ** [{}.5] nf_conntrack: table full, dropping packet",
    "Nov  6 02:39:55 a ** {} printk messages dropped ** nf_conntrack: table full, dropping packet",
    "** {} printk messages dropped **",
    "** replaying previous printk message **",
    "[{}.5] nf_conntrack: table full, dropping packet[{}.6] net_ratelimit: {} callbacks suppressed",
    "Nov  6 02:39:55 a kernel: net_ratelimit: {} callbacks suppressedNov  6 02:39:55 a kernel: x",
    "[4294{}.676000] ip_conntrack: table full, dropping packet.",
    "Nov  6 02:39:55 a syslog-ng[{}]: Destination queue full, dropping messages; count='{}'",
    "Nov  6 02:39:55 a rsyslogd: imjournal: begin to drop messages due to rate-limiting",
];

fn parsed(text: &[u8]) -> Vec<Seen> {
    let mut seen = Collector::default();
    LineParser::default().block(text, 0, &mut seen);
    seen.0
}

/// The text read in parts that begin at `cuts`, each warmed up as if nothing had been read before it.
fn parsed_in_parts(text: &[u8], cuts: &[usize]) -> Vec<Seen> {
    let mut seen = Collector::default();
    let ends = cuts.iter().skip(1).copied().chain([text.len()]);
    for (start, end) in cuts.iter().copied().zip(ends) {
        let mut parser = LineParser::default();
        let begin = start.saturating_sub(LOOK_BACK_BYTES);
        parser.warm_up(&text[begin..start], begin as u64);
        parser.block(&text[start..end], start as u64, &mut seen);
    }
    seen.0
}

/// One line of a template, now and then a long one, so that references run out of reach.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let padding = prop_oneof![12 => Just(0_usize), 1 => 1_000..30_000_usize, 1 => 30_000..40_000_usize];
    (0..TEMPLATES.len(), 0..40_u32, padding).prop_map(|(template, number, padding)| {
        let text = TEMPLATES[template].replace("{}", &number.to_string());
        // What stands behind the object of a line makes it none.
        let padding = if text.starts_with('{') { 0 } else { padding };
        let mut line = text.into_bytes();
        line.extend(std::iter::repeat_n(b'.', padding));
        line.push(b'\n');
        line
    })
}

/// Few lines that refer to each other, and long ones of a stranger between them: references near the end of their reach.
fn referring_line() -> impl Strategy<Value = Vec<u8>> {
    const AT: &str = "Nov  6 02:39:55";
    let words = prop_oneof![
        Just(format!("{AT} a kernel: net_ratelimit: 7 callbacks suppressed\n")),
        Just(format!("{AT} a kernel: martian source 10.0.0.1\n")),
        Just(format!("{AT} a last message repeated 3 times\n")),
        Just("6,7,1000,-;usb 1-1: new device\n".to_owned()),
    ];
    let stranger =
        (1..8_usize).prop_map(|length| format!("{AT} z sshd[1]: {}\n", "x".repeat(length * 5_000)));
    prop_oneof![words, stranger].prop_map(String::into_bytes)
}

/// Every line that is not blank has its record, at its place, and nothing else has one.
fn assert_every_line_is_accounted_for(text: &[u8], seen: &[Seen]) {
    let mut expected = Vec::new();
    let mut start = 0_u64;
    for line in text.split(|byte| *byte == b'\n') {
        let padding = line.iter().take_while(|byte| **byte == 0).count();
        if !line[padding..].trim_ascii().is_empty() {
            expected.push(start);
        }
        start += line.len() as u64 + 1;
    }
    // Where a console wrote how many messages it dropped in front of one, that is a record of its own, and so is one
    // that stands in front of another on its line.
    let in_front = |at: usize| {
        let holds = |words: &[u8]| seen[at].raw.windows(words.len()).any(|window| window == words);
        let of_two = holds(b" printk messages dropped **")
            || [b"packet[".as_slice(), b"packetNov", b"suppressed[", b"suppressedNov"]
                .iter()
                .any(|glue| holds(glue));
        of_two && seen.get(at + 1).is_some_and(|next| next.offset == seen[at].offset)
    };
    let of_lines = (0..seen.len()).filter(|at| !in_front(*at));
    let found: Vec<_> = of_lines.map(|at| seen[at].offset).collect();
    assert_eq!(found, expected);
    for seen in seen {
        let line = &text[usize::try_from(seen.offset).unwrap()..];
        assert!(seen.raw.is_empty() || seen.raw.len() <= 512);
        // Terminal escapes are taken out.
        let line = line.split(|byte| *byte == b'\n').next().unwrap();
        assert!(
            line.contains(&0x1b)
                || seen.raw.is_empty()
                || line.windows(seen.raw.len()).any(|window| window == seen.raw)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, rng_seed: RngSeed::Fixed(20_081_106), ..ProptestConfig::default() })]

    #[test]
    fn a_text_read_in_parts_gives_what_the_whole_gives(
        lines in prop_oneof![
            prop::collection::vec(line(), 1..120),
            prop::collection::vec(referring_line(), 1..40),
        ],
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
    ) {
        let text = lines.concat();
        let mut starts = vec![0];
        starts.extend(text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
        let mut cuts: Vec<usize> = cut.iter().map(|index| starts[index.index(starts.len())]).chain([0]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let whole = parsed(&text);
        prop_assert_eq!(&whole, &parsed_in_parts(&text, &cuts));
        assert_every_line_is_accounted_for(&text, &whole);
    }

    #[test]
    fn one_block_or_many_is_the_same(lines in prop::collection::vec(line(), 1..60)) {
        let mut seen = Collector::default();
        let mut parser = LineParser::default();
        let mut offset = 0;
        for line in &lines {
            parser.block(line, offset, &mut seen);
            offset += line.len() as u64;
        }
        prop_assert_eq!(seen.0, parsed(&lines.concat()));
    }

    #[test]
    fn mutated_logs_do_not_panic_and_lose_no_line(
        lines in prop::collection::vec(line(), 1..30),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
    ) {
        let mut text = lines.concat();
        for (index, byte) in mutations {
            let at = index.index(text.len());
            text[at] = byte;
        }
        assert_every_line_is_accounted_for(&text, &parsed(&text));
        let _ = (lines::looks_like(&text), export::looks_like(&text));
    }

    #[test]
    fn random_bytes_do_not_panic_and_lose_no_line(text in prop::collection::vec(any::<u8>(), 0..4_000)) {
        // A mark in front of a text is taken off where the text begins.
        prop_assume!(!text.starts_with(b"\xef\xbb\xbf"));
        assert_every_line_is_accounted_for(&text, &parsed(&text));
        let _ = (kernel::signal(&text), lines::looks_like(&text), export::looks_like(&text));
    }

    #[test]
    fn numbers_of_any_length_do_not_panic(digits in "[0-9]{1,60}") {
        for template in TEMPLATES {
            let text = template.replace("{}", &digits);
            assert_every_line_is_accounted_for(text.as_bytes(), &parsed(text.as_bytes()));
        }
    }
}

// `dmesg -e` and `dmesg -J`: read from their beginning.

fn of_deltas(blocks: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Collector::default();
    let mut parser = LineParser::reading_deltas();
    let mut offset = 0;
    for block in blocks {
        parser.block(block, offset, &mut seen);
        offset += block.len() as u64;
    }
    seen.0
}

fn of_document(chunks: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Collector::default();
    let mut parser = DmesgJsonParser::default();
    for chunk in chunks {
        parser.push(chunk, &mut seen);
    }
    parser.finish(&mut seen);
    assert!(seen.0.is_sorted_by_key(|record| record.offset), "out of order: {:#?}", seen.0);
    seen.0
}

fn some_object() -> impl Strategy<Value = String> {
    let message = prop_oneof![
        Just("nf_conntrack: table full, dropping packet".to_owned()),
        Just("net_ratelimit: 7 callbacks suppressed".to_owned()),
        Just(r#"a \"b\", {c} [d] \\ \u0001\nsecond"#.to_owned()),
        "[a-z{}:,]{0,20}",
    ];
    (0..5_000_u32, message).prop_map(|(time, message)| {
        format!("{{\n \"pri\": 4,\n \"time\": {time}.5,\n \"msg\": \"{message}\"\n}}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(20_081_106), ..ProptestConfig::default() })]

    #[test]
    fn deltas_read_in_one_block_or_many_are_the_same_and_lose_no_line(
        lines in prop::collection::vec(line(), 1..60),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60), 0..10),
    ) {
        let mut lines = lines;
        for (index, at) in mutations {
            let at_line = index.index(lines.len());
            if let Some(byte) = lines[at_line].get_mut(at).filter(|byte| **byte != b'\n') { *byte = b'+'; }
        }
        let text = lines.concat();
        let blocks: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let whole = of_deltas(&[&text]);
        prop_assert_eq!(&whole, &of_deltas(&blocks));
        assert_every_line_is_accounted_for(&text, &whole);
        let _ = lines::are_deltas(&text);
    }

    #[test]
    fn a_document_cut_into_any_chunks_gives_the_same(
        objects in prop::collection::vec(some_object(), 1..20),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..10),
        size in 1..100_usize,
    ) {
        let document = format!("{{\n \"dmesg\": [\n{}\n]\n}}\n", objects.join(","));
        let mut document = document.into_bytes();
        prop_assert!(dmesg_json::looks_like(&document));
        prop_assert_eq!(of_document(&[&document]).len(), objects.len());
        for (index, byte) in mutations {
            let at = index.index(document.len());
            document[at] = byte;
        }
        let chunks: Vec<_> = document.chunks(size).collect();
        prop_assert_eq!(of_document(&[&document]), of_document(&chunks));
    }

    #[test]
    fn random_bytes_as_a_document_do_not_panic(document in prop::collection::vec(any::<u8>(), 0..2_000), size in 1..50_usize) {
        let chunks: Vec<_> = document.chunks(size).collect();
        prop_assert_eq!(of_document(&[&document]), of_document(&chunks));
        let _ = dmesg_json::looks_like(&document);
    }
}

#[test]
fn an_object_without_its_beginning_stands_where_it_ends() {
    let seen = of_document(&[br#"{"dmesg":[{"msg":"a"},"msg":"b"}, "msg":"c"}]}"#]);
    assert_eq!(seen.iter().map(|record| record.offset).collect::<Vec<_>>(), [10, 31, 43]);
}

#[test]
fn a_giant_message_is_one_blemish_and_the_next_is_read() {
    let giant = "x".repeat(3 * dmesg_json::VALUE_BYTES_KEPT);
    let document = format!(
        "{{\"dmesg\":[{{\"time\":1.5,\"msg\":\"{giant}\"}},{{\"time\":2.5,\"msg\":\"nf_conntrack: table full, dropping packet\"}}]}}"
    );
    let seen = of_document(&[document.as_bytes()]);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].printed, "+1.500000 malformed:LineTooLong");
    assert_eq!(seen[1].printed, "+2.500000 full:Conntrack:NfPlain");
}

#[test]
fn a_giant_line_is_one_blemish_and_the_next_line_is_read() {
    let mut text = b"Nov  6 02:39:55 a kernel: ".to_vec();
    text.resize(3 * LINE_BYTES_MAX, b'x');
    text.extend_from_slice(b"\nNov  6 02:39:55 a kernel: nf_conntrack: table full, dropping packet\n");
    let seen = parsed(&text);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].printed, "11-06T02:39:55 host=a malformed:LineTooLong");
    assert_eq!(seen[1].printed, "11-06T02:39:55 host=a full:Conntrack:NfPlain");
    text.truncate(LINE_BYTES_MAX);
    assert_eq!(parsed(&text)[0].printed, "11-06T02:39:55 host=a malformed:LineTooLong");
    text.truncate(LINE_BYTES_MAX - 1);
    assert_eq!(parsed(&text)[0].printed, "11-06T02:39:55 host=a passing");
}

// The journal's export format.

/// One entry; a value with a line end is written in binary.
fn entry(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes
}

fn kernel_entry(us: u64, message: &[u8]) -> Vec<u8> {
    let (received, since_boot) = ((1_700_000_000_000_000 + us).to_string(), us.to_string());
    entry(&[
        ("__CURSOR", b"s=1;i=1"),
        ("__REALTIME_TIMESTAMP", received.as_bytes()),
        ("__MONOTONIC_TIMESTAMP", b"99000000"),
        ("_BOOT_ID", b"0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        ("_TRANSPORT", b"kernel"),
        ("SYSLOG_FACILITY", b"0"),
        ("_HOSTNAME", b"web8"),
        ("MESSAGE", message),
        ("_SOURCE_MONOTONIC_TIMESTAMP", since_boot.as_bytes()),
    ])
}

fn exported(chunks: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Collector::default();
    let mut parser = ExportParser::default();
    for chunk in chunks {
        parser.push(chunk, &mut seen);
    }
    parser.finish(&mut seen);
    seen.0
}

fn printed(stream: &[u8]) -> Vec<String> {
    exported(&[stream]).into_iter().map(|seen| seen.printed).collect()
}

const FULL: &[u8] = b"nf_conntrack: nf_conntrack: table full, dropping packet";

#[test]
fn a_kernel_entry_says_when_whose_and_what() {
    let stream = kernel_entry(5_000_001, FULL);
    let seen = exported(&[&stream]);
    assert_eq!(
        seen[0].printed,
        "2023-11-14T22:13:25.000001Z ±1us +5.000001 boot=0af9 host=web8 as-recorded full:Conntrack:NfDoubled"
    );
    assert_eq!((seen[0].offset, seen[0].raw.as_slice()), (0, FULL));
}

#[test]
fn only_the_kernel_is_believed() {
    let forged: [&[(&str, &[u8])]; 4] = [
        &[("_TRANSPORT", b"kernel"), ("SYSLOG_FACILITY", b"1"), ("MESSAGE", FULL)],
        &[
            ("_TRANSPORT", b"syslog"),
            ("SYSLOG_FACILITY", b"0"),
            ("SYSLOG_IDENTIFIER", b"kernel"),
            ("MESSAGE", FULL),
        ],
        &[("SYSLOG_IDENTIFIER", b"kernel"), ("MESSAGE", FULL)],
        &[
            ("_TRANSPORT", b"journal"),
            ("MESSAGE", b"x\n\n_TRANSPORT=kernel\nMESSAGE=nf_conntrack: table full, dropping packet\n\n"),
        ],
    ];
    for fields in forged {
        assert_eq!(printed(&entry(fields)), ["as-recorded passing"], "{fields:?}");
    }
    let honest = entry(&[("_TRANSPORT", b"kernel"), ("MESSAGE", FULL)]);
    assert_eq!(printed(&honest), ["as-recorded full:Conntrack:NfDoubled"]);
}

#[test]
fn the_line_behind_a_suppression_line_used_the_token() {
    let stream = [
        kernel_entry(1_000, b"net_ratelimit: 7 callbacks suppressed"),
        entry(&[("_TRANSPORT", b"journal"), ("_HOSTNAME", b"web8"), ("MESSAGE", b"x")]),
        kernel_entry(1_900, b"martian source 10.0.0.1"),
        kernel_entry(1_950, b"martian source 10.0.0.1"),
    ]
    .concat();
    let said: Vec<_> =
        printed(&stream).iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(said, ["suppressed:NetRatelimit=7", "passing", "other-limited", "passing"]);
}

#[test]
fn missed_kernel_messages_are_a_loss_only_if_journald_says_so() {
    let missed: (&str, &[u8]) = ("MESSAGE", b"Missed 12 kernel messages");
    let id: (&str, &[u8]) = ("MESSAGE_ID", b"e9bf28e6e834481bb6f48f548ad13606");
    assert_eq!(printed(&entry(&[("_TRANSPORT", b"driver"), id, missed])), ["as-recorded lost:12"]);
    let old = entry(&[("_TRANSPORT", b"driver"), ("SYSLOG_IDENTIFIER", b"systemd-journal"), missed]);
    assert_eq!(printed(&old), ["as-recorded lost:12"]);
    assert_eq!(printed(&entry(&[("_TRANSPORT", b"journal"), id, missed])), ["as-recorded passing"]);
    assert_eq!(printed(&entry(&[("_TRANSPORT", b"driver"), missed])), ["as-recorded passing"]);
}

#[test]
fn an_entry_that_ends_with_the_stream_is_whole_only_if_its_framing_is() {
    let stream = entry(&[("_TRANSPORT", b"kernel"), ("MESSAGE", FULL)]);
    let without_blank_line = &stream[..stream.len() - 1];
    assert_eq!(printed(without_blank_line), ["as-recorded full:Conntrack:NfDoubled"]);
    assert_eq!(printed(&stream[..stream.len() - 2]), ["as-recorded malformed:BrokenFraming"]);
    assert_eq!(printed(b"MESSAGE\n\x05\0\0\0\0\0\0\0abc"), ["as-recorded malformed:BrokenFraming"]);
}

#[test]
fn after_broken_framing_reading_resumes_at_the_next_cursor_and_trusts_nothing() {
    let absurd = [b"__CURSOR=s=1\nMESSAGE\n".as_slice(), &u64::MAX.to_le_bytes(), b"x\n\n"].concat();
    let stream =
        [absurd, entry(&[("not a name", b"")]), kernel_entry(9, FULL), kernel_entry(9, b"x")].concat();
    let whole = "2023-11-14T22:13:20.000009Z ±1us +0.000009 boot=0af9 host=web8 full:Conntrack:NfDoubled";
    let expected =
        ["as-recorded malformed:BrokenFraming", whole, &whole.replace("full:Conntrack:NfDoubled", "passing")];
    assert_eq!(printed(&stream), expected);
    let offset = stream.windows(11).position(|window| window == b"\n\n__CURSOR=").unwrap() + 2;
    for size in 1..40 {
        let chunks: Vec<_> = stream.chunks(size).collect();
        let seen = exported(&chunks);
        assert_eq!(seen, exported(&[&stream]), "chunks of {size}");
        assert_eq!(seen[1].offset, offset as u64);
    }
}

#[test]
fn a_value_beyond_what_is_kept_is_skipped_and_the_entry_goes_on() {
    let mut value = vec![b'x'; 3 * export::FIELD_BYTES_KEPT];
    value[9] = b'\n';
    let stream = entry(&[("BLOB", &value), ("_TRANSPORT", b"kernel"), ("MESSAGE", FULL)]);
    let chunks: Vec<_> = stream.chunks(100_000).collect();
    assert_eq!(exported(&chunks)[0].printed, "as-recorded full:Conntrack:NfDoubled");
}

#[test]
fn impossible_times_are_damage() {
    let stream = entry(&[("__REALTIME_TIMESTAMP", b"99999999999999999999"), ("MESSAGE", b"x")]);
    assert_eq!(printed(&stream), ["as-recorded malformed:ImpossibleNumber"]);
}

fn some_entry() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        Just(FULL.to_vec()),
        Just(b"net_ratelimit: 7 callbacks suppressed".to_vec()),
        prop::collection::vec(any::<u8>(), 0..60),
        Just(b"two\n\n__CURSOR=lines\n".to_vec()),
    ];
    (0..5_000_u64, message).prop_map(|(us, message)| kernel_entry(us, &message))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, rng_seed: RngSeed::Fixed(20_081_106), ..ProptestConfig::default() })]

    #[test]
    fn an_export_cut_into_any_chunks_gives_the_same(
        entries in prop::collection::vec(some_entry(), 1..20),
        sizes in prop::collection::vec(1..200_usize, 1..50),
    ) {
        let stream = entries.concat();
        let mut chunks = Vec::new();
        let mut rest = stream.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, behind) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = behind;
        }
        let whole = exported(&[&stream]);
        prop_assert_eq!(whole.len(), entries.len());
        prop_assert_eq!(whole, exported(&chunks));
    }

    #[test]
    fn a_damaged_export_does_not_panic_and_chunks_do_not_matter(
        entries in prop::collection::vec(some_entry(), 1..8),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        size in 1..100_usize,
    ) {
        let mut stream = entries.concat();
        for (index, byte) in mutations {
            let at = index.index(stream.len());
            stream[at] = byte;
        }
        let chunks: Vec<_> = stream.chunks(size).collect();
        prop_assert_eq!(exported(&[&stream]), exported(&chunks));
    }

    #[test]
    fn random_bytes_as_export_do_not_panic(stream in prop::collection::vec(any::<u8>(), 0..2_000), size in 1..50_usize) {
        let chunks: Vec<_> = stream.chunks(size).collect();
        prop_assert_eq!(exported(&[&stream]), exported(&chunks));
    }
}
