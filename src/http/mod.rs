//! The one HTTP client: TLS verified against the system's roots, retries with back-off, downloads
//! that resume, secrets out of every message, and nothing at all when offline.

mod client;
mod download;
mod error;
mod names;
mod program;
mod retry;
mod setup;
mod trust;

pub(crate) use client::percent_decode;
pub use client::{Authorization, Client, Fetched, Options, Request};
pub use download::Receive;
pub(crate) use error::unreachable_hint;
pub use error::{HttpError, redacted};
pub(crate) use program::{PATIENCE, ask};
/// For [`Client::from_reqwest`].
pub use reqwest;
pub use reqwest::{Method, StatusCode, header};
pub(crate) use retry::{is_untrusted, pause, retry_after};
pub use setup::{Proxies, certificates};
pub use url::Url;
