//! One look at a table, on a thread of its own: which namespace, the capture, whose the sockets are.

use std::path::PathBuf;
use std::time::Duration;

use crate::app::capture::busiest;
use crate::census::WhoSink;
use crate::edge::capture::namespaces::{self, Place as Door};
use crate::edge::capture::{Order, busiest_owners, take};
use crate::model::live::event::Ending;
use crate::model::live::intent::{CaptureOrder, Depth, Spared};
use crate::model::live::life::Place;
use crate::model::time::SECOND_US;
use crate::wire::bundle;
use crate::wire::owners::Owners;

/// Sockets of a table that is known by other means are not searched for in a light look.
type Found = (bundle::Capture, Vec<bundle::File>, Option<Owners>);

/// What came of it.
pub(super) struct Looked {
    pub(super) order: CaptureOrder,
    pub(super) root: PathBuf,
    pub(super) result: Result<Found, String>,
    pub(super) ending: Ending,
}

/// Looks. `budget_us` is the longest that all of it may take.
pub(super) fn at(order: CaptureOrder, root: PathBuf, directory: String, budget_us: i64) -> Looked {
    let enter = match door(&order) {
        Ok(enter) => enter,
        Err(why) => return Looked { order, root, result: Err(why), ending: Ending::Gone },
    };
    let full = order.depth == Depth::Full;
    let seconds = u64::try_from(budget_us / SECOND_US).unwrap_or(1).max(1);
    let wanted = Order {
        root: root.clone(),
        directory,
        role: Some(order.role),
        trigger: trigger(&order).to_owned(),
        namespace: order.key.place.namespace(),
        enter: enter.filter(|_| full),
        budget: Duration::from_secs(seconds),
        table: full,
    };
    match take(&wanted, WhoSink::default) {
        Ok(captured) => {
            let owners = captured.part.map(|part| busiest_owners(&wanted, &busiest(part)));
            Looked {
                order,
                root,
                result: Ok((captured.record, captured.files, owners)),
                ending: Ending::Kept,
            }
        }
        Err(error) => Looked { order, root, result: Err(error.to_string()), ending: Ending::Failed },
    }
}

/// How the namespace is entered; none: this process is in it.
fn door(order: &CaptureOrder) -> Result<Option<Door>, String> {
    let own = namespaces::own().map_err(|error| format!("/proc/self/ns/net: {error}"))?;
    match &order.key.place {
        Place::Initial if own.initial => Ok(None),
        Place::Initial => {
            let known = namespaces::known();
            let initial = known.places.into_iter().find(|place| place.netns.initial);
            initial
                .map(Some)
                .ok_or_else(|| "the initial network namespace cannot be reached from here".to_owned())
        }
        Place::Netns { inode, .. } if *inode == own.inode => Ok(None),
        Place::Netns { inode, .. } => {
            let place = namespaces::find(*inode)?;
            let younger = place
                .since_us
                .is_some_and(|since| since > order.not_younger_than_us.saturating_add(SECOND_US));
            if younger {
                return Err(format!(
                    "network namespace {inode} is younger than what was said of it: the one that was full has ended, and another has its number"
                ));
            }
            Ok(Some(place))
        }
        Place::Container(_) | Place::Unknown => Ok(None),
    }
}

/// What set it off, in a word for the manifest.
fn trigger(order: &CaptureOrder) -> &'static str {
    use crate::model::report::Role;
    match (order.depth, order.role) {
        (Depth::Light(Spared::Budget), _) => "light: as many dumps this hour as there may be",
        (Depth::Light(Spared::Cooldown), _) => "light: dumped a short while ago",
        (Depth::Light(Spared::Busy), _) => "light: another dump is running",
        (Depth::Light(Spared::NotEntered), _) => "light: the namespace is not entered",
        (Depth::Light(Spared::NotEntries), _) => "light: expectations are in no dump",
        (Depth::Full, Role::Before) => "near-full",
        (Depth::Full, Role::At) => "full",
        (Depth::Full, Role::FollowUp) => "follow-up",
        (Depth::Full, Role::After) => "over",
    }
}
