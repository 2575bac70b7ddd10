//! `lifeboat history`, `schedule` and `verify --part`; and what `status` says of time.

use std::fs;

use crate::bot::{Bot, document, texts};

#[test]
fn the_history_tells_what_happened_and_how_it_ended() {
    let bot = Bot::new();
    let backup = bot.backup();
    texts(&mut bot.lifeboat(["verify"]), 0);
    let (gone, vault) = (bot.root().join("gone"), bot.vault());
    let elsewhere = ["--root", gone.to_str().unwrap(), "--vault", vault.to_str().unwrap()];
    texts(bot.locked_out(["backup", "daily"]).args(elsewhere), 1);

    let (out, _) = texts(bot.locked_out(["history"]).args(elsewhere), 0);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    assert!(lines[1].contains("BACKUP DAILY") && lines[1].contains("failure") && lines[1].contains("does not exist"));
    assert!(lines[2].contains("VERIFY") && lines[2].contains("success"), "{out}");
    assert!(lines[3].contains("BACKUP MANUAL") && lines[3].contains(&backup), "{out}");

    let runs = document(bot.locked_out(["history", "--json", "--operation", "Backup"]).args(elsewhere), 0);
    assert_eq!(runs.as_array().unwrap().len(), 2);
    assert_eq!((&runs[0]["code"], &runs[1]["backup"]), (&"E_SOURCE".into(), &backup.as_str().into()));
    let none = document(bot.locked_out(["history", "--json", "--type", "weekly"]).args(elsewhere), 0);
    assert_eq!(none.as_array().unwrap().len(), 0);
    let one = document(bot.locked_out(["history", "--json", "--limit", "1"]).args(elsewhere), 0);
    assert_eq!(one.as_array().unwrap().len(), 1);
    texts(bot.locked_out(["history", "--operation", "singing"]).args(elsewhere), 2);

    let (out, _) = texts(bot.locked_out(["status"]).args(elsewhere), 0);
    assert!(out.contains("Last bad") && out.contains("DAILY"), "{out}");
    assert!(out.contains("Made by    nobody") && !out.contains("Next"), "what nobody makes does not come: {out}");
}

#[test]
fn the_schedule_says_what_is_to_come_and_a_wrong_one_is_refused() {
    let bot = Bot::new();
    let coming = document(&mut bot.lifeboat(["schedule", "--json", "--next", "30"]), 0);
    let coming = coming.as_array().unwrap();
    assert_eq!(coming.len(), 30);
    assert!(coming.iter().any(|run| run["type"] == "DAILY") && coming.iter().any(|run| run["type"] == "HOURLY"));
    let times: Vec<i64> = coming.iter().map(|run| run["at"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let (out, _) = texts(&mut bot.lifeboat(["schedule"]), 0);
    assert!(out.contains("HOURLY") && out.contains("in ") && out.contains("scheduler.start()"), "{out}");

    texts(&mut bot.lifeboat(["schedule", "--next", "0"]), 2);

    let off = ["HOURLY", "DAILY", "WEEKLY", "MONTHLY"].map(|kind| format!(r#""{kind}":{{"enabled":false}}"#)).join(",");
    fs::create_dir(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", &format!(r#"{{"schedules":{{{off}}}}}"#));
    let (out, _) = texts(&mut bot.lifeboat(["schedule"]), 0);
    assert!(out.contains("switched off"), "{out}");
    bot.write("config/backup-config.json", r#"{"schedules":{"DAILY":{"cron":"61 2 * * *"}}}"#);
    let error = document(&mut bot.lifeboat(["schedule", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_CONFIG");
    assert!(error["error"]["message"].as_str().unwrap().contains("61 2 * * *"), "{error}");
}

#[test]
fn a_part_is_read_back_and_a_restore_rehearsed() {
    let bot = Bot::new();
    bot.backup();
    let (out, _) = texts(&mut bot.lifeboat(["verify", "--part"]), 0);
    assert!(out.contains("Everything is whole") && out.contains("was rehearsed"), "{out}");
    // Once a week is enough.
    let again = document(&mut bot.lifeboat(["verify", "--part", "--json"]), 0);
    assert!(again.get("rehearsal").is_none() && again["verify"]["ok"] == true, "{again}");
    texts(&mut bot.lifeboat(["verify", "--part", "latest"]), 2);
}
