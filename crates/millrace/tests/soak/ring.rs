//! One pipeline under load, and what is done to it.

use crate::alter;
use crate::fault::Fault;
use crate::home::{Home, Kind};
use cluster::{Cluster, program};
use harness::{
    Dice, PATIENCE, Pgbench, Project, Proxy, Tmpfs, Traffic, Up, config, poll, shop_config,
    shop_schema,
};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

const BINARY: &str = env!("CARGO_BIN_EXE_millrace");
/// History in each large table: a first copy takes long enough to be killed in it.
const HISTORY_ROWS: u32 = 15_000;
/// Transactions a second of pgbench; the shop's writers add about as many.
const PGBENCH_RATE: u32 = 100;

/// A history and an archive of what is done to `scratch`.
const FOLLOWERS: &str = "
    create table past (id bigint primary key, word text, weight float8);
    create table kept (like past including all);
    create function follow() returns trigger language plpgsql as $$ declare name text; begin
      foreach name in array array['past', 'kept'] loop
        if tg_op <> 'INSERT' then
          if tg_op = 'UPDATE' and old.id <> new.id then
            execute format('delete from %I where id = $1', name) using new.id;
            execute format('update %I set id = $2 where id = $1', name) using old.id, new.id;
          end if;
          if tg_op = 'DELETE' then
            execute format('delete from %I where id = $1', name) using old.id;
          end if;
        end if;
        if tg_op <> 'DELETE' then
          execute format('insert into %I values ($1, $2, $3) on conflict (id) do update set word = excluded.word, weight = excluded.weight', name)
            using new.id, new.word, new.weight;
        end if;
      end loop;
      return null; end $$;
    create trigger follows after insert or update or delete on scratch for each row execute function follow();";

/// Mirrors, append tables, a history and an archive.
const TABLES: [&str; 8] = [
    "public.customers",
    "public.orders",
    "public.order_items",
    "public.documents",
    "public.events",
    "public.pgbench_history",
    "public.past",
    "public.kept",
];
/// Columns of mirrors, and what they may be.
const RETYPED: [(&str, &str, [&str; 2]); 5] = [
    ("order_items", "quantity", ["int", "bigint"]),
    ("documents", "revision", ["int", "bigint"]),
    ("scratch", "weight", ["float4", "float8"]),
    ("past", "weight", ["float4", "float8"]),
    ("customers", "name", ["text", "varchar(200)"]),
];

/// Options that tables take and lose again.
const OPTIONS: [&str; 5] = [
    "",
    "[tables.\"public.documents\".columns]\nbody = { exclude = true }\n",
    "[tables.\"public.scratch\".columns]\nword = { name = \"term\" }\nflag = { exclude = true }\n",
    "[tables.\"public.orders\".columns]\nstatus = { type = \"LowCardinality(String)\" }\n",
    "[tables.\"public.documents\".columns]\ntitle = { default = \"'untitled'\" }\n",
];

pub(crate) struct Ring {
    // In the order in which they must go: load, pipeline, disk, directory, source.
    pgbench: Option<Pgbench>,
    traffic: Traffic,
    up: Option<Up>,
    disk: Option<Tmpfs>,
    project: Project,
    home: Home,
    proxy: Proxy,
    cluster: Cluster,
    /// Without options that come and go.
    config: String,
    /// Commits when the last round ended, to see that the load is one.
    committed: u64,
}

pub(crate) type Ended = Result<Compared, String>;

/// A round that ended well.
pub(crate) struct Compared {
    pub(crate) rows: u64,
    /// Of the fault, until every table streamed again, and of verify.
    pub(crate) seconds: [f64; 3],
}

impl Ring {
    pub(crate) fn start(kind: Kind, seed: u64) -> Ring {
        let cluster = Cluster::start_with(&["wal_sender_timeout = '10s'"]);
        Pgbench::init(&cluster, 1);
        cluster.sql(&shop_schema(HISTORY_ROWS));
        cluster.sql(FOLLOWERS);
        cluster.sql("create publication millrace for all tables");
        let home = Home::start(kind);
        let more = format!(
            "{}{}[tables.\"public.pgbench_history\"]\nmode = \"append\"\norder_by = [\"tid\", \"mtime\"]\n\
             [tables.\"public.past\"]\nmode = \"history\"\n\
             [tables.\"public.kept\"]\ndeletes = \"keep\"\n",
            home.section(),
            shop_config()
        );
        let proxy = Proxy::start(cluster.port());
        let url = cluster.url().replace(&cluster.port().to_string(), &proxy.port().to_string());
        let config = config(&url, &more);
        let project = Project::new(BINARY, &config);
        let disk = Home::small_disk(&project);
        let traffic = Traffic::start(&cluster.url(), seed);
        let pgbench = Some(Pgbench::start(cluster.port(), PGBENCH_RATE));
        let mut up = project.up();
        up.wait_ready();
        let (up, committed) = (Some(up), 0);
        Ring { pgbench, traffic, up, disk, project, home, proxy, cluster, config, committed }
    }

