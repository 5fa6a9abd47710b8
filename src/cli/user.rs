//! `user add`, `list`, `reset` and `remove`: who may log in.
//!
//! Takes: the users file of a configuration. Gives: the file with one user more, changed or less. Must stay true: a password comes
//! from the environment, the terminal or standard input, never from an argument, and is written nowhere but as a hash; the file is
//! replaced whole or not at all, and only its owner can read it.

mod file;
mod password;

use std::io::Write as _;

use config::{EditError, FileText, User, Users, user_name_problem};
use serde_json::json;

use super::arguments::{ShowOptions, UserCommand, UserName, UserOptions};
use super::configuration;
use super::exit::Exit;
use super::output::Output;
use crate::security;

/// The role of a user that is given none, as in Artemis.
const USUAL_ROLE: &str = "amq";

/// Why a command did not do what it should, and how it ends.
struct Problem {
    exit: Exit,
    text: String,
}

impl Problem {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        let exit = match &error {
            EditError::Invalid(_) => return Self::new(Exit::ConfigurationInvalid, error.to_string()),
            EditError::Exists(_) => Exit::Conflict,
            EditError::Missing(_) => Exit::NotFound,
            EditError::Form(_) => Exit::Failed,
        };
        Self::new(exit, format!("error: {error}"))
    }
}

impl From<config::Report> for Problem {
    fn from(report: config::Report) -> Self {
        Self::new(Exit::ConfigurationInvalid, report.to_string())
    }
}

pub(super) fn run(command: &UserCommand) -> Exit {
    let done = match command {
        UserCommand::Add(options) => add(options),
        UserCommand::List(options) => list(options),
        UserCommand::Reset(options) => reset(options),
        UserCommand::Remove(options) => remove(options),
    };
    done.unwrap_or_else(|problem| {
        Output::stderr().line(format_args!("{}", problem.text));
        problem.exit
    })
}

fn add(options: &UserOptions) -> Result<Exit, Problem> {
    let name = &options.user.name;
    for (what, text) in std::iter::once(("user", name)).chain(options.roles.iter().map(|role| ("role", role))) {
        if let Some(problem) = user_name_problem(text) {
            return Err(Problem::new(Exit::Usage, format!("error: a {what} cannot be called `{text:.60}`: {problem}")));
        }
    }
    let path = path_of(&options.user)?;
    let roles = if options.roles.is_empty() { vec![USUAL_ROLE.to_owned()] } else { options.roles.clone() };
    let known = file::read(&path)?;
    let old = match &known {
        Some(text) => text.clone(),
        None => FileText::new_users(&path.display().to_string(), roles.first().map_or(USUAL_ROLE, String::as_str)),
    };
    if Users::parse(&old)?.find(name).is_some() {
        return Err(EditError::Exists(name.clone()).into());
    }
    let user = User { name: name.clone(), password: Some(new_hash(name)?), certificate: None, roles };
    file::write(&path, old.with_user(&user)?.text())?;
    said(format_args!("user {name} was added to {}{NOT_YET}", path.display()))
}

/// What is said behind every change.
const NOT_YET: &str = "; a running broker reads it at its next start";

fn reset(options: &UserOptions) -> Result<Exit, Problem> {
    let name = &options.user.name;
    if let Some(problem) = options.roles.iter().find_map(|role| user_name_problem(role)) {
        return Err(Problem::new(Exit::Usage, format!("error: a role cannot be called so: {problem}")));
    }
    let path = path_of(&options.user)?;
    let old = file::read(&path)?.ok_or_else(|| no_file(&path))?;
    if Users::parse(&old)?.find(name).is_none() {
        return Err(EditError::Missing(name.clone()).into());
    }
    let roles = (!options.roles.is_empty()).then_some(options.roles.as_slice());
    file::write(&path, old.with_password(name, &new_hash(name)?, roles)?.text())?;
    said(format_args!("user {name} has another password in {}{NOT_YET}", path.display()))
}

fn remove(options: &UserName) -> Result<Exit, Problem> {
    let path = path_of(options)?;
    let old = file::read(&path)?.ok_or_else(|| no_file(&path))?;
    file::write(&path, old.without_user(&options.name)?.text())?;
    said(format_args!("user {} was removed from {}{NOT_YET}", options.name, path.display()))
}

fn list(options: &ShowOptions) -> Result<Exit, Problem> {
    let path = configuration::load_values(&options.config)?.users_path();
    let users = Users::parse(&file::read(&path)?.ok_or_else(|| no_file(&path))?)?.users;
    Ok(Output::stdout().finish(|out| {
        if options.json {
            let row = |user: &User| {
                let (password, certificate) = (user.password.is_some(), &user.certificate);
                json!({ "name": user.name, "roles": user.roles, "password": password, "certificate": certificate })
            };
            let rows: Vec<_> = users.iter().map(row).collect();
            return writeln!(out, "{:#}", json!(rows));
        }
        let width = users.iter().map(|user| user.name.chars().count()).max().unwrap_or(0);
        users.iter().try_for_each(|user| {
            let certificate = user.certificate.as_ref().map_or_else(String::new, |subject| format!("  ({subject})"));
            writeln!(out, "{:width$}  {}{certificate}", user.name, user.roles.join(", "))
        })
    }))
}

fn path_of(options: &UserName) -> Result<std::path::PathBuf, Problem> {
    Ok(configuration::load_values(&options.config)?.users_path())
}

fn no_file(path: &std::path::Path) -> Problem {
    let text = format!("error: there is no users file {}\n  help: `ringmq user add NAME` makes it", path.display());
    Problem::new(Exit::NotFound, text)
}

/// The hash of a password that is asked for.
fn new_hash(user: &str) -> Result<String, Problem> {
    let password = password::ask(user).map_err(|text| Problem::new(Exit::Failed, format!("error: {text}")))?;
    let salt =
        password::salt().map_err(|error| Problem::new(Exit::Failed, format!("error: no random salt: {error}")))?;
    let failed = |error| Problem::new(Exit::Failed, format!("error: the password cannot be hashed: {error}"));
    security::hash(&password, salt).map_err(failed)
}

fn said(text: std::fmt::Arguments<'_>) -> Result<Exit, Problem> {
    Ok(Output::stdout().finish(|out| writeln!(out, "{text}")))
}
