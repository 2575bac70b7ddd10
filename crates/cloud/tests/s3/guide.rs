//! The commands of docs/cloud-s3.md, as they stand there.

use std::process::Command;

use crate::moto::{Moto, tool};

#[test]
fn the_commands_of_the_guide_work_as_they_stand_there() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cloud-s3.md")).unwrap();
    let blocks: Vec<_> = guide.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 3);
    let moto = Moto::start();
    let folder = tempfile::tempdir().unwrap();
    let tools = tool("aws").parent().unwrap().to_owned();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let done = Command::new("bash")
        .args(["-e", "-c", &blocks.join("\n")])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", moto.url())
        .env("AWS_ACCESS_KEY_ID", "AKIAADMIN")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "ap-southeast-3")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("\"SecretAccessKey\""), "{said}");
    // What they have set up is there.
    for (question, answer) in
        [("object-lock", "COMPLIANCE"), ("versioning", "Enabled"), ("lifecycle", "unfinished uploads")]
    {
        let (_, text) = moto.ask("GET", &format!("/my-bot-backups?{question}="), "");
        assert!(text.contains(answer), "{text}");
    }
}
