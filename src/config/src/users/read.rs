//! From the text of a users file to what it means.
//!
//! ```toml
//! [user.alice]
//! password = "$argon2id$..."
//! roles = ["amq"]
//!
//! [permission."orders.#"]
//! send = ["amq"]
//! consume = ["amq"]
//! ```
//!
//! Must stay true: any text is answered; what an error repeats of it is a name, never the value of a password.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{GRANTS_MAX, Grant, PERMISSIONS, ROLES_MAX, USERS_MAX, User, Users, hash, too_many, user_name_problem};
use crate::diagnostic::{Code, Report};
use crate::file::{FileText, Key, in_file_order, shorten};
use crate::suggest;

pub(super) fn users(file: &FileText) -> Result<Users, Report> {
    let (document, errors) = DeTable::parse_recoverable(file.text());
    let mut reader = Reader { file, report: Report::default(), found: Users::default() };
    for error in errors {
        let range = error.span().unwrap_or(0..0);
        let message = format!("not TOML: {}", error.message().lines().next().unwrap_or("syntax error"));
        // The line is not shown: there may be a password in it.
        reader.report.push(file.at_blind(&range, Code::SYNTAX, message));
        if reader.report.is_full() {
            break;
        }
    }
    if !reader.report.has_errors() {
        reader.document(document.get_ref());
    }
    reader.report.sort_by_place();
    if reader.report.has_errors() { Err(reader.report) } else { Ok(reader.found) }
}

struct Reader<'a> {
    file: &'a FileText,
    report: Report,
    found: Users,
}

