//! `conntrack -L -o xml`: an XML header, `<conntrack>`, and for each entry an element `<flow>`, on one line as the tool
//! prints it or over several as a formatter does.
//!
//! The elements are cut out here and read one by one by a pull parser, so that what is held at a time is one element and
//! its depth and length have bounds. No entity is expanded: the tool prints none, and one that stands in an element is
//! damage. What the form does not tell: type, code and identifier of an echo. What it tells wrongly: the states of SCTP
//! in the words of TCP (libnetfilter_conntrack 1.0.9), which is undone here.

use memchr::memmem;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::LINE_BYTES_MAX;
use super::cursor::Cursor;
use super::entry::{Direction, Entry, small};
use super::proc_nf_conntrack::layer3;
use super::state::state;
use super::summary::{self, Said};
use crate::model::blemish::BlemishKind;
use crate::model::flow::{L3, L4, State};
use crate::model::fold::TableItem;

const BEGIN: &[u8] = b"<flow";
const END: &[u8] = b"</flow>";
/// Elements within one another; the tool's are four deep.
const DEPTH_MAX: usize = 8;

/// What stands in a document.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// An element or what is left of one, at this offset, with its bytes.
    Item(Box<Result<TableItem, BlemishKind>>, u64, &'a [u8]),
    /// The tool's last line.
    Said(Said),
    /// Another document begins.
    Begins,
}

/// A document while it is being read.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The beginning of an element whose end has not come.
    open: Vec<u8>,
    /// Where it begins.
    at: u64,
}

