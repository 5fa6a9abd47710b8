//! Names of subjects, as text: `CN=orders,O=Example`, the last part of the name first, after RFC 2253.
//!
//! Takes: parts of a name with their types, or what a person wrote. Gives: one text for one name. Must stay true: two texts that this
//! gives are equal only if the names are, whatever a certificate holds.

/// Types of parts that have a word; others are named by their numbers.
const WORDS: [(&[u8], &str); 10] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "EMAILADDRESS"),
];

/// The word, or the numbers, of a type.
pub(super) fn word(identifier: &[u8]) -> Option<String> {
    if let Some((_, word)) = WORDS.iter().find(|(known, _)| *known == identifier) {
        return Some((*word).to_owned());
    }
    let mut numbers = Vec::new();
    let mut number: u64 = 0;
    for byte in identifier {
        number = number.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let first = *numbers.first()?;
    let head = (first / 40).min(2);
    let rest = numbers.iter().skip(1).map(u64::to_string);
    let all = [head.to_string(), (first - 40 * head).to_string()].into_iter().chain(rest);
    Some(all.collect::<Vec<_>>().join("."))
}

/// A value in which what would end it is marked.
pub(super) fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (place, letter) in value.chars().enumerate() {
        let edge = (place == 0 && (letter == ' ' || letter == '#')) || (place == last && letter == ' ');
        if edge || matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// The text of a value that is no text: its bytes.
pub(super) fn bytes(value: &[u8]) -> String {
    value.iter().fold(String::from("#"), |text, byte| text + &format!("{byte:02x}"))
}

/// What a person wrote, as certificates' names are written here. `None`: it is no such name.
pub(crate) fn normal(text: &str) -> Option<String> {
    let mut parts = String::new();
    let mut rest = text;
    loop {
        let (kind, behind) = rest.split_once('=')?;
        let kind = kind.trim().to_ascii_uppercase();
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '-';
        if kind.is_empty() || !kind.chars().all(fits) {
            return None;
        }
        let (value, end) = value(behind)?;
        parts.push_str(&kind);
        parts.push('=');
        parts.push_str(&value);
        match end {
            None => return Some(parts),
            Some((separator, behind)) => {
                parts.push(separator);
                rest = behind;
            }
        }
    }
}

/// The value at the beginning of a text; what separates it from the next part, and the text behind that.
fn value(text: &str) -> Option<(String, Option<(char, &str)>)> {
    let text = text.trim_start();
    let bytes = text.starts_with('#');
    // Spaces at the end count only if they are marked.
    let (mut value, mut kept) = (String::new(), 0);
    let mut letters = text.char_indices();
    let mut end = None;
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => {
                let (_, marked) = letters.next()?;
                value.push(marked);
                kept = value.len();
            }
            ',' | '+' => {
                end = Some((letter, text.get(place + 1..)?));
                break;
            }
            '"' | '<' | '>' | ';' | '=' => return None,
            ' ' => value.push(' '),
            other => {
                value.push(other);
                kept = value.len();
            }
        }
    }
    value.truncate(kept);
    if value.is_empty() {
        return None;
    }
    let value = if bytes { value.to_ascii_lowercase() } else { escaped(&value) };
    Some((value, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_one_text() {
        for (written, text) in [
            ("CN=orders,O=Example", "CN=orders,O=Example"),
            ("cn = orders , o=Example ", "CN=orders,O=Example"),
            ("CN=a b,O=c", "CN=a b,O=c"),
            (r"CN=Doe\, Jane,O=x", r"CN=Doe\, Jane,O=x"),
            (r"CN=a\ ,O=x", r"CN=a\ ,O=x"),
            ("CN=a+OU=b,O=x", "CN=a+OU=b,O=x"),
            ("2.5.4.5=#130131", "2.5.4.5=#130131"),
            ("CN=Zoë", "CN=Zoë"),
        ] {
            assert_eq!(normal(written).as_deref(), Some(text), "{written}");
            assert_eq!(normal(text).as_deref(), Some(text), "its own text reads back");
        }
        for wrong in ["", "orders", "=x", "CN=", "CN=a,", "CN=a,O", "CN=\\", "CN=a;O=b", "C N=a", "CN=\"a\"", "CN=a=b"]
        {
            assert_eq!(normal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn types_without_a_word_are_numbers() {
        assert_eq!(word(&[0x55, 4, 3]).as_deref(), Some("CN"));
        assert_eq!(word(&[0x55, 4, 5]).as_deref(), Some("2.5.4.5"));
        assert_eq!(word(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2]).as_deref(), Some("1.2.840.113549.1.9.2"));
        assert_eq!(word(&[0xff; 40]), None, "a number without an end");
    }
}
