//! `NativeEngine`: one root, its configuration, and the workers that it has running.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use lifeboat_engine::mutex::lock as locked;
use lifeboat_engine::operations::{self, AnyOperation};
use lifeboat_engine::restore::WORKSPACE;
use lifeboat_engine::schedule::Agenda;
use lifeboat_engine::seal::places::Places;
use lifeboat_engine::seal::places::{Environment, Whose};
use lifeboat_engine::secret::Secret;
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::supervise::question::Ask;
use lifeboat_engine::supervise::{Answered, Cancel, Clerk, Supervisor, WorkerNotice as Saying, WorkerPatience};
use lifeboat_engine::watch::News;
use lifeboat_engine::watch::lost::from_memory;
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
/// For so long a bot may stand still, and the clerk be late.
const STILL: Duration = Duration::from_millis(3_500);

type Running = Arc<Mutex<HashMap<u32, Cancel>>>;

#[napi]
pub struct NativeEngine {
    supervisor: Arc<Supervisor>,
    running: Running,
    /// Where a restore in place works.
    pending: PathBuf,
    clerk: Arc<Clerk>,
    /// By which the clerk knows this engine's bell.
    bell: u32,
    doorplate: Doorplate,
    patience: WorkerPatience,
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

/// In milliseconds, how long to wait for a worker that is silent, for one that was cancelled, for the clerk's answer, and before
/// the clerk ends.
#[napi(object)]
pub struct NativePatience {
    pub silent: Option<u32>,
    pub cancelled: Option<u32>,
    pub question: Option<u32>,
    pub idle: Option<u32>,
}

impl NativePatience {
    fn over_default(self) -> WorkerPatience {
        let or = |given: Option<u32>, usual| given.map_or(usual, |ms| Duration::from_millis(ms.into()));
        let WorkerPatience { silent, cancelled, question, idle } = WorkerPatience::default();
        WorkerPatience {
            silent: or(self.silent, silent),
            cancelled: or(self.cancelled, cancelled),
            question: or(self.question, question),
            idle: or(self.idle, idle),
        }
    }
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

/// `config` is the caller's memory, which wipes it: no copy of the text is made.
fn config_of(config: &[u8], base: &str) -> lifeboat_engine::Result<Config> {
    let text = std::str::from_utf8(config)
        .map_err(|_| Error::Config { message: "The configuration is not valid: it is not UTF-8.".into() })?;
    Config::from_json(text, Path::new(base))
}

/// Checks a configuration, given as the bytes of JSON text; relative paths in it start from `base`. Returns an outcome.
#[napi]
pub fn check_config(config: &[u8], base: String) -> String {
    outcome::of(|| {
        config_of(config, &base).map_err(|error| Failure::from(&error))?;
        Ok("null".into())
    })
}

/// Checks an operation, given as JSON text. Returns an outcome.
#[napi]
pub fn check_operation(operation: String) -> String {
    outcome::of(|| call(&operation).map(|_| "null".into()))
}

/// Panics, on the calling thread or on a supervising one, to prove in the tests that a panic is an outcome and not the
/// end of the process. It touches nothing.
#[napi(ts_return_type = "Promise<string>")]
pub fn panic_on_purpose(env: &Env, on_thread: bool) -> napi::Result<Object<'_>> {
    settle(env, on_thread, || panic!("a panic on purpose"))
}

#[napi]
impl NativeEngine {
    /// `worker` is the path of the `lifeboat` executable. `onRing` is called, without an argument, when there may be news in
    /// the vault; it must not throw. `patience`: for tests. Throws where `checkConfig` has an error.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        config: &[u8],
        base: String,
        worker: String,
        on_ring: Function<'_, (), ()>,
        patience: Option<NativePatience>,
    ) -> napi::Result<NativeEngine> {
        let made = outcome::caught(|| config_of(config, &base));
        let config = made
            .and_then(|config| config.map_err(|error| Failure::from(&error)))
            .map_err(|failure| napi::Error::from_reason(failure.message))?;
        let running = Running::default();
        // A worker thread of Node that ends takes its operations along; those of the main thread end with the process.
        env.add_env_cleanup_hook(running.clone(), |running| cancel_all(&running))?;
        let pending = config.root.join(WORKSPACE);
        let patience = patience.map_or_else(WorkerPatience::default, NativePatience::over_default);
        let clerk = Clerk::of(Path::new(&worker), &config.backup_dir);
        let ring = on_ring.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        let bell = clerk.listen(move || {
            let _: Status = ring.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        let supervisor = Arc::new(Supervisor::new(PathBuf::from(worker), config.clone(), patience));
        let (doorplate, untold) = (Doorplate::default(), Arc::default());
        Ok(NativeEngine { supervisor, running, pending, clerk, bell, doorplate, patience, config, untold })
    }

    /// The coming backups, soonest first: `{ type, at }[]`. `zone`: the host's, for where none is configured. Opens nothing.
    #[napi]
    pub fn next(&self, zone: String, now: f64, count: u32) -> String {
        outcome::of(|| {
            let agenda = Agenda::of(&self.config, Some(&zone)).map_err(|error| Failure::from(&error))?;
            let runs = agenda.next(now as i64, count as usize);
            let runs: Vec<_> = runs.iter().map(|run| serde_json::json!({ "type": run.kind, "at": run.at })).collect();
            serde_json::to_string(&runs).map_err(|error| Failure::from(&Error::internal(error.to_string())))
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

    /// Says to others what this host is and can do, as JSON text; null: it leaves. The outcome is null, or why others cannot
    /// know it.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn present<'env>(&self, env: &'env Env, said: Option<String>) -> napi::Result<Object<'env>> {
        let Some(said) = said else {
            self.leave();
            return settle(env, false, || Ok("null".into()));
        };
        let host =
            parse::<Said>(&said).and_then(|said| self.doorplate.host(said).map_err(|error| Failure::from(&error)));
        match host {
            Ok(host) => self.ask_clerk(env, Ask::Enter { host }),
            Err(failure) => settle(env, false, || Err(failure)),
        }
    }

    /// What this host is known by among the hosts, once it has said something.
    #[napi]
    pub fn host_id(&self) -> Option<String> {
        self.doorplate.id().map(str::to_owned)
    }

    fn leave(&self) {
        if let Some(id) = self.doorplate.id() {
            self.clerk.leave(id);
        }
    }

    /// Stands still until the files of a restore are in place: nothing else of the app may run before its listeners have
    /// read them. False: it takes too long. The clerk watches the files; this thread waits for it, and not for a disk.
    #[napi]
    pub fn hold_still(&self, token: String) -> bool {
        let Some(host) = self.doorplate.id().map(str::to_owned) else { return true };
        let (tell, there) = mpsc::channel();
        let answered = Answered::new(move |answer| {
            let _ = tell.send(answer.is_ok_and(|text| text == "true"));
        });
        self.clerk.ask(&self.config, Ask::HoldStill { host, token }, self.patience, answered);
        there.recv_timeout(STILL).unwrap_or(false)
    }

    /// What became of the listeners for whom it held still.
    #[napi]
    pub fn tell_still(&self, token: String, has_read: bool) {
        if let Some(host) = self.doorplate.id().map(str::to_owned) {
            let answered = Answered::new(|_| ());
            self.clerk.ask(&self.config, Ask::TellStill { host, token, has_read }, self.patience, answered);
        }
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

    /// What no vault could keep since this was asked last: `{ event, value }[]`, to be told from memory.
    #[napi]
    pub fn untold(&self) -> String {
        outcome::of(|| {
            let untold = std::mem::take(&mut *locked(&self.untold));
            serde_json::to_string(&untold).map_err(|error| Failure::from(&Error::internal(error.to_string())))
        })
    }

    /// The worker of this operation died, or could not be started: has that written down, `failure` being its error. All JSON
    /// text. Where the vault does not answer, it is told from memory. The outcome: whether there is nothing left to write down.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn lost<'env>(
        &self,
        env: &'env Env,
        operation: String,
        failure: String,
        now: f64,
    ) -> napi::Result<Object<'env>> {
        let parsed = call(&operation).and_then(|operation| Ok((operation, parse::<Failure>(&failure)?)));
        let known =
            parsed.map(|(operation, failure)| (from_memory(&self.config, &operation, &failure), operation, failure));
        let (news, operation, failure) = match known {
            Ok((Some(news), operation, failure)) => (news, operation, failure),
            // Nobody but the caller needs to hear of it.
            Ok((None, ..)) => return settle(env, false, || Ok("true".into())),
            Err(failure) => return settle(env, false, || Err(failure)),
        };
        let (deferred, promise) = env.create_deferred()?;
        let untold = self.untold.clone();
        let answered = Answered::new(move |answer| {
            let lost = match answer {
                Ok(text) => serde_json::from_str::<Option<News>>(&text).ok().flatten(),
                Err(_) => Some(news),
            };
            let is_kept = lost.is_none();
            locked(&untold).extend(lost);
            deferred.resolve(move |_| Ok(outcome::text(Ok(is_kept.to_string()))));
        });
        let ask = Ask::Lost { operation: Box::new(operation), failure, told: false, now: now as i64 };
        self.clerk.ask(&self.config, ask, self.patience, answered);
        Ok(promise)
    }

    /// Asks the clerk, who looks into the vault: a question of the engine's `Ask`, as JSON text. The promise is fulfilled with
    /// an outcome within a bounded time, also where the disk of the vault hangs.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn ask<'env>(&self, env: &'env Env, question: String) -> napi::Result<Object<'env>> {
        match parse::<Ask>(&question) {
            Ok(ask) => self.ask_clerk(env, ask),
            Err(failure) => settle(env, false, || Err(failure)),
        }
    }

    fn ask_clerk<'env>(&self, env: &'env Env, ask: Ask) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred()?;
        let answered = Answered::new(move |answer| {
            let outcome = outcome::text(answer);
            deferred.resolve(move |_| Ok(outcome));
        });
        self.clerk.ask(&self.config, ask, self.patience, answered);
        Ok(promise)
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
            let operation = call(&operation)?;
            supervisor.run(operation, environment, &cancel, &mut |said| match (said, &progress) {
                (Saying::Untold(news), _) => locked(&untold).push(news),
                (Saying::Progress(report), Some(progress)) => {
                    // A full queue and a closing event loop both mean that nobody needs it.
                    let _: Status = progress.call(report.to_owned(), ThreadsafeFunctionCallMode::NonBlocking);
                }
                (Saying::Ask(ask), Some(progress)) => {
                    let ask = format!("{{\"ask\":{ask}}}");
                    let _: Status = progress.call(ask, ThreadsafeFunctionCallMode::NonBlocking);
                }
                (Saying::Progress(_) | Saying::Ask(_), None) => {}
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

/// JavaScript has forgotten it: others do not see it any more, and nobody rings for it.
impl Drop for NativeEngine {
    fn drop(&mut self) {
        self.leave();
        self.clerk.deaf(self.bell);
    }
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

fn call(operation: &str) -> Result<AnyOperation, Failure> {
    operations::parse_call(operation).map_err(|error| Failure::from(&error))
}

fn parse<T: serde::de::DeserializeOwned>(argument: &str) -> Result<T, Failure> {
    operations::parse(argument).map_err(|error| Failure::from(&error))
}
