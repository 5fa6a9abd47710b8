//! A users file with one user more, changed or less.
//!
//! What a person wrote stays as it is: only the lines of that user change. Must stay true: the text that is given reads back as
//! what was meant, all else unchanged; if it would not, nothing is given.

use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Grant, PERMISSIONS, User, Users};
use crate::diagnostic::Report;
use crate::file::FileText;

/// Why a users file was not changed.
#[derive(Debug)]
pub enum EditError {
    /// The file is wrong.
    Invalid(Report),
    /// There is a user of this name already.
    Exists(String),
    /// There is no user of this name.
    Missing(String),
    /// The user is not written in lines of its own, or the result would not be understood.
    Form(String),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(report) => report.fmt(f),
            Self::Exists(name) => write!(f, "there is a user {name} already"),
            Self::Missing(name) => write!(f, "there is no user {name}"),
            Self::Form(name) => write!(
                f,
                "user {name} is not written as a table of its own, [user.NAME], so that only a person can change it"
            ),
        }
    }
}

impl std::error::Error for EditError {}

impl FileText {
    /// The text of a new users file: everybody with this role may do everything.
    #[must_use]
    pub fn new_users(name: &str, role: &str) -> Self {
        let mut text = String::from(
            "# Who may log in, and what roles may do to the addresses of a match (# stands for all of them; of several\n\
             # matches only the most specific one counts). `ringmq user` changes the users; docs/users.md says the rest.\n\
             \n[permission.\"#\"]\n",
        );
        for permission in PERMISSIONS {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{permission} = [{}]", quote(role));
        }
        Self::new(name, text)
    }

    /// The text with one user more.
    ///
    /// # Errors
    /// There is one of this name, or the file is wrong.
    pub fn with_user(&self, user: &User) -> Result<Self, EditError> {
        let mut wanted = Users::parse(self).map_err(EditError::Invalid)?;
        if wanted.find(&user.name).is_some() {
            return Err(EditError::Exists(user.name.clone()));
        }
        wanted.users.push(user.clone());
        let gap = if self.text().is_empty() || self.text().ends_with("\n\n") {
            ""
        } else if self.text().ends_with('\n') {
            "\n"
        } else {
            "\n\n"
        };
        let (name, roles) = (quote(&user.name), list(&user.roles));
        let line = |key: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!("{key} = {}\n", quote(value)))
        };
        let (password, certificate) = (line("password", &user.password), line("certificate", &user.certificate));
        let text = format!("{}{gap}[user.{name}]\n{password}{certificate}roles = {roles}\n", self.text());
        self.checked(text, &wanted, &user.name)
    }

    /// The text with another password of a user, and other roles if there are some.
    ///
    /// # Errors
    /// There is no such user, or the file is wrong.
    pub fn with_password(&self, name: &str, password: &str, roles: Option<&[String]>) -> Result<Self, EditError> {
        let mut wanted = Users::parse(self).map_err(EditError::Invalid)?;
        let Some(user) = wanted.users.iter_mut().find(|user| user.name == name) else {
            return Err(EditError::Missing(name.to_owned()));
        };
        user.password = Some(password.to_owned());
        if let Some(roles) = roles {
            user.roles = roles.to_vec();
        }
        let mut changes = Vec::new();
        for (key, value) in [("password", Some(quote(password))), ("roles", roles.map(list))] {
            let Some(value) = value else { continue };
            changes.push(match (self.span_of(name, key), self.lines_of(name)) {
                (Some(span), _) => (span, value),
                // One who shows a certificate has no password so far: a line of its own behind the heading.
                (None, Some(lines)) => {
                    let heading = self.text().get(lines.clone()).and_then(|lines| lines.split_inclusive('\n').next());
                    let at = lines.start + heading.map_or(0, str::len);
                    (at..at, format!("{key} = {value}\n"))
                }
                (None, None) => return Err(EditError::Form(name.to_owned())),
            });
        }
        // From the end, so that places before it stay what they are.
        changes.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut text = self.text().to_owned();
        for (span, value) in changes {
            if text.get(span.clone()).is_none() {
                return Err(EditError::Form(name.to_owned()));
            }
            text.replace_range(span, &value);
        }
        self.checked(text, &wanted, name)
    }

    /// The text with one user less.
    ///
    /// # Errors
    /// There is no such user, it is not written in lines of its own, or the file is wrong.
    pub fn without_user(&self, name: &str) -> Result<Self, EditError> {
        let mut wanted = Users::parse(self).map_err(EditError::Invalid)?;
        if wanted.find(name).is_none() {
            return Err(EditError::Missing(name.to_owned()));
        }
        wanted.users.retain(|user| user.name != name);
        let lines = self.lines_of(name).ok_or_else(|| EditError::Form(name.to_owned()))?;
        let mut text = self.text().to_owned();
        text.replace_range(lines, "");
        self.checked(text, &wanted, name)
    }

    /// The text, if it reads as wanted.
    fn checked(&self, text: String, wanted: &Users, name: &str) -> Result<Self, EditError> {
        let edited = self.renewed(text);
        let sorted = |users: &Users| {
            let (mut users, mut grants): (Vec<User>, Vec<Grant>) = (users.users.clone(), users.grants.clone());
            users.sort_by(|one, other| one.name.cmp(&other.name));
            grants.sort_by(|one, other| one.addresses.cmp(&other.addresses));
            (users, grants)
        };
        match Users::parse(&edited) {
            Ok(users) if sorted(&users) == sorted(wanted) => Ok(edited),
            _ => Err(EditError::Form(name.to_owned())),
        }
    }

    /// Where the value of a user's attribute is.
    fn span_of(&self, user: &str, attribute: &str) -> Option<Range<usize>> {
        let (document, _) = DeTable::parse_recoverable(self.text());
        let DeValue::Table(users) = document.get_ref().get("user")?.get_ref() else { return None };
        let DeValue::Table(user) = users.get(user)?.get_ref() else { return None };
        Some(user.get(attribute)?.span())
    }

    /// The lines of a user: from its heading to the next one.
    fn lines_of(&self, user: &str) -> Option<Range<usize>> {
        let (document, _) = DeTable::parse_recoverable(self.text());
        let DeValue::Table(users) = document.get_ref().get("user")?.get_ref() else { return None };
        let key = users.iter().find(|(key, _)| key.get_ref() == user)?.0.span();
        let start = self.text().get(..key.start)?.rfind('\n').map_or(0, |at| at + 1);
        let is_heading = |line: &str| line.trim_start().starts_with('[');
        let rest = self.text().get(start..)?;
        let mut lines = rest.split_inclusive('\n');
        let mut length = lines.next().filter(|line| is_heading(line))?.len();
        length += lines.take_while(|line| !is_heading(line)).map(str::len).sum::<usize>();
        Some(start..start + length)
    }
}

/// A text as a TOML string. Names have no control characters.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
    format!("[{}]", names.join(", "))
}
