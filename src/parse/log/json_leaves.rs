//! One JSON value, flattened: its strings and numbers, each with its name and the object it stands in.
//!
//! An array of small numbers is bytes (journalctl writes a field so that is not UTF-8); any other array is several values
//! of one name (a journal field may occur several times). `null` says nothing: journalctl writes it for a field that is
//! too long for it.

use std::borrow::Cow;

use crate::model::blemish::BlemishKind;
use crate::parse::json::{Event, Reader};

/// Strings and numbers of one value. A journal entry has at most 1,024 fields, and a collector adds some dozens.
const LEAVES_MAX: usize = 4_096;

/// A string or number.
#[derive(Debug, Clone)]
pub(super) struct Leaf<'a> {
    /// Number of the object it stands in; the first one is the value itself.
    pub(super) object: usize,
    /// Its name; that of the array it stands in.
    pub(super) key: Cow<'a, [u8]>,
    /// What it says; of a number the digits.
    pub(super) value: Cow<'a, [u8]>,
    /// It is a number.
    pub(super) is_number: bool,
}

/// All of them, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Leaves<'a> {
    pub(super) all: Vec<Leaf<'a>>,
    /// For each object the one it stands in, and its name there.
    objects: Vec<(usize, Cow<'a, [u8]>)>,
    /// Why there may be more.
    pub(super) damage: Option<BlemishKind>,
}

/// A container whose end was not read yet.
enum Open<'a> {
    Object(usize),
    Array {
        /// Object and name of its elements.
        object: usize,
        key: Cow<'a, [u8]>,
        /// Its elements are bytes so far.
        bytes: Option<Vec<u8>>,
    },
}

impl<'a> Leaves<'a> {
    /// Of a text that is one value, as far as it is one.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let mut leaves = Self::default();
        let mut open: Vec<Open<'a>> = Vec::new();
        let mut name: Cow<'a, [u8]> = Cow::Borrowed(b"");
        for event in Reader::new(text) {
            let Ok(event) = event else {
                leaves.damage = Some(BlemishKind::BrokenFraming);
                break;
            };
            match event {
                Event::Key(key) => name = key.unescaped(),
                Event::ObjectBegins => {
                    let (within, key) = place(&open, &mut name);
                    open.push(Open::Object(leaves.objects.len()));
                    leaves.objects.push((within, key));
                }
                Event::ArrayBegins => {
                    let (object, key) = place(&open, &mut name);
                    open.push(Open::Array { object, key, bytes: Some(Vec::new()) });
                }
                Event::ObjectEnds => drop(open.pop()),
                Event::ArrayEnds => {
                    if let Some(Open::Array { object, key, bytes: Some(bytes) }) = open.pop()
                        && !bytes.is_empty()
                    {
                        leaves.add(Leaf { object, key, value: Cow::Owned(bytes), is_number: false });
                    }
                }
                Event::String(text) => leaves.value(&mut open, &mut name, text.unescaped(), false),
                Event::Number(digits) => leaves.value(&mut open, &mut name, Cow::Borrowed(digits), true),
                Event::Word(_) => {}
            }
            if leaves.all.len() >= LEAVES_MAX || leaves.objects.len() >= LEAVES_MAX {
                leaves.damage = Some(BlemishKind::Unrecognised);
                break;
            }
        }
        leaves
    }

    fn value(
        &mut self,
        open: &mut [Open<'a>],
        name: &mut Cow<'a, [u8]>,
        value: Cow<'a, [u8]>,
        is_number: bool,
    ) {
        if let Some(Open::Array { object, key, bytes }) = open.last_mut() {
            let byte = || std::str::from_utf8(&value).ok()?.parse::<u8>().ok();
            match (bytes.as_mut(), is_number.then(byte).flatten()) {
                (Some(bytes), Some(byte)) => return bytes.push(byte),
                _ => *bytes = None,
            }
            let leaf = Leaf { object: *object, key: key.clone(), value, is_number };
            return self.add(leaf);
        }
        let (object, key) = place(open, name);
        self.add(Leaf { object, key, value, is_number });
    }

    fn add(&mut self, leaf: Leaf<'a>) {
        self.all.push(leaf);
    }

    /// How many objects there are.
    pub(super) fn objects(&self) -> usize {
        self.objects.len()
    }

    /// The least deep value with the first of these names that is there at all. A name with points is a path, or one
    /// name with points in it.
    pub(super) fn first<'l>(&'l self, names: &[&[u8]]) -> Option<&'l Leaf<'a>> {
        let least_deep = |name: &[u8]| {
            let of_name = self.all.iter().filter(|leaf| !leaf.value.is_empty() && self.is_called(leaf, name));
            of_name.min_by_key(|leaf| self.depth(leaf.object))
        };
        names.iter().find_map(|name| least_deep(name))
    }

    fn is_called(&self, leaf: &Leaf<'_>, name: &[u8]) -> bool {
        if *leaf.key == *name {
            return true;
        }
        let Some(point) = memchr::memrchr(b'.', name) else { return false };
        let (path, last) = name.split_at_checked(point).unwrap_or((name, b""));
        last.get(1..) == Some(&*leaf.key) && self.object_is_called(leaf.object, path)
    }

    fn object_is_called(&self, object: usize, name: &[u8]) -> bool {
        let Some((within, key)) = self.objects.get(object) else { return false };
        if **key == *name {
            return true;
        }
        let Some(point) = memchr::memrchr(b'.', name) else { return false };
        let (path, last) = name.split_at_checked(point).unwrap_or((name, b""));
        last.get(1..) == Some(&**key) && *within < object && self.object_is_called(*within, path)
    }

    fn depth(&self, mut object: usize) -> usize {
        let mut depth = 0;
        while let Some((within, _)) = self.objects.get(object).filter(|(within, _)| *within < object) {
            object = *within;
            depth += 1;
        }
        depth
    }
}

