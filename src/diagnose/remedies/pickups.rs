//! Deleting connections that were met in their middle and never answered: one by one, by their whole tuple, because
//! no filter of `conntrack -D` selects them (the one for the flag is ignored there, and takes the whole table).

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::L3;

use super::super::facts::Case;
use super::super::one_way::pickup;
use super::place::Way;
use super::{HERE, here};

/// Keeps the four parts of the tuple of each line.
const TUPLES: &str = r"s/.* src=\([^ ]*\) dst=\([^ ]*\) sport=\([0-9]*\) dport=\([0-9]*\) .*/-s \1 -d \2 --sport \3 --dport \4/p";

/// Lists them, then deletes exactly those. `port`: only those whose original source port it is.
pub(crate) fn delete_pickups(case: &Case<'_>, port: Option<u16>, entries: u64) -> Option<Remedy> {
    let classes = &case.census?.who.classes;
    let holds = |l3: L3| classes.iter().any(|(class, n)| class.l3 == l3 && pickup(class) && *n > 0);
    let mut commands = Vec::new();
    for (l3, family, file) in [(L3::V4, "", "pickups"), (L3::V6, "-f ipv6 ", "pickups6")] {
        if holds(l3) {
            commands.extend(lines(case, family, file, port));
        }
    }
    (entries > 0 && !commands.is_empty()).then(|| Remedy {
        id: "delete-pickups",
        title: "delete those that were never answered, one by one: list them first, look at the list, then delete what is in it".into(),
        commands,
        effect: Effect {
            entries_freed_now: Some(entries),
            steady_state_entries: None,
            note: "what is in use is met again with its next packet".into(),
        },
        side_effects: vec![
            "a connection of the list that is alive after all is taken up again, unless address translation needs its old entry: then it breaks".into(),
            "needs conntrack-tools; each line of the list walks the whole table".into(),
        ],
        persists: false,
    })
}

fn lines(case: &Case<'_>, family: &str, file: &str, port: Option<u16>) -> [Command; 2] {
    let from = port.map_or_else(String::new, |port| format!(" --sport {port}"));
    let list = format!(
        "conntrack {family}-L -p tcp --state ESTABLISHED -u UNREPLIED{from} | sed -n '{}' > {file}",
        tuples()
    );
    // An empty list deletes nothing only by `-r`.
    let delete = format!("xargs -r -a {file} -L 1 {}", inside(case, &format!("conntrack {family}-D -p tcp")));
    [here(list, None), Command { place: format!("{HERE}, in the same folder"), ..here(delete, None) }]
}

/// The first half of each line up to the flag, and of that the tuple.
fn tuples() -> String {
    format!(r"s/\[UNREPLIED\].*/ /; {TUPLES}")
}

/// `xargs` starts the tool, so the way into a namespace stands before the tool.
fn inside(case: &Case<'_>, line: &str) -> String {
    Way::into(case.namespace()).map_or_else(|| line.to_owned(), |way| way.enter(line))
}
