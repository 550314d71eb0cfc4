//! The report view → a message: its final bytes, which stay the same on every attempt.
//!
//! Host names and log text are strangers' words: they are escaped before they come near a header, and only the
//! configuration names addresses. Lines stay below 998 bytes (RFC 5322 §2.1.1): text and HTML are quoted-printable.
//!
//! A report is told twice, for the program to choose from: the text first, then HTML with its pictures inside. What a machine
//! may want, the report as JSON, is attached.

mod analysis;
mod headers;
mod html;
mod rest;
mod smaller;
mod words;

pub use analysis::{Analysis, compose_analysis, compose_test};
pub use smaller::without_attachments;

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};

use crate::model::live::intent::{About, Notice};
use crate::model::live::message::{Envelope, Owed};
use crate::model::report::Report;
use crate::model::time::WallTime;

use headers::{AutoSubmitted, ListId};
use rest::Rest;

/// Bytes of the report in the text; a longer one is cut at a line, and that is said. What stands after it is not cut.
const TEXT_MAX: usize = 64 << 10;
/// What a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// What is owed.
    pub owed: &'a Owed,
    /// Name of the host that writes.
    pub host: &'a str,
    /// The report of its incident, where it has one.
    pub report: Option<&'a Report>,
    /// The same as JSON.
    pub json: Option<&'a str>,
}

/// Why a message cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// An address of the configuration.
    #[error("{address}: is no mail address ({why})")]
    Address {
        /// Which.
        address: String,
        /// Why.
        why: String,
    },
    /// What the writer of messages says.
    #[error("the message cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
}

/// Message-ID of a notice, without brackets: one thread for each incident, whose first message is number 1.
pub fn message_id(notice: &Notice, incident: Option<&str>, host: &str, created: WallTime) -> String {
    let host = words::domain(host);
    match incident {
        Some(incident) => thread_id(incident, notice.ordinal, &host),
        None => format!("conntriage.{}.{}@{host}", created.0, notice.notice.0),
    }
}

fn thread_id(incident: &str, ordinal: u32, domain: &str) -> String {
    format!("conntriage.{incident}.{ordinal}@{domain}")
}

/// Where messages come from if the configuration does not say.
pub fn sender(host: &str) -> String {
    format!("conntriage@{}", words::domain(host))
}

/// Where this machine's mail comes from, as a domain: letters, digits, dots and dashes.
pub fn domain(host: &str) -> String {
    words::domain(host)
}

/// Writes a message.
pub fn compose(content: &Content<'_>) -> Result<Vec<u8>, ComposeError> {
    let owed = content.owed;
    let domain = words::domain(content.host);
    let first = match (&owed.incident, owed.notice.ordinal) {
        (Some(incident), 2..) => Some(thread_id(incident, 1, &domain)),
        _ => None,
    };
    let head = Head {
        envelope: &owed.envelope,
        id: &owed.id,
        first,
        created: owed.created,
        subject: words::subject(content),
        domain,
    };
    let rest = Rest::of(content.json, "`conntriage incidents show`");
    let after = rest.left_out() + &words::after(content);
    let around = html::Around { before: words::before(content), after: &after, rest: &rest.whereabouts() };
    let said = Said {
        text: words::body(content),
        end: rest.left_out() + &words::end(content),
        page: Some(html::render(content.report, &around, &owed.id)),
        rest,
        name: format!("conntriage-{}.json", owed.incident.as_deref().unwrap_or("report")),
    };
    write(head, said)
}

/// The same for programs: one line, and what is known in sentences.
pub fn brief(content: &Content<'_>) -> (String, String) {
    words::brief(content)
}

/// What a message says, and what is attached under which name.
struct Said<'a> {
    /// The report, which may be cut.
    text: String,
    /// What stands after it in the text, and may not.
    end: String,
    page: Option<html::Page>,
    rest: Rest<'a>,
    name: String,
}