    pub(crate) fn has_small_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Does it, waits until every table streams again, and compares.
    pub(crate) fn round(&mut self, fault: Fault, paused: bool, dice: &mut Dice) -> Ended {
        let begun = Instant::now();
        self.inflict(fault, dice)?;
        let inflicted = begun.elapsed();
        self.running().try_wait_ready()?;
        self.forget_facts_of_before();
        let ready = begun.elapsed();
        let committed = self.traffic.committed();
        if committed == self.committed {
            let refusal = self.traffic.last_refusal();
            return Err(format!("no traffic since the last round: {refusal:?}"));
        }
        self.committed = committed;
        let compared = if paused {
            self.pgbench = None;
            let compared = self.traffic.paused(|| self.project.differences());
            self.pgbench = Some(Pgbench::start(self.cluster.port(), PGBENCH_RATE));
            compared
        } else {
            self.project.differences()
        };
        let (differences, rows) = compared?;
        if !differences.is_empty() {
            return Err(differences.join("\n"));
        }
        let seconds = [inflicted, ready - inflicted, begun.elapsed() - ready];
        Ok(Compared { rows, seconds: seconds.map(|span| span.as_secs_f64()) })
    }

    fn running(&mut self) -> &mut Up {
        self.up.as_mut().expect("every fault leaves a running pipeline")
    }

    fn begin(&mut self) -> Result<(), String> {
        let begun = self.project.try_up(&[]);
        self.up =
            Some(begun.map_err(|ran| format!("up ended with {:?}: {}", ran.code, ran.talk()))?);
        Ok(())
    }

    fn kill(&mut self) {
        self.up.take().expect("it runs").kill();
    }

    fn inflict(&mut self, fault: Fault, dice: &mut Dice) -> Result<(), String> {
        pause(dice, 100, 1500);
        match fault {
            Fault::Kill => {
                self.kill();
                pause(dice, 0, 500);
                self.begin()
            }
            Fault::KillOften => {
                for _ in 0..dice.within(1, 4) {
                    self.kill();
                    self.begin()?;
                    // About as long as it needs to write its first batch again.
                    pause(dice, 0, 700);
                }
                self.kill();
                self.begin()
            }
            Fault::KillInCopy => self.kill_in_copy(dice),
            Fault::Drain => {
                let code = self.up.take().expect("it runs").stop();
                if code != Some(0) {
                    return Err(format!("SIGTERM ended it with {code:?}"));
                }
                pause(dice, 0, 500);
                self.begin()
            }
            Fault::RestartPostgres => {
                self.cluster.stop("fast");
                pause(dice, 0, 1000);
                self.cluster.resume();
                Ok(())
            }
            Fault::CrashPostgres => {
                self.cluster.stop("immediate");
                pause(dice, 0, 1000);
                self.cluster.resume();
                Ok(())
            }
            Fault::CrashBoth => {
                self.cluster.stop("immediate");
                self.kill();
                self.cluster.resume();
                self.begin()
            }
            Fault::EndWalsender => {
                for _ in 0..dice.within(1, 4) {
                    self.cluster.sql(
                        "select pg_terminate_backend(active_pid) from pg_replication_slots
                          where slot_name = 'millrace' and active_pid is not null",
                    );
                    pause(dice, 50, 600);
                }
                Ok(())
            }
            Fault::SlotTaken => self.take_slot(dice),
            Fault::DiskFull => {
                let disk = self.disk.as_ref().expect("such rounds need it");
                disk.fill();
                pause(dice, 300, 2000);
                disk.free();
                Ok(())
            }
            Fault::KillDiskFull => {
                self.disk.as_ref().expect("such rounds need it").fill();
                pause(dice, 100, 1000);
                self.kill();
                self.disk.as_ref().expect("as above").free();
                self.begin()
            }
            Fault::Resync => {
                let mut tables = vec![*dice.pick(&TABLES), *dice.pick(&TABLES)];
                tables.dedup();
                self.resync(&tables, dice)
            }
            Fault::Pause => self.pause(dice),
            Fault::Reload => {
                for _ in 0..dice.within(1, 3) {
                    self.project.configure(&format!("{}{}", self.config, dice.pick(&OPTIONS)));
                    self.asked(&["reload"])?;
                    self.perhaps_killed(dice)?;
                }
                Ok(())
            }
            Fault::Retype => {
                let (table, column, types) = dice.pick(&RETYPED);
                let ty = dice.pick(types);
                self.cluster.sql(&format!("alter table {table} alter {column} type {ty}"));
                self.perhaps_killed(dice)
            }
            Fault::Alter => {
                for _ in 0..dice.within(1, 4) {
                    let sql = alter::some(&self.cluster, dice);
                    self.cluster.sql(&sql);
                    self.perhaps_killed(dice)?;
                }
                Ok(())
            }
            Fault::Rename => {
                let table = dice.pick(&["documents", "order_items", "events", "scratch"]);
                // What is written meanwhile is refused by the source.
                for (from, to) in [("", "_2"), ("_2", "")] {
                    let sql = format!("alter table {table}{from} rename to {table}{to}");
                    self.cluster.sql(&sql);
                    self.perhaps_killed(dice)?;
                }
                Ok(())
            }
            Fault::LargeTransaction => {
                let rows = dice.within(20_000, 120_000);
                let transaction = alter::large_transaction(rows);
                let cluster = &self.cluster;
                let ran = std::thread::scope(|scope| {
                    let writes = scope.spawn(|| cluster.try_sql(&transaction));
                    pause(dice, 0, 1500);
                    writes.join()
                });
                ran.map_err(|_| "the writer of a large transaction broke".to_owned())??;
                self.perhaps_killed(dice)
            }
            Fault::Cut => {
                for _ in 0..dice.within(1, 4) {
                    self.proxy.cut();
                    pause(dice, 0, 1000);
                    self.proxy.open();
                    pause(dice, 0, 1500);
                }
                Ok(())
            }
            Fault::HoldUp => {
                self.proxy.hold_up();
                pause(dice, 500, 4000);
                self.proxy.open();
                self.proxy.delay(dice.millis(1, 20));
                pause(dice, 500, 3000);
                self.proxy.open();
                Ok(())
            }
            Fault::StoreKilled | Fault::StoreCut | Fault::StoreHeldUp | Fault::SpoolFull => {
                self.inflict_on_store(fault, dice)
            }
        }
    }

