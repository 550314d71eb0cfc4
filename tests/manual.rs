//! The manual page is what the program says it is.

mod common;

use common::{conntriage, golden, outcome, root};

#[test]
fn the_manual_page_is_the_one_the_program_prints() {
    let output = conntriage(root()).arg("man").output().unwrap();
    let (page, errors, code) = outcome(&output);
    assert_eq!((errors.as_str(), code), ("", 0));
    golden(&root().join("man/conntriage.1"), &page).unwrap();
}

#[test]
fn every_command_and_option_of_the_help_stands_in_the_manual() {
    let manual = outcome(&conntriage(root()).arg("man").output().unwrap()).0.replace('\\', "");
    for command in ["analyze", "scan", "schema", "completions", "man"] {
        let help = outcome(&conntriage(root()).args([command, "--help"]).output().unwrap()).0;
        for word in help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help") {
            let option = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(manual.contains(option), "{option} of {command} is not in the manual");
        }
    }
}
