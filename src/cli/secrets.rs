//! Passwords that were typed as arguments.
//!
//! Everybody on a host can read the arguments of a process, in `/proc/PID/cmdline`. Takes: the arguments. Gives: the same
//! command with its passwords in the environment, which only the same user can read, started in the place of this process. Must
//! stay true: no password is among the arguments of a command that works.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use ringmq_client::BrokerUrl;

use super::exit::Exit;
use super::output::Output;

/// The variable that `--password` is read from when it is not given.
pub(super) const PASSWORD_VARIABLE: &str = "RINGMQ_PASSWORD";

/// The variable that `--url` is read from when it is not given.
pub(super) const URL_VARIABLE: &str = "RINGMQ_URL";

/// The same command without its passwords, and the variables that they went to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hidden {
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

/// Starts this command again without passwords among its arguments. Comes back only if there are none, or with how that failed.
pub(super) fn hide(arguments: &[OsString]) -> Result<(), Exit> {
    let hidden = hidden(arguments);
    if hidden.variables.is_empty() {
        return Ok(());
    }
    let mut complaints = Output::stderr();
    complaints.line(format_args!(
        "warning: for a moment everybody on this host could read the password among the arguments\n  help: set \
         {PASSWORD_VARIABLE} instead, or {URL_VARIABLE} when it is part of the URL"
    ));
    let mut words = hidden.arguments.iter();
    let name = words.next().map_or(OsStr::new("ringmq"), OsString::as_os_str);
    let error = match std::env::current_exe() {
        Ok(program) => Command::new(program).arg0(name).args(words).envs(hidden.variables).exec(),
        Err(error) => error,
    };
    complaints.line(format_args!(
        "error: the password cannot be taken from the arguments: ringmq cannot be started again: {error}\n  help: set \
         {PASSWORD_VARIABLE} instead of --password"
    ));
    Err(Exit::Failed)
}

/// Finds `--password` and URLs with a password, each as two words or with `=`.
fn hidden(arguments: &[OsString]) -> Hidden {
    let mut hidden = Hidden::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let (name, joined) = split(word);
        let variable = match name {
            b"--password" => PASSWORD_VARIABLE,
            b"--url" => URL_VARIABLE,
            _ => {
                hidden.arguments.push(word.clone());
                if name == b"--" {
                    break;
                }
                continue;
            }
        };
        let value = joined.map(OsStr::to_owned).or_else(|| words.next().cloned());
        match value {
            Some(value) if variable == PASSWORD_VARIABLE || has_password(&value) => {
                hidden.variables.push((variable, value));
            }
            Some(value) if joined.is_none() => hidden.arguments.extend([word.clone(), value]),
            _ => hidden.arguments.push(word.clone()),
        }
    }
    hidden.arguments.extend(words.cloned());
    hidden
}

/// `--name=value` in its two parts.
fn split(word: &OsStr) -> (&[u8], Option<&OsStr>) {
    let bytes = word.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=').and_then(|at| bytes.split_at_checked(at)) {
        Some((name, rest)) => (name, rest.get(1..).map(OsStr::from_bytes)),
        None => (bytes, None),
    }
}

fn has_password(url: &OsStr) -> bool {
    let text = url.to_string_lossy();
    BrokerUrl::without_passwords(&text) != text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, arguments: &str, variables: &[(&'static str, &str)]) {
        let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let variables = variables.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        assert_eq!(hidden(&words(line)), Hidden { arguments: words(arguments), variables }, "{line}");
    }

    #[test]
    fn passwords_leave_the_arguments() {
        check("ringmq producer --password s --user u", "ringmq producer --user u", &[(PASSWORD_VARIABLE, "s")]);
        check("ringmq consumer --password=a=b", "ringmq consumer", &[(PASSWORD_VARIABLE, "a=b")]);
        let url = "tcp://h?user=u&password=s";
        check(&format!("ringmq producer --url {url} --verbose"), "ringmq producer --verbose", &[(URL_VARIABLE, url)]);
        check(&format!("ringmq producer --url={url}"), "ringmq producer", &[(URL_VARIABLE, url)]);
    }

    #[test]
    fn everything_else_stays() {
        for line in [
            "",
            "ringmq",
            "ringmq run --port 7",
            "ringmq producer --url tcp://h?user=u --user u",
            "ringmq producer --url=tcp://h",
            "ringmq producer --url",
            "ringmq producer --password",
            "ringmq producer -- --password s",
        ] {
            let kept = if line.ends_with("--password") { "ringmq producer --password" } else { line };
            check(line, kept, &[]);
        }
    }
}
