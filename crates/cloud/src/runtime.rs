//! The runtime that every store waits on. Stores are synchronous, and their clients are not: a thread of the engine stands still
//! in [`block_on`] while two threads here move the bytes of all targets. It is made at first use, so that a command that
//! reaches no cloud pays nothing.

use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    // Two move more bytes than a server's uplink takes; a quiet guest needs no more of them.
    builder.worker_threads(2).thread_name("cloud").enable_io().enable_time();
    builder.build().expect("the threads for the network can be started")
});

/// Waits for `future`, from any thread that is not one of the runtime's own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Lets `future` go on by itself, while the thread that asked does something else.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    RUNTIME.spawn(future)
}
