//! For `crontab -e`.

use super::{Place, fields, not_kept, quoted};
use crate::schedule::Schedule;
use model::{Error, Result};

const HEAD: &str = "\
# Written by `millrace schedule export --cron`. Whoever runs it reads millrace.toml's variables.
# A run that still goes on when its time comes again skips that time. Schedules run one after the other; who waits spends max_runtime.
# Not kept of any: what was missed is not made up for; it runs while the pipeline does not read Postgres, too; what failed is not
# tried again, so neither are its failed nodes alone.
";

pub fn crontab(schedules: &[Schedule], place: &Place) -> Result<String> {
    let mut text = HEAD.to_owned();
    if place.zone != "UTC" {
        text += &format!(
            "# cronie's; where cron knows none, the machine's own zone counts.\nCRON_TZ={}\n",
            place.zone
        );
    }
    let locks = format!("{}/transform", place.data_dir);
    for schedule in schedules {
        let lock = quoted(&format!("{locks}/cron-{}.lock", schedule.plain_name()));
        let command =
            format!("mkdir -p {} && flock -n {lock} {}", quoted(&locks), place.command(schedule));
        if command.contains('\n') {
            return Err(Error::definite(format!("cannot export the schedule {}", schedule.name))
                .detail("A line of cron's has no line breaks.")
                .hint("take the line breaks out of its select, and of the paths of the project"));
        }
        // A plain % is a line break there.
        let command = command.replace('%', r"\%");
        text += &format!(
            "\n# {}\n{}{} {command}\n",
            schedule.name.replace('\n', " "),
            not_kept(schedule, ""),
            fields(schedule)?
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::schedule;
    use super::*;
    use crate::Pace;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    fn last_line(millrace: &str, data_dir: &str, max_runtime: i64) -> String {
        let place = Place {
            millrace: millrace.into(),
            config: "/srv/50%/millrace.toml".into(),
            data_dir: data_dir.into(),
            zone: "Europe/Berlin".into(),
        };
        let schedule = Schedule { max_runtime, ..schedule(Pace::Every(300), None) };
        let text = crontab(&[schedule], &place).unwrap();
        assert!(text.contains("\nCRON_TZ=Europe/Berlin\n"));
        text.lines().last().unwrap().to_owned()
    }

    #[test]
    fn a_line_a_schedule() {
        let line = r"*/5 * * * * mkdir -p '/srv/50\%/.millrace/transform' && flock -n '/srv/50\%/.millrace/transform/cron-it-s-tag-fast-NAME.lock' timeout --foreground --signal=INT -k 15s 1800 '/opt/my mill/millrace' --config '/srv/50\%/millrace.toml' transform build --select 'tag:fast marts.o'\''neil+'";
        let name = schedule(Pace::Every(300), None).plain_name();
        let line = line.replace("it-s-tag-fast-NAME", &name);
        assert_eq!(last_line("/opt/my mill/millrace", "/srv/50%/.millrace", 1_800), line);
    }

    /// In place of millrace: says that it began, and each time that it is told to stop, which it does not.
    const STUBBORN: &str = "#!/usr/bin/env python3
import os, signal, sys, time
say = lambda word: open(sys.argv[0] + '.said', 'a').write(word + '\\n')
signal.signal(signal.SIGINT, lambda *_: say('told'))
say('began')
while not os.path.exists(sys.argv[0] + '.end'):
    time.sleep(0.05)
";

    fn cron_runs(line: &str) -> Child {
        let command = line.splitn(6, ' ').last().unwrap().replace(r"\%", "%");
        Command::new("sh").args(["-c", &command]).spawn().unwrap()
    }

    fn said(stub: &Path) -> String {
        std::fs::read_to_string(stub.with_extension("said")).unwrap_or_default()
    }

    fn wait_for(what: impl Fn() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_run_that_goes_on_is_alone_and_told_once_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let stub = folder.path().join("millrace");
        std::fs::write(&stub, STUBBORN).unwrap();
        std::fs::set_permissions(&stub, PermissionsExt::from_mode(0o755)).unwrap();
        let data_dir = folder.path().join("new/%");
        let line = last_line(stub.to_str().unwrap(), data_dir.to_str().unwrap(), 3);
        let mut first = cron_runs(&line);
        wait_for(|| said(&stub).contains("began"));
        assert!(!cron_runs(&line).wait().unwrap().success());
        wait_for(|| said(&stub).contains("told"));
        std::thread::sleep(Duration::from_millis(200));
        std::fs::write(stub.with_extension("end"), "").unwrap();
        first.wait().unwrap();
        assert_eq!(said(&stub), "began\ntold\n");
    }
}
