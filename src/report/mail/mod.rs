//! The report view → a message: its final bytes, which stay the same on every attempt.
//!
//! Host names and log text are strangers' words: they are escaped before they come near a header, and only the
//! configuration names addresses. Lines stay below 998 bytes (RFC 5322 §2.1.1): the text is quoted-printable.

mod headers;
mod words;

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};

use crate::model::live::intent::{About, Notice};
use crate::model::live::message::Owed;
use crate::model::report::Report;
use crate::model::time::WallTime;

use headers::{AutoSubmitted, ListId};

/// Bytes of the text; what is longer is cut at a line, and says so.
const TEXT_MAX: usize = 64 << 10;
/// Bytes of the report that is attached; a larger one is left out, and the text says so.
const ATTACHED_MAX: usize = 1 << 20;

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

/// Writes a message.
pub fn compose(content: &Content<'_>) -> Result<Vec<u8>, ComposeError> {
    let owed = content.owed;
    let domain = words::domain(content.host);
    let written = u64::try_from(owed.created.0).unwrap_or(0);
    let mut builder = Message::builder()
        .from(mailbox(&owed.envelope.from)?)
        .subject(words::subject(content))
        .date(UNIX_EPOCH + Duration::from_micros(written))
        .message_id(Some(format!("<{}>", owed.id)))
        .header(AutoSubmitted)
        .header(ListId(format!("<conntriage.{domain}>")));
    for address in &owed.envelope.to {
        builder = builder.to(mailbox(address)?);
    }
    if let (Some(incident), 2..) = (&owed.incident, owed.notice.ordinal) {
        let first = format!("<{}>", thread_id(incident, 1, &domain));
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    let attached = content.json.filter(|json| json.len() <= ATTACHED_MAX);
    let mut text = words::body(content);
    if attached.is_none() && content.json.is_some() {
        text.push_str("The report as JSON is larger than 1 MiB and is not attached.\n");
    }
    let text = SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(words::cut(text, TEXT_MAX));
    let message = match attached {
        None => builder.singlepart(text)?,
        Some(json) => {
            // Given, not drawn: the same content gives the same bytes.
            let parts = MultiPart::mixed().boundary(boundary(&owed.id)).singlepart(text);
            let json_type = ContentType::parse("application/json").unwrap_or(ContentType::TEXT_PLAIN);
            let name = format!("conntriage-{}.json", owed.incident.as_deref().unwrap_or("report"));
            builder.multipart(parts.singlepart(Attachment::new(name).body(json.to_owned(), json_type)))?
        }
    };
    Ok(message.formatted())
}

fn mailbox(address: &str) -> Result<Mailbox, ComposeError> {
    let wrong = |error: lettre::address::AddressError| ComposeError::Address {
        address: address.to_owned(),
        why: error.to_string(),
    };
    address.parse().map_err(wrong)
}

/// A line that no part begins with (RFC 2046 §5.1.1: at most 70 characters): quoted-printable text holds no `=_`.
fn boundary(id: &str) -> String {
    let safe = id.chars().filter(char::is_ascii_alphanumeric).take(48);
    format!("=_{}", safe.collect::<String>())
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
