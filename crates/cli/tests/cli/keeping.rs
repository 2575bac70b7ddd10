//! `lifeboat adopt` and `lifeboat accept`: whose a vault is, and which backup is right; and what `lifeboat list` says of one that
//! cannot be read.

use std::fs;

use crate::bot::{Bot, document, texts};

#[test]
fn a_second_root_is_refused_until_it_adopts_the_vault() {
    let bot = Bot::new();
    bot.backup();
    let other = bot.beside("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.txt"), "a").unwrap();
    let (root, vault) = (other.to_str().unwrap(), bot.vault());
    let vault = vault.to_str().unwrap();
    let error = document(&mut bot.lifeboat(["--root", root, "--vault", vault, "backup", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_VAULT");
    assert!(error["error"]["message"].as_str().unwrap().contains("lifeboat adopt"), "{error}");
    let (out, _) = texts(&mut bot.lifeboat(["--root", root, "--vault", vault, "adopt"]), 0);
    assert!(out.contains(root) && out.contains(vault), "{out}");
    document(&mut bot.lifeboat(["--root", root, "--vault", vault, "backup", "--json"]), 0);
    assert_eq!(document(&mut bot.lifeboat(["backup", "--json"]), 1)["error"]["code"], "E_VAULT");
}

#[test]
fn a_suspicious_backup_is_told_everywhere_until_it_is_accepted() {
    let bot = Bot::new();
    for number in 0..30 {
        bot.write(&format!("uploads/reports/2026/{number}.jpg"), &format!("photo {number}"));
    }
    let good = bot.backup();
    fs::remove_dir_all(bot.root().join("uploads")).unwrap();
    let result = document(&mut bot.lifeboat(["backup", "--json"]), 5);
    let name = result["backup"].as_str().unwrap();
    assert_eq!(
        (&result["suspicious"]["against"], &result["suspicious"]["since"]),
        (&good.clone().into(), &name.into())
    );
    let (_, err) = texts(&mut bot.lifeboat(["backup", "--quiet"]), 5);
    assert!(err.contains("is suspicious") && err.contains("lifeboat accept"), "{err}");
    assert!(texts(&mut bot.lifeboat(["list"]), 0).0.contains("suspicious"));
    let (out, _) = texts(&mut bot.lifeboat(["status"]), 0);
    assert!(out.contains("Not healthy") && out.contains("accept"), "{out}");
    let error = document(&mut bot.lifeboat(["prune", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_VAULT");
    document(&mut bot.lifeboat(["prune", "--despite-suspicion", "--json"]), 0);
    let plan = document(&mut bot.lifeboat(["restore", "latest", "--dry-run", "--json"]), 0);
    assert_eq!(plan["backup"], good.as_str());
    assert!(plan["warnings"].to_string().contains("skipped"), "{plan}");

    let (out, _) = texts(&mut bot.lifeboat(["accept", name]), 0);
    assert!(out.contains("2 backups are accepted"), "{out}");
    assert!(texts(&mut bot.lifeboat(["accept", name]), 0).0.contains("nothing to accept"));
    assert_eq!(document(&mut bot.lifeboat(["accept", "latest", "--json"]), 1)["error"]["code"], "E_NOT_FOUND");
    assert!(!texts(&mut bot.lifeboat(["list"]), 0).0.contains("suspicious"));
    document(&mut bot.lifeboat(["prune", "--json"]), 0);
    document(&mut bot.lifeboat(["backup", "--json"]), 0);
}

#[test]
fn a_backup_whose_record_cannot_be_read_is_told_where_it_would_be_listed() {
    let bot = Bot::new();
    let (lost, whole) = (bot.backup(), bot.backup());
    let record = bot.vault().join("snapshots").join(&lost);
    let mut bytes = fs::read(&record).unwrap();
    bytes[100] ^= 1;
    fs::write(&record, bytes).unwrap();
    // Nobody remembers what it said.
    for file in fs::read_dir(bot.vault()).unwrap().map(|entry| entry.unwrap()) {
        if file.file_name().to_string_lossy().starts_with("catalog.sqlite") {
            fs::remove_file(file.path()).unwrap();
        }
    }
    for arguments in [vec!["list"], vec!["list", "--quiet"]] {
        let (out, err) = texts(bot.lifeboat([]).args(&arguments), 0);
        assert!(!out.contains(&lost), "{out}");
        assert!(err.contains(&lost) && err.contains("verify"), "{err}");
        assert!(!err.contains(&whole), "{err}");
    }
    let (_, err) = texts(&mut bot.lifeboat(["list", "--type", "DAILY"]), 0);
    assert!(!err.contains(&lost), "{err}");
    fs::remove_file(bot.vault().join("snapshots").join(&whole)).unwrap();
    let (out, err) = texts(&mut bot.lifeboat(["list"]), 0);
    assert!(!out.contains("no backup yet") && err.contains(&lost), "{out}{err}");
}
