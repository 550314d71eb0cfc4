//! The table, dumped over netlink while it changes.
//!
//! One question, unfiltered, on a socket of its own: a filter would hold one processor for as long as the kernel skips
//! entries, and other messages on the socket could push answers out. One thread only receives, so that the kernel is
//! never kept waiting; one beside it decodes, counts, and writes the text compressed. The table is never held in
//! memory, whatever its size.
//!
//! *What a dump is worth.* It is no snapshot. The kernel walks the hash table bucket by bucket; an entry that lives
//! through the whole dump is never missed, one that is made meanwhile may be. Where the entry at which the dump paused
//! has gone when it goes on, that whole bucket is listed again: so entries come twice within one chain's length of one
//! another, never further apart, and [`REMEMBERED`] of the last ones are enough to tell them (a chain has some 80
//! entries at most from 5.15 on; before, a table of a million entries in 16,384 buckets has chains of 200). If the hash
//! table itself was made anew, entries may be missing anywhere: then the dump is made once more.
//!
//! Source: `ctnetlink_dump_table` of net/netfilter/nf_conntrack_netlink.c, `netlink_dump` of net/netlink/af_netlink.c.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;
use std::io::{self, IoSliceMut, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags, SocketFlags, SocketType,
};

use super::clock;
use super::reading;
use crate::model::blemish::BlemishKind;
use crate::model::flow::Flow;
use crate::model::fold::{FlowSink, TableItem};
use crate::model::live::clock::Now;
use crate::parse::table::ctnetlink::{self, Asked, Message};

pub use crate::parse::table::ctnetlink::List;

/// Bytes that are received at once. The kernel fills as much as the largest buffer it was ever given, up to 32 KiB; from
/// the first message on it must be that large, or messages would be cut.
const BUFFER_BYTES: usize = 32 * 1024;
/// Buffers on their way between the two threads: 2 MiB.
const BUFFERS: usize = 64;
/// Entries among which a doubled one is looked for.
pub const REMEMBERED: usize = 8_192;
/// How often the kernel may be out of memory for a message before the dump is given up.
const RETRIES_MAX: u32 = 3;
/// How long the kernel may take to answer the smallest question.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of text that are gathered before they are compressed.
const TEXT_BYTES: usize = 64 * 1024;
/// zstd's fastest ordinary level: three times as fast as the kernel gives entries.
const LEVEL: i32 = 1;
/// Bytes of a damaged message that are kept.
const RAW_BYTES_MAX: usize = 200;

/// Why there is no dump at all.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// No socket.
    #[error("no netlink socket: {0}")]
    Socket(String),
    /// The kernel refused the question.
    #[error("the kernel refused the dump: {0}")]
    Refused(String),
    /// Where it is to be kept cannot be written.
    #[error("cannot be kept: {0}")]
    Keep(io::Error),
}

/// What makes a dump less than whole, in the order in which it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// The time ran out.
    OutOfTime(Duration),
    /// The kernel ended it with this error.
    Ended(i32),
    /// The kernel refused it in the middle.
    Refused(i32),
    /// A message did not fit the buffer: impossible with any kernel read, and fatal.
    Cut,
    /// The kernel had no memory for messages, so many times.
    NoMemory(u32),
    /// Messages were lost (`NLMSG_OVERRUN`).
    Overrun,
    /// The kernel says that the table changed under it.
    Interrupted,
    /// The hash table was made anew, twice: entries may be missing anywhere.
    Resized,
    /// Entries that could not be understood.
    Damaged(u64),
    /// Receiving failed.
    Receive(String),
    /// Read from `/proc`, which misses and doubles entries while the table changes, because netlink was not to be had.
    FromProc(String),
}

impl Shortfall {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::OutOfTime(budget) => format!(
                "not read to its end: it took longer than the {:.0} s that it may take",
                budget.as_secs_f64()
            ),
            Self::Ended(error) => format!("the kernel ended the dump early: {}", reading::errno(*error)),
            Self::Refused(error) => format!("the kernel broke the dump off: {}", reading::errno(*error)),
            Self::Cut => "a message was longer than the buffer: the rest is not read".to_owned(),
            Self::NoMemory(times) => {
                format!("the kernel had no memory for messages ({times} times): entries may be missing")
            }
            Self::Overrun => "the kernel lost messages: entries are missing".to_owned(),
            Self::Interrupted => "the kernel says that the table changed under the dump".to_owned(),
            Self::Resized => {
                "the hash table was resized during the dump, and again when it was made once more: entries may be \
                 missing or doubled anywhere"
                    .to_owned()
            }
            Self::Damaged(entries) => format!("{entries} entries could not be understood"),
            Self::Receive(why) => format!("not read to its end: {why}"),
            Self::FromProc(why) => format!(
                "read from /proc, which misses and doubles entries while the table changes, because of this: {why}"
            ),
        }
    }
}

