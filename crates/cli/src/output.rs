//! What people and scripts see: with `--json` exactly one document on stdout, else tables and sentences.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};
use console::style;
use indicatif::HumanCount;
use lifeboat_engine::report::Warning;
pub use lifeboat_engine::space::said as size;
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::{Error, Result};
use serde::Serialize;

use crate::args::Global;
use crate::progress::{self, Relay};
use crate::shell;

/// So many warnings fit on a screen.
const SHOWN: usize = 20;

/// How this run speaks.
#[derive(Clone, Copy)]
pub struct Output {
    json: bool,
    quiet: bool,
}

/// What `--json` prints instead of a result.
#[derive(Serialize)]
pub struct ErrorDocument {
    pub error: Failure,
}

impl Output {
    pub fn new(global: &Global) -> Output {
        Output { json: global.json, quiet: global.quiet }
    }

    /// Is it read by a program?
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// May a person be asked something?
    pub fn may_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Does a person watch, who wants to be told how it goes?
    pub fn has_person(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Is the result read on a screen?
    pub fn is_on_screen(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Who watches an operation's progress.
    pub fn progress(&self) -> Relay {
        if self.has_person() {
            progress::bar()
        } else if self.json && !self.quiet {
            progress::json_lines()
        } else {
            Relay::silent()
        }
    }

    /// Prints a result, as its JSON or as `human` writes it.
    pub fn result<T: Serialize + ?Sized>(
        &self,
        result: &T,
        human: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = if self.json {
            write_json(&mut out, result)
        } else if self.quiet {
            Ok(())
        } else {
            human(&mut out)
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("writing", "stdout", error)),
            // `lifeboat items … | head` has seen enough.
            _ => Ok(()),
        }
    }

    /// A bad result, for `--quiet`: there the result itself is not printed, but this is an error to its reader.
    pub fn alarm(&self, message: &str) {
        if self.quiet && !self.json {
            let _ = writeln!(io::stderr(), "{} {message}", style("lifeboat:").for_stderr().red().bold());
        }
    }

    /// The same, with what it is about: the first of these.
    pub fn alarms(&self, message: &str, warnings: &[Warning]) {
        self.alarm(message);
        for warning in warnings.iter().take(SHOWN) {
            self.alarm(&told(warning));
        }
        if warnings.len() > SHOWN {
            self.alarm(&format!("and {} more warnings: see `lifeboat history --json`", warnings.len() - SHOWN));
        }
    }

    /// Something beside the result that a person should know.
    pub fn remark(&self, message: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(io::stderr(), "{} {message}", style("lifeboat:").for_stderr().yellow());
        }
    }

    /// Asks a person yes or no; `E_ABORTED` where it is not yes.
    pub fn ask(&self, question: &str) -> Result<()> {
        let ask = || -> io::Result<bool> {
            let mut err = io::stderr().lock();
            write!(err, "{question} [y/N] ")?;
            err.flush()?;
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer)?;
            Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
        };
        match ask().map_err(|error| Error::io("asking at", "the terminal", error))? {
            true => Ok(()),
            false => Err(Error::Aborted),
        }
    }

    pub fn error(&self, error: &Error) {
        if self.json {
            print_json(&ErrorDocument { error: Failure::from(error) });
        } else {
            let _ = io::stderr().write_all(error_text(error).as_bytes());
        }
    }
}

fn error_text(error: &Error) -> String {
    let message = error.to_string();
    let mut text =
        format!("{} {} ({})\n", style("lifeboat:").for_stderr().red().bold(), in_person(&message), error.code());
    let mut cause = error.source();
    while let Some(inner) = cause {
        let reason = inner.to_string();
        if !message.contains(&reason) {
            let _ = writeln!(text, "  because: {}", in_person(&reason));
        }
        cause = inner.source();
    }
    text
}

/// Prints one document. Whoever closed stdout does not want it: that is no error.
pub fn print_json<T: Serialize + ?Sized>(document: &T) {
    let mut out = io::stdout().lock();
    let _ = write_json(&mut out, document).and_then(|()| out.flush());
}

