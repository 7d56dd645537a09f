//! What `build` says of layers that other builds made.

use std::{fs, path::PathBuf, sync::Arc};

use clap::Args;

use super::{error::CliError, session::Session};
use crate::{
    builder::{Builder, Built, Destination, Holder, RemoteCache},
    hint::Advise as _,
    image::Delivery,
    oci::Reference,
    remote::{SigningKey, TrustedKeys},
};

/// Flags of the remote layer index.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Remote cache options")]
pub(super) struct Remote {
    /// Take layers that other builds made from HOST/REPOSITORY too; may be given several times. The
    /// repositories of --push are asked in any case, first
    #[arg(long, value_name = "REF")]
    cache_from: Vec<Reference>,
    /// Tell HOST/REPOSITORY which layers were built, in place of the repositories of --push; may be given
    /// several times
    #[arg(long, value_name = "REF")]
    cache_to: Vec<Reference>,
    /// Neither ask registries for layers nor tell them
    #[arg(long, conflicts_with_all = ["cache_from", "cache_to"])]
    no_remote_cache: bool,
    /// Of the layers that registries know, make so many in a hundred here as well, and fail if one differs
    #[arg(long, value_name = "P%", value_parser = percent, default_value = "0%")]
    cache_verify: u8,
    /// Sign what registries are told with the private Ed25519 key in this PEM file
    #[arg(long, value_name = "FILE")]
    cache_key: Option<PathBuf>,
    /// Believe only what one of the public Ed25519 keys in this PEM file has signed
    #[arg(long, value_name = "FILE")]
    cache_trust: Option<PathBuf>,
}

impl Remote {
    /// What a builder is told that pushes to `pushes`.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub(super) fn settings(&self, pushes: &[Reference], offline: bool) -> Result<RemoteCache, CliError> {
        let key = self.cache_key.as_ref().map(|path| {
            SigningKey::parse(&read(path)?).map_err(|source| CliError::RecordKey { path: path.clone(), source })
        });
        let trusted = self.cache_trust.as_ref().map(|path| {
            TrustedKeys::parse(&read(path)?).map_err(|source| CliError::RecordKey { path: path.clone(), source })
        });
        let (key, trusted) = (key.transpose()?.map(Arc::new), trusted.transpose()?);
        let (mut from, mut to) = (pushes.to_vec(), pushes.to_vec());
        from.extend(self.cache_from.iter().cloned());
        if !self.cache_to.is_empty() {
            to.clone_from(&self.cache_to);
            from.extend(self.cache_to.iter().cloned());
        }
        if self.no_remote_cache || offline {
            (from, to) = (Vec::new(), Vec::new());
        }
        Ok(RemoteCache { from, to, verify: self.cache_verify, key, trusted })
    }

    /// Tells registries what was built and delivered. Where nobody asked for that by name, a registry that
    /// will not have it is no failure.
    ///
    /// # Errors
    /// When a repository of `--cache-to` cannot be told.
    pub(super) async fn tell(
        &self,
        (session, builder): (&Session, &Builder),
        built: &Built,
        deliveries: &[(&Destination, Delivery)],
    ) -> Result<(), CliError> {
        let names = deliveries.iter().filter_map(|(destination, _)| destination.reference().cloned());
        self.tell_of((session, builder), built, Holder::Whole(&names.collect::<Vec<_>>())).await
    }

    /// The same of what `holder` is.
    ///
    /// # Errors
    /// When a repository of `--cache-to` cannot be told.
    pub(super) async fn tell_of(
        &self,
        (session, builder): (&Session, &Builder),
        built: &Built,
        holder: Holder<'_>,
    ) -> Result<(), CliError> {
        match builder.record(built, holder).await {
            Err(error) if self.cache_to.is_empty() => {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                session.note(&format!("other builds are not told of the layers: {error}{hint}"));
                Ok(())
            }
            told => Ok(told.map(drop)?),
        }
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::Read { path: path.clone(), source })
}

/// `5%`.
fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse().ok()).filter(|number| *number <= 100);
    number.ok_or_else(|| "write it as a whole number up to `100%`, such as `5%`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(references: &[Reference]) -> Vec<String> {
        references.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_repositories_of_a_push_are_asked_and_told_unless_something_else_is_said() {
        let references = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Reference>>();
        let check = |remote: Remote, offline, from: &[&str], to: &[&str]| {
            let settings = remote.settings(&references(&["h.example/app:1"]), offline).unwrap();
            assert_eq!(places(&settings.from), from);
            assert_eq!(places(&settings.to), to);
        };
        let app = "h.example/app:1";
        check(Remote::default(), false, &[app], &[app]);
        check(Remote::default(), true, &[], &[]);
        check(Remote { no_remote_cache: true, ..Remote::default() }, false, &[], &[]);
        let from = Remote { cache_from: references(&["h.example/a:1"]), ..Remote::default() };
        check(from, false, &[app, "h.example/a:1"], &[app]);
        let to = Remote { cache_to: references(&["h.example/b:1"]), ..Remote::default() };
        check(to, false, &[app, "h.example/b:1"], &["h.example/b:1"]);
    }

    #[test]
    fn shares_are_whole_percents() {
        assert_eq!((percent("5%"), percent("100%"), percent("0%")), (Ok(5), Ok(100), Ok(0)));
        for wrong in ["", "5", "%", "101%", "-1%", "0.5%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