/// Two readings of the same number, around the dump. None: it could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Around {
    /// Before.
    pub before: Option<u64>,
    /// After.
    pub after: Option<u64>,
}

/// A dump.
#[derive(Debug)]
pub struct Dumped<P, W> {
    /// What was folded.
    pub part: P,
    /// Where the text went; none if it could not be written, and why.
    pub kept: Result<W, String>,
    /// When it began (the second one, where it was made anew).
    pub began: Now,
    /// How long it took.
    pub took: Duration,
    /// Entries, each once.
    pub entries: u64,
    /// Entries that came again and were left out.
    pub duplicates: u64,
    /// Bytes of the text before it was compressed.
    pub text_bytes: u64,
    /// `nf_conntrack_count` around it. Reading the list collects expired entries, so that the second is often lower.
    pub count: Around,
    /// `nf_conntrack_buckets` around it.
    pub buckets: Around,
    /// It was made twice, because the hash table was resized during the first.
    pub redone: bool,
    /// Why it is not whole; empty: it is.
    pub shortfalls: Vec<Shortfall>,
}

impl<P, W> Dumped<P, W> {
    /// Every entry that lived through it is in it.
    pub fn is_complete(&self) -> bool {
        self.shortfalls.is_empty()
    }

    /// The dump, and where its text went.
    pub fn without_kept(self) -> (Dumped<P, ()>, Result<W, String>) {
        let Self {
            part,
            kept,
            began,
            took,
            entries,
            duplicates,
            text_bytes,
            count,
            buckets,
            redone,
            shortfalls,
        } = self;
        let said = kept.as_ref().map(|_| ()).map_err(Clone::clone);
        let dumped = Dumped {
            part,
            kept: said,
            began,
            took,
            entries,
            duplicates,
            text_bytes,
            count,
            buckets,
            redone,
            shortfalls,
        };
        (dumped, kept)
    }

    /// What was folded, and the dump.
    pub fn without_part(self) -> (P, Dumped<(), W>) {
        let Self {
            part,
            kept,
            began,
            took,
            entries,
            duplicates,
            text_bytes,
            count,
            buckets,
            redone,
            shortfalls,
        } = self;
        let dumped = Dumped {
            part: (),
            kept,
            began,
            took,
            entries,
            duplicates,
            text_bytes,
            count,
            buckets,
            redone,
            shortfalls,
        };
        (part, dumped)
    }

    /// What a reader should know of it, in words.
    pub fn note(&self) -> String {
        let mut said = vec![format!(
            "no snapshot but a walk of {:.1} s over a table that went on changing",
            self.took.as_secs_f64()
        )];
        if let Around { before: Some(before), after: Some(after) } = self.count {
            said.push(format!("the kernel counted {before} entries before and {after} after"));
        }
        if self.duplicates > 0 {
            said.push(format!("{} doubled entries are left out", self.duplicates));
        }
        if self.redone {
            said.push(
                "it was made a second time, because the hash table was resized during the first".to_owned(),
            );
        }
        said.extend(self.shortfalls.iter().map(Shortfall::words));
        said.join("; ")
    }
}

/// Dumps a list of the namespace that the calling thread is in. `open` gives a fresh sink and a fresh place for the
/// text, and is called a second time where the dump must be made again. Nothing is done for longer than `budget`.
pub fn dump<S, W>(
    list: List,
    budget: Duration,
    mut open: impl FnMut() -> io::Result<(S, W)>,
) -> Result<Dumped<S::Part, W>, DumpError>
where
    S: FlowSink + Send,
    S::Part: Send,
    W: Write + Send,
{
    let deadline = Instant::now() + budget;
    let (sink, out) = open().map_err(DumpError::Keep)?;
    let mut dumped = once(list, budget, deadline, sink, out)?;
    if resized(&dumped) && Instant::now() < deadline {
        let (sink, out) = open().map_err(DumpError::Keep)?;
        dumped = once(list, budget, deadline, sink, out)?;
        dumped.redone = true;
    }
    if resized(&dumped) {
        dumped.shortfalls.push(Shortfall::Resized);
    }
    Ok(dumped)
}

