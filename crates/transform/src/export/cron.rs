//! For `crontab -e`.

use super::{Place, fields};
use crate::schedule::Schedule;
use model::{Error, Result};

pub fn crontab(schedules: &[Schedule], place: &Place) -> Result<String> {
    let mut text = "# Written by `millrace schedule export --cron`. Whoever runs it reads millrace.toml's variables.\n"
        .to_owned();
    if place.zone != "UTC" {
        text += &format!(
            "# cronie's; where cron knows none, the machine's own zone counts.\nCRON_TZ={}\n",
            place.zone
        );
    }
    for schedule in schedules {
        let command =
            format!("timeout --signal=INT {} {}", schedule.max_runtime, place.command(schedule));
        if command.contains('\n') {
            return Err(Error::definite(format!("cannot export the schedule {}", schedule.name))
                .detail("A line of cron's has no line breaks."));
        }
        // A plain % is a line break there.
        let command = command.replace('%', r"\%");
        text +=
            &format!("\n# {}\n{} {command}\n", schedule.name.replace('\n', " "), fields(schedule)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::schedule;
    use super::*;
    use crate::Pace;

    #[test]
    fn a_line_a_schedule() {
        let place = Place {
            millrace: "/opt/my mill/millrace".into(),
            config: "/srv/50%/millrace.toml".into(),
            zone: "Europe/Berlin".into(),
        };
        let text = crontab(&[schedule(Pace::Every(300), None)], &place).unwrap();
        let line = r"*/5 * * * * timeout --signal=INT 1800 '/opt/my mill/millrace' --config '/srv/50\%/millrace.toml' transform build --select 'tag:fast marts.o'\''neil+'";
        assert_eq!(text.lines().last().unwrap(), line);
        assert!(text.contains("\nCRON_TZ=Europe/Berlin\n"));
    }
}
