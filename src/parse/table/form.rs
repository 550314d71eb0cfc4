//! Forms of one line, whatever the file as a whole is called: a file may hold several lists one after another.

use super::cursor::Cursor;
use super::{LineEnd, proc_ip_conntrack, proc_nf_conntrack, protocol, save};
use crate::model::blemish::BlemishKind;
use crate::model::fold::TableItem;

/// How a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// With the layer 3 name: `/proc/net/nf_conntrack`, `conntrack -L -o extended`.
    Layer3,
    /// With the layer 4 name: `/proc/net/ip_conntrack`, `conntrack -L`.
    Layer4,
    /// With an option: `conntrack -L -o save`.
    Save,
}

impl Form {
    const ALL: [Self; 3] = [Self::Layer3, Self::Layer4, Self::Save];

    /// Reads one line of this form.
    #[inline]
    pub(super) fn line(self, line: &[u8], end: LineEnd) -> Result<TableItem, BlemishKind> {
        match self {
            Self::Layer3 => proc_nf_conntrack::line(line, end),
            Self::Layer4 => proc_ip_conntrack::line(line, end),
            Self::Save => save::line(line, end),
        }
    }

    /// Reads a line of whichever form it is. What is wrong with a line is what the form that it begins like says. No
    /// line is of two forms, so it does not matter which one is tried first.
    pub(super) fn any(line: &[u8], end: LineEnd) -> Result<(Self, TableItem), BlemishKind> {
        let mut wrong = BlemishKind::Unrecognised;
        for form in Self::ALL {
            match form.line(line, end) {
                Ok(item) => return Ok((form, item)),
                Err(kind) if wrong == BlemishKind::Unrecognised => wrong = kind,
                Err(_) => {}
            }
        }
        Err(wrong)
    }
}

/// The line begins as an entry of some form does, whatever follows.
pub(super) fn begins(line: &[u8]) -> bool {
    let name = Cursor(line).word();
    line.starts_with(b"-A ")
        || line.starts_with(b"-I ")
        || !name.contains(&b'=') && protocol(&mut Cursor(line)).is_some()
}