fn resized<P, W>(dumped: &Dumped<P, W>) -> bool {
    matches!(dumped.buckets, Around { before: Some(before), after: Some(after) } if before != after)
}

/// One number of the namespace of this thread. (`/proc/sys/net` follows the thread, `/proc/net` its process.)
pub fn number(name: &str) -> Option<u64> {
    let read = |front: &str| {
        let bytes = reading::read(&format!("/proc/sys/{front}_conntrack_{name}"), 64).ok()?;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    };
    read("net/netfilter/nf").or_else(|| read("net/ipv4/netfilter/ip"))
}

/// Whether the kernel would list its table to this process: asked by a question that costs it nothing.
pub(super) fn probe() -> Result<(), String> {
    let now = clock::now();
    let said = |error: DumpError| error.to_string();
    let socket = DumpSocket::send(now, ctnetlink::statistics_request).map_err(said)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let deadline = Instant::now() + PROBE_PATIENCE;
    match socket.wait(deadline) {
        Ok(true) => {}
        Ok(false) => return Err("the kernel does not answer".to_owned()),
        Err(error) => return Err(reading::errno(error.raw_os_error())),
    }
    let length = match socket.receive_one(&mut buffer) {
        Ok(Received::Whole(length)) => length,
        Ok(Received::Cut | Received::Foreign) => {
            return Err("the kernel gave no answer of its own".to_owned());
        }
        Err(error) => return Err(reading::errno(error.raw_os_error())),
    };
    let refused =
        ctnetlink::messages(buffer.get(..length).unwrap_or_default(), socket.asked).find_map(|message| {
            if let Message::Refused(error) = message { Some(reading::refusal(error)) } else { None }
        });
    refused.map_or(Ok(()), Err)
}

/// The dump, once.
fn once<S, W>(
    list: List,
    budget: Duration,
    deadline: Instant,
    sink: S,
    out: W,
) -> Result<Dumped<S::Part, W>, DumpError>
where
    S: FlowSink + Send,
    S::Part: Send,
    W: Write + Send,
{
    let (count, buckets) = (number("count"), number("buckets"));
    let (began, started) = (clock::now(), Instant::now());
    let socket = DumpSocket::ask(list, began)?;
    let asked = socket.asked;
    let (give, take) = sync_channel::<Filled>(BUFFERS);
    let (give_back, take_back) = sync_channel::<Vec<u8>>(BUFFERS);
    for _ in 0..BUFFERS {
        // There is room for all of them.
        let _ = give_back.send(vec![0; BUFFER_BYTES]);
    }
    let (decoded, received) = std::thread::scope(|scope| {
        let decoder = scope.spawn(move || decode(&take, &give_back, asked, sink, out));
        let received = socket.receive(deadline, budget, &give, &take_back);
        drop(give);
        (decoder.join(), received)
    });
    let decoded = decoded.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if let (Some(error), 0) = (decoded.refused, decoded.entries) {
        return Err(DumpError::Refused(reading::refusal(error)));
    }
    let mut shortfalls = received;
    shortfalls.extend(decoded.shortfalls);
    if decoded.damaged > 0 {
        shortfalls.push(Shortfall::Damaged(decoded.damaged));
    }
    Ok(Dumped {
        part: decoded.part,
        kept: decoded.kept,
        began,
        took: started.elapsed(),
        entries: decoded.entries,
        duplicates: decoded.duplicates,
        text_bytes: decoded.text_bytes,
        count: Around { before: count, after: number("count") },
        buckets: Around { before: buckets, after: number("buckets") },
        redone: false,
        shortfalls,
    })
}

/// A buffer with so many bytes in it.
type Filled = (Vec<u8>, usize);

/// A socket on which one question was asked.
#[derive(Debug)]
struct DumpSocket {
    socket: OwnedFd,
    asked: Asked,
}

impl DumpSocket {
    /// Asks for a whole list.
    fn ask(list: List, now: Now) -> Result<Self, DumpError> {
        Self::send(now, |sequence| ctnetlink::request(list, sequence))
    }

