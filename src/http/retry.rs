//! When to try again.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::HttpError;

/// No server keeps us waiting longer.
const LONGEST_ASKED: Duration = Duration::from_mins(2);

/// How long the server asks us to stay away, at most two minutes. A date is read against the
/// server's own clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let seconds = match asked.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => seconds_of_day(asked)?.saturating_sub(text(DATE).and_then(seconds_of_day)?),
    };
    Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
}

/// Whether another attempt could end better.
pub(super) fn worth_retrying(error: &HttpError) -> bool {
    match error {
        HttpError::Status { status, .. } => matches!(status.as_u16(), 408 | 429 | 499 | 500 | 502 | 503 | 504 | 522),
        HttpError::Transport { source, .. } => !source.is_builder() && !source.is_redirect(),
        HttpError::Cut { .. } => true,
        _ => false,
    }
}

/// Seconds since the midnight before the day of an RFC 9110 date; good for differences within a day.
fn seconds_of_day(date: &str) -> Option<u64> {
    let clock = date.split_whitespace().find(|word| word.contains(':'))?;
    let mut parts = clock.split(':').map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    (hours < 24 && minutes < 60 && seconds < 61).then(|| hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_may_ask_for_two_minutes() {
        let check = |after: &str, date: Option<&str>, expect: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(retry_after(&headers), expect.map(Duration::from_secs), "{after}");
        };
        check("3", None, Some(3));
        check("86400", None, Some(120));
        check("Wed, 21 Oct 2015 07:28:10 GMT", Some("Wed, 21 Oct 2015 07:28:00 GMT"), Some(10));
        check("Wed, 21 Oct 2015 07:28:10 GMT", None, None);
        check("Wed, 21 Oct 2015 18446744073709551615:0:0 GMT", Some("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        check("soon", None, None);
    }
}
