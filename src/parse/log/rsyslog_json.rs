//! One JSON object on a line, as rsyslog's templates StdJSONFmt and FullJSONFmt write it:
//! `{"message":" words","fromhost":"web8",…,"facility":"kern","priority":"warning","timereported":"2024-…",
//! "timegenerated":"2024-…"}`. FullJSONFmt adds `programname`, `procid` and `msgid`. Source: rsconf.c.
//!
//! StdJSONFmt drops the tag: the facility alone says that the kernel speaks.

use crate::model::blemish::BlemishKind;
use crate::parse::json::{Event, Reader, Text};

use super::header::{Facility, Header, Line};
use super::speech::{self, Speaker, Speech};
use super::time;

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    if !line.starts_with(b"{\"") {
        return None;
    }
    let fields = Fields::read(line);
    let (Some(_), Some(facility), Some(reported)) = (fields.message, fields.facility, fields.reported) else {
        return None;
    };
    let stamp = match time::rfc3339(reported)? {
        Ok((stamp, b"")) => stamp,
        Ok(_) => return None,
        Err(time::Impossible) => return Some(Line::Damaged(BlemishKind::ImpossibleTime)),
    };
    let host = fields.host.filter(|host| !host.is_empty() && !host.contains(&b'\\'));
    let header = Header::of_text(line, open);
    Some(Line::Record(Header { stamp: Some(stamp), host, facility: Some(facility), ..header }))
}

/// The first line of a head is of this shape.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.find(|text| !text.is_empty()).and_then(line).is_some()
}

/// What of it matters.
#[derive(Default)]
struct Fields<'a> {
    message: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    facility: Option<Facility>,
    reported: Option<&'a [u8]>,
    program: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(line: &'a [u8]) -> Self {
        let mut fields = Self::default();
        let mut events = Reader::new(line);
        while let Some(Ok(event)) = events.next() {
            match event {
                Event::Key(name) => fields.member(name, &mut events),
                // The object itself begins, or ends.
                Event::ObjectBegins => {}
                _ => break,
            }
        }
        fields
    }

    fn member(&mut self, name: Text<'a>, events: &mut Reader<'a>) {
        let text = match events.next() {
            Some(Ok(Event::String(Text(text)))) => text,
            Some(Ok(Event::ObjectBegins | Event::ArrayBegins)) => {
                // What is no JSON ends the events, and so the members.
                let _ = events.skip_container();
                return;
            }
            _ => return,
        };
        match name.0 {
            b"message" => self.message = Some(text),
            b"fromhost" => self.host = Some(text),
            b"facility" => self.facility = speech::facility_of_name(text),
            b"timereported" => self.reported = Some(text),
            b"programname" => self.program = Some(text),
            _ => {}
        }
    }
}

fn open(facility: Option<Facility>, line: &[u8]) -> Speech<'_> {
    let fields = Fields::read(line);
    let message = Text(fields.message.unwrap_or_default()).unescaped();
    let name = match fields.program {
        Some(name) => name,
        None if facility == Some(0) => b"kernel",
        None => return Speech { speaker: Speaker::Other, since_boot_us: None, text: message },
    };
    let speech = speech::spoken(facility, name, message.trim_ascii());
    let (speaker, since_boot_us) = (speech.speaker, speech.since_boot_us);
    Speech { speaker, since_boot_us, text: speech.text.into_owned().into() }
}
