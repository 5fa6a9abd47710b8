//! A password that somebody gives: from the environment, the terminal, or one line of standard input.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::cli::secrets::PASSWORD_VARIABLE;
use crate::limits::LOGIN_BYTES_MAX;

/// The password of a user.
///
/// # Errors
/// None was given, it is empty or too long, or it was typed in two ways.
pub(super) fn ask(user: &str) -> Result<String, String> {
    let password = match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => password,
        Err(std::env::VarError::NotUnicode(_)) => return Err(format!("{PASSWORD_VARIABLE} is not UTF-8 text")),
        Err(std::env::VarError::NotPresent) if io::stdin().is_terminal() => typed(user)?,
        Err(std::env::VarError::NotPresent) => line(&mut io::stdin().lock())?,
    };
    check(password)
}

fn check(password: String) -> Result<String, String> {
    if password.is_empty() {
        return Err(format!(
            "no password was given: set {PASSWORD_VARIABLE}, or write it as one line to standard input"
        ));
    }
    if password.len() > LOGIN_BYTES_MAX {
        return Err(format!("the password is longer than {LOGIN_BYTES_MAX} bytes"));
    }
    Ok(password)
}

/// One line, without its end.
fn line(from: &mut impl io::BufRead) -> Result<String, String> {
    let mut text = String::new();
    let most = u64::try_from(LOGIN_BYTES_MAX + 2).unwrap_or(u64::MAX);
    from.take(most).read_line(&mut text).map_err(|error| format!("the password cannot be read: {error}"))?;
    let text = text.strip_suffix('\n').map(str::to_owned).unwrap_or(text);
    Ok(text.strip_suffix('\r').map(str::to_owned).unwrap_or(text))
}

/// Typed twice at the terminal, which does not show it.
fn typed(user: &str) -> Result<String, String> {
    let failed = |error: io::Error| format!("the terminal cannot be used: {error}");
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(failed)?;
    let _quiet = Quiet::new(&terminal).map_err(|error| format!("the terminal cannot be used: {error}"))?;
    let mut read = |prompt: &str| {
        write!(terminal, "{prompt}").map_err(failed)?;
        let mut reader = io::BufReader::new(terminal.try_clone().map_err(failed)?);
        let text = line(&mut reader)?;
        writeln!(terminal).map_err(failed)?;
        Ok::<_, String>(text)
    };
    let (once, again) = (read(&format!("Password of {user}: "))?, read("Once more: ")?);
    if once == again { Ok(once) } else { Err("the two passwords are not the same".to_owned()) }
}

/// A terminal that shows nothing of what is typed, until this goes.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: &File) -> io::Result<Self> {
        let terminal = terminal.try_clone()?;
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // If the terminal is gone, nobody looks at it.
        let _shown = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// Random bytes of the system for the salt of a hash.
///
/// # Errors
/// The system has none.
pub(super) fn salt() -> io::Result<[u8; 16]> {
    let mut salt = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_the_password() {
        for (text, expected) in [("s3cr3t\n", "s3cr3t"), ("s3cr3t", "s3cr3t"), (" a b \r\nmore", " a b "), ("\n", "")] {
            assert_eq!(line(&mut text.as_bytes()).unwrap(), expected, "{text:?}");
        }
        assert!(line(&mut &b"\xff\n"[..]).is_err());
        assert!(check(String::new()).unwrap_err().contains(PASSWORD_VARIABLE));
        let long = line(&mut "x".repeat(10_000).as_bytes()).unwrap();
        assert!(long.len() <= LOGIN_BYTES_MAX + 2 && check(long).is_err());
        assert_eq!(check("x".to_owned()).unwrap(), "x");
    }
}
