//! A message is handed to a relay over SMTP: one attempt, step by step, each with its own patience (RFC 5321 §4.5.3.2).
//! Recipients fail one by one in one transaction: who is refused at RCPT is settled, the others get the message.
//!
//! What an answer means is decided here and nowhere else: 5xx is final only where it is about this message or this
//! recipient; about greeting, TLS and AUTH it is a matter of settings, and the message waits for a person. After the
//! final dot no silence is a no: the relay may have the message.

mod channel;
mod open;
mod relay;

use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::commands::{Auth, Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter, ServerInfo};
use lettre::transport::smtp::response::{Category, Code, Detail, Response, Severity};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::secret;
use crate::model::live::attempt::{Job, Outcome, Relay, Stage, Step, Told};
use crate::model::live::config::Tls;
use crate::model::live::message::{Envelope, Fate, Fates};
pub use relay::resolve;

use channel::{Channel, Reply, Trouble, stuffed};
use open::{Open, replaced};

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Resolving the name.
    pub resolve: Duration,
    /// TCP, for each address: a full table shows as silence.
    pub connect: Duration,
    /// The first word, and the answer to EHLO.
    pub greeting: Duration,
    /// The handshake.
    pub tls: Duration,
    /// STARTTLS, AUTH, MAIL, RCPT.
    pub command: Duration,
    /// DATA.
    pub data: Duration,
    /// A block of the message.
    pub block: Duration,
    /// The answer to the final dot: whoever gives up earlier sends everything twice.
    pub dot: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            resolve: seconds(10),
            connect: seconds(10),
            greeting: seconds(300),
            tls: seconds(60),
            command: seconds(300),
            data: seconds(120),
            block: seconds(180),
            dot: seconds(600),
        }
    }
}

/// Bytes that go out at once.
const BLOCK: usize = 16 << 10;
/// How long the relay may take to say goodbye: it has the message, and nobody needs the word.
const GOODBYE: Duration = Duration::from_secs(2);
/// Challenges of an AUTH.
const CHALLENGES_MAX: usize = 4;
/// Codes that ask for a login or for TLS, wherever they stand (RFC 4954 §6): no message is lost for them.
const LOGIN_WANTED: [u16; 4] = [530, 534, 535, 538];

/// Makes one attempt. What it would have come to is told each time that changes: whoever cuts it off knows what to make of
/// it. `tell` says whether anybody heard it.
pub fn attempt(job: &Job, patience: &Patience, tell: &mut dyn FnMut(&Told) -> bool) -> Outcome {
    let mut talk = Talk { tell, outcome: Outcome::default() };
    let fates = match go(&mut talk, job, patience) {
        Ok(fates) => fates,
        Err(fate) => {
            talk.outcome.shut = true;
            Outcome::all(&job.envelope.to, &fate).fates
        }
    };
    talk.outcome.fates = fates;
    talk.outcome
}

/// Who listens, and what is known about the relay so far.
struct Talk<'a> {
    tell: &'a mut dyn FnMut(&Told) -> bool,
    outcome: Outcome,
}

impl Talk<'_> {
    fn step(&mut self, stage: Stage, fine: bool, said: String) {
        (self.tell)(&Told::Step(Step { stage, fine, said }));
    }

    /// What it comes to if nothing more happens; whether anybody heard it.
    fn so_far(&mut self, fates: Fates) -> bool {
        let outcome = Outcome { fates, ..self.outcome.clone() };
        (self.tell)(&Told::Outcome(outcome))
    }

    /// A step that failed and ends the attempt.
    fn fails(&mut self, stage: Stage, fate: Fate) -> Fate {
        self.step(stage, false, words(&fate).to_owned());
        fate
    }
}

fn words(fate: &Fate) -> &str {
    match fate {
        Fate::Taken => "",
        Fate::NotNow(why) | Fate::Misconfigured(why) | Fate::Perhaps(why) | Fate::Never(why) => why,
    }
}

