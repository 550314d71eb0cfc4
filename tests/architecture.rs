//! The arrows between the rooms (see `src/lib.rs`), read from the source: every `crate::…` path, inline ones, grouped
//! ones and those inside macros too.

#![allow(clippy::disallowed_methods, reason = "a test that reads the source files")]

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Who may use whom. A room may always use itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("parse", &["model"]),
    ("wire", &["model"]),
    ("detect", &["model"]),
    ("census", &["model"]),
    ("diagnose", &["model"]),
    ("steer", &["model"]),
    ("report", &["model"]),
    ("edge", &["model", "parse", "wire"]),
    ("cli", &["model"]),
    ("app", &["model", "parse", "wire", "detect", "census", "diagnose", "steer", "report", "edge", "cli"]),
    ("main", &["app"]),
];

/// Crates that only one room may name.
const RESERVED: &[(&str, &[&str])] = &[
    ("serde", &["wire"]),
    ("serde_json", &["wire"]),
    ("schemars", &["wire"]),
    ("indicatif", &["edge"]),
    ("rustix", &["edge"]),
    ("flate2", &["edge"]),
    ("notify", &["edge"]),
    ("rusqlite", &["edge"]),
    ("signal_hook", &["edge"]),
    ("sd_notify", &["edge"]),
    ("lettre", &["report", "edge"]),
    ("rustls", &["edge"]),
    ("rustls_native_certs", &["edge"]),
    ("tiny_skia", &["report"]),
    ("ureq", &["edge"]),
    ("toml_edit", &["cli"]),
    ("clap", &["cli", "app"]),
    ("anyhow", &["app"]),
];

#[test]
fn rooms_look_only_where_their_arrows_point() {
    let found: Vec<String> = sources().iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(found.is_empty(), "arrows that run another way:\n{}", found.join("\n"));
}

#[test]
fn every_room_of_the_source_is_known_here() {
    for (path, _) in sources() {
        let room = room(&path);
        assert!(
            room == "lib" || ARROWS.iter().any(|(known, _)| *known == room),
            "{path}: unknown room {room}"
        );
    }
}

#[test]
fn a_planted_arrow_is_found_in_every_disguise() {
    let bad = [
        ("src/model/x.rs", "use crate::parse::log;"),
        ("src/parse/x.rs", "use crate::{model::time, detect::scan};"),
        ("src/census/x.rs", "fn f() { let _ = crate::report::text::render; }"),
        ("src/report/x.rs", "fn f() { assert!(crate::edge::now() > 1); }"),
        ("src/parse/mod.rs", "use super::edge::read;"),
        ("src/parse/log/x.rs", "use super::super::super::detect::scan;"),
        ("src/detect/x.rs", "use serde::Serialize;"),
        ("src/main.rs", "use conntriage::edge::read;"),
    ];
    for (path, text) in bad {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
    let good = [
        ("src/parse/log/x.rs", "use crate::model::time; use super::super::kernel; use super::time;"),
        ("src/edge/x.rs", "use crate::{model::time, parse::sniff, wire::signals, edge::read};"),
        ("src/wire/x.rs", "use serde::Serialize;"),
    ];
    for (path, text) in good {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn the_top_level_is_what_was_agreed() {
    let agreed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "tests",
        "samples",
        "man",
        "benches",
        "README.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "rustfmt.toml",
        "clippy.toml",
        "deny.toml",
        ".gitignore",
        ".gitattributes",
        ".ci",
        ".git",
        "target",
        "fuzz",
        "dist",
    ];
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(agreed.contains(&name.as_str()), "{name} stands at the top level and nobody agreed to it");
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 20, "the source was not found");
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn room(path: &str) -> String {
    path.trim_start_matches("src/").trim_end_matches(".rs").split('/').next().unwrap().to_owned()
}

/// Module path of a file below the crate root: `src/parse/log/mod.rs` is `[parse, log]`.
fn module(path: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        path.trim_start_matches("src/").trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn violations(path: &str, text: &str) -> Vec<String> {
    let room = room(path);
    if room == "lib" {
        return Vec::new();
    }
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut used = Vec::new();
    roots(tokens, &module(path), &mut used);
    let allowed = ARROWS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    let mut found = Vec::new();
    for (name, line) in used {
        let is_room = ARROWS.iter().any(|(known, _)| *known == name);
        let reserved = RESERVED.iter().find(|(krate, _)| *krate == name);
        let wrong = is_room && name != room && !allowed.contains(&name.as_str())
            || reserved.is_some_and(|(_, rooms)| !rooms.contains(&room.as_str()));
        if wrong {
            found.push(format!("{path}:{line}: {room} uses {name}"));
        }
    }
    found
}

/// The rooms and crates that paths begin with: `crate::x`, `conntriage::x`, `super::…::x`, and bare `x::`.
fn roots(tokens: TokenStream, module: &[String], used: &mut Vec<(String, usize)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => roots(group.stream(), module, used),
            TokenTree::Ident(ident) if !behind_colons(&tokens, at) && colons(&tokens, at + 1) => {
                let line = ident.span().start().line;
                match ident.to_string().as_str() {
                    "crate" | "conntriage" => names(&tokens, at + 3, used),
                    "super" => climb(&tokens, at, module, used),
                    name => used
                        .extend(RESERVED.iter().filter(|(k, _)| *k == name).map(|_| (name.to_owned(), line))),
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn behind_colons(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && colons(tokens, at - 2)
}

/// The name (or, in a group, the first names) at `at`.
fn names(tokens: &[TokenTree], at: usize, used: &mut Vec<(String, usize)>) {
    match tokens.get(at) {
        Some(TokenTree::Ident(ident)) => used.push((ident.to_string(), ident.span().start().line)),
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut first = true;
            for (at, token) in inner.iter().enumerate() {
                if first {
                    names(&inner, at, used);
                }
                first = matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
            }
        }
        _ => {}
    }
}

/// `super::super::x`: resolved against the file's module; only what climbs out of its room counts.
fn climb(tokens: &[TokenTree], at: usize, module: &[String], used: &mut Vec<(String, usize)>) {
    let (mut at, mut climbed) = (at, 0);
    while matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == "super")
        && colons(tokens, at + 1)
    {
        at += 3;
        climbed += 1;
    }
    // Inside `mod tests { … }` one `super` only leaves that module; those files never climb further.
    if climbed >= module.len() && !(climbed == 1 && module.len() == 1 && inside_tests(tokens)) {
        names(tokens, at, used);
    }
}

fn inside_tests(tokens: &[TokenTree]) -> bool {
    tokens.iter().any(|token| matches!(token, TokenTree::Ident(ident) if ident == "fn"))
}
