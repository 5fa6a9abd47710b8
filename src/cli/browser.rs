//! `ringmq browser`: shows the messages of a queue and takes none.
//!
//! Takes: options of the command line. Gives: each message on standard output, as soon as it has come, and an exit code. Must stay true:
//! the queue stays as it is, and none is created; messages go through and are not collected, however many there are; a reader that is
//! slow does not cost the connection, and one that goes away ends the command and is no failure.

mod shown;

use std::io::Write;
use std::time::Duration;

use ringmq_client::{BrokerUrl, Connection, Consumer, ConsumerOptions, Delivery, Error, Session, SessionOptions};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::arguments::BrowserOptions;
use super::connection::{belongs, connect_options, failure};
use super::exit::Exit;
use super::output::Output;
use super::work::Failure;

/// Messages that wait for whoever reads the output.
const WAITING_MAX: usize = 16;

/// `browser`.
pub(super) fn browse(options: &BrowserOptions) -> Exit {
    match run(options, &mut Output::stdout()) {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            Output::stderr().line(format_args!("error: {}", failure.text));
            failure.exit
        }
    }
}

/// One thread keeps the connection alive and receives, this one writes.
fn run<W: Write>(options: &BrowserOptions, out: &mut Output<W>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure { exit: Exit::Failed, text: format!("the event loop cannot be started: {error}") })?;
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let browsed = std::thread::scope(|scope| {
        let browsing = scope.spawn(move || receive(options, &runtime, sender));
        while let Some(message) = receiver.blocking_recv() {
            if !out.line(format_args!("{message}")) {
                break;
            }
        }
        drop(receiver);
        browsing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let count = browsed?;
    if !options.json {
        out.line(format_args!("browsed: {count} messages"));
    }
    Ok(())
}

/// Receives and hands on. Gives how many messages there were.
fn receive(options: &BrowserOptions, runtime: &Runtime, shown: mpsc::Sender<String>) -> Result<u64, Failure> {
    let url = BrokerUrl::without_passwords(&options.broker.url);
    runtime.block_on(async {
        let opened = open(options).await;
        let (connection, session, mut browser) =
            opened.map_err(|error| failure(&url, "open a browser", &error, true))?;
        let browsed = show(options, &mut browser, shown).await;
        drop(session);
        connection.close().await;
        browsed.map_err(|error| failure(&url, "browse", &error, false))
    })
}

async fn open(options: &BrowserOptions) -> Result<(Connection, Session, Consumer), Error> {
    let (place, connect) = connect_options(&options.broker, 0)?;
    let connection = Connection::connect_url(&place, &connect).await?;
    let session = connection.create_session(SessionOptions::AUTO).await?;
    if options.destination.address != options.destination.queue {
        belongs(&session, &options.destination).await?;
    }
    let wanted = ConsumerOptions { filter: options.filter.clone(), browse_only: true, ..ConsumerOptions::default() };
    let browser = session.consumer(&options.destination.queue, &wanted).await?;
    session.start()?;
    Ok((connection, session, browser))
}

/// Shows messages until there are no more, until there are enough, or until nobody reads.
async fn show(options: &BrowserOptions, browser: &mut Consumer, shown: mpsc::Sender<String>) -> Result<u64, Error> {
    let most = Some(options.message_count).filter(|count| *count > 0).unwrap_or(u64::MAX);
    let mut count = 0;
    while count < most {
        let Some(delivery) = next(browser).await? else { break };
        let text = match (options.json, options.verbose) {
            (true, _) => shown::json(&delivery)?.to_string(),
            (_, true) => shown::whole(&delivery)?,
            _ => shown::brief(&delivery)?,
        };
        if shown.send(text).await.is_err() {
            break;
        }
        count += 1;
    }
    Ok(count)
}

/// What has come already needs no question; otherwise the broker is asked whether there is more.
async fn next(browser: &mut Consumer) -> Result<Option<Delivery>, Error> {
    match browser.receive(Duration::ZERO).await? {
        Some(delivery) => Ok(Some(delivery)),
        None => browser.receive_now().await,
    }
}
