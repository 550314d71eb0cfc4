//! Writes the seeds that only the program can make into a corpus: `made_seeds CORPUS`. Journal files of every shape, and
//! the signals of the logs that are already there.

use std::path::Path;

use conntriage::detect::scan::Scan;
use conntriage::model::fold::RecordSink;
use conntriage::model::input::{Hints, LogStream};
use conntriage::parse::log::lines::LineParser;
use conntriage::wire::signals;
use conntriage_fuzz::journal_file::file_of;
use conntriage_fuzz::writer::shapes;

const TEXT: &[u8] = b"_TRANSPORT=kernel\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\nPRIORITY=4\n\
MESSAGE=nf_conntrack: nf_conntrack: table full, dropping packet\n\n_TRANSPORT=kernel\nSYSLOG_FACILITY=0\n\
MESSAGE=net_ratelimit: 7 callbacks suppressed\n\n_TRANSPORT=syslog\nMESSAGE=x\n\n";

fn main() {
    let corpus = std::env::args().nth(1).expect("made_seeds CORPUS");
    let corpus = Path::new(&corpus);
    for (number, shape) in shapes().into_iter().enumerate() {
        write(corpus, "journal_file", number, &file_of(TEXT, shape));
    }
    for (number, log) in std::fs::read_dir(corpus.join("lines")).unwrap().enumerate() {
        let text = std::fs::read(log.unwrap().path()).unwrap();
        let mut scan = Scan::default();
        LineParser::default().block(&text, 0, &mut scan);
        let (id, piece) = ("0123456789ab".into(), scan.finish());
        let line = signals::write(&LogStream { id, hints: Hints::default(), dialect: "lines", piece });
        if line.len() <= 8_192 {
            write(corpus, "signals", number, line.as_bytes());
        }
    }
}

fn write(corpus: &Path, target: &str, number: usize, bytes: &[u8]) {
    let folder = corpus.join(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("made-{number}")), bytes).unwrap();
}
