//! Ages a vault: makes backups under a clock that is told, for `bench/time.mjs`.
//!
//! `ager ROOT VAULT KEY_FILE` reads a line `TYPE MILLISECONDS` for each backup, and answers each with the backup's name.

use std::io::{BufRead, Write};
use std::path::Path;

use lifeboat_engine::config::Size;
use lifeboat_engine::report::{BackupOptions, BackupType};
use lifeboat_engine::{Config, Control, Engine};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, vault, key_file] = arguments.as_slice() else { return Err("ager ROOT VAULT KEY_FILE".into()) };
    let config = Config { backup_dir: vault.into(), max_local_storage: Size(1_000_000_000_000), ..Config::default() };
    let config = config.resolved(Path::new(root))?;
    Engine::new(config.clone()).init(Some(Path::new(key_file)))?;
    let engine = Engine::new(Config { key_file: Some(key_file.into()), ..config });
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (kind, millis) = line.split_once(' ').ok_or("a line is TYPE MILLISECONDS")?;
        let (kind, now) = (kind.parse::<BackupType>()?, millis.parse::<i64>()?);
        let control = Control::silent().with_clock(move || now);
        let result = engine.create_backup(kind, &BackupOptions::default(), &control)?;
        println!("{}", result.backup);
        std::io::stdout().flush()?;
    }
    Ok(())
}
