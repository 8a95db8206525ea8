//! A cluster as the store, of real ClickHouse servers: what a store promises, and of what the pipeline does with
//! one engine (`../it`) all that is said otherwise to a cluster.

mod home;
#[path = "../it/passing.rs"]
mod passing;
mod shards;
#[path = "../it/support.rs"]
mod support;

#[path = "../it/copy.rs"]
mod copy;
#[path = "../it/dice.rs"]
mod dice;
#[path = "../it/histories.rs"]
mod histories;
#[path = "../it/latest.rs"]
mod latest;
#[path = "../it/modes.rs"]
mod modes;
#[path = "../it/nulls.rs"]
mod nulls;
#[path = "../it/quarantine.rs"]
mod quarantine;
#[path = "../it/renamed.rs"]
mod renamed;
#[path = "../it/schema.rs"]
mod schema;
#[path = "../it/shapes.rs"]
mod shapes;
#[path = "../it/toast.rs"]
mod toast;

/// Asks nothing unless it is the process of one of the servers.
#[test]
fn is_a_server() {
    clickhouse::serve();
}

/// As of any home.
mod promises {
    contract::tests!(super::of_contract);
}

fn of_contract() -> contract::Home {
    contract::Home::new(home::home())
}
