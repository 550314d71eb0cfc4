//! The connection to a relay: bytes with a deadline, replies with a bound, and the change from plain to TLS.
//!
//! Own code, although lettre has a connection: its timeout is for each read, so that a relay that drips never meets it;
//! one value serves for connecting (where ten seconds tell a full table) and for the greeting (which may take five
//! minutes); it reads a line to its end, however long; and what arrived in the clear behind the answer to STARTTLS is
//! taken for what was said inside TLS (RFC 3207 §6 wants it thrown away); and it knows no reply whose second digit is above
//! five, although relays say 571. Commands, EHLO and AUTH are lettre's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::super::tls;

/// Bytes of a line of a reply. RFC 5321 §4.5.3.1.5 has 512; some relays say more.
const LINE_MAX: usize = 2_048;
/// Bytes of a whole reply.
const REPLY_MAX: usize = 64 << 10;
/// Bytes that are read at once.
const BLOCK: usize = 4_096;
/// Characters of a relay's words that are kept.
const WORDS_MAX: usize = 300;

/// Why the talk cannot go on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The way is broken: it may be whole again later.
    Way(String),
    /// TLS, or what stands for it: a person has to change something.
    Lock(String),
}

/// What a relay answered.
#[derive(Debug)]
pub(super) struct Reply {
    /// Its code.
    pub(super) code: u16,
    /// Code and words, fit to be shown.
    pub(super) words: String,
    /// Its lines, without their codes and without blanks around them.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// 2xx.
    pub(super) fn is_good(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx: more is wanted.
    pub(super) fn wants_more(&self) -> bool {
        self.code / 100 == 3
    }

    /// 5xx.
    pub(super) fn is_for_good(&self) -> bool {
        self.code / 100 == 5
    }
}

/// A TCP connection on which nothing takes longer than until a moment.
#[derive(Debug)]
struct Timed {
    tcp: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A timeout of a socket looks like one that must not block.
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.left()?))?;
        self.tcp.read(into).map_err(in_time)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.left()?))?;
        self.tcp.write(bytes).map_err(in_time)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// In the clear, or inside TLS.
#[derive(Debug)]
enum Way {
    Plain(Timed),
    Locked(Box<StreamOwned<ClientConnection, Timed>>),
}

/// The connection.
#[derive(Debug)]
pub(super) struct Channel {
    way: Way,
    /// Read, and not yet part of a reply.
    ahead: Vec<u8>,
}

impl Channel {
    /// Connects, within so long.
    pub(super) fn connect(to: SocketAddr, patience: Duration) -> io::Result<Self> {
        let tcp = TcpStream::connect_timeout(&to, patience)?;
        tcp.set_nodelay(true)?;
        let timed = Timed { tcp, until: Instant::now() + patience };
        Ok(Self { way: Way::Plain(timed), ahead: Vec::new() })
    }

    /// Whether it is inside TLS.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self.way, Way::Locked(_))
    }

    /// Begins TLS, and ends the handshake: the certificate is verified when this is done. Says version and suite.
    pub(super) fn lock(
        self,
        config: Arc<ClientConfig>,
        name: &str,
        patience: Duration,
    ) -> Result<(Self, String), Trouble> {
        let Way::Plain(mut timed) = self.way else {
            return Err(Trouble::Lock("TLS has begun already".to_owned()));
        };
        if !self.ahead.is_empty() {
            let why =
                "more than the answer to STARTTLS came before TLS began: somebody on the way put it there";
            return Err(Trouble::Lock(why.to_owned()));
        }
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| Trouble::Lock(format!("{name}: no certificate can be made out to such a name")))?;
        let mut tls =
            ClientConnection::new(config, server).map_err(|error| Trouble::Lock(error.to_string()))?;
        timed.until = Instant::now() + patience;
        while tls.is_handshaking() {
            tls.complete_io(&mut timed).map_err(|error| trouble(&error))?;
        }
        let version = match tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            other => format!("{other:?}"),
        };
        let suite = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let said = format!("{version}, {}", suite.unwrap_or("a suite without a name"));
        let way = Way::Locked(Box::new(StreamOwned::new(tls, timed)));
        Ok((Self { way, ahead: Vec::new() }, said))
    }

    /// Sends, within so long.
    pub(super) fn send(&mut self, bytes: &[u8], patience: Duration) -> Result<(), Trouble> {
        self.until(patience);
        let sent = match &mut self.way {
            Way::Plain(timed) => timed.write_all(bytes).and_then(|()| timed.flush()),
            Way::Locked(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        };
        sent.map_err(|error| trouble(&error))
    }

    /// Reads one reply, within so long.
    pub(super) fn reply(&mut self, patience: Duration) -> Result<Reply, Trouble> {
        self.until(patience);
        let mut lines: Vec<String> = Vec::new();
        let mut bytes = 0;
        loop {
            let line = self.line()?;
            bytes += line.len();
            if bytes > REPLY_MAX {
                return Err(Trouble::Way(format!("the relay's reply is longer than {REPLY_MAX} bytes")));
            }
            let is_code = line.len() >= 3 && line.bytes().take(3).all(|byte| byte.is_ascii_digit());
            let last = match line.as_bytes().get(3) {
                None | Some(b' ') => true,
                Some(b'-') => false,
                Some(_) => return Err(nonsense(&line)),
            };
            if !is_code {
                return Err(nonsense(&line));
            }
            lines.push(line);
            if last {
                return understood(&lines);
            }
        }
    }

    /// A line without its end. What is not UTF-8 is replaced: old relays greet in Latin-1.
    fn line(&mut self) -> Result<String, Trouble> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line);
                return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.ahead.len() > LINE_MAX {
                return Err(Trouble::Way(format!("the relay's line has no end after {LINE_MAX} bytes")));
            }
            let mut block = [0; BLOCK];
            let read = match &mut self.way {
                Way::Plain(timed) => timed.read(&mut block),
                Way::Locked(tls) => tls.read(&mut block),
            };
            match read {
                Ok(0) => return Err(Trouble::Way("the relay closed the connection".to_owned())),
                Ok(read) => self.ahead.extend(block.iter().take(read)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
    }

    fn until(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        match &mut self.way {
            Way::Plain(timed) => timed.until = until,
            Way::Locked(tls) => tls.sock.until = until,
        }
    }
}

