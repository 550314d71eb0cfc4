//! `conntriage.owners/1`: whose addresses and sockets they were, `owners.json` of a bundle.
//!
//! What a table alone cannot say, and what an hour later nobody can: the process, unit or container behind an address
//! while it was holding the table. Unknown fields are ignored.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::value::{moment, pretty};
use crate::model::census::{Pair, Peer};
use crate::model::counters::{NamedOwner, NamespaceHolder, OWNER_KINDS};
use crate::model::flow::L4;
use crate::model::time::WallTime;

/// Name and version of the format.
pub const SCHEMA: &str = "conntriage.owners/1";
/// A longer file is refused.
pub const BYTES_MAX: usize = 4 << 20;
/// Owners that are read; more are an error.
pub const OWNERS_MAX: usize = 4_096;

/// All that are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    /// When.
    pub taken_at: Option<WallTime>,
    /// Owners, the busiest source first.
    pub owners: Vec<Owner>,
    /// Who is in the network namespaces that were captured.
    pub namespaces: Vec<Holder>,
    /// What was asked and is not known, and why.
    pub not_known: Vec<(String, String)>,
}

/// Who is in a network namespace: the oldest process in it, or the name that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Inode of the namespace.
    pub inode: u64,
    /// `process`, `unit`, `container`; `namespace` where a name alone holds it.
    #[serde(default)]
    pub kind: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// Id of the container.
    #[serde(default)]
    pub id: Option<String>,
    /// UID of the pod.
    #[serde(default)]
    pub pod: Option<String>,
    /// Its process.
    #[serde(default)]
    pub process: Option<u32>,
    /// How it is known, in words.
    #[serde(default)]
    pub from: String,
}

/// Who holds an address, or the sockets between it and a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The address.
    pub address: IpAddr,
    /// The peer; none: whoever it talks to.
    pub peer: Option<Peer>,
    /// `process`, `unit`, `container`, `namespace`.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// Its id: of the container, the inode of the namespace.
    pub id: Option<String>,
    /// UID of the pod.
    pub pod: Option<String>,
    /// Its process.
    pub process: Option<u32>,
    /// Sockets that are its own, and those that nobody owns any more, by state.
    pub sockets: BTreeMap<String, u64>,
    /// How it is known, in words.
    pub from: String,
}

impl Owner {
    /// The pair it is about, where it is about one.
    pub fn pair(&self) -> Option<Pair> {
        self.peer.map(|peer| Pair { source: self.address, peer })
    }
}

impl Owners {
    /// As the diagnosis takes them; an owner of a kind that nobody knows is left out.
    pub fn named(&self) -> Vec<NamedOwner> {
        let named = |owner: &Owner| {
            let kind = OWNER_KINDS.into_iter().find(|kind| *kind == owner.kind)?;
            let process = owner.process.map(|process| process.to_string());
            Some(NamedOwner {
                address: owner.address,
                peer: owner.peer.map(|peer| (peer.address, peer.port)),
                kind,
                name: owner.name.as_str().into(),
                id: owner.id.clone().or(process).map(Into::into),
                from: owner.from.as_str().into(),
            })
        };
        self.owners.iter().filter_map(named).collect()
    }

    /// Who is in namespaces, as the diagnosis takes it.
    pub fn holders(&self) -> Vec<NamespaceHolder> {
        let named = |holder: &Holder| {
            let kind = OWNER_KINDS.into_iter().find(|kind| *kind == holder.kind)?;
            let process = holder.process.map(|process| process.to_string());
            Some(NamespaceHolder {
                inode: holder.inode,
                kind,
                name: holder.name.as_str().into(),
                id: holder.id.clone().or(process).map(Into::into),
                from: holder.from.as_str().into(),
            })
        };
        self.namespaces.iter().filter_map(named).collect()
    }
}

