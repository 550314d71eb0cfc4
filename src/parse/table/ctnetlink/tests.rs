//! Messages as the kernel sends them are made here from flows, so that what is read and what is printed can be held
//! against what was meant.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::{Also, Asked, Entry, Message, ends, messages, write};
use crate::model::blemish::BlemishKind;
use crate::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Volume, Zones};
use crate::model::fold::{FlowSink, Part, TableItem};
use crate::model::time::WallTime;
use crate::parse::table::{TableDialect, block};

const NOW: WallTime = WallTime(1_790_000_000_000_000);
const ASKED: Asked = Asked { sequence: 77, port: 4711, now: NOW };

/// An attribute, padded.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Nested ones, marked as such.
fn nest(kind: u16, inner: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind | 0x8000, &inner.concat())
}

fn message(kind: u16, sequence: u32, port: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u32::try_from(body.len() + 16).unwrap().to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(2u16.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(port.to_ne_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn side(kind: u16, tuple: &Tuple, l4: L4, zone: Option<u16>) -> Vec<u8> {
    let address = |four: u16, six: u16, address: IpAddr| match address {
        IpAddr::V4(address) => attribute(four, &address.octets()),
        IpAddr::V6(address) => attribute(six, &address.octets()),
    };
    let mut protocol = vec![attribute(1, &[l4.0])];
    match tuple.l4 {
        L4Part::Ports { source, destination } | L4Part::Gre { source, destination } => {
            protocol.push(attribute(2, &source.to_be_bytes()));
            protocol.push(attribute(3, &destination.to_be_bytes()));
        }
        L4Part::Icmp { kind, code, id } => {
            let from = if l4 == L4::ICMPV6 { 7 } else { 4 };
            protocol.push(attribute(from, &id.to_be_bytes()));
            protocol.push(attribute(from + 1, &[kind]));
            protocol.push(attribute(from + 2, &[code]));
        }
        L4Part::Absent => {}
    }
    let mut inner =
        vec![nest(1, &[address(1, 3, tuple.source), address(2, 4, tuple.destination)]), nest(2, &protocol)];
    inner.extend(zone.map(|zone| attribute(3, &zone.to_be_bytes())));
    nest(kind, &inner)
}

/// The attributes of an entry as `ctnetlink_fill_info` orders them.
fn attributes(flow: &Flow, also: &Also<'_>) -> Vec<u8> {
    let Zones { original, reply } = flow.zones;
    let both = original == reply;
    let own = |zone: u16| (!both && zone != 0).then_some(zone);
    let mut parts =
        vec![side(1, &flow.original, flow.l4, own(original)), side(2, &flow.reply, flow.l4, own(reply))];
    if both && original != 0 {
        parts.push(attribute(18, &original.to_be_bytes()));
    }
    let status: u32 = match flow.replied {
        Reply::Unreplied => 1 << 3,
        Reply::Replied => 1 << 3 | 1 << 1,
        Reply::Assured => 1 << 3 | 1 << 1 | 1 << 2,
        Reply::Offloaded if also.in_hardware => 1 << 3 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15,
        Reply::Offloaded => 1 << 3 | 1 << 1 | 1 << 2 | 1 << 14,
    };
    parts.push(attribute(3, &status.to_be_bytes()));
    let remaining = u32::try_from(flow.remaining.unwrap_or(86_400)).unwrap();
    parts.push(attribute(7, &remaining.to_be_bytes()));
    let volume = |kind: u16, volume: Volume| {
        nest(kind, &[attribute(1, &volume.packets.to_be_bytes()), attribute(2, &volume.bytes.to_be_bytes())])
    };
    parts.extend(flow.original_volume.map(|v| volume(9, v)));
    parts.extend(flow.reply_volume.map(|v| volume(10, v)));
    if let Some(age) = flow.age_seconds {
        let start = (u64::try_from(NOW.0).unwrap() / 1_000_000 - age) * 1_000_000_000 + 999;
        parts.push(nest(20, &[attribute(1, &start.to_be_bytes())]));
    }
    if let Some(state) = flow.state {
        let nested = match flow.l4 {
            L4::DCCP => 2,
            L4::SCTP => 3,
            _ => 1,
        };
        let number = (0..=u8::MAX).find(|number| super::states::state(flow.l4, *number) == state).unwrap();
        parts.push(nest(4, &[nest(nested, &[attribute(1, &[number]), attribute(2, &[7])])]));
    }
    parts.extend(flow.mark.map(|mark| attribute(8, &mark.to_be_bytes())));
    parts.extend(also.context.map(|name| nest(19, &[attribute(1, &[name, b"\0"].concat())])));
    parts.extend(also.helper.map(|name| nest(5, &[attribute(1, &[name, b"\0"].concat())])));
    parts.extend(flow.id.map(|id| attribute(12, &id.to_be_bytes())));
    parts.extend(also.uses.map(|uses| attribute(11, &uses.to_be_bytes())));
    // Every kernel adds some that are not known here.
    parts.push(attribute(26, &[1, 2, 3]));
    parts.concat()
}

fn entry_message(flow: &Flow, also: &Also<'_>) -> Vec<u8> {
    message(1 << 8, ASKED.sequence, ASKED.port, &[&[2, 0, 0, 0][..], &attributes(flow, also)].concat())
}

fn one(datagram: &[u8]) -> Message<'_> {
    let mut found: Vec<_> = messages(datagram, ASKED).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Flows that our own reader of tables finds in text.
fn read_back(text: &[u8]) -> Vec<TableItem> {
    #[derive(Default)]
    struct Items(Vec<TableItem>);
    impl Part for Items {
        fn join(self, _: Self) -> Self {
            self
        }
    }
    impl FlowSink for Items {
        type Part = Self;
        fn take(&mut self, item: &TableItem) {
            self.0.push(item.clone());
        }
        fn finish(self) -> Self {
            self
        }
    }
    let mut items = Items::default();
    block(TableDialect::ConntrackList, text, 0, &mut items);
    items.0
}

fn tcp() -> Flow {
    let tuple = |source: &str, destination: &str, from: u16, to: u16| Tuple {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        l4: L4Part::Ports { source: from, destination: to },
    };
    Flow {
        l3: L3::V4,
        l4: L4::TCP,
        remaining: Some(117),
        state: Some(State::TimeWait),
        original: tuple("192.168.1.38", "192.168.1.107", 50_001, 3_128),
        reply: tuple("192.168.1.107", "192.168.1.38", 3_128, 50_001),
        replied: Reply::Assured,
        zones: Zones::default(),
        original_volume: None,
        reply_volume: None,
        mark: Some(0),
        age_seconds: None,
        id: Some(1_234_567_890),
    }
}

fn line(flow: &Flow, also: Also<'_>) -> String {
    let mut text = Vec::new();
    write(&Entry { flow: flow.clone(), also }, &mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn lines_are_those_of_the_tool() {
    let also = Also { uses: Some(1), ..Also::default() };
    assert_eq!(
        line(&tcp(), also),
        "ipv4     2 tcp      6 117 TIME_WAIT src=192.168.1.38 dst=192.168.1.107 sport=50001 dport=3128 \
         src=192.168.1.107 dst=192.168.1.38 sport=3128 dport=50001 [ASSURED] mark=0 use=1 id=1234567890\n"
    );
    let mut flow = tcp();
    let icmp = |source: &str, destination: &str, kind| Tuple {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        l4: L4Part::Icmp { kind, code: 0, id: 9 },
    };
    (flow.l3, flow.l4, flow.state, flow.replied) = (L3::V6, L4::ICMPV6, None, Reply::Unreplied);
    (flow.original, flow.reply) = (icmp("fe80::1", "::2", 128), icmp("::192.0.2.1", "::ffff:192.0.2.7", 129));
    (flow.zones, flow.mark, flow.age_seconds) = (Zones { original: 7, reply: 0 }, None, Some(30));
    flow.original_volume = Some(Volume { packets: 1, bytes: 104 });
    flow.reply_volume = Some(Volume { packets: 0, bytes: 0 });
    let also = Also { uses: Some(2), context: Some(b"system_u:object_r:x t"), helper: Some(b"ftp"), ..also };
    assert_eq!(
        line(&flow, also),
        "ipv6     10 icmpv6   58 117 src=fe80::1 dst=::2 type=128 code=0 id=9 zone-orig=7 packets=1 bytes=104 \
         [UNREPLIED] src=::192.0.2.1 dst=::ffff:192.0.2.7 type=129 code=0 id=9 packets=0 bytes=0 \
         secctx=system_u:object_r:x?t delta-time=30 helper=ftp use=2 id=1234567890\n"
    );
}

#[test]
fn an_answer_to_another_question_or_to_somebody_else_is_passed_over() {
    let body = [&[2, 0, 0, 0][..], &attributes(&tcp(), &Also::default())].concat();
    for (sequence, port) in [(78, 4711), (77, 4712), (0, 0)] {
        let datagram = message(1 << 8, sequence, port, &body);
        assert_eq!(one(&datagram), Message::Foreign);
        assert!(!ends(&message(3, sequence, port, &[0; 4]), ASKED));
    }
    assert_eq!(one(&message(2 << 8, 77, 4711, &body)), Message::Foreign);
}

#[test]
fn the_end_of_a_dump_says_whether_it_is_whole() {
    let done = |error: i32| message(3, 77, 4711, &error.to_ne_bytes());
    assert_eq!(one(&done(0)), Message::Done(0));
    assert_eq!(one(&done(-105)), Message::Done(105));
    assert_eq!(one(&message(3, 77, 4711, &[])), Message::Done(0));
    assert_eq!(
        one(&message(2, 77, 4711, &[&(-1i32).to_ne_bytes()[..], &[0; 16]].concat())),
        Message::Refused(1)
    );
    assert_eq!(one(&done(i32::MIN)), Message::Done(i32::MAX));
    assert_eq!(one(&message(4, 77, 4711, &[])), Message::Overrun);
    assert_eq!(messages(&message(1, 77, 4711, &[]), ASKED).count(), 0);
    assert!(ends(&[entry_message(&tcp(), &Also::default()), done(0)].concat(), ASKED));
    assert!(!ends(&entry_message(&tcp(), &Also::default()), ASKED));
}

#[test]
fn an_interrupted_dump_says_so_and_gives_its_entry_all_the_same() {
    let mut datagram = entry_message(&tcp(), &Also::default());
    datagram[6] |= 0x10;
    let found: Vec<_> = messages(&datagram, ASKED).collect();
    assert!(matches!(found[..], [Message::Interrupted, Message::Entry(_)]), "{found:?}");
}

#[test]
fn half_an_entry_is_none() {
    let whole = attributes(&tcp(), &Also::default());
    let without = |kind: u16| {
        let mut rest = &whole[..];
        let mut kept = Vec::new();
        while !rest.is_empty() {
            let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]])).next_multiple_of(4);
            let (one, behind) = rest.split_at(length.min(rest.len()));
            if u16::from_ne_bytes([one[2], one[3]]) & 0x3fff != kind {
                kept.extend(one);
            }
            rest = behind;
        }
        message(1 << 8, 77, 4711, &[&[2, 0, 0, 0][..], &kept].concat())
    };
    for kind in [1, 2, 3, 7] {
        let datagram = without(kind);
        assert!(matches!(one(&datagram), Message::Damaged(BlemishKind::MissingField, _)), "{kind}");
    }
    let datagram = without(11);
    assert!(matches!(one(&datagram), Message::Entry(_)));
}

fn addresses(six: bool) -> BoxedStrategy<IpAddr> {
    if six {
        prop_oneof![
            any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
            any::<u32>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(u128::from(bits)))),
            any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
        ]
        .boxed()
    } else {
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))).boxed()
    }
}

