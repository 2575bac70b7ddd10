//! `NativeEngine`: one root, its configuration, and the workers that it has running.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lifeboat_engine::mutex::lock as locked;
use lifeboat_engine::restore::WORKSPACE;
use lifeboat_engine::schedule::Agenda;
use lifeboat_engine::seal::places::Places;
use lifeboat_engine::seal::places::{Environment, Whose};
use lifeboat_engine::secret::Secret;
use lifeboat_engine::supervise::protocol::{Failure, Operation};
use lifeboat_engine::supervise::{Cancel, Said as Saying, Supervisor};
use lifeboat_engine::vault::place;
use lifeboat_engine::watch::lost::lost;
use lifeboat_engine::watch::{self, News, Watch};
use lifeboat_engine::{Config, Error};
use napi::bindgen_prelude::{Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Status};
use napi_derive::napi;

use crate::outcome;
use crate::presence::{Doorplate, Said};

/// Progress that waits for a busy event loop: what is beyond that is skipped, the next one says more anyway.
const WAITING_PROGRESS: usize = 4;
/// A supervising thread copies lines and little else.
const STACK: usize = 256 << 10;

type Running = Arc<Mutex<HashMap<u32, Cancel>>>;

#[napi]
pub struct NativeEngine {
    supervisor: Arc<Supervisor>,
    running: Running,
    /// Where a restore in place works.
    pending: PathBuf,
    watch: Watch,
    doorplate: Arc<Doorplate>,
    config: Config,
    /// What no vault could keep, until JavaScript tells it.
    untold: Arc<Mutex<Vec<News>>>,
}

/// What the environment of the app says at the moment of a call.
#[napi(object)]
pub struct NativeEnvironment {
    /// BACKUP_PASSPHRASE.
    pub passphrase: Option<String>,
    /// BACKUP_KEY_FILE, absolute.
    pub key_file: Option<String>,
    /// What time it is there, where that is not the machine's.
    pub now: Option<f64>,
}

fn environment_of(said: NativeEnvironment) -> Environment {
    Environment {
        passphrase: said.passphrase.map(Secret::new),
        key_file: said.key_file.map(PathBuf::from),
        of: Whose::App,
        typed: None,
        now: said.now.map(|now| now as i64),
    }
}

/// Checks a configuration, given as JSON text; relative paths in it start from `base`. Returns an outcome.
#[napi]
pub fn check_config(config: String, base: String) -> String {
    outcome::of(|| {
        Config::from_json(&config, Path::new(&base)).map_err(|error| Failure::from(&error))?;
        Ok("null".into())
    })
}

/// Panics, on the calling thread or on a supervising one, to prove in the tests that a panic is an outcome and not the
/// end of the process. It touches nothing.
#[napi(ts_return_type = "Promise<string>")]
pub fn panic_on_purpose(env: &Env, on_thread: bool) -> napi::Result<Object<'_>> {
    settle(env, on_thread, || panic!("a panic on purpose"))
}

#[napi]
impl NativeEngine {
    /// `worker` is the path of the `lifeboat` executable. Throws where `checkConfig` has an error.
    #[napi(constructor)]
    pub fn new(env: Env, config: String, base: String, worker: String) -> napi::Result<NativeEngine> {
        let made = outcome::caught(|| Config::from_json(&config, Path::new(&base)));
        let config = made
            .and_then(|config| config.map_err(|error| Failure::from(&error)))
            .map_err(|failure| napi::Error::from_reason(failure.message))?;
        let running = Running::default();
        // A worker thread of Node that ends takes its operations along; those of the main thread end with the process.
        env.add_env_cleanup_hook(running.clone(), |running| cancel_all(&running))?;
        let pending = config.root.join(WORKSPACE);
        let (watch, supervisor) = (Watch::new(&config), Supervisor::new(PathBuf::from(worker), config.clone()));
        let doorplate = Arc::new(Doorplate::new(config.backup_dir.clone()));
        let untold = Arc::default();
        Ok(NativeEngine { supervisor: Arc::new(supervisor), running, pending, watch, doorplate, config, untold })
    }

    /// The coming backups, soonest first: `{ type, at }[]`. `zone`: the host's, for where none is configured. Opens nothing.
    #[napi]
    pub fn next(&self, zone: String, now: f64, count: u32) -> String {
        outcome::of(|| {
            let agenda = Agenda::of(&self.config, Some(&zone)).map_err(|error| Failure::from(&error))?;
            let runs = agenda.next(now as i64, count as usize);
            let runs: Vec<_> = runs.iter().map(|run| serde_json::json!({ "type": run.kind, "at": run.at })).collect();
            json_of(Ok(runs))
        })
    }

