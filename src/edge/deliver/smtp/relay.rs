//! Where a relay is, and the way there. While a table is full no name can be resolved (the query is dropped like any other
//! packet that would open a connection), so that addresses are remembered; the certificate is held against the name all
//! the same.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

use super::channel::Channel;
use super::{Patience, Talk};
use crate::model::live::attempt::{Relay, Stage};
use crate::model::live::config::Tls;
use crate::model::live::message::Fate;

/// Addresses that are tried.
const ADDRESSES_MAX: usize = 8;

/// Addresses, and whether a resolver gave them.
pub(super) struct Place {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) resolved: bool,
}

/// Where the relay is.
pub(super) fn find(talk: &mut Talk<'_>, relay: &Relay, patience: &Patience) -> Result<Place, Fate> {
    if let Some(address) = literal(&relay.host) {
        return Ok(Place { addresses: vec![address], resolved: false });
    }
    if relay.recent && !relay.known.is_empty() {
        talk.step(Stage::Resolve, true, format!("{}: remembered: {}", relay.host, list(&relay.known)));
        return Ok(Place { addresses: relay.known.clone(), resolved: false });
    }
    ask(talk, relay, patience)
}

/// Asks the resolver; where it has no answer, what is remembered holds.
pub(super) fn ask(talk: &mut Talk<'_>, relay: &Relay, patience: &Patience) -> Result<Place, Fate> {
    let why = match resolve(&relay.host, relay.port, patience.resolve) {
        Ok(mut addresses) => {
            // The one that worked last goes first.
            if let Some(at) = relay.known.first().and_then(|known| addresses.iter().position(|a| a == known))
            {
                let last = addresses.remove(at);
                addresses.insert(0, last);
            }
            addresses.truncate(ADDRESSES_MAX);
            talk.step(Stage::Resolve, true, format!("{}: {}", relay.host, list(&addresses)));
            return Ok(Place { addresses, resolved: true });
        }
        Err(why) => why,
    };
    let said = format!("{}: {why}", relay.host);
    if relay.known.is_empty() {
        talk.step(Stage::Resolve, false, said.clone());
        return Err(Fate::NotNow(said));
    }
    talk.step(Stage::Resolve, true, format!("{said}; remembered: {}", list(&relay.known)));
    Ok(Place { addresses: relay.known.clone(), resolved: false })
}

/// A host that is an address already; IPv6 with or without brackets.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Addresses of a host. A resolver that never comes back is not waited for.
pub fn resolve(host: &str, port: u16, patience: Duration) -> Result<Vec<IpAddr>, String> {
    if let Some(address) = literal(host) {
        return Ok(vec![address]);
    }
    let (to, from) = mpsc::channel();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
        // Nobody may be waiting any more.
        let _ = to.send(found);
    });
    match from.recv_timeout(patience) {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.iter().map(SocketAddr::ip) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            if addresses.is_empty() { Err("has no address".to_owned()) } else { Ok(addresses) }
        }
        Ok(Err(error)) => Err(format!("cannot be resolved: {error}")),
        Err(_) => Err(format!("could not be resolved within {} s", patience.as_secs())),
    }
}

/// Connects to the first address that answers; it is first in what is remembered then.
pub(super) fn connect(
    talk: &mut Talk<'_>,
    relay: &Relay,
    patience: &Patience,
) -> Result<(Channel, Place), Fate> {
    let mut place = find(talk, relay, patience)?;
    let mut asked = place.resolved || literal(&relay.host).is_some();
    let mut tried: Vec<IpAddr> = Vec::new();
    let mut last = Fate::NotNow(format!("{}: has no address", relay.host));
    loop {
        for (at, address) in place.addresses.clone().into_iter().enumerate() {
            if tried.contains(&address) {
                continue;
            }
            tried.push(address);
            if relay.tls == Tls::None && !address.is_loopback() {
                let why = format!(
                    "{address} is not of this machine: without TLS (mail.tls = \"none\") nothing is sent there"
                );
                talk.step(Stage::Configuration, false, why.clone());
                return Err(Fate::Misconfigured(why));
            }
            let to = SocketAddr::new(address, relay.port);
            match Channel::connect(to, patience.connect) {
                Ok(channel) => {
                    talk.step(Stage::Connect, true, to.to_string());
                    place.addresses.swap(0, at);
                    return Ok((channel, place));
                }
                Err(error) => {
                    let why = format!("{to}: {}", refused(&error, patience.connect));
                    talk.step(Stage::Connect, false, why.clone());
                    last = Fate::NotNow(why);
                }
            }
        }
        // It may have moved since it was remembered.
        if asked {
            return Err(last);
        }
        asked = true;
        place = ask(talk, relay, patience)?;
    }
}

fn refused(error: &io::Error, patience: Duration) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => format!(
            "no answer within {} s (so looks a full table of this machine, too)",
            patience.as_secs()
        ),
        io::ErrorKind::PermissionDenied => {
            "the kernel refuses the packet (a full table does so, and so do rules and IPAddressDeny= of the unit)"
                .to_owned()
        }
        _ => error.to_string(),
    }
}
