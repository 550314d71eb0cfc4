//! Streams as they come, packed and in archives: read from memory through the room that reads files. A text that is
//! packed gives what the text gives; a cut or damaged packing ends, says so, and gives no more bytes than it may.

use std::io::{Cursor, Write};

use conntriage::census::WhoSink;
use conntriage::detect::scan::Scan;
use conntriage::edge::read::one::{Origin, StreamRead, Understood, read_stream};

use crate::dice::Dice;

/// A packing may give so many times its own length, and some more where it is short.
const DECODED_PER_BYTE: u64 = 1_300;
const DECODED_BYTES_MIN: u64 = 32 << 20;

type Read = StreamRead<conntriage::census::WhoPart>;

/// Holds the properties against one stream.
pub fn hold(bytes: &[u8]) {
    let mut dice = Dice::of(bytes);
    let plain = read(bytes);
    is_within_bounds(&plain, bytes);
    let name = dice.below(6);
    let packed = pack(name, bytes);
    let unpacked = read(&packed);
    is_within_bounds(&unpacked, &packed);
    // One level more than are unpacked stays packed, and of an archive with one member more there is one more row.
    let deepest = plain.iter().map(|read| read.via.len()).max().unwrap_or(0);
    if deepest < 4 {
        let told = |all: &[Read]| {
            all.iter().map(|read| (kind(&read.what), read.bytes, read.id.clone())).collect::<Vec<_>>()
        };
        let (one, other) = (told(&plain), told(&unpacked));
        assert_eq!(one, other[usize::from(name == 5)..], "packed by {name}");
    }
    let mut damaged = packed;
    let at = dice.below(damaged.len());
    damaged[at] ^= 1 << dice.below(8);
    if dice.below(2) == 0 {
        damaged.truncate(dice.below(damaged.len()));
    }
    is_within_bounds(&read(&damaged), &damaged);
}

fn read(bytes: &[u8]) -> Vec<Read> {
    read_stream::<Scan, WhoSink>(Box::new(Cursor::new(bytes.to_vec())), Origin::Passing, 0, "input")
}

fn is_within_bounds(all: &[Read], bytes: &[u8]) {
    assert!(!all.is_empty(), "nothing was said");
    for read in all {
        let most = DECODED_PER_BYTE * bytes.len() as u64 + DECODED_BYTES_MIN;
        assert!(read.bytes <= most, "{} bytes of {}", read.bytes, bytes.len());
        assert!(read.via.len() <= 7, "{:?}", read.via);
        assert!(read.id.len() == 12, "{}", read.id);
    }
}

fn kind<P>(what: &Understood<P>) -> &'static str {
    match what {
        Understood::Log(dialect, _) => dialect,
        Understood::Table(dialect, ..) => dialect.name(),
        Understood::Beside(dialect, ..) => dialect.name(),
        Understood::Counters(dialect, ..) => dialect.name(),
        Understood::Signals(_) => "signals",
        Understood::Samples(_) => "samples",
        Understood::Owners(_) => "owners",
        Understood::Manifest(_) => "manifest",
        Understood::Archive(_) => "archive",
        Understood::Passed(what) => what,
        Understood::Empty => "empty",
        Understood::Stranger => "stranger",
    }
}

fn pack(name: usize, bytes: &[u8]) -> Vec<u8> {
    match name {
        0 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        1 => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        2 => zstd::stream::encode_all(bytes, 1).unwrap(),
        3 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => {
            let mut builder = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append_data(&mut header, "input", bytes).unwrap();
            builder.into_inner().unwrap()
        }
    }
}
