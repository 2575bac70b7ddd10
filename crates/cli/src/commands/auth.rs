//! `lifeboat auth gdrive`: an owner signs in to Google Drive.

use std::io::{self, BufRead, Write};

use clap::{Args, ValueEnum};
use lifeboat_engine::store::{self, Fault, Kind, Person, SignInPrompt, Way};
use lifeboat_engine::{Control, Result};

use crate::output::{Output, escaped, size};
use crate::session::Session;
use crate::{engine, exit, interrupt};

#[derive(Debug, Args)]
pub struct AuthArgs {
    /// The service to sign in to.
    #[arg(value_enum)]
    pub service: Service,
    /// The `name` of the target in the configuration [default: the first Google Drive there].
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Use a browser on this machine. The client id must be of the type "Desktop app".
    #[arg(long, conflicts_with = "paste")]
    pub browser: bool,
    /// Use a browser on another machine, and paste the last address that it shows. The client id must be of the type "Desktop app".
    #[arg(long)]
    pub paste: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Service {
    /// Google Drive
    Gdrive,
}

pub fn run(args: &AuthArgs, session: &Session) -> Result<u8> {
    let Service::Gdrive = args.service;
    let way = match (args.browser, args.paste) {
        (true, _) => Way::Browser,
        (_, true) => Way::Paste,
        _ => Way::Code,
    };
    let control = Control::silent();
    let _watch = interrupt::watch(&control);
    let person = Terminal { way, output: &session.output, control: &control };
    let authorized = engine::of(session.config()?).authorize_drive(args.target.as_deref(), &person)?;
    session.output.result(&authorized, |out| {
        write!(out, "Signed in to the Google Drive of {}.", escaped(&authorized.account))?;
        match authorized.free {
            Some(free) => writeln!(out, " {} are free there.", size(free)),
            None => writeln!(out),
        }
    })?;
    Ok(exit::DONE)
}

/// Whoever sits at this terminal.
pub struct Terminal<'a> {
    way: Way,
    output: &'a Output,
    control: &'a Control,
}

impl<'a> Terminal<'a> {
    /// Who signs in by a code on a phone.
    pub fn by_code(output: &'a Output, control: &'a Control) -> Terminal<'a> {
        Terminal { way: Way::Code, output, control }
    }
}

impl Person for Terminal<'_> {
    fn way(&self) -> Way {
        self.way
    }

    /// To stderr, also with `--quiet`: nothing happens before somebody has seen it.
    fn show(&self, ask: &SignInPrompt) {
        let mut err = io::stderr().lock();
        // Where nobody reads it, nobody signs in, and it ends by itself.
        let _ = match self.output.is_json() {
            true => writeln!(err, "{}", serde_json::json!({ "ask": ask })),
            false => writeln!(err, "{}", in_words(self.way, ask)),
        };
    }

    fn paste(&self) -> store::Result<String> {
        let ask = || -> io::Result<String> {
            eprint!("Its address: ");
            let mut pasted = String::new();
            io::stdin().lock().read_line(&mut pasted)?;
            Ok(pasted)
        };
        ask().map_err(|error| Fault::new(Kind::Refused, "gdrive", format!("Nothing could be read: {error}.")))
    }

    fn has_left(&self) -> bool {
        self.control.is_cancelled()
    }
}

fn in_words(way: Way, ask: &SignInPrompt) -> String {
    let url = escaped(&ask.url);
    match way {
        Way::Code => {
            let minutes = (ask.expires_at - jiff::Timestamp::now().as_millisecond()) / 60_000;
            let code = escaped(&ask.code);
            format!(
                "On a phone or any computer open  {url}\nand type there                   {code}\nThe code is good for {minutes} minutes. Waiting …"
            )
        }
        Way::Browser => format!("Open this in a browser on this machine:\n{url}"),
        Way::Paste => format!(
            "Open this in a browser:\n{url}\nThe last page does not open. That is right: copy the address of that \
             page."
        ),
    }
}
