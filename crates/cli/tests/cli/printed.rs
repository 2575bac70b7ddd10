//! Every command that Lifeboat prints is run by a shell as it was printed: none may be unknown or not understood.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bot::Bot;

/// The commands in a text: in backticks, on a line of their own, or at the end of one behind a colon. Behind two blanks
/// comes what an example means.
fn commands(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_backticks = false;
    for part in text.split('`') {
        if in_backticks && part.starts_with("lifeboat ") {
            found.insert(part.to_owned());
        }
        in_backticks = !in_backticks;
    }
    for line in text.lines().filter(|line| !line.contains(['`', '[', '<'])) {
        let line = line.trim_start();
        let at = if line.starts_with("lifeboat ") { Some(0) } else { line.find(": lifeboat ").map(|at| at + 2) };
        let Some(line) = at.map(|at| &line[at..]) else { continue };
        found.insert(line.split("  ").next().unwrap_or_default().trim_end().to_owned());
    }
    found
}

/// Runs it where the bot stands. 2 is wrong usage, 127 an unknown command.
fn exit_code(bot: &Bot, command: &str) -> (i32, String) {
    let folder = assert_cmd::cargo::cargo_bin!("lifeboat").parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-c", command]).current_dir(bot.root()).env("PATH", path).env_remove("BACKUP_PASSPHRASE");
    bash.env("BACKUP_KEY_FILE", bot.key_file()).stdin(std::process::Stdio::null());
    let output = bash.output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn all_are_understood(bot: &Bot, commands: &BTreeSet<String>, of: &str) {
    for command in commands {
        let (code, err) = exit_code(bot, command);
        assert!(code != 2 && code != 127, "{of} prints {command:?}, and that ends with {code}: {err}");
    }
}

/// What is printed by one command line.
fn said(bot: &Bot, line: &str) -> String {
    let arguments: Vec<&str> = line.split(' ').collect();
    let output = bot.lifeboat([]).args(arguments).output().unwrap();
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_is_printed_in_good_and_bad_times_can_be_run() {
    let bot = Bot::new();
    let mut scenes = 0;
    let mut scene = |bot: &Bot, line: &str, expected: &[&str]| {
        let text = said(bot, line);
        let found = commands(&text);
        for command in expected {
            assert!(found.contains(*command), "`{line}` does not print {command:?}: {text}");
        }
        scenes += 1;
        all_are_understood(bot, &found, line);
    };
    scene(&bot, "list", &[]);
    scene(&bot, "status", &[]);
    scene(&bot, "restore latest", &[]);
    let name = bot.backup();
    scene(&bot, "undo", &[]);
    scene(&bot, "restore config.json", &["lifeboat restore latest config.json"]);
    scene(&bot, "restore -- -rf", &["lifeboat restore latest ./-rf"]);
    scene(&bot, "restore lastest", &[]);
    scene(&bot, "restore latest confg.json", &[]);
    scene(&bot, "--root gone restore latest", &[]);
    scene(&bot, "restore --at 1999-01-01", &[]);
    scene(&bot, "restore --at 2999-01-01", &[]);
    bot.write("config.json", "mine");
    scene(&bot, "restore latest config.json --dry-run", &[]);
    scene(&bot, "restore latest config.json", &["lifeboat undo"]);
    assert!(fs::read_to_string(bot.root().join("config.json")).unwrap().contains("mine"), "the undo was run");
    scene(&bot, "restore latest --mode on-restart", &["lifeboat restore --discard-pending"]);
    texts_of_waiting(&bot, &name, &mut scene);
    scene(&bot, "doctor", &[]);
    scene(&bot, "history", &[]);
    scene(&bot, "export latest x.tar.gz", &[]);
    // A broken database makes each backup degraded.
    bot.write("broken.db", &format!("SQLite format 3\0{}", "x".repeat(3000)));
    scene(&bot, "backup", &[]);
    scene(&bot, "restore latest config.json --dry-run", &[]);
    scene(&bot, "restore --at now config.json --dry-run", &[]);
    let pack = bot.objects("packs").remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    bytes[100] ^= 1;
    fs::write(&pack, bytes).unwrap();
    for line in ["verify", "restore latest --to out", "restore latest", "status", "doctor", "backup"] {
        scene(&bot, line, &[]);
    }
    fs::remove_file(bot.key_file()).unwrap();
    scene(&bot, "list", &[]);
    fs::remove_file(bot.vault().join("vault.json")).unwrap();
    scene(&bot, "list", &[]);
    assert!(scenes > 25);
}

/// While a restore waits.
fn texts_of_waiting(bot: &Bot, name: &str, scene: &mut impl FnMut(&Bot, &str, &[&str])) {
    // Each scene runs what it prints, which forgets the restore.
    for line in ["undo", "status", &format!("delete {name}")] {
        said(bot, "restore latest --mode on-restart");
        scene(bot, line, &["lifeboat restore --discard-pending"]);
    }
}

#[test]
fn what_the_help_shows_can_be_run() {
    let bot = Bot::new();
    bot.backup();
    let tour = said(&bot, "--help");
    let names = tour.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  ").map(|(name, _)| name));
    let names: Vec<&str> = names.filter(|name| name.chars().all(char::is_lowercase) && !name.is_empty()).collect();
    assert!(names.contains(&"undo") && names.len() >= 19, "{names:?}");
    let mut found = commands(&tour);
    names.iter().for_each(|name| found.extend(commands(&said(&bot, &format!("{name} --help")))));
    // What needs a terminal, mail, jq or the root of a server is taken for its own part.
    let found: BTreeSet<String> = found.iter().map(|line| as_on_any_machine(line)).collect();
    assert!(found.len() > 40, "{found:?}");
    all_are_understood(&bot, &found, "the help");
}

/// The first of a pipe, and no other environment.
fn as_on_any_machine(line: &str) -> String {
    line.split(" | ").next().unwrap_or_default().split(" || ").next().unwrap_or_default().to_owned()
}

#[test]
fn what_stands_in_messages_and_pages_can_be_run() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates/engine/src", "crates/cli/src", "src", "js", "docs"] {
        walk(&home.join(folder), &mut files);
    }
    files.extend(["index.js", "start.js", "README.md"].map(|name| home.join(name)));
    let mut found = BTreeSet::new();
    for file in files {
        let name = file.to_string_lossy().into_owned();
        if ![".rs", ".js", ".md", ".mjs"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        found.extend(if name.ends_with(".md") { commands(&text) } else { in_strings(&text) });
    }
    let found: BTreeSet<String> = found.iter().filter_map(|command| filled_in(command)).collect();
    assert!(found.len() > 30, "{found:?}");
    let bot = Bot::new();
    bot.backup();
    all_are_understood(&bot, &found, "a message or a page");
}

/// Those in backticks that are no comment. A string may go on in the next line.
fn in_strings(source: &str) -> BTreeSet<String> {
    let mut text = String::new();
    for line in source.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('*')) {
        match line.strip_suffix('\\') {
            Some(begun) => text += begun,
            None => {
                text += line;
                text.push('\n');
            }
        }
    }
    let mut found = BTreeSet::new();
    for line in text.lines() {
        found
            .extend(line.split('`').skip(1).step_by(2).filter(|part| part.starts_with("lifeboat ")).map(str::to_owned));
    }
    found
}

