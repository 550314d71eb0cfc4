//! ctnetlink: the table as the kernel hands it over, message by message, and the line that conntrack(8) prints of each.
//!
//! [`mod@messages`] walks one datagram of a dump and decides what of it is ours; [`attributes`] walks what is nested in a
//! message; [`mod@write`] prints an entry as `conntrack -L -o extended,id` does, so that our own reader of tables and
//! everybody's `grep` understand what is kept.
//!
//! Sources: `ctnetlink_fill_info` of net/netfilter/nf_conntrack_netlink.c (3.10 to 6.18), linux/netlink.h,
//! linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h.

mod attributes;
mod messages;
mod states;
mod write;

pub use attributes::{Also, Entry};
pub use messages::{Asked, List, Message, Messages, Question, ends, messages, request, statistics_request};
pub use write::write;

#[cfg(test)]
mod tests;
