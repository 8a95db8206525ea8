//! `$VAR`, `${VAR}`, `$__env{VAR}` and `$__file{path}` in the strings of a file, as Grafana replaces them. `$$` is one `$`.
//!
//! What stands between `{{` and `}}` belongs to Go templates, whose variables look the same: there only the forms with braces
//! count, so that `{{ $values.B }}` survives. Annotations and labels are read so everywhere.

use std::path::Path;

/// Where the values come from.
pub struct Surroundings<'a> {
    pub var: &'a dyn Fn(&str) -> Option<String>,
    pub file: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

impl Surroundings<'static> {
    /// The environment and the files of this process.
    pub fn of_process() -> Surroundings<'static> {
        Surroundings {
            var: &|name| std::env::var(name).ok(),
            file: &|path| std::fs::read_to_string(path),
        }
    }
}

/// Which forms count outside of `{{ }}`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    All,
    Braced,
}

/// The text with what the surroundings say; an error names what could not be read, never a value.
pub(crate) fn expand(
    text: &str,
    forms: Forms,
    around: &Surroundings<'_>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_template = false;
    while let Some(at) = rest.find(['$', '{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            in_template = rest.starts_with("{{");
            out.push_str(&rest[..2]);
            rest = &rest[2..];
            continue;
        }
        let bare = forms == Forms::All && !in_template;
        match reference(rest, forms == Forms::All, bare) {
            Some((Reference::Dollar, length)) => {
                out.push('$');
                rest = &rest[length..];
            }
            Some((Reference::Var(name), length)) => {
                out.push_str(&(around.var)(name).unwrap_or_default());
                rest = &rest[length..];
            }
            Some((Reference::File(path), length)) => {
                let read = (around.file)(Path::new(path));
                let read = read.map_err(|error| format!("cannot read {path}: {error}"))?;
                out.push_str(read.trim());
                rest = &rest[length..];
            }
            None => {
                out.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

enum Reference<'a> {
    Dollar,
    Var(&'a str),
    File(&'a str),
}

/// What begins at `$`, and how many bytes it has.
fn reference(text: &str, doubled: bool, bare: bool) -> Option<(Reference<'_>, usize)> {
    let after = text.strip_prefix('$')?;
    if doubled && after.starts_with('$') {
        return Some((Reference::Dollar, 2));
    }
    for (prefix, is_file) in [("__env{", false), ("__file{", true), ("{", false)] {
        if let Some(inner) = after.strip_prefix(prefix) {
            let end = inner.find('}')?;
            let name = &inner[..end];
            let length = 1 + prefix.len() + end + 1;
            if is_file {
                return Some((Reference::File(name), length));
            }
            return is_name(name).then_some((Reference::Var(name), length));
        }
    }
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    (bare && is_name(&after[..end])).then(|| (Reference::Var(&after[..end]), 1 + end))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, forms: Forms) -> String {
        let var = |name: &str| (name == "HOST").then(|| "shop".to_owned());
        let file = |_: &Path| Ok("from a file\n".to_owned());
        expand(text, forms, &Surroundings { var: &var, file: &file }).unwrap()
    }

    #[test]
    fn strings_are_replaced_as_grafana_does() {
        for (text, all, braced) in [
            ("http://$HOST/x", "http://shop/x", "http://$HOST/x"),
            ("http://${HOST}/x", "http://shop/x", "http://shop/x"),
            ("$__env{HOST}", "shop", "shop"),
            ("$__file{/run/secret}", "from a file", "from a file"),
            ("$UNSET-", "-", "$UNSET-"),
            ("cost: 5$$", "cost: 5$", "cost: 5$$"),
            ("5$ more", "5$ more", "5$ more"),
            ("{{ $values.B }} on ${HOST}", "{{ $values.B }} on shop", "{{ $values.B }} on shop"),
            ("{{ $$x }}", "{{ $x }}", "{{ $$x }}"),
            ("{{ ${HOST} }} $HOST", "{{ shop }} shop", "{{ shop }} $HOST"),
            ("${not a name}", "${not a name}", "${not a name}"),
            ("a } b { c $", "a } b { c $", "a } b { c $"),
        ] {
            assert_eq!(expanded(text, Forms::All), all, "{text}");
            assert_eq!(expanded(text, Forms::Braced), braced, "{text}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let file = |_: &Path| Err(std::io::Error::other("gone"));
        let around = Surroundings { var: &|_| None, file: &file };
        let error = expand("$__file{/run/x}", Forms::All, &around).unwrap_err();
        assert_eq!(error, "cannot read /run/x: gone");
    }
}
