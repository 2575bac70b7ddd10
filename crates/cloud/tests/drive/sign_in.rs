//! How an owner signs in: by a code, by a browser, by pasting; and what comes of it when that goes wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use lifeboat_cloud::Clouds;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Account, Fault, Kind, Opener, Person, Result, SignInPrompt, Straight, Way};
use lifeboat_fake_drive::faults::{Act, Plan};
use lifeboat_fake_drive::world::{CLIENT, CLIENT_SECRET, ConsentOutcome};

use crate::setting::{Setting, noise};

#[derive(Default)]
struct Owner {
    way: Way,
    asked: Mutex<Vec<SignInPrompt>>,
    pasted: Mutex<String>,
    has_left: AtomicBool,
}

impl Owner {
    fn by(way: Way) -> Owner {
        Owner { way, ..Owner::default() }
    }
}

impl Person for Owner {
    fn way(&self) -> Way {
        self.way
    }

    fn show(&self, ask: &SignInPrompt) {
        self.asked.lock().unwrap().push(ask.clone());
        let url = ask.url.clone();
        match self.way {
            Way::Code => {}
            Way::Browser => drop(std::thread::spawn(move || {
                let back = redirected(&url);
                // A browser looks for an icon, too.
                get(&format!("{}/favicon.ico", back.split_once('?').unwrap().0));
                get(&back);
            })),
            Way::Paste => *self.pasted.lock().unwrap() = redirected(&url),
        }
    }

    fn paste(&self) -> Result<String> {
        Ok(self.pasted.lock().unwrap().clone())
    }

    fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Relaxed)
    }
}

/// A request of a browser; the head of its answer.
fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap());
    let path = if path.starts_with('?') { format!("/{path}") } else { path.into() };
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut head = String::new();
    BufReader::new(stream).read_to_string(&mut head).unwrap();
    head
}

/// Where Google's page sends the browser back to.
fn redirected(url: &str) -> String {
    let head = get(url);
    let line = BufReader::new(head.as_bytes())
        .lines()
        .map_while(std::io::Result::ok)
        .find(|line| line.starts_with("location: "));
    line.unwrap_or_else(|| panic!("{head}"))["location: ".len()..].to_string()
}

fn with_client() -> Setting {
    let mut setting = Setting::nobody();
    setting.config.client_id = Some(CLIENT.into());
    setting.config.client_secret = Some(Secret::new(CLIENT_SECRET));
    setting
}

fn sign_in(setting: &Setting, owner: &Owner) -> std::result::Result<Account, Fault> {
    Clouds.sign_in(&setting.target(), owner)
}

/// Nothing is left in Drive, and what was kept opens it.
fn is_signed_in(setting: &Setting) {
    assert_eq!(setting.fake.world().files.values().filter(|file| !file.is_folder()).count(), 0, "the proof is removed");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(setting.token_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    setting.store().put("packs/ab/1", &noise(10), &Straight).unwrap();
}

#[test]
fn a_code_on_the_phone_signs_in_and_proves_it() {
    let setting = with_client();
    setting.fake.world().settings.pending = 3;
    let owner = Owner::default();
    let account = sign_in(&setting, &owner).unwrap();
    assert_eq!(account.name.as_deref(), Some("owner@example.com"));
    let asked = owner.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].url.as_str(), asked[0].code.as_str()), ("https://www.google.com/device", "GQVQ-JKEC"));
    assert!(asked[0].expires_at > jiff::Timestamp::now().as_millisecond());
    is_signed_in(&setting);
}

#[test]
fn a_browser_on_this_machine_and_a_pasted_address_do_the_same() {
    for way in [Way::Browser, Way::Paste] {
        let setting = with_client();
        sign_in(&setting, &Owner::by(way)).unwrap();
        is_signed_in(&setting);
    }
}

#[test]
fn who_signs_in_again_needs_no_client_id_and_uses_the_one_of_before() {
    let mut setting = with_client();
    sign_in(&setting, &Owner::default()).unwrap();
    (setting.config.client_id, setting.config.client_secret) = (None, None);
    let before = std::fs::read(setting.token_file()).unwrap();
    sign_in(&setting, &Owner::default()).unwrap();
    assert_ne!(std::fs::read(setting.token_file()).unwrap(), before);
    is_signed_in(&setting);
}

