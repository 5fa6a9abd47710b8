//! The texts of errors and warnings, letter by letter.

use std::ffi::OsString;

use config::{FileText, Override, Sources, load};

/// The report, or the warnings, for one file.
fn text(sources: &Sources) -> String {
    match load(sources) {
        Ok(config) => config.warnings.iter().map(ToString::to_string).collect(),
        Err(report) => report.to_string(),
    }
}

fn check(file: &str, expected: &str) {
    let sources = Sources { file: Some(FileText::new("ringmq.toml", file)), ..Sources::default() };
    assert_eq!(text(&sources).trim_end(), expected.trim_end(), "for\n{file}");
}

#[test]
fn unknown_key() {
    check(
        "\n\njournal-lane = 4\n",
        "\
error[CF014]: unknown key `journal-lane`
 --> ringmq.toml:3:1
  |
3 | journal-lane = 4
  | ^^^^^^^^^^^^ did you mean `journal-lanes`?
  = help: the keys of the top of the file: ringmq config show, or docs/configuration.md

configuration: 1 error
",
    );
}

#[test]
fn unknown_table() {
    check(
        "[aceptor]\nport = 1\n",
        "\
error[CF014]: unknown key `aceptor`
 --> ringmq.toml:1:2
  |
1 | [aceptor]
  |  ^^^^^^^ did you mean `acceptor`?
  = help: the keys of the top of the file: ringmq config show, or docs/configuration.md

configuration: 1 error
",
    );
}

#[test]
fn not_built_yet() {
    check(
        "journal-type = \"NIO\"\n",
        "\
error[CF016]: `journal-type` cannot be NIO: not built yet
 --> ringmq.toml:1:16
  |
1 | journal-type = \"NIO\"
  |                ^^^^^ accepted today: ASYNCIO
  = help: NIO would be: buffered writes and fdatasync, for file systems without O_DIRECT

configuration: 1 error
",
    );
}

#[test]
fn open_door() {
    check(
        "data-directory = \"nowhere\"\n[acceptor]\nhost = \"0.0.0.0\"\n",
        "\
error[CF020]: refusing to listen on 0.0.0.0: there are no users
 --> ringmq.toml:3:8
  |
3 | host = \"0.0.0.0\"
  |        ^^^^^^^^^ not a loopback address
  = help: make a user: `ringmq user add NAME`, with the same settings; it goes to nowhere/users.toml
  = help: or listen on 127.0.0.1 or ::1, and reach the broker from elsewhere through an SSH tunnel

configuration: 1 error
",
    );
}

/// A file in which nearly everything is wrong.
const MANY_ERRORS: &str = "\
journal-file-size = \"1000K\"
sync = \"fdatasyn\"
journal-min-files = \"2\"
journal-directory = \"bindings\"
port = 1
= 5

[acceptor]
handshake-timeout = \"10 parsecs\"
port = 70000
handshakeTimeout = 1000

[address.orders.new]
auto-create-queues = true
";

/// What is said about [`MANY_ERRORS`].
const MANY_ANSWERS: &str = "\
error[CF012]: `journal-file-size` is out of range
 --> ringmq.toml:1:21
  |
1 | journal-file-size = \"1000K\"
  |                     ^^^^^^^ expected 1MiB to 1GiB

error[CF013]: `sync` has no such value
 --> ringmq.toml:2:8
  |
2 | sync = \"fdatasyn\"
  |        ^^^^^^^^^^ did you mean `fdatasync`?
  = help: values: auto, dsync, fdatasync

error[CF010]: `journal-min-files` cannot be a string
 --> ringmq.toml:3:21
  |
3 | journal-min-files = \"2\"
  |                     ^^^ expected a number
  = help: write it without quotes

error[CF017]: `port` stands in the wrong table
 --> ringmq.toml:5:1
  |
5 | port = 1
  | ^^^^ expected in [acceptor]

error[CF003]: not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
 --> ringmq.toml:6:1
  |
6 | = 5
  | ^

error[CF011]: `acceptor.handshake-timeout` has an unknown unit
 --> ringmq.toml:9:21
  |
9 | handshake-timeout = \"10 parsecs\"
  |                     ^^^^^^^^^^^^ expected a time such as \"10s\" or 10000 (milliseconds)
  = help: units: ms, s, m, min, h

error[CF012]: `acceptor.port` is out of range
  --> ringmq.toml:10:8
   |
10 | port = 70000
   |        ^^^^^ expected 0 to 65535

error[CF015]: `handshakeTimeout` is another name of `handshake-timeout`, which is set too
  --> ringmq.toml:11:1
   |
11 | handshakeTimeout = 1000
   | ^^^^^^^^^^^^^^^^ set only one of them

error[CF017]: `new` is a table within the settings of `orders`
  --> ringmq.toml:13:17
   |
