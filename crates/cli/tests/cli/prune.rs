//! `lifeboat prune`, `delete`, `pin` and `unpin`.

use crate::bot::{Bot, document, texts};

#[test]
fn a_dry_run_says_what_would_go_and_why() {
    let bot = Bot::new();
    bot.backup();
    let (out, _) = texts(&mut bot.lifeboat(["prune", "--dry-run"]), 0);
    assert!(out.contains("keep") && out.contains("the newest good backup"), "{out}");
    assert!(out.contains("0 backups would be removed"), "{out}");
    let report = document(&mut bot.lifeboat(["prune", "--json"]), 0);
    assert_eq!((&report["dryRun"], &report["removed"]), (&false.into(), &0.into()));
}

#[test]
fn a_backup_is_deleted_pinned_and_unpinned_by_its_name() {
    let bot = Bot::new();
    let first = bot.backup();
    let second = bot.backup();
    let (out, _) = texts(&mut bot.lifeboat(["pin", "latest"]), 0);
    assert!(out.contains(&second), "{out}");
    assert!(texts(&mut bot.lifeboat(["list"]), 0).0.contains("pinned"));
    let (out, _) = texts(&mut bot.lifeboat(["unpin", &second]), 0);
    assert!(out.contains("is unpinned"), "{out}");
    let (out, _) = texts(&mut bot.lifeboat(["delete", &first]), 0);
    assert!(out.contains("1 backup gone"), "{out}");
    assert_eq!(document(&mut bot.lifeboat(["list", "--json"]), 0).as_array().unwrap().len(), 1);
    assert_eq!(document(&mut bot.lifeboat(["delete", &first, "--json"]), 1)["error"]["code"], "E_NOT_FOUND");
    texts(&mut bot.lifeboat(["verify"]), 0);
}
