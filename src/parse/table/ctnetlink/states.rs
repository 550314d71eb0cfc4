//! Numbers of the trackers' state machines as ctnetlink sends them, and the words that conntrack(8) prints. A table.
//!
//! Source: linux/netfilter/nf_conntrack_tcp.h, nf_conntrack_sctp.h and nf_conntrack_dccp (`enum ct_dccp_states`).

use crate::model::flow::{L4, State};

const TCP: [State; 10] = [
    State::None,
    State::SynSent,
    State::SynRecv,
    State::Established,
    State::FinWait,
    State::CloseWait,
    State::LastAck,
    State::TimeWait,
    State::Close,
    // LISTEN until 2.6.30, whose number went to the simultaneous open.
    State::SynSent2,
];

const SCTP: [State; 10] = [
    State::None,
    State::Closed,
    State::CookieWait,
    State::CookieEchoed,
    State::Established,
    State::ShutdownSent,
    State::ShutdownRecd,
    State::ShutdownAckSent,
    State::HeartbeatSent,
    State::HeartbeatAcked,
];

const DCCP: [State; 10] = [
    State::None,
    State::Request,
    State::Respond,
    State::PartOpen,
    State::Open,
    State::CloseReq,
    State::Closing,
    State::DccpTimeWait,
    State::Ignore,
    State::Invalid,
];

/// The state that a number means. One that no kernel read has keeps its number.
pub(super) fn state(l4: L4, number: u8) -> State {
    let table = match l4 {
        L4::SCTP => &SCTP,
        L4::DCCP => &DCCP,
        _ => &TCP,
    };
    table.get(usize::from(number)).copied().unwrap_or_else(|| unknown(number))
}

/// `STATE_15`
fn unknown(number: u8) -> State {
    let mut word = [0; 16];
    let digits = [b'0' + number / 100, b'0' + number / 10 % 10, b'0' + number % 10];
    for (to, from) in word.iter_mut().zip(b"STATE_".iter().chain(&digits)) {
        *to = *from;
    }
    State::Other(word)
}