    fn send(now: Now, question: impl Fn(u32) -> ctnetlink::Question) -> Result<Self, DumpError> {
        let failed = |error: Errno| DumpError::Socket(reading::no_netlink(error));
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::NETFILTER),
        )
        .map_err(failed)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0)).map_err(failed)?;
        let own = rustix::net::getsockname(&socket).map_err(failed)?;
        let port = SocketAddrNetlink::try_from(own).map_err(failed)?.pid();
        // Any number does: the socket is new, and asks once.
        let sequence = u32::try_from(now.wall.0 & 0x7fff_ffff).unwrap_or(1) | 1;
        let asked = Asked { sequence, port, now: now.wall };
        let request = question(sequence);
        rustix::net::sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))
            .map_err(|error| DumpError::Refused(reading::refusal(error.raw_os_error())))?;
        Ok(Self { socket, asked })
    }

    /// Receives until the dump is over.
    fn receive(
        &self,
        deadline: Instant,
        budget: Duration,
        give: &SyncSender<Filled>,
        take_back: &Receiver<Vec<u8>>,
    ) -> Vec<Shortfall> {
        let mut no_memory = 0;
        let mut shortfalls = Vec::new();
        while let Ok(mut buffer) = take_back.recv() {
            match self.wait(deadline) {
                Ok(true) => {}
                Ok(false) => {
                    shortfalls.push(Shortfall::OutOfTime(budget));
                    break;
                }
                Err(error) => {
                    shortfalls.push(Shortfall::Receive(reading::errno(error.raw_os_error())));
                    break;
                }
            }
            match self.receive_one(&mut buffer) {
                Ok(Received::Whole(length)) => {
                    let ends = ctnetlink::ends(buffer.get(..length).unwrap_or_default(), self.asked);
                    if give.send((buffer, length)).is_err() || ends {
                        break;
                    }
                }
                Ok(Received::Foreign) => drop(give.send((buffer, 0))),
                Ok(Received::Cut) => {
                    shortfalls.push(Shortfall::Cut);
                    break;
                }
                Err(Errno::NOBUFS | Errno::NOMEM) if no_memory < RETRIES_MAX => {
                    no_memory += 1;
                    let _ = give.send((buffer, 0));
                }
                Err(error) => {
                    shortfalls.push(Shortfall::Receive(reading::errno(error.raw_os_error())));
                    break;
                }
            }
        }
        if no_memory > 0 {
            shortfalls.push(Shortfall::NoMemory(no_memory));
        }
        shortfalls
    }

    /// Something can be received. False: not before the deadline.
    fn wait(&self, deadline: Instant) -> Result<bool, Errno> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let patience = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let mut polled = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
            match rustix::event::poll(&mut polled, Some(&patience)) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_one(&self, buffer: &mut [u8]) -> Result<Received, Errno> {
        loop {
            let mut ancillary = RecvAncillaryBuffer::default();
            let mut into = [IoSliceMut::new(buffer)];
            // Never waits: poll said that something is there, and the deadline holds whatever the kernel does.
            match rustix::net::recvmsg(&self.socket, &mut into, &mut ancillary, RecvFlags::DONTWAIT) {
                Ok(message) => {
                    let from = message.address.and_then(|address| SocketAddrNetlink::try_from(address).ok());
                    // Any process may send to a netlink socket; the kernel's port is 0.
                    return Ok(match from.map(|from| from.pid()) {
                        Some(0) if message.flags.contains(ReturnFlags::TRUNC) => Received::Cut,
                        Some(0) => Received::Whole(message.bytes),
                        _ => Received::Foreign,
                    });
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Received::Foreign),
                Err(error) => return Err(error),
            }
        }
    }
}

enum Received {
    /// A datagram of the kernel, of so many bytes.
    Whole(usize),
    /// One that did not fit.
    Cut,
    /// None of the kernel, or none at all.
    Foreign,
}

/// What the decoder came to.
struct Decoded<P, W> {
    part: P,
    kept: Result<W, String>,
    entries: u64,
    duplicates: u64,
    damaged: u64,
    text_bytes: u64,
    refused: Option<i32>,
    shortfalls: Vec<Shortfall>,
}

