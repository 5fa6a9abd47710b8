//! From what a person wrote to a [`Value`]: the grammar of numbers, sizes, times and words.
//!
//! Takes: one raw value and the row's [`Kind`]. Gives: the value, or a [`Refusal`] that says what was expected. Must
//! stay true: anything may be written, so nothing here panics, and no number wraps.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::attribute::{Choice, Kind};
use crate::diagnostic::Code;
use crate::suggest;
use crate::types::ByteSize;
use crate::value::{Value, duration_text};

/// The longest path or name that is accepted, in bytes: what Linux takes for a path.
const TEXT_BYTES_MAX: usize = 4096;

/// A value as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Raw<'a> {
    /// A string of the file, in quotes.
    Quoted(&'a str),
    /// A value from the environment or the command line, where nothing has quotes.
    Bare(&'a str),
    /// A whole number of the file.
    Integer(i64),
    /// `true` or `false` of the file.
    Flag(bool),
    /// Anything else that TOML knows; the word names it.
    Other(&'static str),
}

/// Why a value is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code of the error.
    pub(crate) code: Code,
    /// What is wrong; the sentence starts with the attribute's name, which the caller puts before it.
    pub(crate) problem: String,
    /// The note at the caret.
    pub(crate) note: String,
    /// What else helps.
    pub(crate) help: Option<String>,
}

/// The value, if `kind` accepts `raw`.
pub(crate) fn parse(kind: &Kind, raw: Raw<'_>) -> Result<Value, Refusal> {
    match (kind, raw) {
        (Kind::Auto(_), Raw::Quoted(text) | Raw::Bare(text)) if text.trim().eq_ignore_ascii_case("auto") => {
            Ok(Value::Auto)
        }
        (Kind::Auto(inner), raw) => {
            parse(inner, raw).map_err(|refusal| Refusal { note: format!("{}, or \"auto\"", refusal.note), ..refusal })
        }
        (Kind::OrNone(_), Raw::Integer(-1)) => Ok(Value::NoLimit),
        (Kind::OrNone(_), Raw::Bare(text)) if text.trim() == "-1" => Ok(Value::NoLimit),
        (Kind::OrNone(inner), raw) => parse(inner, raw)
            .map_err(|refusal| Refusal { note: format!("{}, or -1 for none", refusal.note), ..refusal }),
        (Kind::Flag, raw) => flag(raw),
        (Kind::Integer { min, max }, raw) => integer(*min, *max, raw),
        (Kind::Bytes { min, max, multiple_of }, raw) => bytes(*min, *max, *multiple_of, raw),
        (Kind::Duration { min_ms, max_ms }, raw) => duration(*min_ms, *max_ms, raw),
        (Kind::Choice(choices), raw) => choice(choices, raw),
        (Kind::File, Raw::Quoted("") | Raw::Bare("")) => Ok(Value::Directory(PathBuf::new())),
        (Kind::Directory | Kind::File, raw) => directory(raw),
        (Kind::Name, raw) => name(raw),
        (Kind::Host, raw) => host(raw),
    }
}

fn flag(raw: Raw<'_>) -> Result<Value, Refusal> {
    match raw {
        Raw::Flag(flag) => Ok(Value::Flag(flag)),
        Raw::Bare(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Value::Flag(true)),
        Raw::Bare(text) if text.trim().eq_ignore_ascii_case("false") => Ok(Value::Flag(false)),
        Raw::Bare(_) => Err(refuse(Code::NOT_A_VALUE, "is neither true nor false", "expected true or false")),
        Raw::Quoted("true" | "false") => {
            Err(Refusal { help: Some("write it without quotes".to_owned()), ..wrong_type(raw, "true or false") })
        }
        other => Err(wrong_type(other, "true or false")),
    }
}

fn integer(min: i64, max: i64, raw: Raw<'_>) -> Result<Value, Refusal> {
    let number = match raw {
        Raw::Integer(number) => number,
        Raw::Bare(text) => text.trim().parse().map_err(|_| {
            refuse(Code::NOT_A_VALUE, "is not a whole number", &format!("expected a number from {min} to {max}"))
        })?,
        Raw::Quoted(text) if text.trim().parse::<i64>().is_ok() => {
            return Err(Refusal { help: Some("write it without quotes".to_owned()), ..wrong_type(raw, "a number") });
        }
        other => return Err(wrong_type(other, &format!("a number from {min} to {max}"))),
    };
    if (min..=max).contains(&number) {
        Ok(Value::Integer(number))
    } else {
        Err(out_of_range(&min.to_string(), &max.to_string()))
    }
}

fn bytes(min: u64, max: u64, multiple_of: u64, raw: Raw<'_>) -> Result<Value, Refusal> {
    const UNITS: [(&str, u64); 11] = [
        ("", 1),
        ("b", 1),
        ("k", 1 << 10),
        ("kb", 1 << 10),
        ("kib", 1 << 10),
        ("m", 1 << 20),
        ("mb", 1 << 20),
        ("mib", 1 << 20),
        ("g", 1 << 30),
        ("gb", 1 << 30),
        ("gib", 1 << 30),
    ];
    let (low, high) = (ByteSize::new(min), ByteSize::new(max));
    let size = amount(raw, &UNITS, "a size such as 1048576 or \"1MiB\"", &low.to_string(), &high.to_string())?;
    if !(min..=max).contains(&size) {
        return Err(out_of_range(&low.to_string(), &high.to_string()));
    }
    if !size.is_multiple_of(multiple_of) {
        let unit = ByteSize::new(multiple_of);
        return Err(refuse(Code::OUT_OF_RANGE, &format!("is not a multiple of {unit}"), &format!("{size} bytes")));
    }
    Ok(Value::Bytes(ByteSize::new(size)))
}

fn duration(min_ms: u64, max_ms: u64, raw: Raw<'_>) -> Result<Value, Refusal> {
    const UNITS: [(&str, u64); 6] = [("", 1), ("ms", 1), ("s", 1000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000)];
    let low = duration_text(Duration::from_millis(min_ms));
    let high = duration_text(Duration::from_millis(max_ms));
    let ms = amount(raw, &UNITS, "a time such as \"10s\" or 10000 (milliseconds)", &low, &high)?;
    if (min_ms..=max_ms).contains(&ms) {
        Ok(Value::Duration(Duration::from_millis(ms)))
    } else {
        Err(out_of_range(&low, &high))
    }
}

/// A whole number with a unit of the list. `low` and `high` only serve the error for a number that fits no `u64`.
fn amount(raw: Raw<'_>, units: &[(&str, u64)], expected: &str, low: &str, high: &str) -> Result<u64, Refusal> {
    let text = match raw {
        Raw::Integer(number) => return u64::try_from(number).map_err(|_| out_of_range(low, high)),
        Raw::Quoted(text) | Raw::Bare(text) => text.trim(),
        other => return Err(wrong_type(other, expected)),
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(refuse(Code::NOT_A_VALUE, "does not start with a number", &format!("expected {expected}")));
    }
    let unit = unit.trim();
    let Some((_, factor)) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        let known: Vec<_> = units.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
        return Err(Refusal {
            help: Some(format!("units: {}", known.join(", "))),
            ..refuse(Code::NOT_A_VALUE, "has an unknown unit", &format!("expected {expected}"))
        });
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)).ok_or_else(|| out_of_range(low, high))
}

