//! What every store promises, and what a person sees in Drive.

use lifeboat_engine::store::{Kind, Store, Straight, conformance};
use lifeboat_fake_drive::world::{CLIENT, REFRESH, SHARED_DRIVE};

use crate::setting::{Remembering, Setting, noise};

fn names(store: &dyn Store, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    store.list(prefix, &mut |found| names.push(found.object)).unwrap();
    names.sort();
    names
}

#[test]
fn an_owners_drive_is_a_store() {
    conformance::check(&*Setting::owner().store());
}

#[test]
fn a_shared_drive_is_a_store_for_a_service_account() {
    let mut setting = Setting::service();
    setting.config.folder_id = Some(SHARED_DRIVE.into());
    conformance::check(&*setting.store());
}

#[test]
fn a_drive_with_a_trash_is_a_store_and_what_is_removed_lies_in_it() {
    let mut setting = Setting::owner();
    setting.config.trash = true;
    conformance::check(&*setting.store());
    assert!(setting.fake.world().used().1 > 20 << 20, "the trash counts");
}

#[test]
fn lists_that_come_in_pages_are_read_to_their_end() {
    let setting = Setting::owner();
    setting.fake.world().settings.page = 3;
    let store = setting.store();
    for index in 0..20 {
        store.put(&format!("packs/{index:02}/{index}.pack"), &noise(10), &Straight).unwrap();
    }
    assert_eq!(names(&*setting.store(), "packs/").len(), 20);
    conformance::check(&*{
        (0..20).for_each(|index| store.delete(&format!("packs/{index:02}/{index}.pack")).unwrap());
        setting.store()
    });
}

#[test]
fn a_person_finds_the_folders_and_names_that_a_vault_has() {
    let setting = Setting::owner();
    setting.store().put("7f3a/packs/ab/abcd", &noise(10), &Straight).unwrap();
    let world = setting.fake.world();
    assert_eq!(world.at("Lifeboat/7f3a/packs/ab/abcd").len(), 1);
    assert_eq!(world.at("Lifeboat/7f3a/packs").len(), 1, "one folder of each name");
}

#[test]
fn a_folder_that_is_named_is_used_and_no_other_is_made() {
    let mut setting = Setting::owner();
    let home = lifeboat_fake_drive::world::my_drive(lifeboat_fake_drive::world::OWNER);
    let folder = setting.fake.world().place_folder(&home, "Backups", CLIENT);
    setting.config.folder_id = Some(folder);
    setting.store().put("vault.json", &noise(10), &Straight).unwrap();
    let world = setting.fake.world();
    assert_eq!(world.at("Backups/vault.json").len(), 1);
    assert_eq!(world.at("Lifeboat"), Vec::<String>::new());
}

#[test]
fn what_was_listed_needs_not_be_looked_for_again() {
    let setting = Setting::owner();
    let store = setting.store();
    store.put("packs/ab/1", &noise(10), &Straight).unwrap();
    let mut known = Vec::new();
    store.list("", &mut |found| known.push(found)).unwrap();
    assert!(known[0].checksum.as_deref().is_some_and(|sum| sum.starts_with("md5:")), "{known:?}");

    let again = setting.store();
    again.recall(&known);
    let before = setting.fake.count("/drive/v3/files?");
    assert_eq!(again.get("packs/ab/1", 3, 4).unwrap(), noise(10)[3..7]);
    assert_eq!(setting.fake.count("/drive/v3/files?"), before, "nothing was searched");
}

#[test]
fn a_small_object_costs_one_request_that_writes() {
    let setting = Setting::owner();
    let store = setting.store();
    store.put("packs/ab/1", &noise(10), &Straight).unwrap();
    let writes = || {
        ["POST /drive", "POST /upload", "PATCH", "PUT", "DELETE"]
            .map(|way| setting.fake.count(way))
            .iter()
            .sum::<usize>()
    };
    let before = writes();
    store.put("packs/ab/2", &noise(4 << 20), &Straight).unwrap();
    assert_eq!(writes() - before, 1);
    store.put("packs/ab/3", &noise(16 << 20), &Straight).unwrap();
    assert_eq!(writes() - before, 3, "a session, and its bytes");
}

