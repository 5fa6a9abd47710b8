//! From a `tracing` event to a plain value that can cross threads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Message;
use super::line::Told;

/// The longest value that is written whole, in bytes: a frame or a body must not end up in the log.
const VALUE_BYTES_MAX: usize = 1024;

/// More fields than this in one event are left out.
const FIELDS_MAX: usize = 32;

/// Hands events to the writer and never waits for it.
pub(super) struct Collector {
    pub(super) sender: SyncSender<Message>,
    pub(super) dropped: Arc<AtomicU64>,
}

impl<S: tracing::Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let mut told = Told { level: *event.metadata().level(), ..Told::default() };
        event.record(&mut Fields(&mut told));
        if self.sender.try_send(Message::Told(SystemTime::now(), told)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sorts the fields of an event into code, message and the rest.
struct Fields<'a>(&'a mut Told);

impl Fields<'_> {
    fn put(&mut self, field: &Field, mut value: String) {
        if value.len() > VALUE_BYTES_MAX {
            let mut end = VALUE_BYTES_MAX;
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            value.truncate(end);
            value.push_str("...");
        }
        match field.name() {
            "code" => self.0.code = value,
            "message" => self.0.message = value,
            name if self.0.fields.len() < FIELDS_MAX => self.0.fields.push((name.to_owned(), value)),
            _ => {}
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        // The whole chain, once: an error does not repeat its source.
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
