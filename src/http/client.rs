//! The client itself: one connection pool, one policy of retries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use rustls::pki_types::CertificateDer;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::{
    HttpError, Proxies, redacted,
    retry::{pause, retry_after, worth_retrying},
    setup,
};

/// Settings of a [`Client`]; the default suits everyone without a private network.
#[derive(Clone, Debug)]
pub struct Options {
    /// Refuse every request.
    pub offline: bool,
    /// Further attempts after the first.
    pub retries: u32,
    /// Bound of the first pause between attempts, whose length is left to chance; the bound doubles
    /// each time, up to 30 s.
    pub pause: Duration,
    /// A connection that brings no byte for so long is given up.
    pub stall: Duration,
    /// What stands between here and the servers.
    pub proxies: Proxies,
    /// Certificates of authorities that are trusted besides the system's.
    pub roots: Vec<CertificateDer<'static>>,
    /// Questions that package indexes are asked at the same time, by all that share the client.
    pub questions: usize,
    /// Files fetched at the same time.
    pub downloads: usize,
}

/// The HTTP client; cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    options: Arc<Options>,
    doors: Arc<Doors>,
    questions: Arc<Semaphore>,
}

/// Whether somebody has gone through to a host yet. Those who come behind share the connection, if it
/// is one of HTTP/2; all at once, each would open one.
type Doors = Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<bool>>>>;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, HEAD, or POST with a form.
    pub method: Method,
    /// May carry credentials, which are sent as Basic authentication and never shown.
    pub url: Url,
    /// Sent as they are.
    pub headers: HeaderMap,
    /// Credentials that belong to this host alone.
    pub authorization: Option<Authorization>,
    /// Sent as the body.
    pub form: Option<Bytes>,
    /// Most bytes that the body of the answer may have.
    pub limit: u64,
}

/// Credentials of a request; `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// RFC 7617.
    Basic {
        /// User name.
        user: String,
        /// Password or token.
        password: String,
    },
    /// RFC 6750.
    Bearer(String),
}

/// An answer whose whole body lies in memory.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// 2xx or 304.
    pub status: StatusCode,
    /// As sent.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Where the answer came from, after redirects.
    pub url: Url,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            offline: false,
            retries: 4,
            pause: Duration::from_millis(500),
            stall: Duration::from_mins(1),
            proxies: Proxies::default(),
            roots: Vec::new(),
            questions: 50,
            downloads: 8,
        }
    }
}

impl Request {
    /// GET `url`, of which at most 64 MiB are accepted.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), authorization: None, form: None, limit: 64 << 20 }
    }

    /// POST a form that is already encoded to `url`; at most 64 MiB of answer are accepted.
    #[must_use]
    pub fn post(url: Url, form: String) -> Self {
        let encoded = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = Self { method: Method::POST, form: Some(form.into()), ..Self::get(url) };
        request.header(CONTENT_TYPE, encoded)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With credentials, if there are any.
    #[must_use]
    pub fn authorized(mut self, authorization: Option<Authorization>) -> Self {
        self.authorization = authorization;
        self
    }

    /// With another bound on the body, in bytes.
    #[must_use]
    pub const fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }
}