13 | [address.orders.new]
   |                 ^^^ a match with dots stands in quotes: [address.\"orders.new\"]

error[CF021]: `journal-directory` and `bindings-directory` are the same directory
 --> ringmq.toml:4:21
  |
4 | journal-directory = \"bindings\"
  |                     ^^^^^^^^^^ also `bindings-directory`
  = help: give each its own directory

configuration: 10 errors
";

#[test]
fn all_errors_of_a_file_in_the_order_of_its_lines() {
    check(MANY_ERRORS, MANY_ANSWERS);
}

#[test]
fn a_value_in_the_table_of_a_match() {
    check(
        "[address.\"orders.#\"]\nmax-size-messages = 0\nauto-create-queue = true\n\n[address.\"\"]\n",
        "\
error[CF012]: `address.\"orders.#\".max-size-messages` is out of range
 --> ringmq.toml:2:21
  |
2 | max-size-messages = 0
  |                     ^ expected 1 to 4000000000, or -1 for none

error[CF014]: unknown key `auto-create-queue`
 --> ringmq.toml:3:1
  |
3 | auto-create-queue = true
  | ^^^^^^^^^^^^^^^^^ did you mean `auto-create-queues`?
  = help: the keys of [address.\"#\"]: ringmq config show, or docs/configuration.md

error[CF018]: this matches no address
 --> ringmq.toml:5:10
  |
5 | [address.\"\"]
  |          ^^ it is empty

configuration: 3 errors
",
    );
}

#[test]
fn a_wildcard_within_a_word() {
    check(
        "[address.\"orders#\"]\nmax-size-messages = 1\n",
        "\
warning[CF018]: a wildcard within the word `orders#` stands for itself
 --> ringmq.toml:1:10
  |
1 | [address.\"orders#\"]
  |          ^^^^^^^^^ words are separated by dots
  = help: `*` is one word, `#` any number of words: \"orders.#\" holds for orders, orders.new, orders.new.eu
",
    );
}

#[test]
fn too_many_matches() {
    let most = config::ADDRESS_MATCHES_MAX;
    let file = |matches: usize| -> String {
        (0..matches).map(|n| format!("[address.a{n}]\nmax-size-messages = {}\n", n + 1)).collect()
    };
    let sources = |matches| Sources { file: Some(FileText::new("f", file(matches))), ..Sources::default() };
    assert_eq!(load(&sources(most)).unwrap().addresses.len(), most + 1, "and that of every address");
    let report = text(&sources(most + 1));
    assert!(report.starts_with("error[CF012]: too many matches of addresses\n    --> f:2049:10\n"), "{report}");
}

#[test]
fn a_file_of_garbage_stops_the_search() {
    let file: String = (0..1000).map(|n| format!("x{n} = {n}\n")).collect();
    let sources = Sources { file: Some(FileText::new("f", file)), ..Sources::default() };
    let report = text(&sources);
    assert_eq!(report.matches("error[CF014]").count(), 50);
    assert!(report.ends_with("configuration: 50 errors, and more that were not looked for\n"), "{report}");
}

#[test]
fn values_that_do_not_fit_together() {
    check(
        "journal-min-files = 20\n",
        "\
error[CF021]: `journal-pool-files` is smaller than `journal-min-files`
 --> ringmq.toml:1:21
  |
1 | journal-min-files = 20
  |                     ^^ a pool of 10, but 20 files made ready
  = help: a pool below the minimum would delete files and make them again

configuration: 1 error
",
    );
}

#[test]
fn warnings_do_not_stop() {
    check(
        "journal-sync-transactional = false\nconnection-ttl-override = 500\n",
        "\
warning[CF021]: `connection-ttl-override` is shorter than `connection-ttl-check-interval`
 --> ringmq.toml:2:27
  |
2 | connection-ttl-override = 500
  |                           ^^^ 500ms against 2s
  = help: a silent connection is only noticed at the next look
warning[CF022]: NOT DURABLE: commits are answered before the disk has them
 --> ringmq.toml:1:30
  |
1 | journal-sync-transactional = false
  |                              ^^^^^ a power cut can lose what was answered
",
    );
}

#[test]
fn environment_and_command_line() {
    let sources = Sources {
        file: None,
        environment: vec![
            (OsString::from("RINGMQ_JOURNAL_LANE"), OsString::from("1")),
            (OsString::from("RINGMQ_DATA_CORES"), OsString::from("many")),
        ],
        command_line: vec![Override {
            path: "acceptor.port".to_owned(),
            value: "x".to_owned(),
            option: "--port".to_owned(),
        }],
    };
    let expected = "\
error[CF011]: `data-cores` is not a whole number
 --> environment RINGMQ_DATA_CORES
  = note: expected a number from 1 to 256, or \"auto\"

warning[CF030]: no attribute answers to the variable `RINGMQ_JOURNAL_LANE`
 --> environment RINGMQ_JOURNAL_LANE
  = note: did you mean `RINGMQ_JOURNAL_LANES`?

error[CF011]: `acceptor.port` is not a whole number
 --> command line --port
  = note: expected a number from 0 to 65535

configuration: 2 errors, 1 warning
";
    assert_eq!(text(&sources), expected);
}

#[test]
fn a_file_that_cannot_be_read() {
    let report = FileText::read(std::path::Path::new("/nowhere/ringmq.toml")).unwrap_err();
    let expected = "\
error[CF001]: the configuration file cannot be read
 --> /nowhere/ringmq.toml
  = note: No such file or directory (os error 2)

configuration: 1 error
";
    assert_eq!(report.to_string(), expected);
}
