//! Well-known ports in words. A table, no logic.

use super::flow::L4;

/// What usually listens on a port; none where nothing is usual.
pub fn service(port: u16, l4: L4) -> Option<&'static str> {
    let _ = l4;
    Some(match port {
        80 => "http",
        443 => "https",
        _ => return None,
    })
}
