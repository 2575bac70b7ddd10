//! `lifeboat adopt` and `lifeboat accept`: whose a vault is, and which backup is right.

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
    assert!(plan["warnings"].to_string().contains("passed over"), "{plan}");

    let (out, _) = texts(&mut bot.lifeboat(["accept", name]), 0);
    assert!(out.contains("2 backups are accepted"), "{out}");
    assert!(texts(&mut bot.lifeboat(["accept", name]), 0).0.contains("nothing to accept"));
    assert_eq!(document(&mut bot.lifeboat(["accept", "latest", "--json"]), 1)["error"]["code"], "E_NOT_FOUND");
    assert!(!texts(&mut bot.lifeboat(["list"]), 0).0.contains("suspicious"));
    document(&mut bot.lifeboat(["prune", "--json"]), 0);
    document(&mut bot.lifeboat(["backup", "--json"]), 0);
}
