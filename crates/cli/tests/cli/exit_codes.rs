//! Exit codes, the part of the command line that scripts read: 1 failed, 3 busy, 4 damaged.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::bot::{Bot, document, texts};

#[test]
fn what_is_not_there_is_1() {
    let bot = Bot::new();
    bot.backup();
    let name = "backup_DAILY_2020-01-01T00-00-00-000Z";
    let error = document(&mut bot.lifeboat(["items", name, "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_NOT_FOUND");
    let (out, err) = texts(&mut bot.lifeboat(["verify", name]), 1);
    assert_eq!(out, "");
    assert!(err.starts_with("lifeboat: ") && err.contains("E_NOT_FOUND"), "{err}");
}

#[test]
fn a_configuration_that_is_wrong_is_1_with_the_nearest_name() {
    let bot = Bot::new();
    let config = bot.beside("lifeboat.json");
    fs::write(&config, r#"{"keyfile":"x"}"#).unwrap();
    let error = document(bot.lifeboat(["status", "--json", "--config"]).arg(&config), 1);
    assert_eq!(error["error"]["code"], "E_CONFIG");
    assert!(error["error"]["message"].as_str().unwrap().contains("keyFile"), "{error}");
    let missing = document(&mut bot.lifeboat(["status", "--json", "--config", "nowhere.json"]), 1);
    assert_eq!(missing["error"]["code"], "E_CONFIG");
}

#[test]
fn a_second_operation_is_3_and_says_what_is_running_unless_it_waits() {
    let bot = Bot::new();
    bot.backup();
    let held = bot.hold_database();
    let mut command = bot.process(["backup", "--json", "--full"], true);
    let mut first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = BufReader::new(first.stderr.take().unwrap());
    progress.read_line(&mut String::new()).unwrap();

    let error = document(&mut bot.lifeboat(["backup", "--json", "-q"]), 3);
    assert_eq!(error["error"]["code"], "E_BUSY");
    assert!(error["error"]["message"].as_str().unwrap().contains(&first.id().to_string()), "{error}");
    // Reading never waits.
    assert_eq!(document(&mut bot.lifeboat(["list", "--json"]), 0).as_array().unwrap().len(), 1);
    let status = document(&mut bot.lifeboat(["status", "--json"]), 0);
    assert_eq!(status["running"]["pid"], first.id());

    let mut waiting = bot.process(["backup", "--wait", "--quiet"], true).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().unwrap().is_none(), "it waits");
    drop(held);
    std::io::copy(&mut progress, &mut std::io::sink()).unwrap();
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}

#[test]
fn a_flipped_bit_is_4_and_the_report_names_the_object_and_the_backup() {
    let bot = Bot::new();
    let name = bot.backup();
    let pack = bot.objects("packs").remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    make_writable(&pack);
    fs::write(&pack, bytes).unwrap();

    let report = document(&mut bot.lifeboat(["verify", "--json"]), 4);
    assert_eq!(report["ok"], false);
    let damage = &report["damaged"][0];
    assert!(damage["object"].as_str().unwrap().contains(pack.file_name().unwrap().to_str().unwrap()), "{report}");
    assert_eq!(damage["backups"], serde_json::json!([name]));

    let (out, _) = texts(&mut bot.lifeboat(["verify"]), 4);
    assert!(out.contains("damaged") && out.contains(&name), "{out}");
    let (silence, err) = texts(&mut bot.lifeboat(["verify", "--quiet"]), 4);
    assert_eq!(silence, "");
    assert!(err.contains("Damaged"), "quiet, but not about this: {err}");

    let target = bot.beside("restored");
    let error = document(bot.lifeboat(["restore", "latest", "--json", "--to"]).arg(&target), 4);
    assert_eq!(error["error"]["code"], "E_CORRUPT");
    assert!(!target.exists() || fs::read_dir(&target).unwrap().next().is_none(), "nothing was written");

    assert!(out.contains("lifeboat backup --full"), "{out}");
    texts(&mut bot.lifeboat(["backup", "--full"]), 0);
    let (out, _) = texts(&mut bot.lifeboat(["verify"]), 4);
    assert!(out.contains("Every backup is whole"), "the advice helped: {out}");
    texts(bot.lifeboat(["restore", &name, "--to"]).arg(&target), 0);
}

fn make_writable(path: &std::path::Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).unwrap();
}
