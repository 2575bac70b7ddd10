//! A year of hourly backups under a clock of our own, made by two apps on one vault, one of them a cluster of four: daylight
//! saving both ways, outages, a clock that jumps. At every step exactly those backups exist that the rules promise, each is
//! made by one of the five processes, each app hears of it once, and what is kept comes back as it was.
//!
//! The rules are written down here once more, from their description and not from the engine: [`Model`] knows nothing of
//! cron patterns, time zones or verdicts, only hours, and the two nights on which Berlin's clocks change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lifeboat_engine::config::ScheduleConfig;
use lifeboat_engine::report::*;
use lifeboat_engine::watch::{EventClaim, EventConsumer, NextLook, Watch};
use lifeboat_engine::{Control, Engine};

use crate::support::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Wednesday, 2025-01-01, 00:00 UTC.
const NEW_YEAR: i64 = 1_735_689_600_000;
/// 2025-03-30, 01:00 UTC: in Berlin 02:00 becomes 03:00.
const SPRING: i64 = NEW_YEAR + 88 * DAY + HOUR;
/// 2025-10-26, 01:00 UTC: in Berlin 03:00 becomes 02:00.
const AUTUMN: i64 = NEW_YEAR + 298 * DAY + HOUR;

/// Nothing runs from the first to the second of these: minutes, hours, days; over Sundays, month ends, the spring night.
const OUTAGES: [(i64, i64); 6] = [
    (NEW_YEAR + 10 * DAY + 5 * HOUR + 60_000, NEW_YEAR + 10 * DAY + 5 * HOUR + 1_200_000),
    (NEW_YEAR + 30 * DAY + 20 * HOUR + 1, NEW_YEAR + 31 * DAY + 9 * HOUR + 1_800_000),
    (SPRING - 30 * 60_000, SPRING + 30 * 60_000),
    (NEW_YEAR + 150 * DAY + 7, NEW_YEAR + 163 * DAY + 123_456),
    (NEW_YEAR + 200 * DAY + 13 * HOUR + 1, NEW_YEAR + 200 * DAY + 16 * HOUR + 999),
    (NEW_YEAR + 320 * DAY + 1, NEW_YEAR + 321 * DAY + HOUR / 2),
];
/// Then the clock is put back, by so much: an afternoon comes twice.
const JUMP: (i64, i64) = (NEW_YEAR + 250 * DAY + 15 * HOUR + HOUR / 2, 3 * HOUR);

/// What the rules say, told in hours.
#[derive(Default)]
struct Model {
    made: Vec<Made>,
}

#[derive(Clone)]
struct Made {
    name: String,
    at: i64,
    counts_for: Vec<BackupType>,
    pinned: bool,
}

impl Model {
    /// The types that are due in (`from`, `to`]; HOURLY is every `step` hours.
    fn due(from: i64, to: i64, step: i64) -> BTreeSet<BackupType> {
        let mut due = BTreeSet::new();
        let mut hour = from.div_euclid(HOUR) * HOUR + HOUR;
        while hour <= to {
            let is_summer = (SPRING..AUTUMN).contains(&hour);
            let wall = hour + if is_summer { 2 } else { 1 } * HOUR;
            let (days, of_day) = ((wall - NEW_YEAR).div_euclid(DAY), wall.rem_euclid(DAY) / HOUR);
            // The hour that comes twice in autumn is over already when it comes again.
            if hour != AUTUMN {
                if of_day % step == 0 {
                    due.insert(BackupType::Hourly);
                }
                // In spring there is no two o'clock: it is made good at three.
                if of_day == 2 || hour == SPRING {
                    due.insert(BackupType::Daily);
                }
            }
            // 1 January was a Wednesday.
            if of_day == 3 && (days + 3) % 7 == 0 && hour != AUTUMN {
                due.insert(BackupType::Weekly);
            }
            if of_day == 4 && FIRSTS.contains(&days) {
                due.insert(BackupType::Monthly);
            }
            hour += HOUR;
        }
        due
    }

