//! `journal-tool`: reads the store of a broker, live, stopped or copied, without changing a byte of it.
//!
//! Takes a directory; gives lines for people or JSON lines for programs, and an exit code. Must stay true: no file is opened for writing, no
//! lock is taken, nothing is read into memory as a whole, and bytes from a disk never end the program: what is damaged is named, and the
//! reading goes on behind it.

mod arguments;
mod describe;
mod exit;
mod flaw;
mod line;
mod live;
mod names;
mod output;
mod place;
mod print;
mod progress;
mod reader;
mod rehearsal;
mod source;
mod stats;
mod untouched;
mod verify;
mod walk;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use exit::Exit;
use place::Place;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help to standard output, mistakes to standard error. If nobody reads, so be it.
            let _unread = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Sound.into() };
        }
    };
    let store = match &arguments.command {
        Command::Print(arguments) => &arguments.store,
        Command::Verify(arguments) | Command::Stats(arguments) => arguments,
    };
    let place = match Place::find(store) {
        Ok(place) => place,
        Err(none) => {
            output::say(&none.message);
            return none.exit.into();
        }
    };
    let exit = match &arguments.command {
        Command::Print(arguments) => print::run(&place, arguments),
        Command::Verify(arguments) => verify::run(&place, arguments),
        Command::Stats(arguments) => stats::run(&place, arguments),
    };
    exit.into()
}
