//! One message to one address by HTTP: a POST, and what its answer means. Only the sender does so, in a process of its own
//! for each, and never the watcher.
//!
//! Nothing is followed elsewhere (redirects, proxies of the environment), every wait has an end, and of the answer so much
//! is read as a person would: whoever answers may be anybody.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use zeroize::Zeroizing;

use super::{secret, tls};
use crate::model::live::attempt::Post;
use crate::model::live::message::Fate;

/// How long an attempt may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To resolve the name, and to connect. A full table shows as silence.
    pub connect: Duration,
    /// For all of it.
    pub whole: Duration,
}

/// As it is outside of tests.
pub const PATIENCE: Patience = Patience { connect: Duration::from_secs(10), whole: Duration::from_mins(1) };

/// The process that posts has so long: twice, where it posts once more without the report, and a little for itself.
pub const WALL: Duration = Duration::from_secs(130);

/// Bytes of an answer that are read, its headers and its body each.
const ANSWER_MAX: usize = 64 << 10;
/// Characters of an answer that are told.
const TOLD_MAX: usize = 200;

/// "Content Too Large" (RFC 9110 §15.5.14).
const TOO_LARGE: u16 = 413;

/// Posts a message as JSON; what became of it. Where it is too large it goes once more without its report.
pub fn post(post: &Post, patience: Patience) -> Fate {
    match (once(post, &post.bytes, patience), &post.smaller) {
        (Ok(Answer { code: TOO_LARGE, .. }), Some(smaller)) => judged(once(post, smaller, patience)),
        (answer, _) => judged(answer),
    }
}

/// What a server answered.
struct Answer {
    code: u16,
    /// Beside a code that is no yes.
    said: Vec<u8>,
}

fn judged(answer: Result<Answer, Fate>) -> Fate {
    answer.map_or_else(|fate| fate, |answer| judge(answer.code, &answer.said))
}

fn once(post: &Post, bytes: &[u8], patience: Patience) -> Result<Answer, Fate> {
    let agent = agent(&post.url, patience).map_err(Fate::Misconfigured)?;
    let mut request = agent
        .post(&post.url)
        .header("Content-Type", "application/json")
        // The same on every attempt: whoever has it already can tell.
        .header("Idempotency-Key", &post.id);
    if let Some(path) = &post.token {
        let token = secret::read(path).map_err(Fate::Misconfigured)?;
        if token.chars().any(|c| !c.is_ascii_graphic()) {
            let why = "its first line is no token (letters, digits and signs of ASCII)";
            return Err(Fate::Misconfigured(format!("{}: {why}", path.display())));
        }
        // ureq's own copy is not wiped: it has no way to.
        let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
        request = request.header("Authorization", bearer.as_str());
    }
    let answer = request.send(bytes).map_err(|error| failed(&error, patience))?;
    let (code, mut body) = (answer.status().as_u16(), answer.into_body());
    // The code is the answer. What is said beside it is for a person, if it can be read.
    let limit = ANSWER_MAX.try_into().unwrap_or(u64::MAX);
    let said = if code / 100 == 2 {
        Vec::new()
    } else {
        body.with_config().limit(limit).read_to_vec().unwrap_or_default()
    };
    Ok(Answer { code, said })
}

fn agent(url: &str, patience: Patience) -> Result<Agent, String> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("conntriage/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(ANSWER_MAX)
        .max_idle_connections(0)
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_global(Some(patience.whole));
    let config = if url.starts_with("https://") { config.tls_config(trust()?) } else { config };
    Ok(config.build().new_agent())
}

/// Whom this machine trusts, as for mail.
fn trust() -> Result<TlsConfig, String> {
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<Certificate<'static>> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if certificates.is_empty() {
        return Err("no certificate authority is known to this machine: install ca-certificates".to_owned());
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

/// What a code means. That a request is wrong stays so; that there are too many, or that it took too long, does not.
fn judge(code: u16, said: &[u8]) -> Fate {
    let words: String = String::from_utf8_lossy(said).trim().chars().take(TOLD_MAX).collect();
    let why = if words.is_empty() { format!("HTTP {code}") } else { format!("HTTP {code}: {words}") };
    match code {
        200..=299 => Fate::Taken,
        300..=399 => {
            Fate::Misconfigured(format!("{why} (redirects are not followed: configure where it leads)"))
        }
        // A wrong token, a wrong address: once a person has put it right, the message is as good as before.
        401 | 403 | 404 | 405 | 407 => Fate::Misconfigured(why),
        408 | 429 => Fate::NotNow(why),
        400..=499 => Fate::Never(why),
        _ => Fate::NotNow(why),
    }
}

fn failed(error: &Error, patience: Patience) -> Fate {
    match error {
        Error::Timeout(what) => Fate::NotNow(format!(
            "no answer in time ({what}; at most {} s; so looks a full table of this machine, too)",
            patience.whole.as_secs()
        )),
        Error::HostNotFound => Fate::NotNow("its name cannot be resolved".to_owned()),
        Error::BadUri(_) | Error::Http(_) => {
            Fate::Misconfigured("is no address that can be posted to".to_owned())
        }
        Error::Rustls(error) => locked_out(error),
        // What TLS has to say comes as an error of the way, mostly.
        Error::Io(error) => match tls::inside(error) {
            Some(error) => locked_out(error),
            None => Fate::NotNow(error.to_string()),
        },
        other => Fate::NotNow(other.to_string()),
    }
}

fn locked_out(error: &rustls::Error) -> Fate {
    let why = format!("TLS: {error}");
    if tls::is_for_a_person(error) { Fate::Misconfigured(why) } else { Fate::NotNow(why) }
}
