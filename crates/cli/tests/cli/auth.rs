//! `lifeboat auth gdrive`, against a Google that agrees.

use std::fs;

use lifeboat_fake_drive::Fake;
use lifeboat_fake_drive::world::{CLIENT, CLIENT_SECRET};
use serde_json::json;

use crate::bot::Bot;

fn bot(fake: &Fake) -> Bot {
    let bot = Bot::new();
    let drive =
        json!({ "provider": "gdrive", "endpoint": fake.url(), "clientId": CLIENT, "clientSecret": CLIENT_SECRET });
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", &json!({ "cloud": [drive], "cloudSync": false }).to_string());
    bot
}

#[test]
fn the_link_and_the_code_are_shown_and_the_sign_in_is_kept_where_no_backup_takes_it() {
    let fake = Fake::start();
    let bot = bot(&fake);
    let output = bot.lifeboat(["auth", "gdrive"]).output().unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{told}");
    assert!(said.contains("owner@example.com") && said.contains("free"), "{said}");
    assert!(told.contains("https://www.google.com/device") && told.contains("GQVQ-JKEC"), "{told}");
    let token = fs::read_to_string(bot.root().join("credentials/google-drive-token.json")).unwrap();
    let secret = token.split('"').find(|text| text.starts_with("1//")).unwrap();
    assert!(!said.contains(secret) && !told.contains(secret));
    let preview = bot.lifeboat(["backup", "--dry-run", "--json"]).output().unwrap();
    let preview = String::from_utf8(preview.stdout).unwrap();
    assert!(preview.contains("google-drive-token.json"), "it is named among what is left out: {preview}");
}

#[test]
fn a_program_reads_the_code_and_the_outcome_as_json() {
    let fake = Fake::start();
    let output = bot(&fake).lifeboat(["auth", "gdrive", "--json"]).output().unwrap();
    let asked: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(asked["ask"]["code"], "GQVQ-JKEC");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome, json!({ "account": "owner@example.com", "free": 14_000_000_000_u64 }));
}

#[test]
fn who_is_refused_is_told_so_and_nothing_is_kept() {
    let fake = Fake::start();
    fake.world().settings.outcome = lifeboat_fake_drive::world::ConsentOutcome::Deny;
    let bot = bot(&fake);
    let output = bot.lifeboat(["auth", "gdrive"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("E_CLOUD_AUTH") && told.contains("denied"), "{told}");
    assert!(!bot.root().join("credentials/google-drive-token.json").exists());
}

#[test]
fn the_folder_may_be_named_by_the_environment() {
    let fake = Fake::start();
    let home = lifeboat_fake_drive::world::my_drive("owner@example.com");
    let foreign = fake.world().place_folder(&home, "Of somebody else", "another-client");
    let output = bot(&fake).lifeboat(["auth", "gdrive"]).env("GOOGLE_DRIVE_FOLDER_ID", &foreign).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains(&foreign) && told.contains("another client id"), "{told}");
}
