//! What commands print: the answer on stdout in the form asked for, remarks on stderr.

use std::io::{self, IsTerminal, Write};

use serde_json::{Map, Value};

use crate::cli::{Colors, Form, Format};

/// Stands in every JSON answer, so that scripts can tell when its form changes.
pub const API_VERSION: &str = "sluice/v1";

/// Prints answers and remarks.
pub struct Output {
    form: Form,
    is_quiet: bool,
    has_colors: bool,
    is_terminal: bool,
}

/// Rows with named columns; the columns from `wide_from` on are shown in wide tables only. JSON has them all.
pub struct Table {
    pub columns: Vec<&'static str>,
    pub wide_from: usize,
    pub rows: Vec<Vec<Value>>,
}

impl Output {
    /// As the flags say, and the terminal.
    pub fn new(format: &Format, has_no_color: bool) -> Output {
        let is_terminal = io::stdout().is_terminal();
        Output {
            form: format.output.unwrap_or(Form::Table),
            is_quiet: format.quiet,
            has_colors: match format.color {
                Colors::Always => true,
                Colors::Never => false,
                Colors::Auto => is_terminal && !has_no_color,
            },
            is_terminal,
        }
    }

    /// The form asked for.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether that is read by programs, which take names and numbers rather than words.
    pub fn is_document(&self) -> bool {
        matches!(self.form, Form::Json | Form::Jsonl | Form::Yaml)
    }

    /// Whether colours may be used on stdout.
    pub fn has_colors(&self) -> bool {
        self.has_colors
    }

    /// A remark for people, on stderr.
    pub fn remark(&self, text: impl std::fmt::Display) {
        if !self.is_quiet {
            eprintln!("{text}");
        }
    }

    /// Bytes as they are.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// One thing: its fields as lines, or as a document.
    pub fn one(&self, kind: &'static str, fields: Map<String, Value>) -> io::Result<()> {
        match self.form {
            Form::Json => self.line(&serde_json::to_string_pretty(&named(kind, fields))?),
            Form::Jsonl => self.line(&serde_json::to_string(&named(kind, fields))?),
            Form::Yaml => self.text(&yaml(&named(kind, fields))),
            Form::Name => self.line(&fields.values().next().map(plain).unwrap_or_default()),
            Form::Table | Form::Wide => {
                let width = fields.keys().map(String::len).max().unwrap_or_default();
                for (name, value) in fields.iter().filter(|(_, value)| !is_nothing(value)) {
                    match self.is_terminal {
                        true => self.line(&format!("{name:width$}  {}", plain(value)))?,
                        false => self.line(&format!("{name}\t{}", plain(value)))?,
                    }
                }
                Ok(())
            }
        }
    }

    /// Many things.
    pub fn many(&self, kind: &'static str, table: &Table) -> io::Result<()> {
        match self.form {
            Form::Json => self.line(&serde_json::to_string_pretty(&listed(kind, table))?),
            Form::Yaml => self.text(&yaml(&listed(kind, table))),
            Form::Jsonl => {
                table.rows.iter().try_for_each(|row| self.line(&Value::Object(record(&table.columns, row)).to_string()))
            }
            Form::Name => table.rows.iter().try_for_each(|row| self.line(&row.first().map(plain).unwrap_or_default())),
            Form::Table => self.grid(table, table.wide_from),
            Form::Wide => self.grid(table, table.columns.len()),
        }
    }

    /// One line of the answer.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.raw(format!("{text}\n").as_bytes())
    }

    fn text(&self, text: &str) -> io::Result<()> {
        self.raw(text.as_bytes())
    }

    fn grid(&self, table: &Table, columns: usize) -> io::Result<()> {
        let rows: Vec<Vec<String>> =
            table.rows.iter().map(|row| row.iter().take(columns).map(plain).collect()).collect();
        if !self.is_terminal {
            return rows.iter().try_for_each(|row| self.line(&row.join("\t")));
        }
        let head: Vec<String> = table.columns.iter().take(columns).map(|name| name.to_uppercase()).collect();
        let width = |at: usize| rows.iter().chain([&head]).map(|row| row[at].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in std::iter::once(&head).chain(&rows) {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            self.line(cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn named(kind: &'static str, fields: Map<String, Value>) -> Value {
    let mut all =
        Map::from_iter([("apiVersion".to_owned(), Value::from(API_VERSION)), ("kind".to_owned(), Value::from(kind))]);
    all.extend(fields);
    Value::Object(all)
}

fn listed(kind: &'static str, table: &Table) -> Value {
    let items = table.rows.iter().map(|row| Value::Object(record(&table.columns, row)));
    named(kind, Map::from_iter([("items".to_owned(), items.collect())]))
}

fn record(columns: &[&'static str], row: &[Value]) -> Map<String, Value> {
    columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn yaml(value: &Value) -> String {
    serde_norway::to_string(value).expect("any JSON value can be written as YAML")
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => false,
    }
}

/// A value in one cell. Control characters are escaped: some of it was written by strangers.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(",")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Text without control characters, for terminals.
pub fn printable(text: &str) -> String {
    let shown = text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_never_controls_the_terminal() {
        assert_eq!(plain(&Value::from("a\u{1b}[31m\nb")), r"a\u{1b}[31m\nb");
        assert_eq!(plain(&serde_json::json!(["a", 1])), "a,1");
        assert_eq!(plain(&Value::Null), "");
    }
}
