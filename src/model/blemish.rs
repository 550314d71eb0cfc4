//! What was wrong with input: data we report, not an error we throw.

/// What kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlemishKind {
    /// A line longer than the named bound; the rest of it was skipped.
    LineTooLong,
    /// A number that does not fit its field.
    ImpossibleNumber,
    /// A date or time that does not exist.
    ImpossibleTime,
    /// A field that the shape demands is missing.
    MissingField,
    /// An address that is none.
    BadAddress,
    /// Framing of a binary format is broken (journal export length, cut entry).
    BrokenFraming,
    /// The line has the beginning of a known shape but not its rest.
    Truncated,
    /// Not understood at all, in an input that is otherwise of a known dialect.
    Unrecognised,
}

/// One kind of damage in one input: how often, and the first place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blemish {
    /// How often.
    pub count: u64,
    /// Byte offset of the first one in the decoded stream.
    pub first_offset: u64,
    /// The first one's raw bytes, at most 200.
    pub first_raw: Box<[u8]>,
}

impl BlemishKind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::LineTooLong => "line too long",
            Self::ImpossibleNumber => "impossible number",
            Self::ImpossibleTime => "impossible time",
            Self::MissingField => "missing field",
            Self::BadAddress => "bad address",
            Self::BrokenFraming => "broken framing",
            Self::Truncated => "truncated",
            Self::Unrecognised => "not understood",
        }
    }
}