/// With something in the place of what a message fills in.
fn filled_in(command: &str) -> Option<String> {
    let command = command.replace('\n', " ");
    let command = command.replace("{vault}", "backups").replace("{name}", "latest").replace("<archive>", "x.tar.gz");
    let command = command.replace("<NAME>", "latest").replace("<backup>", "latest");
    // A name that is made up at run time is a scene's to show.
    // Nor are labels of the format commands.
    (!command.contains(['{', '…', '<']) && !command.starts_with("lifeboat v1 ")).then(|| as_on_any_machine(&command))
}

fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

#[test]
fn a_command_of_a_message_means_the_root_that_was_named_wherever_it_is_pasted() {
    let bot = Bot::new();
    let strange = bot.beside("my bot's root");
    fs::rename(bot.root(), &strange).unwrap();
    fs::create_dir(bot.root()).unwrap();
    let root = strange.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = bot.lifeboat(["--root", root]).args(arguments).output().unwrap();
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    run(&["backup"]);
    fs::write(strange.join("config.json"), "mine").unwrap();
    let found = commands(&run(&["restore", "latest", "config.json", "--mode", "on-restart"]));
    let apply = found.iter().find(|command| command.contains("--apply-pending")).unwrap();
    let (code, err) = exit_code(&bot, apply);
    assert_eq!(code, 0, "{apply}: {err}");
    assert!(fs::read_to_string(strange.join("config.json")).unwrap().contains("ownerNumber"));
    // Named once, and from the top, also where it was typed from here.
    let said = bot.lifeboat(["restore", "config.json", "--root", "../my bot's root"]).output().unwrap();
    let said = commands(&String::from_utf8_lossy(&said.stderr));
    let latest = said.iter().find(|command| command.contains(" latest ")).unwrap();
    assert!(latest.matches("--root").count() == 1 && latest.contains("--root '/"), "{latest}");
    let (code, err) = exit_code(
        &bot,
        &format!("lifeboat undo --root {}", apply.split(" --root ").nth(1).unwrap().split(" restore").next().unwrap()),
    );
    assert_eq!(code, 0, "{err}");
}
