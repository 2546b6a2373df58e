//! Rust text cut into tokens: enough to tell code from comments and strings, and no more.

/// One token. `::`, `=>` and `->` are one each; every other mark stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    /// From 1.
    pub line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Mark,
    /// Strings, characters, numbers and lifetimes; rules look into none of them.
    Literal,
}

/// The tokens of `text`, comments and white space left out.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Takes one token or one stretch of what is none; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some(length) = string(self.rest) {
            self.take(Kind::Literal, length);
        } else if first == '\'' {
            self.take(Kind::Literal, quote(self.rest));
        } else if first.is_ascii_digit() {
            self.take(Kind::Literal, number(self.rest));
        } else if is_word(first) {
            self.take(Kind::Word, word(self.rest));
        } else if ["::", "=>", "->"].iter().any(|mark| self.rest.starts_with(mark)) {
            self.take(Kind::Mark, 2);
        } else {
            self.take(Kind::Mark, first.len_utf8());
        }
        true
    }

    fn take(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, text: self.rest[..length].to_owned(), line: self.line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn word(text: &str) -> usize {
    text.find(|character| !is_word(character)).unwrap_or(text.len())
}

/// `1_000.5` is one number; `0..n` and `1.max(2)` begin with one.
fn number(text: &str) -> usize {
    let whole = word(text);
    let after = &text[whole..];
    let fraction = after.strip_prefix('.').filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
    fraction.map_or(whole, |digits| whole + 1 + word(digits))
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string that `text` begins with, of whatever sort, if it begins with one.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            let quoted = if prefix.ends_with('r') { rest.trim_start_matches('#') } else { rest };
            quoted.starts_with('"')
        })
    })?;
    let body = &text[prefix.len()..];
    if !prefix.ends_with('r') {
        return Some(prefix.len() + escaped(body, '"'));
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let from = hashes + 1;
    let length = body[from..].find(&end).map_or(body.len(), |at| from + at + end.len());
    Some(prefix.len() + length)
}

/// A character, or a lifetime.
fn quote(text: &str) -> usize {
    let mut characters = text[1..].chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => escaped(text, '\''),
        _ => 1 + word(&text[1..]),
    }
}

/// The length of what stands between two `mark`s, both included, with `\` as the escape.
fn escaped(text: &str, mark: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == mark => return at + 1,
            _ => (),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = tokens(text).into_iter().map(|token| token.text).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_are_no_code() {
        check("a // b\n c /* d /* e */ f */ g /// h", &["a", "c", "g"]);
    }

    #[test]
    fn strings_are_one_token_whatever_they_hold() {
        check(
            r##"f("// }\" {", r#"a "b" c"#, b"x")"##,
            &["f", "(", r#""// }\" {""#, ",", r##"r#"a "b" c"#"##, ",", "b\"x\"", ")"],
        );
    }

    #[test]
    fn a_lifetime_is_no_character() {
        check(r"&'a str '{' '\'' b'x' '_", &["&", "'a", "str", "'{'", r"'\''", "b", "'x'", "'_"]);
    }

    #[test]
    fn numbers_leave_ranges_and_methods_alone() {
        check("0..9 1_0.5 1.max(2)", &["0", ".", ".", "9", "1_0.5", "1", ".", "max", "(", "2", ")"]);
    }

    #[test]
    fn lines_go_on_through_strings() {
        let lines: Vec<_> = tokens("a \"\n\n\" b").into_iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 1, 3]);
    }
}
