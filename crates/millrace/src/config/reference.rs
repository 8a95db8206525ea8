//! What `docs/configuration.md` says, out of the list of keys.

use super::keys::{self, Kind};

pub(super) fn reference() -> String {
    let mut text = String::from(
        "# millrace.toml\n\n\
         <!-- Made from crates/millrace/src/config/keys.rs: MILLRACE_WRITE_DOCS=1 cargo test -p millrace reference -->\n\n\
         `millrace init` writes one with reasons in it; `millrace config check` reads it without connecting. \
         Unknown keys are errors.\n\n\
         In any text of `[source]`, `[store]` (but for `database`), in the addresses and passwords of `[serve]` and in `transform.password`, `${NAME}` is \
         an environment variable and `${file:/path}` the content of a file without its last line break.\n",
    );
    for key in keys::all() {
        let shown =
            key.path.replacen("tables.*", "tables.\"schema.table\"", 1).replace(".*", ".NAME");
        let title = match key.kind {
            Kind::Section => Some(format!("[{shown}]")),
            Kind::Sections => Some(format!("[[{shown}]]")),
            _ => None,
        };
        if let Some(title) = title {
            text += &format!("\n## `{title}`\n\n{}\n", key.doc);
            continue;
        }
        let default = match key.default {
            "" => String::new(),
            required if required.starts_with("required") => format!(", {required}"),
            default if default.contains(' ') => format!(", default: {default}"),
            default => format!(", default `{default}`"),
        };
        text += &format!("\n**`{shown}`** ({}{default})  \n{}\n", key.kind.name(), key.doc);
    }
    text
}
