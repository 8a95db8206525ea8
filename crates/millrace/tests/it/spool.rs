//! A store that is away, and the log that goes to our own disk meanwhile.

use crate::remote::{section, server};
use crate::{project, says};
use clickhouse::Server;
use cluster::{Cluster, NO_ARCHIVE};
use harness::{Dice, Project, Tmpfs, Traffic, Up, shop_config, shop_schema, wait_until};

const HISTORY: &str = "[tables.\"public.told\"]\nmode = \"history\"\n";

fn spool(bytes: u64) -> String {
    format!("[spool]\nmax_bytes = {bytes}\n")
}

/// With a table whose every change is counted by the source itself.
fn counted_schema(rows: u32) -> String {
    shop_schema(rows)
        + "create table told (id bigint primary key, note text);
           alter table told alter note set storage external;
           insert into told select i, repeat('t', 9000) from generate_series(1, 50) i;"
}

/// A source, a store in a process of its own, and a project with a spool of so many bytes.
fn shop(rows: u32, max_bytes: u64) -> (Cluster, Server, Project) {
    let cluster = Cluster::start();
    cluster.sql(&counted_schema(rows));
    let server = server();
    let more = section(server.port()) + &spool(max_bytes) + HISTORY + shop_config();
    let project = project(&cluster, &more);
    (cluster, server, project)
}

/// The store goes, and the log with the `n`th change to the spool.
fn go_away(cluster: &Cluster, server: &mut Server, project: &Project, n: u64) {
    server.go();
    change(cluster, n);
    wait_until("the log goes to the spool", || is_filled(project));
}

/// The same once it runs, and has read a second change to the spool.
fn away(rows: u32, max_bytes: u64) -> (Cluster, Server, Project, Up) {
    let (cluster, mut server, project) = shop(rows, max_bytes);
    let mut up = project.up();
    up.wait_ready();
    change(&cluster, 1);
    go_away(&cluster, &mut server, &project, 2);
    (cluster, server, project, up)
}

fn assert_drained(cluster: &Cluster, server: &Server, project: &Project, rounds: u64) {
    wait_until_drained(project);
    project.verify();
    assert_exact(cluster, server, rounds);
}

fn is_filled(project: &Project) -> bool {
    project.status()["spool"]["is_filled"] == true
}

fn is_empty(project: &Project) -> bool {
    project.status()["spool"]["since"].is_null()
}

/// Postgres may forget everything that was committed before this was asked.
fn wait_until_confirmed(cluster: &Cluster) {
    let end = cluster.sql("select pg_current_wal_lsn()");
    let moved = format!(
        "select confirmed_flush_lsn >= '{end}' from pg_replication_slots where slot_name = 'millrace'"
    );
    wait_until("the slot moves on", || cluster.sql(&moved) == "t");
}

fn wait_until_drained(project: &Project) {
    if harness::poll(std::time::Duration::from_secs(120), || is_empty(project).then_some(()))
        .is_none()
    {
        let log = std::fs::read_to_string(project.path().join("up.log")).unwrap();
        panic!("the spool is not emptied: {}\n{log}", project.status());
    }
}

/// Facts once each, and every change: `rounds` of them, each as many as the first, which came straight.
fn assert_exact(cluster: &Cluster, server: &Server, rounds: u64) {
    let door = server.door();
    assert_eq!(door.query("SELECT count() - uniqExact(event_id) FROM public.events"), "0");
    let count = cluster.sql("select count(*) from events");
    assert_eq!(door.query("SELECT count() FROM public.events"), count);
    let of_round = "SELECT n, count(), sum(cityHash64(_op, id % 1000, note)) FROM
        (SELECT intDiv(id, 1000) AS n, * FROM public.told) WHERE n > 0 GROUP BY n ORDER BY n";
    let told = door.query(of_round);
    let lines: Vec<&str> = told.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(lines.len() as u64, rounds, "{told}");
    assert!(lines.iter().all(|line| *line == lines[0]), "{told}");
}

