//! `ringmq queue`: lists, creates, deletes and empties queues of a running broker.
//!
//! Takes: options of the command line. Gives: a table or JSON on standard output, and an exit code. Must stay true: what cannot be undone is
//! asked about first; what the broker refuses is told in its own words; scripts can rely on the keys of the JSON.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use ringmq_client::{BrokerUrl, Connection, Error, SessionOptions};
use serde_json::{Value, json};

use super::arguments::{
    BrokerOptions, QueueCommand, QueueCreateOptions, QueueDeleteOptions, QueuePurgeOptions, QueueStatOptions,
};
use super::connection::{connect_options, failure};
use super::exit::Exit;
use super::output::Output;
use super::work::Failure;

/// The columns of the list: the broker's key, ours in JSON, the head in the table. Numbers are numbers in JSON.
const COLUMNS: [(&str, &str, &str); 10] = [
    ("name", "name", "NAME"),
    ("address", "address", "ADDRESS"),
    ("routingType", "routing", "ROUTING"),
    ("durable", "durable", "DURABLE"),
    ("consumerCount", "consumers", "CONSUMERS"),
    ("messageCount", "messages", "MESSAGES"),
    ("deliveringCount", "delivering", "DELIVERING"),
    ("messagesAdded", "added", "ADDED"),
    ("messagesAcked", "acknowledged", "ACKNOWLEDGED"),
    ("messagesKilled", "removed", "REMOVED"),
];

/// From this column on there are numbers.
const FIRST_NUMBER: usize = 4;

/// What a command has to say in the end.
struct Told {
    text: String,
    json: Value,
}

/// One of the commands.
pub(super) fn run(command: &QueueCommand) -> Exit {
    let (told, as_json) = match command {
        QueueCommand::Stat(options) => (stat(options), options.json),
        QueueCommand::Create(options) => (create(options), options.json),
        QueueCommand::Delete(options) => (delete(options), options.json),
        QueueCommand::Purge(options) => (purge(options), options.json),
    };
    match told {
        Ok(told) if as_json => Output::stdout().finish(|out| writeln!(out, "{}", told.json)),
        Ok(told) => Output::stdout().finish(|out| writeln!(out, "{}", told.text)),
        Err(failure) => {
            Output::stderr().line(format_args!("error: {}", failure.text));
            failure.exit
        }
    }
}

fn stat(options: &QueueStatOptions) -> Result<Told, Failure> {
    let filter = options.queue_name.as_deref().unwrap_or_default();
    let filter = json!({ "field": "NAME", "operation": "CONTAINS", "value": filter }).to_string();
    let page = ask(&options.broker, "list queues", "broker", "listQueues", &json!([filter, 1, options.max_rows]))?;
    let page = page.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let rows = page.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let count = page.get("count").and_then(Value::as_u64).unwrap_or_default();
    let cells: Vec<Vec<&str>> = rows.iter().map(|row| COLUMNS.map(|(key, ..)| cell(row, key)).to_vec()).collect();
    let queues: Vec<Value> = cells.iter().map(|row| json_row(row)).collect();
    Ok(Told { text: table(&cells, count), json: json!({ "count": count, "queues": queues }) })
}

