//! Runs the fake, prints its address, and ends when its stdin does: whoever has started it has ended then.

use std::io::Read;

fn main() {
    let fake = lifeboat_fake_drive::Fake::start();
    println!("{}", fake.url());
    // What is said here means nothing; its end does.
    std::io::stdin().bytes().for_each(drop);
}
