//! Downloads of any size: streamed, resumed where they were cut, restarted where the server cannot.

use std::io::{self, Write};

use reqwest::{
    StatusCode,
    header::{CONTENT_RANGE, HeaderValue, RANGE},
};

use super::{Client, HttpError, Request, redacted, retry::worth_retrying};

/// Where a download goes: a writer that can begin again.
pub trait Receive: Write + Send {
    /// Forgets everything written so far.
    ///
    /// # Errors
    /// When what was written cannot be forgotten.
    fn restart(&mut self) -> io::Result<()>;
}

impl Receive for crate::store::Ingest {
    fn restart(&mut self) -> io::Result<()> {
        Self::restart(self)
    }
}

impl Client {
    /// Streams the answer to `request` into `into`, calling `advanced` with the number of bytes of
    /// each piece. Returns the number of bytes received.
    ///
    /// # Errors
    /// As [`Client::fetch`]; `into` then holds an unfinished part.
    pub async fn download(
        &self,
        request: &Request,
        into: &mut dyn Receive,
        advanced: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, HttpError> {
        let mut received = 0;
        let mut attempt = 0;
        loop {
            let before = received;
            match self.download_once(request, into, &mut received, advanced).await {
                Err(error) if worth_retrying(&error) => {
                    // An attempt that moved bytes is progress, and starts the count again.
                    attempt = if received > before + (1 << 20) { 1 } else { attempt + 1 };
                    if attempt > self.options().retries {
                        return Err(error);
                    }
                    tracing::debug!(attempt, received, %error, "resuming");
                    self.pause(attempt, error.retry_after()).await;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(received),
            }
        }
    }

    async fn download_once(
        &self,
        request: &Request,
        into: &mut dyn Receive,
        received: &mut u64,
        advanced: &(dyn Fn(u64) + Sync),
    ) -> Result<(), HttpError> {
        let url = redacted(&request.url);
        let keep = |source| HttpError::Keep { url: redacted(&request.url), source };
        let mut ranged = request.clone();
        if *received > 0
            && let Ok(value) = HeaderValue::from_str(&format!("bytes={received}-"))
        {
            ranged.headers.insert(RANGE, value);
        }
        let mut response = self.send(&ranged).await?;
        let resumed = response.status() == StatusCode::PARTIAL_CONTENT && starts_at(&response) == Some(*received);
        if *received > 0 && !resumed {
            into.restart().map_err(keep)?;
            *received = 0;
            if response.status() != StatusCode::OK {
                return Err(HttpError::Cut { url, received: 0, expected: 0 });
            }
        }
        let expected = response.content_length().map(|length| length + *received);
        loop {
            let chunk = tokio::time::timeout(self.options().stall, response.chunk())
                .await
                .map_err(|_| HttpError::Cut { url: url.clone(), received: *received, expected: expected.unwrap_or(0) })?
                .map_err(|source| HttpError::Transport { url: url.clone(), source: source.without_url() })?;
            let Some(chunk) = chunk else { break };
            if *received + chunk.len() as u64 > request.limit {
                return Err(HttpError::TooLarge { url, limit: request.limit });
            }
            into.write_all(&chunk).map_err(keep)?;
            *received += chunk.len() as u64;
            advanced(chunk.len() as u64);
        }
        match expected {
            Some(expected) if expected != *received => Err(HttpError::Cut { url, received: *received, expected }),
            _ => Ok(()),
        }
    }
}

fn starts_at(response: &reqwest::Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