/// Everything that is hard; of `told` the same in each round.
fn change(cluster: &Cluster, n: u64) {
    cluster.sql(&format!(
        "insert into told select {n} * 1000 + i, repeat('n', 9000) from generate_series(1, 50) i;
         update told set id = id + 500 where id between {n} * 1000 + 1 and {n} * 1000 + 5;
         update told set note = 'short' where id between {n} * 1000 + 6 and {n} * 1000 + 35;
         delete from told where id between {n} * 1000 + 36 and {n} * 1000 + 50;
         update documents set revision = revision + 1 where id % 7 = {n} % 7;
         begin; truncate scratch; insert into scratch select i, 'after', true, 1 from generate_series(1, 40) i; commit;
         begin; insert into events (user_id, event_name) select i, 'bulk' from generate_series(1, 5000) i;
         insert into order_items select 2000000 + {n}, i, 'bulk', i, 1 from generate_series(1, 5000) i; commit"
    ));
}

/// A TRUNCATE at the source is a mutation at the server, which is in the middle of it when it goes.
#[test]
fn rows_that_are_being_deleted_keep_nothing_from_the_spool() {
    let (cluster, mut server, project) = shop(1_000, 1 << 30);
    let mut up = project.up();
    up.wait_ready();
    change(&cluster, 1);
    project.verify();
    server.door().query("SYSTEM STOP MERGES");
    cluster.sql("truncate scratch");
    let left = "SELECT count() FROM system.mutations WHERE NOT is_done AND table LIKE 'scratch%'";
    wait_until("the rows are being deleted", || server.door().query(left) == "1");
    go_away(&cluster, &mut server, &project, 2);
    wait_until_confirmed(&cluster);
    server.come();
    assert_drained(&cluster, &server, &project, 2);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn the_log_goes_to_our_disk_while_the_store_is_away() {
    let (cluster, mut server, project) = shop(5_000, 1 << 30);
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let mut up = project.up();
    up.wait_ready();
    change(&cluster, 1);
    let traffic = Traffic::start(&cluster.url(), seed);
    assert!(is_empty(&project) && !is_filled(&project));
    go_away(&cluster, &mut server, &project, 2);
    wait_until_confirmed(&cluster);
    cluster.sql("alter table told add column more int default 7; alter table documents add column more text");
    change(&cluster, 3);
    cluster.sql("update documents set more = 'm' || id where id % 3 = 0");
    wait_until_confirmed(&cluster);
    let status = project.run(&["status"]).talk();
    assert!(status.contains("filled while the store is away"), "{status}");
    assert!(project.status()["spool"]["bytes"].as_u64() > Some(10_000), "{status}");
    server.come();
    wait_until_drained(&project);
    assert!(traffic.committed() > 50, "{:?}", traffic.last_refusal());
    traffic.paused(|| {
        project.verify();
        assert_exact(&cluster, &server, 3);
    });
    // The straight way again, and away once more.
    server.go();
    change(&cluster, 4);
    wait_until("the log goes to the spool again", || is_filled(&project));
    wait_until_confirmed(&cluster);
    server.come();
    wait_until_drained(&project);
    traffic.paused(|| {
        project.verify();
        assert_exact(&cluster, &server, 4);
    });
    drop(traffic);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn nothing_is_lost_or_double_whoever_is_killed_while_the_spool_is_used() {
    let (cluster, mut server, project) = shop(2_000, 1 << 30);
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let mut up = project.up();
    up.wait_ready();
    change(&cluster, 1);
    let traffic = Traffic::start(&cluster.url(), seed);
    for round in 2..5 {
        server.go();
        std::thread::sleep(dice.millis(0, 6_000));
        // Once before anything is spooled, once while it is: the next one starts without a store.
        up.kill();
        up = project.up();
        change(&cluster, round);
        wait_until("it starts from the spool", || is_filled(&project));
        std::thread::sleep(dice.millis(0, 1_500));
        up.kill();
        up = project.up();
        wait_until("it goes on with the spool", || is_filled(&project));
        wait_until_confirmed(&cluster);
        server.come();
        // While it is drained, too; and between the last of it and its removal.
        for _ in 0..dice.within(1, 3) {
            std::thread::sleep(dice.millis(0, 2_500));
            up.kill();
            up = project.up();
        }
        if dice.below(2) == 0 {
            wait_until_drained(&project);
        }
    }
    wait_until_drained(&project);
    up.wait_ready();
    assert!(traffic.committed() > 50, "{:?}", traffic.last_refusal());
    traffic.paused(|| {
        project.verify();
        assert_exact(&cluster, &server, 4);
    });
    drop(traffic);
    assert_eq!(up.stop(), Some(0));
}

/// The limit is met in the middle of a transaction that is larger than it.
#[test]
fn at_its_limit_the_spool_takes_nothing_more_and_postgres_keeps_the_rest() {
    let (cluster, mut server, project, mut up) = away(100, 2 << 20);
    // Nothing that packs well.
    cluster.sql(
        "insert into documents select 10000 + i, 1, 'large', string_agg(md5((i * 1000 + j)::text), '')
           from generate_series(1, 300) i, generate_series(1, 400) j group by i",
    );
    change(&cluster, 3);
    wait_until("the spool is full", || project.status()["spool"]["is_full"] == true);
    let status = project.run(&["status"]).talk();
    assert!(status.contains("FULL, Postgres keeps the log"), "{status}");
    assert!(project.status()["spool"]["bytes"].as_u64() <= Some(2 << 20), "{status}");
    let active = "select active from pg_replication_slots where slot_name = 'millrace'";
    assert_eq!(cluster.sql(active), "t");
    up.kill();
    up = project.up();
    wait_until("it is full again", || {
        is_filled(&project) && project.status()["spool"]["is_full"] == true
    });
    server.come();
    assert_drained(&cluster, &server, &project, 3);
    assert_eq!(project.status()["spool"]["is_full"], false);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_full_disk_is_a_limit() {
    let (cluster, mut server, project) = shop(100, 1 << 30);
    let disk = match Tmpfs::mount(&project.state().join("spool"), 8) {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!("SKIPPED: the spool's disk cannot be made small here: {why}");
            assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a tmpfs: {why}");
            return;
        }
    };
    let mut up = project.up();
    up.wait_ready();
    change(&cluster, 1);
    go_away(&cluster, &mut server, &project, 2);
    wait_until_confirmed(&cluster);
    disk.fill();
    change(&cluster, 3);
    wait_until("status says that there is no room", || {
        project.run(&["status"]).talk().contains("NO ROOM, Postgres keeps the log")
    });
    up.kill();
    up = project.up();
    change(&cluster, 4);
    wait_until("it is so still", || {
        project.run(&["status"]).talk().contains("NO ROOM, Postgres keeps the log")
    });
    server.come();
    assert_drained(&cluster, &server, &project, 4);
    assert_eq!(up.stop(), Some(0));
    drop(disk);
}

#[test]
fn a_spool_that_cannot_be_trusted_is_refused_with_what_helps() {
    let (cluster, mut server, project, up) = away(100, 1 << 30);
    wait_until_confirmed(&cluster);
    up.kill();
    server.come();
    let folder = project.state().join("spool");
    let refused = |name: &str, change: &dyn Fn(&mut Vec<u8>), words: &[&str]| {
        let (path, before) = (folder.join(name), std::fs::read(folder.join(name)).unwrap());
        let mut bytes = before.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        says(&project.up_ends(), 2, words);
        std::fs::write(&path, before).unwrap();
    };
    let segment = "000000000001.seg";
    refused(segment, &|bytes| bytes[7] = 9, &["format 9", "let the version that wrote it"]);
    let damaged = ["damaged", "rm -r", "copies every table again"];
    refused(segment, &|bytes| bytes[20] ^= 1, &damaged);
    refused(segment, &|bytes| bytes[500] ^= 1, &damaged);
    let other = |bytes: &mut Vec<u8>| bytes.splice(8..9, *b"x").for_each(drop);
    refused("spool.toml", &other, &["another pipeline's", "slot xillrace"]);
    // As it was, it is good.
    let up = project.up();
    assert_drained(&cluster, &server, &project, 2);
    assert_eq!(up.stop(), Some(0));
}

/// What is given up is copied again, and only then.
#[test]
fn a_spool_that_is_taken_away_is_missed() {
    let (cluster, mut server, project) = shop(100, 1 << 30);
    let mut up = project.up();
    up.wait_ready();
    go_away(&cluster, &mut server, &project, 1);
    wait_until_confirmed(&cluster);
    up.kill();
    std::fs::remove_dir_all(project.state().join("spool")).unwrap();
    server.come();
    up = project.up();
    wait_until("it is said", || up.log().contains("what was missed is copied"));
    up.wait_ready();
    project.verify();
    assert_eq!(up.stop(), Some(0));
}

/// Rows of one COPY share positions: they come once each wherever a segment ends between them.
#[test]
fn a_copy_that_is_larger_than_a_segment_comes_whole() {
    // Segments of 512 KiB.
    let (cluster, mut server, project, up) = away(100, 8 << 20);
    wait_until_confirmed(&cluster);
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let mut rows = |count: u64, prefix: &str| -> String {
        let row = |n| format!("{prefix}{n}\t{:016x}{:016x}\n", dice.draw(), dice.draw());
        (0..count).map(row).collect()
    };
    let (events, told) = (rows(20_000, ""), rows(20_000, "9"));
    cluster.sql(&format!("copy events (user_id, event_name) from stdin;\n{events}\\.\n"));
    cluster.sql(&format!("copy told from stdin;\n{told}\\.\n"));
    wait_until_confirmed(&cluster);
    let segments = std::fs::read_dir(project.state().join("spool")).unwrap().count();
    assert!(segments > 3, "{segments}");
    server.come();
    wait_until_drained(&project);
    project.verify();
    let door = server.door();
    let count = cluster.sql("select count(*) from events");
    assert_eq!(door.query("SELECT count() FROM public.events"), count);
    let copied = "SELECT count(), uniqExact(id) FROM public.told WHERE length(note) = 32";
    assert_eq!(door.query(copied), "20000\t20000");
    assert_eq!(up.stop(), Some(0));
}

/// What it passed over is neither in the spool nor in the store.
#[test]
fn a_slot_that_somebody_else_moved_meanwhile_is_missed() {
    let (cluster, mut server, project, mut up) = away(100, 1 << 30);
    wait_until_confirmed(&cluster);
    cluster.sql(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'millrace';
         do $$ begin while exists (select from pg_replication_slots where active) loop
           perform pg_sleep(0.01); end loop; end $$;
         insert into order_items select 3000000, i, 'missed', i, 1 from generate_series(1, 10) i;
         select pg_replication_slot_advance('millrace', pg_current_wal_lsn())",
    );
    // The keeper looks at the slot again.
    wait_until("it is told of", || up.log().contains("could not read into the spool"));
    change(&cluster, 3);
    std::thread::sleep(std::time::Duration::from_secs(5));
    server.come();
    wait_until("it is missed", || up.log().contains("what was missed is copied"));
    up.wait_ready();
    project.verify();
    assert_eq!(up.stop(), Some(0));
}

/// Rows alone fill what lies between reader and loop: no barrier keeps it empty.
#[test]
fn rows_alone_go_to_the_spool() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id serial primary key, note text); insert into t values (0, 'first')",
    );
    let mut server = server();
    let project = project(&cluster, &(section(server.port()) + &spool(1 << 30)));
    let mut up = project.up();
    up.wait_ready();
    project.verify();
    server.go();
    wait_until("the log goes to the spool", || {
        cluster.sql("insert into t (note) select 'row ' || i from generate_series(1, 10) i");
        is_filled(&project)
    });
    wait_until_confirmed(&cluster);
    cluster.sql("insert into t (note) select 'spooled ' || i from generate_series(1, 1000) i");
    wait_until_confirmed(&cluster);
    server.come();
    wait_until_drained(&project);
    project.verify();
    let count = cluster.sql("select count(*) from t");
    assert_eq!(server.door().query("SELECT count() FROM public.t"), count);
    assert_eq!(up.stop(), Some(0));
}

