#!/usr/bin/env bash
# How many lines of the decoders are run by the inputs of `bench prove fuzz`.
#
#   bench/coverage.sh [INPUTS FOR EACH DECODER]
#
# Builds `bench` with counters into target/coverage, fuzzes, and prints two figures: the lines of all functions in the files below, and of
# those that decode, chosen by their names. Files are those whose bytes others made; a function that exists once for each type counts once,
# with what any of them ran. The walk of a start over a whole store is not among them: `bench prove bitrot` damages that.
# Fails if less than 90 % of the second are run. Needs llvm-cov and llvm-profdata (`rustup component add llvm-tools`, or those of a
# distribution that are as new as rustc's LLVM) and c++filt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly FILES=(
    protocol/src/core protocol/src/message protocol/src/filter protocol/src/simple_string.rs
    journal/src/block.rs journal/src/record.rs journal/src/segment.rs journal/src/checkpoint.rs journal/src/epoch.rs journal/src/vector.rs
    journal/src/patch.rs journal/src/reader.rs journal/src/bytes.rs journal/src/store/ha_state.rs journal/src/store/manifest.rs
    src/store/record.rs src/store/index.rs
    src/net/core/connection.rs src/net/core/lower.rs src/net/core/management.rs src/management/arguments.rs
    src/config/src/file.rs src/config/src/types.rs src/config/src/value.rs src/config/src/users
    client/src/url.rs
)
# Functions that decode, by their own name or that of what they belong to; and what is none though it is called so.
readonly DECODES='^(read|decode|parse|split|take|next|validate|detect|walk|scan|skip|lower|token|compile|match|verify|check|peek|find|qualified|text|unserved)'
readonly READERS='Reader>|Parser>|Tokens>|Cursor>|::lower::|::arguments::'
readonly OTHERS='Writer>|Written>|FileText>|HaStateFile>|::edit::|[bB]uilder|fmt::|Error|testing::|encode|::write'
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
filt=$(tool c++filt)
# What runs while it is built is instrumented too.
LLVM_PROFILE_FILE="$PWD/$TARGET/build-%p.profraw" RUSTFLAGS="-C instrument-coverage" cargo build --package ringmq-bench --target-dir "$TARGET"
rm -f "$TARGET"/*.profraw
LLVM_PROFILE_FILE="$PWD/$TARGET/fuzz-%p.profraw" "$TARGET/debug/bench" prove fuzz --count "${1:-20000}" --no-ledger \
    --directory "$TARGET/prove"
"$profdata" merge -sparse "$TARGET"/fuzz-*.profraw -o "$TARGET/fuzz.profdata"

# One line a function and file in this form: mangled name, regions, missed, percent, lines, missed, percent.
"$cov" report "$TARGET/debug/bench" -instr-profile="$TARGET/fuzz.profdata" -show-functions "${FILES[@]}" |
    awk '/^_R/ { print $1, $5, $6 }' | "$filt" -s rust |
    awk -v decodes="$DECODES" -v readers="$READERS" -v others="$OTHERS" -v least="$LINES_PERCENT_MIN" '
        {
            missed = $NF; lines = $(NF - 1); name = $0
            sub(/ [0-9]+ [0-9]+$/, "", name)
            # Without the types that it was made for, and the marks of crates.
            while (gsub(/::<[^<>]*>/, "", name) || gsub(/\[[0-9a-f]+\]/, "", name)) {}
            if (!(name in of) || lines > of[name]) of[name] = lines
            if (!(name in without) || missed < without[name]) without[name] = missed
        }
        END {
            for (name in of) {
                all += of[name]; all_missed += without[name]
                own = name
                sub(/(::\{[^}]*\}(::[a-z_]+)*)+$/, "", own); sub(/^.*::/, "", own)
                if (name ~ others || (own !~ decodes && name !~ readers)) continue
                lines_of_decoders += of[name]; lines_missed += without[name]; count++
                if (without[name] > 0) printf "%4d of %4d lines are not run: %s\n", without[name], of[name], name
            }
            printf "%.1f %% of %d lines of all functions\n", 100 * (all - all_missed) / all, all
            share = 100 * (lines_of_decoders - lines_missed) / lines_of_decoders
            printf "%.1f %% of %d lines of the %d functions that decode\n", share, lines_of_decoders, count
            exit (share < least)
        }'
