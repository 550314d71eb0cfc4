//! Modules that are loaded: `lsmod` and `/proc/modules` of 2.4 to today.
//!
//! ```text
//! nf_conntrack 172032 5 nf_nat,xt_conntrack, Live 0xffffffffc0a3b000 (OE)
//! ip_conntrack           24968   2 [ipt_MASQUERADE iptable_nat]
//! ```

use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;
use crate::model::machine::Module;

/// Modules that are kept.
const MODULES_MAX: usize = 4_096;
/// Bytes of a name that are kept (the kernel's limit is 55).
const NAME_BYTES_MAX: usize = 64;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    is_header(head.first()) || head.lines.iter().all(|line| is_of_proc(line))
}

fn is_header(line: &str) -> bool {
    line.split_whitespace().take(3).eq(["Module", "Size", "Used"])
}

/// A row of `/proc/modules`: of 2.6 on with state and address, of 2.4 with its users in brackets.
fn is_of_proc(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let has_state = matches!(words.get(4), Some(&("Live" | "Loading" | "Unloading")));
    let has_users =
        words.len() > 3 && line.ends_with(']') && words.get(3).is_some_and(|word| word.starts_with('['));
    row(line).is_some() && (has_state || has_users)
}

/// Every module is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut modules = Vec::new();
    reading.each_line(text, |text, line, reading| {
        if is_header(text) {
            return;
        }
        reading.records += 1;
        match row(text) {
            Some(_) if modules.len() >= MODULES_MAX => reading.damage(BlemishKind::LineTooLong, line),
            Some(module) => modules.push(module),
            None => reading.damage(BlemishKind::Unrecognised, line),
        }
    });
    modules.sort();
    reading.counters.machine.modules = Some(modules);
}

fn row(line: &str) -> Option<Module> {
    let mut words = line.split_whitespace();
    let name = words.next().filter(|name| name.len() <= NAME_BYTES_MAX)?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let bytes = decimal(words.next()?).filter(|_| is_name)?;
    let users = words.next();
    let fits =
        users.is_none_or(|users| users == "-" || users == "-2" || users == "-1" || decimal(users).is_some());
    let taints = line.rsplit_once('(').map_or("", |(_, taints)| taints);
    let foreign = line.ends_with(')') && taints.contains(['O', 'P']);
    fits.then(|| Module { name: name.into(), bytes, users: users.and_then(decimal), foreign })
}
