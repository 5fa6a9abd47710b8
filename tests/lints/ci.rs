//! What `.ci/run` makes of a log and of the README: its functions, called one by one on planted text.
//!
//! The script stays whole when it is sourced instead of run, so each trial here is one line of bash.

use std::process::Command;

use crate::harness::{Outcome, Verdict};
use crate::{root, scratch};

/// A log as Cargo writes it: two harnesses, a skip that the standard one cannot hide, and text that only looks like one.
const LOG: &str = "\
warning: a line of code that mentions \"skipped: nothing\"
test a::b ... ok
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
test ring ... skipped: ring: io_uring is switched off
skipped: fixture: no disk image
test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 9.01s
";

pub(crate) fn counts_all_harnesses() -> Verdict {
    expect("count passed \"$log\"; count failed \"$log\"; skips \"$log\" | wc -l", "15\n2\n2\n")
}

pub(crate) fn refuses_an_unlisted_skip() -> Verdict {
    let both = "skipped: ring: io_uring is switched off\nskipped: fixture: no disk image\n";
    expect("unlisted_skips \"$log\" /dev/null", both)?;
    let listed = "unlisted_skips \"$log\" <(printf '# Old kernels.\\nskipped: ring: \\n')";
    expect(listed, "skipped: fixture: no disk image\n")
}

pub(crate) fn runs_the_command_of_the_readme() -> Verdict {
    expect("readme_command README.md", "cargo test --workspace\n")?;
    expect(
        "readme_command <(printf 'cargo test --outside\\n```sh\\nls\\ncargo test -p x\\n```\\n')",
        "cargo test -p x\n",
    )
}

/// Runs one line of bash after sourcing the script; `$log` names the planted log.
fn expect(line: &str, expected: &str) -> Verdict {
    let log = scratch("ci.log");
    std::fs::write(&log, LOG).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
    let script = format!("source .ci/run && {line}");
    let output = Command::new("bash").args(["-c", &script]).env("log", &log).current_dir(root()).output();
    let output = output.map_err(|error| format!("bash does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let right = text == expected && errors.is_empty();
    if right { Ok(Outcome::Passed) } else { Err(format!("`{line}` gave {text:?} instead of {expected:?}\n{errors}")) }
}
