//! A line of output: what it is about, and named values. One value gives both forms, text and JSON, so that they never differ.
//!
//! The text form is stable: `what name=value ...`, a text that is not one plain word in quotes with the escapes of JSON.

use std::fmt::{self, Write as _};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Signed(i64),
    Yes(bool),
    List(Vec<Value>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Yes(yes)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Self::List(list)
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    what: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// A line about `what`.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, fields: Vec::new() }
    }

    /// The same with a value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The same with a value, if there is one.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same with more values.
    pub(crate) fn with_all(mut self, fields: Vec<(&'static str, Value)>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// As JSON, without the end of the line.
    pub(crate) fn json(&self) -> String {
        let mut out = String::from("{\"what\":");
        quote(&mut out, self.what);
        for (name, value) in &self.fields {
            let _infallible = write!(out, ",\"{}\":", name.replace('-', "_"));
            json(&mut out, value);
        }
        out.push('}');
        out
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::from(self.what);
        for (name, value) in &self.fields {
            let _infallible = write!(out, " {name}=");
            text(&mut out, value);
        }
        f.write_str(&out)
    }
}

fn text(out: &mut String, value: &Value) {
    match value {
        Value::Text(word) if is_plain(word) => out.push_str(word),
        Value::List(values) => list(out, values, text),
        other => json(out, other),
    }
}

fn json(out: &mut String, value: &Value) {
    let _infallible = match value {
        Value::Text(text) => {
            quote(out, text);
            Ok(())
        }
        Value::Number(number) => write!(out, "{number}"),
        Value::Signed(number) => write!(out, "{number}"),
        Value::Yes(yes) => write!(out, "{yes}"),
        Value::List(values) => {
            list(out, values, json);
            Ok(())
        }
    };
}

fn list(out: &mut String, values: &[Value], one: fn(&mut String, &Value)) {
    out.push('[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        one(out, value);
    }
    out.push(']');
}

/// A text that needs no quotes: nothing in it could be taken for the end of the value.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@+#*".contains(&byte))
}

/// Quotes a text. Control characters, and those that a terminal may obey or that end a line somewhere, are escaped.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        let _infallible = match letter {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            letter if letter.is_control() || ('\u{2028}'..='\u{202e}').contains(&letter) => {
                write!(out, "\\u{:04x}", u32::from(letter))
            }
            letter => out.write_char(letter),
        };
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_line() {
        let list = vec![Value::from("a"), Value::from("b c"), Value::from(7_u64)];
        let line = Line::new("record")
            .with("first-name", "plain/word-1.seg@5")
            .with("text", "say \"ä\"\n\u{1b}[0m")
            .with("empty", "")
            .with("list", list)
            .with("signed", -1_i64)
            .with("yes", true)
            .with_some("none", None::<u64>);
        assert_eq!(
            line.to_string(),
            r#"record first-name=plain/word-1.seg@5 text="say \"ä\"\n\u001b[0m" empty="" list=[a,"b c",7] signed=-1 yes=true"#
        );
        assert_eq!(
            line.json(),
            r#"{"what":"record","first_name":"plain/word-1.seg@5","text":"say \"ä\"\n\u001b[0m","empty":"","list":["a","b c",7],"signed":-1,"yes":true}"#
        );
    }
}
