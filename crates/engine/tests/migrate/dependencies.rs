//! What an app needs beside itself is in no backup: the new server is told.

use std::fs;

use lifeboat_engine::report::*;

use crate::server::*;
use crate::support::*;

#[test]
fn a_dependency_that_leads_nowhere_here_is_told_with_the_place_and_what_to_do() {
    let bot = Bot::new();
    bot.write(
        "package.json",
        br#"{"dependencies":{"lifeboat":"file:../lifeboat","inside":"file:./lib","express":"^4"},
             "devDependencies":{"odd":"link:../it's here"}}"#,
    );
    bot.write("lib/package.json", b"{}");
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let report = server.migrate(&bot.vault()).unwrap();
    let messages: Vec<&str> = report.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    let place = server.path("srv/lifeboat");
    for words in ["\"lifeboat\"", "\"file:../lifeboat\"", place.to_str().unwrap(), "`npx lifeboat`", "public registry"]
    {
        assert!(messages[0].contains(words), "{words}: {}", messages[0]);
    }
    let old = bot.dir.path().canonicalize().unwrap().join("lifeboat");
    let commands: Vec<&str> = report.next.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands[0], format!("scp -r OLD-SERVER:{} {}", old.display(), server.path("srv").display()));
    assert!(commands[1].contains(r"it'\''s here'"), "{commands:?}");
    assert_eq!(commands[2], "npm install");

    // Where everything is in its place there is nothing to say.
    let server = Server::new();
    for name in ["lifeboat", "it's here"] {
        fs::create_dir_all(server.path("srv").join(name)).unwrap();
    }
    let report = server.migrate(&bot.vault()).unwrap();
    assert_eq!((report.warnings.len(), report.next[0].command.as_str()), (0, "npm install"));
}
