//! All objects of a journal one after another: for files whose index is damaged or whose end is missing. Values stand
//! before the entries that refer to them, so one pass finds everything.
//!
//! Where no object can be, the next one is looked for by its looks. From there on nothing is certain, since what looks
//! like an entry may stand in somebody's message: those records are `Unverified`.

use crate::model::fold::RecordSink;

use super::entry::Entries;
use super::header::Header;
use super::index::WANTED;
use super::store::{Entry, Exhausted, Kind, Layout, NoValue, Object, Store};

/// Bytes of a value that is compared and checked.
const CHECKED_BYTES: usize = 4 * 1024;
/// Places of wanted values that are remembered. In a sound file each stands in one.
const PLACES_MAX: usize = 64;

/// Reads the file from its first object, or from the last entry that was taken, to its last. `places`: where wanted
/// values are known to stand. `noted`: where the index is damaged.
pub(super) fn read(
    store: &mut Store<'_>,
    header: &Header,
    places: Vec<u64>,
    noted: Option<u64>,
    entries: &mut Entries,
    sink: &mut impl RecordSink,
) -> Result<(), Exhausted> {
    let begun = entries.behind() > 0;
    let mut walk = Walk { layout: header.layout(), header, noted, places, last: None, begun };
    let mut at = header.size.max(entries.behind());
    while at.saturating_add(16) <= store.length() {
        walk.note_damage_before(at, entries, sink);
        if let Some(object) = walk.sound(at, store)? {
            walk.take(&object, store, entries, sink)?;
            at = object.end();
        } else if at > header.tail_object && store.is_empty(at) {
            break;
        } else {
            let Some(next) = walk.next_sound(at, store)? else {
                if !header.is_cut(store) {
                    entries.note_damage(at, sink);
                }
                break;
            };
            entries.note_damage(at, sink);
            entries.lose_framing();
            at = next;
        }
    }
    if let Some(last) = walk.last {
        take_entry(last, store, entries, sink)?;
    }
    walk.note_damage_before(u64::MAX, entries, sink);
    Ok(())
}

struct Walk<'a> {
    layout: Layout,
    header: &'a Header,
    noted: Option<u64>,
    /// Where the wanted values stand.
    places: Vec<u64>,
    /// The last entry, if it was not taken.
    last: Option<u64>,
    /// The first entry was taken.
    begun: bool,
}

impl Walk<'_> {
    fn note_damage_before(&mut self, at: u64, entries: &mut Entries, sink: &mut impl RecordSink) {
        if let Some(noted) = self.noted.take_if(|noted| *noted < at) {
            entries.note_damage(noted, sink);
        }
    }

    fn take(
        &mut self,
        object: &Object,
        store: &mut Store<'_>,
        entries: &mut Entries,
        sink: &mut impl RecordSink,
    ) -> Result<(), Exhausted> {
        match object.kind {
            Kind::Data => {
                let Some(data) = store.data(object.at, self.layout) else { return Ok(()) };
                match store.payload(&data, CHECKED_BYTES, self.layout) {
                    Ok(value) if value.is_whole && WANTED.contains(&value.bytes.as_slice()) => {
                        if self.places.len() < PLACES_MAX {
                            self.places.push(object.at);
                        }
                    }
                    Ok(_) => {}
                    Err(NoValue::Damaged) => entries.note_damage(object.at, sink),
                    Err(NoValue::Exhausted) => return Err(Exhausted),
                }
            }
            Kind::Entry => {
                let Some(entry) = store.entry(object.at, self.layout) else { return Ok(()) };
                if !self.begun || self.is_wanted(&entry, store) {
                    self.begun = true;
                    self.last = None;
                    take_entry(object.at, store, entries, sink)?;
                } else {
                    self.last = Some(object.at);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_wanted(&self, entry: &Entry, store: &mut Store<'_>) -> bool {
        (0..entry.items).any(|index| {
            let item = store.item(entry, index, self.layout);
            item.is_some_and(|(at, _)| self.places.contains(&at))
        })
    }

    /// The object at `at`, if there is one: the next one stands behind it, or it proves itself.
    fn sound(&self, at: u64, store: &mut Store<'_>) -> Result<Option<Object>, Exhausted> {
        let Some(object) = store.object(at, self.layout) else { return Ok(None) };
        let end = object.end();
        let is_followed = store.is_between_objects(end, self.layout) && !self.is_hole(end, store);
        Ok((is_followed || self.proves_itself(&object, store)?).then_some(object))
    }

    /// Nothing stands at `at`, and something does behind it.
    fn is_hole(&self, at: u64, store: &mut Store<'_>) -> bool {
        at <= self.header.tail_object && store.is_empty(at)
    }

    /// A value has its hash, an entry leads to values in front of it.
    fn proves_itself(&self, object: &Object, store: &mut Store<'_>) -> Result<bool, Exhausted> {
        if object.kind == Kind::Entry {
            let Some(entry) = store.entry(object.at, self.layout) else { return Ok(false) };
            for index in 0..entry.items {
                store.work(0)?;
                let item = store.item(&entry, index, self.layout).map_or(0, |(item, _)| item);
                if item >= object.at || store.data(item, self.layout).is_none() {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let Some(data) = store.data(object.at, self.layout) else { return Ok(false) };
        match store.payload(&data, CHECKED_BYTES, self.layout) {
            Ok(value) => Ok(value.is_whole),
            Err(NoValue::Damaged) => Ok(false),
            Err(NoValue::Exhausted) => Err(Exhausted),
        }
    }

    /// The next value or entry behind `at` that proves itself; what stands between is not needed.
    fn next_sound(&self, at: u64, store: &mut Store<'_>) -> Result<Option<u64>, Exhausted> {
        let mut next = at.checked_next_multiple_of(8).unwrap_or(u64::MAX).max(at.saturating_add(8) & !7);
        while next.saturating_add(16) <= store.length() {
            let object = store.object(next, self.layout);
            if let Some(object) = object.filter(|object| matches!(object.kind, Kind::Data | Kind::Entry))
                && self.proves_itself(&object, store)?
            {
                return Ok(Some(next));
            }
            next = next.saturating_add(8);
        }
        Ok(None)
    }
}

fn take_entry(
    at: u64,
    store: &mut Store<'_>,
    entries: &mut Entries,
    sink: &mut impl RecordSink,
) -> Result<(), Exhausted> {
    if !entries.take(at, store, sink)? {
        entries.note_damage(at, sink);
    }
    Ok(())
}
