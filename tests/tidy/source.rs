//! Rust text as the rules see it: code without comments and literals, and the paths that code names.
//!
//! Takes a source text, gives a text of the same lines in which comments and literals are blank, or the list of paths
//! (`crate::queue::Queue`) with their lines. It is a scanner, not a parser: it must never lose a line number, and it
//! may over-report, never under-report.

/// A path in the code, such as `["std", "fs", "File"]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) parts: Vec<String>,
}

/// The text with comments and string, byte and character literals replaced by blanks.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the comment or literal that starts here ends; `at` itself when none starts here.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = |ahead: usize| chars.get(at + ahead).copied().unwrap_or('\0');
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next(1) == '/' => chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n),
        '/' if next(1) == '*' => block_comment_end(chars, at),
        '"' => string_end(chars, at),
        'r' if !in_word && matches!(next(1), '"' | '#') => raw_string_end(chars, at, at + 1),
        'b' if !in_word && next(1) == '"' => string_end(chars, at + 1),
        'b' if !in_word && next(1) == 'r' && matches!(next(2), '"' | '#') => raw_string_end(chars, at, at + 2),
        '\'' => character_end(chars, at),
        _ => at,
    }
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], start: usize, hashes_at: usize) -> usize {
    let hashes = chars[hashes_at..].iter().take_while(|c| **c == '#').count();
    let quote = hashes_at + hashes;
    if chars.get(quote) != Some(&'"') {
        return start; // A raw identifier: `r#type`.
    }
    let mut at = quote + 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

fn character_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => chars[at + 3..].iter().position(|c| *c == '\'').map_or(at, |n| at + 3 + n + 1),
        (Some(_), Some('\'')) => at + 3,
        _ => at, // A lifetime.
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every path of at least two parts in code that `code_only` made; groups in braces are opened up.
pub(crate) fn paths(code: &str) -> Vec<Named> {
    let chars: Vec<char> = code.chars().collect();
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == '\n' {
            line += 1;
        }
        let starts = is_word(chars[at]) && (at == 0 || !is_word(chars[at - 1]));
        let mut end = at + 1;
        if starts && !chars[..at].ends_with(&[':', ':']) {
            end = path_at(&chars, at, line, &mut Vec::new(), &mut found);
            line += chars[at..end].iter().filter(|c| **c == '\n').count();
        }
        at = end;
    }
    found.retain(|named| named.parts.len() > 1);
    found
}

/// Reads one path with its groups, adds each full path to `found`, and returns where it ends.
fn path_at(chars: &[char], start: usize, line: usize, prefix: &mut Vec<String>, found: &mut Vec<Named>) -> usize {
    let depth = prefix.len();
    let mut at = start;
    let mut grouped = false;
    loop {
        let word: String = chars[at..].iter().take_while(|c| is_word(**c)).collect();
        at += word.chars().count();
        prefix.push(word);
        let after = skip_blank(chars, at);
        if !chars[after.min(chars.len())..].starts_with(&[':', ':']) {
            break;
        }
        let next = skip_blank(chars, after + 2);
        match chars.get(next) {
            Some(c) if is_word(*c) => at = next,
            Some('{') => {
                at = group_at(chars, next, line + newlines(chars, start, next), prefix, found);
                grouped = true;
                break;
            }
            _ => break,
        }
    }
    if !grouped {
        found.push(Named { line, parts: prefix.clone() });
    }
    prefix.truncate(depth);
    at
}

fn group_at(chars: &[char], open: usize, line: usize, prefix: &mut Vec<String>, found: &mut Vec<Named>) -> usize {
    let mut at = open + 1;
    while at < chars.len() && chars[at] != '}' {
        if is_word(chars[at]) {
            let line = line + newlines(chars, open, at);
            at = path_at(chars, at, line, prefix, found);
            // The new name after `as` belongs to the importing file alone.
            let rest = skip_blank(chars, at);
            if chars[rest.min(chars.len())..].starts_with(&['a', 's', ' ']) {
                at = rest + 3 + chars[rest + 3..].iter().take_while(|c| is_word(**c)).count();
            }
        } else {
            at += 1;
        }
    }
    (at + 1).min(chars.len())
}

fn skip_blank(chars: &[char], from: usize) -> usize {
    from + chars.get(from..).unwrap_or_default().iter().take_while(|c| c.is_whitespace()).count()
}

fn newlines(chars: &[char], from: usize, to: usize) -> usize {
    chars[from..to].iter().filter(|c| **c == '\n').count()
}

/// The first line that belongs to the file's own tests; by custom they stand last.
pub(crate) fn tests_from(path: &str, code: &str) -> usize {
    let in_test_file = path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/");
    let marked = || code.lines().position(|line| line.trim_start().starts_with("#[cfg(test)]"));
    if in_test_file { 1 } else { marked().map_or(usize::MAX, |at| at + 1) }
}

#[test]
fn comments_and_literals_become_blanks() {
    let text =
        "let a = \"W // W\"; // W\nlet b = 'W'; /* W\n/* W */ W */ fn f<'a>() {}\nlet r = r#\"a\"W\"#; let t = r#type;";
    let code = code_only(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(!code.contains('W'), "a literal or comment is still in {code}");
    for kept in ["let a", "fn f<'a>()", "r#type"] {
        assert!(code.contains(kept), "{kept} is gone from {code}");
    }
}

#[test]
fn groups_are_opened_up_with_their_lines() {
    let code = "use crate::{\n    queue::{Queue, order as sort},\n    store,\n};\nlet x = std::fs::read(y);";
    let found: Vec<(usize, String)> = paths(code).into_iter().map(|n| (n.line, n.parts.join("::"))).collect();
    let expected = [(2, "crate::queue::Queue"), (2, "crate::queue::order"), (3, "crate::store"), (5, "std::fs::read")];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}
