//! The server behind the address, and always the same one: what was written is read back where it is.
//!
//! ```text
//! address ─▶ places (DNS) ─▶ a balancer, perhaps ─▶ servers
//!              the pinned one comes first             a new connection asks who it is: `serverUUID()`
//! ```
//!
//! A balancer may lead each connection to another replica. So new ones are opened until one comes to the server
//! of before, and only when that is not to be had for a while another one is pinned. Those that came elsewhere
//! are held meanwhile: who gives each to the replica with the fewest comes to ours in the end. (A balancer that
//! leads each *request* elsewhere defeats that; it has to be made sticky.)
//!
//! A request whose answer was lost may still run there, and would write its rows after what is written
//! next, a TRUNCATE for instance. So before anything else is asked it is killed, and seen to be gone, at the
//! server that had it: see [`super::astray`].

use super::RemoteOptions;
use super::astray::{Astray, Pending};
use super::fence::{self, Fence};
use super::line::{Ask, Failed, Line, Login};
use super::profile;
use super::tls::Tls;
use crate::{Rows, tsv};
use model::{Error, Result};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Servers close idle connections after 10 s, and a request that meets that is lost.
const IDLE_MOST: Duration = Duration::from_secs(5);
/// Twice as many as flow writes tables at once.
const IDLE_LINES_MAX: usize = 8;
/// For so long the pinned server is looked for where others answer: a balancer's own checks are through by then.
const PINNED_MOST: Duration = Duration::from_secs(20);
/// The first tries follow each other at once.
const TRIES_AT_ONCE: usize = 12;
const TRIES_PAUSE: Duration = Duration::from_millis(500);
/// A replica that was behind has caught up with tables and columns by then: so long an error about them passes.
const LAGS_MOST: Duration = Duration::from_secs(300);
/// The same of the first one, for a pipeline: a process of before may have had another one, and a replica that is
/// behind knows the least of whether there are others. A name that is missing for good is told that much later.
const NEW_MOST: Duration = Duration::from_secs(60);
/// Connections to others that are held.
const STRAYS_MAX: usize = 16;
/// At the start, before a login that was refused is believed to be a wrong one.
const LOGIN_PAUSE: Duration = Duration::from_secs(1);
/// For small questions of ours.
const PATIENCE: Duration = Duration::from_secs(30);
const BYTES_MAX: usize = 1 << 20;
/// At the claims, before a write is tried again later.
const LOOKS_MOST: u32 = 3;
/// How long a statement that was given up may take to end.
const ASTRAY_MOST: Duration = Duration::from_secs(60);
const ASTRAY_LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Server {
    pub(super) options: RemoteOptions,
    tls: Option<Tls>,
    idle: Mutex<Vec<(Line, Instant)>>,
    pinned: Mutex<Option<Pin>>,
    astray: Astray,
    ending_astray: tokio::sync::Mutex<()>,
    /// Statements of this process are called so, and numbered: see [`names`].
    name: String,
    asked: AtomicU64,
    pub(super) fence: Fence,
    /// Of a balancer that leads each request elsewhere.
    warned: AtomicBool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Pin {
    place: SocketAddr,
    /// Its UUID.
    server: String,
    since: Instant,
    /// It came after another one.
    is_next: bool,
}

impl Pin {
    fn may_lag(&self, now: Instant) -> bool {
        self.is_next && now.saturating_duration_since(self.since) < LAGS_MOST
    }

    fn is_new(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < NEW_MOST
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Server {
    pub(super) fn new(options: RemoteOptions) -> Result<Server> {
        let tls = match options.address.tls {
            true => Some(Tls::new(&options.address, &options.certificates)?),
            false => None,
        };
        let process = random();
        let name = format!("{}{process}", names(options.slot.as_deref()));
        let fence = Fence::new(&process, options.place.as_deref());
        Ok(Server {
            options,
            tls,
            idle: Mutex::default(),
            pinned: Mutex::default(),
            astray: Astray::default(),
            ending_astray: tokio::sync::Mutex::default(),
            name,
            asked: AtomicU64::new(0),
            fence,
            warned: AtomicBool::new(false),
        })
    }

    pub(super) async fn ask(&self, mut ask: Ask) -> Result<Vec<u8>, Failed> {
        if self.options.cluster.is_some() {
            let more = profile::OF_CLUSTER.iter();
            ask.settings.extend(more.map(|(name, value)| (*name, (*value).to_owned())));
        }
        self.end_astray().await?;
        let mut line = self.line().await?;
        if ask.writes {
            self.pass_fence(&mut line).await?;
        }
        let (id, is_packed) = (self.next_id(), ask.body.is_packed());
        let mut pending = Pending::new(&self.astray, &line.server, &id);
        let answered = line.ask(&id, ask).await;
        self.warn_of_several(&line);
        if !matches!(&answered, Err(failed) if failed.leaves_it_running()) {
            pending.is_over();
        }
        match &answered {
            Err(failed) if failed.is_of_login() => self.logs_in_again(),
            // The rest of its data may still be on the way.
            Err(_) if is_packed => {}
            _ => self.keep(line),
        }
        answered
    }

    /// The look is the last that happens before something is written, and on the same connection.
    async fn pass_fence(&self, line: &mut Line) -> Result<(), Failed> {
        let Some(slot) = &self.options.slot else { return Ok(()) };
        if !self.fence.needs_look()? {
            return Ok(());
        }
        for _ in 0..LOOKS_MOST {
            let then = Instant::now();
            let found = fence::read(self.ask_line(line, fence::question(slot)).await?)?;
            if self.fence.looked(found.into_iter().next().unwrap_or_default(), then)? {
                return Ok(());
            }
        }
        let place = self.options.address.place();
        let slow = Error::transient(format!("could not ask {place} in time who has the slot"));
        Err(slow.detail("Its answers come too late to say who has it now.").into())
    }

    fn warn_of_several(&self, line: &Line) {
        if line.is_of_several && !self.warned.swap(true, Ordering::Relaxed) {
            let place = self.options.address.place();
            tracing::warn!(%place, "requests of one connection are answered by several servers; have the balancer lead a connection to one of them");
        }
    }

    /// New connections log in as is said now: a token that ran out may have been replaced.
    fn logs_in_again(&self) {
        locked(&self.idle).clear();
    }

    /// A question of ours that changes nothing, on any connection.
    async fn ask_line(&self, line: &mut Line, sql: String) -> Result<Rows, Failed> {
        let answer = line.ask(&self.next_id(), Ask::text(sql, PATIENCE, BYTES_MAX)).await;
        if matches!(&answer, Err(failed) if failed.is_of_login()) {
            self.logs_in_again();
        }
        Ok(tsv::read(&answer?))
    }

    /// What statements of this process are called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn next_id(&self) -> String {
        format!("{}-{}", self.name, self.asked.fetch_add(1, Ordering::Relaxed))
    }

    fn keep(&self, line: Line) {
        let is_of_pinned = self.pinned_server().as_ref() == Some(&line.server);
        let mut idle = locked(&self.idle);
        if is_of_pinned && line.is_open() && idle.len() < IDLE_LINES_MAX {
            idle.push((line, Instant::now()));
        }
    }

    async fn line(&self) -> Result<Line> {
        while let Some(mut line) = self.idle_line() {
            if line.is_ready().await {
                return Ok(line);
            }
        }
        let connected = self.connect().await;
        // Who has let us in once is away, or what we log in with is being replaced.
        connected.map_err(|error| if self.is_known() { error.passing() } else { error })
    }

    /// Whether it has ever answered.
    fn is_known(&self) -> bool {
        locked(&self.pinned).is_some()
    }

    /// Whether it took the place of another replica a short while ago, whose tables it may not all have yet.
    pub(super) fn may_lag(&self) -> bool {
        locked(&self.pinned).as_ref().is_some_and(|pin| pin.may_lag(Instant::now()))
    }

    /// Whether a table or a column that is said to be missing may come.
    pub(super) fn may_lack_names(&self) -> bool {
        let is_new = |pin: &Pin| self.options.slot.is_some() && pin.is_new(Instant::now());
        self.may_lag() || locked(&self.pinned).as_ref().is_some_and(is_new)
    }

    fn idle_line(&self) -> Option<Line> {
        let mut idle = locked(&self.idle);
        idle.retain(|(_, since)| since.elapsed() < IDLE_MOST);
        idle.pop().map(|(line, _)| line)
    }

    async fn connect(&self) -> Result<Line> {
        let mut login = (self.options.login)()?;
        let (mut since, mut known) = (Instant::now(), self.pinned_server());
        let (mut tries, mut strays) = (0, VecDeque::new());
        loop {
            let now = self.pinned_server();
            if now != known {
                // Somebody else has pinned another one meanwhile.
                (since, known) = (Instant::now(), now);
            }
            let is_late = since.elapsed() >= PINNED_MOST;
            match self.open(&login).await {
                Ok((line, place)) => {
                    match self.is_to_be_used(&line, place, known.as_deref().filter(|_| is_late)) {
                        true => return Ok(line),
                        false => strays.push_back(line),
                    }
                }
                Err(failed) => {
                    if failed.is_of_login() && self.has_another(&mut login).await? {
                        continue;
                    }
                    // Where others answer, this one may be the pinned server's.
                    if strays.is_empty() || is_late {
                        return Err(self.not_opened(failed));
                    }
                }
            }
            if strays.len() > STRAYS_MAX {
                strays.pop_front();
            }
            tries += 1;
            if tries >= TRIES_AT_ONCE {
                tokio::time::sleep(TRIES_PAUSE).await;
            }
        }
    }

    /// Whether it came to the pinned server, or that one is `gone`. The first one is pinned.
    fn is_to_be_used(&self, line: &Line, place: SocketAddr, gone: Option<&str>) -> bool {
        let mut pinned = locked(&self.pinned);
        let (mut since, mut is_next) = (Instant::now(), false);
        if let Some(pin) = pinned.as_ref() {
            (since, is_next) = (pin.since, pin.is_next);
        }
        let others =
            pinned.as_ref().map(|pin| pin.server.as_str()).filter(|pin| *pin != line.server);
        if let Some(pin) = others {
            if gone != Some(pin) {
                return false;
            }
            let place = self.options.address.place();
            tracing::warn!(%place, "another server answers there from now on");
            locked(&self.idle).clear();
            (since, is_next) = (Instant::now(), true);
        }
        *pinned = Some(Pin { place, server: line.server.clone(), since, is_next });
        true
    }

    /// Whether its file says something else by now. Where a server and a file are given a new password, one of
    /// them is the first.
    async fn has_another(&self, login: &mut Login) -> Result<bool> {
        if !self.is_known() {
            tokio::time::sleep(LOGIN_PAUSE).await;
        }
        let now = (self.options.login)()?;
        let is_another = now != *login;
        *login = now;
        Ok(is_another)
    }

    fn not_opened(&self, failed: Failed) -> Error {
        let place = self.options.address.place();
        let doing = format!("log in at {place}");
        match self.is_known() {
            true => failed.error(&doing, &place),
            false => failed.error_at_first(&doing, &place),
        }
    }

    pub(super) fn pinned_server(&self) -> Option<String> {
        locked(&self.pinned).as_ref().map(|pin| pin.server.clone())
    }

    /// A new connection, and to whom: to the first address of the name that has a server behind it.
    async fn open(&self, login: &Login) -> Result<(Line, SocketAddr), Failed> {
        self.open_first(self.places().await?, login).await
    }

    async fn open_first(
        &self,
        places: Vec<SocketAddr>,
        login: &Login,
    ) -> Result<(Line, SocketAddr), Failed> {
        let mut last = None;
        for place in places {
            match self.open_at(place, login).await {
                Ok(line) => return Ok((line, place)),
                // That one needs somebody's help, whatever the others say.
                Err(_) if last.as_ref().is_some_and(Failed::is_of_login) => {}
                Err(failed) => last = Some(failed),
            }
        }
        Err(last.unwrap_or_else(|| Failed::Ours(self.unnamed())))
    }

    async fn open_at(&self, place: SocketAddr, login: &Login) -> Result<Line, Failed> {
        let mut line = Line::open(&self.options.address, place, self.tls.as_ref(), login).await?;
        let rows = self.ask_line(&mut line, "SELECT serverUUID()".into()).await?;
        line.server = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        Ok(line)
    }

    fn unnamed(&self) -> Error {
        Error::transient(format!("could not find the address of {}", self.options.address.host))
    }

    /// The pinned one first.
    async fn places(&self) -> Result<Vec<SocketAddr>> {
        let address = &self.options.address;
        let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
        let mut places: Vec<_> = found.map_err(|error| self.unnamed().source(error))?.collect();
        let pinned = locked(&self.pinned).as_ref().map(|pin| pin.place);
        places.sort_by_key(|place| Some(*place) != pinned);
        Ok(places)
    }

    /// Before anything else is asked.
    async fn end_astray(&self) -> Result<()> {
        if self.astray.is_empty() {
            return Ok(());
        }
        let _turn = self.ending_astray.lock().await;
        if self.astray.is_empty() {
            return Ok(());
        }
        let line = self.line().await?;
        let found = self.astray.from(&line.server);
        if let Some(which) = found.which_are_here() {
            self.end_on(line, &which).await?;
        }
        if let Some(left) = found.wait_for_others(Instant::now()) {
            let place = self.options.address.place();
            return Err(Error::transient(format!("could not go on at {place}: another server answers there"))
                .detail(format!(
                    "The one of before may still run a statement whose answer was lost, and cannot be asked. It is \
                     waited for; after {} s more it is taken to be gone.",
                    left.as_secs() + 1
                ))
                .hint("bring that server back, or have the balancer lead every connection to one replica"));
        }
        self.astray.forget(&found);
        Ok(())
    }

    /// Kills statements, and waits until they are gone.
    pub(super) async fn end(&self, which: &str) -> Result<()> {
        let line = self.line().await?;
        self.end_on(line, which).await
    }

    async fn end_on(&self, mut line: Line, which: &str) -> Result<()> {
        let place = self.options.address.place();
        let failed = |failed: Failed| failed.error("end a statement that was given up", &place);
        let since = Instant::now();
        loop {
            let count = format!("SELECT count() FROM system.processes WHERE {which}");
            let rows = self.ask_line(&mut line, count).await.map_err(failed)?;
            // What another one does not run, the one that was meant may.
            if line.is_of_several {
                self.warn_of_several(&line);
                return Err(Error::transient("could not end a statement that was given up")
                    .detail(format!("Another server answered at {place}."))
                    .hint("have the balancer lead every request of a connection to one replica"));
            }
            if rows.iter().flatten().flatten().all(|count| count == "0") {
                self.keep(line);
                return Ok(());
            }
            if since.elapsed() > ASTRAY_MOST {
                return Err(Error::transient("could not end a statement that was given up")
                    .detail(format!("It still runs at {place}.")));
            }
            // Not SYNC: one that ended in an error may stay listed until its connection closes.
            let kill = format!("KILL QUERY WHERE {which} ASYNC");
            self.ask_line(&mut line, kill).await.map_err(failed)?;
            tokio::time::sleep(ASTRAY_LOOK_EVERY).await;
        }
    }
}

/// How the ids of all statements of a slot's pipeline begin, whichever process sends them. (A slot's name
/// has no hyphen.) Those of people, who only look, begin otherwise: no pipeline that starts ends them.
pub(super) fn names(slot: Option<&str>) -> String {
    slot.map_or("millrace_look-".to_owned(), |slot| format!("millrace-{slot}-"))
}

/// What no other process has.
pub(super) fn random() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::super::Remote;
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Says that to whoever comes, once.
    fn says(head: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                let _ = socket.read(&mut [0; 4096]);
                let text = format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nu\n");
                let _ = socket.write_all(text.as_bytes());
            }
        });
        place
    }

    #[tokio::test]
    async fn another_address_of_the_name_is_tried_whatever_the_first_one_says() {
        let well = says("200 OK\r\nX-ClickHouse-Progress: {}");
        let remote = Remote::nowhere();
        let server = &remote.inner.server;
        for other in ["404 Not Found", "401 Unauthorized", "502 Bad Gateway"].map(says) {
            let (line, place) = server.open_first(vec![other, well], &Login::Nobody).await.unwrap();
            assert_eq!((line.server.as_str(), place), ("u", well));
        }
        let both = vec![says("401 Unauthorized"), says("502 Bad Gateway")];
        let Err(failed) = server.open_first(both, &Login::Nobody).await else { panic!() };
        assert!(failed.is_of_login());
    }

    #[test]
    fn a_replica_lags_for_a_while_after_it_took_the_place_of_another() {
        let (place, now) = (SocketAddr::from(([127, 0, 0, 1], 1)), Instant::now());
        let pin = |is_next| Pin { place, server: "u".into(), since: now, is_next };
        assert!(!pin(false).may_lag(now));
        assert!(pin(true).may_lag(now + LAGS_MOST / 2));
        assert!(!pin(true).may_lag(now + LAGS_MOST));
        assert!(pin(false).is_new(now) && !pin(false).is_new(now + NEW_MOST));
    }
}
