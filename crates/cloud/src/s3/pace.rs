//! How fast the bytes of a request leave: a thread of the engine asks its [`Course`](lifeboat_engine::store::Course) for a piece,
//! allows it here, and the request sends it. So a limit of the bandwidth holds inside of one request, too; one that shall stop
//! stops in its middle; and one that stands still is seen.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes that are handed on at a time.
const FRAME: u64 = 64 << 10;

tokio::task_local! {
    static PACE: Arc<Pace>;
}

#[derive(Default)]
pub struct Pace {
    allowed: AtomicU64,
    sent: AtomicU64,
    waiting: Mutex<Option<Waker>>,
}

impl Pace {
    /// So many bytes more may leave.
    pub fn allow(&self, bytes: u64) {
        self.allowed.fetch_add(bytes, Ordering::SeqCst);
        let waiting = self.waiting.lock().ok().and_then(|mut waiting| waiting.take());
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// How many have left.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Bytes that may leave now, up to `most`; none: whoever asked is woken when some may.
    fn take(&self, most: u64, context: &Context<'_>) -> u64 {
        if let Ok(mut waiting) = self.waiting.lock() {
            *waiting = Some(context.waker().clone());
        }
        let left = self.allowed.load(Ordering::SeqCst) - self.sent();
        let taken = left.min(most).min(FRAME);
        self.sent.fetch_add(taken, Ordering::SeqCst);
        taken
    }
}

/// Requests that `future` sends keep this pace.
pub fn with<F: Future>(pace: Arc<Pace>, future: F) -> impl Future<Output = F::Output> {
    PACE.scope(pace, future)
}

/// What a request sends. Without a pace, as fast as it can.
pub fn body(bytes: Bytes) -> reqwest::Body {
    match PACE.try_with(Arc::clone) {
        Ok(pace) if !bytes.is_empty() => reqwest::Body::wrap(Paced { bytes, pace }),
        _ => bytes.into(),
    }
}

struct Paced {
    bytes: Bytes,
    pace: Arc<Pace>,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        match self.pace.take(self.bytes.len() as u64, context) {
            0 => Poll::Pending,
            taken => Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(taken as usize))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
