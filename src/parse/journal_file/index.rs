//! Entries found by the journal's own index: the data hash table leads to the DATA object of `_TRANSPORT=kernel`, and
//! its entry arrays to the entries. Before an entry is read the lists are gone through once: they must ascend and be as long
//! as they say, else the whole index is not believed.

use crate::model::fold::RecordSink;

use super::entry::Entries;
use super::header::Header;
use super::store::{Array, Data, Exhausted, Layout, Store};

/// What tells the entries that are wanted: the kernel's, journald's own, and its `Missed %u kernel messages`
/// (`SD_MESSAGE_JOURNAL_MISSED`) however they came here.
pub(super) const WANTED: [&[u8]; 3] =
    [b"_TRANSPORT=kernel", b"_TRANSPORT=driver", b"MESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606"];
/// Bytes of a value that is compared.
const COMPARED_BYTES: usize = 256;

/// The index is damaged at this offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged(pub(super) u64);

/// Which entries to read.
pub(super) struct Plan {
    wanted: Vec<Data>,
    /// First and last entry of all.
    ends: Vec<u64>,
}

impl Plan {
    /// Where the values stand that tell the wanted entries.
    pub(super) fn places(&self) -> Vec<u64> {
        self.wanted.iter().map(Data::at).collect()
    }
}

/// Looks the wanted entries up.
pub(super) fn plan(store: &mut Store<'_>, header: &Header) -> Result<Plan, Damaged> {
    let mut wanted = Vec::new();
    for payload in WANTED {
        let found = find(store, header, payload)?;
        // A chain that was lost looks like nothing there: the list of the field's values must agree.
        if found.is_none() && is_listed(store, header, payload)? {
            return Err(Damaged(header.data_table.0.min(store.length())));
        }
        if let Some(data) = found {
            let mut list = List::of(&data);
            while list.next(store, header)?.is_some() {}
            wanted.push(data);
        }
    }
    let ends = ends(store, header)?;
    Ok(Plan { wanted, ends })
}

/// Reads what was planned, in order, to its end or to the place where the index turns out to be damaged.
pub(super) fn read(
    plan: &Plan,
    store: &mut Store<'_>,
    header: &Header,
    entries: &mut Entries,
    sink: &mut impl RecordSink,
) -> Result<Result<(), Damaged>, Exhausted> {
    let mut lists: Vec<List> = plan.wanted.iter().map(List::of).collect();
    let mut heads: Vec<Option<u64>> = Vec::new();
    for list in &mut lists {
        match list.next(store, header) {
            Ok(head) => heads.push(head),
            Err(damaged) => return Ok(Err(damaged)),
        }
    }
    let mut ends = plan.ends.iter().copied().peekable();
    loop {
        let of_lists = heads.iter().flatten().min().copied();
        let Some(at) = of_lists.into_iter().chain(ends.peek().copied()).min() else { return Ok(Ok(())) };
        if !entries.take(at, store, sink)? {
            return Ok(Err(Damaged(at)));
        }
        while ends.next_if(|end| *end <= at).is_some() {}
        for (head, list) in heads.iter_mut().zip(&mut lists) {
            while head.is_some_and(|head| head <= at) {
                match list.next(store, header) {
                    Ok(next) => *head = next,
                    Err(damaged) => return Ok(Err(damaged)),
                }
            }
        }
    }
}

/// The DATA object with this payload. Chains ascend, since objects are only appended.
fn find(store: &mut Store<'_>, header: &Header, payload: &[u8]) -> Result<Option<Data>, Damaged> {
    let layout = header.layout();
    let hash = layout.hash.of(payload);
    let mut at = first_of_chain(store, header, header.data_table, hash)?;
    let mut before = 0;
    while at != 0 {
        let data = store.data(at, layout).filter(|_| at > before).ok_or(Damaged(at))?;
        let value = store.payload(&data, COMPARED_BYTES, layout).map_err(|_| Damaged(at))?;
        if data.hash == hash && value.is_whole && value.bytes == payload {
            return Ok(Some(data));
        }
        (before, at) = (at, data.next_of_hash);
    }
    Ok(None)
}