/// What stands above a message.
struct Head<'a> {
    envelope: &'a Envelope,
    id: &'a str,
    /// The first message of its thread, if it is not the first itself.
    first: Option<String>,
    created: WallTime,
    subject: String,
    domain: String,
}

fn write(head: Head<'_>, said: Said<'_>) -> Result<Vec<u8>, ComposeError> {
    let Said { text, end, page, rest, name } = said;
    let written = u64::try_from(head.created.0).unwrap_or(0);
    let mut builder = Message::builder()
        .from(mailbox(&head.envelope.from)?)
        .subject(head.subject)
        .date(UNIX_EPOCH + Duration::from_micros(written))
        .message_id(Some(format!("<{}>", head.id)))
        .header(AutoSubmitted)
        .header(ListId(format!("<conntriage.{}>", head.domain)));
    for address in &head.envelope.to {
        builder = builder.to(mailbox(address)?);
    }
    if let Some(first) = head.first {
        let first = format!("<{first}>");
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    let text = quoted(ContentType::TEXT_PLAIN, words::cut(text, TEXT_MAX, &rest.whereabouts()) + &end);
    // Boundaries are given, not drawn: the same content gives the same bytes.
    let alternatives = page.map(|page| {
        MultiPart::alternative()
            .boundary(boundary('a', head.id))
            .singlepart(text.clone())
            .multipart(illustrated(page, head.id))
    });
    let attached = rest.attached.map(|json| {
        let json_type = ContentType::parse("application/json").unwrap_or(ContentType::TEXT_PLAIN);
        Attachment::new(name).body(json.to_owned(), json_type)
    });
    let mixed = || MultiPart::mixed().boundary(boundary('m', head.id));
    let message = match (alternatives, attached) {
        (None, None) => builder.singlepart(text)?,
        (Some(both), None) => builder.multipart(both)?,
        (None, Some(json)) => builder.multipart(mixed().singlepart(text).singlepart(json))?,
        (Some(both), Some(json)) => builder.multipart(mixed().multipart(both).singlepart(json))?,
    };
    Ok(message.formatted())
}

/// A page with its pictures.
fn illustrated(page: html::Page, id: &str) -> MultiPart {
    let parts = MultiPart::related().boundary(boundary('r', id));
    let parts = parts.singlepart(quoted(ContentType::TEXT_HTML, page.html));
    page.pictures.into_iter().zip(1..).fold(parts, |parts, (picture, number): (_, u32)| {
        let png = ContentType::parse("image/png").unwrap_or(ContentType::TEXT_PLAIN);
        let inline = Attachment::new_inline_with_name(picture.id, format!("timeline-{number}.png"));
        parts.singlepart(inline.body(Body::new(picture.bytes), png))
    })
}

fn quoted(content: ContentType, words: String) -> SinglePart {
    SinglePart::builder().header(content).header(ContentTransferEncoding::QuotedPrintable).body(words)
}

fn mailbox(address: &str) -> Result<Mailbox, ComposeError> {
    let wrong = |error: lettre::address::AddressError| ComposeError::Address {
        address: address.to_owned(),
        why: error.to_string(),
    };
    address.parse().map_err(wrong)
}

/// A line that no part begins with (RFC 2046 §5.1.1: at most 70 characters): quoted-printable text holds no `=_`.
fn boundary(which: char, id: &str) -> String {
    let safe = id.chars().filter(char::is_ascii_alphanumeric).take(48);
    format!("=_{which}_{}", safe.collect::<String>())
}

/// What a message is about, in a word.
fn kind(about: About) -> &'static str {
    match about {
        About::Opened(_) => "opened",
        About::Evidence(_) => "evidence",
        About::Digest(_) => "digest",
        About::Closed(_) => "closed",
        About::Reopened(_) => "reopened",
        About::Backlog => "backlog",
        About::Summary => "summary",
    }
}

#[cfg(test)]
mod tests;