impl Authorization {
    /// The value of the `Authorization` header, marked as sensitive.
    #[must_use]
    pub fn header_value(&self) -> Option<HeaderValue> {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let text = match self {
            Self::Basic { user, password } => format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Basic { .. } => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// When TLS cannot be set up, or a proxy is none.
    pub fn new(options: Options) -> Result<Self, HttpError> {
        let inner = setup::client(&options)?;
        Ok(Self::from_reqwest(inner, options))
    }

    /// A client over an embedder's own `reqwest` client.
    #[must_use]
    pub fn from_reqwest(inner: reqwest::Client, options: Options) -> Self {
        let questions = Arc::new(Semaphore::new(options.questions.max(1)));
        Self { inner, options: Arc::new(options), doors: Arc::default(), questions }
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Waits for a place among the questions that package indexes are asked at the same time; it is free again
    /// when the permit is dropped.
    pub async fn question(&self) -> Option<SemaphorePermit<'_>> {
        self.questions.acquire().await.ok()
    }

    /// The `reqwest` client, for rooms that shape their own requests.
    #[must_use]
    pub const fn reqwest(&self) -> &reqwest::Client {
        &self.inner
    }

    /// Sends `request` and reads the whole answer, retrying what is worth it.
    ///
    /// # Errors
    /// When offline, when the server cannot be reached or answers with an error status, and when the
    /// body is larger than the request allows.
    pub async fn fetch(&self, request: &Request) -> Result<Fetched, HttpError> {
        let mut attempt = 0;
        loop {
            let result = match self.send(request).await {
                Ok(response) => self.read(response, request).await,
                Err(error) => Err(error),
            };
            match result {
                Err(error) if attempt < self.options.retries && worth_retrying(&error) => {
                    tracing::debug!(attempt, %error, "trying again");
                    attempt += 1;
                    self.pause(attempt, error.retry_after()).await;
                }
                result => return result,
            }
        }
    }

    /// Sends `request` once and returns the answer before its body. 2xx, 304 and 416 are answers,
    /// everything else is an error.
    ///
    /// # Errors
    /// As [`Client::fetch`], but nothing is retried.
    pub async fn send(&self, request: &Request) -> Result<reqwest::Response, HttpError> {
        let shown = || redacted(&request.url);
        if self.options.offline {
            return Err(HttpError::Offline { url: shown() });
        }
        let mut url = request.url.clone();
        let own = take_credentials(&mut url);
        let mut headers = request.headers.clone();
        if let Some(value) = request.authorization.as_ref().or(own.as_ref()).and_then(Authorization::header_value) {
            headers.insert(AUTHORIZATION, value);
        }
        let door = self.door(&url);
        let mut builder = self.inner.request(request.method.clone(), url).headers(headers);
        if let Some(form) = &request.form {
            builder = builder.body(form.clone());
        }
        let sent = async {
            let mut open = door.lock().await;
            if *open {
                drop(open);
                return builder.send().await;
            }
            let response = builder.send().await;
            *open = true;
            response
        };
        let response = tokio::time::timeout(self.options.stall, sent)
            .await
            .map_err(|_| HttpError::Cut { url: shown(), received: 0, expected: 0 })?
            .map_err(|source| HttpError::Transport { url: shown(), source: source.without_url() })?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers());
        Err(HttpError::Status { url: shown(), status, message: first_line(response).await, retry_after })
    }

    fn door(&self, url: &Url) -> Arc<tokio::sync::Mutex<bool>> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(url.origin().ascii_serialization()).or_default())
    }

    /// Waits before attempt number `attempt`: as long as the server asks, else for a random while.
    pub(super) async fn pause(&self, attempt: u32, asked: Option<Duration>) {
        tokio::time::sleep(asked.unwrap_or_else(|| pause(attempt, self.options.pause))).await;
    }

    async fn read(&self, mut response: reqwest::Response, request: &Request) -> Result<Fetched, HttpError> {
        let url = redacted(&request.url);
        let mut body = BytesMut::new();
        let (status, headers, from) = (response.status(), response.headers().clone(), response.url().clone());
        if response.content_length().is_some_and(|length| length > request.limit) {
            return Err(HttpError::TooLarge { url, limit: request.limit });
        }
        loop {
            let chunk = tokio::time::timeout(self.options.stall, response.chunk())
                .await
                .map_err(|_| HttpError::Cut { url: url.clone(), received: body.len() as u64, expected: 0 })?
                .map_err(|source| HttpError::Transport { url: url.clone(), source: source.without_url() })?;
            let Some(chunk) = chunk else { break };
            if body.len() as u64 + chunk.len() as u64 > request.limit {
                return Err(HttpError::TooLarge { url, limit: request.limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status, headers, body: body.freeze(), url: from })
    }
}

fn take_credentials(url: &mut Url) -> Option<Authorization> {
    let decode = |text: &str| percent_decode(text);
    let user = decode(url.username());
    let password = url.password().map(decode).unwrap_or_default();
    if user.is_empty() && password.is_empty() {
        return None;
    }
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Authorization::Basic { user, password })
}

/// `text` with its `%xx` replaced.
pub(crate) fn percent_decode(text: &str) -> String {
    // The query parser of `url` is the only public decoder in the tree; `+` must survive it.
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

async fn first_line(mut response: reqwest::Response) -> String {
    let mut body = BytesMut::new();
    let read = async {
        while body.len() < 400
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(400)]);
        }
    };
    // What came in time will do: it only goes into a message.
    let _ = tokio::time::timeout(Duration::from_secs(5), read).await;
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
    text.lines().next().unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(200).collect()
}
