//! Blobs on their way in: whole, in one stream, or in chunks.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Request, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, LOCATION, RANGE},
};
use tempfile::NamedTempFile;

use super::{
    State,
    digest::{Algorithm, Digest},
    disk::uploads_folder,
    range,
    reply::{DIGEST, Reply, Trouble, empty, with},
    route::{digest_of, is_name},
};
use crate::oci::Hasher;

/// Sessions kept open; the oldest is dropped when one more begins.
const MOST_SESSIONS: usize = 512;

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// The uploads that have begun and not ended. They do not survive a restart.
pub(super) struct Uploads {
    folder: PathBuf,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    begun: u64,
    /// Keys begin with the number of the session, so that the first is the oldest.
    sessions: BTreeMap<String, (String, Arc<tokio::sync::Mutex<Session>>)>,
}

pub(super) struct Session {
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
}

/// Which session of which repository.
type Place<'a> = (&'a str, &'a str);

impl Uploads {
    pub(super) fn new(root: &Path) -> Self {
        Self { folder: uploads_folder(root), open: Mutex::default() }
    }

    fn begin(&self, name: &str) -> Result<String, Trouble> {
        let session = Session::empty(self)?;
        let mut open = self.lock();
        open.begun += 1;
        // Unguessable, so that one client cannot write into another's upload.
        let id = format!("{:012x}-{:016x}", open.begun, RandomState::new().build_hasher().finish());
        open.sessions.insert(id.clone(), (name.to_owned(), Arc::new(tokio::sync::Mutex::new(session))));
        if open.sessions.len() > MOST_SESSIONS {
            open.sessions.pop_first();
        }
        Ok(id)
    }

    fn find(&self, (name, id): Place<'_>) -> Result<Arc<tokio::sync::Mutex<Session>>, Trouble> {
        let open = self.lock();
        let found = open.sessions.get(id).filter(|(owner, _)| owner == name);
        found.map(|(_, session)| Arc::clone(session)).ok_or_else(unknown)
    }

    fn forget(&self, id: &str) -> bool {
        self.lock().sessions.remove(id).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn empty(uploads: &Uploads) -> Result<Self, Trouble> {
        Ok(Self { file: NamedTempFile::new_in(&uploads.folder)?, hasher: Hasher::new(), size: 0 })
    }

    /// Appends the whole body. The writes go to the page cache and are short, so they may stay on
    /// the network thread.
    async fn take<B>(&mut self, mut body: B) -> Result<(), Trouble>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Trouble::Cut)?.into_data() else { continue };
            self.file.write_all(&data)?;
            self.hasher.update(&data);
            self.size += data.len() as u64;
        }
        Ok(())
    }

    fn in_order(&self, place: Place<'_>, request: &Request<impl Body>) -> Result<(), Trouble> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let Some(text) = header(CONTENT_RANGE) else { return Ok(()) };
        let chunk = range::chunk(text);
        let length = header(CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
        if chunk
            .is_some_and(|chunk| chunk.start == self.size && length.is_none_or(|all| all == chunk.end - chunk.start))
        {
            return Ok(());
        }
        Err(Trouble::Refused {
            status: StatusCode::RANGE_NOT_SATISFIABLE,
            code: "BLOB_UPLOAD_INVALID",
            message: "the chunk does not follow the last one".to_owned(),
            headers: vec![(LOCATION, location(place)), (RANGE, self.received())],
        })
    }

    fn received(&self) -> String {
        format!("0-{}", self.size.saturating_sub(1))
    }
}

/// POST: a session, a mount, or a whole blob at once.
pub(super) async fn begin(state: &State, name: &str, request: Request<Incoming>) -> Result<Reply, Trouble> {
    let asked = parameters(&request);
    if let Some(digest) = asked.get("digest") {
        let digest = digest_of(digest)?;
        let mut session = Session::empty(&state.uploads)?;
        session.take(request.into_body()).await?;
        return keep(state, name, session, &digest);
    }
    if let Some(digest) = asked.get("mount") {
        let digest = digest_of(digest)?;
        let there = match asked.get("from") {
            Some(from) => is_name(from) && state.disk.blob_size(from, &digest).is_some(),
            None => state.disk.holds(&digest),
        };
        if there {
            state.disk.link_blob(name, &digest)?;
            return Ok(created(name, &digest));
        }
    }
    let id = state.uploads.begin(name)?;
    Ok(accepted((name, &id), "0-0"))
}

/// PATCH: more bytes of a session.
pub(super) async fn append<B>(state: &State, place: Place<'_>, request: Request<B>) -> Result<Reply, Trouble>
where
    B: Body<Data = Bytes> + Unpin,
{
    let session = state.uploads.find(place)?;
    let mut session = session.lock().await;
    session.in_order(place, &request)?;
    session.take(request.into_body()).await?;
    Ok(accepted(place, &session.received()))
}

/// PUT: the last bytes of a session, and the digest of all.
pub(super) async fn finish<B>(state: &State, place: Place<'_>, request: Request<B>) -> Result<Reply, Trouble>
where
    B: Body<Data = Bytes> + Unpin,
{
    let digest = digest_of(parameters(&request).get("digest").map_or("", String::as_str))?;
    let shared = state.uploads.find(place)?;
    let mut session = shared.lock().await;
    session.in_order(place, &request)?;
    session.take(request.into_body()).await?;
    state.uploads.forget(place.1);
    let finished = std::mem::replace(&mut *session, Session::empty(&state.uploads)?);
    keep(state, place.0, finished, &digest)
}

/// GET: how far a session is.
pub(super) async fn status(state: &State, place: Place<'_>) -> Result<Reply, Trouble> {
    let session = state.uploads.find(place)?;
    let received = session.lock().await.received();
    let mut reply = accepted(place, &received);
    *reply.status_mut() = StatusCode::NO_CONTENT;
    Ok(reply)
}

/// DELETE: forget a session.
pub(super) fn cancel(state: &State, place: Place<'_>) -> Result<Reply, Trouble> {
    state.uploads.find(place)?;
    state.uploads.forget(place.1);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The query of a request, decoded.
pub(super) fn parameters(request: &Request<impl Body>) -> BTreeMap<String, String> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn keep(state: &State, name: &str, session: Session, digest: &Digest) -> Result<Reply, Trouble> {
    // Hashed on the way in, as nearly everybody names blobs; for the others the file is read again.
    let found = match digest.algorithm() {
        Algorithm::Sha256 => session.hasher.finish().into(),
        Algorithm::Sha512 => Digest::of_all(Algorithm::Sha512, session.file.reopen()?)?,
    };
    if found != *digest {
        return Err(Trouble::refused(400, "DIGEST_INVALID", format!("the bytes that came have {found}")));
    }
    state.disk.keep_blob(name, digest, session.file)?;
    Ok(created(name, digest))
}

fn created(name: &str, digest: &Digest) -> Reply {
    let reply = with(empty(StatusCode::CREATED), LOCATION, &format!("/v2/{name}/blobs/{digest}"));
    with(reply, DIGEST, &digest.to_string())
}

fn accepted(place: Place<'_>, received: &str) -> Reply {
    let reply = with(empty(StatusCode::ACCEPTED), LOCATION, &location(place));
    with(with(reply, RANGE, received), UPLOAD_ID, place.1)
}

fn location((name, id): Place<'_>) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

fn unknown() -> Trouble {
    Trouble::refused(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
}