/// The store is well: it is read all the same.
#[test]
fn a_spool_that_cannot_be_written_ends_nothing() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let server = server();
    let project = project(&cluster, &(section(server.port()) + &spool(1 << 30)));
    // Where its note would be written.
    let in_the_way = project.state().join("spool/spool.new");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let mut up = project.up();
    up.wait_ready();
    assert!(up.log().contains("reading without a spool"), "{}", up.log());
    cluster.sql("insert into t values (2)");
    project.verify();
    assert_eq!(up.stop(), Some(0));
    std::fs::remove_dir(&in_the_way).unwrap();
    up = project.up();
    up.wait_ready();
    project.verify();
    std::fs::create_dir(&in_the_way).unwrap();
    says(&project.run(&["pause"]), 0, &[]);
    cluster.sql("insert into t values (3)");
    says(&project.run(&["resume"]), 0, &[]);
    up.wait_ready();
    project.verify();
    assert_eq!(up.stop(), Some(0));
}

/// The disk may be full of what is in the way of the note.
#[test]
fn what_is_spooled_is_read_though_the_note_cannot_be_written() {
    let (cluster, mut server, project, mut up) = away(100, 1 << 30);
    wait_until_confirmed(&cluster);
    up.kill();
    // As after a pause.
    let folder = project.state().join("spool");
    std::fs::rename(folder.join("spool.toml"), folder.join("paused.toml")).unwrap();
    let in_the_way = folder.join("spool.new");
    std::fs::create_dir(&in_the_way).unwrap();
    server.come();
    up = project.up();
    up.wait_ready();
    assert_drained(&cluster, &server, &project, 2);
    std::fs::remove_dir(&in_the_way).unwrap();
    wait_until("the note is written", || {
        folder.join("spool.toml").exists() && !folder.join("paused.toml").exists()
    });
    assert_eq!(up.stop(), Some(0));
}

