//! What becomes of restored files while their app goes on running.
//!
//! What we wrote was proved before it was put in place; what an app writes afterwards is the app's own. It is told and kept,
//! and no failure of the restore. An app that has its files in memory writes that over what was restored: who is asked to
//! read them again says so, and over the others one watches for a while, because a restore that is undone in silence is
//! worse than one that failed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::holders::Holder;
use crate::capture::stat::{FileKind, Stat, open_file};
use crate::path::RelPath;
use crate::presence::stillness::{Stilled, Stillness};
use crate::presence::{self, Host};
use crate::report::{Progress, RestoreMode, RestorePlan, RestoreResult, Warning};
use crate::vault::durable;
use crate::vault::item::Item;
use crate::watch::Logbook;
use crate::{Control, Result};

/// The event of a host that is to read files again.
pub const RELOAD: &str = "restore:reload";
/// The event of a host that is to start again.
pub const RESTART: &str = "restore:restart";
/// For so long hosts are waited for: as long as the face waits for a listener's promise.
const PATIENCE: Duration = Duration::from_secs(60);
/// For so long hosts may take to hold still: as long as an event loop may be busy with something else.
const HUSH: Duration = Duration::from_secs(2);
/// For so long an app may take to write what it has in memory.
const WATCH: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
const GLANCE: Duration = Duration::from_millis(500);

/// A plain file that a restore puts into the root, as it will lie there.
pub struct Placed {
    pub path: RelPath,
    size: u64,
    mtime: (i64, u32),
    sha256: Option<String>,
}

impl Placed {
    pub fn of(path: &RelPath, item: &Item) -> Placed {
        Placed { path: path.clone(), size: item.size, mtime: item.mtime, sha256: item.sha256.clone() }
    }

    fn fate(&self, root: &Path) -> Fate {
        let place = self.path.under(root);
        let Ok(stat) = Stat::of(&place) else { return Fate::Overwritten };
        if stat.kind == FileKind::File && (stat.mtime, stat.size) == (self.mtime, self.size) {
            return Fate::Same;
        }
        let begins_as_restored = || {
            let (file, stat) = open_file(&place).ok()?;
            let begins = durable::sha256_of(&file, self.size).ok()?;
            Some(stat.size >= self.size && Some(begins) == self.sha256)
        };
        if begins_as_restored().unwrap_or(false) { Fate::Longer } else { Fate::Overwritten }
    }
}

/// What became of a file that was restored.
enum Fate {
    Same,
    /// A log that grows still has all that was restored.
    Longer,
    Overwritten,
}

/// The time after a restore in place.
pub struct Afterwards<'a> {
    pub vault: &'a Path,
    pub root: &'a Path,
    pub placed: Vec<Placed>,
    /// Who had files open that were replaced, or that had lost their names before.
    pub held: Vec<Holder>,
    /// An app runs, or may run.
    pub app_runs: bool,
    /// Whether to wait and see.
    pub watch: bool,
    /// The mode was left to us, so a start of the app is ours to ask for.
    pub may_restart: bool,
    pub control: &'a Control,
}

