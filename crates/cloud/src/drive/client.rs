//! One HTTP exchange: what is sent, what comes back, and how long either may take.
//!
//! Every answer is read with a bound, because whoever answers may be no Google at all. A transfer may take as long as it likes,
//! as long as it moves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use google_drive3::hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use google_drive3::hyper::header::HeaderMap;
use google_drive3::hyper::{Request, Response};
use google_drive3::hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use google_drive3::hyper_util::client::legacy::connect::HttpConnector;
use google_drive3::hyper_util::client::legacy::{self, Client as Pool};
use google_drive3::hyper_util::rt::TokioExecutor;
use http_body_util::BodyExt;
use lifeboat_engine::store::{Fault, Kind, Result};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub type Connector = HttpsConnector<HttpConnector>;

/// Longer than this nothing stands still: no byte taken, no byte given, no answer.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// An answer that is not the bytes of a file. A page of a thousand files has about 400 KB.
pub const LONGEST_ANSWER: usize = 8 << 20;

#[derive(Clone)]
pub struct DriveClient {
    /// The target's name, for what is told.
    pub target: String,
    pool: Pool<Connector, BodyPieces>,
}

/// What came back.
pub struct DriveAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl DriveAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A body that comes in pieces, and has said beforehand how long it is.
pub struct BodyPieces {
    first: Option<Bytes>,
    more: Option<mpsc::Receiver<Bytes>>,
    left: u64,
}

impl BodyPieces {
    pub fn of(bytes: impl Into<Bytes>) -> BodyPieces {
        let first = bytes.into();
        BodyPieces { left: first.len() as u64, first: Some(first), more: None }
    }

    pub fn from(more: mpsc::Receiver<Bytes>, length: u64) -> BodyPieces {
        BodyPieces { first: None, more: Some(more), left: length }
    }
}

impl Body for BodyPieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match (self.first.take(), &mut self.more) {
            (Some(bytes), _) => Some(bytes).filter(|bytes| !bytes.is_empty()),
            (None, Some(more)) => match more.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => piece,
            },
            (None, None) => None,
        };
        self.left -= piece.as_ref().map_or(0, |bytes| bytes.len() as u64).min(self.left);
        // Where pieces end before their length does, the connection is closed, and nothing counts as sent.
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl DriveClient {
    pub fn new(target: &str) -> Result<DriveClient> {
        Ok(DriveClient { target: target.into(), pool: Pool::builder(TokioExecutor::new()).build(connector(target)?) })
    }

    pub async fn exchange(&self, request: Request<BodyPieces>, longest: usize) -> Result<DriveAnswer> {
        let head = timeout(PATIENCE, self.pool.request(request)).await;
        let head = head.map_err(|_| self.silent())?.map_err(|error| self.lost(&error))?;
        self.read(head, longest).await
    }

    /// As [`DriveClient::exchange`], for whoever waits by himself.
    pub async fn begin(&self, request: Request<BodyPieces>) -> Result<Response<Incoming>> {
        self.pool.request(request).await.map_err(|error| self.lost(&error))
    }

    /// The answer's body; an error where it is longer, or its end does not come.
    pub async fn read(&self, answer: Response<Incoming>, longest: usize) -> Result<DriveAnswer> {
        let (head, mut incoming) = answer.into_parts();
        let mut body = Vec::new();
        loop {
            let frame = timeout(PATIENCE, incoming.frame()).await.map_err(|_| self.silent())?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|_| self.transient("The connection was cut in the middle of an answer."))?;
            let data = frame.data_ref().map_or(&[][..], |data| data);
            if body.len() + data.len() > longest {
                let message = format!("An answer is longer than {longest} bytes. Whoever answers may not be Google.");
                return Err(Fault::new(Kind::Damaged, &self.target, message));
            }
            body.extend_from_slice(data);
        }
        Ok(DriveAnswer { status: head.status.as_u16(), headers: head.headers, body })
    }

    pub fn transient(&self, message: impl Into<String>) -> Fault {
        Fault::new(Kind::Transient { after: None }, &self.target, message)
    }

    pub fn silent(&self) -> Fault {
        self.transient(format!("Google Drive has not answered for {} seconds.", PATIENCE.as_secs()))
    }

    fn lost(&self, error: &legacy::Error) -> Fault {
        // The error of the system says most: a name that is not found, a connection that is refused.
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        let mut system = None;
        while let Some(one) = cause {
            system = one.downcast_ref::<std::io::Error>().map(ToString::to_string).or(system);
            cause = one.source();
        }
        let why = system.map(|why| format!(" ({why})")).unwrap_or_default();
        self.transient(match error.is_connect() {
            true => format!("Google Drive cannot be reached{why}. Does this machine have a network?"),
            false => format!("The connection to Google Drive was cut{why}."),
        })
    }
}

/// Connections to the service, and, in tests, to what listens on loopback without TLS.
pub fn connector(target: &str) -> Result<Connector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(Duration::from_secs(20)));
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    let builder = HttpsConnectorBuilder::new().with_native_roots().map_err(|error| {
        let message = format!(
            "This machine knows no certificate authorities ({error}). Install them: apt install ca-certificates."
        );
        Fault::new(Kind::Refused, target, message)
    })?;
    // Of HTTP/2 nothing is wanted: an upload has a connection of its own, so that one that stalls holds up no other.
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}
