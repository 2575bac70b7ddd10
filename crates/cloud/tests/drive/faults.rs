//! What goes wrong is told by its reason, in words that help, and with no secret in them.

use lifeboat_cloud::Clouds;
use lifeboat_engine::store::{Fault, Kind, Opener, Straight};
use lifeboat_fake_drive::faults::{Act, Plan};
use lifeboat_fake_drive::world::{CLIENT_SECRET, REFRESH, SHARED_DRIVE, my_drive};

use crate::setting::{Remembering, Setting, noise};

/// What a put of a small object fails with.
fn fails(setting: &Setting) -> Fault {
    setting.store().put("packs/ab/1", &noise(1000), &Straight).unwrap_err()
}

fn with(reason: &str, status: u16) -> Fault {
    let setting = Setting::owner();
    setting.fake.plan(Plan::new("POST /upload", Act::refuse(status, reason)));
    fails(&setting)
}

#[test]
fn each_reason_has_its_own_kind_and_words() {
    let slow = Kind::Transient { after: None };
    for (status, reason, kind, words) in [
        (403, "userRateLimitExceeded", slow, "slower"),
        (403, "rateLimitExceeded", slow, "slower"),
        (429, "rateLimitExceeded", slow, "slower"),
        (429, "", slow, "busy"),
        (500, "internalError", slow, "busy"),
        (502, "", slow, "busy"),
        (503, "backendError", slow, "busy"),
        (403, "insufficientPermissions", Kind::Credentials, "agree to all"),
        (403, "appNotAuthorizedToFile", Kind::Denied, "another client id"),
        (403, "insufficientFilePermissions", Kind::Denied, "may not do that"),
        (403, "accessNotConfigured", Kind::Refused, "Library"),
        (403, "domainPolicy", Kind::Denied, "administrator"),
        (403, "teamDriveFileLimitExceeded", Kind::Refused, "no more files"),
        (400, "invalid", Kind::Refused, "invalid"),
    ] {
        let fault = with(reason, status);
        assert!(fault.kind == kind && fault.message.contains(words), "{status} {reason}: {:?} {fault}", fault.kind);
    }
}

#[test]
fn a_service_that_says_when_to_come_again_is_believed() {
    let setting = Setting::owner();
    let reason = "userRateLimitExceeded".to_string();
    setting
        .fake
        .plan(Plan::new("POST /upload", Act::Status { status: 403, reason, retry_after: Some(17), done: false }));
    assert_eq!(fails(&setting).kind, Kind::Transient { after: Some(std::time::Duration::from_secs(17)) });
}

#[test]
fn a_full_account_says_what_is_used_what_lies_in_the_trash_and_what_is_left() {
    let mut setting = Setting::owner();
    setting.config.trash = true;
    let store = setting.store();
    store.put("packs/ab/old", &noise(2_000_000), &Straight).unwrap();
    store.delete("packs/ab/old").unwrap();
    setting.fake.world().settings.limit = 1_002_500_000;
    for size in [1_000_000, 9_000_000] {
        let fault = store.put("packs/ab/1", &noise(size), &Straight).unwrap_err();
        assert_eq!(fault.kind, Kind::Full);
        for words in ["Of 1 GB are used 1 GB", "2 MB of them in the trash", "WhatsApp", "owner@example.com"] {
            assert!(fault.message.contains(words), "{words}: {fault}");
        }
    }
}

#[test]
fn a_service_account_is_told_before_the_first_upload_that_it_has_no_storage() {
    let mut setting = Setting::service();
    let folder = {
        let mut world = setting.fake.world();
        let email = world.service.email.clone();
        let folder = world.place_folder(&my_drive(&email), "Backups", "somebody");
        world.files.get_mut(&folder).unwrap().owner = email;
        folder
    };
    for folder in [None, Some(folder)] {
        setting.config.folder_id = folder;
        let fault = fails(&setting);
        assert_eq!(fault.kind, Kind::Full, "{fault}");
        assert!(fault.message.contains("no storage of its own") && fault.message.contains("shared drive"), "{fault}");
        assert_eq!(setting.fake.count("/upload/"), 0, "before the first upload");
    }
}

