//! The whole way from texts to a configuration: data in, data out.

use std::ffi::OsString;

use config::{Config, FileText, Override, Sources, TABLE, load, reference, show, show_json};

/// Sources from plain texts.
fn sources(file: &str, environment: &[(&str, &str)], command_line: &[(&str, &str, &str)]) -> Sources {
    Sources {
        file: (!file.is_empty()).then(|| FileText::new("ringmq.toml", file)),
        environment: environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect(),
        command_line: command_line
            .iter()
            .map(|(path, value, option)| Override {
                path: (*path).to_owned(),
                value: (*value).to_owned(),
                option: (*option).to_owned(),
            })
            .collect(),
    }
}

fn load_file(file: &str) -> Config {
    load(&sources(file, &[], &[])).unwrap_or_else(|report| panic!("{file}\n{report}"))
}

/// The line of `config show` for one row, with single blanks.
fn shown(config: &Config, path: &str) -> String {
    let table = show(config);
    let row = table.lines().find(|line| line.split_whitespace().next() == Some(path)).unwrap_or_default();
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line of the file that sets `row` to `value`.
fn line(row: &config::Attribute, name: &str, value: &str) -> String {
    let bare = value.parse::<i64>().is_ok() || value == "true" || value == "false";
    let value = if bare { value.to_owned() } else { format!("\"{value}\"") };
    format!("{}\n{name} = {value}\n", row.scope.heading())
}

#[test]
fn defaults_without_any_source() {
    let config = load(&Sources::default()).unwrap();
    assert_eq!(*config.acceptor_port, 61616);
    assert_eq!(config.acceptor_host.to_string(), "127.0.0.1");
    assert_eq!(config.journal_file_size.bytes(), 64 << 20);
    assert_eq!(*config.connection_ttl_override, None);
    assert_eq!(config.connection_ttl_check_interval.as_millis(), 2000);
    assert!(config.warnings.is_empty());
    let directories = config.directories();
    assert_eq!(directories.journal.to_str(), Some("ringmq-data/journal"));
    assert_eq!(directories.large_messages.to_str(), Some("ringmq-data/largemessages"));
}

#[test]
fn every_row_reads_its_own_default_under_each_of_its_names() {
    for row in TABLE {
        for name in row.aliases.iter().chain([&row.name]) {
            let config = load_file(&line(row, name, row.default));
            let shown = shown(&config, &row.path());
            assert!(shown.contains(" ringmq.toml:"), "{name} is not read: {shown}");
        }
        let environment = row.environment_name();
        let config = load(&sources("", &[(&environment, row.default)], &[])).unwrap();
        assert!(shown(&config, &row.path()).ends_with(&format!("environment {environment}")));
        let config = load(&sources("", &[], &[(&row.path(), row.default, "--x")])).unwrap();
        assert!(shown(&config, &row.path()).ends_with("command line --x"));
    }
}

#[test]
fn what_show_prints_can_be_read_again() {
    let file = "journal-file-size = 1052672\nconnection-ttl-override = 90500\nhot-window-size = \"3G\"\n";
    let first = load_file(file);
    for row in TABLE {
        let before = shown(&first, &row.path());
        let value = before.split(' ').nth(1).unwrap_or_default();
        let again = load_file(&line(row, row.name, value));
        assert_eq!(shown(&again, &row.path()).split(' ').nth(1), Some(value), "{}", row.name);
    }
}

#[test]
fn names_are_unique_and_rows_complete() {
    let mut names: Vec<(config::Scope, &str)> = Vec::new();
    for row in TABLE {
        assert!(!row.help.is_empty() && row.help.ends_with('.'), "{}: help is no sentence", row.name);
        assert!(!row.used_by.is_empty(), "{}: nobody reads it", row.name);
        for name in row.aliases.iter().chain([&row.name]) {
            assert!(!names.contains(&(row.scope, name)), "{name} names two rows");
            names.push((row.scope, name));
        }
    }
}

#[test]
fn command_line_beats_environment_beats_file() {
    let file = "[acceptor]\nport = 1\n";
    let environment = [("RINGMQ_ACCEPTOR_PORT", "2")];
    let command_line = [("acceptor.port", "3", "--port")];
    for (sources, expected) in [
        (sources(file, &[], &[]), "acceptor.port 1 ringmq.toml:2:1"),
        (sources(file, &environment, &[]), "acceptor.port 2 environment RINGMQ_ACCEPTOR_PORT"),
        (sources(file, &environment, &command_line), "acceptor.port 3 command line --port"),
        (sources(file, &[], &command_line), "acceptor.port 3 command line --port"),
    ] {
        assert_eq!(shown(&load(&sources).unwrap(), "acceptor.port"), expected);
    }
}

#[test]
fn each_match_of_addresses_has_a_table_of_its_own() {
    let file = "[address.\"orders.#\"]\nmax-size-messages = 5\naddress-full-policy = \"fail\"\n\
        [address.\"#\"]\nmax-size-messages = 7\n[address.\"a.*.b\"]\nauto-create-jms-queues = false\n";
    let environment = [("RINGMQ_ADDRESS_MAX_SIZE_MESSAGES", "9")];
    let config = load(&sources(file, &environment, &[])).unwrap();
    let limits: Vec<_> = config
        .addresses
        .iter()
        .map(|table| {
            let queues = table.auto_create_queues.as_ref().map(|setting| setting.value);
            (table.addresses.as_str(), table.max_size_messages.as_ref().map(|setting| setting.value), queues)
        })
        .collect();
    // The environment speaks of all addresses, and a match of the file says more about its own.
    let expected = [("#", Some(Some(9)), Some(true)), ("orders.#", Some(Some(5)), None), ("a.*.b", None, Some(false))];
    assert_eq!(limits, expected);
    for (path, line) in [
        ("address.max-size-messages", "address.max-size-messages 9 environment RINGMQ_ADDRESS_MAX_SIZE_MESSAGES"),
        ("address.\"orders.#\".max-size-messages", "address.\"orders.#\".max-size-messages 5 ringmq.toml:2:1"),
        ("address.\"orders.#\".address-full-policy", "address.\"orders.#\".address-full-policy FAIL ringmq.toml:3:1"),
        ("address.\"a.*.b\".auto-create-queues", "address.\"a.*.b\".auto-create-queues false ringmq.toml:7:1"),
        ("address.address-full-policy", "address.address-full-policy PAGE default"),
        ("address.\"a.*.b\".max-size-messages", ""),
    ] {
        assert_eq!(shown(&config, path), line);
    }
    let json = show_json(&config);
    assert!(json.contains("{\"name\": \"address.\\\"orders.#\\\".max-size-messages\", \"value\": 5,"), "{json}");
}

#[test]
fn values_in_every_notation() {
    for (file, path, expected) in [
        ("journal-file-size = 1048576", "journal-file-size", "1MiB"),
        ("journal-file-size = \"10MiB\"", "journal-file-size", "10MiB"),
        ("journal-file-size = \"10m\"", "journal-file-size", "10MiB"),
        ("journal-file-size = \"4 mb\"", "journal-file-size", "4MiB"),
        ("journal-file-size = 0x200000", "journal-file-size", "2MiB"),
        ("connection-ttl-check-interval = 1500", "connection-ttl-check-interval", "1500ms"),
        ("connection-ttl-check-interval = \"90s\"", "connection-ttl-check-interval", "90s"),
        ("connection-ttl-check-interval = \"2 min\"", "connection-ttl-check-interval", "2m"),
        ("connection-ttl-override = -1", "connection-ttl-override", "-1"),
        ("connection-ttl-override = 5000", "connection-ttl-override", "5s"),
        ("journal-lanes = \"auto\"", "journal-lanes", "auto"),
        ("journal-lanes = 4", "journal-lanes", "4"),
        ("journal-type = \"AsyncIO\"", "journal-type", "ASYNCIO"),
        ("journal-pool-files = -1", "journal-pool-files", "-1"),
        ("[acceptor]\nhost = \"localhost\"", "acceptor.host", "127.0.0.1"),
        ("acceptor.host = \"::1\"", "acceptor.host", "::1"),
    ] {
        let shown = shown(&load_file(file), path);
        assert_eq!(shown.split(' ').nth(1), Some(expected), "{file}");
    }
}

// proves: S1-158
#[test]
fn connection_ttl_override_is_off_by_default() {
    assert_eq!(*load_file("").connection_ttl_override, None);
    let set = load_file("connection-ttl-override = 5000");
    assert_eq!(set.connection_ttl_override.map(|ttl| ttl.as_millis()), Some(5000));
}

#[test]
fn directories_follow_the_data_directory() {
    let config = load_file("data-directory = \"/d\"\nha-directory = \"/host/ha\"\njournal-directory = \"j\"\n");
    let directories = config.directories();
    assert_eq!(directories.ha.to_str(), Some("/host/ha"));
    assert_eq!(directories.journal.to_str(), Some("/d/j"));
    assert_eq!(directories.bindings.to_str(), Some("/d/bindings"));
}

#[test]
fn kubernetes_variables_and_foreign_ones_do_not_matter() {
    let environment = [
        ("RINGMQ_PORT", "tcp://10.0.0.1:61616"),
        ("RINGMQ_PORT_61616_TCP_ADDR", "10.0.0.1"),
        ("RINGMQ_SERVICE_HOST", "10.0.0.1"),
        ("RINGMQ_CONFIG", "/etc/ringmq.toml"),
        ("PATH", "/bin"),
    ];
    let config = load(&sources("", &environment, &[])).unwrap();
    assert!(config.warnings.is_empty());
    assert_eq!(*config.acceptor_port, 61616);
}

#[test]
fn json_has_every_row_and_plain_numbers() {
    let json = show_json(&load_file("journal-file-size = \"10MiB\"\n"));
    assert_eq!(json.matches("\"name\"").count(), TABLE.len());
    let expected = "{\"name\": \"journal-file-size\", \"value\": 10485760, \"unit\": \"bytes\", \"origin\": \
        {\"kind\": \"file\", \"file\": \"ringmq.toml\", \"line\": 1, \"column\": 1}, \"takes_effect\": \"never\"}";
    assert!(json.contains(expected), "{json}");
}

#[test]
fn the_reference_page_is_not_stale() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page == reference(), "stale: cargo run -p config --example reference > docs/configuration.md");
}
