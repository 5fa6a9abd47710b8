//! A filter's text becomes words, numbers, texts and signs.
//!
//! Spaces and comments (`-- …` to the end of the line, `/* … */`) stand between them. Numbers are read as the reference does: `017` is
//! octal, `0x1F` hexadecimal, `5.`, `.5` and `5e3` have a fraction, and a whole number may end with an L.

use super::FilterError;

/// What stands next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A word of the language, by its upper-case name.
    Keyword(&'static str),
    /// The name of a property or header.
    Name(&'a str),
    /// A text between quotes, whose own quotes are still doubled.
    Text(&'a str),
    Integer(i64),
    Float(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

const KEYWORDS: [&str; 13] =
    ["NOT", "AND", "OR", "BETWEEN", "LIKE", "ESCAPE", "IN", "IS", "TRUE", "FALSE", "NULL", "XPATH", "XQUERY"];
/// Longer ones first.
const SIGNS: [&str; 13] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/"];

/// Reads one token after the other.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next token is looked for.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, FilterError> {
        self.skip();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        match first {
            'a'..='z' | 'A'..='Z' | '_' | '$' => Ok(self.word()),
            '\'' => self.text(),
            '0'..='9' => self.number(),
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number(),
            '%' => {
                self.at += 1;
                Ok(Token::Sign("%"))
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Token::Sign(sign))
                }
                None => Err(self.error("nothing of the language begins so")),
            },
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, problem: &'static str) -> FilterError {
        FilterError { offset: self.at, problem }
    }

    /// Takes so many bytes.
    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = self.rest().get(..bytes).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']).len();
            let rest = rest.get(spaces..).unwrap_or_default();
            // A comment without an end is none.
            let comment = if rest.starts_with("--") {
                rest.find(['\n', '\r']).map_or(0, |end| end + 1)
            } else if let Some(inner) = rest.strip_prefix("/*") {
                inner.find("*/").map_or(0, |end| end + 4)
            } else {
                0
            };
            if spaces + comment == 0 {
                return;
            }
            self.at += spaces + comment;
        }
    }

    fn word(&mut self) -> Token<'a> {
        let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
        let length = self.rest().bytes().take_while(is_inside).count();
        let word = self.take(length);
        match KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(word)) {
            Some(keyword) => Token::Keyword(keyword),
            None => Token::Name(word),
        }
    }

    fn text(&mut self) -> Result<Token<'a>, FilterError> {
        let inner = self.rest().get(1..).unwrap_or_default();
        let mut end = 0;
        loop {
            let Some(quote) = inner.get(end..).and_then(|rest| rest.find('\'')) else {
                return Err(self.error("a text has no end"));
            };
            end += quote;
            if inner.get(end + 1..).is_some_and(|rest| rest.starts_with('\'')) {
                end += 2;
                continue;
            }
            self.at += end + 2;
            return Ok(Token::Text(inner.get(..end).unwrap_or_default()));
        }
    }

    fn number(&mut self) -> Result<Token<'a>, FilterError> {
        let rest = self.rest().as_bytes();
        let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let at = |place: usize| rest.get(place).copied().unwrap_or(0).to_ascii_lowercase();
        let hex = rest.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if at(0) == b'0' && at(1) == b'x' && hex > 0 {
            return self.whole(2 + hex, 2, 16);
        }
        let whole = digits(0);
        let has_point = at(whole) == b'.';
        let mut end = whole + if has_point { 1 + digits(whole + 1) } else { 0 };
        let sign = usize::from(matches!(at(end + 1), b'+' | b'-'));
        let exponent = if at(end) == b'e' { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
        if has_point || exponent > 0 {
            let number = self.rest().get(..end).and_then(|text| text.parse().ok());
            let number = number.ok_or_else(|| self.error("this is no number"))?;
            self.at += end;
            return Ok(Token::Float(number));
        }
        if at(0) == b'0' {
            let octal = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            return self.whole(octal, 0, 8);
        }
        let number = self.whole(whole, 0, 10);
        self.at += usize::from(at(whole) == b'l');
        number
    }

    /// A whole number of so many bytes, its digits behind a prefix. One that is too large has no exact value.
    fn whole(&mut self, bytes: usize, prefix: usize, radix: u32) -> Result<Token<'a>, FilterError> {
        let error = self.error("the number is too large");
        let digits = self.take(bytes).get(prefix..).unwrap_or_default();
        match i64::from_str_radix(digits, radix) {
            Ok(number) => Ok(Token::Integer(number)),
            Err(_) if radix == 10 => digits.parse().map(Token::Float).map_err(|_| error),
            Err(_) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
        let mut tokens = Tokens::new(text);
        let mut found = Vec::new();
        loop {
            match tokens.next()? {
                Token::End => return Ok(found),
                token => found.push(token),
            }
        }
    }

    #[test]
    fn words_texts_and_signs() {
        use Token::{Integer, Keyword, Name, Sign, Text};
        let expected = vec![Name("$a_1"), Sign("<>"), Text("it''s"), Keyword("AND"), Name("android"), Sign("%")];
        assert_eq!(all("$a_1<>'it''s' aNd\tandroid%"), Ok(expected));
        let expected = vec![Name("n"), Sign("-"), Sign("-"), Integer(1)];
        assert_eq!(all("n--1"), Ok(expected.clone()));
        assert_eq!(all("n -- x\n - /* '*/ - 1"), Ok(expected));
        assert_eq!(all("''"), Ok(vec![Text("")]));
        for wrong in ["'", "'a''", "n ! 1", "ä", "\"n\"", "n = #"] {
            assert!(all(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers() {
        use Token::{Float, Integer, Name};
        for (text, number) in
            [("0", 0), ("17", 17), ("17L", 17), ("017", 15), ("0x1F", 31), ("9223372036854775807", i64::MAX)]
        {
            assert_eq!(all(text), Ok(vec![Integer(number)]), "{text}");
        }
        for (text, number) in [
            ("1.5", 1.5),
            ("5.", 5.0),
            (".5", 0.5),
            ("5e3", 5e3),
            ("08.5E-1", 0.85),
            ("9223372036854775808", 9.223_372_036_854_776e18),
        ] {
            assert_eq!(all(text), Ok(vec![Float(number)]), "{text}");
        }
        assert_eq!(all("08"), Ok(vec![Integer(0), Integer(8)]));
        assert_eq!(all("1e"), Ok(vec![Integer(1), Name("e")]));
        assert!(all("0xfffffffffffffffff").is_err());
        assert!(all(".").is_err());
    }
}