impl Afterwards<'_> {
    /// Tells the hosts, waits for those that read again, watches over the files, and puts into the result what came of it.
    pub fn run(&self, result: &mut RestoreResult, asked: Option<AskedHosts>) {
        if result.staged {
            result.advice = Some(self.ask_to_start_again());
            return;
        }
        self.look_back(result, asked);
        let open = self.told_open(result);
        result.advice = match (result.advice.take(), open) {
            // To start it again is what it would say.
            (Some(_), Some(open)) if result.overwritten.is_empty() => Some(open),
            (Some(advice), Some(open)) => Some(format!("{open} {advice}")),
            (advice, open) => open.or(advice),
        };
    }

    /// What came of it in the memory of those who run.
    fn look_back(&self, result: &mut RestoreResult, asked: Option<AskedHosts>) {
        if result.restored.is_empty() && result.plan.remove.is_empty() {
            return;
        }
        let read = asked.and_then(|asked| self.wait_for(&asked).ok()).unwrap_or_default();
        let apps: Vec<Host> = presence::processes(self.vault).into_iter().filter(Host::is_app).collect();
        let all = |read: &BTreeSet<String>| !apps.is_empty() && apps.iter().all(|app| read.contains(&app.process));
        result.reloaded_by = apps.iter().filter(|app| read.read.contains(&app.process)).map(Host::display).collect();
        let is_live = result.mode == Some(RestoreMode::Live) || self.app_runs;
        // Who has read it before anything else ran writes what was restored, and more.
        if !all(&read.at_once) {
            result.overwritten = self.overwritten(is_live && !all(&read.read) && self.watch);
        }
        result.warnings.extend(result.overwritten.iter().map(|path| Warning {
            path: path.clone(),
            message: "The app wrote it again after it was restored. The app's version is there now.".into(),
        }));
        result.advice = match (result.overwritten.is_empty(), all(&read.read)) {
            (true, true) => None,
            (true, false) => self
                .app_runs
                .then(|| "The bot keeps some of these in memory. Start it again now, before it writes.".into()),
            // It stood still until its listener began, and not until that had read everything.
            (false, true) => Some(
                "The app wrote some of these while it read them again. Check whether they are right. If not, restore \
                 them once more."
                    .into(),
            ),
            (false, false) => Some(
                "The app has overwritten some of these with old data from its memory. Stop it, restore them once \
                 more, and start it again."
                    .into(),
            ),
        };
    }

    /// Who goes on writing to files that lie nowhere any more.
    fn told_open(&self, result: &mut RestoreResult) -> Option<String> {
        // Who only wrote it at that moment has closed it by now.
        let open: Vec<&Holder> = self.held.iter().filter(|holder| holder.still_holds()).collect();
        let mut paths: Vec<String> = open.iter().map(|holder| holder.what(self.root)).collect();
        paths.sort();
        paths.dedup();
        let first = open.first()?;
        let were = match paths.len() - 1 {
            0 => "was".to_string(),
            more => format!("and {more} more were"),
        };
        let advice = format!(
            "Start the bot again, because {} {were} open: {} still writes to the old file, which no longer has a \
             name.",
            first.what(self.root),
            first.who()
        );
        result.still_open = paths;
        Some(advice)
    }

    /// What was written over; with `watch` looks again and again, and ends early where there is something to tell, or
    /// nobody wants to wait any longer.
    fn overwritten(&self, watch: bool) -> Vec<String> {
        let until = Instant::now() + WATCH;
        let mut open: Vec<&Placed> = self.placed.iter().collect();
        loop {
            let mut overwritten = Vec::new();
            open.retain(|placed| match placed.fate(self.root) {
                Fate::Same => true,
                Fate::Longer => false,
                Fate::Overwritten => {
                    overwritten.push(placed.path.display());
                    false
                }
            });
            let is_over = !watch || Instant::now() >= until || open.is_empty() || self.control.is_cancelled();
            if !overwritten.is_empty() || is_over {
                return overwritten;
            }
            self.report("watching whether the app writes over it");
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits until hosts that were asked have read again, and says which processes have.
    fn wait_for(&self, asked: &AskedHosts) -> Result<Read> {
        let logbook = Logbook::open(self.vault)?;
        let until = Instant::now() + PATIENCE;
        loop {
            let untaken: Vec<i64> = logbook.events()?.iter().map(|event| event.id).collect();
            let alive = presence::hosts(self.vault);
            let is_open = |(id, host): &&(i64, Host)| {
                untaken.contains(id) && alive.iter().any(|one| one.id == host.id) && !asked.has_failed(host)
            };
            if !asked.told.iter().any(|one| is_open(&one)) || Instant::now() >= until || self.control.is_cancelled() {
                let all = |process: &str, is: &dyn Fn(&(i64, Host)) -> bool| {
                    let mut own = asked.told.iter().filter(|(_, host)| host.process == process).peekable();
                    own.peek().is_some() && own.all(is)
                };
                let processes = |is: &dyn Fn(&(i64, Host)) -> bool| -> BTreeSet<String> {
                    let names = asked.told.iter().map(|(_, host)| host.process.clone());
                    names.filter(|process| all(process, is)).collect()
                };
                return Ok(Read {
                    read: processes(&|(id, _)| !untaken.contains(id)),
                    at_once: processes(&|(id, host)| !untaken.contains(id) && asked.has_read(host)),
                });
            }
            self.report("waiting until the app has read it again");
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks the running apps to start again, where they can be asked. What to do now.
    fn ask_to_start_again(&self) -> String {
        let apps: Vec<Host> = presence::processes(self.vault).into_iter().filter(Host::is_app).collect();
        if self.may_restart && !apps.is_empty() && apps.iter().all(|app| app.restarts) {
            let asked: Vec<Host> = presence::hosts(self.vault).into_iter().filter(|host| host.restarts).collect();
            let told = Logbook::open(self.vault).and_then(|logbook| {
                tell(&logbook, self.vault, RESTART, &asked, |host| json!({ "host": host.id }), self.control)
            });
            if told.is_ok() {
                return "The bot is starting again now, and applies the restore before it opens any file.".into();
            }
        }
        if apps.iter().any(|app| app.applies) {
            return "Start the bot again: it applies the restore before it opens any file.".into();
        }
        "Stop the bot, run `lifeboat restore --apply-pending`, and start it. A bot whose first line is `lifeboat/start` need only \
         be started again."
            .into()
    }

    fn report(&self, phase: &str) {
        self.control.report(&Progress { phase: phase.into(), ..Progress::default() });
    }
}

/// Processes by what they have read of what was restored.
#[derive(Default)]
struct Read {
    read: BTreeSet<String>,
    /// Before anything else of them ran.
    at_once: BTreeSet<String>,
}

/// Hosts that hold still while files are put in place.
pub struct Asking {
    vault: PathBuf,
    told: Vec<(i64, Host)>,
    still: Stillness,
}

impl Asking {
    /// Asks all that listen, and waits a moment until they hold still. `None`: nobody listens, or nobody can be asked.
    pub fn begin(vault: &Path, plan: &RestorePlan, control: &Control) -> Option<Asking> {
        let listening = listening(vault)?;
        let mut still = Stillness::begin(vault).ok()?;
        let told = ask_to_reload(vault, &listening, plan, still.token(), control).ok()?;
        let ids: Vec<&str> = listening.iter().map(|host| host.id.as_str()).collect();
        still.wait_for(&ids, HUSH);
        Some(Asking { vault: vault.to_path_buf(), told, still })
    }

    pub fn end(self) -> AskedHosts {
        let vault = self.vault;
        let asked = AskedHosts { told: self.told, stilled: self.still.end() };
        // Who could not stand still for so long looks again now.
        presence::ring(&vault);
        asked
    }
}

/// Hosts that were asked to read again.
pub struct AskedHosts {
    told: Vec<(i64, Host)>,
    stilled: Stilled,
}

impl AskedHosts {
    fn has_read(&self, host: &Host) -> bool {
        self.stilled.has_read(&host.id)
    }

    fn has_failed(&self, host: &Host) -> bool {
        self.stilled.has_failed(&host.id)
    }
}

fn listening(vault: &Path) -> Option<Vec<Host>> {
    let hosts: Vec<Host> = presence::hosts(vault).into_iter().filter(|host| host.reloads).collect();
    (!hosts.is_empty()).then_some(hosts)
}

fn ask_to_reload(
    vault: &Path,
    hosts: &[Host],
    plan: &RestorePlan,
    token: &str,
    control: &Control,
) -> Result<Vec<(i64, Host)>> {
    let mut paths: Vec<&String> = plan.create.iter().chain(&plan.replace).collect();
    paths.sort();
    paths.extend(&plan.remove);
    let value = |host: &Host| json!({ "host": host.id, "token": token, "paths": paths });
    tell(&Logbook::open(vault)?, vault, RELOAD, hosts, value, control)
}

/// Keeps an event for each of these hosts, wakes them, and returns what the events are known by. What was kept for hosts
/// that have gone goes: who starts now reads everything anew.
fn tell(
    logbook: &Logbook,
    vault: &Path,
    event: &str,
    hosts: &[Host],
    value: impl Fn(&Host) -> serde_json::Value,
    control: &Control,
) -> Result<Vec<(i64, Host)>> {
    let alive = presence::hosts(vault);
    for (of, old) in logbook.errands()? {
        if !alive.iter().any(|host| host.id == of) {
            logbook.acknowledge(old.id)?;
        }
    }
    let send = |host: &Host| Ok((logbook.send(&host.id, event, &value(host), control.now())?, host.clone()));
    let told = hosts.iter().map(send);
    let told = told.collect::<Result<_>>()?;
    presence::ring(vault);
    Ok(told)
}
