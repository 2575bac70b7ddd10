//! Runs the fake, prints its address, and ends when its stdin does: whoever has started it has ended then.

fn main() {
    let fake = lifeboat_fake_drive::Fake::start();
    println!("{}", fake.url());
    // What is said here means nothing; its end does.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
}