    fn inflict_on_store(&mut self, fault: Fault, dice: &mut Dice) -> Result<(), String> {
        match fault {
            Fault::StoreKilled => {
                self.home.go();
                let ended = self.away(dice);
                self.home.come();
                ended
            }
            Fault::StoreCut => {
                for _ in 0..dice.within(1, 3) {
                    self.home.network().cut();
                    let ended = self.away(dice);
                    self.home.network().open();
                    ended?;
                    pause(dice, 0, 1500);
                }
                Ok(())
            }
            Fault::StoreHeldUp => {
                self.home.network().hold_up();
                let ended = self.away(dice);
                self.home.network().open();
                ended?;
                self.home.network().delay(dice.millis(1, 20));
                pause(dice, 500, 3000);
                self.home.network().open();
                Ok(())
            }
            _ => {
                self.home.network().cut();
                pause(dice, 0, 9000);
                self.disk.as_ref().expect("such rounds need it").fill();
                pause(dice, 0, 3000);
                if dice.below(2) == 0 {
                    self.kill();
                    self.disk.as_ref().expect("as above").free();
                    self.begin()?;
                } else {
                    self.disk.as_ref().expect("as above").free();
                }
                pause(dice, 0, 3000);
                self.home.network().open();
                Ok(())
            }
        }
    }

    /// A moment, or so long that the spool is used, up to its limit; killed meanwhile or not, and the tables
    /// changed or not.
    fn away(&mut self, dice: &mut Dice) -> Result<(), String> {
        let most_ms = *dice.pick(&[500, 8_000, 20_000]);
        pause(dice, 0, most_ms);
        if dice.below(4) == 0 {
            let sql = alter::some(&self.cluster, dice);
            self.cluster.sql(&sql);
        }
        self.perhaps_killed(dice)
    }

    fn perhaps_killed(&mut self, dice: &mut Dice) -> Result<(), String> {
        pause(dice, 0, 700);
        if dice.below(2) == 0 {
            self.kill();
            self.begin()?;
        }
        Ok(())
    }

    /// Until it is done: the pipeline may have just begun.
    fn asked(&self, args: &[&str]) -> Result<(), String> {
        let mut ran = self.project.run(args);
        let asked = poll(PATIENCE, || {
            let done = ran.code == Some(0);
            if !done {
                ran = self.project.run(args);
            }
            done.then_some(())
        });
        asked.ok_or_else(|| ran.talk())
    }

