//! The texts of `--help` beyond what the arguments say of themselves: groups, examples, exit codes.

/// The top level: fits one screen, commands in groups.
pub(super) const TOP: &str = "\
{about}

{usage-heading} ringmq <COMMAND> [OPTIONS]

Run
  run           Run the broker in the foreground, until SIGTERM or SIGINT
  config show   Print every setting in effect, with its unit and who set it

Messages
  producer      Send messages
  consumer      Receive messages
  browser       Show the messages of a queue and take none

Queues
  queue stat    List queues with their counts
  queue create  Create a queue, and its address if there is none
  queue delete  Delete a queue with what waits in it
  queue purge   Remove all messages that wait in a queue

Users
  user add      Add a user to the users file; makes the file if there is none
  user list     List the users with their roles
  user reset    Give a user another password, and other roles if some are named
  user remove   Remove a user

About
  version       Print the version

Options
  -h, --help     Print help; `ringmq <COMMAND> --help` says everything about one
  -V, --version  Print the version

Examples
  ringmq run
  ringmq producer --destination queue://haQueue --message-count 10
  ringmq consumer --destination queue://haQueue --message-count 10

Exit codes
  0 ok, 1 failed or not all done, 2 usage, 3 configuration invalid, 4 not authorised, 5 cannot
  connect, 6 not found, 7 conflict, 8 timed out; run: 76 disk failed, 78 configuration invalid
";

pub(super) const RUN: &str = "\
Settings come from the file, the environment (RINGMQ_ and the name, docs/configuration.md) and
these options; the later one wins. `ringmq config show` prints the result.

Examples:
  ringmq run
  ringmq run --data-directory /var/lib/ringmq --port 61617
  ringmq run --config /etc/ringmq/ringmq.toml --log-format json
  ringmq run --set journal-lanes=2 --set acceptor.max-connections=100

Exit codes: 0 stopped when asked, 1 failed, 76 stopped itself because the disk failed or gave back
what was not written (start it again), 78 configuration invalid (starting it again will not help)";

pub(super) const CONFIG_SHOW: &str = "\
Examples:
  ringmq config show
  ringmq config show --config /etc/ringmq/ringmq.toml --json

Exit codes: 0 valid, 3 configuration invalid (every error is printed with its place)";

pub(super) const PRODUCER: &str = "\
Without --message, --message-size or --text-size each message is a short text with its number.

Examples:
  ringmq producer --destination queue://haQueue --message-count 10
  ringmq producer --url tcp://127.0.0.1:61616 --message \"hello\" --message-count 1
  ringmq producer --message-size 1024 --threads 4 --commit-interval 100

Exit codes: 0 all sent, 1 not all, 4 not authorised, 5 cannot connect, 6 no such queue, 8 timed out";

pub(super) const CONSUMER: &str = "\
Waits until all messages have come, unless --receive-timeout or --break-on-null says to give up.

Examples:
  ringmq consumer --destination queue://haQueue --message-count 10
  ringmq consumer --receive-timeout 1000 --verbose
  ringmq consumer --message-count 1000000 --break-on-null --commit-interval 100
  ringmq consumer --break-on-null --filter \"AMQPriority>4\"

Exit codes: 0 all received, 1 not all, 2 the filter is none, 4 not authorised, 5 cannot connect, 6 no such
queue, 8 timed out";

pub(super) const BROWSER: &str = "\
Messages are shown in the order in which consumers would get them. Without --verbose or --json each is a
line with its id and its text. A body that is no text is told by its type and length.

With --json each message is an object with id, userId, address, durable, priority, timestamp and
expiration (milliseconds since 1970; no expiration is 0), deliveries (how often it was delivered
before), properties, type, bytes (of the body), and text if it is a text message.

A filter speaks of properties, and of AMQPriority, AMQDurable, AMQTimestamp, AMQExpiration, AMQSize and
AMQUserID.

Examples:
  ringmq browser --destination queue://haQueue
  ringmq browser --destination orders --message-count 10 --verbose
  ringmq browser --destination orders --filter \"AMQPriority>4\" --json

Exit codes: 0 shown, also if there are none or the reader went away, 1 failed, 2 the filter is none, 4 not
authorised, 5 cannot connect, 6 no such queue, 7 the queue is another address's, 8 timed out";

