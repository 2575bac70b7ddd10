//! `lifeboat doctor`: every check from the root to the vault, and what mends what failed.

use std::io::{self, Write};

use console::style;
use lifeboat_engine::report::Diagnosis;
use lifeboat_engine::{Config, Error, Result};

use crate::exit;
use crate::output::in_person;
use crate::session::{Session, SessionVault};

pub fn run(session: &Session) -> Result<u8> {
    let diagnosis = match session.config() {
        Ok(_) => session.long(SessionVault::MustExist, |engine, control| engine.doctor(None, control))?,
        // Also with a configuration that is wrong there is much to look at.
        Err(error @ Error::Config { .. }) => {
            let config = Config::default().resolved(&session.root()?)?;
            session.long_with(config, |engine, control| engine.doctor(Some(&error), control))?
        }
        Err(error) => return Err(error),
    };
    session.output.result(&diagnosis, |out| show(out, &diagnosis))?;
    for check in diagnosis.checks.iter().filter(|check| !check.ok) {
        session.output.alarm(&format!("{}: {}", check.name, in_person(&check.message)));
    }
    Ok(if diagnosis.ok { exit::DONE } else { exit::FAILED })
}

fn show(out: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    for check in &diagnosis.checks {
        let mark = if check.ok { style("✓").green().bold() } else { style("✗").red().bold() };
        writeln!(out, "{mark} {:<13} {}", check.name, in_person(&check.message))?;
        if let Some(mend) = &check.mend {
            writeln!(out, "  {:<13} {}", "", style(in_person(mend)).dim())?;
        }
    }
    let failed = diagnosis.checks.iter().filter(|check| !check.ok).count();
    match failed {
        0 => writeln!(out, "\n{}", style("All is well.").green().bold()),
        some => {
            writeln!(out, "\n{}", style(format!("{some} of {} checks failed.", diagnosis.checks.len())).red().bold())
        }
    }
}