    /// The names of those that are there after a pruning.
    fn kept(&self, now: i64) -> BTreeSet<String> {
        let mut sorted: Vec<&Made> = self.made.iter().collect();
        sorted.sort_by_key(|made| -made.at);
        let (ahead, past): (Vec<&Made>, Vec<&Made>) = sorted.into_iter().partition(|made| made.at > now + 600_000);
        let mut kept: BTreeSet<String> = ahead.iter().map(|made| made.name.clone()).collect();
        for (kind, keep) in
            [(BackupType::Hourly, 24), (BackupType::Daily, 7), (BackupType::Weekly, 4), (BackupType::Monthly, 12)]
        {
            let of_kind = past.iter().filter(|made| made.counts_for.contains(&kind));
            kept.extend(of_kind.take(keep).map(|made| made.name.clone()));
        }
        let manual: Vec<_> = past.iter().filter(|made| made.counts_for == [BackupType::Manual]).collect();
        kept.extend(manual.iter().take(10).map(|made| made.name.clone()));
        kept.extend(manual.iter().filter(|made| now - made.at < 7 * DAY).map(|made| made.name.clone()));
        kept.extend(past.iter().filter(|made| made.pinned).map(|made| made.name.clone()));
        kept.extend(past.first().map(|made| made.name.clone()));
        kept
    }
}

/// The first days of the months of 2025, as days since New Year, and of the January that follows.
const FIRSTS: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/// The world: a root that changes, what it was like at each backup, and a clock.
struct World {
    bot: Bot,
    clock: Arc<AtomicI64>,
    model: Model,
    states: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    root: BTreeMap<String, Vec<u8>>,
    random: u64,
}

impl World {
    fn new() -> World {
        let mut bot = Bot::empty();
        bot.config.timezone = Some("Europe/Berlin".into());
        bot.config.worker.threads = 1;
        // What looks after the backups is tested elsewhere; here it is due in 2028.
        bot.config.monitor.verify_cron = Some("0 0 29 2 *".into());
        // What it costs to write an archive each week is measured elsewhere.
        let no_archive = ScheduleConfig { archive: Some(false), ..Default::default() };
        bot.config.schedules.insert(BackupType::Weekly, no_archive);
        let (clock, model) = (Arc::new(AtomicI64::new(NEW_YEAR + 60_000)), Model::default());
        World { bot, clock, model, states: BTreeMap::new(), root: BTreeMap::new(), random: seed() }
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    fn control(&self) -> Control {
        let clock = self.clock.clone();
        Control::silent().with_clock(move || clock.load(Ordering::Relaxed))
    }

    fn engine(&self) -> Engine {
        self.bot.engine().for_host()
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.random >> 33) % limit
    }

    /// A few files are written, grow, and vanish.
    fn live(&mut self) {
        let path = format!("database/{}.json", self.below(12));
        let content = format!("{{\"now\":{},\"x\":{}}}", self.now(), self.below(1 << 40)).into_bytes();
        self.put(&path, content);
        if self.below(8) == 0 {
            let (path, seed) = (format!("uploads/{}.jpg", self.below(6)), self.below(1 << 40));
            let size = 1000 + self.below(40_000) as usize;
            self.put(&path, noise(size, seed));
        }
        if self.below(20) == 0
            && let Some(path) = self.root.keys().next_back().cloned()
        {
            fs::remove_file(self.bot.path(&path)).unwrap();
            self.root.remove(&path);
        }
    }

    fn put(&mut self, path: &str, content: Vec<u8>) {
        self.bot.write(path, &content);
        self.root.insert(path.into(), content);
    }

    fn made(&mut self, result: BackupResult, covers: &[BackupType]) {
        assert_eq!(result.warnings, []);
        assert_eq!(result.suspicious, None, "an ordinary day is no alarm");
        let counts_for = covers.iter().copied().chain([result.kind]).collect();
        self.states.insert(result.backup.clone(), self.root.clone());
        // Where an hour comes twice, its second backup takes the next name that is free.
        let at = self.now() + i64::from(result.backup.ends_with("001Z"));
        self.model.made.push(Made { name: result.backup, at, counts_for, pinned: false });
    }

