//! What is understood of counters, a fact a line: what tests of counter dialects compare.

use std::fmt::{Debug, Write};

use conntriage::model::counters::Counters;
use conntriage::model::machine::Machine;
use conntriage::model::sockets::SocketCounts;
use conntriage::parse::counters::{self, CounterDialect};

/// All that is understood, a fact a line.
pub(crate) fn understood(dialect: CounterDialect, path: &str, input: &[u8]) -> String {
    let (counters, records, damaged) = counters::parse(dialect, path, input);
    let mut out = format!("{}, {records} records\n", dialect.name());
    for (kind, blemish) in damaged {
        let raw = String::from_utf8_lossy(&blemish.first_raw).into_owned();
        writeln!(
            out,
            "damage: {}, {} times, first at {}: {raw:?}",
            kind.words(),
            blemish.count,
            blemish.first_offset
        )
        .unwrap();
    }
    facts(&counters, &mut out);
    out
}

fn facts(counters: &Counters, out: &mut String) {
    let Counters {
        sysctl,
        stat,
        slabs,
        addresses,
        uname,
        configured,
        sockets,
        protocol,
        rules,
        allowances,
        ..
    } = counters;
    for (key, value) in sysctl {
        writeln!(out, "{key} = {value}").unwrap();
    }
    for (key, (value, file)) in configured {
        writeln!(out, "wanted: {key} = {value} ({file})").unwrap();
    }
    say(out, "statistics", stat.as_ref());
    for slab in slabs {
        writeln!(out, "slab: {} {}/{} x {}", slab.name, slab.active, slab.total, slab.object_bytes).unwrap();
    }
    say(out, "slabs together", counters.slab_total());
    for local in addresses {
        writeln!(out, "address: {} {}", local.address, local.interface.as_deref().unwrap_or("-")).unwrap();
    }
    if !addresses.is_empty() {
        writeln!(
            out,
            "all addresses: {}, of IPv4: {}",
            counters.addresses_known, counters.addresses_known_v4
        )
        .unwrap();
    }
    say(out, "uname", uname.as_ref());
    say(out, "release", counters.release.as_ref());
    say(out, "count", counters.counts().last());
    say(out, "memory", counters.memory_bytes);
    if let Some(sockets) = sockets {
        writeln!(out, "sockets from {}, left out {}", sockets.from, sockets.left_out).unwrap();
        for ((l4, state), count) in &sockets.by_state {
            writeln!(out, "sockets: {} {state} {count}", l4.name().unwrap_or("?")).unwrap();
        }
        for (end, ports) in [("this", &sockets.established_at), ("the other", &sockets.established_to)] {
            for (port, count) in ports {
                writeln!(out, "established: port {port} of {end} end {count}").unwrap();
            }
        }
        for (call, calls) in &sockets.calls {
            let (program, local, peer, port) = (&call.program, call.local, call.peer, call.port);
            let l4 = call.l4.name().unwrap_or("?");
            let (number, process, several) = (calls.sockets, calls.process, calls.several);
            writeln!(out, "calls: {program:?} {local} to {peer} {l4} {port}: {number}, process {process:?}, several {several}")
                .unwrap();
        }
    }
    if counters.socket_counts != SocketCounts::default() {
        writeln!(out, "{:?}", counters.socket_counts).unwrap();
    }
    for (key, value) in protocol.iter().filter(|(_, value)| **value > 0) {
        writeln!(out, "counter: {key} = {value}").unwrap();
    }
    say(out, "rules", rules.as_ref());
    for (key, value) in allowances {
        writeln!(out, "allowance: {key} = {value}").unwrap();
    }
    if counters.machine != Machine::default() {
        writeln!(out, "{:?}", counters.machine).unwrap();
    }
}

fn say(out: &mut String, what: &str, value: Option<impl Debug>) {
    if let Some(value) = value {
        writeln!(out, "{what}: {value:?}").unwrap();
    }
}