    /// Which root and which vault it is of: another engine of the same speaks for the same.
    #[napi]
    pub fn home(&self) -> String {
        format!("{:?} {:?}", self.config.root, self.config.backup_dir)
    }

    /// Is there, at this moment, something that opens the vault?
    #[napi]
    pub fn can_open(&self, environment: NativeEnvironment) -> bool {
        let config = Config { environment: environment_of(environment), ..self.config.clone() };
        !config.encryption || Places::of(&config).given()
    }

    /// Says to others what this host is and can do, as JSON text; null: it leaves. The outcome is `{ id, folder }`, or
    /// null.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn present<'env>(&self, env: &'env Env, said: Option<String>) -> napi::Result<Object<'env>> {
        let doorplate = self.doorplate.clone();
        let parsed = said.map(|said| parse::<Said>(&said)).transpose();
        if let Ok(said) = &parsed {
            doorplate.want(said.clone());
        }
        settle(env, true, move || {
            parsed?;
            json_of(Ok(doorplate.say()?))
        })
    }

    /// Stands still until the files of a restore are in place: nothing else of the app may run before its listeners have
    /// read them. False: it takes too long. Opens files of the vault only.
    #[napi]
    pub fn hold_still(&self, token: String) -> bool {
        outcome::caught(|| self.doorplate.hold_still(&token)).unwrap_or(false)
    }

    /// What became of the listeners for whom it held still.
    #[napi]
    pub fn tell_still(&self, token: String, has_read: bool) {
        let _ = outcome::caught(|| self.doorplate.tell(&token, has_read));
    }

    /// What the app is called among those who hear of events, where that is configured.
    #[napi]
    pub fn consumer(&self) -> Option<String> {
        self.config.consumer.clone()
    }

    /// Where a good backup is to be told: an address that is as good as a password.
    #[napi]
    pub fn ping_url(&self) -> Option<String> {
        self.config.monitor.ping_url.clone()
    }

    /// Notices what is wrong with the vault, keeps the events of it, and says what is due: a `Look`. `since`: from when on this
    /// host makes backups; times are milliseconds since the epoch.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn look<'env>(&self, env: &'env Env, zone: String, since: f64, now: f64) -> napi::Result<Object<'env>> {
        self.watch(env, move |watch| watch.look(Some(&zone), since as i64, now as i64))
    }

    /// What this host is to be told: `{ errands, claims }`, for it by its name, and the next event of each of these consumers,
    /// `{ name, event, since }[]` as JSON text.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn claim<'env>(&self, env: &'env Env, consumers: String, now: f64) -> napi::Result<Object<'env>> {
        let (watch, doorplate) = (self.watch.clone(), self.doorplate.clone());
        settle(env, true, move || {
            let consumers = parse::<Vec<watch::Consumer>>(&consumers)?;
            json_of(watch.claim(&consumers, &doorplate.id().unwrap_or_default(), now as i64))
        })
    }

    /// A consumer has taken an event; without one, this host has done its errand.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn take<'env>(
        &self,
        env: &'env Env,
        id: i64,
        consumer: Option<String>,
        now: f64,
    ) -> napi::Result<Object<'env>> {
        self.watch(env, move |watch| watch.take(id, consumer.as_deref(), now as i64))
    }

    /// A consumer could not take an event: it comes again.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn release<'env>(&self, env: &'env Env, id: i64, consumer: String) -> napi::Result<Object<'env>> {
        self.watch(env, move |watch| watch.release(id, &consumer))
    }

    /// What no vault could keep since this was asked last: `{ event, value }[]`, to be told from memory.
    #[napi]
    pub fn untold(&self) -> String {
        outcome::of(|| json_of(Ok(std::mem::take(&mut *locked(&self.untold)))))
    }

    /// The worker of this operation died, or could not be started: writes that down, `failure` being its error. All JSON text.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn lost<'env>(
        &self,
        env: &'env Env,
        operation: String,
        failure: String,
        now: f64,
    ) -> napi::Result<Object<'env>> {
        let (config, untold) = (self.config.clone(), self.untold.clone());
        settle(env, true, move || {
            let news = lost(&config, &parse(&operation)?, &parse::<Failure>(&failure)?, now as i64);
            locked(&untold).extend(news);
            Ok("null".into())
        })
    }

    /// How the backups are. Where a restore was cut off, ask a worker instead: it carries it on first.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn status<'env>(&self, env: &'env Env, now: f64) -> napi::Result<Object<'env>> {
        let config = self.config.clone();
        settle(env, true, move || json_of(watch::status(&config, None, now as i64)))
    }

    /// The backups, newest first; `filter` is JSON text. Null where that needs a key: then ask a worker.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn backups<'env>(&self, env: &'env Env, filter: String) -> napi::Result<Object<'env>> {
        let vault = place::of(&self.config.backup_dir);
        settle(env, true, move || json_of(watch::backups(&vault, &parse(&filter)?)))
    }

    /// What happened, newest first; `filter` is JSON text.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn history<'env>(&self, env: &'env Env, filter: String) -> napi::Result<Object<'env>> {
        let vault = place::of(&self.config.backup_dir);
        settle(env, true, move || json_of(watch::history(&vault, &parse(&filter)?)))
    }

    fn watch<'env, T: serde::Serialize>(
        &self,
        env: &'env Env,
        work: impl FnOnce(&Watch) -> lifeboat_engine::Result<T> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let watch = self.watch.clone();
        settle(env, true, move || json_of(work(&watch)))
    }

    /// Starts one operation, given as JSON text; `id` is what `cancel` knows it by. The promise is fulfilled with an
    /// outcome, and never rejected. `onProgress` gets JSON text; it must not throw.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        id: u32,
        operation: String,
        environment: NativeEnvironment,
        on_progress: Option<Function<'env, String, ()>>,
    ) -> napi::Result<Object<'env>> {
        let progress = on_progress
            .map(|callback| {
                callback
                    .build_threadsafe_function()
                    .callee_handled::<false>()
                    .weak::<true>()
                    .max_queue_size::<WAITING_PROGRESS>()
                    .build()
            })
            .transpose()?;
        let environment = environment_of(environment);
        let cancel = Cancel::default();
        locked(&self.running).insert(id, cancel.clone());
        let (supervisor, running, untold) = (self.supervisor.clone(), self.running.clone(), self.untold.clone());
        settle(env, true, move || {
            // Also where the operation panics.
            let _done = Done(running, id);
            let operation: Operation = parse(&operation)?;
            supervisor.run(operation, environment, &cancel, &mut |said| match (said, &progress) {
                (Saying::Untold(news), _) => locked(&untold).push(news),
                (Saying::Progress(report), Some(progress)) => {
                    // A full queue and a closing event loop both mean that nobody needs it.
                    let _: Status = progress.call(report.to_owned(), ThreadsafeFunctionCallMode::NonBlocking);
                }
                (Saying::Progress(_), None) => {}
            })
        })
    }

    /// Whether a restore waits for this start, or was cut off. It looks for a name and opens nothing.
    #[napi]
    pub fn has_pending_restore(&self) -> bool {
        self.pending.symlink_metadata().is_ok()
    }

    /// Asks the operation to stop at its next safe place; its outcome is then E_ABORTED.
    #[napi]
    pub fn cancel(&self, id: u32) {
        if let Some(cancel) = locked(&self.running).get(&id) {
            cancel.cancel();
        }
    }
}

