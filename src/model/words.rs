//! How the field itself writes its names: states as the kernel prints them, protocols, boot ids, RFC 3339. One
//! spelling for every format; no prose, no layout.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Timelike};

use super::diagnosis::StateLabel;
use super::flow::{L4, Reply, State};
use super::time::{BootId, SECOND_US, WallTime};

impl State {
    /// The word `/proc/net/nf_conntrack` prints (`tcp_conntrack_names`, `sctp_conntrack_names`, `dccp_state_names`);
    /// none for a word that no kernel we know prints, see [`State::strange_word`].
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::None => "NONE",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::Listen => "LISTEN",
            Self::SynSent2 => "SYN_SENT2",
            Self::Closed => "CLOSED",
            Self::CookieWait => "COOKIE_WAIT",
            Self::CookieEchoed => "COOKIE_ECHOED",
            Self::ShutdownSent => "SHUTDOWN_SENT",
            Self::ShutdownRecd => "SHUTDOWN_RECD",
            Self::ShutdownAckSent => "SHUTDOWN_ACK_SENT",
            Self::HeartbeatSent => "HEARTBEAT_SENT",
            Self::HeartbeatAcked => "HEARTBEAT_ACKED",
            Self::Request => "REQUEST",
            Self::Respond => "RESPOND",
            Self::PartOpen => "PARTOPEN",
            Self::Open => "OPEN",
            Self::CloseReq => "CLOSEREQ",
            Self::Closing => "CLOSING",
            Self::DccpTimeWait => "TIMEWAIT",
            Self::Ignore => "IGNORE",
            Self::Invalid => "INVALID",
            Self::Other(_) => return None,
        })
    }

    /// The bytes of a state word that no kernel we know prints. They came from input: escape them.
    pub fn strange_word(&self) -> &[u8] {
        match self {
            Self::Other(bytes) => bytes.split(|b| *b == 0).next().unwrap_or_default(),
            _ => &[],
        }
    }
}

impl L4 {
    /// Its name, else `protocol-41`.
    pub fn label(self) -> String {
        self.name().map_or_else(|| format!("protocol-{}", self.0), str::to_owned)
    }
}

impl Reply {
    /// The flag in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreplied => "unreplied",
            Self::Replied => "replied",
            Self::Assured => "assured",
            Self::Offloaded => "offloaded",
        }
    }
}

impl StateLabel {
    /// `TIME_WAIT`, `udp unreplied`. `escape` spells a state word that came from input and is not known.
    pub fn label(&self, escape: impl Fn(&[u8]) -> String) -> String {
        match self {
            Self::State(state) => state.word().map_or_else(|| escape(state.strange_word()), str::to_owned),
            Self::Protocol(l4, reply) => format!("{} {}", l4.label(), reply.word()),
        }
    }
}

impl BootId {
    /// As `/proc/sys/kernel/random/boot_id` writes it: 8-4-4-4-12 lower-case hex digits.
    pub fn uuid(&self) -> String {
        let mut text = String::with_capacity(36);
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }
}

impl WallTime {
    /// RFC 3339 in UTC with `Z`; microseconds only where they are not zero. None outside the years 0 to 9999,
    /// which RFC 3339 cannot write.
    pub fn rfc3339(self) -> Option<String> {
        let at = DateTime::from_timestamp_micros(self.0).filter(|at| (0..=9999).contains(&at.year()))?;
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        );
        let fraction = self.0.rem_euclid(SECOND_US);
        if fraction != 0 {
            let _ = write!(text, ".{fraction:06}");
        }
        text.push('Z');
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_written_only_when_there_are_some() {
        assert_eq!(WallTime(1_334_222_275_000_000).rfc3339().as_deref(), Some("2012-04-12T09:17:55Z"));
        assert_eq!(WallTime(-1).rfc3339().as_deref(), Some("1969-12-31T23:59:59.999999Z"));
    }

    #[test]
    fn a_year_that_rfc_3339_cannot_write_is_none() {
        assert_eq!(WallTime(i64::MAX).rfc3339(), None);
        assert_eq!(WallTime(i64::MIN).rfc3339(), None);
    }

    #[test]
    fn a_boot_id_is_written_as_the_kernel_does() {
        let id = BootId([0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.uuid(), "ab010203-0405-0607-0809-0a0b0c0d0eff");
    }

    #[test]
    fn a_strange_state_word_ends_at_its_padding() {
        let mut word = [0; 16];
        word[..3].copy_from_slice(b"ODD");
        assert_eq!(State::Other(word).strange_word(), b"ODD");
        assert_eq!(State::Other(word).word(), None);
    }
}
