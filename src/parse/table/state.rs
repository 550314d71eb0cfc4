//! Words of the trackers' state machines. A table.
//!
//! Source: `tcp_conntrack_names`, `sctp_conntrack_names` and `dccp_state_names` of the protocol trackers, 2.4.21 to
//! 6.18. A word that none of them prints survives as written.

use crate::model::flow::State;

/// The state that a word names.
pub(super) fn state(word: &[u8]) -> State {
    match word {
        b"NONE" => State::None,
        b"SYN_SENT" => State::SynSent,
        b"SYN_RECV" => State::SynRecv,
        b"ESTABLISHED" => State::Established,
        b"FIN_WAIT" => State::FinWait,
        b"CLOSE_WAIT" => State::CloseWait,
        b"LAST_ACK" => State::LastAck,
        b"TIME_WAIT" => State::TimeWait,
        b"CLOSE" => State::Close,
        b"LISTEN" => State::Listen,
        b"SYN_SENT2" => State::SynSent2,
        b"CLOSED" => State::Closed,
        b"COOKIE_WAIT" => State::CookieWait,
        b"COOKIE_ECHOED" => State::CookieEchoed,
        b"SHUTDOWN_SENT" => State::ShutdownSent,
        b"SHUTDOWN_RECD" => State::ShutdownRecd,
        b"SHUTDOWN_ACK_SENT" => State::ShutdownAckSent,
        b"HEARTBEAT_SENT" => State::HeartbeatSent,
        b"HEARTBEAT_ACKED" => State::HeartbeatAcked,
        b"REQUEST" => State::Request,
        b"RESPOND" => State::Respond,
        b"PARTOPEN" => State::PartOpen,
        b"OPEN" => State::Open,
        b"CLOSEREQ" => State::CloseReq,
        b"CLOSING" => State::Closing,
        b"TIMEWAIT" => State::DccpTimeWait,
        b"IGNORE" => State::Ignore,
        b"INVALID" => State::Invalid,
        _ => other(word),
    }
}

/// The first 16 bytes of an unknown word, padded.
fn other(word: &[u8]) -> State {
    let mut kept = [0; 16];
    for (to, from) in kept.iter_mut().zip(word) {
        *to = *from;
    }
    State::Other(kept)
}