fn go(talk: &mut Talk<'_>, job: &Job, patience: &Patience) -> Result<Fates, Fate> {
    let relay = &job.relay;
    let how = match relay.tls {
        Tls::Required => "STARTTLS, or nothing is sent",
        Tls::Wrapper => "TLS from the first byte",
        Tls::None => "without TLS, to this machine alone",
    };
    talk.step(Stage::Configuration, true, format!("SMTP to {}, port {}: {how}", relay.host, relay.port));
    let login = login(talk, relay)?;
    let trust = match relay.tls {
        Tls::None => None,
        Tls::Required | Tls::Wrapper => {
            Some(trust().map_err(|why| talk.fails(Stage::Tls, Fate::Misconfigured(why)))?)
        }
    };
    let begin = |talk: &mut Talk<'_>| {
        let (channel, place) = relay::connect(talk, relay, patience)?;
        talk.outcome.addresses = place.addresses;
        talk.outcome.resolved = place.resolved;
        let mut session = greet(talk, job, patience, channel, trust.clone())?;
        if let Some(login) = &login {
            session.log_in(talk, login)?;
        }
        Ok(session)
    };
    let mut session = begin(talk)?;
    let mut bytes = &job.bytes;
    if let (Some(most), Some(smaller)) = (session.offers.size, &job.smaller) {
        // RFC 1870 §6: what is above the limit would be refused, be it at the end of all of it.
        let size = stuffed(bytes).len();
        if size > most {
            let said = format!("{size} bytes, and the relay takes {most}: without what is attached");
            talk.step(Stage::Content, true, said);
            bytes = smaller;
        }
    }
    let (mut fates, too_large) = session.transaction(talk, &job.envelope, bytes);
    let smaller = job.smaller.as_ref().filter(|smaller| *smaller != bytes);
    if let (Some(smaller), Some(why)) = (smaller, too_large) {
        let said = format!("too large for the relay ({why}): once more, without what is attached");
        talk.step(Stage::Content, true, said);
        // Whoever was refused before stays refused.
        let open = fates.iter().filter(|(_, fate)| *fate == Fate::Never(why.clone()));
        let to: Vec<String> = open.map(|(to, _)| to.clone()).collect();
        let rest = Envelope { from: job.envelope.from.clone(), to };
        // Some relays hang up on what is too large.
        let ready = match asked(&mut session.channel, &Rset.to_string(), patience.command) {
            Ok(reply) if reply.is_good() => Ok(()),
            _ => begin(talk).map(|again| session = again),
        };
        let later = match ready {
            Ok(()) => session.transaction(talk, &rest, smaller).0,
            Err(fate) => Outcome::all(&rest.to, &fate).fates,
        };
        fates = replaced(fates, &later);
    }
    talk.so_far(fates.clone());
    session.leave();
    Ok(fates)
}

/// The password is read before anybody is called.
fn login(talk: &mut Talk<'_>, relay: &Relay) -> Result<Option<Credentials>, Fate> {
    let Some(user) = &relay.user else { return Ok(None) };
    let Some(path) = &relay.password else {
        let why = "mail.user is set, and there is neither mail.password_file nor the credential smtp-password of systemd";
        return Err(talk.fails(Stage::Password, Fate::Misconfigured(why.to_owned())));
    };
    let password = secret::read(path).map_err(|why| talk.fails(Stage::Password, Fate::Misconfigured(why)))?;
    talk.step(Stage::Password, true, format!("read from {}", path.display()));
    // What lettre keeps of it, here and in its commands, is not wiped: it has no way to. The process ends soon.
    Ok(Some(Credentials::new(user.clone(), password.to_string())))
}

/// How many certificate authorities this machine trusts.
pub fn trusted() -> Result<usize, String> {
    roots().map(|roots| roots.len())
}

fn roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!("this machine trusts no certificate authority{why}: install ca-certificates"));
    }
    Ok(roots)
}

