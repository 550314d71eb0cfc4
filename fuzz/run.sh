#!/usr/bin/env bash
# run.sh TARGET [SECONDS] [OPTION...]: builds, makes seeds where there are none, fuzzes. A finding ends it.
set -euo pipefail
cd "$(dirname "$0")"
target=$1 seconds=${2:-600}
./build.sh --bin "$target" --bin made_seeds
[ -d "corpus/$target" ] || ./seeds.py
case $target in
    lines | wrapped | messages) dictionary=log ;;
    tables | xml) dictionary=table ;;
    json | signals | manifest) dictionary=json ;;
    export | journal_file) dictionary=export ;;
    counters) dictionary=counters ;;
    *) dictionary= ;;
esac
mkdir -p "artifacts/$target"
exec nice -n 19 target/*/release/"$target" "corpus/$target" -artifact_prefix="artifacts/$target/" \
    -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -entropic=0 \
    ${dictionary:+-dict=dictionaries/$dictionary.dict} "${@:3}"
