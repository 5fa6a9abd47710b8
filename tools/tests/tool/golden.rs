//! What the tool says of a store that is always the same, word for word. `RINGMQ_REGENERATE=1` writes the files anew.

use std::path::Path;

use super::scratch::everything;
use super::store::{BODY, CANARY, End, copy_of};
use super::tool::{Said, run};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The differences from the file.
fn compare(name: &str, said: &str) -> Result<(), String> {
    let path = Path::new(DIRECTORY).join(name);
    if std::env::var_os("RINGMQ_REGENERATE").is_some() {
        std::fs::create_dir_all(DIRECTORY).unwrap();
        std::fs::write(&path, said).unwrap();
    }
    let expected = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    for (at, (said, expected)) in said.lines().zip(expected.lines()).enumerate() {
        if said != expected {
            return Err(format!("{name}:{}:\n  said     {said}\n  expected {expected}", at + 1));
        }
    }
    let (said, expected) = (said.lines().count(), expected.lines().count());
    if said == expected { Ok(()) } else { Err(format!("{name}: {said} lines instead of {expected}")) }
}

fn check(name: &str, root: &Path, said: &Said) {
    assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
    compare(name, &said.out.replace(root.to_str().unwrap(), "STORE"))
        .unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn every_command_says_what_it_always_said() {
    let scratch = copy_of(End::Stopped, false);
    let root = scratch.0.as_path();
    // The many alike records of j00 are seen by their blocks.
    check("print.txt", root, &run("print", root, &["--to", "40960"]));
    check("print.json", root, &run("print", root, &["--to", "40960", "--json"]));
    check("verify.txt", root, &run("verify", root, &[]));
    check("verify.json", root, &run("verify", root, &["--json"]));
    check("stats.txt", root, &run("stats", root, &[]));
    check("stats.json", root, &run("stats", root, &["--json"]));
}

#[test]
fn a_store_with_freed_segments() {
    let scratch = copy_of(End::Sealed, true);
    check("verify-freed.txt", &scratch.0, &run("verify", &scratch.0, &[]));
    check("stats-freed.txt", &scratch.0, &run("stats", &scratch.0, &[]));
}

#[test]
fn another_word_is_caught() {
    if std::env::var_os("RINGMQ_REGENERATE").is_some() {
        // The file is being written by another test.
        return;
    }
    let text = std::fs::read_to_string(Path::new(DIRECTORY).join("verify.txt")).unwrap();
    assert!(compare("verify.txt", &text).is_ok());
    assert!(compare("verify.txt", &text.replace("sound", "fine")).is_err());
    assert!(compare("verify.txt", &format!("{text}one more\n")).is_err());
}

#[test]
fn filters_show_what_was_asked_for() {
    let scratch = copy_of(End::Stopped, false);
    let print = |arguments: &[&str]| run("print", &scratch.0, arguments);
    let all = print(&[]);
    let adds = print(&["--type", "add"]);
    assert_eq!(adds.out.lines().count(), all.out.lines().filter(|line| line.contains(" type=add ")).count());
    assert!(adds.out.lines().count() > 240, "{}", adds.out.lines().count());
    let audit = print(&["--queue", "audit trail"]);
    assert!(audit.out.lines().all(|line| line.contains("\"audit trail\"")), "{}", audit.out);
    assert_eq!(audit.out, print(&["--queue", "2"]).out);
    assert_eq!(
        audit.lines("record").len(),
        4,
        "the queue itself, two parts of transactions, one message: {}",
        audit.out
    );
    let lane = print(&["--lane", "j01,b00", "--type", "segment"]);
    assert!(
        lane.out.lines().all(|line| line.contains("lane=j01") || line.contains("lane=b00")) && !lane.out.is_empty()
    );
    let range = print(&["--lane", "j00", "--type", "block", "--from", "8192", "--to", "12288"]);
    assert_eq!(range.out.lines().count(), 1, "{}", range.out);
    assert!(range.says("block", &["lsn=8192"]));
    assert_eq!(print(&["--queue", "nobody"]).code, 2);
}

#[test]
fn no_secret_is_said() {
    let scratch = copy_of(End::Stopped, false);
    let holds = |needle: &str| {
        everything(&scratch.0)
            .iter()
            .any(|(_, bytes, _)| bytes.windows(needle.len()).any(|part| part == needle.as_bytes()))
    };
    assert!(holds(CANARY), "the store itself has it, or this proves nothing");
    let hexadecimal = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let wide = |text: &str| text.bytes().map(|byte| format!("{byte:02x}00")).collect::<String>();
    let mut said = String::new();
    for what in ["print", "verify", "stats"] {
        for json in [&[][..], &["--json"][..]] {
            let run = run(what, &scratch.0, json);
            said.push_str(&run.out);
            said.push_str(&run.err);
        }
    }
    for secret in [CANARY.to_owned(), hexadecimal(CANARY), BODY.to_owned(), hexadecimal(BODY), wide(BODY)] {
        assert!(!said.contains(&secret), "{secret}");
    }
    assert!(said.contains("\"api token\""), "names of properties are shown");
    let bodies = run("print", &scratch.0, &["--bodies"]).out;
    let shown = bodies.contains(&hexadecimal(BODY)) || bodies.contains(&wide(BODY));
    assert!(shown, "the control: bodies are shown to whoever asks for them");
    assert!(!bodies.contains(&hexadecimal(CANARY)) && !bodies.contains(CANARY), "values of properties never are");
}