    /// With a copy that runs in half of the rounds.
    fn pause(&mut self, dice: &mut Dice) -> Result<(), String> {
        if dice.below(2) == 0 {
            let table = *dice.pick(&TABLES);
            self.asked(&["resync", table])?;
            pause(dice, 0, 500);
        }
        self.asked(&["pause"])?;
        let sql = "select active from pg_replication_slots where slot_name = 'millrace'";
        for _ in 0..dice.within(0, 2) {
            pause(dice, 0, 1000);
            self.kill();
            self.begin()?;
        }
        pause(dice, 0, 2000);
        if self.cluster.sql(sql) != "f" {
            return Err("a paused pipeline is on its slot".to_owned());
        }
        self.asked(&["resume"])?;
        self.perhaps_killed(dice)
    }

    /// Killed while it copies in half of the rounds; slowly, so that it does.
    fn resync(&mut self, tables: &[&str], dice: &mut Dice) -> Result<(), String> {
        let rate = dice.pick(&["0", "10000", "50000"]);
        self.asked(&[&["resync", "--max-rows-per-second", rate], tables].concat())?;
        if dice.below(2) == 0 {
            pause(dice, 0, 1500);
            self.kill();
            self.begin()?;
        }
        self.running().try_wait_ready()
    }

    /// Resyncs of append tables leave them; the disk is small.
    fn forget_facts_of_before(&mut self) {
        let door = self.home.door().unwrap_or_else(|| self.running().door().clone());
        let names = door.query("SELECT name FROM system.tables WHERE name LIKE '%\\_before\\_%'");
        for name in names.lines() {
            door.query(&format!("DROP TABLE public.`{name}` SYNC"));
        }
    }

    /// Everything anew, and killed before it is copied.
    fn kill_in_copy(&mut self, dice: &mut Dice) -> Result<(), String> {
        self.kill();
        // Its walsender ends a moment after it.
        let drop = "select pg_drop_replication_slot(slot_name) from pg_replication_slots
                     where slot_name = 'millrace' and active_pid is null";
        let gone = poll(PATIENCE, || {
            self.cluster.try_sql(drop).ok();
            let left = self
                .cluster
                .sql("select count(*) from pg_replication_slots where slot_name = 'millrace'");
            (left == "0").then_some(())
        });
        gone.ok_or("the slot of a killed process stays in use")?;
        for entry in std::fs::read_dir(self.project.state()).map_err(|e| e.to_string())?.flatten() {
            let path = entry.path();
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            removed.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        self.home.forget();
        // The store is empty: the moment to forget history, so that rounds stay short.
        self.cluster.sql(
            "truncate events, pgbench_history;
             delete from orders where id not in (select id from orders order by id limit 15000);
             insert into events (user_id, event_name, value)
                 select i % 997, 'view', i / 16.0 from generate_series(1, 15000) i",
        );
        self.begin()?;
        for _ in 0..dice.within(1, 3) {
            pause(dice, 100, 1500);
            self.kill();
            self.begin()?;
        }
        Ok(())
    }

    /// While we are away somebody else reads our slot, and confirms nothing.
    fn take_slot(&mut self, dice: &mut Dice) -> Result<(), String> {
        self.kill();
        let free =
            "select active_pid is null from pg_replication_slots where slot_name = 'millrace'";
        poll(PATIENCE, || (self.cluster.sql(free) == "t").then_some(()))
            .ok_or("the slot of a killed process stays in use")?;
        let mut other = Command::new(program("pg_recvlogical"))
            .args(["-h", "127.0.0.1", "-p", &self.cluster.port().to_string(), "-U", "postgres"])
            .args(["-d", "postgres", "--slot", "millrace", "--start", "-f", "/dev/null", "-n"])
            .args(["-s", "0", "-F", "0"])
            .args(["-o", "proto_version=1", "-o", "publication_names=millrace"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        pause(dice, 100, 300);
        let begun = self.begin();
        pause(dice, 300, 1500);
        // Killed: at an orderly end it would confirm what it has read.
        let _ = other.kill();
        let _ = other.wait();
        begun
    }

    /// After a failure: what is needed to find out why.
    pub(crate) fn leave_in_place(self) {
        if let Some(up) = &self.up {
            let log = up.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("the last lines of up.log:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        // At rest, so that what is copied fits together.
        drop(self.up);
        let keep = PathBuf::from(format!("{}-kept", self.project.path().display()));
        let copied = Command::new("cp").arg("-a").arg(self.project.path()).arg(&keep).status();
        eprintln!("project directory: {} ({copied:?})", keep.display());
    }
}

fn pause(dice: &mut Dice, low_ms: u64, high_ms: u64) {
    std::thread::sleep(dice.millis(low_ms, high_ms.max(low_ms)));
}