/// TLS 1.2 or later, and whom this machine trusts (`$SSL_CERT_FILE`, `$SSL_CERT_DIR`, else the system's store).
fn trust() -> Result<Arc<ClientConfig>, String> {
    let roots = roots()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// From the first word to what the relay offers inside TLS.
fn greet(
    talk: &mut Talk<'_>,
    job: &Job,
    patience: &Patience,
    mut channel: Channel,
    trust: Option<Arc<ClientConfig>>,
) -> Result<Session, Fate> {
    let relay = &job.relay;
    if let (Tls::Wrapper, Some(trust)) = (relay.tls, &trust) {
        channel = lock(talk, relay, patience, channel, Arc::clone(trust))?;
    }
    let banner = settings(talk, Stage::Greeting, "", channel.reply(patience.greeting))?;
    talk.step(Stage::Greeting, true, banner.words);
    let mut offers = hello(talk, job, patience, &mut channel)?;
    if let (Tls::Required, Some(trust)) = (relay.tls, trust) {
        if !offers.info.supports_feature(Extension::StartTls) {
            let why =
                "the relay does not offer STARTTLS: nothing is sent in the clear (mail.tls = \"required\")";
            return Err(talk.fails(Stage::Tls, Fate::Misconfigured(why.to_owned())));
        }
        let answer = asked(&mut channel, &Starttls.to_string(), patience.command);
        settings(talk, Stage::Tls, "STARTTLS: ", answer)?;
        channel = lock(talk, relay, patience, channel, trust)?;
        // What it said in the clear does not count.
        offers = hello(talk, job, patience, &mut channel)?;
    }
    Ok(Session { channel, offers, patience: *patience })
}

fn lock(
    talk: &mut Talk<'_>,
    relay: &Relay,
    patience: &Patience,
    channel: Channel,
    trust: Arc<ClientConfig>,
) -> Result<Channel, Fate> {
    let name = relay::literal(&relay.host).map_or_else(|| relay.host.clone(), |address| address.to_string());
    match channel.lock(trust, &name, patience.tls) {
        Ok((channel, said)) => {
            talk.step(Stage::Tls, true, format!("{said}; the certificate is valid for {name}"));
            Ok(channel)
        }
        Err(trouble) => Err(talk.fails(Stage::Tls, fate("TLS: ", trouble))),
    }
}

fn hello(talk: &mut Talk<'_>, job: &Job, patience: &Patience, channel: &mut Channel) -> Result<Offers, Fate> {
    // RFC 5321 §4.1.4: a machine without a full name gives an address.
    let id = if job.hello.contains('.') { ClientId::Domain(job.hello.clone()) } else { ClientId::default() };
    let answer = asked(channel, &Ehlo::new(id).to_string(), patience.greeting);
    let reply = settings(talk, Stage::Greeting, "EHLO: ", answer)?;
    // RFC 5321 §2.4: keywords are the same in any case; lettre knows the large ones.
    let lines: Vec<String> = reply.lines.iter().map(|line| line.to_ascii_uppercase()).collect();
    // RFC 1870 §3: zero is no limit.
    let size = lines.iter().find_map(|line| line.strip_prefix("SIZE ")?.trim().parse().ok());
    let good = Code::new(Severity::PositiveCompletion, Category::MailSystem, Detail::Zero);
    let info = ServerInfo::from_response(&Response::new(good, lines)).map_err(|_| {
        let why = "EHLO: the relay does not say its name".to_owned();
        talk.fails(Stage::Greeting, Fate::NotNow(why))
    })?;
    Ok(Offers { info, size: size.filter(|size| *size > 0) })
}

/// What a relay offers.
struct Offers {
    /// As lettre reads it.
    info: ServerInfo,
    /// Bytes of a message at most, if it says so.
    size: Option<usize>,
}

fn asked(channel: &mut Channel, command: &str, patience: Duration) -> Result<Reply, Trouble> {
    channel.send(command.as_bytes(), patience)?;
    channel.reply(patience)
}

/// A word about greeting, TLS or AUTH: no is a matter of settings, later is later.
fn settings(
    talk: &mut Talk<'_>,
    stage: Stage,
    what: &str,
    answer: Result<Reply, Trouble>,
) -> Result<Reply, Fate> {
    let fate = match answer {
        Ok(reply) if reply.is_good() => return Ok(reply),
        Ok(reply) if reply.is_for_good() => Fate::Misconfigured(format!("{what}{}", reply.words)),
        Ok(reply) => Fate::NotNow(format!("{what}{}", reply.words)),
        Err(trouble) => fate(what, trouble),
    };
    Err(talk.fails(stage, fate))
}

fn fate(what: &str, trouble: Trouble) -> Fate {
    match trouble {
        Trouble::Way(why) => Fate::NotNow(format!("{what}{why}")),
        Trouble::Lock(why) => Fate::Misconfigured(format!("{what}{why}")),
    }
}

/// A relay that was greeted.
struct Session {
    channel: Channel,
    offers: Offers,
    patience: Patience,
}

impl Session {
    fn log_in(&mut self, talk: &mut Talk<'_>, login: &Credentials) -> Result<(), Fate> {
        if !self.channel.is_locked() {
            let why = "a password is never sent without TLS";
            return Err(talk.fails(Stage::Login, Fate::Misconfigured(why.to_owned())));
        }
        let Some(mechanism) = self.offers.info.get_auth_mechanism(DEFAULT_MECHANISMS) else {
            let why = "the relay offers neither AUTH PLAIN nor AUTH LOGIN";
            return Err(talk.fails(Stage::Login, Fate::Misconfigured(why.to_owned())));
        };
        let wrong = |_| Fate::Misconfigured("AUTH: the relay asks for what is not known here".to_owned());
        let mut command = Auth::new(mechanism, login.clone(), None).map_err(wrong);
        for _ in 0..=CHALLENGES_MAX {
            let words = Zeroizing::new(command.map_err(|fate| talk.fails(Stage::Login, fate))?.to_string());
            let reply = match asked(&mut self.channel, &words, self.patience.command) {
                Ok(reply) if reply.wants_more() => reply,
                Ok(reply) if reply.is_good() && reply.code != 235 => {
                    let why = format!("AUTH: the relay's answer fits no question: {}", reply.words);
                    return Err(talk.fails(Stage::Login, Fate::NotNow(why)));
                }
                answer => {
                    let reply = settings(talk, Stage::Login, "AUTH: ", answer)?;
                    talk.step(Stage::Login, true, format!("AUTH {mechanism}: {}", reply.words));
                    return Ok(());
                }
            };
            let more = Code::new(Severity::PositiveIntermediate, Category::Unspecified3, Detail::Four);
            let challenge = Response::new(more, reply.lines);
            command = Auth::new_from_response(mechanism, login.clone(), &challenge).map_err(wrong);
        }
        let why = "AUTH: the relay asks without end".to_owned();
        Err(talk.fails(Stage::Login, Fate::NotNow(why)))
    }

    /// MAIL to the final dot. Also says if the message was too large, in the relay's words.
    fn transaction(
        &mut self,
        talk: &mut Talk<'_>,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> (Fates, Option<String>) {
        let mut open = Open::of(&envelope.to);
        let patience = self.patience;
        let sender = match envelope.from.parse::<Address>() {
            Ok(sender) => sender,
            Err(error) => {
                let why = format!("{}: is no mail address ({error})", envelope.from);
                return (open.all(&talk.fails(Stage::Sender, Fate::Misconfigured(why))), None);
            }
        };
        let eight = !bytes.is_ascii() && self.offers.info.supports_feature(Extension::EightBitMime);
        let options = eight.then_some(MailParameter::Body(MailBodyParameter::EightBitMime));
        let mail = Mail::new(Some(sender), options.into_iter().collect());
        match asked(&mut self.channel, &mail.to_string(), patience.command) {
            Ok(reply) if reply.is_good() => {
                talk.step(Stage::Sender, true, format!("{}: {}", envelope.from, reply.words));
            }
            Ok(reply) => return refused(talk, open, Stage::Sender, "MAIL: ", &reply),
            Err(trouble) => return (open.all(&talk.fails(Stage::Sender, fate("MAIL: ", trouble))), None),
        }
        for to in &envelope.to {
            match self.recipient(to) {
                Ok(reply) => talk.step(Stage::Recipient, true, format!("{to}: {}", reply.words)),
                Err((fate, goes_on)) => {
                    talk.step(Stage::Recipient, false, format!("{to}: {}", words(&fate)));
                    if !goes_on {
                        return (open.all(&fate), None);
                    }
                    open.settle(to, &fate);
                }
            }
        }
        if open.is_empty() {
            return (open.all(&Fate::NotNow(String::new())), None);
        }
        match asked(&mut self.channel, &Data.to_string(), patience.data) {
            Ok(reply) if reply.wants_more() => {}
            Ok(reply) if reply.is_good() => {
                let why = format!("DATA: the relay's answer fits no question: {}", reply.words);
                return (open.all(&talk.fails(Stage::Content, Fate::NotNow(why))), None);
            }
            Ok(reply) => return refused(talk, open, Stage::Content, "DATA: ", &reply),
            Err(trouble) => return (open.all(&talk.fails(Stage::Content, fate("DATA: ", trouble))), None),
        }
        let stuffed = stuffed(bytes);
        for block in stuffed.chunks(BLOCK) {
            if let Err(trouble) = self.channel.send(block, patience.block) {
                // Whoever hangs up in the middle may have said why.
                if let Ok(reply) = self.channel.reply(GOODBYE) {
                    return refused(talk, open, Stage::Content, "in the message: ", &reply);
                }
                let fate = fate("in the message: ", trouble);
                return (open.all(&talk.fails(Stage::Content, fate)), None);
            }
        }
        talk.step(Stage::Content, true, format!("{} bytes were sent", stuffed.len()));
        // From here on the relay may have it.
        let lost =
            |why: &str| Fate::Perhaps(format!("the relay's answer to the whole message did not come: {why}"));
        if !talk.so_far(open.clone().all(&lost("the attempt ended before"))) {
            let why = "nobody hears what comes of it: the final dot was not sent".to_owned();
            return (open.all(&Fate::NotNow(why)), None);
        }
        let answer = match self.channel.send(b".\r\n", patience.block) {
            Ok(()) => self.channel.reply(patience.dot),
            Err(trouble) => Err(trouble),
        };
        match answer {
            Ok(reply) if reply.is_good() => {
                talk.step(Stage::Answer, true, reply.words);
                (open.all(&Fate::Taken), None)
            }
            Ok(reply) => refused(talk, open, Stage::Answer, "", &reply),
            Err(Trouble::Way(why) | Trouble::Lock(why)) => {
                (open.all(&talk.fails(Stage::Answer, lost(&why))), None)
            }
        }
    }

    /// RCPT. An error says whether the talk can go on.
    fn recipient(&mut self, to: &str) -> Result<Reply, (Fate, bool)> {
        let address = to.parse::<Address>();
        let address =
            address.map_err(|error| (Fate::Never(format!("is no mail address ({error})")), true))?;
        let command = Rcpt::new(address, Vec::new()).to_string();
        match asked(&mut self.channel, &command, self.patience.command) {
            Ok(reply) if reply.is_good() => Ok(reply),
            Ok(reply) if LOGIN_WANTED.contains(&reply.code) => Err((Fate::Misconfigured(reply.words), true)),
            // RFC 5321 §4.5.3.1.10: 552 at RCPT is an old word for too many of them.
            Ok(reply) if reply.is_for_good() && reply.code != 552 => Err((Fate::Never(reply.words), true)),
            Ok(reply) => Err((Fate::NotNow(reply.words), true)),
            Err(trouble) => Err((fate("RCPT: ", trouble), false)),
        }
    }

    /// Says goodbye; whether the relay does is no matter.
    fn leave(mut self) {
        if self.channel.send(Quit.to_string().as_bytes(), GOODBYE).is_ok() {
            let _ = self.channel.reply(GOODBYE);
        }
    }
}

/// A no to the whole message.
fn refused(
    talk: &mut Talk<'_>,
    open: Open,
    stage: Stage,
    what: &str,
    reply: &Reply,
) -> (Fates, Option<String>) {
    let why = format!("{what}{}", reply.words);
    // RFC 3463: 5.3.4 is too large for the system, 5.2.3 for the mailbox.
    let too_large = reply.code == 552
        || reply.is_for_good() && [" 5.3.4", " 5.2.3"].iter().any(|code| reply.words.contains(code));
    let fate = if LOGIN_WANTED.contains(&reply.code) {
        Fate::Misconfigured(why.clone())
    } else if reply.is_for_good() {
        Fate::Never(why.clone())
    } else {
        Fate::NotNow(why.clone())
    };
    (open.all(&talk.fails(stage, fate)), too_large.then_some(why))
}