fn protocols() -> impl Strategy<Value = L4> {
    prop_oneof![
        4 => Just(L4::TCP),
        3 => Just(L4::UDP),
        1 => prop::sample::select(vec![L4::ICMP, L4::ICMPV6, L4::SCTP, L4::DCCP, L4::UDPLITE, L4::GRE, L4::IGMP]),
        1 => prop::sample::select(vec![L4(0), L4(50), L4(51), L4(89), L4(255)]),
    ]
}

fn part(l4: L4) -> BoxedStrategy<L4Part> {
    let ports = any::<(u16, u16)>();
    match l4 {
        L4::TCP | L4::UDP | L4::SCTP | L4::DCCP | L4::UDPLITE => {
            ports.prop_map(|(source, destination)| L4Part::Ports { source, destination }).boxed()
        }
        L4::ICMP | L4::ICMPV6 => {
            any::<(u8, u8, u16)>().prop_map(|(kind, code, id)| L4Part::Icmp { kind, code, id }).boxed()
        }
        L4::GRE => ports.prop_map(|(source, destination)| L4Part::Gre { source, destination }).boxed(),
        _ => Just(L4Part::Absent).boxed(),
    }
}

fn volumes() -> impl Strategy<Value = Option<Volume>> {
    prop::option::of(
        any::<(u64, u64)>().prop_map(|(packets, bytes)| Volume { packets: packets >> 1, bytes: bytes >> 1 }),
    )
}

