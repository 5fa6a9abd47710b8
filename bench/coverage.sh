#!/usr/bin/env bash
# How many lines of the decoders are run by the inputs of `bench prove fuzz`.
#
#   bench/coverage.sh [INPUTS FOR EACH DECODER]
#
# Builds `bench` with counters into target/coverage, fuzzes, and prints two figures: the lines of all functions in the files below, and of
# those that decode, chosen by their names. Files are those whose bytes others made; a function that exists once for each type counts once,
# with what any of them ran. Fails if less than 90 % of the second are run. Needs llvm-cov and llvm-profdata (`rustup component add llvm-tools`,
# or those of a distribution that are as new as rustc's LLVM).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly FILES=(
    protocol/src/core protocol/src/message protocol/src/filter protocol/src/simple_string.rs
    journal/src/block.rs journal/src/record.rs journal/src/segment.rs journal/src/checkpoint.rs journal/src/epoch.rs journal/src/vector.rs
    journal/src/patch.rs journal/src/reader.rs journal/src/bytes.rs journal/src/recovery/records.rs journal/src/recovery/checkpoint.rs
    journal/src/store/ha_state.rs journal/src/store/manifest.rs
    src/store/record.rs src/store/index.rs
    src/net/core/connection.rs src/net/core/lower.rs src/net/core/management.rs src/management/arguments.rs
    src/config/src/file.rs src/config/src/types.rs src/config/src/value.rs src/config/src/users
    client/src/url.rs
)
# Encoders, constructors, accessors, errors' texts and the writing side are not decoders.
readonly DECODES='read|decode|parse|split|take|next|validate|detect|walk|scan|skip|lower|recover|token|compile|match|open|verify|check'
readonly LINES_PERCENT_MIN=90

tool() {
    local found
    found=$(find "$(rustc --print sysroot)" -name "$1" -type f | head -1)
    [ -n "$found" ] || found=$(command -v "$1") || { echo "$1 is missing: rustup component add llvm-tools" >&2; exit 2; }
    printf '%s' "$found"
}

readonly TARGET=target/coverage
profdata=$(tool llvm-profdata)
cov=$(tool llvm-cov)
# What runs while it is built is instrumented too.
LLVM_PROFILE_FILE="$PWD/$TARGET/build-%p.profraw" RUSTFLAGS="-C instrument-coverage" cargo build --package ringmq-bench --target-dir "$TARGET"
rm -f "$TARGET"/*.profraw
LLVM_PROFILE_FILE="$PWD/$TARGET/fuzz-%p.profraw" "$TARGET/debug/bench" prove fuzz --count "${1:-20000}" --no-ledger \
    --directory "$TARGET/prove"
"$profdata" merge -sparse "$TARGET"/fuzz-*.profraw -o "$TARGET/fuzz.profdata"

# One line a function and file in this form: mangled name, regions, missed, percent, lines, missed, percent.
"$cov" report "$TARGET/debug/bench" -instr-profile="$TARGET/fuzz.profdata" -show-functions "${FILES[@]}" |
    awk -v decodes="$DECODES" -v least="$LINES_PERCENT_MIN" '
        $1 == "TOTAL" || NF < 7 || $1 !~ /^_/ { next }
        {
            name = $1
            # Tests and derived code are nobody'"'"'s decoder.
            if (name ~ /5tests|core3fmt|core5clone|core3cmp|core7default/) next
            # The last name in a path, without the types that it was made for.
            key = name
            sub(/^_R[A-Za-z]*C[sS][A-Za-z0-9]*_/, "", key)
            if (!(key in lines) || $5 > lines[key]) lines[key] = $5
            if (!(key in missed) || $6 < missed[key]) missed[key] = $6
        }
        END {
            for (key in lines) {
                all += lines[key]; all_missed += missed[key]
                if (key ~ decodes) { own += lines[key]; own_missed += missed[key]; if (missed[key] > 0) printf "%4d of %4d missed: %s\n", missed[key], lines[key], key > "/dev/stderr" }
            }
            printf "all functions: %.1f %% of %d lines\n", 100 * (all - all_missed) / all, all
            printf "functions that decode: %.1f %% of %d lines\n", 100 * (own - own_missed) / own, own
            exit (100 * (own - own_missed) < least * own)
        }'
