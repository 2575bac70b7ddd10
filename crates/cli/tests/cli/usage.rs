//! Help teaches, and wrong usage is exit code 2 before anything is touched.

use crate::bot::{Bot, document, texts};

#[test]
fn help_shows_the_tour_the_environment_and_the_exit_codes() {
    let (out, _) = texts(&mut Bot::new().locked_out(["--help"]), 0);
    for part in ["Two minutes", "BACKUP_PASSPHRASE", "BACKUP_KEY_FILE", "Exit codes", "restore", "verify"] {
        assert!(out.contains(part), "{part}");
    }
    assert!(!out.contains("worker"), "the worker is for hosts, not for people");
}

#[test]
fn each_command_explains_itself_with_examples() {
    let bot = Bot::new();
    for command in ["init", "backup", "list", "items", "restore", "verify", "prune", "history", "schedule", "status"] {
        let (out, _) = texts(&mut bot.locked_out([command, "--help"]), 0);
        assert!(out.contains("Examples:") && out.contains(&format!("  lifeboat {command}")), "{command}:\n{out}");
    }
}

#[test]
fn the_version_is_the_package_s() {
    let (out, _) = texts(&mut Bot::new().locked_out(["--version"]), 0);
    assert_eq!(out.trim(), concat!("lifeboat ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_exit_code_2_and_writes_nothing() {
    let bot = Bot::new();
    let wrong: [&[&str]; 12] = [
        &[],
        &["sing"],
        &["backup", "yearly"],
        &["backup", "--loud"],
        &["list", "--since", "soon"],
        &["items"],
        &["restore"],
        &["restore", "latest", "--salvage"],
        &["restore", "latest", "--mode", "quick"],
        &["restore", "latest", "--apply-pending"],
        &["restore", "--to", "x"],
        &["restore", "--at", "25:00", "--to", "x"],
    ];
    for arguments in wrong {
        let (out, err) = texts(bot.lifeboat([]).args(arguments), 2);
        assert_eq!(out, "", "{arguments:?}");
        assert!(err.contains("Usage") || err.contains("error:"), "{arguments:?}: {err}");
    }
    assert!(!bot.vault().exists());
}

#[test]
fn with_json_wrong_usage_is_a_document_too() {
    let error = document(&mut Bot::new().lifeboat(["--json", "list", "--type", "yearly"]), 2);
    assert_eq!(error["error"]["code"], "E_CONFIG");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("yearly") && message.contains("HOURLY"), "{message}");
}