    /// What there is is what there should be.
    fn check(&mut self) {
        let infos = self.engine().list_backups(&ListFilter::default()).unwrap();
        let there: BTreeSet<String> = infos.into_iter().map(|info| info.backup).collect();
        let expected = self.model.kept(self.now());
        assert_eq!(there, expected, "at {}", self.now());
        self.model.made.retain(|made| expected.contains(&made.name));
        self.states.retain(|name, _| expected.contains(name));
    }

    fn restores(&self, name: &str) {
        let folder = self.bot.restore(name);
        let mut found = BTreeMap::new();
        for (path, seen) in tree(&folder) {
            if seen.content.is_some() {
                found.insert(path.to_str().unwrap().to_owned(), fs::read(folder.join(&path)).unwrap());
            }
        }
        assert!(found == self.states[name], "{name} came back as something else");
        fs::remove_dir_all(folder).unwrap();
    }

    fn look(&self) -> NextLook {
        let look = Watch::new(&self.bot.config).look(Some("UTC"), self.now(), self.now()).unwrap();
        assert!(look.untold.is_empty());
        look
    }

    /// The next time at which something is to be made, leaving inspections out.
    fn wake(&self) -> i64 {
        self.look().wake.unwrap()
    }

    /// All of them ask whether a backup is due; now and then at the very same moment.
    fn run_due(&self, together: bool) -> Vec<BackupResult> {
        let ask = || self.engine().run_due(Some("UTC"), &self.control()).unwrap();
        match together {
            false => PROCESSES.iter().filter_map(|_| ask()).collect(),
            true => std::thread::scope(|scope| {
                let asked: Vec<_> = PROCESSES.iter().map(|_| scope.spawn(ask)).collect();
                asked.into_iter().filter_map(|one| one.join().unwrap()).collect()
            }),
        }
    }

    fn claim(&self, app: &str, process: &str) -> Vec<EventClaim> {
        let consumer = |event: &str| EventConsumer { name: format!("{app}/{event}/0"), event: event.into(), since: 0 };
        let consumers = ["backup:success", "backup:degraded", "backup:failure", "backup:stale"].map(consumer);
        Watch::new(&self.bot.config).claim(&consumers, process, self.now()).unwrap().claims
    }

    /// What each app hears of, by its name: one process after the other looks, and takes what there is.
    fn heard(&self) -> BTreeMap<&'static str, Vec<String>> {
        let watch = Watch::new(&self.bot.config);
        let mut heard: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (app, process) in PROCESSES {
            for claim in self.claim(app, process) {
                watch.take(claim.event.id, Some(&claim.consumer), self.now()).unwrap();
                let what = claim.event.value["backup"].as_str().unwrap_or(&claim.event.event);
                heard.entry(app).or_default().push(what.to_owned());
            }
        }
        heard
    }
}

/// An app with four processes, and another one.
const PROCESSES: [(&str, &str); 5] = [("bot", "1"), ("bot", "2"), ("bot", "3"), ("bot", "4"), ("shop", "5")];

