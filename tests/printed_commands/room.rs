//! A network namespace and an `/etc` of one's own, in which lines are typed.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::line::Step;

/// Programs without which nothing is shown.
const NEEDED: [&str; 9] =
    ["unshare", "nft", "iptables", "ip6tables", "conntrack", "sysctl", "ip", "ss", "tcpdump"];

/// What came of the lines.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Lines that were refused, each with what was said.
    pub(crate) refused: Vec<String>,
    /// Entries before and after, where a table was put in.
    pub(crate) loaded: Option<(u64, u64)>,
    /// What is left after the undo lines.
    pub(crate) left: Option<String>,
}

/// Whether there can be such a room here; else why not.
pub(crate) fn possible() -> Result<(), String> {
    for program in NEEDED {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|place| place.join(program).exists()));
        if !found {
            return Err(format!("{program} is not installed"));
        }
    }
    let tried = run("nft list ruleset && conntrack -C");
    match tried {
        Ok((text, true)) if !text.is_empty() => Ok(()),
        Ok((text, _)) => Err(format!("no network namespace with a tracker can be made: {}", text.trim())),
        Err(why) => Err(why),
    }
}

/// Before the first line: an `/etc` that is a copy, and a way to everywhere that leads nowhere.
const ROOM: &str = "set -u
mount --make-rprivate /
mount -t tmpfs none /mnt && cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc || { echo '@@failed'; exit; }
ip link set lo up && ip route add default dev lo && ip -6 route add default dev lo
";
/// After the last line: rules, tables of nft and changed files that are still there.
const LEFT: &str = "echo '@@left'
iptables-save | grep '^-A'
ip6tables-save | grep '^-A'
nft list tables | grep -vE ' (raw|filter|nat|mangle)$'
nft list table inet filter 2> /dev/null | grep -E 'saddr|daddr|dport|icmp'
find /etc -name '*.before' | while read -r before; do
    cmp -s \"${before%.before}\" \"$before\" || echo \"${before%.before} is changed\"
done
";

/// Types the lines, and then those that undo them.
pub(crate) fn typed(steps: &[Step], undo: &[Step], table: Option<&str>) -> Outcome {
    let place = tempfile::tempdir().unwrap();
    let mut script = String::from(ROOM);
    if let Some(table) = table {
        let path = place.path().join("table");
        std::fs::write(&path, table).unwrap();
        let path = path.display();
        let _ = writeln!(script, "conntrack -R {path} > /dev/null 2>&1; echo \"@@before $(conntrack -C)\"");
    }
    type_all("step", steps, place.path(), &mut script);
    script.push_str("echo \"@@after $(conntrack -C)\"\n");
    type_all("undo", undo, place.path(), &mut script);
    script.push_str(LEFT);
    match run(&script) {
        Ok((text, _)) => read(&text, steps, undo, table.is_some()),
        Err(why) => Outcome { refused: vec![why], ..Outcome::default() },
    }
}

/// Each line from a file of its own, so that none can end another.
fn type_all(part: &str, steps: &[Step], place: &Path, script: &mut String) {
    for (at, step) in steps.iter().enumerate() {
        let path = place.join(format!("{part}-{at}"));
        std::fs::write(&path, &step.shell).unwrap();
        let how = if step.read { "bash -n" } else { "bash" };
        let path = path.display();
        let _ = writeln!(script, "out=$({how} {path} 2>&1); echo \"@@{part} {at} $?\"; echo \"$out\"");
    }
}

/// What the script said: marks, and behind each what its line said.
fn read(text: &str, steps: &[Step], undo: &[Step], loads: bool) -> Outcome {
    let mut out = Outcome::default();
    let (mut before, mut after) = (None, None);
    let mut ended = false;
    for part in text.split("@@").skip(1) {
        let (mark, said) = part.split_once('\n').unwrap_or((part, ""));
        let words: Vec<&str> = mark.split(' ').collect();
        match *words.as_slice() {
            ["before", count] => before = count.parse().ok(),
            ["after", count] => after = count.parse().ok(),
            [which @ ("step" | "undo"), at, code] => {
                let of = if which == "step" { steps } else { undo };
                let line = at.parse::<usize>().ok().and_then(|at| of.get(at));
                // It is an error to conntrack(8) to find nothing to delete or to list.
                let found_none =
                    |step: &Step| step.shell.contains("| grep") && code == "1" && said.trim().is_empty();
                let nothing = said.contains("flow entries have been") || line.is_some_and(found_none);
                if let Some(step) = line.filter(|_| code != "0" && !nothing) {
                    out.refused.push(format!("`{}` is refused: {}", step.printed, said.trim()));
                }
            }
            ["left"] => {
                ended = true;
                out.left = Some(said.trim().to_owned()).filter(|said| !said.is_empty());
            }
            _ => {}
        }
    }
    if !ended {
        out.refused.push(format!("the room could not be made: {}", text.trim()));
    }
    out.loaded = before.zip(after).filter(|_| loads);
    out
}

/// Runs a script in a network and a mount namespace of its own: what it said, and whether it ended well.
fn run(script: &str) -> Result<(String, bool), String> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "bash", "-c", script]).stdin(Stdio::null());
    let output = unshare.output().map_err(|why| format!("unshare: {why}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((said(&output.stdout) + &said(&output.stderr), output.status.success()))
}
