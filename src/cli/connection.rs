//! Sessions of `producer` and `consumer` over the CORE client.

use std::time::Duration;

use super::arguments::MessageOptions;
use super::consumer::{Received, Receiving};
use super::exit::Exit;
use super::producer::{Outgoing, Sending};
use super::work::Failure;

/// A session that sends.
pub(super) struct Sender(std::convert::Infallible);

/// A session that receives.
pub(super) struct Receiver(std::convert::Infallible);

fn not_in_this_build(options: &MessageOptions) -> Failure {
    Failure { exit: Exit::CannotConnect, text: format!("{}: this build has no client", options.url) }
}

impl Sender {
    pub(super) fn open(options: &MessageOptions, _thread: u16) -> Result<Self, Failure> {
        Err(not_in_this_build(options))
    }
}

impl Sending for Sender {
    fn send(&mut self, _message: &Outgoing<'_>) -> Result<(), Failure> {
        match self.0 {}
    }
    fn commit(&mut self) -> Result<(), Failure> {
        match self.0 {}
    }
    fn close(self) -> Result<(), Failure> {
        match self.0 {}
    }
}

impl Receiver {
    pub(super) fn open(options: &MessageOptions, _thread: u16) -> Result<Self, Failure> {
        Err(not_in_this_build(options))
    }
}

impl Receiving for Receiver {
    fn receive(&mut self, _timeout: Option<Duration>) -> Result<Option<Received>, Failure> {
        match self.0 {}
    }
    fn acknowledge(&mut self) -> Result<(), Failure> {
        match self.0 {}
    }
    fn commit(&mut self) -> Result<(), Failure> {
        match self.0 {}
    }
    fn close(self) -> Result<(), Failure> {
        match self.0 {}
    }
}
