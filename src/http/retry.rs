//! When to try again.

use std::{
    error::Error,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    time::Duration,
};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::HttpError;

/// The longest pause of our own choice.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// No server keeps us waiting longer.
const LONGEST_ASKED: Duration = Duration::from_mins(2);

/// The pause before attempt number `attempt` (1 is the first repetition): anything up to a bound
/// that doubles, so that many clients do not come back together.
pub(crate) fn pause(attempt: u32, first: Duration) -> Duration {
    let bound = first.saturating_mul(1 << attempt.saturating_sub(1).min(6)).min(LONGEST_PAUSE);
    // The standard library seeds every `RandomState` differently: chance enough to spread clients.
    let chance = RandomState::new().build_hasher().finish() % 1000;
    bound.mul_f64(f64::from(u32::try_from(chance).unwrap_or(500)) / 1000.0)
}

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
        HttpError::Transport { source, .. } => !source.is_builder() && !source.is_redirect() && !is_untrusted(source),
        HttpError::Cut { .. } => true,
        _ => false,
    }
}

/// Whether TLS does not believe the server to be who it says: it will say so again.
pub(crate) fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an error of input and output holds is not its source, but its source's owner.
    let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match held {
        Some(held) => is_untrusted(held),
        None => error.source().is_some_and(is_untrusted),
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
    fn pauses_grow_and_stay_bounded() {
        let first = Duration::from_millis(500);
        for (attempt, bound) in [(1, 500), (2, 1000), (4, 4000), (7, 30_000), (40, 30_000)] {
            for _ in 0..50 {
                assert!(pause(attempt, first) <= Duration::from_millis(bound), "{attempt}");
            }
        }
        let different: std::collections::BTreeSet<Duration> = (0..50).map(|_| pause(3, first)).collect();
        assert!(different.len() > 10, "no jitter");
    }

    #[test]
    fn certificates_that_are_not_believed_are_known_wherever_they_stand() {
        let tls = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_untrusted(&tls()));
        assert!(is_untrusted(&io::Error::other(io::Error::other(tls()))));
        assert!(!is_untrusted(&io::Error::other(rustls::Error::HandshakeNotComplete)));
        assert!(!is_untrusted(&io::Error::from(io::ErrorKind::ConnectionReset)));
    }

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
