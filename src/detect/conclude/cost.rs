//! What an incident cost: its runs and their neighbours, laid out for `interval`.

use super::copies::{Part, coverage};
use super::incidents::{Case, Known};
use super::place::Placed;
use super::windows::Segment;
use crate::detect::interval::{self, Account, Limits, Question, Told, Whose};
use crate::model::era::era;
use crate::model::incident::{Drops, StreamDrops, Widening};
use crate::model::piece::{LINK_US, Loss};
use crate::model::run::{COST_US, SLACK_US, Ticks};
use crate::model::signal::{Limiter, Subject, Wording};
use crate::model::time::SECOND_US;

/// The drop interval of a case.
pub(super) fn drops(
    case: &Case<'_>,
    known: &Known<'_>,
    wordings: &[Wording],
    limiters: &[Limiter],
    streams: Vec<StreamDrops>,
) -> Drops {
    let (counted, beside) = parts(case);
    let elsewhere = |at: usize| known.topics.visible(at, case.topic) > 0;
    let segments = known.order.segments(known.runs, &counted, &elsewhere);
    let whose = |subject: &Subject| {
        let topic = known.topics.of(case.host, subject);
        if topic == *case.topic {
            Whose::Ours
        } else if topic.table == case.topic.table {
            Whose::OtherNamespace
        } else {
            Whose::OtherTable
        }
    };
    let question = Question {
        accounts: segments.iter().map(|segment| account(segment, case, known)).collect(),
        beside,
        whose: &whose,
        era: era(wordings, limiters),
        limits: Limits::default(),
    };
    let mut drops = Drops { streams, ..interval::drops(&question) };
    drops.widened_by.extend(coarse(case, known));
    drops
}

/// A log with too many runs keeps them apart only where they are far apart.
fn coarse(case: &Case<'_>, known: &Known<'_>) -> Option<Widening> {
    let tracks = case.counted.iter().filter_map(|counted| known.tracks.get(known.runs[counted.run].track));
    let doublings = tracks.map(|track| track.piece.link_doublings).max()?;
    let link_us = LINK_US.saturating_mul(1_i64.checked_shl(u32::from(doublings)).unwrap_or(i64::MAX));
    let seconds = u64::try_from(link_us / SECOND_US).ok()?;
    (link_us > known.quiet_us).then_some(Widening::Coarse(seconds))
}

/// The runs that count as a whole, and lines and refusals of the others.
fn parts(case: &Case<'_>) -> (Vec<usize>, (u64, u64)) {
    let mut whole = Vec::new();
    let mut beside = (0_u64, 0_u64);
    for counted in case.counted {
        match counted.part {
            Part::Whole => whole.push(counted.run),
            Part::Outside { low, high, .. } => {
                beside = (beside.0.saturating_add(low), beside.1.saturating_add(high));
            }
        }
    }
    (whole, beside)
}

fn account<'a>(segment: &Segment, case: &Case<'_>, known: &Known<'a>) -> Account<'a> {
    let told = |at: usize| Told { run: &known.runs[at].run, shift_us: known.runs[at].shift_us };
    let first = segment.runs.first().map(|at| &known.runs[*at]);
    let covered = first.and_then(|run| coverage(known.tracks.get(run.track)?, run));
    Account {
        runs: segment.runs.iter().map(|at| told(*at)).collect(),
        before: segment.before.map(told),
        after: segment.after.map(told),
        covered_from: covered.map(|(from, _)| from),
        // Refused calls print nothing, so an archived log that ends with its last line does not say when they ended:
        // its last window may have gone on behind it.
        covered_to: None,
        losses: first.map(|run| losses(run, segment, case, known)).unwrap_or_default(),
    }
}

/// What the log says it lost from the first window on. A daemon may say late what it lost, so a minute behind the
/// last line counts, too.
fn losses<'a>(first: &Placed, segment: &Segment, case: &Case<'_>, known: &Known<'a>) -> Vec<&'a Loss> {
    let Some(track) = known.tracks.get(first.track) else { return Vec::new() };
    let end = segment.runs.iter().map(|at| known.runs[*at].hi).max().unwrap_or(first.hi);
    let span = first.lo.saturating_sub(COST_US + SLACK_US)..=end.saturating_add(LINK_US);
    let ours = |loss: &&Loss| {
        let host = loss.host.as_deref();
        host.is_none_or(|word| known.hosts.of_word(word) == Some(case.host))
    };
    let time = |loss: &Loss| match first.key.ticks {
        Ticks::SinceBoot if loss.moment.since_boot_us.is_some() => {
            loss.moment.since_boot_us.map(|at| first.on_scale(at))
        }
        _ => loss.moment.stamp.and_then(|stamp| track.clock.read(stamp, loss.rollover)).map(|at| at.us),
    };
    // Where a loss has no time its place in the log must do.
    let last = segment.runs.iter().map(|at| known.runs[*at].run.tail.offset).max();
    let places = first.run.head.offset..=last.unwrap_or(u64::MAX);
    let within = |loss: &&Loss| {
        time(loss).map_or_else(|| places.contains(&loss.moment.offset), |at| span.contains(&at))
    };
    track.piece.losses.iter().filter(ours).filter(within).collect()
}
