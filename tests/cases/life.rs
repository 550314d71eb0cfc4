//! How long an entry lives, and how much of it is left when the table is read: arrivals at a steady rate, a lifetime by
//! state, and a timer that every packet sets back. What is left is the timeout less the time since the last packet.

use crate::draw::{Draw, floor};
use crate::flow::{Flags, Flow, Way};
use crate::limiter::Dice;

/// Timeouts in force, in seconds. The defaults are those of every kernel since 2.6.18.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) established: u64,
    pub(crate) time_wait: u64,
    pub(crate) close_wait: u64,
    pub(crate) fin_wait: u64,
    pub(crate) syn_sent: u64,
    pub(crate) syn_recv: u64,
    pub(crate) udp: u64,
    pub(crate) udp_stream: u64,
}

/// ICMP.
pub(crate) const ICMP_SECONDS: u64 = 30;
/// Protocols without a tracker of their own.
pub(crate) const GENERIC_SECONDS: u64 = 600;
/// Data that nobody acknowledged, and flows picked up in their middle (2.6.18 on, for the latter 3.x).
pub(crate) const UNACKNOWLEDGED_SECONDS: u64 = 300;

impl Timeouts {
    pub(crate) fn default_with(udp_stream: u64) -> Self {
        Self {
            established: 432_000,
            time_wait: 120,
            close_wait: 60,
            fin_wait: 120,
            syn_sent: 120,
            syn_recv: 60,
            udp: 30,
            udp_stream,
        }
    }
}

/// What no packet has touched since its last one at a steady rate of ends: anything between nothing and all is left.
pub(crate) fn flat(dice: &mut Dice, timeout: u64) -> u64 {
    dice.whole((0, timeout.saturating_sub(1)))
}

/// What is in use: the last packet was so long ago on average.
pub(crate) fn fresh(dice: &mut Dice, timeout: u64, mean_idle: f64) -> u64 {
    timeout - floor(dice.span(mean_idle)).min(timeout - 1)
}

/// Idle for so long, evenly within the range.
pub(crate) fn idle(dice: &mut Dice, timeout: u64, seconds: (u64, u64)) -> u64 {
    let (low, high) = (seconds.0.min(timeout - 1), seconds.1.min(timeout - 1));
    timeout - dice.whole((low, high)).max(1)
}

/// A TCP connection that lasts so long on average and is then closed: an entry of such a churn, at any moment of its
/// life. While it is open it is used; then it waits out TIME_WAIT.
pub(crate) fn short_connection(dice: &mut Dice, way: Way, open_seconds: f64, times: &Timeouts) -> Flow {
    let open = dice.span(open_seconds);
    let now = dice.unit() * (open + times.time_wait as f64);
    if now < open {
        let age = floor(now).min(times.established - 1);
        return Flow::tcp(way, "ESTABLISHED", times.established - age.max(1), Flags::Assured);
    }
    closed(dice, way, times.time_wait.saturating_sub(floor(now - open)))
}

/// A connection in TIME_WAIT, with so much left of it.
pub(crate) fn closed(dice: &mut Dice, way: Way, remaining: u64) -> Flow {
    let (there, back) = (dice.whole((5, 9)), dice.whole((4, 8)));
    Flow::tcp(way, "TIME_WAIT", remaining, Flags::Assured).carried((there, there * 90), (back, back * 240))
}

/// A connection in use.
pub(crate) fn open(dice: &mut Dice, way: Way, mean_idle: f64, times: &Timeouts) -> Flow {
    let remaining = fresh(dice, times.established, mean_idle);
    let packets = dice.whole((10, 4_000));
    Flow::tcp(way, "ESTABLISHED", remaining, Flags::Assured)
        .carried((packets, packets * 80), (packets, packets * 900))
}

/// A first packet that nobody has answered yet, or ever will. Retransmissions do not renew it from 5.14 on, and before
/// it they stop within the first half minute.
pub(crate) fn unanswered(dice: &mut Dice, way: Way, times: &Timeouts) -> Flow {
    let packets = dice.whole((1, 4));
    Flow::tcp(way, "SYN_SENT", flat(dice, times.syn_sent), Flags::Unreplied)
        .carried((packets, packets * 60), (0, 0))
}