/// Decodes what is received until no more comes.
fn decode<S: FlowSink, W: Write>(
    take: &Receiver<Filled>,
    give_back: &SyncSender<Vec<u8>>,
    asked: Asked,
    mut sink: S,
    out: W,
) -> Decoded<S::Part, W> {
    let mut text = Text::new(out);
    let (mut entries, mut duplicates, mut damaged, mut refused) = (0, 0, 0, None);
    let mut shortfalls = Vec::new();
    let mut recent = Recent::default();
    while let Ok((buffer, length)) = take.recv() {
        for message in ctnetlink::messages(buffer.get(..length).unwrap_or_default(), asked) {
            match message {
                Message::Entry(entry) if recent.again(&entry.flow) => duplicates += 1,
                Message::Entry(entry) => {
                    entries += 1;
                    text.line(&entry);
                    sink.take(&TableItem::Flow(entry.flow));
                }
                Message::Damaged(kind, raw) => {
                    damaged += 1;
                    sink.take(&damage(kind, text.bytes, raw));
                }
                Message::Done(error) if error != 0 => shortfalls.push(Shortfall::Ended(error)),
                Message::Refused(error) => {
                    refused = Some(error);
                    shortfalls.push(Shortfall::Refused(error));
                }
                Message::Overrun => note(&mut shortfalls, Shortfall::Overrun),
                Message::Interrupted => note(&mut shortfalls, Shortfall::Interrupted),
                Message::Done(_) | Message::Foreign => {}
            }
        }
        // The receiver may have gone.
        let _ = give_back.send(buffer);
    }
    let text_bytes = text.bytes;
    let kept = text.finish();
    Decoded { part: sink.finish(), kept, entries, duplicates, damaged, text_bytes, refused, shortfalls }
}

/// Once is enough.
fn note(shortfalls: &mut Vec<Shortfall>, shortfall: Shortfall) {
    if !shortfalls.contains(&shortfall) {
        shortfalls.push(shortfall);
    }
}

fn damage(kind: BlemishKind, offset: u64, raw: &[u8]) -> TableItem {
    TableItem::Damaged { kind, offset, raw: raw.get(..RAW_BYTES_MAX).unwrap_or(raw).into() }
}

/// The text on its way to where it is kept. An error ends the writing, never the counting.
struct Text<W: Write> {
    gathered: Vec<u8>,
    /// Of the text, written or not.
    bytes: u64,
    packed: Result<zstd::stream::write::Encoder<'static, W>, String>,
}

impl<W: Write> Text<W> {
    fn new(out: W) -> Self {
        let encoder = zstd::stream::write::Encoder::new(out, LEVEL).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            Ok(encoder)
        });
        let packed = encoder.map_err(|error| reading::words(&error));
        Self { gathered: Vec::with_capacity(TEXT_BYTES + 1024), bytes: 0, packed }
    }

    fn line(&mut self, entry: &ctnetlink::Entry<'_>) {
        let before = self.gathered.len();
        ctnetlink::write(entry, &mut self.gathered);
        self.bytes += (self.gathered.len() - before) as u64;
        if self.gathered.len() >= TEXT_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Ok(encoder) = &mut self.packed
            && let Err(error) = encoder.write_all(&self.gathered)
        {
            self.packed = Err(reading::words(&error));
        }
        self.gathered.clear();
    }

    fn finish(mut self) -> Result<W, String> {
        self.flush();
        self.packed?.finish().map_err(|error| reading::words(&error))
    }
}

/// The last entries, by a hash under a seed of this process.
#[derive(Debug, Default)]
struct Recent {
    hasher: foldhash::fast::RandomState,
    known: HashSet<u64, foldhash::fast::RandomState>,
    order: VecDeque<u64>,
}

