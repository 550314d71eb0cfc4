//! Arguments → plan → app → exit code. Nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(conntriage::app::run().code())
}