#[test]
fn of_several_files_with_one_name_the_oldest_counts_and_all_are_removed() {
    let setting = Setting::owner();
    let store = setting.store();
    store.put("keys/1.json", &b"first".to_vec(), &Straight).unwrap();
    {
        let mut world = setting.fake.world();
        let folder = world.at("Lifeboat/keys").remove(0);
        let copy = world.place(&folder, "1.json", b"a copy", CLIENT);
        // A minute later: here all is of one millisecond.
        world.files.get_mut(&copy).unwrap().created += jiff::SignedDuration::from_mins(1);
    }
    for store in [store, setting.store()] {
        assert_eq!(names(&*store, ""), ["keys/1.json"]);
        assert_eq!(store.get("keys/1.json", 0, 5).unwrap(), b"first");
    }
    setting.store().delete("keys/1.json").unwrap();
    assert_eq!(names(&*setting.store(), ""), Vec::<String>::new());
}

#[test]
fn files_that_cannot_be_objects_are_passed_over_and_left_alone() {
    let setting = Setting::owner();
    let store = setting.store();
    store.put("vault.json", &noise(10), &Straight).unwrap();
    let top = setting.fake.world().at("Lifeboat").remove(0);
    for name in ["..", "a/b", "", "line\nend"] {
        setting.fake.world().place(&top, name, b"x", CLIENT);
    }
    setting.fake.world().place(&top, "not ours", b"x", "another-client");
    assert_eq!(names(&*setting.store(), ""), ["vault.json"]);
    assert_eq!(store.head("../vault.json").unwrap_err().kind, Kind::Refused);
    store.delete("vault.json").unwrap();
    assert_eq!(setting.fake.world().files.values().filter(|file| file.parent == top).count(), 5);
}

#[test]
fn a_folder_that_somebody_has_removed_is_made_again() {
    let setting = Setting::owner();
    let store = setting.store();
    store.put("packs/ab/1", &noise(10), &Straight).unwrap();
    let top = setting.fake.world().at("Lifeboat").remove(0);
    setting.fake.world().remove(&top);
    assert_eq!(store.get("packs/ab/1", 0, 1).unwrap_err().kind, Kind::Missing);
    store.put("packs/ab/2", &noise(10), &Straight).unwrap();
    assert_eq!(names(&*setting.store(), ""), ["packs/ab/2"]);
}

#[test]
fn an_access_token_that_ends_is_replaced_by_another() {
    let setting = Setting::owner();
    let store = setting.store();
    store.put("packs/ab/1", &noise(10), &Straight).unwrap();
    setting.fake.world().access.clear();
    assert_eq!(store.head("packs/ab/1").unwrap().unwrap().size, 10);
    let signed_in = setting.fake.count("POST /token");
    assert_eq!(signed_in, 2);
    assert!(setting.fake.world().refresh.contains_key(REFRESH));
}

#[test]
fn whose_account_it_is_and_how_much_room_it_has_is_told() {
    let setting = Setting::owner();
    let account = setting.store().account().unwrap();
    assert_eq!(account.name.as_deref(), Some("owner@example.com"));
    assert_eq!((account.limit, account.used, account.trash), (Some(15_000_000_000), Some(1_000_000_000), Some(0)));
}

#[test]
fn who_may_only_add_adds_and_is_told_that_it_may_not_remove() {
    let mut setting = Setting::service();
    setting.config.folder_id = Some(SHARED_DRIVE.into());
    setting.fake.world().settings.contributor = true;
    let store = setting.store();
    store.put("packs/ab/1", &noise(10), &Remembering::default()).unwrap();
    assert!(store.put_if_absent("vault.json", b"x").unwrap());
    let fault = store.delete("packs/ab/1").unwrap_err();
    assert_eq!(fault.kind, Kind::Denied, "{fault}");
    assert_eq!(names(&*store, ""), ["packs/ab/1", "vault.json"]);
}
