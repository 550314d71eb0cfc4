//! The kernel's ring. Overruns, restarts, boots and forged records are tested where records can be made up (in
//! `edge::follow::kmsg`); here the real device is read, and refused.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conntriage::edge::follow::Options;
use conntriage::model::live::position::{Place, Position};
use conntriage::model::live::source::Source;
use conntriage::model::time::BootId;

use super::{Run, message};
use crate::common::skip;

/// Why the ring cannot be used here, if so.
fn missing() -> Option<String> {
    match OpenOptions::new().read(true).write(true).open("/dev/kmsg") {
        Ok(_) => None,
        Err(error) => Some(format!("/dev/kmsg cannot be read and written here: {error}")),
    }
}

/// What a user can write: the kernel makes it facility 1.
fn forge(number: u64) {
    let mut ring = OpenOptions::new().write(true).open("/dev/kmsg").unwrap();
    // Without a line end the kernel keeps the record open, and nobody sees it before the next one.
    ring.write_all(format!("<4>{}\n", message(number)).as_bytes()).unwrap();
}

#[test]
fn k04_the_real_ring_says_what_the_kernel_says_and_nothing_that_was_forged() {
    const NAME: &str = "k04_the_real_ring_says_what_the_kernel_says_and_nothing_that_was_forged";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let mut run = Run::of(Source::Kmsg, None, &Options::default());
    run.until("a place", |run| run.position.is_some());
    assert_eq!(run.seen.records, 0, "only what is new was asked for");
    forge(1);
    run.until("the forged record", |run| run.seen.records > 0);
    assert!(run.stop() < Duration::from_secs(1));
    assert!(run.seen.numbers.is_empty(), "{:?}", run.seen.numbers);
    let Some(Position { place: Place::Kmsg { seq, .. }, .. }) = run.position else {
        panic!("{:?}", run.position)
    };

    // K02: what was read is not read again, and what came meanwhile is.
    forge(2);
    let mut again = Run::of(Source::Kmsg, run.position.clone(), &Options::default());
    again.until("what came meanwhile", |run| run.seen.records > 0);
    again.stop();
    assert!(again.gaps.is_empty() && again.seen.records < 1_000, "{:?} {}", again.gaps, again.seen.records);
    let Some(Position { place: Place::Kmsg { seq: then, .. }, .. }) = again.position else { panic!() };
    assert_eq!(then - seq, again.seen.records);
}

#[test]
fn k03_a_place_in_another_boot_is_no_place_in_this_one() {
    const NAME: &str = "k03_a_place_in_another_boot_is_no_place_in_this_one";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    let place = Place::Kmsg { boot: BootId([1; 16]), seq: u64::MAX - 1 };
    let options = Options { once: true, ..Options::default() };
    let mut run = Run::of(Source::Kmsg, Some(Position { stream: 0, place }), &options);
    run.until("its end", Run::ended_well);
    let mut whole = Run::of(Source::Kmsg, None, &options);
    whole.until("its end", Run::ended_well);
    // Where the ring has wrapped, that records of this boot are gone is a record of its own.
    let (of_it, all) = (run.seen.records, whole.seen.records);
    assert!(of_it > 0 && all + 1 >= of_it, "{of_it} of {all}");
    assert!(run.gaps.is_empty(), "{:?}", run.gaps);
}

#[test]
fn k06_a_ring_that_is_hidden_or_refused_is_told_with_the_setting_to_change() {
    let hidden = Options { kmsg: PathBuf::from("/dev/no-such-ring"), ..Options::default() };
    let mut run = Run::of(Source::Kmsg, None, &hidden);
    run.until("words about it", |run| run.is_deaf_with("cannot be opened"));
    assert!(run.troubles[0].hint.is_some_and(|hint| hint.contains("PrivateDevices")), "{:?}", run.troubles);
    assert!(run.looked().is_some(), "it is alive");
    assert!(run.stop() < Duration::from_secs(1));
    assert_eq!(run.position, None);
    assert!(Path::new("/proc/sys/kernel/dmesg_restrict").exists());
}
