//! What is tried in thought (`--what-if`), beside settings: things done to traffic. How one is written is here, so
//! that it is read and shown in one form.

use std::fmt;
use std::net::IpAddr;

use super::census::{LeaderKey, Pair, Peer};
use super::flow::L4;

/// Something done to traffic, in thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// A source opens no connection any more, and its entries are deleted: `remove=192.0.2.1`.
    Remove(IpAddr),
    /// Everybody keeps the connections to a peer open and uses them again: `reuse=192.0.2.2:3128`.
    Reuse(Peer),
    /// The connections of a pair are taken out of tracking, both directions, and their entries deleted:
    /// `notrack=192.0.2.1>192.0.2.2:3128`.
    Untrack(Pair),
}

impl Deed {
    /// Keys of all deeds.
    pub const KEYS: [&str; 3] = ["remove", "reuse", "notrack"];

    /// Its key.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Remove(_) => "remove",
            Self::Reuse(_) => "reuse",
            Self::Untrack(_) => "notrack",
        }
    }

    /// What a table must be asked for, key by key, to answer all of these together: what each deed is done to, and
    /// what two of them share.
    pub fn asks(deeds: &[Self]) -> Vec<LeaderKey> {
        let mut keys = Vec::new();
        for deed in deeds {
            keys.push(match *deed {
                Self::Remove(source) => LeaderKey::Source(source),
                Self::Reuse(peer) => LeaderKey::Peer(peer),
                Self::Untrack(pair) => LeaderKey::Pair(pair),
            });
            let Self::Reuse(peer) = *deed else { continue };
            keys.extend(deeds.iter().filter_map(|other| match *other {
                Self::Remove(source) => Some(LeaderKey::Pair(Pair { source, peer })),
                _ => None,
            }));
        }
        keys
    }
}

/// As it is typed; TCP is not named.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key())?;
        match self {
            Self::Remove(source) => write!(f, "{source}"),
            Self::Reuse(peer) => write_peer(f, peer),
            Self::Untrack(pair) => {
                write!(f, "{}>", pair.source)?;
                write_peer(f, &pair.peer)
            }
        }
    }
}

fn write_peer(f: &mut fmt::Formatter<'_>, peer: &Peer) -> fmt::Result {
    match (peer.address, peer.port) {
        (IpAddr::V6(address), Some(port)) => write!(f, "[{address}]:{port}")?,
        (IpAddr::V4(address), Some(port)) => write!(f, "{address}:{port}")?,
        (address, None) => write!(f, "{address}")?,
    }
    if peer.l4 == L4::TCP { Ok(()) } else { write!(f, "/{}", peer.l4.label()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_deeds_share_is_asked_for() {
        let source = IpAddr::from([192, 0, 2, 1]);
        let peer = Peer { address: IpAddr::from([192, 0, 2, 2]), port: Some(80), l4: L4::TCP };
        let asked = Deed::asks(&[Deed::Remove(source), Deed::Reuse(peer)]);
        for key in [LeaderKey::Source(source), LeaderKey::Peer(peer), LeaderKey::Pair(Pair { source, peer })]
        {
            assert!(asked.contains(&key), "{key:?}");
        }
    }
}
