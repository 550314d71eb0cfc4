//! One message to one address by HTTP: a POST, and what its answer means. Only the sender does so, never the watcher.
//!
//! Nothing is followed elsewhere (redirects, proxies of the environment), every wait has an end, and of the answer so much
//! is read as a person would: whoever answers may be anybody.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use super::secret;
use crate::model::live::message::{Fate, Letter};

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

/// Bytes of an answer that are read, its headers and its body each.
const ANSWER_MAX: usize = 64 << 10;
/// Characters of an answer that are told.
const TOLD_MAX: usize = 200;

/// Posts a message as JSON; what became of it. `token`: a file whose first line is the bearer token.
pub fn post(url: &str, token: Option<&Path>, letter: &Letter, patience: Patience) -> Fate {
    let agent = match agent(url, patience) {
        Ok(agent) => agent,
        Err(why) => return Fate::Misconfigured(why),
    };
    let mut request = agent
        .post(url)
        .header("Content-Type", "application/json")
        // The same on every attempt: whoever has it already can tell.
        .header("Idempotency-Key", &letter.id);
    if let Some(path) = token {
        match secret::read(path) {
            Ok(token) if token.chars().any(|c| !c.is_ascii_graphic()) => {
                let why = "its first line is no token (letters, digits and signs of ASCII)";
                return Fate::Misconfigured(format!("{}: {why}", path.display()));
            }
            Ok(token) => request = request.header("Authorization", format!("Bearer {token}")),
            Err(why) => return Fate::Misconfigured(why),
        }
    }
    match request.send(&letter.bytes[..]) {
        Ok(answer) => {
            let (code, mut body) = (answer.status().as_u16(), answer.into_body());
            // The code is the answer. What is said beside it is for a person, if it can be read.
            let limit = ANSWER_MAX.try_into().unwrap_or(u64::MAX);
            let said = if code / 100 == 2 {
                Vec::new()
            } else {
                body.with_config().limit(limit).read_to_vec().unwrap_or_default()
            };
            judge(code, &said)
        }
        Err(error) => failed(&error, patience),
    }
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
        Error::Rustls(error) => Fate::Misconfigured(format!("TLS: {error}")),
        Error::Io(error) => Fate::NotNow(error.to_string()),
        other => Fate::NotNow(other.to_string()),
    }
}