impl Recent {
    /// This very entry was met shortly before. The id alone would not do: it has 32 bits and is a hash from 5.1 on.
    fn again(&mut self, flow: &Flow) -> bool {
        let hash = self.hasher.hash_one((flow.id, flow.l4, flow.original, flow.zones));
        if !self.known.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fold::Part;
    use crate::model::time::WallTime;

    const ASKED: Asked = Asked { sequence: 9, port: 40, now: WallTime(0) };

    #[derive(Debug, Default)]
    struct Count(u64);

    impl Part for Count {
        fn join(self, right: Self) -> Self {
            Self(self.0 + right.0)
        }
    }

    impl FlowSink for Count {
        type Part = Self;

        fn take(&mut self, item: &TableItem) {
            self.0 += u64::from(matches!(item, TableItem::Flow(_)));
        }

        fn finish(self) -> Self {
            self
        }
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        let head = [kind.to_ne_bytes(), 2u16.to_ne_bytes()].concat();
        let ids = [ASKED.sequence.to_ne_bytes(), ASKED.port.to_ne_bytes()].concat();
        [&length.to_ne_bytes()[..], &head, &ids, body].concat()
    }

    /// A UDP entry from this port.
    fn entry(port: u16) -> Vec<u8> {
        let attribute = |kind: u16, value: &[u8]| {
            let mut bytes =
                [u16::try_from(value.len() + 4).unwrap().to_ne_bytes(), kind.to_ne_bytes()].concat();
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let side = |kind: u16, from: u16, to: u16| {
            let addresses = [attribute(1, &[10, 0, 0, 1]), attribute(2, &[10, 0, 0, 2])].concat();
            let protocol =
                [attribute(1, &[17]), attribute(2, &from.to_be_bytes()), attribute(3, &to.to_be_bytes())];
            attribute(kind, &[attribute(1, &addresses), attribute(2, &protocol.concat())].concat())
        };
        let parts = [
            vec![2, 0, 0, 0],
            side(1, port, 53),
            side(2, 53, port),
            attribute(3, &8u32.to_be_bytes()),
            attribute(7, &30u32.to_be_bytes()),
            attribute(12, &u32::from(port).to_be_bytes()),
        ];
        message(1 << 8, &parts.concat())
    }

    fn decoded(datagrams: Vec<Vec<u8>>) -> Decoded<Count, Vec<u8>> {
        let (give, take) = sync_channel(datagrams.len().max(1));
        let (give_back, _kept) = sync_channel(datagrams.len().max(1));
        for datagram in datagrams {
            let length = datagram.len();
            give.send((datagram, length)).unwrap();
        }
        drop(give);
        decode(&take, &give_back, ASKED, Count::default(), Vec::new())
    }

    #[test]
    fn an_entry_that_comes_again_when_its_bucket_is_walked_again_is_left_out() {
        let first: Vec<u8> = (0..100).flat_map(entry).collect();
        let again: Vec<u8> = (97..200).flat_map(entry).chain(message(3, &[0; 4])).collect();
        let found = decoded(vec![first, again]);
        assert_eq!((found.entries, found.duplicates, found.part.0), (200, 3, 200));
        assert!(found.shortfalls.is_empty());
        let text = zstd::stream::decode_all(&found.kept.unwrap()[..]).unwrap();
        assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 200);
        assert_eq!(text.len() as u64, found.text_bytes);
    }

    #[test]
    fn s06_a_dump_that_the_kernel_ends_early_is_not_whole() {
        let datagram = [entry(1), entry(2), message(3, &(-105i32).to_ne_bytes())].concat();
        let found = decoded(vec![datagram]);
        assert_eq!((found.entries, &found.shortfalls[..]), (2, &[Shortfall::Ended(105)][..]));
        let refused = decoded(vec![message(2, &[&(-1i32).to_ne_bytes()[..], &[0; 16]].concat())]);
        assert_eq!((refused.entries, refused.refused), (0, Some(1)));
    }

    #[test]
    fn s06_what_is_damaged_or_foreign_costs_nothing_but_itself() {
        let mut damaged = entry(7);
        damaged[20] = 0xff;
        let mut foreign = entry(8);
        foreign[8] = 1;
        let found = decoded(vec![[damaged, foreign, entry(9), message(4, &[]), message(4, &[])].concat()]);
        assert_eq!((found.entries, found.damaged), (1, 1));
        assert_eq!(found.shortfalls, [Shortfall::Overrun]);
    }

    #[test]
    fn where_the_text_cannot_be_written_the_table_is_counted_all_the_same() {
        #[derive(Debug)]
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (give, take) = sync_channel(1);
        let (give_back, _kept) = sync_channel(1);
        let datagram: Vec<u8> = (0..300).flat_map(entry).collect();
        let length = datagram.len();
        give.send((datagram, length)).unwrap();
        drop(give);
        let found = decode(&take, &give_back, ASKED, Count::default(), Full);
        assert_eq!((found.entries, found.part.0), (300, 300));
        assert_eq!(found.kept.unwrap_err(), "no storage space");
    }

    #[test]
    fn entries_are_remembered_far_enough_and_no_further() {
        let datagrams = (0..=REMEMBERED).map(|n| entry(u16::try_from(n).unwrap())).collect::<Vec<_>>();
        let found = decoded(vec![datagrams.concat(), [entry(1), entry(0)].concat()]);
        // The first one was forgotten when the last one came, the second one is the oldest that is known.
        assert_eq!((found.entries, found.duplicates), (REMEMBERED as u64 + 2, 1));
    }
}
