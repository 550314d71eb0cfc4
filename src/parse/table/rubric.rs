//! What stands between lists without being one: a shell's prompt with its command, `date`, `tail`'s `==> file <==`,
//! rules of signs, a message of the tool.

use memchr::memmem;

/// What a line says that is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rubric {
    /// Here a list of the table may begin.
    Begins,
    /// Here a list begins whose entries are not in the table: `conntrack -L dying`, `conntrack -L unconfirmed`.
    BeginsAside,
    /// Nothing.
    Nothing,
}

/// A longer line is no heading.
const BYTES_MAX: usize = 160;
const DAYS: [&[u8]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];

/// What it says; none if it is no such line.
pub(super) fn rubric(line: &[u8]) -> Option<Rubric> {
    if line.len() > BYTES_MAX || has(line, b"src=") {
        return None;
    }
    if let Some(command) = command(line) {
        let tool = command.starts_with(b"conntrack ");
        return Some(if tool && (has(command, b" dying") || has(command, b" unconfirmed")) {
            Rubric::BeginsAside
        } else if tool || has(command, b"_conntrack") {
            Rubric::Begins
        } else {
            Rubric::Nothing
        });
    }
    if line.starts_with(b"==> ") && line.ends_with(b" <==") || is_date(line) {
        return Some(Rubric::Begins);
    }
    if line == b"--" || line.starts_with(b"nfct_labelmap_new: ") || line == b"--More--" {
        return Some(Rubric::Nothing);
    }
    let framed = [&b"==="[..], b"---", b"###", b"***", b"# "].iter().any(|frame| line.starts_with(frame));
    framed.then_some(Rubric::Begins)
}

fn has(line: &[u8], word: &[u8]) -> bool {
    memmem::find(line, word).is_some()
}

/// The command behind a prompt (`[root@gw ~]# conntrack -L`, `$ sudo cat …`, `+ conntrack -L` of `sh -x`), or one that
/// stands alone; empty behind a prompt without one.
fn command(line: &[u8]) -> Option<&[u8]> {
    let sudo = |command: &'_ [u8]| -> usize { if command.starts_with(b"sudo ") { 5 } else { 0 } };
    let known =
        |command: &[u8]| command.starts_with(b"conntrack -") || command.starts_with(b"cat /proc/net/");
    let bare = line.get(sudo(line)..).unwrap_or_default();
    if known(bare) {
        return Some(bare);
    }
    if let [.., b'#' | b'$'] = line
        && line.contains(&b'@')
    {
        return Some(&[]);
    }
    let end = line.windows(2).position(|pair| matches!(pair, b"# " | b"$ " | b"+ " | b"> "))?;
    let (prompt, command) = line.split_at_checked(end + 2)?;
    let command = command.get(sudo(command)..).unwrap_or_default();
    (prompt.contains(&b'@') || prompt.contains(&b'~') || known(command)).then_some(command)
}

/// What `date` prints: `Thu Nov 26 23:50:42 UTC 2026`.
fn is_date(line: &[u8]) -> bool {
    DAYS.iter().any(|day| line.starts_with(day)) && line.len() < 48 && line.contains(&b':')
}