#[test]
fn a_service_account_that_acts_for_a_user_has_the_users_room() {
    let mut setting = Setting::service();
    setting.config.impersonate = Some("owner@example.com".into());
    setting.store().put("packs/ab/1", &noise(1000), &Straight).unwrap();
    assert_eq!(setting.fake.world().at("Lifeboat/packs/ab/1").len(), 1);
    for (user, words) in [("other@example.com", "Domain-wide delegation"), ("nobody@elsewhere", "`impersonate` names")]
    {
        setting.config.impersonate = Some(user.into());
        let fault = fails(&setting);
        assert!(fault.kind == Kind::Credentials && fault.message.contains(words), "{user}: {fault}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_says_why() {
    let mut setting = Setting::owner();
    let (foreign, file, trash) = {
        let mut world = setting.fake.world();
        let home = my_drive("owner@example.com");
        let foreign = world.place_folder(&home, "Of another app", "another-client");
        let file = world.place(&home, "a file", b"x", lifeboat_fake_drive::world::CLIENT);
        let trash = world.place_folder(&home, "Gone", lifeboat_fake_drive::world::CLIENT);
        world.files.get_mut(&trash).unwrap().trashed = true;
        (foreign, file, trash)
    };
    for (folder, words) in [
        (foreign.as_str(), "another client id"),
        (file.as_str(), "is a file"),
        (trash.as_str(), "trash"),
        ("https://drive.google.com/x", "/folders/"),
    ] {
        setting.config.folder_id = Some(folder.into());
        let fault = fails(&setting);
        assert!(fault.message.contains(words) && !fault.is_transient(), "{folder}: {fault}");
    }
}

#[test]
fn a_sign_in_that_is_refused_says_which_of_the_causes_and_what_to_do() {
    const DAY: i64 = 24 * 3600 * 1000;
    for (age, words) in [(7 * DAY, "seven days old"), (30 * DAY, "One of three things")] {
        let setting = Setting::nobody();
        setting.signed_in(age);
        setting.fake.world().settings.invalid_grant = Some("Token has been expired or revoked.".into());
        let fault = fails(&setting);
        assert!(fault.kind == Kind::Credentials && fault.message.contains(words), "{fault}");
        assert!(fault.message.contains("lifeboat auth gdrive"), "{fault}");
    }
}

#[test]
fn a_clock_that_is_wrong_is_named_with_its_offset() {
    let mut setting = Setting::service();
    setting.config.folder_id = Some(SHARED_DRIVE.into());
    setting.fake.world().settings.clock_ahead = 7200;
    let fault = fails(&setting);
    assert!(fault.kind == Kind::Credentials && fault.message.contains("behind Google's"), "{fault}");
}

#[test]
fn a_key_that_was_replaced_is_named() {
    let mut setting = Setting::service();
    setting.config.folder_id = Some(SHARED_DRIVE.into());
    let url = setting.fake.url();
    setting.fake.world().service = lifeboat_fake_drive::service_account(&url);
    let fault = fails(&setting);
    assert!(fault.kind == Kind::Credentials && fault.message.contains("Make a new one"), "{fault}");
}

#[test]
fn credentials_that_are_not_there_or_are_none_say_so() {
    let setting = Setting::nobody();
    let fault = Clouds.open(&setting.target(), "").err().unwrap();
    assert!(fault.kind == Kind::Credentials && fault.message.contains("lifeboat auth gdrive"), "{fault}");
    std::fs::create_dir_all(setting.token_file().parent().unwrap()).unwrap();
    std::fs::write(setting.token_file(), "{\"type\":\"authorized_user\",\"refresh_token\":\"hush\"").unwrap();
    let fault = Clouds.open(&setting.target(), "").err().unwrap();
    assert!(fault.kind == Kind::Credentials && !fault.message.contains("hush"), "{fault}");

    let mut setting = Setting::service();
    std::fs::write(setting.config.key_file.clone().unwrap(), "{\"private_key\":\"hush\"}").unwrap();
    let fault = Clouds.open(&setting.target(), "").err().unwrap();
    assert!(fault.message.contains("no key of a service account") && !fault.message.contains("hush"), "{fault}");
    setting.config.key_file = Some("/nowhere/key.json".into());
    assert_eq!(Clouds.open(&setting.target(), "").err().unwrap().kind, Kind::Credentials);
}

#[test]
fn what_comes_back_wrong_is_never_taken_for_the_object() {
    let setting = Setting::owner();
    let store = setting.store();
    let bytes = noise(100_000);
    store.put("packs/ab/1", &bytes, &Straight).unwrap();
    let read = || store.get("packs/ab/1", 1000, 50_000);
    for (act, kind) in [
        (Act::CutShort { bytes: 100 }, Kind::Transient { after: None }),
        (Act::CutAnswer, Kind::Transient { after: None }),
        (Act::IgnoreRange, Kind::Transient { after: None }),
        (Act::Portal, Kind::Transient { after: None }),
        (Act::refuse(503, ""), Kind::Transient { after: None }),
    ] {
        setting.fake.plan(Plan::new("alt=media", act.clone()));
        assert_eq!(read().unwrap_err().kind, kind, "{act:?}");
    }
    assert!(read().unwrap() == bytes[1000..51_000]);
    let id = setting.fake.world().at("Lifeboat/packs/ab/1").remove(0);
    setting.fake.world().files.get_mut(&id).unwrap().content.truncate(20_000);
    assert_eq!(read().unwrap_err().kind, Kind::Damaged, "an object of half its size");
}

#[test]
fn a_checksum_or_a_size_that_is_another_fails_and_leaves_no_object() {
    for act in [Act::LieChecksum, Act::LieSize] {
        for size in [1000, 6 << 20] {
            let setting = Setting::owner();
            let on = if size == 1000 { "POST /upload" } else { "PUT /upload" };
            setting.fake.plan(Plan::new(on, act.clone()));
            let course = Remembering::default();
            let fault = setting.store().put("packs/ab/1", &noise(size), &course).unwrap_err();
            assert_eq!(fault.kind, Kind::Damaged, "{fault}");
            assert!(course.session.lock().unwrap().is_none());
            assert_eq!(setting.store().head("packs/ab/1").unwrap(), None);
            setting.store().put("packs/ab/1", &noise(size), &course).unwrap();
        }
    }
}

#[test]
fn an_answer_that_is_garbage_or_a_page_is_told_and_nothing_is_believed() {
    for on in ["GET /drive", "POST /drive", "POST /upload", "POST /token"] {
        for act in [Act::Garbage, Act::Portal] {
            let setting = Setting::owner();
            setting.fake.plan(Plan::new(on, act.clone()));
            let done = setting.store().put("packs/ab/1", &noise(1000), &Straight);
            let fault = done.unwrap_err();
            let page = act == Act::Portal;
            assert_eq!(fault.is_transient(), page, "{on} {act:?}: {fault}");
            assert!(fault.message.contains(if page { "log-in" } else { "makes no sense" }), "{on} {act:?}: {fault}");
        }
    }
}

#[test]
fn no_network_is_told_as_that() {
    let mut setting = Setting::owner();
    setting.config.endpoint = Some("http://127.0.0.1:9".into());
    let fault = fails(&setting);
    assert!(fault.is_transient() && fault.message.contains("cannot be reached"), "{fault}");
}

#[test]
fn no_secret_comes_back_in_an_error_however_the_answer_repeats_it() {
    let secrets = [REFRESH, CLIENT_SECRET, "never-to-be-seen", "ya29.", "Bearer"];
    for on in ["GET /drive", "POST /drive", "POST /upload", "PUT /upload", "POST /token"] {
        let setting = Setting::owner();
        setting.fake.plan(Plan::new(on, Act::Echo).times(50));
        let course = Remembering::default();
        if let Err(fault) = setting.store().put("packs/ab/1", &noise(6 << 20), &course) {
            let told = format!("{fault} {fault:?} {course:?}", course = course.session.lock().unwrap());
            for secret in secrets {
                assert!(!told.contains(secret), "{on}: {told}");
            }
        }
    }
}
