//! Texts that try to become more than text, and a report that is full of them.

use conntriage::model::report::Report;
use conntriage::model::sentence::{Sentence, Word};

use super::everything;

/// A report whose texts from input are these.
pub(crate) fn filled(words: &[String]) -> Report {
    let mut report = everything::report();
    let mut next = words.iter().cycle();
    let mut word = move |text: &mut Box<str>| *text = next.next().cloned().unwrap_or_default().into();
    for input in &mut report.inputs {
        word(&mut input.path);
        input.member.iter_mut().for_each(&mut word);
        input.note.iter_mut().for_each(&mut word);
    }
    report.hosts.iter_mut().for_each(|view| word(&mut view.host.name));
    report.findings.iter_mut().filter_map(|finding| finding.host.as_mut()).for_each(&mut word);
    for view in &mut report.incidents {
        word(&mut view.incident.id);
        view.incident.lines = words.iter().map(|word| word.clone().into_bytes().into()).collect();
        for source in &mut view.body.top_sources {
            source.owner.iter_mut().for_each(|owner| word(&mut owner.name));
            source.note = Some(Sentence(vec![Word::Untrusted(words.concat().into_bytes().into())]));
        }
        view.body.verdict.summary = words
            .iter()
            .map(|word| {
                Sentence(vec![
                    Word::Text("it was"),
                    Word::Untrusted(word.clone().into_bytes().into()),
                    Word::Code(word.clone()),
                ])
            })
            .collect();
        for remedy in &mut view.body.remedies {
            remedy.commands.iter_mut().for_each(|command| command.line = words.concat());
        }
    }
    report
}

pub(crate) fn hostile() -> Vec<String> {
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</style></title></pre><svg onload=alert(1)>",
        "&lt;b&gt; &#60;script&#62;",
        "[x](javascript:alert(1)) ![y](http://evil.example/z.png)",
        "a | b | c\n| --- | ---\n```\n# title",
        "``` `code` ````",
        "@everyone #1 GH-2 www.evil.example https://evil.example",
        "\u{202e}fdp.exe\u{2066}\u{200b}\u{1b}[2J\u{7}\r",
        "</details><details open>",
    ]
    .map(str::to_owned)
    .to_vec()
}
