//! `versions` and `diff`: what people read, and the JSON that scripts read.

use std::fs;

use rusqlite::Connection;

use crate::bot::{Bot, document, texts};

#[test]
fn versions_of_a_file_as_a_table_and_as_json() {
    let bot = Bot::new();
    bot.backup();
    let second = bot.backup();
    bot.write("config.json", "{}");
    let third = bot.backup();
    fs::remove_file(bot.root().join("config.json")).unwrap();
    let gone = bot.backup();

    let (out, _) = texts(&mut bot.lifeboat(["versions", "./config.json"]), 0);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[1].contains("2 B") && lines[1].contains(&third) && lines[1].contains(&format!("gone in {gone}")));
    assert!(lines[2].contains("41 B") && lines[2].contains(&second));

    let versions = document(&mut bot.lifeboat(["versions", "config.json", "--json"]), 0);
    assert_eq!(versions[0]["backup"], third);
    assert_eq!(versions[0]["goneIn"], gone);
    assert_eq!(versions[1]["backups"], 2);
    assert_eq!(versions[1]["path"], "config.json");

    let error = document(&mut bot.lifeboat(["versions", "confg.json", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_NOT_FOUND");
    assert!(error["error"]["message"].as_str().unwrap().contains("No backup has \"confg.json\". The nearest"));
}

#[test]
fn a_difference_is_a_list_of_paths_and_the_rows_of_tables() {
    let bot = Bot::new();
    let first = bot.backup();
    let (out, _) = texts(&mut bot.lifeboat(["diff", "latest"]), 0);
    assert!(out.contains(&format!("{first} → the root as it is now: nothing differs in ")), "{out}");

    bot.write("config.json", "{}");
    bot.write("uploads/new\u{1b}[2J.jpg", "x");
    fs::remove_file(bot.root().join("sessions/main/pre-key-3.json")).unwrap();
    let db = Connection::open(bot.root().join("database.sqlite")).unwrap();
    db.execute_batch(
        "UPDATE saldo SET amount = 0 WHERE id <= 12; INSERT INTO saldo (amount) VALUES (1), (2), (3);
         CREATE TABLE voucher (kode TEXT)",
    )
    .unwrap();
    drop(db);
    let second = bot.backup();
    for arguments in [["diff", &first, &second], ["diff", &first, "latest"], ["diff", &first, "--vault=backups"]] {
        let (out, _) = texts(&mut bot.lifeboat(arguments), 0);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(
            lines[..6],
            [
                "~ config.json  41 B → 2 B",
                "~ database.sqlite  16.4 kB → 20.5 kB",
                "    saldo: 3 rows added, 12 changed",
                "    voucher: new",
                "- sessions/main/pre-key-3.json  11 B",
                r"+ $'uploads/new\033[2J.jpg'  1 B",
            ],
            "{out}"
        );
        assert!(lines[7].contains(": 1 added, 1 removed, 2 changed in "), "{out}");
    }

    let report = document(&mut bot.lifeboat(["diff", &first, &second, "--json"]), 0);
    assert_eq!((&report["from"], &report["to"]), (&first.into(), &second.clone().into()));
    let database = report["changed"].as_array().unwrap().iter().find(|one| one["path"] == "database.sqlite").unwrap();
    assert_eq!(database["tables"][0]["table"], "saldo");
    assert_eq!(database["tables"][0]["added"], 3);
    assert_eq!(database["metadataOnly"], false);
    let report = document(&mut bot.lifeboat(["diff", &second, "--json"]), 0);
    assert!(report["to"].is_null() && report["unchanged"].as_u64().unwrap() > 20, "{report}");
}

#[test]
fn a_comparison_leaves_nothing_behind() {
    let bot = Bot::new();
    let first = bot.backup();
    let db = Connection::open(bot.root().join("database.sqlite")).unwrap();
    db.execute_batch("DELETE FROM saldo").unwrap();
    bot.backup();
    let temporary = bot.beside("tmp");
    fs::create_dir(&temporary).unwrap();
    for arguments in [["diff", &first, "latest"], ["diff", &first, "--json"]] {
        texts(bot.lifeboat(arguments).env("TMPDIR", &temporary), 0);
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    }
    // Where it has no room, the rest of the comparison stands.
    let report = document(bot.lifeboat(["diff", &first, "latest", "--json"]).env("TMPDIR", bot.beside("none")), 0);
    let note = report["changed"][0]["note"].as_str().unwrap();
    assert!(note.contains("a temporary file cannot be made"), "{note}");
}

/// The databases of an encrypted vault lie in the clear for a moment: not where anybody, or a crash, finds them.
#[cfg(unix)]
#[test]
fn a_comparison_that_is_killed_leaves_no_content_behind() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let bot = Bot::new();
    let db = Connection::open(bot.root().join("database.sqlite")).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 600000)";
    db.execute_batch(&format!("INSERT INTO saldo {rows} SELECT i, i FROM n")).unwrap();
    let first = bot.backup();
    db.execute_batch("UPDATE saldo SET amount = -amount").unwrap();
    let temporary = bot.beside("tmp");
    fs::create_dir(&temporary).unwrap();
    let content = || -> u64 {
        let folders = fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path());
        let files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        files.map(|file| file.unwrap().metadata().map_or(0, |metadata| metadata.len())).sum()
    };
    let mut command = bot.process(["diff", &first, "--json"], true);
    let command = command.env("TMPDIR", &temporary).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let progress = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let compares = |line: &String| line.contains("comparing") && line.contains("database.sqlite");
    assert!(progress.take_while(|_| content() == 0).any(|line| compares(&line)));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert_eq!(content(), 0);
}

#[test]
fn a_difference_is_no_longer_than_a_screen_can_hold() {
    let bot = Bot::new();
    bot.backup();
    fs::create_dir(bot.root().join("many")).unwrap();
    (0..500).for_each(|number| bot.write(&format!("many/{number}.txt"), "x"));
    let (out, _) = texts(&mut bot.lifeboat(["diff", "latest"]), 0);
    assert!(out.lines().count() < 130 && out.contains("and 381 more: see --json"), "{out}");
    let all = document(&mut bot.lifeboat(["diff", "latest", "--json"]), 0);
    assert_eq!(all["added"].as_array().unwrap().len(), 501);
}

#[test]
fn a_folder_that_differs_in_more_than_its_time_is_told_with_what_differs() {
    use std::os::unix::fs::PermissionsExt;
    let bot = Bot::new();
    bot.backup();
    fs::set_permissions(bot.root().join("uploads"), fs::Permissions::from_mode(0o700)).unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["diff", "latest"]), 0);
    assert!(out.starts_with("~ uploads/  only its mode\n"), "{out}");
    let report = document(&mut bot.lifeboat(["diff", "latest", "--json"]), 0);
    assert_eq!(report["changed"][0]["besides"], serde_json::json!(["mode"]));
}