impl Reader<'_> {
    /// An error at a place whose line is not shown.
    fn wrong(&mut self, range: &Range<usize>, code: Code, message: String, note: &str) {
        self.report.push(self.file.at_blind(range, code, message).note(note));
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (key, value) in in_file_order(document) {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("user", DeValue::Table(table)) => self.users(table, &key.span()),
                ("permission", DeValue::Table(table)) => self.grants(table, &key.span()),
                (name, _) => {
                    let message = format!("unknown key `{}`", shorten(name));
                    self.wrong(
                        &key.span(),
                        Code::UNKNOWN_KEY,
                        message,
                        "expected [user.NAME] or [permission.\"ADDRESSES\"]",
                    );
                }
            }
        }
    }

    fn users(&mut self, table: &DeTable<'_>, range: &Range<usize>) {
        if table.len() > USERS_MAX {
            return self.report.push(too_many(self.file, range, "users", USERS_MAX));
        }
        for (key, value) in in_file_order(table) {
            let name = key.get_ref().as_ref();
            if let Some(problem) = user_name_problem(name) {
                self.wrong(&key.span(), Code::NOT_A_VALUE, "a user cannot be called so".to_owned(), problem);
                continue;
            }
            let DeValue::Table(user) = value.get_ref() else {
                let message = format!("`user.{}` is no table", shorten(name));
                self.wrong(&key.span(), Code::WRONG_TYPE, message, "expected [user.NAME] with password and roles");
                continue;
            };
            self.user(key, user);
        }
    }

    fn user(&mut self, key: &Key<'_>, table: &DeTable<'_>) {
        let name = key.get_ref().as_ref();
        let (mut password, mut certificate, mut roles) = (None, None, Vec::new());
        for (attribute, value) in in_file_order(table) {
            match (attribute.get_ref().as_ref(), value.get_ref()) {
                ("password", DeValue::String(text)) => {
                    if let Some(problem) = hash::problem(text) {
                        let message = format!("the password of `{}` {problem}", shorten(name));
                        let note = "make one with `ringmq user add` or `ringmq user reset`";
                        self.wrong(&value.span(), Code::NOT_A_VALUE, message, note);
                    }
                    password = Some(text.to_string());
                }
                ("password", _) => {
                    let message = format!("the password of `{}` is no string", shorten(name));
                    self.wrong(&value.span(), Code::WRONG_TYPE, message, "expected an argon2id hash in quotes");
                    password = Some(String::new());
                }
                ("certificate", _) => certificate = self.certificate(name, value),
                ("roles", _) => roles = self.roles(value, "roles"),
                (other, _) => {
                    let message = format!("unknown key `{}` of a user", shorten(other));
                    self.wrong(
                        &attribute.span(),
                        Code::UNKNOWN_KEY,
                        message,
                        "expected password, certificate or roles",
                    );
                }
            }
        }
        if password.is_none() && !table.iter().any(|(attribute, _)| attribute.get_ref() == "certificate") {
            let message = format!("`user.{}` has no password", shorten(name));
            let note = "give it one with `ringmq user reset`, or the subject of a certificate";
            return self.wrong(&key.span(), Code::NOT_A_VALUE, message, note);
        }
        self.found.users.push(User { name: name.to_owned(), password, certificate, roles });
    }

    /// The subject of a certificate that is no other user's.
    fn certificate(&mut self, user: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let subject = match value.get_ref() {
            DeValue::String(text) => crate::tls::normal(text),
            _ => None,
        };
        let Some(subject) = subject else {
            let message = format!("the certificate of `{}` is no name of a subject", shorten(user));
            self.wrong(&value.span(), Code::NOT_A_VALUE, message, "expected one such as \"CN=orders,O=Example\"");
            return None;
        };
        let owner = self.found.users.iter().find(|other| other.certificate.as_ref() == Some(&subject));
        if let Some(owner) = owner {
            let message = format!("the certificate of `{}` is that of `{}` too", shorten(user), shorten(&owner.name));
            self.wrong(&value.span(), Code::TWICE, message, "a certificate is one user's");
            return None;
        }
        Some(subject)
    }

    /// A list of roles.
    fn roles(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Vec<String> {
        let DeValue::Array(list) = value.get_ref() else {
            let message = format!("`{what}` is no list");
            self.wrong(&value.span(), Code::WRONG_TYPE, message, "expected names of roles: [\"amq\"]");
            return Vec::new();
        };
        if list.len() > ROLES_MAX {
            self.report.push(too_many(self.file, &value.span(), "roles", ROLES_MAX));
            return Vec::new();
        }
        let mut roles = Vec::new();
        for role in list.iter() {
            match role.get_ref() {
                DeValue::String(name) => match user_name_problem(name) {
                    None => roles.push(name.to_string()),
                    Some(problem) => {
                        self.wrong(&role.span(), Code::NOT_A_VALUE, "a role cannot be called so".to_owned(), problem);
                    }
                },
                _ => self.wrong(
                    &role.span(),
                    Code::WRONG_TYPE,
                    "a role is no string".to_owned(),
                    "expected its name in quotes",
                ),
            }
        }
        roles
    }

    fn grants(&mut self, table: &DeTable<'_>, range: &Range<usize>) {
        if table.len() > GRANTS_MAX {
            return self.report.push(too_many(self.file, range, "matches of addresses", GRANTS_MAX));
        }
        for (key, value) in in_file_order(table) {
            let addresses = key.get_ref().as_ref();
            if let Some(problem) = user_name_problem(addresses) {
                self.wrong(&key.span(), Code::NOT_A_VALUE, "this matches no address".to_owned(), problem);
                continue;
            }
            let DeValue::Table(permissions) = value.get_ref() else {
                let message = format!("`permission.\"{}\"` is no table", shorten(addresses));
                let note = "expected [permission.\"ADDRESSES\"], and what roles may do";
                self.wrong(&key.span(), Code::WRONG_TYPE, message, note);
                continue;
            };
            let mut grant = Grant { addresses: addresses.to_owned(), permissions: Vec::new() };
            for (permission, roles) in in_file_order(permissions) {
                let name = permission.get_ref().as_ref();
                match PERMISSIONS.iter().find(|known| **known == name) {
                    Some(known) => {
                        let roles = self.roles(roles, known);
                        grant.permissions.push((*known, roles));
                    }
                    None => self.unknown_permission(permission),
                }
            }
            self.found.grants.push(grant);
        }
    }

    fn unknown_permission(&mut self, key: &Key<'_>) {
        let name = key.get_ref().as_ref();
        let note = match suggest::nearest(name, PERMISSIONS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of {}", PERMISSIONS.join(", ")),
        };
        let message = format!("there is no permission `{}`", shorten(name));
        self.wrong(&key.span(), Code::UNKNOWN_KEY, message, &note);
    }
}