impl Document {
    /// Reads on.
    pub(super) fn block(&mut self, block: &[u8], offset: u64, mut found: impl FnMut(Found<'_>)) {
        let (mut rest, mut place) = (block, offset);
        loop {
            if self.open.is_empty() {
                let begin = memmem::find(rest, BEGIN);
                let (between, element) =
                    rest.split_at_checked(begin.unwrap_or(rest.len())).unwrap_or((rest, &[]));
                lines_between(between, place, &mut found);
                if element.is_empty() {
                    return;
                }
                place += between.len() as u64;
                (self.at, rest) = (place, element);
            }
            let end = memmem::find(rest, END).map(|end| end + END.len());
            // The end of an element that a cut took away is not that of the next one.
            let own = usize::from(self.open.is_empty()) * BEGIN.len();
            let next = rest.get(own..).and_then(|rest| memmem::find(rest, BEGIN)).map(|next| next + own);
            let used = match (end, next) {
                (Some(end), Some(next)) => end.min(next),
                (end, next) => end.or(next).unwrap_or(rest.len()),
            };
            let (piece, behind) = rest.split_at_checked(used).unwrap_or((rest, &[]));
            self.take(piece, end == Some(used), end == Some(used) || next == Some(used), &mut found);
            place += piece.len() as u64;
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// A piece of the open element: whether it is its last one, and whether that has its end tag.
    fn take(&mut self, piece: &[u8], whole: bool, last: bool, found: &mut impl FnMut(Found<'_>)) {
        if last && self.open.is_empty() {
            return give(piece, self.at, whole, found);
        }
        // The rest of one that is too long is not kept.
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.open.len());
        self.open.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if last {
            let element = std::mem::take(&mut self.open);
            give(&element, self.at, whole, found);
        }
    }

    /// The stream ends.
    pub(super) fn finish(&mut self, mut found: impl FnMut(Found<'_>)) {
        if !self.open.is_empty() {
            let element = std::mem::take(&mut self.open);
            give(&element, self.at, false, &mut found);
        }
    }
}

/// Hands an element on, without the tool's last line if that stands in it.
fn give(bytes: &[u8], at: u64, whole: bool, found: &mut impl FnMut(Found<'_>)) {
    if bytes.len() > LINE_BYTES_MAX {
        return found(Found::Item(Box::new(Err(BlemishKind::LineTooLong)), at, bytes));
    }
    let Some((begin, said)) = summary::find(bytes) else {
        let item = if whole { element(bytes) } else { Err(BlemishKind::Truncated) };
        return found(Found::Item(Box::new(item), at, bytes));
    };
    found(Found::Said(said));
    let behind = bytes.get(begin..).unwrap_or_default();
    let end = memchr::memchr(b'\n', behind).map_or(behind.len(), |end| end + 1);
    let mended = [bytes.get(..begin).unwrap_or_default(), behind.get(end..).unwrap_or_default()].concat();
    let item = if whole { element(&mended) } else { Err(BlemishKind::Truncated) };
    found(Found::Item(Box::new(item), at, bytes));
}

/// What stands between the elements.
fn lines_between(between: &[u8], offset: u64, found: &mut impl FnMut(Found<'_>)) {
    let mut at = offset;
    for line in between.split(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        if let Some((_, said)) = summary::find(text) {
            found(Found::Said(said));
        } else if text.starts_with(b"<?xml") {
            found(Found::Begins);
        } else if !(text.is_empty() || text.starts_with(b"<") || text.starts_with(b"[USERSPACE]"))
            && super::rubric::rubric(text).is_none()
        {
            found(Found::Item(Box::new(Err(BlemishKind::Unrecognised)), at, line));
        }
        at = at.saturating_add(line.len() as u64).saturating_add(1);
    }
}

/// Where the reading of an element stands.
#[derive(Debug, Default)]
struct Place {
    entry: Entry,
    l3: Option<L3>,
    l4: Option<L4>,
    independent: bool,
    event: bool,
}

/// Reads one element.
fn element(bytes: &[u8]) -> Result<TableItem, BlemishKind> {
    let text = std::str::from_utf8(bytes).map_err(|_| BlemishKind::BrokenFraming)?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().trim_text(true);
    let mut place = Place { entry: Entry { echo_untold: true, ..Entry::default() }, ..Place::default() };
    let (mut names, mut depth) = ([""; DEPTH_MAX], 0usize);
    loop {
        match reader.read_event().map_err(|_| BlemishKind::BrokenFraming)? {
            Event::Start(tag) => {
                let name = place.enter(&tag)?;
                *names.get_mut(depth).ok_or(BlemishKind::BrokenFraming)? = name;
                depth += 1;
            }
            Event::Empty(tag) => drop(place.enter(&tag)?),
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) => {
                let name = depth.checked_sub(1).and_then(|top| names.get(top)).copied().unwrap_or_default();
                place.value(name, text.trim().as_bytes())?;
            }
            Event::DocType(_) | Event::GeneralRef(_) | Event::CData(_) => {
                return Err(BlemishKind::Unrecognised);
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    place.end()
}

/// The names that we read a value of.
const NAMES: [&str; 15] = [
    "src",
    "dst",
    "sport",
    "dport",
    "srckey",
    "dstkey",
    "packets",
    "bytes",
    "state",
    "timeout",
    "mark",
    "zone",
    "id",
    "deltatime",
    "flow",
];

impl Place {
    /// A tag: its name if its text says something of ours.
    fn enter(&mut self, tag: &BytesStart<'_>) -> Result<&'static str, BlemishKind> {
        let attribute = |name| {
            let found = tag.try_get_attribute(name).map_err(|_| BlemishKind::BrokenFraming)?;
            Ok(found.map(|attribute| attribute.value.into_owned()))
        };
        let number = |value: Option<String>| value.and_then(|value| value.parse::<u8>().ok());
        match tag.name().as_ref() {
            "meta" => match attribute("direction")?.as_deref() {
                Some("reply") => self.entry.in_reply = true,
                Some("independent") => self.independent = true,
                _ => {}
            },
            "layer3" => self.l3 = number(attribute("protonum")?).map(layer3).or(self.l3),
            "layer4" => self.l4 = number(attribute("protonum")?).map(L4).or(self.l4),
            "flow" => self.event = attribute("type")?.is_some(),
            "assured" => self.entry.assured = true,
            "unreplied" => self.entry.unreplied = true,
            "offload" | "hw_offload" => self.entry.offloaded = true,
            _ => {}
        }
        Ok(NAMES.into_iter().find(|name| *name == tag.name().as_ref()).unwrap_or_default())
    }

    /// The text of an element with this name.
    fn value(&mut self, name: &str, text: &[u8]) -> Result<(), BlemishKind> {
        let mut cursor = Cursor(text);
        let reply = self.entry.in_reply;
        let direction: &mut Direction = if reply { &mut self.entry.reply } else { &mut self.entry.original };
        match name {
            "src" => direction.source = Some(cursor.address().ok_or(BlemishKind::BadAddress)?),
            "dst" => direction.destination = Some(cursor.address().ok_or(BlemishKind::BadAddress)?),
            "sport" => direction.source_port = Some(small(cursor.number())?),
            "dport" => direction.destination_port = Some(small(cursor.number())?),
            "srckey" => direction.source_key = Some(small(cursor.key_number())?),
            "dstkey" => direction.destination_key = Some(small(cursor.key_number())?),
            "packets" => direction.packets = Some(small(cursor.number())?),
            "bytes" => direction.bytes = Some(small(cursor.number())?),
            "zone" if self.independent => self.entry.zone = Some(small(cursor.number())?),
            "zone" if reply => self.entry.reply_zone = Some(small(cursor.number())?),
            "zone" => self.entry.original_zone = Some(small(cursor.number())?),
            "state" => self.entry.state = Some(state(text)),
            "timeout" => self.entry.remaining = Some(cursor.signed().ok_or(BlemishKind::ImpossibleNumber)?),
            "mark" => self.entry.mark = Some(small(cursor.number())?),
            "id" => self.entry.id = Some(small(cursor.number())?),
            "deltatime" => self.entry.age_seconds = Some(small(cursor.number())?),
            _ => {}
        }
        Ok(())
    }

    fn end(mut self) -> Result<TableItem, BlemishKind> {
        if self.event {
            return Ok(TableItem::Other);
        }
        let l4 = self.l4.ok_or(BlemishKind::MissingField)?;
        if l4 == L4::SCTP {
            self.entry.state = self.entry.state.map(of_sctp);
        }
        // The kernel keeps the timeout of an offloaded flow to itself, and of no other.
        self.entry.offloaded |= self.entry.remaining.is_none();
        self.entry.finish(self.l3, l4).map(TableItem::Flow)
    }
}

/// The state of SCTP with the number of this one of TCP, in whose words it was printed. `ESTABLISHED` is left alone:
/// it is what a library without that fault prints, and the state that bears its number lives for three seconds.
fn of_sctp(printed: State) -> State {
    match printed {
        State::SynSent => State::Closed,
        State::SynRecv => State::CookieWait,
        State::FinWait => State::Established,
        State::CloseWait => State::ShutdownSent,
        State::LastAck => State::ShutdownRecd,
        State::TimeWait => State::ShutdownAckSent,
        State::Close => State::HeartbeatSent,
        State::Listen | State::SynSent2 => State::HeartbeatAcked,
        other => other,
    }
}

/// What a head looks like: a list, events, expectations.
pub(super) fn looks_like(head: &[u8]) -> Option<super::TableDialect> {
    use super::TableDialect::{ConntrackXml, Events, Expectations};
    let first = [(&b"<flow type="[..], Events), (b"<flow>", ConntrackXml), (b"<expect", Expectations)];
    let found = first.into_iter().filter_map(|(tag, dialect)| Some((memmem::find(head, tag)?, dialect)));
    let (at, dialect) = found.min_by_key(|(at, _)| *at)?;
    // The layer 3 element is what makes it the tool's and no other program's.
    let own = head.get(at..).is_some_and(|rest| memmem::find(rest, b"<layer3 ").is_some());
    // In front of it stands the document's head, and perhaps a prompt.
    let before = head.get(..at).unwrap_or_default();
    (own && before.len() < 1024).then_some(dialect)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\"><src>10.0.0.5</src>\
        <dst>192.0.2.11</dst></layer3><layer4 protonum=\"132\" protoname=\"sctp\"><sport>1</sport><dport>2</dport></layer4>\
        </meta><meta direction=\"reply\"><layer3 protonum=\"2\" protoname=\"ipv4\"><src>192.0.2.11</src><dst>10.0.0.5</dst>\
        </layer3><layer4 protonum=\"132\" protoname=\"sctp\"><sport>2</sport><dport>1</dport></layer4></meta>\
        <meta direction=\"independent\"><state>FIN_WAIT</state><timeout>199</timeout><id>7</id><assured/></meta></flow>";

    fn items(blocks: &[&str]) -> Vec<Result<TableItem, BlemishKind>> {
        let (mut document, mut all, mut offset) = (Document::default(), Vec::new(), 0);
        let mut keep = |found: Found<'_>| {
            if let Found::Item(item, _, _) = found {
                all.push(*item);
            }
        };
        for block in blocks {
            document.block(block.as_bytes(), offset, &mut keep);
            offset += block.len() as u64;
        }
        document.finish(&mut keep);
        all
    }

    #[test]
    fn the_states_of_sctp_are_told_from_the_words_of_tcp() {
        let found = items(&[FLOW]);
        let [Ok(TableItem::Flow(flow))] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((flow.state, flow.id, flow.remaining), (Some(State::Established), Some(7), Some(199)));
    }

    #[test]
    fn an_element_may_be_cut_anywhere_between_lines_and_is_one() {
        let pretty = FLOW.replace("><", ">\n  <");
        let whole = items(&[FLOW]);
        for (at, _) in pretty.match_indices('\n') {
            let (left, right) = pretty.split_at(at + 1);
            assert_eq!(items(&[left, right]), whole);
        }
    }

    #[test]
    fn an_element_without_its_end_is_damage_and_the_next_one_is_read() {
        let cut = &FLOW[..FLOW.len() / 2];
        let found = items(&[cut, FLOW, "\n", cut]);
        assert!(matches!(
            found.as_slice(),
            [Err(BlemishKind::Truncated), Ok(TableItem::Flow(_)), Err(BlemishKind::Truncated)]
        ));
    }

    #[test]
    fn what_an_enemy_writes_is_damage() {
        let hostile = [
            FLOW.replace("199", "&lol;"),
            FLOW.replace("<flow>", "<flow><!DOCTYPE lolz [<!ENTITY lol \"lol\">]>"),
            FLOW.replace("<state>", &"<state>".repeat(20)),
            FLOW.replace("199", "99999999999999999999"),
            FLOW.replace("10.0.0.5", "10.0.0.x"),
            FLOW.replace("</meta>", "</mega>"),
            FLOW.replace("<state>", &format!("<state>{}", "x".repeat(LINE_BYTES_MAX))),
        ];
        for text in &hostile {
            let found = items(&[text, FLOW]);
            assert!(matches!(found.as_slice(), [Err(_), Ok(TableItem::Flow(_))]), "{found:?}");
        }
    }
}
