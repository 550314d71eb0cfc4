#!/usr/bin/env bash
# Builds the targets as `cargo fuzz build` would, with the stable compiler. CARGO may name another cargo.
set -euo pipefail
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Ccodegen-units=16 --cfg fuzzing"
exec "${CARGO:-cargo}" build --locked --release --target "$(rustc -vV | sed -n 's/^host: //p')" "${@:---bins}"