#[test]
fn what_goes_wrong_keeps_the_sign_in_of_before_and_says_what_to_do() {
    type Change = fn(&Setting);
    let cases: [(&str, Change, &str); 7] = [
        ("denied", |setting| setting.fake.world().settings.outcome = ConsentOutcome::Deny, "denied"),
        ("expired", |setting| setting.fake.world().settings.outcome = ConsentOutcome::Expire, "in time"),
        ("too late", |setting| setting.fake.world().settings.expires_in = 0, "in time"),
        (
            "another scope",
            |setting| {
                setting.fake.world().settings.grant = Some("https://www.googleapis.com/auth/userinfo.email".into())
            },
            "ticked",
        ),
        (
            "the proof fails",
            |setting| setting.fake.plan(Plan::new("POST /upload", Act::refuse(403, "accessNotConfigured"))),
            "Library",
        ),
        ("a portal", |setting| setting.fake.plan(Plan::new("POST /device", Act::Portal)), "log-in"),
        ("garbage", |setting| setting.fake.plan(Plan::new("POST /device", Act::Garbage)), "makes no sense"),
    ];
    for (name, change, words) in cases {
        let setting = with_client();
        setting.signed_in(0);
        let before = std::fs::read(setting.token_file()).unwrap();
        change(&setting);
        let fault = sign_in(&setting, &Owner::default()).unwrap_err();
        assert!(fault.message.contains(words) && !fault.message.contains("never-to-be-seen"), "{name}: {fault}");
        assert_eq!(std::fs::read(setting.token_file()).unwrap(), before, "{name}");
    }
}

#[test]
fn without_a_client_id_it_says_where_to_get_one_and_a_wrong_one_is_named() {
    let mut setting = Setting::nobody();
    let fault = sign_in(&setting, &Owner::default()).unwrap_err();
    assert!(fault.kind == Kind::Credentials && fault.message.contains("TVs and limited input devices"), "{fault}");
    setting.config.client_id = Some(CLIENT.into());
    setting.config.client_secret = Some(Secret::new("wrong"));
    let fault = sign_in(&setting, &Owner::default()).unwrap_err();
    assert!(fault.kind == Kind::Credentials && fault.message.contains("client id and its secret"), "{fault}");
}

#[test]
fn a_network_that_fails_while_one_waits_ends_nothing_and_slower_is_slower() {
    let setting = with_client();
    setting.fake.plan(Plan::new("POST /token", Act::CutAnswer));
    setting.fake.plan(Plan::new("POST /token", Act::refuse(503, "")));
    {
        let mut world = setting.fake.world();
        (world.settings.pending, world.settings.slow_down) = (1, 1);
    }
    sign_in(&setting, &Owner::default()).unwrap();
    is_signed_in(&setting);
}

#[test]
fn who_stops_waiting_leaves_at_once() {
    let setting = with_client();
    setting.fake.world().settings.interval = 60;
    let owner = Owner { has_left: AtomicBool::new(true), ..Owner::default() };
    assert_eq!(sign_in(&setting, &owner).unwrap_err().kind, Kind::Cancelled);
    assert!(!setting.token_file().exists());
}

#[test]
fn an_address_of_another_attempt_is_not_taken() {
    struct Mistaken(Owner);
    impl Person for Mistaken {
        fn way(&self) -> Way {
            Way::Paste
        }
        fn show(&self, ask: &SignInPrompt) {
            self.0.show(ask);
        }
        fn paste(&self) -> Result<String> {
            Ok(self.0.paste()?.replace("state=", "state=x"))
        }
        fn has_left(&self) -> bool {
            false
        }
    }
    let setting = with_client();
    let fault = Clouds.sign_in(&setting.target(), &Mistaken(Owner::by(Way::Paste))).unwrap_err();
    assert!(fault.message.contains("another attempt"), "{fault}");
}
