//! Faults on demand, so that tests can see a client survive a bad network and a bad registry.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Frame, Incoming},
    header::HeaderName,
};

use super::{
    State,
    reply::{self, Reply, Trouble, with},
    route::Route,
    uploads,
};

/// Decides the fate of each request.
pub trait Intercept: Send + Sync {
    /// Called when the head of a request has arrived.
    fn intercept(&self, seen: &Seen) -> Fault;
}

/// The head of a request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, empty where there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// This answer at once, without reading the body.
    Answer {
        /// The status.
        status: u16,
        /// Header names in lower case, and values.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Bytes,
    },
    /// This answer after the whole body was read and thrown away.
    AnswerAfterBody(u16),
    /// The connection is cut after so many bytes of the request's body.
    CutRequest(u64),
    /// The request is carried out, but the connection is cut instead of an answer.
    LoseReply,
    /// Nothing is read and nothing is said.
    Stall,
    /// The answer is cut after so many bytes of its body.
    CutReply(u64),
    /// The answer stops after so many bytes of its body, and the connection stays open.
    StallReply(u64),
    /// The first byte of the answer's body is another one.
    WrongBytes,
    /// The answer has one header more, or another one.
    Header(&'static str, String),
    /// One of the answer's headers has something more before and behind its value.
    Wrap(&'static str, String, &'static str),
    /// The answer lacks a header.
    WithoutHeader(&'static str),
    /// The request waits so long before it is carried out.
    Delay(Duration),
    /// Each 64 KiB of an upload's body take so long.
    SlowRequest(Duration),
    /// Each 64 KiB of the answer's body take so long.
    SlowReply(Duration),
    /// The request is carried out and answered with another status.
    Status(u16),
    /// The request is carried out as if it had no such header.
    IgnoreHeader(&'static str),
}

impl Seen {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
        }
    }
}

/// What happens instead of carrying out the request.
pub(super) async fn before(fault: &Fault, body: &mut Incoming) -> Result<Option<Reply>, Trouble> {
    match fault {
        Fault::Answer { status, headers, body } => {
            let mut answer = reply::bytes(status_of(*status), body.clone());
            for (name, value) in headers {
                answer = with(answer, HeaderName::from_static(name), value);
            }
            Ok(Some(answer))
        }
        Fault::AnswerAfterBody(status) => {
            while let Some(frame) = body.frame().await {
                frame.map_err(|_| Trouble::Cut)?;
            }
            Ok(Some(reply::empty(status_of(*status))))
        }
        Fault::Stall => std::future::pending().await,
        Fault::Delay(time) => {
            tokio::time::sleep(*time).await;
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Carries out an upload whose connection breaks after `bytes` bytes.
pub(super) async fn feed_partly(state: &State, request: Request<Incoming>, bytes: u64) -> Result<Reply, Trouble> {
    let route = Route::parse(request.uri().path())?;
    let method = request.method().clone();
    let (head, body) = request.into_parts();
    let part = BodyStream::new(body).scan(bytes, |left, frame| {
        let data = frame.ok().and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        let keep = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
        let over = *left == 0;
        *left -= keep as u64;
        let broken = || io::Error::from(io::ErrorKind::ConnectionReset);
        let item = if over { Err(broken()) } else { Ok(Frame::data(data.slice(..keep))) };
        std::future::ready(Some(item))
    });
    let request = Request::from_parts(head, StreamBody::new(Box::pin(part)));
    if let Route::Upload { name, session } = route {
        let place = (name.as_str(), session.as_str());
        let _ = match method {
            Method::PATCH => uploads::append(state, place, request).await,
            _ => uploads::finish(state, place, request).await,
        };
    }
    Err(Trouble::Cut)
}

/// Carries out an upload of which each 64 KiB take as long as `pause`.
pub(super) async fn feed_slowly(state: &State, request: Request<Incoming>, pause: Duration) -> Result<Reply, Trouble> {
    let Route::Upload { name, session } = Route::parse(request.uri().path())? else { return Err(Trouble::Cut) };
    let method = request.method().clone();
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, StreamBody::new(Box::pin(slow(BodyStream::new(body), pause))));
    match method {
        Method::PATCH => uploads::append(state, (&name, &session), request).await,
        _ => uploads::finish(state, (&name, &session), request).await,
    }
}

fn slow<E>(
    stream: impl Stream<Item = Result<Frame<Bytes>, E>>,
    pause: Duration,
) -> impl Stream<Item = Result<Frame<Bytes>, E>> {
    stream.then(move |item| async move {
        let bytes = item.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
        tokio::time::sleep(pause.mul_f64(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 65536.0)).await;
        item
    })
}

/// What happens to the answer.
pub(super) fn after(fault: Fault, answer: Reply) -> Result<Reply, Trouble> {
    match fault {
        Fault::LoseReply => Err(Trouble::Cut),
        Fault::CutReply(bytes) => Ok(broken_off(answer, bytes, End::Cut)),
        Fault::StallReply(bytes) => Ok(broken_off(answer, bytes, End::Stall)),
        Fault::SlowReply(pause) => {
            let (head, body) = answer.into_parts();
            Ok(Reply::from_parts(head, StreamBody::new(slow(BodyStream::new(body), pause)).boxed_unsync()))
        }
        Fault::Status(status) => {
            let mut answer = answer;
            *answer.status_mut() = status_of(status);
            Ok(answer)
        }
        Fault::WrongBytes => Ok(falsified(answer)),
        Fault::Header(name, value) => Ok(with(answer, HeaderName::from_static(name), &value)),
        Fault::Wrap(name, before, behind) => {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let value = format!("{before}{value}{behind}");
            Ok(with(answer, HeaderName::from_static(name), &value))
        }
        Fault::WithoutHeader(name) => {
            let mut answer = answer;
            answer.headers_mut().remove(name);
            Ok(answer)
        }
        _ => Ok(answer),
    }
}

#[derive(Clone, Copy)]
enum End {
    Cut,
    Stall,
}

fn broken_off(answer: Reply, bytes: u64, end: End) -> Reply {
    let (head, body) = answer.into_parts();
    let start = BodyStream::new(body).scan(bytes, |left, frame| {
        let data = frame.ok().and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        let keep = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
        *left -= keep as u64;
        std::future::ready((keep > 0).then(|| Ok(Frame::data(data.slice(..keep)))))
    });
    let stop = futures_util::stream::once(async move {
        if matches!(end, End::Stall) {
            std::future::pending::<()>().await;
        }
        // What was written shall leave the machine before the connection breaks.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Reply::from_parts(head, StreamBody::new(start.chain(stop)).boxed_unsync())
}

fn falsified(answer: Reply) -> Reply {
    let (head, body) = answer.into_parts();
    let changed = BodyStream::new(body).enumerate().map(|(position, frame)| {
        let data = frame?.into_data().unwrap_or_default();
        if position > 0 || data.is_empty() {
            return Ok(Frame::data(data));
        }
        let mut data = data.to_vec();
        data[0] ^= 1;
        Ok(Frame::data(data.into()))
    });
    Reply::from_parts(head, StreamBody::new(changed).boxed_unsync())
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
