//! Whatever stands in the file, the environment or on the command line: an answer, never a panic.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use config::{FileText, Override, Sources, TABLE, load};

/// A small seeded generator: xorshift64*.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

const PIECES: &[&str] = &[
    "journal-lanes",
    "journal-file-size",
    "acceptor",
    "address",
    "host",
    "port",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "\\u00e9",
    "\\",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "é",
    "\u{1F980}",
    "-1",
    "0",
    "1_000",
    "1e999",
    "99999999999999999999999",
    "0xffffffffffffffff",
    "-9223372036854775808",
    "true",
    "nan",
    "1979-05-27",
    "\"auto\"",
    "\"10MiB\"",
    "\"18446744073709551615GiB\"",
    "\"-5s\"",
    ",",
    " ",
    "\u{202e}",
];

fn answer(sources: &Sources) {
    match load(sources) {
        Ok(config) => assert!(!config::show(&config).is_empty()),
        Err(report) => {
            assert!(report.has_errors());
            let text = report.to_string();
            assert!(text.len() < 100_000, "a report of {} bytes", text.len());
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "control characters in\n{text}");
        }
    }
}

#[test]
fn files_of_pieces() {
    let mut seeded = Seeded(0x5eed);
    for _ in 0..4000 {
        let length = seeded.below(40);
        let file: String = (0..length).map(|_| PIECES[seeded.below(PIECES.len())]).collect();
        answer(&Sources { file: Some(FileText::new("f", file)), ..Sources::default() });
    }
}

#[test]
fn every_row_with_every_odd_value() {
    let odd = [
        "",
        " ",
        "-1",
        "-2",
        "0",
        "1",
        "auto",
        "AUTO",
        "true",
        "18446744073709551616",
        "9223372036854775807",
        "1.5",
        "10MiB",
        "10 MiB",
        "MiB",
        "99999999999GiB",
        "1h",
        "99999999999999999h",
        "\u{e9}",
        "\u{7f}",
        "::",
        "0.0.0.0",
    ];
    for row in TABLE {
        for value in odd {
            let set = Override { path: row.path(), value: value.to_owned(), option: "--o".to_owned() };
            answer(&Sources { command_line: vec![set], ..Sources::default() });
            let file = format!("{}\n{} = {:?}\n", row.scope.heading(), row.name, value);
            answer(&Sources { file: Some(FileText::new("f", file)), ..Sources::default() });
        }
        let long = format!("{}\n{} = '{}'\n", row.scope.heading(), row.name, "x".repeat(100_000));
        answer(&Sources { file: Some(FileText::new("f", long)), ..Sources::default() });
        let name = OsString::from(row.environment_name());
        let value = OsString::from_vec(vec![0xff, 0xfe]);
        let report = load(&Sources { environment: vec![(name, value)], ..Sources::default() }).unwrap_err();
        assert!(report.to_string().contains("CF002"));
    }
}

#[test]
fn deep_and_long_files() {
    let inline: String = (0..60_000).map(|n| format!("x{n}=1,")).collect();
    answer(&Sources {
        file: Some(FileText::new("f", format!("address = {{ '#' = {{ {inline} }} }}"))),
        ..Sources::default()
    });
    for file in ["[".repeat(100_000), "a=[".repeat(5_000), "a.".repeat(50_000), "=\n".repeat(100_000)] {
        answer(&Sources { file: Some(FileText::new("f", file)), ..Sources::default() });
    }
}
