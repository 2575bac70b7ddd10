//! Runs the fake, prints its address, and ends when its stdin does: whoever has started it has ended then.
//!
//! `fake-drive [FOLDER [URL]]`: with a folder, what there is outlives the process; with an address, it is reached there.

use std::path::PathBuf;

use lifeboat_fake_drive::Fake;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from);
    let fake = match &folder {
        Some(folder) => Fake::resume(folder, arguments.next().as_deref())?,
        None => Fake::start(),
    };
    println!("{}", fake.url());
    // What is said here means nothing; its end does.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    folder.map_or(Ok(()), |folder| fake.keep(&folder))
}
