//! How connections are made: whom TLS trusts, which proxy stands between, which redirects are followed.

use std::{sync::Arc, time::Duration};

use reqwest::{NoProxy, Proxy};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{HttpError, Options, names::Names, trust::Trust};

/// Redirects followed for one request.
const REDIRECTS: usize = 10;

/// The proxies that requests go through, in the words of the usual variables; by default none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http`: a URL, which may carry credentials.
    pub http: Option<String>,
    /// For `https`.
    pub https: Option<String>,
    /// Hosts, domains and networks that are reached without one, separated by commas.
    pub except: Option<String>,
}

/// Proxies may carry passwords.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Proxies").field("except", &self.except).finish_non_exhaustive()
    }
}

pub(super) fn client(options: &Options) -> Result<reqwest::Client, HttpError> {
    let fail = |source: reqwest::Error| HttpError::Setup { source: source.without_url() };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("wheelwright/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls(&options.roots)?)
        .connect_timeout(Duration::from_secs(20))
        .referer(false)
        // The variables of this process are not for libraries to read.
        .no_proxy()
        .dns_resolver(Arc::new(Names::default()))
        .redirect(redirects());
    let Proxies { http, https, except } = &options.proxies;
    let except = except.as_deref().and_then(NoProxy::from_string);
    if let Some(http) = http {
        builder = builder.proxy(Proxy::http(http).map_err(fail)?.no_proxy(except.clone()));
    }
    if let Some(https) = https {
        builder = builder.proxy(Proxy::https(https).map_err(fail)?.no_proxy(except));
    }
    builder.build().map_err(fail)
}

/// The certificates of a PEM file; nothing when it holds none, or a broken one.
#[must_use]
pub fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

/// Redirects are followed, but never out of TLS.
fn redirects() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        let downgrade =
            attempt.url().scheme() != "https" && attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if downgrade {
            attempt.error("a redirect leads from https to http")
        } else if attempt.previous().len() > REDIRECTS {
            attempt.error("more than 10 redirects")
        } else {
            attempt.follow()
        }
    })
}

/// The system's roots, and `roots` beside them.
fn tls(roots: &[CertificateDer<'static>]) -> Result<rustls::ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let fail = |source| HttpError::Tls { source };
    let trust = Trust::new(roots, Arc::clone(&provider));
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(fail)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_show_no_password() {
        let proxies = Proxies { http: Some("http://u:hunter2@proxy:3128".to_owned()), ..Proxies::default() };
        assert!(!format!("{proxies:?}").contains("hunter2"));
        let options = |http: &str| Options {
            proxies: Proxies { http: Some(http.to_owned()), ..Proxies::default() },
            ..Options::default()
        };
        assert!(client(&options("http://u:hunter2@proxy:3128")).is_ok());
        let error = client(&options("http://u:hunter2@proxy:none")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn certificates_are_read_or_refused() {
        assert!(certificates(b"").is_none());
        assert!(certificates(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").is_none());
        let pem = b"# a comment\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem).unwrap()[0].as_ref(), [0, 0, 0]);
        // It is no certificate all the same: the connection is as safe without it.
        assert!(client(&Options { roots: certificates(pem).unwrap(), ..Options::default() }).is_ok());
    }
}