/// Values of the list are texts.
fn cell<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn json_row(row: &[&str]) -> Value {
    let typed = |at: usize, text: &str| match (at, text) {
        (FIRST_NUMBER.., text) => text.parse::<i64>().map_or(Value::Null, Value::from),
        (_, "true") => true.into(),
        (_, "false") => false.into(),
        (_, text) => text.into(),
    };
    let cells = COLUMNS.iter().zip(row).enumerate();
    cells
        .map(|(at, ((_, key, _), text))| ((*key).to_owned(), typed(at, text)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn table(rows: &[Vec<&str>], count: u64) -> String {
    let heads: Vec<&str> = COLUMNS.iter().map(|(_, _, head)| *head).collect();
    let all = || std::iter::once(&heads).chain(rows);
    let width = |at: usize| all().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &Vec<&str>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            // A name must not be able to drive the terminal.
            let cell = cell.replace(char::is_control, " ");
            if at < FIRST_NUMBER { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = all().map(line).collect();
    let shown = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if shown < count {
        lines.push(format!("{shown} of {count} queues; more with --max-rows"));
    }
    lines.join("\n")
}

fn create(options: &QueueCreateOptions) -> Result<Told, Failure> {
    let QueueCreateOptions { broker, name, multicast, non_durable, max_consumers, purge_on_no_consumers, .. } = options;
    let address = options.address.as_deref().unwrap_or(name);
    let routing = if *multicast { "MULTICAST" } else { "ANYCAST" };
    let arguments =
        json!([address, routing, name, options.filter, !non_durable, max_consumers, purge_on_no_consumers, true]);
    ask(broker, &format!("create queue {name}"), "broker", "createQueue", &arguments)?;
    let json = json!({ "created": name, "address": address, "routing": routing, "durable": !non_durable });
    Ok(Told { text: format!("created queue {name} at address {address}"), json })
}

fn delete(options: &QueueDeleteOptions) -> Result<Told, Failure> {
    let QueueDeleteOptions { broker, name, remove_consumers, yes, .. } = options;
    confirm(*yes, &format!("Delete queue {name} with what waits in it?"))?;
    let arguments = json!([name, remove_consumers, false]);
    ask(broker, &format!("delete queue {name}"), "broker", "destroyQueue", &arguments)?;
    Ok(Told { text: format!("deleted queue {name}"), json: json!({ "deleted": name }) })
}

fn purge(options: &QueuePurgeOptions) -> Result<Told, Failure> {
    let QueuePurgeOptions { broker, name, yes, .. } = options;
    confirm(*yes, &format!("Remove all messages that wait in queue {name}?"))?;
    let removed =
        ask(broker, &format!("purge queue {name}"), &format!("queue.{name}"), "removeAllMessages", &json!([]))?;
    let removed = removed.as_u64().unwrap_or_default();
    Ok(Told {
        text: format!("removed {removed} messages from queue {name}"),
        json: json!({ "purged": name, "removed": removed }),
    })
}

/// Somebody says yes, or there is nobody and it was said beforehand.
fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let refused = |text: &str| Err(Failure { exit: Exit::Usage, text: text.to_owned() });
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return refused("nobody is there to confirm it\n  help: --yes confirms it beforehand");
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stdin().lock().read_line(&mut answer));
    match (asked, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => refused("not confirmed; nothing was changed"),
    }
}

/// One request over a connection of its own, and the one value of its result.
fn ask(
    options: &BrokerOptions,
    doing: &str,
    resource: &str,
    operation: &str,
    arguments: &Value,
) -> Result<Value, Failure> {
    let url = BrokerUrl::without_passwords(&options.url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure { exit: Exit::Failed, text: format!("the event loop cannot be started: {error}") })?;
    let answered = runtime.block_on(async {
        let (place, connect) = connect_options(options, 0)?;
        let connection = Connection::connect_url(&place, &connect).await?;
        let session = connection.create_session(SessionOptions::AUTO).await?;
        let result = session.manager().await?.invoke(resource, operation, &arguments.to_string()).await;
        connection.close().await;
        result
    });
    match answered {
        Ok(text) => Ok(value_of(&text)),
        Err(Error::NotDone(words)) => Err(not_done(&url, doing, value_of(&words).as_str().unwrap_or(&words))),
        Err(error) => Err(failure(&url, doing, &error, true)),
    }
}

/// The one value of a result.
fn value_of(result: &str) -> Value {
    let values = serde_json::from_str::<Vec<Value>>(result).unwrap_or_default();
    values.into_iter().next().unwrap_or_default()
}

/// What a refusal means to a script. The codes are the reference's (`ActiveMQMessageBundle`).
fn not_done(url: &str, doing: &str, words: &str) -> Failure {
    let exit = match words.split_once(':').map_or("", |(code, _)| code) {
        "AMQ229020" => Exit::Usage,
        "AMQ229017" | "AMQ229067" | "AMQ229203" => Exit::NotFound,
        "AMQ229019" | "AMQ229025" | "AMQ229204" | "AMQ229205" => Exit::Conflict,
        "AMQ229031" | "AMQ229032" => Exit::NotAuthorised,
        _ => Exit::Failed,
    };
    Failure { exit, text: format!("{url}: {doing}: {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_names_left_and_numbers_right() {
        let rows = [
            vec!["q", "a", "ANYCAST", "true", "0", "12", "0", "12", "0", "0"],
            vec!["long\u{1b}name", "a", "MULTICAST", "false", "10", "3", "1", "4", "1", "0"],
        ];
        let text = table(&rows, 3);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("NAME       ADDRESS  ROUTING    DURABLE  CONSUMERS  MESSAGES"), "{text}");
        assert!(lines[1].starts_with("q          a        ANYCAST    true             0        12"), "{text}");
        assert!(lines[2].starts_with("long name  a        MULTICAST  false           10         3"), "{text}");
        assert_eq!(lines[3], "2 of 3 queues; more with --max-rows");
    }

    #[test]
    fn json_has_numbers_where_there_are_numbers() {
        let row = json_row(&["7", "a", "ANYCAST", "true", "0", "12", "0", "12", "0", "x"]);
        assert_eq!(row["name"], "7");
        assert_eq!(row["durable"], true);
        assert_eq!(row["messages"], 12);
        assert_eq!(row["removed"], Value::Null);
    }

    #[test]
    fn refusals_have_their_exit_codes() {
        let exit = |words: &str| not_done("tcp://a:1", "purge queue q", words).exit;
        assert_eq!(exit("AMQ229017: Queue q does not exist"), Exit::NotFound);
        assert_eq!(exit("AMQ229067: Cannot find resource with name queue.q"), Exit::NotFound);
        assert_eq!(exit("AMQ229019: Queue q already exists on address q"), Exit::Conflict);
        assert_eq!(exit("AMQ229020: Invalid filter: a="), Exit::Usage);
        assert_eq!(exit("AMQ229032: User: x does not have permission"), Exit::NotAuthorised);
        assert_eq!(exit("the disk is full"), Exit::Failed);
        assert_eq!(value_of("[3]"), 3);
        assert_eq!(value_of(""), Value::Null);
    }
}
