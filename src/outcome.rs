//! What came of a call, as the JSON text `{"result":…}` or `{"error":{"code","message"}}`; and panics, caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lifeboat_engine::Error;
use lifeboat_engine::supervise::protocol::{Failure, WorkerAnswer};

/// Runs `call`; a panic in it is E_INTERNAL, because unwinding into Node would abort the app.
pub fn of(call: impl FnOnce() -> Result<String, Failure>) -> String {
    text(caught(call).and_then(|result| result))
}

pub fn text(result: Result<String, Failure>) -> String {
    match result {
        Ok(json) => format!("{{\"result\":{json}}}"),
        Err(failure) => serde_json::to_string(&WorkerAnswer::Error(failure))
            .unwrap_or_else(|_| r#"{"error":{"code":"E_INTERNAL","message":"An error has no JSON form."}}"#.into()),
    }
}

pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| Failure::from(&Error::internal(words(&*panic))))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}
