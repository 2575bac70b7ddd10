//! What `lifeboat restore` says of a session that works, and of a file that is open: and that what it prints can be typed.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::bot::{Bot, texts};

const CREDS: &str = r#"{"registered":false,"me":{"id":"62811:1@s.whatsapp.net"}}"#;

#[test]
fn a_session_that_works_is_left_alone_and_the_command_that_is_told_restores_it() {
    let bot = Bot::new();
    for folder in ["sessions/raf", "sessions/it's mine"] {
        fs::create_dir_all(bot.root().join(folder)).unwrap();
        bot.write(&format!("{folder}/creds.json"), CREDS);
        bot.write(&format!("{folder}/session-1.json"), "{\"step\":1}");
    }
    bot.backup();
    for folder in ["sessions/raf", "sessions/it's mine"] {
        bot.write(&format!("{folder}/session-1.json"), "{\"step\":20}");
    }
    let step = |folder: &str| fs::read_to_string(bot.root().join(folder).join("session-1.json")).unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["restore", "latest"]), 0);
    assert_eq!(step("sessions/raf"), "{\"step\":20}");
    let commands: Vec<&str> = out
        .lines()
        .filter(|line| line.contains("left alone"))
        .filter_map(|line| line.split("all the same: ").nth(1))
        .collect();
    assert_eq!(commands.len(), 2, "{out}");
    let way = Path::new(bot.lifeboat([]).get_program()).parent().unwrap().to_path_buf();
    let path = format!("{}:{}", way.display(), std::env::var("PATH").unwrap());
    for command in commands {
        // As somebody types it.
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", command]).current_dir(bot.root()).env("PATH", &path).env("BACKUP_KEY_FILE", bot.key_file());
        let done = shell.env_remove("BACKUP_PASSPHRASE").stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!((step("sessions/raf").as_str(), step("sessions/it's mine").as_str()), ("{\"step\":1}", "{\"step\":1}"));
}

#[test]
fn a_restore_under_an_app_that_has_a_deleted_file_open_is_no_tick_without_a_word() {
    let bot = Bot::new();
    fs::create_dir_all(bot.root().join("logs")).unwrap();
    bot.write("logs/out.log", "old\n");
    bot.backup();
    let log = fs::File::options().append(true).open(bot.root().join("logs/out.log")).unwrap();
    let mut app = std::process::Command::new("sleep").arg("60").stdout(log).spawn().unwrap();
    fs::remove_file(bot.root().join("logs/out.log")).unwrap();
    bot.write("logs/out.log", "another one, and longer\n");
    let held = fs::File::options().append(true).open(bot.root().join("logs/out.log")).unwrap();
    let mut other = std::process::Command::new("sleep").arg("60").stdout(held).spawn().unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["restore", "latest", "logs/out.log", "--no-watch"]), 0);
    for process in [&mut app, &mut other] {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    assert!(out.starts_with('!') && out.contains("Start the bot again, because logs/out.log was open"), "{out}");
}