fn nonsense(line: &str) -> Trouble {
    Trouble::Way(format!("what the relay says is no SMTP: {}", shown(line)))
}

/// RFC 5321 §4.2.1: the first digit says what an answer means, and the others may be any.
fn understood(lines: &[String]) -> Result<Reply, Trouble> {
    let mut code: Option<u16> = None;
    for line in lines {
        let own = line.get(..3).and_then(|code| code.parse::<u16>().ok());
        match (own.filter(|own| (200..600).contains(own)), code) {
            (Some(own), Some(before)) if own / 100 != before / 100 => return Err(nonsense(line)),
            (Some(own), _) => code = Some(own),
            (None, _) => return Err(nonsense(line)),
        }
    }
    let code = code.ok_or_else(|| nonsense(""))?;
    let lines: Vec<String> =
        lines.iter().map(|line| line.get(4..).unwrap_or_default().trim().to_owned()).collect();
    let words: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    Ok(Reply { code, words: shown(&format!("{code} {}", words.join(" "))), lines })
}

/// A relay's words, bounded and without what moves a cursor.
fn shown(words: &str) -> String {
    let clean = |c: char| if c.is_control() { '?' } else { c };
    let mut shown: String = words.trim().chars().take(WORDS_MAX).map(clean).collect();
    if words.trim().chars().nth(WORDS_MAX).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

/// What went wrong on the way, and whether a person has to do something about it.
fn trouble(error: &io::Error) -> Trouble {
    match (tls::inside(error), error.kind()) {
        (Some(error), _) if tls::is_for_a_person(error) => Trouble::Lock(error.to_string()),
        (Some(error), _) => Trouble::Way(error.to_string()),
        (None, io::ErrorKind::TimedOut) => Trouble::Way("the relay did not answer in time".to_owned()),
        (None, io::ErrorKind::UnexpectedEof) => Trouble::Way("the relay closed the connection".to_owned()),
        _ => Trouble::Way(error.to_string()),
    }
}

/// A message as DATA takes it: lines end with CRLF, one that begins with a dot has another in front (RFC 5321 §4.5.2).
pub(super) fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 64 + 2);
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Reply {
        understood(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn replies_of_any_relay_are_read() {
        assert_eq!(read(&["250"]).code, 250);
        assert_eq!(read(&["250-relay", "250-   ", "250 SIZE"]).words, "250 relay SIZE");
        assert_eq!(read(&["550 5.1.1 no\x1b[2J\u{fffd}"]).words, "550 5.1.1 no?[2J\u{fffd}");
        assert!(read(&[&format!("550 {}", "x".repeat(1_000))]).words.len() < 400);
        for code in [571, 599, 488, 290, 251] {
            let read = read(&[&format!("{code}-first"), &format!("{code} 5.7.1 second")]);
            assert_eq!((read.code, read.words.as_str()), (code, &*format!("{code} first 5.7.1 second")));
        }
        for no_smtp in ["000 a", "199 a", "600 a", "999 a"] {
            assert!(understood(&[no_smtp.to_owned()]).is_err(), "{no_smtp}");
        }
        let mixed = understood(&["250-a".to_owned(), "550 b".to_owned()]);
        assert!(mixed.is_err(), "{mixed:?}");
    }

    #[test]
    fn no_line_of_a_message_ends_it() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n");
        assert_eq!(stuffed(b"a\n.\nb"), b"a\r\n..\r\nb\r\n");
        assert_eq!(stuffed(b".\r\n"), b"..\r\n");
        assert_eq!(stuffed(b""), b"\r\n");
        assert_eq!(stuffed(b"a\r\n\r\n"), b"a\r\n\r\n");
    }
}