/// A promise of what comes of `call`, on a thread of its own or at once.
fn settle<'env>(
    env: &'env Env,
    on_thread: bool,
    call: impl FnOnce() -> Result<String, Failure> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let work = move || {
        let outcome = outcome::of(call);
        deferred.resolve(move |_| Ok(outcome));
    };
    if on_thread {
        std::thread::Builder::new()
            .name("lifeboat".into())
            .stack_size(STACK)
            .spawn(work)
            .map_err(|error| napi::Error::from_reason(format!("No thread can be started: {error}.")))?;
    } else {
        work();
    }
    Ok(promise)
}

fn json_of<T: serde::Serialize>(result: lifeboat_engine::Result<T>) -> Result<String, Failure> {
    let text =
        result.and_then(|value| serde_json::to_string(&value).map_err(|error| Error::internal(error.to_string())));
    text.map_err(|error| Failure::from(&error))
}

struct Done(Running, u32);

impl Drop for Done {
    fn drop(&mut self) {
        locked(&self.0).remove(&self.1);
    }
}

fn cancel_all(running: &Running) {
    for cancel in locked(running).values() {
        cancel.cancel();
    }
}

fn parse<T: serde::de::DeserializeOwned>(argument: &str) -> Result<T, Failure> {
    serde_json::from_str(argument).map_err(|error| {
        Failure::from(&Error::Config { message: format!("The call's arguments are not valid: {error}.") })
    })
}
