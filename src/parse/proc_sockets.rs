//! `/proc/net/tcp`, `tcp6`, `udp` and `udp6`: sockets one by one, with the inode by which their process is found.
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:C383 6B01A8C0:0C38 06 00000000:00000000 03:00001784 00000000     0        0 0 3 0000000000000000
//! ```
//!
//! Source: `get_tcp4_sock` and `get_timewait4_sock` of net/ipv4/tcp_ipv4.c, tcp6 and udp alike. Addresses are printed
//! as words of 32 bits in the byte order of the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Own end.
    pub local: (IpAddr, u16),
    /// Other end; all zeros where it is not connected.
    pub remote: (IpAddr, u16),
    /// State of TCP (linux/tcp_states.h), as a word of `ss`; `UNCONN` of an unconnected UDP socket is `CLOSE` here.
    pub state: &'static str,
    /// Inode of its file; 0 for one that belongs to no process any more.
    pub inode: u64,
}

/// What a line says; none for the header and for what is not understood.
pub fn socket(line: &str) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace();
    let number = words.next()?.strip_suffix(':')?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    let (local, remote) = (end(words.next()?)?, end(words.next()?)?);
    let state = state(u8::from_str_radix(words.next()?, 16).ok()?)?;
    // Queues, timer, retransmits, user, timeout.
    let inode = words.nth(5)?.parse().ok()?;
    Some(Socket { local, remote, state, inode })
}

/// `0100007F:C383`, or 32 digits in front of the colon.
fn end(word: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = word.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok();
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at)?.to_ne_bytes());
            }
            // One address has one form here.
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some((address, port))
}

fn state(number: u8) -> Option<&'static str> {
    const WORDS: [&str; 12] = [
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
        "SYN_RECV",
    ];
    WORDS.get(usize::from(number).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_either_family_is_read() {
        let of = |line: &str| socket(line).unwrap();
        let row = of(
            "   0: 0100007F:C383 6B01A8C0:0C38 06 00000000:00000000 03:00001784 00000000     0        0 0 3 0",
        );
        assert_eq!(row.local, ("127.0.0.1".parse().unwrap(), 50_051));
        assert_eq!(row.remote, ("192.168.1.107".parse().unwrap(), 3_128));
        assert_eq!((row.state, row.inode), ("TIME_WAIT", 0));
        let row = of("12: 00000000000000000000000001000000:0016 0000000000000000FFFF00000100007F:D431 01 \
                      00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 20 4 30 10 -1");
        assert_eq!(row.local.0, "::1".parse::<IpAddr>().unwrap());
        assert_eq!(row.remote.0, "127.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!((row.state, row.inode), ("ESTABLISHED", 4711));
    }

    #[test]
    fn what_is_no_row_is_none() {
        for line in [
            "",
            "  sl  local_address rem_address   st tx_queue",
            "0: 0100007F:C383",
            "0: 0100007:C383 6B01A8C0:0C38 06 0:0 03:0 0 0 0 0",
            "0: 0100007F:C383 6B01A8C0:0C38 FF 0:0 03:0 0 0 0 0",
            "0: 0100007F:C383 6B01A8C0:0C38 01 0:0 03:0 0 0 0 x",
            "0: é100007F:C383 6B01A8C0:0C38 01 0:0 03:0 0 0 0 1",
        ] {
            assert_eq!(socket(line), None, "{line}");
        }
    }
}
