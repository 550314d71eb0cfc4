//! Lines of every era, as its kernel prints them.

use super::*;
use crate::model::flow::{Flow, L4Part, Reply, State, Volume, Zones};
use crate::model::fold::Part;

/// Keeps what comes.
#[derive(Default)]
struct Kept(Vec<TableItem>);

impl Part for Kept {
    fn join(mut self, right: Self) -> Self {
        self.0.extend(right.0);
        self
    }
}

impl FlowSink for Kept {
    type Part = Self;
    fn take(&mut self, item: &TableItem) {
        self.0.push(item.clone());
    }
    fn finish(self) -> Self {
        self
    }
}

fn items(dialect: TableDialect, text: &str) -> Vec<TableItem> {
    let mut kept = Kept::default();
    block(dialect, text.as_bytes(), 0, &mut kept);
    kept.0
}

/// The one flow of a line that also the sniffer recognises.
fn flow(dialect: TableDialect, line: &str) -> Flow {
    let text = format!("{line}\n");
    assert_eq!(sniff(text.as_bytes()), Some(dialect), "{line}");
    match items(dialect, &text).as_slice() {
        [TableItem::Flow(flow)] => flow.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

fn ip(line: &str) -> Flow {
    flow(TableDialect::ProcIpConntrack, line)
}

fn nf(line: &str) -> Flow {
    flow(TableDialect::ProcNfConntrack, line)
}

fn damage(dialect: TableDialect, text: &str) -> Option<BlemishKind> {
    match items(dialect, text).as_slice() {
        [TableItem::Damaged { kind, .. }] => Some(*kind),
        _ => None,
    }
}

const PORTS: &str = "src=10.1.0.9 dst=192.0.2.7 sport=40001 dport=3128";
const BACK: &str = "src=192.0.2.7 dst=10.1.0.9 sport=3128 dport=40001";

#[test]
fn kernel_2_4_21_ends_its_lines_with_a_blank() {
    let read = ip(&format!("tcp      6 97 TIME_WAIT {PORTS} {BACK} [ASSURED] use=1 "));
    assert_eq!((read.l3, read.l4, read.remaining), (L3::V4, L4::TCP, Some(97)));
    assert_eq!((read.state, read.replied), (Some(State::TimeWait), Reply::Assured));
    assert_eq!(read.original.source.to_string(), "10.1.0.9");
    assert_eq!(read.original.destination.to_string(), "192.0.2.7");
    assert_eq!(read.original.l4, L4Part::Ports { source: 40001, destination: 3128 });
    assert_eq!(read.reply.l4, L4Part::Ports { source: 3128, destination: 40001 });
    assert!(!read.source_nat() && !read.destination_nat());
    assert_eq!((read.mark, read.original_volume, read.id), (None, None, None));
}

#[test]
fn kernel_2_6_9_counts_and_wraps_timers() {
    let read = ip(&format!(
        "tcp      6 42949672 SYN_SENT {PORTS} packets=3 bytes=180 [UNREPLIED] {BACK} packets=0 bytes=0 use=1"
    ));
    assert_eq!((read.remaining, read.replied), (Some(42_949_672), Reply::Unreplied));
    assert_eq!(read.original_volume, Some(Volume { packets: 3, bytes: 180 }));
    assert_eq!(read.reply_volume, Some(Volume { packets: 0, bytes: 0 }));
}

#[test]
fn kernel_2_6_18_prints_negative_timeouts_and_marks() {
    let read = ip(&format!("udp      17 -2 {PORTS} {BACK} mark=7 secmark=0 use=1"));
    assert_eq!((read.remaining, read.mark, read.state), (Some(-2), Some(7), None));
    assert_eq!(read.replied, Reply::Replied);
}

#[test]
fn compat_file_of_3_10_prints_secctx() {
    let read = ip(&format!(
        "tcp      6 431999 ESTABLISHED {PORTS} {BACK} [ASSURED] mark=0 secctx=a_u:b_r:c_t:s0 use=2"
    ));
    assert_eq!(read.state, Some(State::Established));
}

#[test]
fn an_unknown_protocol_has_no_ports() {
    let read =
        ip("unknown  103 575 src=10.1.0.9 dst=224.0.0.13 [UNREPLIED] src=224.0.0.13 dst=10.1.0.9 use=1");
    assert_eq!((read.l4, read.original.l4), (L4(103), L4Part::Absent));
}

#[test]
fn icmp_has_an_identifier_and_no_ports() {
    let read = nf("ipv4     2 icmp     1 29 src=10.1.0.9 dst=192.0.2.7 type=8 code=0 id=611 \
                   src=192.0.2.7 dst=10.1.0.9 type=0 code=0 id=611 mark=0 use=2");
    assert_eq!(read.original.l4, L4Part::Icmp { kind: 8, code: 0, id: 611 });
    assert_eq!(read.reply.l4, L4Part::Icmp { kind: 0, code: 0, id: 611 });
    assert_eq!(read.id, None);
}

#[test]
fn ipv6_is_read_in_full_groups_and_compressed() {
    let full = nf("ipv6     10 icmpv6   58 20 src=fe80:0000:0000:0000:0000:0000:0000:0001 \
         dst=2001:0db8:0000:0000:0000:0000:0000:0005 type=128 code=0 id=5 [UNREPLIED] \
         src=2001:0db8:0000:0000:0000:0000:0000:0005 dst=fe80:0000:0000:0000:0000:0000:0000:0001 \
         type=129 code=0 id=5 mark=0 use=2");
    let short = nf("ipv6 10 icmpv6 58 20 src=fe80::1 dst=2001:db8::5 type=128 code=0 id=5 [UNREPLIED] \
         src=2001:db8::5 dst=fe80::1 type=129 code=0 id=5 mark=0 use=2");
    assert_eq!(full, short);
    assert_eq!((full.l3, full.l4), (L3::V6, L4::ICMPV6));
}

#[test]
fn gre_prints_two_timeouts_of_its_own_and_hexadecimal_keys() {
    let read = nf("ipv4     2 gre      47 179 timeout=600, stream_timeout=10800 src=10.1.0.9 dst=192.0.2.7 \
         srckey=0x0 dstkey=0x8a2f src=192.0.2.7 dst=10.1.0.9 srckey=0x8a2f dstkey=0x0 [ASSURED] mark=0 use=1");
    assert_eq!((read.remaining, read.state), (Some(179), None));
    assert_eq!(read.original.l4, L4Part::Gre { source: 0, destination: 0x8a2f });
}

#[test]
fn every_protocol_with_ports_and_every_state_word_is_read() {
    for (name, number) in [("tcp", 6), ("udp", 17), ("udplite", 136), ("sctp", 132), ("dccp", 33)] {
        let read = nf(&format!("ipv4     2 {name:<8} {number} 50 {PORTS} {BACK} mark=0 use=1"));
        assert_eq!((read.l4, read.state), (L4(number), None));
    }
    let words = "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE LISTEN SYN_SENT2 \
                 CLOSED COOKIE_WAIT COOKIE_ECHOED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT \
                 HEARTBEAT_ACKED REQUEST RESPOND PARTOPEN OPEN CLOSEREQ CLOSING TIMEWAIT IGNORE INVALID";
    let states: std::collections::BTreeSet<State> = words
        .split_whitespace()
        .map(|word| {
            nf(&format!("ipv4     2 tcp      6 50 {word} {PORTS} {BACK} mark=0 use=1")).state.unwrap()
        })
        .collect();
    assert_eq!(states.len(), 28);
    assert!(!states.iter().any(|state| matches!(state, State::Other(_))));
    let strange = nf(&format!("ipv4     2 tcp      6 50 SYN_SENT3 {PORTS} {BACK} mark=0 use=1"));
    assert_eq!(strange.state, Some(State::Other(*b"SYN_SENT3\0\0\0\0\0\0\0")));
}

#[test]
fn zones_are_read_wherever_they_stand() {
    let zoned = |orig: &str, reply: &str, last: &str| {
        nf(&format!("ipv4     2 udp      17 9 {PORTS} {orig}{BACK} {reply}mark=0 {last}use=2")).zones
    };
    assert_eq!(zoned("", "", ""), Zones { original: 0, reply: 0 });
    assert_eq!(zoned("", "", "zone=5 "), Zones { original: 5, reply: 5 });
    assert_eq!(zoned("zone-orig=3 ", "", ""), Zones { original: 3, reply: 0 });
    assert_eq!(zoned("", "zone-reply=4 ", ""), Zones { original: 0, reply: 4 });
}

#[test]
fn an_offloaded_flow_has_neither_timeout_nor_state() {
    for word in ["OFFLOAD", "HW_OFFLOAD"] {
        let read = nf(&format!("ipv4     2 tcp      6 {PORTS} {BACK} [{word}] mark=0 zone=0 use=3"));
        assert_eq!((read.remaining, read.state, read.replied), (None, None, Reply::Offloaded));
    }
    let line = format!("ipv4     2 tcp      6 {PORTS} {BACK} [ASSURED] mark=0 zone=0 use=3\n");
    assert_eq!(damage(TableDialect::ProcNfConntrack, &line), Some(BlemishKind::MissingField));
}

#[test]
fn age_mark_and_unknown_keys() {
    let read = nf(&format!(
        "ipv4     2 tcp      6 9 CLOSE {PORTS} {BACK} [ASSURED] mark=4294967295 secctx=null colour=blue [NEW WORD] \
         zone=0 delta-time=86401 use=2"
    ));
    assert_eq!((read.age_seconds, read.mark), (Some(86_401), Some(u32::MAX)));
}

#[test]
fn translation_shows_in_the_reply() {
    let snat = nf(&format!(
        "ipv4     2 tcp      6 9 CLOSE {PORTS} src=192.0.2.7 dst=198.51.100.2 sport=3128 dport=40001 mark=0 use=2"
    ));
    assert!(snat.source_nat() && !snat.destination_nat());
    let dnat = nf(&format!(
        "ipv4     2 tcp      6 9 CLOSE {PORTS} src=172.17.0.2 dst=10.1.0.9 sport=80 dport=40001 mark=0 use=2"
    ));
    assert!(!dnat.source_nat() && dnat.destination_nat());
}

#[test]
fn expectations_are_no_entries() {
    let text = "EXPECTING: 298 use=1 proto=6 src=10.1.0.9 dst=192.0.2.7 sport=0 dport=2021 \n\
                EXPECTING: - use=1 proto=6 src=10.1.0.9 dst=192.0.2.7 sport=0 dport=2022 \n\
                298 EXPECTING: use=1 proto=6\n";
    assert_eq!(items(TableDialect::ProcIpConntrack, text), vec![TableItem::Expectation; 3]);
}

#[test]
fn what_a_line_is_does_not_depend_on_the_lines_before_it() {
    let said = "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.";
    let before = [
        String::new(),
        format!("ipv4     2 tcp      6 9 CLOSE {PORTS} {BACK} use=1\n"),
        format!("tcp      6 9 CLOSE {PORTS} {BACK} use=1\n"),
    ];
    let lines = [
        // The tool's last line within an expectation, a flag, a word.
        format!("EXPECTING:{said} - use=1 proto=6 src=10.1.0.9 dst=192.0.2.7 sport=0 dport=2021"),
        format!("tcp      6 9 CLOSE {PORTS} {BACK} [{said}] use=1"),
        format!("tcp      6 9 CLOSE {PORTS} {BACK} x={said} use=1"),
        // An expectation by its beginning, an entry behind a label.
        format!("EXPECTING: tcp      6 9 CLOSE {PORTS} {BACK} use=1"),
        // Two protocols, and none of them is a layer 3 name that is known; offloaded ones with a damaged address.
        format!("unknown  5 tcp      6 {PORTS} {BACK} [OFFLOAD] use=1"),
        format!("tcp      6 {PORTS} {BACK} [OFFLOAD] use=1"),
        format!("tcp      6 {} {BACK} [OFFLOAD] use=1", PORTS.replace("10.1.0.9", "10.1.0")),
        format!("ipv4     2 tcp      6 {} {BACK} [OFFLOAD] use=1", PORTS.replace("10.1.0.9", "10.1.0")),
    ];
    // Everything but borders of lists, and no places.
    let behind = |dialect, before: &str, line: &str| -> Vec<TableItem> {
        let found =
            items(dialect, &format!("{before}{line}\n")).into_iter().skip(usize::from(!before.is_empty()));
        let placeless = |item| match item {
            TableItem::Listing | TableItem::Shown(_) => None,
            TableItem::Damaged { kind, raw, .. } => Some(TableItem::Damaged { kind, offset: 0, raw }),
            other => Some(other),
        };
        found.filter_map(placeless).collect()
    };
    for line in lines {
        let alone = behind(TableDialect::ProcNfConntrack, "", &line);
        assert!(!alone.is_empty() || line.starts_with("EXPECTING:conntrack"), "{line}");
        for dialect in TableDialect::ALL.into_iter().filter(|dialect| *dialect != TableDialect::ConntrackXml)
        {
            for before in &before {
                assert_eq!(behind(dialect, before, &line), alone, "{dialect:?}: {before}{line}");
            }
        }
    }
}

#[test]
fn a_stretch_says_that_it_depends_on_what_stands_before_it() {
    let one = format!("ipv4     2 tcp      6 9 CLOSE {PORTS} {BACK} use=1\n");
    let other = format!("tcp      6 9 CLOSE {PORTS} {BACK} use=1\n");
    let portless = "ipv4     2 igmp     2 9 src=10.1.0.9 dst=224.0.0.22 src=224.0.0.22 dst=10.1.0.9 use=1\n";
    let depends = |head: &str, stretch: &str| {
        let mut first = TableReader::new(TableDialect::ProcNfConntrack);
        first.block(head.as_bytes(), 0, &mut Kept::default());
        let mut reader = first.beside();
        reader.block(stretch.as_bytes(), 0, &mut Kept::default());
        first.depends() || reader.depends()
    };
    assert!(!depends(&one, &one));
    // A list of another form may begin exactly where a stretch does.
    assert!(depends(&one, &other));
    // Nobody knows yet how the list begins, so nobody would see it begin again.
    assert!(depends(portless, &one));
    assert!(!depends(&one, portless));
}

#[test]
fn what_is_damaged_says_how_and_where() {
    let nf = TableDialect::ProcNfConntrack;
    let head = "ipv4     2 tcp      6 9 CLOSE";
    let cases = [
        (
            format!("{head} src=10.1.0.9 dst= sport=80 dport=90 {BACK} mark=0 use=2\n"),
            BlemishKind::BadAddress,
        ),
        (format!("{head} src=x.x.x.x dst=10.1.0.1 sport=80 dport=9 {BACK} use=2\n"), BlemishKind::BadAddress),
        (format!("{head} src=10.1.0.9 dst=10.1.0.1 {BACK} use=2\n"), BlemishKind::MissingField),
        (
            format!("{head} src=10.1.0.9 dst=10.1.0.1 sport=65536 dport=9 {BACK} use=2\n"),
            BlemishKind::ImpossibleNumber,
        ),
        (format!("{head} {PORTS} use=2\n"), BlemishKind::Truncated),
        (format!("{head} {PORTS} {BACK} mark=0 us"), BlemishKind::Truncated),
        (format!("{head} {PORTS} {PORTS} {PORTS} use=2\n"), BlemishKind::Unrecognised),
        (format!("ipv6     10 tcp      6 9 CLOSE {PORTS} {BACK} use=2\n"), BlemishKind::BadAddress),
        ("ipv4     2 tcp      300 9\n".to_owned(), BlemishKind::Truncated),
        ("ipv4     2 tc".to_owned(), BlemishKind::Truncated),
        ("\0\0\0\0\n".to_owned(), BlemishKind::Unrecognised),
        (format!("Tcp      6 9 CLOSE {PORTS} {BACK} use=2\n"), BlemishKind::Unrecognised),
    ];
    for (text, kind) in cases {
        assert_eq!(damage(nf, &text), Some(kind), "{text}");
    }
    let text = format!("\n{head} {PORTS} {BACK} use=2\r\n   \n{}\n", "x".repeat(300));
    let found = items(nf, &text);
    assert!(matches!(found.first(), Some(TableItem::Flow(_))));
    let offset = text.find("xx").map(|place| place as u64).unwrap();
    let raw = "x".repeat(200).into_bytes().into();
    assert_eq!(found.get(1), Some(&TableItem::Damaged { kind: BlemishKind::Unrecognised, offset, raw }));
    assert_eq!(found.len(), 2);
}

#[test]
fn a_last_line_without_line_end_counts_if_it_is_whole() {
    let text = format!("ipv4     2 udp      17 9 {PORTS} {BACK} mark=0 use=2");
    assert!(matches!(items(TableDialect::ProcNfConntrack, &text).as_slice(), [TableItem::Flow(_)]));
}

#[test]
fn a_line_beyond_the_bound_is_not_read() {
    let text = format!("ipv4     2 udp      17 9 {PORTS} {BACK} x={} use=2\n", "y".repeat(LINE_BYTES_MAX));
    assert_eq!(damage(TableDialect::ProcNfConntrack, &text), Some(BlemishKind::LineTooLong));
}

#[test]
fn a_table_is_recognised_by_its_lines_and_a_log_is_not() {
    let line = format!("ipv4     2 udp      17 9 {PORTS} {BACK} mark=0 use=2");
    let log = "Sep 14 09:19:52 web8 kernel: ip_conntrack: table full, dropping packet.\n";
    assert_eq!(sniff(b""), None);
    assert_eq!(sniff(b"65536\n"), None);
    assert_eq!(sniff(log.repeat(3).as_bytes()), None);
    assert_eq!(sniff(format!("{log}{log}{line}\n").as_bytes()), None);
    assert_eq!(sniff(format!("Sep 14 09:19:52 web8 root: {line}\n").as_bytes()), None);
    assert_eq!(sniff(b"tcp        0      0 0.0.0.0:22        0.0.0.0:*        LISTEN\n"), None);
    // The beginning and the end of what is seen may be cut.
    let cut = format!("rt=3128 mark=0 use=2\n{line}\n{line}\nipv4     2 ud");
    assert_eq!(sniff(cut.as_bytes()), Some(TableDialect::ProcNfConntrack));
    assert_eq!(
        sniff(format!("# cat nf_conntrack\n\n{line}\n").as_bytes()),
        Some(TableDialect::ProcNfConntrack)
    );
    let expecting = "EXPECTING: - use=1 proto=6 src=10.1.0.9 dst=192.0.2.7\n";
    assert_eq!(sniff(expecting.as_bytes()), Some(TableDialect::ProcIpConntrack));
}

#[test]
fn the_shorter_way_reads_what_the_walk_by_keys_reads() {
    let ends = [
        "mark=0 zone=0 use=2",
        "use=1",
        "mark=4 secctx=a:b use=2",
        "[ASSURED] mark=1 secmark=0 use=2",
        "[ASSURED] zone=7 use=x",
        "mark=9 zone=65535 use=11",
        "mark=0 delta-time=18 use=1",
        "[ASSURED] mark=0 use=1 id=594825766",
        "mark=0 zone=5 delta-time=3 use=1 id=4294967295",
    ];
    let backs = [
        BACK,
        "src=192.0.2.77 dst=10.1.0.90 sport=31280 dport=4000",
        "src=1.2.3.4 dst=5.6.7.8 sport=0 dport=65535",
    ];
    let heads =
        ["97 TIME_WAIT", "431999 ESTABLISHED", "9", "0 CLOSE", "1 CLOSE_WAIT", "5 SYN_SENT", "59 SYN_RECV"];
    let shapes = heads.len() * backs.len() * ends.len();
    for shape in 0..shapes {
        let head = heads[shape % heads.len()];
        let back = backs[shape / heads.len() % backs.len()];
        let end = ends[shape / heads.len() / backs.len()];
        for unreplied in ["", "[UNREPLIED] "] {
            let line = format!("{head} {PORTS} {unreplied}{back} {end}");
            let cursor = Cursor(line.as_bytes());
            let walked = by_keys(cursor, LineEnd::Newline, Some(L3::V4), L4::TCP).unwrap();
            assert_eq!(common::read(cursor, L4::TCP).map(TableItem::Flow), Some(walked), "{line}");
        }
    }
}

#[test]
fn the_shorter_way_takes_nothing_that_differs_in_a_byte() {
    let line = format!("97 TIME_WAIT {PORTS} [UNREPLIED] {BACK} [ASSURED] mark=0 secctx=a zone=0 use=2");
    for place in 0..line.len() {
        for byte in *b" 0x=[.9A" {
            let mut changed = line.clone().into_bytes();
            changed[place] = byte;
            let walked = by_keys(Cursor(&changed), LineEnd::Newline, Some(L3::V4), L4::TCP);
            if let Some(flow) = common::read(Cursor(&changed), L4::TCP) {
                assert_eq!(Ok(TableItem::Flow(flow)), walked, "{}", String::from_utf8_lossy(&changed));
            }
        }
    }
}
