//! `millrace ddl`: every statement that would make the store as it is wanted, and none of them run. For
//! those who create things themselves, and for a look before the first `up`.

use super::{Answer, check};
use crate::assemble::block_on;
use crate::config::Config;
use crate::talk;
use model::words::counted;
use model::{Mode, Result, Table};
use store::{Layout, Target};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, config: &Config) -> Result<Answer> {
    let address = config.address()?;
    let (preflight, targets) = block_on(check::look_at_source(config, &address))?;
    let (layout, claims) = match config.store.remote {
        None => (Layout::EMBEDDED, None),
        Some(_) => {
            let layout = Layout::of(config.store.cluster.as_deref());
            let claims = layout.claims();
            (layout, Some(claims))
        }
    };
    talk::print(&text(&targets, &layout, claims))?;
    let name = |target: &Target| target.table.name.clone();
    let has_place = |table: &&Table| targets.iter().any(|target| name(target) == table.name);
    let (placed, others): (Vec<&Table>, Vec<&Table>) = preflight.tables.iter().partition(has_place);
    talk::say(format!(
        "{} published; millrace check tells what is wrong with others",
        counted(placed.len() as u64, "table")
    ));
    Ok(if others.is_empty() { Answer::Yes } else { Answer::No })
}

fn text(targets: &[Target], layout: &Layout, claims: Option<String>) -> String {
    let of_target = |target: &Target| {
        let view = || layout.view(&target.name, &target.visible(), &target.rows);
        let mut statements = layout.create(target);
        statements.extend(layout.spread(target));
        statements.extend((target.mode == Mode::Mirror).then(view));
        statements
    };
    let mut once: Vec<String> = Vec::new();
    let own = layout.system().into_iter().chain(claims);
    for statement in own.chain(targets.iter().flat_map(of_target)) {
        // Targets share databases.
        if !once.contains(&statement) {
            once.push(statement);
        }
    }
    once.into_iter().map(|statement| statement + ";\n\n").collect()
}