/// Nothing is read while it is paused, whoever is away.
#[test]
fn a_pause_holds_over_a_start_without_a_store() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let mut server = server();
    let project = project(&cluster, &(section(server.port()) + &spool(1 << 30)));
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["pause"]), 0, &[]);
    up.kill();
    server.go();
    up = project.up();
    wait_until("the store is missed", || up.log().contains("could not reach ClickHouse"));
    // Longer than it takes to see that the store is away.
    std::thread::sleep(std::time::Duration::from_secs(8));
    assert!(!is_filled(&project));
    server.come();
    wait_until("it is paused", || !project.status()["paused_since"].is_null());
    // The same where only the store knows of the pause.
    up.kill();
    server.go();
    let folder = project.state().join("spool");
    std::fs::rename(folder.join("paused.toml"), folder.join("spool.toml")).unwrap();
    up = project.up();
    wait_until("the log goes to the spool", || is_filled(&project));
    server.come();
    wait_until("nothing is read", || {
        !project.status()["paused_since"].is_null() && !is_filled(&project)
    });
    // Longer than it takes to see that nobody reads the slot.
    std::thread::sleep(std::time::Duration::from_secs(8));
    assert!(!is_filled(&project));
    cluster.sql("insert into t values (2)");
    says(&project.run(&["resume"]), 0, &[]);
    up.wait_ready();
    project.verify();
    assert_eq!(up.stop(), Some(0));
}

