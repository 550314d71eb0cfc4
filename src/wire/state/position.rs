//! Where to go on in a source.

use crate::model::live::position::{BeforeHash, FileIdentity, FilePlace, Generation, Place, Position};
use crate::wire::mirror::{Mirror, choices, objects};

objects! {
    PositionWire for Position { stream: u64, place: Place }
    FilePlaceWire for FilePlace {
        file: FileIdentity, offset: u64, before: BeforeHash, inside_long_line: bool, modified_ns: i64, rotated: bool,
    }
    FileIdentityWire for FileIdentity { device: u64, inode: u64, generation: Generation }
}

choices! {
    PlaceWire for Place {
        [Stream] [File(Vec<FilePlace>)] [Kmsg { boot: crate::model::time::BootId, seq: u64 }, Journal { cursor: Box<str> }]
    }
    GenerationWire for Generation { [Unknown] [Number(u32), Born(i64)] [] }
}

/// Thirty-two hex digits.
impl Mirror for BeforeHash {
    type Wire = String;

    fn to_wire(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    fn from_wire(wire: String) -> Result<Self, String> {
        let digits = wire.len() == 32 && wire.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(&wire, 16).ok().filter(|_| digits);
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| "not a hash".to_owned())
    }
}
