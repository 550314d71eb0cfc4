//! Laws of the model of a table, which the program's predictions are held against: without them it would be only another
//! opinion.

#[path = "model/limiter.rs"]
mod limiter;
#[path = "owned/mod.rs"]
mod owned;
#[path = "model/table.rs"]
mod table;

use conntriage::model::era::EarlyDrop;
use table::{Bounds, Model, short_connections, unanswered};

const WIDE: Bounds = Bounds { limit: 1_000_000, buckets: 1_000_000, early_drop: None };

fn near(found: f64, wanted: f64, part: f64) {
    assert!((found - wanted).abs() <= wanted * part, "{found} is not within {part} of {wanted}");
}

#[test]
fn a_table_settles_at_rate_times_lifetime_of_each_state() {
    let mut model = Model::new(WIDE, vec![short_connections(245.0, 4.0, 120.0)], 1);
    model.advance(200.0);
    let span = model.advance(300.0);
    near(span.mean, 245.0 * 124.0, 0.01);
    let by_state = model.by_state();
    near(by_state["TIME_WAIT"] as f64, 245.0 * 120.0, 0.02);
    near(by_state["ESTABLISHED"] as f64, 245.0 * 4.0, 0.15);
}

#[test]
fn an_empty_table_without_evictable_entries_is_full_after_limit_over_rate() {
    let bounds = Bounds { limit: 10_000, buckets: 2_500, early_drop: Some(EarlyDrop::EightBuckets) };
    let mut model = Model::new(bounds, vec![short_connections(200.0, 1.0, 120.0)], 2);
    let span = model.advance(600.0);
    near(span.full_after.unwrap(), 50.0, 0.03);
    // Once it is full only what comes free is given away: 10,000 entries of 121 s.
    let span = model.advance(600.0);
    near(span.accepted as f64 / 600.0, 10_000.0 / 121.0, 0.02);
    near(span.refused as f64 / 600.0, 200.0 - 10_000.0 / 121.0, 0.03);
    assert_eq!(span.evicted, 0);
    near(span.mean, 10_000.0, 0.01);
}

#[test]
fn a_table_of_evictable_entries_refuses_next_to_nothing() {
    let bounds = Bounds { limit: 10_000, buckets: 10_000, early_drop: Some(EarlyDrop::EightBuckets) };
    let mut model = Model::new(bounds, vec![unanswered(400.0, "SYN_SENT", 120.0)], 3);
    model.advance(60.0);
    let span = model.advance(60.0);
    assert!(span.evicted > 20_000, "{span:?}");
    assert_eq!(span.refused, 0, "exp(-16) of the arrivals");
}

#[test]
fn a_few_evictable_entries_among_assured_ones_are_found_as_seldom_as_the_kernel_finds_them() {
    // 5 % may go, one bucket for each entry: exp(-16 · 0.05) = 45 % of the arrivals find none at first. What is evicted is
    // not replaced by its like, so that soon next to all are refused.
    let bounds = Bounds { limit: 10_000, buckets: 10_000, early_drop: Some(EarlyDrop::EightBuckets) };
    let streams = vec![short_connections(300.0, 1.0, 1_000.0), unanswered(12.0, "SYN_SENT", 1_000.0)];
    let mut model = Model::new(bounds, streams, 4);
    model.advance(33.0);
    let late = model.advance(20.0);
    assert!(late.refused > late.evicted, "{late:?}");
}

#[test]
fn a_shorter_timeout_acts_on_what_enters_the_state_afterwards() {
    let mut model = Model::new(WIDE, vec![short_connections(100.0, 1.0, 120.0)], 5);
    model.advance(300.0);
    model.set_timer("TIME_WAIT", 30.0);
    let span = model.advance(1.0);
    near(span.mean, 100.0 * 121.0, 0.03);
    model.advance(150.0);
    let span = model.advance(100.0);
    near(span.mean, 100.0 * 31.0, 0.03);
}

#[test]
fn a_deletion_frees_the_state_and_nothing_else() {
    let streams = vec![short_connections(100.0, 1.0, 120.0), unanswered(20.0, "SYN_SENT", 120.0)];
    let mut model = Model::new(WIDE, streams, 6);
    model.advance(300.0);
    let before = model.by_state();
    assert_eq!(model.delete("TIME_WAIT"), before["TIME_WAIT"]);
    let after = model.by_state();
    assert_eq!(after.get("TIME_WAIT"), None);
    assert_eq!((after["SYN_SENT"], after["ESTABLISHED"]), (before["SYN_SENT"], before["ESTABLISHED"]));
    assert_eq!(model.count(), before["SYN_SENT"] + before["ESTABLISHED"]);
}
