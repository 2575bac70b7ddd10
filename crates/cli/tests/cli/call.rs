//! `lifeboat call`: the table of operations, as a script meets it; and that what the table says of an operation is so.

use serde_json::Value;

use crate::bot::{Bot, document};

fn table(bot: &Bot) -> Vec<Value> {
    document(&mut bot.lifeboat(["call", "--json"]), 0)["operations"].as_array().unwrap().clone()
}

fn is_optional(operation: &Value, parameter: &Value) -> bool {
    !operation["arguments"]["required"].as_array().is_some_and(|required| required.contains(parameter))
}

#[test]
fn an_operation_is_called_with_text_and_with_json() {
    let bot = Bot::new();
    let call = |words: &[&str], code| document(bot.lifeboat(["call", "--json"]).args(words), code);
    let name = bot.backup();
    assert_eq!(call(&["listBackups", r#"{"limit": 1}"#], 0)[0]["backup"], name.as_str());
    assert_eq!(call(&["versions", "config.json"], 0)[0]["backup"], name.as_str());
    for (words, told) in [
        // A name that is a number is a text all the same.
        (vec!["listItems", "12"], "There is no backup"),
        (vec!["createBackup"], "has a command of its own: `lifeboat backup`"),
        (vec!["runDue"], "nothing to call"),
        (vec!["dance"], "There is no operation"),
        (vec!["status", "now"], "takes no arguments"),
        (vec!["versions", "a", "now"], "takes path, and no more"),
        (vec!["listBackups", r#"{"limit": "1"}"#], "`filter.limit` must be a whole number"),
        (vec!["listBackups", "[]"], "`filter` must be an object, not an array"),
    ] {
        let error = call(&words, 1);
        assert!(error["error"]["message"].as_str().unwrap().contains(told), "{error}");
    }
}

#[test]
fn what_needs_no_key_works_without_one() {
    let bot = Bot::new();
    bot.backup();
    let table = table(&bot);
    let without = table.iter().filter(|operation| operation["key"] == false && operation["command"].is_null());
    let without = without.filter(|operation| operation["internal"] == false);
    let simple = without.filter(|operation| {
        operation["parameters"].as_array().unwrap().iter().all(|parameter| is_optional(operation, parameter))
    });
    let mut called = 0;
    for operation in simple {
        let name = operation["name"].as_str().unwrap();
        document(&mut bot.locked_out(["call", name, "--json"]), 0);
        called += 1;
    }
    assert!(called >= 3, "{called}");
    let refused = document(&mut bot.locked_out(["call", "listItems", "latest", "--json"]), 1);
    assert_eq!(refused["error"]["code"], "E_PASSPHRASE", "what needs one says so");
}