/// Object and name of what comes next.
fn place<'a>(open: &[Open<'a>], name: &mut Cow<'a, [u8]>) -> (usize, Cow<'a, [u8]>) {
    match open.last() {
        Some(Open::Object(object)) => (*object, std::mem::take(name)),
        Some(Open::Array { object, key, .. }) => (*object, key.clone()),
        None => (0, Cow::Borrowed(b"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_bytes_or_several_values_by_what_it_holds() {
        let leaves =
            Leaves::of(br#"{"M":[104,105,255],"E":["a","b"],"N":[1,2,300],"Z":null,"D":{"t":1.5},"X":[]}"#);
        let all: Vec<_> = leaves
            .all
            .iter()
            .map(|leaf| format!("{}.{}={}", leaf.object, leaf.key.escape_ascii(), leaf.value.escape_ascii()))
            .collect();
        assert_eq!(all, ["0.M=hi\\xff", "0.E=a", "0.E=b", "0.N=300", "1.t=1.5"]);
    }

    #[test]
    fn a_name_with_points_is_a_path_or_a_name() {
        let leaves =
            Leaves::of(br#"{"_source":{"host":{"name":"a"}},"error":{"message":"x"},"message":"y"}"#);
        let first = |names: &[&[u8]]| leaves.first(names).map(|leaf| leaf.value.to_vec());
        assert_eq!(first(&[b"nothing", b"host.name"]), Some(b"a".to_vec()));
        assert_eq!(first(&[b"_source.host.name"]), Some(b"a".to_vec()));
        assert_eq!(first(&[b"message"]), Some(b"y".to_vec()));
        assert_eq!(first(&[b"agent.name"]), None);
        let flat = Leaves::of(br#"{"host.name":"a"}"#);
        assert_eq!(flat.first(&[b"host.name"]).map(|leaf| leaf.value.to_vec()), Some(b"a".to_vec()));
    }

    #[test]
    fn a_value_with_more_than_can_be_kept_says_so() {
        let many = format!("[{}]", vec!["\"x\""; 10_000].join(","));
        let leaves = Leaves::of(many.as_bytes());
        assert_eq!((leaves.all.len(), leaves.damage), (LEAVES_MAX, Some(BlemishKind::Unrecognised)));
        let objects = format!("[{}]", vec!["{}"; 10_000].join(","));
        assert_eq!(Leaves::of(objects.as_bytes()).damage, Some(BlemishKind::Unrecognised));
        assert_eq!(Leaves::of(br#"{"a":1,"b"#).damage, Some(BlemishKind::BrokenFraming));
    }
}