pub(super) const QUEUE_STAT: &str = "\
Messages are those that wait and those in the hands of consumers; added, acknowledged and removed
count since the broker started.

Examples:
  ringmq queue stat
  ringmq queue stat --queue-name orders --json

Exit codes: 0 done, 1 failed, 4 not authorised, 5 cannot connect, 8 timed out";

pub(super) const QUEUE_CREATE: &str = "\
Examples:
  ringmq queue create --name orders
  ringmq queue create --name audit --address orders --multicast --max-consumers 1
  ringmq queue create --name urgent --address orders --multicast --filter \"AMQPriority>4\"

Exit codes: 0 created, 1 failed, 2 the filter is none, 4 not authorised, 5 cannot connect, 7 it is there
already, 8 timed out";

pub(super) const QUEUE_DELETE: &str = "\
Asks first, unless --yes is given; where nobody can answer, --yes is needed.

Examples:
  ringmq queue delete --name orders
  ringmq queue delete --name orders --remove-consumers --yes

Exit codes: 0 deleted, 1 failed, 2 not confirmed, 4 not authorised, 5 cannot connect, 6 no such queue,
7 it has consumers, 8 timed out";

pub(super) const QUEUE_PURGE: &str = "\
Asks first, unless --yes is given; where nobody can answer, --yes is needed. What consumers have in
their hands stays with them.

Examples:
  ringmq queue purge --name orders --yes
  ringmq queue purge --name orders --yes --json

Exit codes: 0 removed, 1 failed, 2 not confirmed, 4 not authorised, 5 cannot connect, 6 no such queue,
8 timed out";

pub(super) const USER_ADD: &str = "\
The password is read from RINGMQ_PASSWORD; without it from the terminal, or one line of standard
input. The broker reads the file when it starts. In a new file the role may do everything; see
docs/users.md for permissions.

Examples:
  ringmq user add alice
  ringmq user add alice --role ops --role amq --data-directory /var/lib/ringmq

Exit codes: 0 added, 1 the file cannot be written, 3 configuration invalid, 7 there is such a user";

pub(super) const USER_LIST: &str = "\
Examples:
  ringmq user list
  ringmq user list --json

Exit codes: 0 listed, 3 configuration invalid, 6 there is no users file";

pub(super) const USER_RESET: &str = "\
The password is read as by `ringmq user add`.

Examples:
  ringmq user reset alice
  ringmq user reset alice --role ops

Exit codes: 0 done, 1 the file cannot be written, 3 configuration invalid, 6 no such user";

pub(super) const USER_REMOVE: &str = "\
Examples:
  ringmq user remove alice

Exit codes: 0 removed, 1 the file cannot be written, 3 configuration invalid, 6 no such user";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::arguments::Arguments;

    /// Every command with its full name, `config show` and so on.
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        for child in command.get_subcommands() {
            let path = format!("{path} {}", child.get_name()).trim().to_owned();
            if child.has_subcommands() {
                leaves(child, &path, found);
            } else {
                found.push((path, child.clone()));
            }
        }
    }

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_top_level_fits_a_screen_and_names_every_command() {
        let mut command = Arguments::command();
        let help = command.render_long_help().to_string();
        assert!(help.lines().count() <= 40, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        let mut found = Vec::new();
        leaves(&command, "", &mut found);
        assert_eq!(found.len(), 14);
        for (path, leaf) in found {
            let about = leaf.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("  {path:12}  {about}")), "`{path}` is not in the help, or not as it is");
        }
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        let mut found = Vec::new();
        leaves(&Arguments::command(), "", &mut found);
        for (path, mut leaf) in found {
            let help = leaf.render_long_help().to_string();
            let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("`{path}` has no examples"));
            for line in examples.lines().take_while(|line| line.starts_with("  ringmq")) {
                let words: Vec<String> = line.split_whitespace().map(|word| word.replace('"', "")).collect();
                let parsed = <Arguments as clap::Parser>::try_parse_from(&words);
                assert!(parsed.is_ok(), "`{line}` of `{path}`: {parsed:?}");
            }
        }
    }
}