/// A standby that has everything takes over while the store is away. Its own log waits for the store.
#[test]
fn a_promoted_source_is_read_on_behind_the_spool() {
    promoted(false);
}

/// The same of one that lacks the end of what is spooled: that never was.
#[test]
fn what_a_promoted_source_lacks_is_given_up() {
    promoted(true);
}

fn promoted(lacks_the_end: bool) {
    let cluster = Cluster::start_with(&[NO_ARCHIVE]);
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let mut server = server();
    let project = project(&cluster, &(section(server.port()) + &spool(1 << 30)));
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into t values (2)");
    project.verify();
    server.go();
    cluster.sql("insert into t values (3)");
    wait_until("the log goes to the spool", || is_filled(&project));
    wait_until_confirmed(&cluster);
    if lacks_the_end {
        cluster.stop("fast");
        cluster.back_up();
        cluster.resume();
        cluster.sql("insert into t values (4); update t set id = 20 where id = 2");
        wait_until_confirmed(&cluster);
    }
    cluster.stop("fast");
    if lacks_the_end {
        cluster.set_back();
    }
    cluster.promote();
    cluster.sql("insert into t values (5)");
    server.come();
    wait_until_drained(&project);
    up.wait_ready();
    project.verify();
    let ids =
        server.door().query("SELECT groupArray(id) FROM (SELECT id FROM public.t ORDER BY id)");
    assert_eq!(ids, "[1,2,3,5]");
    assert_eq!(
        up.log().contains("what the spool holds is given up"),
        lacks_the_end,
        "{}",
        up.log()
    );
    assert_eq!(up.stop(), Some(0));
}
