//! `millrace pause`: nothing is read any more until `millrace resume`, also after a restart.

use super::Answer;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use flow::pause::{Kept, Paused};
use model::{Error, Result};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, config: &Config) -> Result<Answer> {
    let answer = Running::need(&config.store.data_dir)?.post("/api/pause", "")?;
    let json = |error| Error::bug("cannot read JSON").source(error);
    let paused: Paused = serde_json::from_str(&answer).map_err(json)?;
    let slot = config.has_stream().then_some(config.source.slot.as_str());
    talk::say(render(&paused, slot));
    Ok(Answer::Yes)
}

/// `slot`: of the direct stream, where there is one.
fn render(paused: &Paused, slot: Option<&str>) -> String {
    let since = super::time(paused.since);
    let first = match paused.was_paused {
        true => format!("it was paused already, since {since}"),
        false => "paused: what was read is durable, and nothing more is read".to_owned(),
    };
    let kept = match (paused.slot, slot) {
        (Some(kept), Some(slot)) => format!("slot {slot} stays: {}", render_kept(kept)),
        (_, Some(slot)) => format!("how much log the server keeps for slot {slot} is not known"),
        (_, None) => "the topics keep their messages as long as retention.ms lets them".to_owned(),
    };
    format!("{first}\n{kept}\nto go on, also after a restart: millrace resume")
}

fn render_kept(kept: Kept) -> String {
    let retained = talk::bytes(kept.retained_bytes);
    let grows = format!(
        "the server keeps {retained} of its log for it, and all that is written from now on"
    );
    match kept.until_lost_bytes {
        Some(left) => format!(
            "{grows}; by max_slot_wal_keep_size it may give the slot up after {} more, and then tables \
             are copied again",
            talk::bytes(left.max(0) as u64)
        ),
        None => format!(
            "{grows}; max_slot_wal_keep_size sets no limit, so watch its disk: millrace status"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_keeps_is_said() {
        let paused = |was_paused, slot| Paused { since: 1_795_621_319, was_paused, slot };
        let kept = |until_lost_bytes| Some(Kept { retained_bytes: 2048, until_lost_bytes });
        let text = render(&paused(false, kept(None)), Some("s"));
        assert!(text.starts_with("paused: ") && text.contains("2.0 KiB"), "{text}");
        assert!(text.contains("no limit") && text.ends_with("millrace resume"), "{text}");
        let text = render(&paused(true, kept(Some(1 << 30))), Some("s"));
        assert!(text.starts_with("it was paused already, since 2026-11-25T15:41:59Z"), "{text}");
        assert!(text.contains("after 1.0 GiB more"), "{text}");
        assert!(render(&paused(false, None), Some("s")).contains("is not known"));
        assert!(render(&paused(false, None), None).contains("retention.ms"));
    }
}