fn choice(choices: &'static [Choice], raw: Raw<'_>) -> Result<Value, Refusal> {
    let built = || choices.iter().filter(|choice| choice.built).map(|choice| choice.word);
    let list = built().collect::<Vec<_>>().join(", ");
    let (Raw::Quoted(text) | Raw::Bare(text)) = raw else {
        return Err(wrong_type(raw, &format!("one of {list}")));
    };
    match choices.iter().find(|choice| choice.word.eq_ignore_ascii_case(text.trim())) {
        Some(choice) if choice.built => Ok(Value::Choice(choice.word)),
        Some(choice) => Err(Refusal {
            help: Some(format!("{} would be: {}", choice.word, choice.meaning)),
            ..refuse(
                Code::NOT_BUILT,
                &format!("cannot be {}: not built yet", choice.word),
                &format!("accepted today: {list}"),
            )
        }),
        None => {
            let note = match suggest::nearest(text.trim(), built()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("expected one of {list}"),
            };
            Err(Refusal {
                help: Some(format!("values: {list}")),
                ..refuse(Code::NOT_A_CHOICE, "has no such value", &note)
            })
        }
    }
}

fn directory(raw: Raw<'_>) -> Result<Value, Refusal> {
    let (Raw::Quoted(text) | Raw::Bare(text)) = raw else { return Err(wrong_type(raw, "a path in quotes")) };
    check_text(text, "a path")?;
    Ok(Value::Directory(PathBuf::from(text)))
}

fn name(raw: Raw<'_>) -> Result<Value, Refusal> {
    let (Raw::Quoted(text) | Raw::Bare(text)) = raw else { return Err(wrong_type(raw, "a name in quotes")) };
    check_text(text, "a name")?;
    Ok(Value::Name(text.to_owned()))
}

fn check_text(text: &str, what: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(refuse(Code::NOT_A_VALUE, "is empty", &format!("expected {what}")));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(refuse(Code::OUT_OF_RANGE, &format!("is longer than {TEXT_BYTES_MAX} bytes"), "too long"));
    }
    if text.chars().any(char::is_control) {
        return Err(refuse(Code::NOT_A_VALUE, "contains a control character", &format!("expected {what}")));
    }
    Ok(())
}

fn host(raw: Raw<'_>) -> Result<Value, Refusal> {
    let (Raw::Quoted(text) | Raw::Bare(text)) = raw else {
        return Err(wrong_type(raw, "an IP address in quotes"));
    };
    let text = text.trim();
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Value::Host(IpAddr::from([127, 0, 0, 1])));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().map(Value::Host).map_err(|_| Refusal {
        help: Some("host names are not looked up here; write the address of the interface".to_owned()),
        ..refuse(Code::NOT_A_VALUE, "is not an IP address", "expected an address such as 127.0.0.1, or localhost")
    })
}

fn out_of_range(low: &str, high: &str) -> Refusal {
    refuse(Code::OUT_OF_RANGE, "is out of range", &format!("expected {low} to {high}"))
}

fn wrong_type(raw: Raw<'_>, expected: &str) -> Refusal {
    let found = match raw {
        Raw::Quoted(_) | Raw::Bare(_) => "a string",
        Raw::Integer(_) => "a number",
        Raw::Flag(_) => "true or false",
        Raw::Other(word) => word,
    };
    refuse(Code::WRONG_TYPE, &format!("cannot be {found}"), &format!("expected {expected}"))
}

fn refuse(code: Code, problem: &str, note: &str) -> Refusal {
    Refusal { code, problem: problem.to_owned(), note: note.to_owned(), help: None }
}
