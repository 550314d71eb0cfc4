//! What is remembered, on another boot's clock.
//!
//! The clock that never steps begins anew with each boot. How long the machine was away only the wall clock knows, and
//! that may have stepped: it is believed between nothing and a month. The whole of the memory is moved by one amount, so
//! that no deadline comes to lie further off than it was.

use super::HOUR_US;
use crate::model::live::clock::Now;
use crate::model::live::life::{Due, Life, Memory, TableState};
use crate::model::time::BootId;

/// The machine was away for no longer than this.
const AWAY_MAX_US: i64 = 31 * 24 * HOUR_US;

/// The memory, on the clock of this boot.
pub(super) fn moved(mut memory: Memory, boot: BootId, now: Now) -> Memory {
    if memory.boot != boot {
        let away = now.wall.0.saturating_sub(memory.last.wall.0).clamp(0, AWAY_MAX_US);
        let by = now.uptime_us.saturating_sub(away).saturating_sub(memory.last.uptime_us);
        shift(&mut memory, by);
        memory.boot = boot;
        memory.last = now;
    }
    memory
}

/// Moves every moment. The age of a namespace is part of its name and stays: it belongs to the boot in the key.
fn shift(memory: &mut Memory, by: i64) {
    let moved = |moment: &mut i64| *moment = moment.saturating_add(by);
    memory.lives.iter_mut().for_each(|life| moments_of_life(life, &moved));
    memory.captures.iter_mut().for_each(|due| moments_of_due(due, &moved));
    memory.tables.iter_mut().for_each(|table| moments_of_table(table, &moved));
    memory.dumps_us.iter_mut().for_each(moved);
    for suspicion in &mut memory.suspicions {
        let (first, last) = &mut suspicion.printed_us;
        [&mut suspicion.first.uptime_us, &mut suspicion.last.uptime_us, &mut suspicion.next_us, first, last]
            .into_iter()
            .for_each(moved);
        suspicion.asked.iter_mut().for_each(|(_, asked)| moved(asked));
    }
    for disbelief in &mut memory.disbeliefs {
        let told = &mut disbelief.told;
        [&mut told.first.uptime_us, &mut told.last.uptime_us, &mut disbelief.due_us]
            .into_iter()
            .for_each(moved);
    }
    if let Some(late) = &mut memory.late {
        [&mut late.since_us, &mut late.last_us].into_iter().for_each(moved);
        let stretches = late.backlog.stretches.iter_mut();
        stretches.flat_map(|stretch| [&mut stretch.first_us, &mut stretch.last_us]).for_each(moved);
    }
    moved(&mut memory.spent.full_us);
    memory.spent.sent_us.iter_mut().for_each(moved);
    memory.suppressed.listed.iter_mut().for_each(|suppressed| moved(&mut suppressed.at.uptime_us));
    memory.suppressed_since_us.iter_mut().chain(&mut memory.retried_us).for_each(moved);
    moved(&mut memory.next_ask_us);
}

fn moments_of_life(life: &mut Life, moved: &impl Fn(&mut i64)) {
    let Life { start, opened_us, last_sign, since_us, told, last_sample, .. } = life;
    [&mut start.uptime_us, opened_us, &mut last_sign.uptime_us, since_us].into_iter().for_each(moved);
    told.sent_us.iter_mut().for_each(moved);
    if let Some(sample) = last_sample {
        moved(&mut sample.at.uptime_us);
    }
}

fn moments_of_due(due: &mut Due, moved: &impl Fn(&mut i64)) {
    moved(&mut due.due_us);
    moved(&mut due.not_younger_than_us);
    due.running.iter_mut().for_each(|running| moved(&mut running.since_us));
}

fn moments_of_table(table: &mut TableState, moved: &impl Fn(&mut i64)) {
    let TableState { near_since_us, before_us, at_us, unopened_us, .. } = table;
    [near_since_us, before_us, at_us, unopened_us].into_iter().flatten().for_each(moved);
}
