//! Configuration: the one table of attributes, and every way to set them.
//!
//! Owns: the table ([`TABLE`]), the typed result ([`Config`]), the origin of each value, and the texts of errors.
//! Takes: a TOML file, environment variables `RINGMQ_*` and options of the command line, as plain values; it reads
//! that file, the users file and the PEM files that are named, and nothing else. Gives: a [`Config`] in which every value is in range and fits the others, or a
//! [`Report`] that names everything that is wrong at once.
//!
//! Must stay true: a setting exists only as a row of the table, so the file, the environment, `config show` and the
//! reference page cannot disagree; no input, however broken, panics or allocates beyond [`FILE_BYTES_MAX`].
//!
//! ```
//! let sources = config::Sources::default();
//! let config = config::load(&sources).expect("the defaults are valid");
//! assert_eq!(*config.acceptor_port, 61616);
//! assert!(config.acceptor_port.origin.is_default());
//! ```

mod attribute;
mod table;

mod text;
mod types;
mod value;

mod check;
mod command_line;
mod directories;
mod environment;
mod file;
mod load;
mod origin;

mod diagnostic;
mod excerpt;
mod suggest;

mod reference;
mod show;

mod tls;
mod users;

pub mod json;

pub use attribute::{Attribute, Choice, Kind, Scope, TakesEffect};
pub use command_line::Override;
pub use diagnostic::{Code, Diagnostic, Report, Severity};
pub use directories::Directories;
pub use file::{ADDRESS_MATCHES_MAX, FILE_BYTES_MAX, FileText};
pub use load::{Sources, load, load_values};
pub use origin::{Origin, Place, Setting};
pub use reference::reference;
pub use show::{show, show_json};
pub use table::{AddressTable, Config, TABLE};
pub use tls::{Certificate, ReadAgain, Tls};
pub use types::{
    Auto, ByteSize, FullPolicy, JournalType, LogFormat, LogLevel, Pinning, Protocols, SessionReattach, SyncMode,
};
pub use users::{EditError, Grant, PERMISSIONS, USER_NAME_BYTES_MAX, USERS_MAX, User, Users, user_name_problem};