fn write_json<T: Serialize + ?Sized>(out: &mut impl Write, document: &T) -> io::Result<()> {
    if io::stdout().is_terminal() {
        serde_json::to_writer_pretty(&mut *out, document)?;
    } else {
        serde_json::to_writer(&mut *out, document)?;
    }
    out.write_all(b"\n")
}

/// "1 item", "8,000 items".
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(number), if number == 1 { one } else { many })
}

/// "2.5 : 1": how much data lies in how few stored bytes. Nothing where that says nothing.
pub fn ratio(data: u64, stored: u64) -> Option<String> {
    (stored > 0 && data > stored).then(|| {
        let ratio = data as f64 / stored as f64;
        if ratio < 100.0 { format!("{ratio:.1} : 1") } else { format!("{} : 1", HumanCount(ratio as u64)) }
    })
}

/// Control characters, and those that turn the direction of what follows: `gpj.exe` must not be shown as `exe.jpg`.
pub fn is_hidden(char: char) -> bool {
    char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Names come from files, and files may have control characters in their names: those must not reach a terminal.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if is_hidden(char) {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out.into()
}

/// A message of the engine as a person at this terminal reads it.
pub fn in_person(message: &str) -> String {
    escaped(&shell::for_here(message)).into_owned()
}

/// A table without lines, which a person reads and `awk` too. `numbers` are the columns that stand to the right.
pub fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>, numbers: &[usize]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines = table.lines();
    // Coloured after it was measured: the table would count the colour as width.
    let head = lines.next().unwrap_or_default();
    let text = format!("{}\n", style(head.trim_end()).dim());
    lines.fold(text, |text, line| text + line.trim_end() + "\n")
}

/// With what it is about, where it is about a path.
fn told(warning: &Warning) -> String {
    let message = in_person(&warning.message);
    if warning.path.is_empty() { message } else { format!("{}: {message}", escaped(&warning.path)) }
}

/// The warnings of an operation: all that fit on a screen.
pub fn warnings(out: &mut dyn Write, warnings: &[Warning]) -> io::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {} {}:", style("!").yellow().bold(), count(warnings.len() as u64, "warning", "warnings"))?;
    for warning in warnings.iter().take(SHOWN) {
        writeln!(out, "    {}", told(warning))?;
    }
    if warnings.len() > SHOWN {
        writeln!(out, "    and {} more: see --json", warnings.len() - SHOWN)?;
    }
    Ok(())
}

/// What is worth knowing, and no fault.
pub fn notes(out: &mut dyn Write, notes: &[Warning]) -> io::Result<()> {
    for note in notes.iter().take(SHOWN) {
        writeln!(out, "  note: {}", told(note))?;
    }
    match notes.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: see --json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_ratios_read_well() {
        assert_eq!(count(1, "item", "items"), "1 item");
        assert_eq!(count(8_000, "item", "items"), "8,000 items");
        assert_eq!(ratio(1000, 400).as_deref(), Some("2.5 : 1"));
        assert_eq!(ratio(12_345_000, 1000).as_deref(), Some("12,345 : 1"));
        assert_eq!(ratio(1000, 0), None);
        assert_eq!(ratio(5, 1000), None);
    }

    #[test]
    fn a_file_name_cannot_command_the_terminal() {
        assert_eq!(escaped("uploads/é.jpg"), "uploads/é.jpg");
        assert_eq!(escaped("a\nb\u{1b}[2Jc"), "a\\nb\\u{1b}[2Jc");
        assert_eq!(escaped("a\u{202e}gpj.exe\u{2066}"), "a\\u{202e}gpj.exe\\u{2066}");
    }

    #[test]
    fn a_table_lines_up_and_ends_its_lines_with_their_text() {
        let text = table(["NAME", "SIZE"], vec![["a".into(), "1 B".into()], ["bcdef".into(), "20 kB".into()]], &[1]);
        assert_eq!(console::strip_ansi_codes(&text), "NAME    SIZE\na        1 B\nbcdef  20 kB\n");
    }
}
