//! A request whose body is a form: the statement and its parameters as fields, tables as files. ClickHouse
//! calls those external data; each becomes a temporary table of the request's session before the
//! statement runs.
//!
//! ```text
//! URL   ids_structure=id UInt64 & ids_format=CSV     or ids_types=UInt64: columns _1, _2 …
//! field query            ─▶ the text, behind that of the URL
//! field param_x          ─▶ {x:Type}
//! file  ids              ─▶ CREATE TEMPORARY TABLE ids … ─▶ insert stream, as it arrives
//! ```
//!
//! The first table is the engine's work already: with it the statement has its place among those that run
//! and waits for its turn, both of which it then keeps. It is shown, logged and killed under as much of
//! its text as has come. (One that fails before is not logged, as none whose text could not be read.)
//!
//! The columns come from outside and end up in a statement of ours, which runs before the request's
//! `readonly` holds: so they are read as names and types first ([`structure`]) and then handed to the engine as a literal,
//! never as SQL. What a session has of its own stays: a name that is taken is an error, and only
//! what came with the request is dropped after it.

use super::error::Failure;
use super::lane::Lane;
use super::multipart::{self, Form, Part};
use super::run::{SQL_BYTES_MAX, Stop, Work};
use super::sessions::Kept;
use super::structure;
use super::text::Text;
use std::io::Read;

type Pairs = Vec<(String, String)>;

/// Takes what describes external tables out of a URL's settings. A table has a structure or types, and
/// that is how its format is told from settings such as `date_time_input_format`.
pub(super) fn take_described(settings: &mut Pairs) -> Pairs {
    let names: Vec<String> = settings
        .iter()
        .filter_map(|(key, _)| key.strip_suffix("_structure").or(key.strip_suffix("_types")))
        .map(str::to_owned)
        .collect();
    let is_of_one = |key: &str| {
        let stem = ["_structure", "_types", "_format"].iter().find_map(|end| key.strip_suffix(end));
        stem.is_some_and(|stem| names.iter().any(|name| name == stem))
    };
    let (described, others) =
        std::mem::take(settings).into_iter().partition(|(key, _)| is_of_one(key));
    *settings = others;
    described
}

impl Work {
    /// Reads the form to its end: the statement's text. A lane is opened for the first table.
    pub(super) fn read_form(
        &mut self,
        boundary: &str,
        lane: &mut Option<Lane>,
    ) -> Result<Text, Stop> {
        let upload = std::mem::replace(&mut self.upload, Box::new(std::io::empty()));
        let mut form = Form::new(upload, boundary);
        let mut text = self.request.query.take().unwrap_or_default().into_bytes();
        let mut described = std::mem::take(&mut self.request.external);
        let mut room = self.caller.text_bytes_max(SQL_BYTES_MAX);
        while let Some(part) = form.next().map_err(|error| Failure::of_upload(&error))? {
            if part.is_file {
                let lane = match lane {
                    Some(lane) => lane,
                    None => {
                        let known = Text::whole(text.clone())?;
                        self.take_place(known.shown(), &known.outline().verb, &[])?;
                        self.take_turn()?;
                        let own = self.named()?;
                        let own =
                            own.map_or_else(|| self.fresh().map(Kept::new).map(Lane::of), Ok)?;
                        let lane = lane.insert(own);
                        self.open(lane)?;
                        lane
                    }
                };
                fill(lane, &part, &described, &mut form)?;
                continue;
            }
            let value = form.field(room).map_err(|error| Failure::of_upload(&error))?;
            room -= value.len();
            match (part.name.as_str(), part.name.strip_prefix("param_")) {
                ("query", _) => text.extend(value),
                // Who asks is settled before a form is read.
                ("user" | "password" | "role", _) => {
                    let text = "Invalid authentication: a name and a password come in headers or in \
                                the URL, not in a form";
                    return Err(Failure::new(516, "AUTHENTICATION_FAILED", text).into());
                }
                (_, Some(param)) => {
                    self.request.params.push((param.to_owned(), multipart::text(value)?));
                }
                // Maybe of a table that follows; settings only come in the URL, as at ClickHouse.
                _ => described.push((part.name, multipart::text(value)?)),
            }
        }
        let text = Text::whole(text)?;
        self.check_size(text.shown().len())?;
        Ok(text)
    }
}

fn fill(
    lane: &mut Lane,
    part: &Part,
    described: &Pairs,
    form: &mut Form<impl Read>,
) -> Result<(), Stop> {
    let name = &part.name;
    let of_it = |what: &str| {
        let key = format!("{name}_{what}");
        described.iter().rev().find(|(found, _)| *found == key).map(|(_, value)| value.as_str())
    };
    let columns = match (of_it("structure"), of_it("types")) {
        (Some(columns), _) => structure::columns(columns),
        (None, Some(types)) => structure::types(types).map(number),
        (None, None) => {
            let text = format!(
                "Neither structure nor types have been provided for external table {name}. \
                 Use fields {name}_structure or {name}_types to do so."
            );
            return Err(Failure::bad_argument(text).into());
        }
    };
    let columns = columns.ok_or_else(|| {
        let text = format!(
            "Cannot read the columns of external table {name}: {name}_structure is a list of names \
             and types, {name}_types one of types"
        );
        Failure::bad_argument(text)
    })?;
    let table = store::ddl::ident(name);
    let create = format!(
        "CREATE TEMPORARY TABLE {table} ENGINE = Memory AS SELECT * FROM null({})",
        store::ddl::literal(&columns)
    );
    let session = &mut lane.kept.session;
    session.query_and_keep(&create, "Null", &[])?;
    lane.tables.push(name.clone());
    let format = of_it("format").unwrap_or("TabSeparated");
    let mut body = session.insert_and_keep(&format!("INSERT INTO {table}"), format, &[])?;
    let filled = loop {
        match form.data() {
            Ok(Some(piece)) => {
                if let Err(error) = body.append(piece) {
                    break Err(Stop::from(error));
                }
            }
            Ok(None) => break body.finish_and_keep().map(drop).map_err(Stop::from),
            Err(error) => break Err(Failure::of_upload(&error).into()),
        }
    };
    *session = body.into_session();
    filled
}

/// `UInt64, String` as columns.
fn number(types: Vec<String>) -> String {
    let columns = types.iter().enumerate().map(|(at, ty)| format!("_{} {ty}", at + 1));
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_settings() {
        let pair = |name: &str| (name.to_owned(), "x".to_owned());
        let names = ["date_time_input_format", "ids_structure", "ids_format", "max_threads"];
        let mut settings: Pairs = names.map(pair).into();
        assert_eq!(take_described(&mut settings), [pair("ids_structure"), pair("ids_format")]);
        assert_eq!(settings, [pair("date_time_input_format"), pair("max_threads")]);
        assert_eq!(number(vec!["UInt8".into(), "String".into()]), "_1 UInt8, _2 String");
    }
}