/// `NAME=value` is among all values of its field.
fn is_listed(store: &mut Store<'_>, header: &Header, payload: &[u8]) -> Result<bool, Damaged> {
    let layout = header.layout();
    let name = payload.split(|byte| *byte == b'=').next().unwrap_or_default();
    let mut at = first_of_chain(store, header, header.field_table, layout.hash.of(name))?;
    let (mut before, mut first) = (0, 0);
    while at != 0 && first == 0 {
        let (found, next, data) = store.field(at, layout).filter(|_| at > before).ok_or(Damaged(at))?;
        if found == name {
            first = data;
        }
        (before, at) = (at, next);
    }
    // New values are put in front: this list descends.
    let (mut at, mut after) = (first, u64::MAX);
    while at != 0 {
        let data = store.data(at, layout).filter(|_| at < after).ok_or(Damaged(at))?;
        let value = store.payload(&data, COMPARED_BYTES, layout).map_err(|_| Damaged(at))?;
        if value.is_whole && value.bytes == payload {
            return Ok(true);
        }
        (after, at) = (at, data.next_of_field);
    }
    Ok(false)
}

fn first_of_chain(
    store: &mut Store<'_>,
    header: &Header,
    (table, bytes): (u64, u64),
    hash: u64,
) -> Result<u64, Damaged> {
    let cells = bytes / 16;
    let within = table >= header.size && table.checked_add(bytes).is_some_and(|end| end <= store.length());
    if cells == 0 || !within {
        return Err(Damaged(table.min(store.length())));
    }
    let cell = table + hash % cells * 16;
    store.chain(cell).ok_or(Damaged(cell))
}

/// The first and the last entry of all.
fn ends(store: &mut Store<'_>, header: &Header) -> Result<Vec<u64>, Damaged> {
    let layout = header.layout();
    let (mut at, mut before, mut left) = (header.entry_array, header.size, header.entries);
    let mut ends = Vec::new();
    while left > 0 {
        let array =
            store.array(at, layout).filter(|_| at >= before).ok_or(Damaged(at.min(store.length())))?;
        let item = |store: &mut Store<'_>, index| {
            store.array_item(&array, index, layout).filter(|item| *item != 0).ok_or(Damaged(at))
        };
        if ends.is_empty() {
            ends.push(item(store, 0)?);
        }
        if left <= array.capacity {
            ends.push(item(store, left - 1)?);
        }
        left = left.saturating_sub(array.capacity);
        (before, at) = (array.end, array.next);
    }
    // The last one may lie where the file was not yet when it was opened.
    ends.retain(|end| !header.is_online || *end < store.length());
    ends.dedup();
    Ok(ends)
}

/// The entries that refer to one DATA object, in order.
struct List {
    /// The first one, which stands in the object itself.
    inline: u64,
    array: Option<Array>,
    next_array: u64,
    /// Item of the array that comes next.
    index: u64,
    /// How many there must be at least; a writer may have added some since.
    expected: u64,
    seen: u64,
    last: u64,
    /// Arrays begin behind those before them.
    floor: u64,
}

impl List {
    fn of(data: &Data) -> Self {
        Self {
            inline: data.entry,
            array: None,
            next_array: data.entry_array,
            index: 0,
            expected: data.entries,
            seen: 0,
            last: 0,
            floor: 0,
        }
    }

    fn next(&mut self, store: &mut Store<'_>, header: &Header) -> Result<Option<u64>, Damaged> {
        let layout = header.layout();
        let item = match std::mem::take(&mut self.inline) {
            0 => self.next_item(store, layout)?,
            inline => inline,
        };
        if item == 0 {
            return if self.seen < self.expected { Err(Damaged(self.last)) } else { Ok(None) };
        }
        if header.is_online && item >= store.length() {
            return Ok(None);
        }
        if item <= self.last || item >= store.length() {
            return Err(Damaged(self.last));
        }
        self.seen += 1;
        self.last = item;
        Ok(Some(item))
    }

    /// The next item of the arrays; 0 at the end.
    fn next_item(&mut self, store: &mut Store<'_>, layout: Layout) -> Result<u64, Damaged> {
        loop {
            let Some(array) = self.array else {
                if self.next_array == 0 {
                    return Ok(0);
                }
                let at = self.next_array;
                let array = store.array(at, layout).filter(|_| at >= self.floor);
                let array = array.ok_or(Damaged(at.min(store.length())))?;
                (self.array, self.index, self.floor) = (Some(array), 0, array.end);
                continue;
            };
            if self.index >= array.capacity {
                (self.array, self.next_array) = (None, array.next);
                continue;
            }
            let item = store.array_item(&array, self.index, layout).ok_or(Damaged(self.last))?;
            self.index += 1;
            // Only the last array has room left.
            return if item == 0 && array.next != 0 { Err(Damaged(self.last)) } else { Ok(item) };
        }
    }
}
