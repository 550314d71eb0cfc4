//! `conntriage.signals/1`: what was written is read again as it was, and nothing else is read.

#[path = "model/limiter.rs"]
mod limiter;
mod owned;

use conntriage::model::bundle::BootTie;
use conntriage::model::era::Era;
use conntriage::model::flow::L4;
use conntriage::model::fold::Part;
use conntriage::model::input::{Hints, LogStream};
use conntriage::model::packets::{Fate, Packet};
use conntriage::model::piece::Piece;
use conntriage::model::record::Content;
use conntriage::model::signal::{About, Capacity, RelatedKind, Signal};
use conntriage::model::time::{Moment, SECOND_US, Stamp, WallTime};
use conntriage::wire::signals::{looks_like, read, write};
use limiter::{Caller, Clock, Dice, Load, Shape, print};
use owned::{Owned, full, scan};
use proptest::prelude::*;

fn stream(piece: Piece) -> LogStream {
    let hints = Hints {
        path: "/var/log/messages.1 \u{1f525}\n".into(),
        modified: Some(WallTime(-1)),
        reader_zone: None,
        directory: Some("/var/log".into()),
        bundle: Some("/var".into()),
        host: Some("gw1".into()),
        tie: Some(BootTie { boot: None, offset_us: i64::MIN }),
    };
    LogStream { id: "0123456789ab".into(), hints, dialect: "syslog", piece }
}

/// A log of bursts with everything else that a fold counts between them.
fn records(seed: u64) -> Vec<Owned> {
    let mut dice = Dice(seed);
    let mut calls = Vec::new();
    for burst in 0..3 {
        let namespace = dice.pick(&[None, Some(4_026_532_281)]);
        let by = dice.pick(&[Caller::Drop(namespace), Caller::Known]);
        let (from, rate) = (burst * 300 * SECOND_US, dice.magnitude(0.5, 100.0));
        calls.extend(Load { shape: Shape::OnOff, from, seconds: 12.0, rate, by }.calls(&mut dice));
    }
    let era = dice.pick(&[Era::A, Era::B, Era::D, Era::E]);
    let mut records =
        print(era, calls, seed).records(dice.pick(&[Clock::SinceBoot, Clock::Seconds]), 0, i64::MAX / 4);
    for _ in 0..12 {
        let place = usize::try_from(dice.roll()).unwrap_or(7) % records.len();
        let mut odd = records[place].clone();
        odd.raw = (0..=255).collect();
        odd.host = dice.pick(&[None, Some(&b"h\xff"[..])]).map(Into::into);
        let capacity = Some(Capacity { buckets: 16384, max: 65536, entry_bytes: None });
        let about = About {
            value: dice.pick(&[None, Some(7)]),
            peer: dice.pick(&[None, Some(("2001:db8::7".parse().unwrap(), Some(3128)))]),
            name: dice.pick(&[None, Some("eth0")]).map(Into::into),
        };
        let packet = Packet {
            fate: dice.pick(&Fate::ALL),
            source: dice.pick(&["203.0.113.9", "2001:db8::9", "::"]).parse().unwrap(),
            l4: L4::TCP,
            port: dice.pick(&[None, Some(23)]),
            opens: dice.pick(&[true, false]),
        };
        odd.content = match dice.roll() % 10 {
            0 => Content::RepeatedUnknown { times: 3 },
            1 => Content::Repeated { signal: Signal::OtherLimited, times: 30 },
            2 => Content::Signal(Signal::Lost { count: None }),
            3 => Content::Signal(Signal::Related {
                kind: RelatedKind::Capacity,
                capacity,
                port: Some(80),
                about: None,
            }),
            4 => Content::BootSeparator,
            5 => owned::suppressed(-5),
            6 => Content::Repeated { signal: Signal::Packet(packet), times: 3 },
            7 => Content::Signal(Signal::Packet(packet)),
            8 => {
                let (kind, about) = (RelatedKind::PortsExhausted, Some(Box::new(about)));
                Content::Signal(Signal::Related { kind, capacity: None, port: None, about })
            }
            _ => Content::Malformed(conntriage::model::blemish::BlemishKind::Truncated),
        };
        odd.moment.stamp = dice.pick(&[odd.moment.stamp, Some(Stamp::Yearless(5)), Some(Stamp::Local(-7))]);
        records.insert(place, odd);
    }
    for (offset, record) in (0..).zip(&mut records) {
        record.moment.offset = offset * 80;
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A4.
    #[test]
    fn what_was_written_is_read_again_as_it_was(seed in any::<u64>()) {
        let given = stream(scan(&records(seed)));
        let line = write(&given);
        prop_assert!(looks_like(line.as_bytes()) && !line.contains('\n'));
        prop_assert_eq!(read(line.as_bytes()), Ok(given));
    }

    /// A10: a fold that is put down in the midst of a log and taken up again.
    #[test]
    fn a_fold_goes_on_where_it_was_written_down(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let records = records(seed);
        let cut = cut.index(records.len());
        let early = read(write(&stream(scan(&records[..cut]))).as_bytes()).unwrap().piece;
        prop_assert_eq!(early.join(scan(&records[cut..])), scan(&records));
    }

    #[test]
    fn damaged_lines_are_refused_or_read_and_never_panic(
        seed in 0_u64..50,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut line = write(&stream(scan(&records(seed)))).into_bytes();
        let at = at.index(line.len());
        if cut {
            line.truncate(at);
            prop_assert!(read(&line).is_err());
        } else {
            line[at] = byte;
            if let Ok(stream) = read(&line) {
                // Whatever was read may be joined and written.
                let joined = stream.piece.clone().join(stream.piece);
                write(&LogStream { piece: joined, ..stream_of_nothing() });
            }
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
    }
}

fn stream_of_nothing() -> LogStream {
    stream(Piece::default())
}

#[test]
fn an_empty_piece_is_written_and_read() {
    let given = stream_of_nothing();
    assert_eq!(read(write(&given).as_bytes()), Ok(given));
}

#[test]
fn another_version_is_named_and_an_unknown_key_refused() {
    let line = write(&stream_of_nothing());
    let other = line.replace("signals/1", "signals/2").replace("\"id\"", "\"identity\"");
    assert_eq!(
        read(other.as_bytes()).unwrap_err(),
        "the line is of \"conntriage.signals/2\"; this version reads conntriage.signals/1"
    );
    let odd = line.replacen("\"id\":", "\"extra\":1,\"id\":", 1);
    let error = read(odd.as_bytes()).unwrap_err();
    assert!(error.contains("extra"), "{error}");
    let odd = line.replacen("\"syslog\"", "\"klingon\"", 1);
    assert_eq!(read(odd.as_bytes()).unwrap_err(), "unknown dialect of a log: \"klingon\"");
}

#[test]
fn what_no_fold_makes_is_refused() {
    let moment = |offset| Moment { offset, stamp: None, precision_us: 0, since_boot_us: Some(0), seq: None };
    let mut piece = scan(&[Owned::at(moment(0), full(None))]);
    let run = piece.runs.values_mut().flatten().next().unwrap();
    run.first_lines = vec![run.first_lines[0].clone(); 4];
    let error = read(write(&stream(piece.clone())).as_bytes()).unwrap_err();
    assert_eq!(error, "first lines: 4, at most 3");
    piece.link_doublings = 31;
    let error = read(write(&stream(piece)).as_bytes()).unwrap_err();
    assert_eq!(error, "doublings: 31, at most 30");
}
