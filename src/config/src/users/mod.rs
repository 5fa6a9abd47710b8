//! The users file: who may log in, and what each role may do to which addresses.
//!
//! Owns: [`Users`] and the grammar of the file. Takes: a text. Gives: the users and grants in it, or a [`Report`] that names every
//! error with its place, and the text with one user more, changed or less. Must stay true: no hash of a password is shown by
//! `Debug` or by an error; a text that this room gives reads back as what was meant; every list has a bound.

mod edit;
mod hash;
mod read;

use std::fmt;
use std::path::{Path, PathBuf};

pub use edit::EditError;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::file::FileText;
use crate::table::Config;

/// The users file where none is named: it need not be there.
const USUAL_FILE: &str = "users.toml";

/// Users of one file. Beyond that a directory service is the better place for them.
pub const USERS_MAX: usize = 4_096;

/// Roles of one user, or of one permission.
pub(crate) const ROLES_MAX: usize = 64;

/// Matches of addresses that grants are written for.
pub(crate) const GRANTS_MAX: usize = 1_024;

/// Bytes of the name of a user or a role, and of a match.
pub const USER_NAME_BYTES_MAX: usize = 255;

/// The permissions, under the names of Artemis.
pub const PERMISSIONS: [&str; 10] = [
    "send",
    "consume",
    "browse",
    "createAddress",
    "deleteAddress",
    "createDurableQueue",
    "deleteDurableQueue",
    "createNonDurableQueue",
    "deleteNonDurableQueue",
    "manage",
];

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// The argon2id hash of its password, in the PHC format; none: it logs in with its certificate only.
    pub password: Option<String>,
    /// The subject of the TLS certificate that it is known by without a password: `CN=orders,O=Example`.
    pub certificate: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, certificate, roles) = (&self.name, &self.certificate, &self.roles);
        let mut shown = f.debug_struct("User");
        shown.field("name", name).field("certificate", certificate).field("roles", roles).finish_non_exhaustive()
    }
}

/// What roles may do to the addresses of one match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The match: a name, in which `*` stands for one word and `#` for any number of words.
    pub addresses: String,
    /// Each permission, one of [`PERMISSIONS`], with the roles that have it.
    pub permissions: Vec<(&'static str, Vec<String>)>,
}

/// A users file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Who may log in, in the order of the file.
    pub users: Vec<User>,
    /// What they may do then, in the order of the file.
    pub grants: Vec<Grant>,
}

impl Users {
    /// The user of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Reads the text of a users file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &FileText) -> Result<Self, Report> {
        read::users(text)
    }

    /// Reads the users file of a configuration. `None`: there is none, and nobody has to log in.
    ///
    /// # Errors
    /// It cannot be read, is set and not there, or is wrong.
    pub fn read(config: &Config) -> Result<Option<Self>, Report> {
        let path = config.users_path();
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if config.users_file.value == Path::new(USUAL_FILE) { Ok(None) } else { Err(missing(config, &path)) }
            }
            _ => Self::parse(&FileText::read_users(&path)?).map(Some),
        }
    }
}

/// A door that somebody meant to lock must not stand open because of a slip in a name.
fn missing(config: &Config, path: &Path) -> Report {
    let mut report = Report::default();
    let message = format!("`users-file` names {}, which is not there", path.display());
    report.push(
        crate::check::at(config, "users-file", Code::UNREADABLE, message)
            .note("no such file")
            .help("make it with `ringmq user add NAME`, or leave the line out: without the file nobody has to log in"),
    );
    report
}

impl Config {
    /// Where the users file is: a relative path starts at the data directory.
    #[must_use]
    pub fn users_path(&self) -> PathBuf {
        self.data_directory.value.join(&self.users_file.value)
    }
}

/// Why nobody can be called so, if nobody can.
#[must_use]
pub fn user_name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > USER_NAME_BYTES_MAX {
        Some("it is longer than 255 bytes")
    } else if name.chars().any(char::is_control) {
        Some("it contains a control character")
    } else {
        None
    }
}

/// The error for a text that is too much of something.
fn too_many(file: &FileText, range: &std::ops::Range<usize>, what: &str, most: usize) -> Diagnostic {
    file.at(range, Code::OUT_OF_RANGE, format!("too many {what}")).note(format!("at most {most}"))
}