fn seed() -> u64 {
    let seed = std::env::var("LIFEBOAT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2025);
    println!("LIFEBOAT_SEED={seed}");
    seed
}

#[test]
fn a_year() {
    // Hour by hour it takes five minutes and more. Most of what a year has lies in its days and nights.
    let is_torture = std::env::var_os("LIFEBOAT_TORTURE").is_some();
    let step = if is_torture { 1 } else { 12 };
    let mut world = World::new();
    let every = ScheduleConfig { cron: Some(format!("0 */{step} * * *")), ..Default::default() };
    world.bot.config.schedules.insert(BackupType::Hourly, every);
    world.live();
    let first = world.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &world.control()).unwrap();
    world.made(first, &[]);
    // Both apps listen before anything is taken, and one process of each is at it.
    let claims = PROCESSES.map(|(app, process)| world.claim(app, process).len());
    assert_eq!(claims, [1, 0, 0, 0, 1]);
    assert_eq!(world.heard().len(), 2);
    let mut seen_to = world.now();
    let mut outages = OUTAGES.iter().peekable();
    let mut jump = Some(JUMP);
    let (mut runs, mut restores) = (0u32, 0u32);
    loop {
        let mut next = world.wake();
        let mut now = next;
        let mut comes_back = false;
        if let Some((_, end)) = outages.next_if(|(start, _)| next > *start) {
            // It comes back, and knows only what is in the vault.
            now = next.max(*end);
            next = now;
            comes_back = true;
        } else if let Some((at, back)) = jump.filter(|(at, _)| next > *at) {
            jump = None;
            world.clock.store(at - back, Ordering::Relaxed);
            assert!(world.look().backup.is_none(), "nothing runs because a clock was put back");
            (seen_to, next) = (world.now(), world.wake());
            now = next;
        }
        if next >= NEW_YEAR + 366 * DAY {
            break;
        }
        world.clock.store(now, Ordering::Relaxed);
        let mut expected: Vec<BackupType> = Model::due(seen_to, now, step).into_iter().collect();
        let largest = expected.pop();
        let late = now - seen_to;
        seen_to = now;
        assert_eq!(world.look().backup.is_some(), largest.is_some(), "at {now}");
        let Some(largest) = largest else { continue };

        world.live();
        let mut made = world.run_due(runs.is_multiple_of(10));
        let result = made.pop().unwrap();
        assert_eq!((result.kind, made.len()), (largest, 0), "at {now}");
        let filter = HistoryFilter { operation: Some("BACKUP".into()), limit: Some(1), ..Default::default() };
        assert_eq!(world.engine().history(&filter).unwrap()[0].covers, expected, "at {now}");
        // Where it comes back after more than a day, that is told first.
        let mut heard = world.heard();
        if comes_back && late > 26 * HOUR {
            assert!(heard.values().all(|heard| heard.contains(&"backup:stale".to_owned())), "{heard:?}");
            heard.values_mut().for_each(|heard| heard.retain(|one| one != "backup:stale"));
        }
        let news = vec![result.backup.clone()];
        assert_eq!(heard, [("bot", news.clone()), ("shop", news)].into(), "at {now}");
        world.made(result, &expected);
        runs += 1;
        world.check();
        if runs.is_multiple_of(200) {
            world.clock.fetch_add(60_000, Ordering::Relaxed);
            world.live();
            let manual = world.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &world.control());
            world.made(manual.unwrap(), &[]);
            world.heard();
            world.check_after_manual();
        }
        if i64::from(runs) == 3_000 / step {
            let name = world.model.made.last().unwrap().name.clone();
            world.engine().pin(&name, true).unwrap();
            world.model.made.last_mut().unwrap().pinned = true;
        }
        // One of them each time, and all of them now and then.
        let names: Vec<String> = world.states.keys().cloned().collect();
        let chosen = world.below(names.len() as u64) as usize;
        if is_torture || runs.is_multiple_of(20) {
            world.restores(&names[chosen]);
            restores += 1;
        }
        if i64::from(runs) % (3_000 / step) == 0 {
            names.iter().for_each(|name| world.restores(name));
            restores += names.len() as u32;
        }
    }
    assert!(world.bot.verify(true).ok);
    world.states.keys().for_each(|name| world.restores(name));
    restores += world.states.len() as u32;
    println!("{runs} runs, {restores} restores, {} backups are left", world.states.len());
    assert!(i64::from(runs) > 8_000 / step);
    assert!(outages.peek().is_none() && jump.is_none());
}

impl World {
    /// Nothing goes because of a backup by hand.
    fn check_after_manual(&self) {
        let names = self.engine().list_backups(&ListFilter::default()).unwrap().len();
        assert_eq!(names, self.model.made.len());
    }
}
