//! The messages of one datagram of a dump.
//!
//! Nothing that the kernel says is taken on trust: a length outside the datagram ends it, what answers another
//! question or comes from another process is passed over, and the end of the dump may itself say that it failed.

use super::attributes::{Entry, entry};
use crate::model::blemish::BlemishKind;
use crate::model::time::WallTime;

/// `struct nlmsghdr`: length, type, flags, sequence number, port.
const HEADER_BYTES: usize = 16;
/// `struct nfgenmsg`: family, version, resource.
const GENERIC_BYTES: usize = 4;
/// Messages begin at multiples of this.
const ALIGNMENT: usize = 4;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`: an entry, in a dump as in an event.
const ENTRY: u16 = 1 << 8;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET`.
const GET: u16 = 1 << 8 | 1;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS`.
const GET_STATISTICS: u16 = 1 << 8 | 5;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_DYING`.
const GET_DYING: u16 = 1 << 8 | 6;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 0x1;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_DUMP: u16 = REQUEST | 0x300;
/// `NLM_F_DUMP_INTR`. No kernel read (3.10 to 6.18) sets it in this dump; heeded all the same.
const DUMP_INTERRUPTED: u16 = 0x10;

/// The question whose answers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its sequence number, which every answer repeats.
    pub sequence: u32,
    /// Port of the socket that asked, which every answer repeats.
    pub port: u32,
    /// What time it is: a flow's age is reckoned from it.
    pub now: WallTime,
}

/// What one message says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "all but one in a hundred are entries")]
pub enum Message<'a> {
    /// An entry of the table.
    Entry(Entry<'a>),
    /// An entry that cannot be understood; its bytes, header included.
    Damaged(BlemishKind, &'a [u8]),
    /// The table changed under the dump in a way that the kernel owns up to.
    Interrupted,
    /// The dump has ended: with 0 whole, else with an error number, and then it is not whole.
    Done(i32),
    /// The question was refused, with this error number.
    Refused(i32),
    /// Answers were lost before they reached us.
    Overrun,
    /// An answer to another question, or to somebody else.
    Foreign,
}

/// The bytes of a question.
pub type Question = [u8; HEADER_BYTES + GENERIC_BYTES];

/// Lists that the kernel has of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// The table.
    Table,
    /// Entries that are destroyed and wait for a listener to take the event: counted, and not in the table.
    Dying,
}

/// The question for a whole list of the namespace that the socket belongs to. No family and no filter: entries that
/// a filter skips are skipped with one processor's interrupts held off, for as long as a second where millions are
/// skipped.
pub fn request(list: List, sequence: u32) -> Question {
    let kind = match list {
        List::Table => GET,
        List::Dying => GET_DYING,
    };
    question(kind, REQUEST_DUMP, sequence)
}

/// The question for the number of entries: what may not ask it may not list the table either.
pub fn statistics_request(sequence: u32) -> Question {
    question(GET_STATISTICS, REQUEST, sequence)
}

fn question(kind: u16, flags: u16, sequence: u32) -> Question {
    let mut bytes = [0; HEADER_BYTES + GENERIC_BYTES];
    let length = u32::try_from(HEADER_BYTES + GENERIC_BYTES).unwrap_or_default().to_ne_bytes();
    let fields = length.into_iter().chain(kind.to_ne_bytes()).chain(flags.to_ne_bytes());
    // The port stays 0: the kernel fills in whose socket it is.
    for (to, from) in bytes.iter_mut().zip(fields.chain(sequence.to_ne_bytes())) {
        *to = from;
    }
    bytes
}

/// The messages of one datagram.
pub fn messages(datagram: &[u8], asked: Asked) -> Messages<'_> {
    Messages { rest: datagram, asked, said: None }
}

/// Nothing more comes behind this datagram: the dump has ended, or was refused. (Entries are not looked into.)
pub fn ends(mut datagram: &[u8], asked: Asked) -> bool {
    while let Some((header, message)) = split(datagram) {
        let ours = header.sequence == asked.sequence && header.port == asked.port;
        if ours && matches!(header.kind, NLMSG_DONE | NLMSG_ERROR) {
            return true;
        }
        datagram = datagram.get(message.len().next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    }
    false
}

/// Walks the messages of one datagram.
#[derive(Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    asked: Asked,
    /// What else the last message said.
    said: Option<Message<'a>>,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        loop {
            if let Some(said) = self.said.take() {
                return Some(said);
            }
            if self.rest.is_empty() {
                return None;
            }
            let Some((header, message)) = split(self.rest) else {
                let damaged = std::mem::take(&mut self.rest);
                return Some(Message::Damaged(BlemishKind::Truncated, damaged));
            };
            let after = message.len().next_multiple_of(ALIGNMENT);
            self.rest = self.rest.get(after..).unwrap_or_default();
            if let Some(message) = self.understand(header, message) {
                return Some(message);
            }
        }
    }
}

impl<'a> Messages<'a> {
    fn understand(&mut self, header: Header, message: &'a [u8]) -> Option<Message<'a>> {
        if header.sequence != self.asked.sequence || header.port != self.asked.port {
            return Some(Message::Foreign);
        }
        let body = message.get(HEADER_BYTES..).unwrap_or_default();
        let said = match header.kind {
            NLMSG_NOOP => return None,
            // Its payload is the error number and the header of the question.
            NLMSG_ERROR => match error(body) {
                Some(0) => return None,
                Some(error) => Message::Refused(error),
                None => Message::Damaged(BlemishKind::Truncated, message),
            },
            // Kernels before 2.6 sent no payload.
            NLMSG_DONE => Message::Done(error(body).unwrap_or(0)),
            NLMSG_OVERRUN => Message::Overrun,
            ENTRY => match body.get(GENERIC_BYTES..) {
                Some(attributes) => match entry(attributes, self.asked.now) {
                    Ok(entry) => Message::Entry(entry),
                    Err(kind) => Message::Damaged(kind, message),
                },
                None => Message::Damaged(BlemishKind::Truncated, message),
            },
            _ => Message::Foreign,
        };
        if header.flags & DUMP_INTERRUPTED == 0 {
            return Some(said);
        }
        self.said = Some(said);
        Some(Message::Interrupted)
    }
}

/// The error number, above zero.
fn error(body: &[u8]) -> Option<i32> {
    let number = i32::from_ne_bytes(*body.first_chunk()?);
    Some(number.checked_neg().unwrap_or(i32::MAX).max(0))
}

#[derive(Debug, Clone, Copy)]
struct Header {
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
}

/// The first message, whole, and its header; none if it is shorter than a header or longer than what there is.
fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let (flags, rest) = rest.split_first_chunk()?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let port = rest.first_chunk()?;
    let length = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
    let message = bytes.get(..length).filter(|message| message.len() >= HEADER_BYTES)?;
    let header = Header {
        kind: u16::from_ne_bytes(*kind),
        flags: u16::from_ne_bytes(*flags),
        sequence: u32::from_ne_bytes(*sequence),
        port: u32::from_ne_bytes(*port),
    };
    Some((header, message))
}