fn flows() -> impl Strategy<Value = Flow> {
    let replies =
        prop::sample::select(vec![Reply::Unreplied, Reply::Replied, Reply::Assured, Reply::Offloaded]);
    (any::<bool>(), protocols(), replies)
        .prop_flat_map(|(six, l4, replied)| {
            let tuples = (addresses(six), addresses(six), addresses(six), addresses(six), part(l4), part(l4));
            let zones = prop_oneof![
                3 => Just(Zones::default()),
                1 => any::<u16>().prop_map(|zone| Zones { original: zone, reply: zone }),
                1 => any::<(u16, u16)>().prop_map(|(original, reply)| Zones { original, reply }),
            ];
            let rest = (
                any::<u32>(),
                prop::option::of(0u8..14),
                volumes(),
                volumes(),
                prop::option::of(any::<u32>()),
                prop::option::of(0u64..1_000_000_000),
                any::<u32>(),
            );
            (Just((six, l4, replied)), tuples, zones, rest)
        })
        .prop_map(|((six, l4, replied), (a, b, c, d, first, second), zones, rest)| {
            let (remaining, state, original_volume, reply_volume, mark, age_seconds, id) = rest;
            let stands = replied != Reply::Offloaded;
            let stateful = matches!(l4, L4::TCP | L4::SCTP | L4::DCCP);
            Flow {
                l3: if six { L3::V6 } else { L3::V4 },
                l4,
                remaining: stands.then_some(i64::from(remaining)),
                state: state.filter(|_| stands && stateful).map(|number| super::states::state(l4, number)),
                original: Tuple { source: a, destination: b, l4: first },
                reply: Tuple { source: c, destination: d, l4: second },
                replied,
                zones,
                original_volume,
                reply_volume,
                mark,
                age_seconds,
                id: Some(id),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_entry_is_read_from_its_message_and_from_its_line_alike(flow in flows(), hardware: bool) {
        let also = Also {
            uses: Some(3),
            context: Some(b"unconfined_t"),
            helper: None,
            security_mark: None,
            in_hardware: hardware && flow.replied == Reply::Offloaded,
        };
        let datagram = entry_message(&flow, &also);
        let Message::Entry(entry) = one(&datagram) else { panic!("{:?}", one(&datagram)) };
        prop_assert_eq!(&entry, &Entry { flow: flow.clone(), also });
        let mut text = Vec::new();
        write(&entry, &mut text);
        prop_assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 1);
        prop_assert_eq!(read_back(&text), [TableItem::Flow(flow)]);
    }

    #[test]
    fn any_bytes_end_and_nothing_is_looked_at_beyond_them(
        flows in prop::collection::vec(flows(), 1..4), cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let mut datagram: Vec<u8> = flows.iter().flat_map(|flow| entry_message(flow, &Also::default())).collect();
        datagram.truncate(cut.index(datagram.len() + 1));
        for (at, byte) in &changes {
            if !datagram.is_empty() {
                let at = at.index(datagram.len());
                datagram[at] = *byte;
            }
        }
        // A message has 16 bytes at least, and each says one thing, or two.
        let found: Vec<_> = messages(&datagram, ASKED).collect();
        prop_assert!(found.len() <= datagram.len() / 8 + 1);
        ends(&datagram, ASKED);
        for message in found {
            if let Message::Entry(entry) = message {
                let mut text = Vec::new();
                write(&entry, &mut text);
                prop_assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 1);
            }
        }
    }

    #[test]
    fn noise_is_never_an_entry_unless_it_is_one(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let count = messages(&noise, ASKED).filter(|message| matches!(message, Message::Entry(_))).count();
        prop_assert_eq!(count, 0);
    }
}
