//! Many recipes at once: one pool of threads, one store, one set of connections, and so many at a time that
//! memory stays bounded. What becomes of one is no matter of the others.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt as _, stream};

use super::{BuildError, Builder, RemoteCache, Settings};
use crate::{
    progress::{Observer, Within},
    report::Recorder,
};

/// How a fleet is worked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Recipes at the same time. Each takes memory for what it chooses among and for what it is made of; layers
    /// and downloads have limits of their own, which hold for all recipes together.
    pub at_once: NonZeroUsize,
    /// What a failure means for the others.
    pub failure: Failure,
}

/// What the failure of one recipe means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failure {
    /// Nothing.
    #[default]
    GoOn,
    /// No further one is begun; those at work are finished.
    BeginNoMore,
}

/// What became of one recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<T, E> {
    /// It was done.
    Done(T),
    /// It failed.
    Failed(E),
    /// It was not begun, because another one failed.
    NotBegun,
}

impl Fleet {
    /// As many recipes at once as keep `jobs` threads at work while some wait for the network.
    #[must_use]
    pub fn for_jobs(jobs: NonZeroUsize) -> Self {
        const FEWEST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
        Self { at_once: jobs.saturating_mul(NonZeroUsize::MIN.saturating_add(1)).max(FEWEST), failure: Failure::GoOn }
    }

    /// Does `work` for each of `recipes`, and says of each what came of it, in their order.
    ///
    /// # Examples
    /// ```no_run
    /// # use wheelwright::builder::*;
    /// # async fn example(builder: Builder, recipes: Vec<(String, Project, wheelwright::lock::Lock)>) -> Result<(), BuildError> {
    /// let fleet = Fleet::for_jobs(std::num::NonZeroUsize::MIN);
    /// let fates = fleet
    ///     .each(recipes, async |(name, project, lock)| {
    ///         // Its events name the recipe; threads, connections, store and work in progress are shared.
    ///         let builder = builder.within(&name, RemoteCache::default())?;
    ///         let built = builder.build(&project, &lock, &Selection::default()).await?;
    ///         let to = Destination::Layout { folder: "dist".into(), name: Some(name) };
    ///         builder.deliver(&built, &to).await
    ///     })
    ///     .await;
    /// for fate in fates {
    ///     if let Fate::Failed(error) = fate {
    ///         // The others are where they should be.
    ///         return Err(error);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn each<I, T, E>(&self, recipes: Vec<I>, work: impl AsyncFn(I) -> Result<T, E>) -> Vec<Fate<T, E>> {
        let (failed, work) = (AtomicBool::new(false), &work);
        let one = async |recipe| {
            if self.failure == Failure::BeginNoMore && failed.load(Ordering::Acquire) {
                return Fate::NotBegun;
            }
            match work(recipe).await {
                Ok(done) => Fate::Done(done),
                Err(error) => {
                    failed.store(true, Ordering::Release);
                    Fate::Failed(error)
                }
            }
        };
        stream::iter(recipes).map(one).buffered(self.at_once.get()).collect().await
    }
}

impl Builder {
    /// A builder for one recipe among several: what it tells names `recipe`, and it asks and tells the
    /// registries of `remote`; all else it has in common with this one.
    ///
    /// # Errors
    /// When the name of a registry makes no URL.
    pub fn within(&self, recipe: &str, remote: RemoteCache) -> Result<Self, BuildError> {
        let layers = Arc::new(remote.index(&self.registry)?);
        let observer: Arc<dyn Observer> = Arc::new(Within::new(recipe, Arc::clone(&self.settings.observer)));
        let settings = Arc::new(Settings { remote, observer, ..(*self.settings).clone() });
        Ok(Self { settings, layers, warned: Arc::default(), ..self.clone() })
    }

    /// The same builder, and what records everything that it tells from now on.
    #[must_use]
    pub fn recorded(&self) -> (Self, Arc<Recorder>) {
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.settings.observer)));
        let observer = Arc::clone(&recorder) as Arc<dyn Observer>;
        let settings = Arc::new(Settings { observer, ..(*self.settings).clone() });
        (Self { settings, ..self.clone() }, recorder)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn a_failure_is_one_recipes_alone() {
        let check = async |failure, expect: &[Fate<u32, u32>]| {
            let fleet = Fleet { at_once: NonZeroUsize::new(2).unwrap(), failure };
            let (busy, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let work = async |number: u32| {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                busy.fetch_sub(1, Ordering::SeqCst);
                if number == 1 { Err(number) } else { Ok(number) }
            };
            assert_eq!(fleet.each(vec![0, 1, 2, 3], work).await, expect);
            assert_eq!(most.load(Ordering::SeqCst), 2);
        };
        check(Failure::GoOn, &[Fate::Done(0), Fate::Failed(1), Fate::Done(2), Fate::Done(3)]).await;
        check(Failure::BeginNoMore, &[Fate::Done(0), Fate::Failed(1), Fate::NotBegun, Fate::NotBegun]).await;
    }
}
