//! Progress on stderr: only on a terminal, and only once the work has lasted a second.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long the work must last before a bar is shown.
const SHOW_AFTER: Duration = Duration::from_secs(1);

/// Counts bytes read by all workers.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: OnceLock<()>,
    wanted: Wanted,
}

/// Whether progress may be shown at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// On a terminal.
    OnTerminal,
    /// Never.
    Never,
}

impl Progress {
    /// Progress over `bytes` bytes of input (compressed size where compressed); 0 where unknown.
    pub fn over(bytes: u64, wanted: Wanted) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
        let template = "{spinner} {bytes} of {total_bytes} read, {binary_bytes_per_sec}, {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, started: Instant::now(), shown: OnceLock::new(), wanted }
    }

    /// So many more bytes were read.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.wanted == Wanted::OnTerminal && self.started.elapsed() >= SHOW_AFTER {
            self.shown.get_or_init(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
    }

    /// Takes the bar off the screen.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