/// Reads it. An error says what is wrong.
pub fn read(json: &[u8]) -> Result<Owners, String> {
    if json.len() > BYTES_MAX {
        return Err(format!("owners of {} bytes: at most {BYTES_MAX} are read", json.len()));
    }
    let wire: Wire = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if wire.schema != SCHEMA {
        return Err(format!("schema {:?}: only {SCHEMA:?} is read", wire.schema));
    }
    let many = wire.owners.len().max(wire.namespaces.len());
    if many > OWNERS_MAX {
        return Err(format!("{many} owners, at most {OWNERS_MAX} are read"));
    }
    let taken_at = match &wire.taken_at {
        None => None,
        Some(text) => {
            let at = chrono::DateTime::parse_from_rfc3339(text);
            Some(WallTime(at.map_err(|error| format!("time {text:?}: {error}"))?.timestamp_micros()))
        }
    };
    let owners = wire.owners.into_iter().map(WireOwner::into_owner).collect();
    let not_known = wire.not_known.into_iter().map(|missing| (missing.what, missing.why)).collect();
    Ok(Owners { taken_at, owners, namespaces: wire.namespaces, not_known })
}

/// Writes it, pretty-printed, with a final line end.
pub fn write(owners: &Owners) -> String {
    pretty(&Wire {
        schema: SCHEMA.to_owned(),
        taken_at: moment(owners.taken_at),
        owners: owners.owners.iter().map(WireOwner::of).collect(),
        namespaces: owners.namespaces.clone(),
        not_known: owners
            .not_known
            .iter()
            .map(|(what, why)| WireNotKnown { what: what.clone(), why: why.clone() })
            .collect(),
    })
}

/// The head of an input looks like this format.
pub fn looks_like(head: &[u8]) -> bool {
    let name = br#""conntriage.owners/"#;
    head.trim_ascii_start().starts_with(b"{") && head.windows(name.len()).any(|window| window == name)
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Wire {
    schema: String,
    taken_at: Option<String>,
    owners: Vec<WireOwner>,
    namespaces: Vec<Holder>,
    not_known: Vec<WireNotKnown>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireOwner {
    address: IpAddr,
    #[serde(default)]
    peer: Option<WirePeer>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    pod: Option<String>,
    #[serde(default)]
    process: Option<u32>,
    #[serde(default)]
    sockets: BTreeMap<String, u64>,
    #[serde(default)]
    from: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WirePeer {
    address: IpAddr,
    #[serde(default)]
    port: Option<u16>,
    protocol: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireNotKnown {
    what: String,
    why: String,
}

impl WireOwner {
    fn of(owner: &Owner) -> Self {
        let peer = |peer: Peer| WirePeer { address: peer.address, port: peer.port, protocol: peer.l4.0 };
        Self {
            address: owner.address,
            peer: owner.peer.map(peer),
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            id: owner.id.clone(),
            pod: owner.pod.clone(),
            process: owner.process,
            sockets: owner.sockets.clone(),
            from: owner.from.clone(),
        }
    }

    fn into_owner(self) -> Owner {
        let peer = |peer: WirePeer| Peer { address: peer.address, port: peer.port, l4: L4(peer.protocol) };
        Owner {
            address: self.address,
            peer: self.peer.map(peer),
            kind: self.kind,
            name: self.name,
            id: self.id,
            pod: self.pod,
            process: self.process,
            sockets: self.sockets,
            from: self.from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let peer = Peer { address: "192.0.2.2".parse().unwrap(), port: Some(3128), l4: L4::TCP };
        let owner = Owner {
            address: "192.0.2.1".parse().unwrap(),
            peer: Some(peer),
            kind: "unit".into(),
            name: "php-fpm.service".into(),
            id: None,
            pod: Some("8b1f".into()),
            process: Some(7),
            sockets: [("TIME_WAIT".to_owned(), 29_000)].into(),
            from: "its sockets".into(),
        };
        let owners = Owners {
            taken_at: Some(WallTime(1_334_222_275_000_000)),
            owners: vec![owner],
            namespaces: vec![Holder {
                inode: 4_026_532_281,
                kind: "container".into(),
                name: "nginx".into(),
                id: Some("3f2a".into()),
                pod: None,
                process: Some(4_711),
                from: "its oldest process".into(),
            }],
            not_known: vec![("192.0.2.9".into(), "is no address of this machine".into())],
        };
        assert_eq!(read(write(&owners).as_bytes()), Ok(owners.clone()));
        assert!(looks_like(write(&owners).as_bytes()));
        assert!(read(br#"{"schema":"conntriage.owners/2"}"#).unwrap_err().contains("owners/2"));
    }
}
