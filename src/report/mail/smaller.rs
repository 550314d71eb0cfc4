//! A message without what is attached, made of its final bytes: for a relay that finds it too large. Headers and text stay
//! as they are, and the Message-ID with them.

/// What is said at the end of the text instead.
const SAID: &str = "\r\n(What was attached is left out: the relay found the whole message too large.)\r\n";

/// Headers of the whole that speak of its parts; those of the text take their place.
const OF_PARTS: [&str; 2] = ["content-type:", "content-transfer-encoding:"];

/// Parts within parts, at most: the text stands first in what is said twice, and that first in the whole.
const DEEP_MAX: usize = 3;

/// The same message with its text alone, which is the first part in each of its parts; none: it has no parts.
pub fn without_attachments(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = std::str::from_utf8(bytes).ok()?;
    let (head, body) = whole.split_once("\r\n\r\n")?;
    let (mut of_text, mut text) = first_part(head, body)?;
    for _ in 1..DEEP_MAX {
        let Some(inner) = first_part(of_text, text) else { break };
        (of_text, text) = inner;
    }
    let kept = headers(head).filter(|header| {
        let name = header.to_ascii_lowercase();
        !OF_PARTS.iter().any(|known| name.starts_with(known))
    });
    let head: Vec<&str> = kept.chain(headers(of_text)).collect();
    Some(format!("{}\r\n\r\n{text}{SAID}", head.join("\r\n")).into_bytes())
}

/// Headers and content of the first of several parts.
fn first_part<'a>(head: &str, body: &'a str) -> Option<(&'a str, &'a str)> {
    let kind = headers(head).find(|header| header.to_ascii_lowercase().starts_with("content-type:"))?;
    let boundary = kind.split_once("boundary=\"")?.1.split('"').next()?;
    let parts = body.strip_prefix(&format!("--{boundary}\r\n"))?;
    let (first, _) = parts.split_once(&format!("\r\n--{boundary}"))?;
    first.split_once("\r\n\r\n")
}

/// Headers, each with the lines that it goes on in.
fn headers(head: &str) -> impl Iterator<Item = &str> {
    let mut rest = head;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = rest.match_indices("\r\n").map(|(at, _)| at);
        let goes_on = |at: &usize| rest.get(at + 2..).is_some_and(|next| next.starts_with([' ', '\t']));
        let end = ends.into_iter().find(|at| !goes_on(at)).unwrap_or(rest.len());
        let header = rest.get(..end)?;
        rest = rest.get(end + 2..).unwrap_or_default();
        Some(header)
    })
}
